"""Independent books, kept from the rows alone, and the invariants of every run (J43: B1-B8, S15, S24)."""

from collections import Counter
from typing import Any

from hypothesis import given

from safla.core import values as v
from safla.core.machine import HALTED, IDLE, MODES, TRIGGERS, next_mode
from safla.core.values import State
from tests.properties.cases import Case, Folded, cases, fold, grid_of, named, of_kind
from tests.scale import examples

EVERY = range(1, 400)  # cut after each timestamp

Event = dict[str, Any]


class Books:
    """Keeps cash, positions and results from rows alone."""

    def __init__(self, case: Case) -> None:
        self.k = [int(market.k) for market in case.markets]
        self.balance = self.cash = case.balance
        self.held: dict[int, Event] = {}  # symbol -> its buy
        self.fees = self.net = 0

    def take(self, row: Event) -> None:
        """Takes one row and checks B1 to B5."""
        if row["kind"] == v.FILLED:
            self.filled(row)
        if row["kind"] == v.TRADE_CLOSED:
            self.closed(row)

    def filled(self, row: Event) -> None:
        notional = row["price"] * row["quantity"] * self.k[row["symbol"]]
        self.cash += (-notional if row["side"] == v.BUY else notional) - row["fee"]
        assert row["cash"] == self.cash >= 0  # B1
        self.fees += row["fee"]
        if row["side"] == v.BUY:
            assert row["symbol"] not in self.held
            self.held[row["symbol"]] = row
        else:
            assert row["quantity"] == self.held[row["symbol"]]["quantity"]  # B2
            self.sold = row

    def closed(self, row: Event) -> None:
        bought, sold = self.held.pop(row["symbol"]), self.sold
        assert (row["opened"], row["entry"], row["exit"]) == (bought["ts"], bought["price"], sold["price"])
        assert row["gross"] == (row["exit"] - row["entry"]) * row["quantity"] * self.k[row["symbol"]]  # B3
        assert row["fees"] == bought["fee"] + sold["fee"]
        assert row["net"] == row["gross"] - row["fees"]
        assert (row["trade"], row["trade"], row["reason"]) == (bought["trade"], sold["trade"], sold["reason"])
        self.net += row["net"]
        at_cost = sum(one["price"] * one["quantity"] * self.k[s] for s, one in self.held.items())
        assert self.cash + at_cost + sum(one["fee"] for one in self.held.values()) == self.balance + self.net  # B5

    def worth(self, closes: dict[int, int]) -> int:
        return self.cash + sum(int(one["quantity"]) * closes[s] * self.k[s] for s, one in self.held.items())


@examples(gate=75, full=150)
@given(cases(candles=25, commands=True))
def test_books_kept_from_the_rows_equal_the_state_after_every_timestamp(case: Case) -> None:
    folded, (grid, _), books, done = fold(case, cuts=EVERY), grid_of(case), Books(case), 0
    closes: dict[int, int] = {}
    for t, (end, rows, state) in enumerate(folded.after):
        assert end == t + 1
        for row in map(named, folded.rows[done:rows]):
            books.take(row)
        done = rows
        closes |= {s: int(grid.close[s, t]) for s in range(len(case.columns)) if grid.open[s, t] > 0}
        assert folded.equity[t] == books.worth(closes)  # B4
        assert_state(state, books, equity=folded.equity[t])


def assert_state(state: State, books: Books, *, equity: int) -> None:
    account, positions = state.account, state.book[:, v.QUANTITY]
    assert account[v.CASH] == books.cash
    assert account[v.EQUITY] == equity
    assert account[v.FEES] == books.fees
    assert account[v.REALISED] == books.net
    assert account[v.POSITIONS] == len(books.held)
    assert positions.min() >= 0
    assert {s: int(held) for s, held in enumerate(positions) if held} == {
        s: one["quantity"] for s, one in books.held.items()
    }


@examples(gate=50, full=100)
@given(
    cases(
        candles=25,
        commands=True,
        fixed={"max_daily_loss_ppm": 1_000, "max_drawdown_ppm": 5_000, "drawdown_pause_days": 1},
    )
)
def test_marks_cover_exactly_the_open_positions_and_add_up_to_the_equity(case: Case) -> None:
    folded, books, quoted = fold(case), Books(case), 0
    rows = list(map(named, folded.rows))
    for i, row in enumerate(rows):
        books.take(row)
        if row["kind"] not in (v.DAY_STARTED, v.HALTED_ROW):
            continue
        marks = [one for one in rows[i + 1 : i + 1 + len(books.held)] if one["kind"] == v.MARK]
        assert [(one["symbol"], one["quantity"]) for one in marks] == [
            (s, books.held[s]["quantity"]) for s in sorted(books.held)
        ]
        assert row["equity"] == books.worth({one["symbol"]: one["price"] for one in marks})  # B4
        quoted += len(marks)
    assert quoted == len(of_kind(folded.rows, v.MARK))


@examples(gate=75, full=150)
@given(cases(candles=25, commands=True))
def test_every_mode_change_is_in_the_machine_and_buys_fill_only_in_flat(case: Case) -> None:
    folded = fold(case)
    modes = dict.fromkeys(range(len(case.columns)), IDLE)
    for row in map(named, folded.rows):
        if row["kind"] == v.MODE_CHANGED:
            assert row["source"] == modes[row["symbol"]]
            assert MODES[row["target"]] == next_mode(MODES[row["source"]], TRIGGERS[row["trigger"]])  # B7
            modes[row["symbol"]] = row["target"]
        if row["kind"] == v.FILLED and row["side"] == v.BUY:
            assert MODES[modes[row["symbol"]]] == "flat"  # B8
    assert set(modes.values()) == {IDLE}


@examples(gate=75, full=150)
@given(cases(candles=25, commands=True))
def test_orders_and_trades_are_numbered_without_gaps_and_each_order_ends_once(case: Case) -> None:
    rows = fold(case).rows
    placed = [row["order"] for row in of_kind(rows, v.ORDER_PLACED)]
    bought = [row["trade"] for row in of_kind(rows, v.FILLED) if row["side"] == v.BUY]
    assert placed == list(range(1, len(placed) + 1))
    assert bought == list(range(1, len(bought) + 1))
    ends = Counter(
        row["order"] for kind in (v.FILLED, v.ORDER_REJECTED, v.ORDER_EXPIRED) for row in of_kind(rows, kind)
    )
    del ends[0]  # protective exits, and rejections at the decision
    assert ends == Counter(placed)  # the run was closed, so that every order has ended


@examples(gate=75, full=150)
@given(cases(candles=25, commands=True))
def test_every_signal_has_one_order_or_rejection_at_its_own_time(case: Case) -> None:
    rows = [named(row) for row in fold(case).rows]
    for i, row in enumerate(rows):
        if row["kind"] == v.SIGNAL:
            assert answers(rows[i + 1 : i + 4], row) == 1  # J16


def answers(behind: list[Event], signal: Event) -> int:
    """Returns how many of the rows after a signal, up to the next signal, respond to it."""
    count = 0
    for row in behind:
        if row["kind"] == v.SIGNAL or (row["ts"], row["symbol"]) != (signal["ts"], signal["symbol"]):
            break
        placed = row["kind"] == v.ORDER_PLACED and row["reason"] == v.BY_SIGNAL
        count += placed or (row["kind"] == v.ORDER_REJECTED and row["order"] == 0)
    return count


@examples(gate=50, full=100)
@given(cases(candles=25, commands=True))
def test_a_symbol_fills_at_most_once_per_side_and_timestamp(case: Case) -> None:
    fills = Counter((row["symbol"], row["side"], row["ts"]) for row in of_kind(fold(case).rows, v.FILLED))
    assert all(count == 1 for count in fills.values())  # B8


@examples(gate=50, full=100)
@given(cases(candles=25, commands=True, fixed={"max_daily_loss_ppm": 1_000}))
def test_a_symbol_is_halted_exactly_while_a_halt_is_open(case: Case) -> None:
    folded, open_, done = fold(case, cuts=EVERY), set[int](), 0
    for _, rows, state in folded.after:
        open_ = opened_and_lifted(folded, done, rows, open_)
        done = rows
        assert {bool(mode == HALTED) for mode in state.book[:, v.MODE]} == {bool(open_)}
        assert state.account[v.OPEN_HALTS] == len(open_)


def opened_and_lifted(folded: Folded, first: int, end: int, open_: set[int]) -> set[int]:
    """The numbers of the open halts after some more rows."""
    halts = [row["halt"] for row in of_kind(folded.rows[:end], v.HALTED_ROW)]
    assert halts == list(range(1, len(halts) + 1))
    lifted = {row["halt"] for row in of_kind(folded.rows[first:end], v.RESUMED)}
    opened = {row["halt"] for row in of_kind(folded.rows[first:end], v.HALTED_ROW)}
    assert lifted <= open_ | opened
    return (open_ | opened) - lifted
