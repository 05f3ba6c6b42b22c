"""The rules of docs/semantics.md once more, as naively as can be: dicts, fractions and words. No line of the engine."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.properties.arithmetic import BOUND, Broken, confidence, share_down, share_up, sized, slipped, worth
from tests.properties.protection import Hit, at_open, inside, levels_at, raise_trail, stop_in_force

DAY_MS = 86_400_000

Symbol = dict[str, Any]
Timeline = Sequence[tuple[int, Mapping[int, Any]]]
Happening = dict[str, Any]


class Reference:
    """One run. `story` is what happened, in words; `equity` the mark of each timestamp folded."""

    def __init__(self, rules: Any, markets: Sequence[Any], balance: int) -> None:
        self.rules = rules
        self.story: list[Happening] = []
        self.equity: list[int] = []
        self.trough: list[int] = []
        self.whole = 0  # how long the story was before the last timestamp began
        self.cash = self.marked = self.peak = self.day_start = balance
        self.day: int | None = None
        self.entries_today = self.orders = self.trades = self.halts = 0
        self.open_halts: dict[str, dict[str, int]] = {}
        fresh = dict.fromkeys(("ts", "order", "held", "since")) | {"mode": "idle", "known": 0, "close": 0, "traded": 0}
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
                self.decide(ts, one, row[5], row[6])  # (i)

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
            self.place(ts, one, "sell", "data_gap", None)

    def protect(self, ts: int, one: Symbol, hit: Hit | None) -> None:
        if hit:
            self.sell(ts, one, hit.reason, hit.price, 0, hit.other)

    def enter(self, ts: int, one: Symbol, price: int, volume: int, *, opens: Mapping[int, int]) -> None:
        """S10, S5, S23, S23a, S24: the entry that waits, with the values of this moment. opens: of those that trade."""
        rules, order, market = self.rules, one["order"], one["market"]
        if one["known"] == 0:
            return self.refuse_order(ts, one, "warming", 0, rules.warm_up)
        if volume == 0:
            order["blocked"] += 1
            return self.expire(ts, one, "no_volume") if order["blocked"] > rules.max_fill_delay_candles else None
        if 0 < rules.max_daily_trades <= self.entries_today:
            return self.refuse_order(ts, one, "max_daily_trades", self.entries_today, rules.max_daily_trades)
        exposed = 0
        for held in (other for other in self.book if other["held"]):
            now = opens.get(held["place"], held["close"])
            exposed += worth({**held, "close": held["held"]["entry"] if held["held"]["opened"] == ts else now})
        allowed = share_down(min(BOUND, self.cash + exposed), rules.max_exposure_ppm)
        wanted = share_down(share_down(rules.max_position, rules.position_size_ppm), order["confidence"])
        budget = min(wanted, share_down(self.cash, rules.max_exposure_ppm), allowed - exposed)
        if exposed >= allowed:
            return self.refuse_order(ts, one, "max_exposure", exposed, allowed)
        if budget == 0:
            return self.refuse_order(ts, one, "insufficient_cash", self.cash, None)
        quantity, paid = sized(rules, market, budget, price, one["traded"])
        if quantity == 0:
            return self.refuse_order(ts, one, "below_lot", budget, paid * market.lot * market.k)
        levels = levels_at(rules, market.tick, paid)
        stop, _ = stop_in_force(levels)
        if stop is not None and stop < market.tick:  # S25a
            return self.refuse_order(ts, one, "no_level", stop, market.tick)
        for level in (paid, paid if stop is None else stop):
            notional = level * quantity * market.k
            if notional < market.min_notional:
                return self.refuse_order(ts, one, "below_min_notional", notional, market.min_notional)
        return self.buy(ts, one, price, paid, quantity, levels)

    def buy(self, ts: int, one: Symbol, reference: int, price: int, quantity: int, levels: dict[str, Any]) -> None:
        """S10, S26."""
        notional = price * quantity * one["market"].k
        fee = share_up(notional, self.rules.commission_ppm)
        self.cash -= notional + fee
        self.trades += 1
        self.entries_today += 1
        one["held"] = {"quantity": quantity, "entry": price, "fee": fee, "opened": ts, "trade": self.trades, **levels}
        words = {"order": one["order"]["number"], "trade": self.trades, "side": "buy", "reason": "signal"}
        amounts = {"reference": reference, "price": price, "quantity": quantity, "fee": fee, "cash": self.cash}
        self.say("filled", ts, one["place"], **words, **amounts, other=0)
        one["order"] = None
        self.move(one, ts, "enter", "long")

    def sell(self, ts: int, one: Symbol, reason: str, reference: int, order: int, other: int = 0) -> None:
        """S8, S9, S11, S25, S26: the whole position goes. order: its number, 0 for a protective exit."""
        held, market = one["held"], one["market"]
        resting = reason == "take_profit"
        slipping = slipped(self.rules, market, reference, held["quantity"], one["traded"], side=-1)
        price = reference if resting else slipping
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
            if one["known"] < self.rules.warm_up:
                self.move(one, ts, "rewarm", "warming")  # S4

    def mark(self, ts: int, rows: Mapping[int, Any]) -> None:
        """S13, S14: equity at the closes, and the trail after the candle."""
        self.marked = trough = self.cash
        for s, one in enumerate(self.book):
            if s in rows:
                one.update(known=one["known"] + 1, close=rows[s][3], traded=rows[s][4] or one["traded"], ts=ts)
                one["since"] = None if one["since"] is None else one["since"] + 1
            self.marked += worth(one)
            if self.marked > BOUND:
                raise Broken(s)
            if one["held"]:
                low = max(rows[s][2], stop_in_force(one["held"])[0] or 0) if s in rows else one["close"]
                trough += worth({**one, "close": min(low, one["close"])})
            if s in rows and one["held"] and rows[s][4] > 0:
                raise_trail(self.rules, one["market"].tick, one["held"], rows[s][1])
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
                self.place(ts, one, "sell", "halt", None)

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

    def decide(self, ts: int, one: Symbol, signal: int, strength: float) -> None:
        """S16, S23, S24."""
        if one["mode"] == "warming" and one["known"] >= self.rules.warm_up and ts >= self.rules.start_ts:
            self.move(one, ts, "warm", "flat")
        if signal == 0:
            return
        self.say("signal", ts, one["place"], signal=signal, strength=strength)
        if signal < 0 and waits(one, "buy"):
            self.expire(ts, one, "signal")  # S5
        side = "buy" if signal > 0 else "sell"
        for reason, value, limit in self.enter_refusals(one) if signal > 0 else leave_refusals(one):
            self.say("order_rejected", ts, one["place"], order=0, side=side, reason=reason, value=value, limit=limit)
            return
        self.place(ts, one, side, "signal", confidence(self.rules, strength) if signal > 0 else None)

    def enter_refusals(self, one: Symbol) -> Iterator[tuple[str, int | None, int | None]]:
        rules = self.rules
        taken = sum(bool(other["held"]) + waits(other, "buy") for other in self.book)
        if one["mode"] == "halted":
            yield "halted", None, None
        if one["held"]:
            yield "already_long", None, None
        if one["mode"] == "warming":
            yield "warming", one["known"], rules.warm_up
        if one["order"]:
            yield "order_waiting", one["order"]["number"], None
        if one["since"] is not None and one["since"] < rules.cooldown_candles:
            yield "cooldown", one["since"], rules.cooldown_candles
        if taken >= rules.max_open_positions:
            yield "max_open_positions", taken, rules.max_open_positions

    def place(self, ts: int, one: Symbol, side: str, reason: str, confidence: int | None) -> None:
        self.orders += 1
        one["order"] = {"number": self.orders, "side": side, "reason": reason, "confidence": confidence, "blocked": 0}
        self.say("order_placed", ts, one["place"], order=self.orders, side=side, reason=reason, confidence=confidence)

    def refuse_order(self, ts: int, one: Symbol, reason: str, value: int, limit: int | None) -> None:
        number = one["order"]["number"]
        self.say("order_rejected", ts, one["place"], order=number, side="buy", reason=reason, value=value, limit=limit)
        one["order"] = None

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
