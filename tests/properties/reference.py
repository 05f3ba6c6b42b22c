"""The rules of docs/semantics.md once more, as naively as can be: dicts, fractions and words. No line of the engine.

First its arithmetic (S20-S26, in fractions), then the levels of a position and what hits them (S9, S11, S12, S14, S27).
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple

BOUND = 2**62  # D1


class Broken(Exception):
    """An amount of money would pass the bound of D1; the argument is the place of the symbol."""


def worth(one: dict[str, Any]) -> int:
    """What a symbol's position is worth at its last close."""
    return one["close"] * one["held"]["quantity"] * int(one["market"].k) if one["held"] else 0


def share_down(amount: int, ppm: int) -> int:
    """So many millionths of an amount, rounded down."""
    return floor(Fraction(amount * ppm, 1_000_000))


def share_up(amount: int, ppm: int) -> int:
    """So many millionths of an amount, rounded up."""
    return ceil(Fraction(amount * ppm, 1_000_000))


def confidence(rules: Any, strength: float) -> int:
    """S23, in parts per million."""
    threshold, cap = rules.confidence_threshold_ppm / 1e6, int(rules.confidence_cap_ppm)
    return min(cap, int(strength / threshold * 1_000_000)) if threshold else cap


def affordable(rules: Any, market: Any, budget: int, price: int) -> int:
    """S23: the quantity that a budget buys with the fee inside."""
    notional = floor(Fraction(budget * 1_000_000, 1_000_000 + rules.commission_ppm))
    return notional // (price * int(market.k)) // int(market.lot) * int(market.lot)


def lost_at(rules: Any, market: Any, price: int, stop: int, quantity: int) -> int:
    """S31: what a sale at the stop loses, with both fees."""
    bought, sold = (level * quantity * int(market.k) for level in (price, stop))
    return bought - sold + share_up(bought, rules.commission_ppm) + share_up(sold, rules.commission_ppm)


def bearable(rules: Any, market: Any, price: int, loss: int, given: "Given") -> int:
    """S31: the most that loses no more than that; fees are rounded up, so it is a few lots below the quotient."""
    stop = stop_in_force(levels_at(rules, market.tick, price, given))[0] or 0
    rate = Fraction(rules.commission_ppm, 1_000_000)
    lot_loss = (price - stop + rate * (price + stop)) * int(market.k) * int(market.lot)
    lots = floor(loss / lot_loss)
    while lots > 0 and lost_at(rules, market, price, stop, lots * int(market.lot)) > loss:
        lots -= 1
    return lots * int(market.lot)


def sized(
    rules: Any, market: Any, budget: int, price: int, traded: int, loss: int | None, given: "Given"
) -> tuple[int, int]:
    """S23, S31: what a budget buys and a loss allows at an open, and the price after that quantity's slippage."""

    def most(at: int) -> int:
        bought = affordable(rules, market, budget, at)
        return bought if loss is None else min(bought, bearable(rules, market, at, loss, given))

    first = most(price)
    paid = slipped(rules, market, price, first or market.lot, traded, side=1)
    return min(first, most(paid)), paid


def slipped(rules: Any, market: Any, reference: int, quantity: int, traded: int, *, side: int) -> int:
    """S25: the price of a market order; side 1 buys, -1 sells. traded: the last volume above 0, 0 for none."""
    share = rules.max_slippage_ppm
    ours, theirs = (min(BOUND, amount) for amount in (quantity * market.quantity_up, traded * market.volume_up))
    if theirs > 0 and ours < theirs:
        power = next(10**n for n in range(20) if theirs // 10**n < 2**31)
        impact = Fraction(rules.impact_ppm * ceil(Fraction(ours, power)), theirs // power)
        share = min(share, rules.base_slippage_ppm + ceil(impact))
    price = Fraction(reference + side * share_up(reference, share), market.tick)
    return max(1, ceil(price) if side > 0 else floor(price)) * int(market.tick)  # S25a


def crossover(closes: Sequence[int], parameters: Any) -> list[int]:
    """S20-S22 by definition: the signal of each row, 0 before the warm-up."""
    fast, slow, entry_ppm, exit_ppm, confirm = parameters

    def average(periods: int, k: int) -> Fraction:
        return Fraction(sum(closes[k + 1 - periods : k + 1]), periods)

    def lead(k: int) -> Fraction:
        return average(fast, k) - average(slow, k)

    def strong(k: int, ppm: int) -> bool:
        unit = int(fast * slow)  # makes integers of both averages
        return abs(lead(k)) * unit >= share_up(int(average(slow, k) * unit), ppm)

    def golden(k: int) -> bool:
        return k >= slow and lead(k) > 0 >= lead(k - 1)

    def enters(k: int) -> bool:
        crosses = [j for j in range(max(slow, k - confirm), k + 1) if golden(j)]
        since = range(crosses[-1], k + 1) if crosses else range(0)
        return bool(since) and all(lead(j) > 0 for j in since) and [j for j in since if strong(j, entry_ppm)] == [k]

    def leaves(k: int) -> bool:
        return k >= slow - 1 and lead(k) < 0 and strong(k, exit_ppm)

    def signal(k: int) -> int:
        return 1 if enters(k) else -1 if leaves(k) and not leaves(k - 1) else 0

    return [signal(k) if k >= slow + confirm else 0 for k in range(len(closes))]


Held = dict[str, Any]


class Hit(NamedTuple):
    """Which exit, at what price, and the other level where the candle spans both."""

    reason: str
    price: int
    other: int


Given = Sequence[int]  # distances of stop, target and trail, -1 where not known
NOT_GIVEN = (-1, -1, -1)


def levels_at(rules: Any, tick: int, price: int, given: Given) -> Held:
    """S27: the levels of a position filled at a price, None where there is none; the trail may be armed at once."""
    levels: Held = {
        "stop": below(price, rules.stop_loss_ppm, tick) if rules.stop_loss_ppm else None,
        "target": above(price, rules.take_profit_ppm, tick) if rules.take_profit_ppm else None,
        **({"stop": under(price, given[0], tick)} if rules.stop_distance else {}),  # S30
        **({"target": over(price, given[1], tick)} if rules.target_distance else {}),
        "trail": None,
        "armed_at": price + share_up(price, rules.trailing_activation_ppm),
        "highest": price,
        "even": None,
        "filled_at": price,
    }
    raise_trail(rules, tick, levels, price, given[2])
    return levels


def raise_trail(rules: Any, tick: int, held: Held, high: int, distance: int) -> None:
    """S14, S27, S43: trail and break-even follow the highest price, and never fall."""
    held["highest"] = max(held["highest"], high)
    armed = held["highest"] >= held["armed_at"]
    if rules.trail_distance and armed and distance >= 0:
        held["trail"] = max(held["trail"] or 0, under(held["highest"], distance, tick))
    if rules.trailing_stop_ppm and not rules.trail_distance and armed:
        held["trail"] = max(held["trail"] or 0, below(held["highest"], rules.trailing_stop_ppm, tick))
    entry, after = held["filled_at"], rules.break_even_after_ppm
    if after and held["highest"] - entry >= share_up(entry, after):
        held["even"] = ceil(Fraction(entry + share_up(entry, rules.break_even_offset_ppm), tick)) * tick


def at_open(rules: Any, held: Held, price: int) -> Hit | None:
    """S9; where a touch fills a target, an open at the target is one."""
    stop, name = stop_in_force(held)
    if stop is not None and price <= stop:
        return Hit(name, price, 0)
    if is_filled(rules, held, price):
        return Hit("take_profit", price if rules.target_improvement else held["target"], 0)
    return None


def inside(rules: Any, held: Held, *, high: int, low: int) -> Hit | None:
    """S11, S12."""
    stop, name = stop_in_force(held)
    stopped, filled = stop is not None and low <= stop, is_filled(rules, held, high)
    if filled and (rules.optimistic or not stopped):
        return Hit("take_profit", held["target"], stop if stop is not None and stopped else 0)
    return Hit(name, stop, held["target"] if filled else 0) if stop is not None and stopped else None


def is_filled(rules: Any, held: Held, high: int) -> bool:
    """S11: a target is passed, or touched."""
    return held["target"] is not None and (high > held["target"] or (rules.touch == 1 and high == held["target"]))


def stop_in_force(held: Held) -> tuple[int | None, str]:
    """The highest of stop, break-even and trail (S27, S44); where they are equal, the first of these."""
    names = (("stop", "stop_loss"), ("even", "break_even"), ("trail", "trailing_stop"))
    levels = [(held[name], word) for name, word in names]
    return max((pair for pair in levels if pair[0] is not None), key=lambda pair: pair[0], default=(None, ""))


def below(price: int, ppm: int, tick: int) -> int:
    """A stop or a trail (S27)."""
    return under(price, share_down(price, ppm), tick)


def above(price: int, ppm: int, tick: int) -> int:
    """A target (S27)."""
    return over(price, share_up(price, ppm), tick)


def under(price: int, distance: int, tick: int) -> int:
    """A level so far below: rounded up to the tick, at least one tick away; 0 where that is below 0."""
    return max(0, min(ceil(Fraction(price - distance, tick)), (price - tick) // tick) * tick)


def over(price: int, distance: int, tick: int) -> int:
    """A level so far above: rounded up to the tick, at least one tick away."""
    return max(ceil(Fraction(price + distance, tick)), ceil(Fraction(price + tick, tick))) * tick


DAY_MS = 86_400_000

AT_THE_OPEN = (
    "max_daily_trades", "max_exposure", "insufficient_cash", "below_lot", "no_level", "below_min_notional"
)  # fmt: skip
Symbol = dict[str, Any]
Timeline = Sequence[tuple[int, Mapping[int, Any]]]
Happening = dict[str, Any]


class Reference:
    """One run. `story` is what happened, in words; `equity` the mark of each timestamp folded."""

    def __init__(
        self, rules: Any, markets: Sequence[Any], balance: int, target_steps: Sequence[tuple[int, int]] = ()
    ) -> None:
        self.rules = rules
        self.target_steps = dict(target_steps)
        self.story: list[Happening] = []
        self.equity: list[int] = []
        self.trough: list[int] = []
        self.whole = 0  # how long the story was before the last timestamp began
        self.cash = self.marked = self.peak = self.day_start = balance
        self.day: int | None = None
        self.entries_today = self.orders = self.trades = self.halts = 0
        self.open_halts: dict[str, dict[str, int]] = {}
        fresh = dict.fromkeys(("ts", "order", "held", "since", "word", "reason", "signalled")) | {
            "mode": "idle",
            "seen": 0,
            "known": 0,
            "close": 0,
            "traded": 0,
        }
        self.book: list[Symbol] = [{**fresh, "place": s, "market": market} for s, market in enumerate(markets)]

    def say(self, kind: str, ts: int, symbol: int | None, **words: Any) -> None:
        self.story.append({"kind": kind, "ts": ts, "symbol": symbol, **words})

    def move(self, one: Symbol, ts: int, trigger: str, target: str) -> None:
        self.say("mode_changed", ts, one["place"], trigger=trigger, source=one["mode"], target=target)
        one["mode"] = target

    def run(self, timeline: Timeline, commands: Sequence[Any], closed: bool = True) -> None:
        """S6. timeline: (ts, {place: (open, high, low, close, volume, signal, strength)}) in order of time."""
        for one in self.book:
            self.move(one, timeline[0][0], "start", "warming")  # J18
        for place, (ts, rows) in enumerate(timeline):
            self.timestamp(ts, rows)
            for command in (command for command in commands if command.place == place):
                self.outside(ts, command.word, ("daily_loss", "drawdown", "operator", "strategy_error")[command.rule])
        if closed:
            self.end(timeline[-1][0])

    def timestamp(self, ts: int, rows: Mapping[int, Any]) -> None:
        present = [(self.book[s], rows[s]) for s in sorted(rows)]
        self.whole = len(self.story)
        self.new_day(ts)  # (a)
        for one, _ in present:
            self.gap(ts, one)  # (b)
        for one, row in present:
            if waits(one, "sell") and row[4] > 0:  # (c) S5, S8
                self.sell(ts, one, one["order"]["reason"], row[0], one["order"]["number"])
        for one, row in present:
            if one["held"] and one["held"]["candles"] in self.target_steps:
                self.step_target(ts, one, row[0], row[4])  # S40
            if one["held"] and row[4] > 0:  # (d) S9, S5
                self.protect(ts, one, at_open(self.rules, one["held"], row[0]))
        for one, row in present:
            if waits(one, "buy"):  # (e)
                self.enter(ts, one, row[0], row[4], opens={s: other[0] for s, other in rows.items() if other[4] > 0})
        for one, row in present:
            if one["held"] and row[4] > 0:  # (f) S11, S5
                self.protect(ts, one, inside(self.rules, one["held"], high=row[1], low=row[2]))
        self.mark(ts, rows)  # (g)
        self.guard(ts)  # (h)
        for one, row in present:
            if "strategy_error" not in self.open_halts:  # J17
                self.decide(ts, one, row[5], row[6], row[7])  # (i)
        for one, _ in present:
            if one["held"] and not one["order"] and 0 < self.rules.max_held_candles <= one["held"]["candles"]:
                self.place(ts, one, "sell", "time_stop")  # S32

    def new_day(self, ts: int) -> None:
        """S7, and the pause of S15."""
        if self.day == ts // DAY_MS:
            return
        self.day, self.entries_today, self.day_start = ts // DAY_MS, 0, self.marked
        self.say("day_started", ts, None, cash=self.cash, equity=self.marked, peak=self.peak)
        self.marks(ts)
        for rule, by in (("daily_loss", "new_day"), ("drawdown", "pause")):
            if rule in self.open_halts and (rule == "daily_loss" or self.pause_is_over()):
                self.lift(ts, rule, by)
        self.resume_modes(ts)

    def pause_is_over(self) -> bool:
        days = self.rules.drawdown_pause_days
        return bool(days > 0 and self.day is not None and self.day - self.open_halts["drawdown"]["day"] >= days)

    def marks(self, ts: int) -> None:
        for one in self.book:
            if one["held"]:
                self.say("mark", ts, one["place"], quantity=one["held"]["quantity"], price=one["close"])

    def gap(self, ts: int, one: Symbol) -> None:
        """S4."""
        if one["ts"] is None or (ts - one["ts"]) // self.rules.step_ms - 1 <= self.rules.max_gap_candles:
            return
        one["known"] = 0
        if self.rules.sell_on_gap and waits(one, "buy"):
            self.expire(ts, one, "data_gap")
        if one["mode"] == "flat":
            self.move(one, ts, "rewarm", "warming")
        if self.rules.sell_on_gap and one["held"] and not one["order"]:
            self.place(ts, one, "sell", "data_gap")

    def step_target(self, ts: int, one: Symbol, price: int, volume: int) -> None:
        """S40."""
        held, tick = one["held"], one["market"].tick
        gain = self.target_steps[held["candles"]]
        moved = share_up(held["entry"], gain) if gain >= 0 else -share_down(held["entry"], -gain)
        held["target"] = ceil(Fraction(held["entry"] + moved, tick)) * tick
        if volume > 0 and price > max(held["target"], stop_in_force(held)[0] or 0):
            self.sell(ts, one, "target_step", price, 0, least=held["target"])

    def protect(self, ts: int, one: Symbol, hit: Hit | None) -> None:
        if hit:
            self.sell(ts, one, hit.reason, hit.price, 0, hit.other)

    def enter(self, ts: int, one: Symbol, price: int, volume: int, *, opens: Mapping[int, int]) -> None:
        """S10, S5, S23, S23a, S24: the entry that waits, with the values of this moment. opens: of those that trade."""
        rules, order = self.rules, one["order"]
        if one["known"] == 0:
            return self.refuse_order(ts, one, "warming", 0, rules.settle)
        if volume == 0:
            order["blocked"] += 1
            return self.expire(ts, one, "no_volume") if order["blocked"] > rules.max_fill_delay_candles else None
        exposed = 0
        for held in (other for other in self.book if other["held"]):
            now = opens.get(held["place"], held["close"])
            exposed += worth({**held, "close": held["held"]["entry"] if held["held"]["opened"] == ts else now})
        entry = self.sized_entry(one, price, exposed, order["confidence"], order["given"])
        for refusal in self.open_refusals(one, entry, exposed, self.entries_today):
            return self.refuse_order(ts, one, *refusal)
        return self.buy(ts, one, price, entry["paid"], entry["quantity"], entry["levels"])

    def sized_entry(self, one: Symbol, price: int, exposed: int, confidence: int, given: Given) -> dict[str, Any]:
        """S23, S23a: what an entry at a price comes to, rejected or not."""
        rules, market = self.rules, one["market"]
        allowed = share_down(min(BOUND, self.cash + exposed), rules.max_exposure_ppm)
        sizes = [(rules.max_position, rules.position_size_ppm), (self.marked, rules.equity_share_ppm)]
        named = [share_down(share_down(whole, ppm), confidence) for whole, ppm in sizes if whole * ppm]
        budget = max(0, min(*named, share_down(self.cash, rules.max_exposure_ppm), allowed - exposed))
        loss = share_down(share_down(self.marked, rules.risk_ppm), confidence) if rules.risk_ppm else None
        quantity, paid = sized(rules, market, budget, price, one["traded"], loss, given)
        levels = levels_at(rules, market.tick, paid, given)
        found = {"allowed": allowed, "budget": budget, "quantity": quantity, "paid": paid, "levels": levels}
        return {**found, "given": given, "loss": loss}

    def open_refusals(
        self, one: Symbol, entry: Mapping[str, Any], exposed: int, entries: int
    ) -> Iterator[tuple[str, int, int | None]]:
        """S24: what is asked at an open, in order. entries: of the day."""
        rules, market, paid, quantity = self.rules, one["market"], entry["paid"], entry["quantity"]
        if 0 < rules.max_daily_trades <= entries:
            yield "max_daily_trades", entries, rules.max_daily_trades
        if exposed >= entry["allowed"]:
            yield "max_exposure", exposed, entry["allowed"]
        if entry["budget"] == 0:
            yield "insufficient_cash", self.cash, None
        if quantity == 0 and affordable(rules, market, entry["budget"], paid):
            stop = stop_in_force(entry["levels"])[0] or 0
            yield "below_lot", entry["loss"], lost_at(rules, market, paid, stop, int(market.lot))
        if quantity == 0:
            yield "below_lot", entry["budget"], paid * market.lot * market.k
        for distance in (entry["given"][0], entry["given"][2]):
            if distance >= 0 and paid - distance < market.tick:  # S30
                yield "no_level", distance, market.tick
        stop, _ = stop_in_force(entry["levels"])
        if stop is not None and stop < market.tick:  # S25a
            yield "no_level", stop, market.tick
        for level in (paid, paid if stop is None else stop):
            notional = level * quantity * market.k
            if notional < market.min_notional:
                yield "below_min_notional", notional, market.min_notional

    def buy(self, ts: int, one: Symbol, reference: int, price: int, quantity: int, levels: dict[str, Any]) -> None:
        """S10, S26."""
        notional = price * quantity * one["market"].k
        fee = share_up(notional, self.rules.commission_ppm)
        self.cash -= notional + fee
        self.trades += 1
        self.entries_today += 1
        one["held"] = {"quantity": quantity, "entry": price, "fee": fee, "opened": ts, "trade": self.trades}
        one["held"] |= {"candles": 0, **levels}
        words = {"order": one["order"]["number"], "trade": self.trades, "side": "buy", "reason": "signal"}
        amounts = {"reference": reference, "price": price, "quantity": quantity, "fee": fee, "cash": self.cash}
        self.say("filled", ts, one["place"], **words, **amounts, other=0)
        one["order"] = None
        self.move(one, ts, "enter", "long")

    def sell(
        self, ts: int, one: Symbol, reason: str, reference: int, order: int, other: int = 0, least: int = 0
    ) -> None:
        """S8, S9, S11, S25, S26: the whole position goes. order: its number, 0 for a protective exit."""
        held, market = one["held"], one["market"]
        resting = reason == "take_profit"
        slipping = slipped(self.rules, market, reference, held["quantity"], one["traded"], side=-1)
        price = reference if resting else max(least, slipping)
        notional = price * held["quantity"] * market.k
        if self.cash + notional > BOUND:
            raise Broken(one["place"])
        fee = share_up(notional, self.rules.maker_commission_ppm if resting else self.rules.commission_ppm)
        self.cash += notional - fee
        words = {"order": order, "trade": held["trade"], "side": "sell", "reason": reason, "reference": reference}
        amounts = {"price": price, "quantity": held["quantity"], "fee": fee, "cash": self.cash, "other": other}
        self.say("filled", ts, one["place"], **words, **amounts)
        gross, fees = (price - held["entry"]) * held["quantity"] * market.k, held["fee"] + fee
        trade = {"trade": held["trade"], "opened": held["opened"], "quantity": held["quantity"], "entry": held["entry"]}
        result = {"exit": price, "gross": gross, "fees": fees, "net": gross - fees, "reason": reason}
        self.say("trade_closed", ts, one["place"], **trade, **result)
        one["held"] = None
        one["order"] = None if order else one["order"]
        one["since"] = -1 if gross < fees else one["since"]  # 0 once this candle has closed
        if one["mode"] == "long":
            self.move(one, ts, "exit", "flat")
            if not self.is_warm(one):
                self.move(one, ts, "rewarm", "warming")  # S4

    def mark(self, ts: int, rows: Mapping[int, Any]) -> None:
        """S13, S14: equity at the closes, and the trail after the candle."""
        self.marked = trough = self.cash
        for s, one in enumerate(self.book):
            if s in rows and one["held"]:
                one["held"]["candles"] += 1
            if s in rows:
                one.update(
                    seen=one["seen"] + 1,
                    known=one["known"] + 1,
                    close=rows[s][3],
                    traded=rows[s][4] or one["traded"],
                    ts=ts,
                )
                one["since"] = None if one["since"] is None else one["since"] + 1
            self.marked += worth(one)
            if self.marked > BOUND:
                raise Broken(s)
            if one["held"]:
                low = max(rows[s][2], stop_in_force(one["held"])[0] or 0) if s in rows else one["close"]
                trough += worth({**one, "close": min(low, one["close"])})
            if s in rows and one["held"] and rows[s][4] > 0:
                raise_trail(self.rules, one["market"].tick, one["held"], rows[s][1], rows[s][7][2])
        self.peak = max(self.peak, self.marked)
        self.equity.append(self.marked)
        self.trough.append(trough)

    def guard(self, ts: int) -> None:
        """S15."""
        rules = (("daily_loss", self.rules.max_daily_loss_ppm), ("drawdown", self.rules.max_drawdown_ppm))
        references = {"daily_loss": self.day_start, "drawdown": self.peak}
        met = [(r, ppm) for r, ppm in rules if ppm and references[r] - self.marked >= share_up(references[r], ppm)]
        for rule, ppm in met:
            if rule not in self.open_halts:
                self.halt(ts, rule, ppm, references[rule])

    def halt(self, ts: int, rule: str, limit: int | None, reference: int | None) -> None:
        """S15, J18."""
        self.halts += 1
        self.open_halts[rule] = {"number": self.halts, "day": ts // DAY_MS}
        numbers = {"limit": limit, "equity": self.marked, "reference": reference}
        self.say("halted", ts, None, halt=self.halts, rule=rule, **numbers)
        self.marks(ts)
        for one in self.book:
            if waits(one, "buy"):
                self.expire(ts, one, "halt")
            if one["mode"] != "halted":
                self.move(one, ts, "halt", "halted")
            if self.rules.flatten and one["held"] and not one["order"]:
                self.place(ts, one, "sell", "halt")

    def lift(self, ts: int, rule: str, by: str) -> None:
        number = self.open_halts.pop(rule)["number"]
        if rule == "drawdown":
            self.peak = self.marked
        self.say("resumed", ts, None, by=by, halt=number, peak=self.peak)

    def resume_modes(self, ts: int) -> None:
        for one in self.book if not self.open_halts else ():
            if one["mode"] == "halted":
                self.move(one, ts, *(("resume_long", "long") if one["held"] else ("resume", "warming")))

    def outside(self, ts: int, word: str, rule: str) -> None:
        """J17."""
        if word == "halt" and rule not in self.open_halts:
            self.halt(ts, rule, None, None)
        if word == "resume" and rule in self.open_halts:
            self.lift(ts, rule, "operator")
            self.resume_modes(ts)

    def decide(self, ts: int, one: Symbol, signal: int, strength: float, distances: Given) -> None:
        """S16, S23, S24."""
        if one["mode"] == "warming" and self.is_warm(one) and ts >= self.rules.start_ts:
            self.move(one, ts, "warm", "flat")
        if signal == 0:
            return
        power = confidence(self.rules, strength)
        flags = (self.rules.stop_distance, self.rules.target_distance, self.rules.trail_distance)
        given = [distance if flag else -1 for flag, distance in zip(flags, distances, strict=True)]
        refusal = next(iter(self.enter_refusals(one, flags, given) if signal > 0 else leave_refusals(one)), None)
        standing = self.stands(ts, one, signal, refusal, power, given)
        one["signalled"] = one["seen"]
        if standing:
            return
        one["word"], one["reason"] = signal, refusal and refusal[0]
        self.say("signal", ts, one["place"], signal=signal, strength=strength)
        if signal < 0 and waits(one, "buy"):
            self.expire(ts, one, "signal")  # S5
        side = "buy" if signal > 0 else "sell"
        if refusal:
            words = dict(zip(("reason", "value", "limit"), refusal, strict=True))
            self.say("order_rejected", ts, one["place"], order=0, side=side, **words)
            return
        self.place(ts, one, side, "signal", *((power, given) if signal > 0 else ()))

    def stands(self, ts: int, one: Symbol, signal: int, refusal: Any, power: int, given: Given) -> bool:
        """S28."""
        if (one["word"], one["signalled"]) != (signal, one["seen"] - 1) or not one["reason"]:
            return False
        if signal < 0 and waits(one, "buy"):
            return False
        if refusal:
            return bool(refusal[0] == one["reason"])
        if signal < 0 or one["reason"] not in AT_THE_OPEN:
            return False
        exposed = sum(worth(other) for other in self.book)
        entry = self.sized_entry(one, one["close"], exposed, power, given)
        next_day = (ts + self.rules.step_ms) // DAY_MS != ts // DAY_MS
        again = next(self.open_refusals(one, entry, exposed, 0 if next_day else self.entries_today), None)
        return bool(again and again[0] == one["reason"])

    def is_warm(self, one: Symbol) -> bool:
        """S29."""
        return bool(one["seen"] >= self.rules.warm_up and one["known"] >= self.rules.settle)

    def enter_refusals(self, one: Symbol, flags: Given, given: Given) -> Iterator[tuple[str, int | None, int | None]]:
        rules = self.rules
        taken = sum(bool(other["held"]) + waits(other, "buy") for other in self.book)
        if one["mode"] == "halted":
            yield "halted", None, None
        if one["held"]:
            yield "already_long", None, None
        if one["mode"] == "warming":
            whole = one["seen"] >= rules.warm_up
            yield ("warming", one["known"], rules.settle) if whole else ("warming", one["seen"], rules.warm_up)
        if one["order"]:
            yield "order_waiting", one["order"]["number"], None
        if one["since"] is not None and one["since"] < rules.cooldown_candles:
            yield "cooldown", one["since"], rules.cooldown_candles
        if taken >= rules.max_open_positions:
            yield "max_open_positions", taken, rules.max_open_positions
        tick = one["market"].tick
        for flag, distance in zip(flags, given, strict=True):
            if flag and distance < tick:  # S30
                yield "no_level", None if distance < 0 else distance, tick
        if flags[0] and given[0] >= one["close"]:
            yield "no_level", given[0], tick

    def place(
        self, ts: int, one: Symbol, side: str, reason: str, confidence: int | None = None, given: Given = NOT_GIVEN
    ) -> None:
        self.orders += 1
        words = {"side": side, "reason": reason, "confidence": confidence}
        one["order"] = {"number": self.orders, "blocked": 0, "given": given, **words}
        levels = {name: None if far < 0 else far for name, far in zip(("stop", "target", "trail"), given, strict=True)}
        self.say("order_placed", ts, one["place"], order=self.orders, **words, **levels)

    def refuse_order(self, ts: int, one: Symbol, reason: str, value: int, limit: int | None) -> None:
        number = one["order"]["number"]
        self.say("order_rejected", ts, one["place"], order=number, side="buy", reason=reason, value=value, limit=limit)
        one["order"], one["reason"] = None, reason

    def expire(self, ts: int, one: Symbol, reason: str) -> None:
        order = one["order"]
        self.say("order_expired", ts, one["place"], order=order["number"], side=order["side"], reason=reason)
        one["order"] = None

    def end(self, ts: int) -> None:
        """S17, S19, J3."""
        for one in self.book:
            if one["order"]:
                self.expire(ts, one, "end_of_data")
        for one in self.book:
            self.move(one, ts, "stop", "idle")


def waits(one: Symbol, side: str) -> bool:
    return bool(one["order"]) and one["order"]["side"] == side


def leave_refusals(one: Symbol) -> Iterator[tuple[str, int | None, int | None]]:
    if not one["held"]:
        yield "not_long", None, None
    elif one["order"]:
        yield "order_waiting", one["order"]["number"], None
