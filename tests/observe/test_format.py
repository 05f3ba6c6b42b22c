"""Snapshots and events as text: every event has a text, amounts are not rounded, and all text is printable ASCII."""

import pytest

from safla.journal.events import CandleMissing, Fact, Halted, OrderRejected, Resumed
from safla.observe.format import WORDS, account_line, account_lines, age, ascii_only, event_line, short
from safla.observe.snapshot import AccountHalt, AccountSnapshot, Position, SymbolSnapshot, Waiting
from tests.journal.sample import small_events

TS = 1_704_067_200_000
LONG = SymbolSnapshot(
    "BTC/USDT", "long", TS, "60000.10",
    Position("0.16000", "59000.00", TS, "58000.00", "trailing_stop", "61950.00", "160.0160000"), None,
)  # fmt: skip
FLAT = SymbolSnapshot("ETHX/USDT", "halted", TS - 3_600_000, "3000.00", None, Waiting(5, "sell", "halt"))
ACCOUNT = AccountSnapshot(
    name="Small", timeframe="1h", quote="USDT", ts=TS, closed=TS + 3_600_000, cash="90000.0000000",
    equity="99600.0160000", peak="100000.0000000", drawdown="0.004000", drawdown_limit="0.100000",
    day_profit="-12.5000000", day_loss="0.000125", day_loss_limit=None, day_entries=3, day_entries_limit=10,
    open_halts=(AccountHalt("drawdown", 2), AccountHalt("operator", 3)), trades_closed=12, realised="-120.1100000",
    fees="9.0000000", symbols=(LONG, FLAT),
)  # fmt: skip


HELD = "0.16000 at 59000.00, stop 58000.00 (trailing_stop), target 61950.00, unrealised 160.016 USDT"


def test_a_snapshot_has_a_line_for_each_item_and_each_symbol():
    assert account_lines(ACCOUNT, now=(TS + 3_612_000) / 1000) == [
        "candle     2024-01-01T00:00Z 1h, closed 12 s ago",
        "equity     99600.016 USDT, cash 90000.00, peak 100000.00",
        "drawdown   0.40 % of 10.00 %",
        "today      3 of 10 entries, profit -12.50 USDT, loss 0.0125 % (no daily loss limit)",
        "trades     12 closed, net profit -120.11 USDT, commission paid 9.00",
        "halts      drawdown (halt 2), operator (halt 3)",
        f"BTC/USDT   long     60000.10, {HELD}",
        "ETHX/USDT  halted   3000.00 (at 2023-12-31T23:00Z), order 5 waits to sell (halt)",
    ]


def test_missing_values_are_named():
    bare = LONG._replace(ts=None, close=None, position=LONG.position._replace(stop=None, stop_is=None, target=None))
    account = ACCOUNT._replace(ts=None, closed=None, open_halts=(), drawdown=None, symbols=(bare,))
    lines = account_lines(account, now=0.0)
    assert lines[0] == "candle     none yet"
    assert lines[2] == "drawdown   undefined of 10.00 %"
    assert lines[5] == "halts      none open"
    assert "no candle yet, 0.16000 at 59000.00, no stop, no target" in lines[6]


def test_without_a_clock_no_age_is_shown():
    assert account_lines(ACCOUNT, now=None)[0] == "candle     2024-01-01T00:00Z 1h"


def test_one_line_shows_modes_equity_drawdown_and_halts():
    assert account_line(ACCOUNT) == (
        "2024-01-01T00:00Z  BTC/USDT 60000.10 long, ETHX/USDT 3000.00 halted, equity 99600.016 USDT, "
        "drawdown 0.40 %, halted by drawdown, halted by operator"
    )


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1.5000000", "1.50"), ("0.0000001", "0.0000001"), ("-12.3450", "-12.345"), ("7", "7"), ("700", "700"),
        ("7.0", "7.0"), ("0.00", "0.00"),
    ],
)  # fmt: skip
def test_only_trailing_zeros_are_removed_from_an_amount(amount, shown):
    assert short(amount) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"), (59.9, "59 s ago"), (60, "1 min ago"), (61, "1 min 1 s ago"), (3_600, "1 h ago"),
        (7_530, "2 h 5 min ago"), (86_400, "1 d ago"), (200_000, "2 d 7 h ago"), (-0.5, "ahead of this clock"),
    ],
)  # fmt: skip
def test_an_age_is_shown_in_its_two_largest_units(seconds, text):
    assert age(seconds) == text


def test_every_event_has_a_text_on_one_line_of_printable_ascii():
    assert set(WORDS) == set(Fact.__subclasses__())
    events = small_events()
    assert {type(event) for event in events} == set(WORDS)
    for event in events:
        line = event_line(event)
        assert line.isascii()
        assert line.isprintable()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            Halted(TS, 2, "drawdown", "0.101000", "0.100000", "1.0", "2.0", [], None, None, None),
            "halted by drawdown (halt 2) at 10.10 % of 10.00 %",
        ),
        (
            Halted(TS, 3, "operator", None, None, "1.0", None, [], "lunch [bold]", TS, "1-a"),
            "halted by operator (halt 3): lunch [bold]",
        ),
        (CandleMissing(TS, "A/B"), "A/B has no candle"),
        (Resumed(TS, "pause", 2, "1.0", None, None, None), "halt 2 lifted by pause"),
        (
            OrderRejected(TS, "A/B", 0, "buy", "max_daily_trades", "10", "10"),
            "buy of A/B rejected: max_daily_trades (10 / 10)",
        ),
        (OrderRejected(TS, "A/B", 0, "sell", "not_long", None, None), "sell of A/B rejected: not_long"),
    ],
)
def test_halts_resumes_and_rejections_show_the_compared_values(event, words):
    assert event_line(event) == f"2024-01-01T00:00Z  {words}"


def test_external_text_is_escaped_to_ascii():
    assert ascii_only("a\x1b[2Jb\nc é \u202e") == "a\\x1b[2Jb\\nc \\xe9 \\u202e"
