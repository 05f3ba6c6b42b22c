"""The table of a summary: open halts first, groups, aligned labels, and a reason for each undefined figure."""

import re

import pytest

from safla.errors import UsageError
from safla.report.conditions import parse
from safla.report.figures import METRICS, summary_schema
from safla.report.summary import summarise
from safla.report.tables import LABELS, WIDTH, beside_lines, summary_lines
from tests.report.tiny import tiny


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    return summarise(tiny(tmp_path_factory.mktemp("tiny")), risk_free_rate=0.0)


def line(summary, label):
    return next(one for one in summary_lines(summary) if one.startswith(label.ljust(WIDTH)))[WIDTH:]


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("run", "Tiny: BTC/USDT 1h"),
        ("candles", "13, 2024-01-01T00:00Z to 2024-01-01T13:00Z"),
        ("entry size", "9,000.00 USDT at most, commission included (confidence is 0.9 at most)"),
        ("net profit", "107.00 USDT"),
        ("total return", "0.11%"),
        ("CAGR", "- (0 days, at least 30 are needed)"),
        ("buy and hold return", "6.79% (alpha -, beta -)"),
        ("max drawdown", "1.02% (intrabar drawdown 1.02%)"),
        ("max drawdown time", "9 hours, 2024-01-01T04:00Z to the end, not recovered"),
        ("time under water", "69.23% (longest 9 hours)"),
        ("Sharpe", "- (0 daily returns, at least 30 are needed)"),
        ("trades", "3 (wins 1, losses 2)"),
        ("profit factor", "1.038 (payoff 2.075)"),
        ("expectancy", "10.67 USDT (0.12%, 0.12 R)"),
        ("best trade", "881.00 USDT (worst trade -463.00 USDT)"),
        ("holding time", "median 0 minutes, longest 1 hour"),
        ("max consecutive", "wins 1, losses 2"),
        ("exposure time", "15.38% (average exposure 1.39%, largest exposure 9.06%)"),
        ("commission paid", "64.00 USDT (7.11% of the gross profit)"),
        ("break-even cost", "17.13 bps more on every fill"),
        ("open position", "84 BTC/USDT, profit 75.00 USDT; closing it: commission 9.00, slippage 0.00"),
        ("ambiguous exits", "1"),
        ("return if stops", "0.11% (return if targets 1.39%)"),
        ("halts", "0 (halted 0.00% of the candles)"),
        ("warming", "15.38% of the candles"),
        ("rejected entries", "0"),
        ("rejected exits", "3: not_long 3"),
        ("gaps", "0 (missing candles 0, fills beside gaps 0)"),
        ("candles without volume", "0"),
    ],
)
def test_a_line_of_the_table_shows_its_figures(summary, label, text):
    assert line(summary, label) == text


def test_every_label_fits_its_column(summary):
    lines = [one for one in summary_lines(summary) if one]
    assert all(one[WIDTH - 1] == " " != one[WIDTH] for one in lines)


def test_open_halts_come_first_in_the_table(summary):
    halted = {**summary, "open_halts": [{"halt": 3, "rule": "drawdown", "since": "2024-02-01T05:00Z"}]}
    assert summary_lines(halted)[0].split(maxsplit=1) == ["HALTED", "drawdown since 2024-02-01T05:00Z: no new entries"]


def test_synthetic_candles_and_disabled_limits_are_shown_before_the_first_figure(summary):
    source, limits = "synthetic, trends built in", ["stop_loss", "daily_loss", "drawdown"]
    lines = summary_lines({**summary, "source": source, "limits_off": limits})
    assert lines[0].split(maxsplit=1) == ["source", "synthetic, trends built in"]
    assert lines[1] == f"{'limits off':<{WIDTH}}no stop loss, no daily loss limit, no drawdown limit"
    assert lines[2].startswith("run ")


def test_a_run_with_all_limits_has_no_line_about_disabled_limits(summary):
    assert not any(one.startswith(("limits off", "source")) for one in summary_lines(summary))


@pytest.mark.parametrize(
    ("key", "word"),
    [("stop_loss_pct", "no stop loss"), ("max_daily_loss_pct", "no daily loss limit"),
     ("max_drawdown_pct", "no drawdown limit")],
)  # fmt: skip
def test_a_limit_that_is_explicitly_null_is_shown_as_disabled(tmp_path, key, word):
    changed = summarise(tiny(tmp_path, f"risk.{key}=null"), risk_free_rate=0.0)
    assert line(changed, "limits off") == word


def test_an_optional_limit_that_is_off_by_default_is_not_shown_as_disabled(tmp_path):
    sets = ("risk.trailing_stop_pct=null", "risk.max_daily_trades=null", "risk.take_profit_pct=null")
    assert summarise(tiny(tmp_path, *sets), risk_free_rate=0.0)["limits_off"] == []


def test_a_recovered_drawdown_is_shown_with_its_end(summary):
    fall = {"start": "2024-01-01T04:00Z", "trough": "2024-01-01T06:00Z", "end": "2024-01-01T10:00Z"}
    assert line({**summary, "drawdown": fall}, "max drawdown time").endswith("2024-01-01T04:00Z to 2024-01-01T10:00Z")


def test_equity_that_never_fell_has_no_max_drawdown_time(summary):
    undefined = {**summary["undefined"], "max_drawdown_hours": "the equity never fell"}
    changed = {**summary, "max_drawdown_hours": None, "undefined": undefined}
    assert line(changed, "max drawdown time") == "- (the equity never fell)"


def test_without_ambiguous_exits_there_is_a_single_return(summary):
    lines = summary_lines({**summary, "ambiguous_exits": 0})
    assert not any(one.startswith("return if") for one in lines)


def test_rejections_are_shown_by_reason_with_the_most_frequent_first(summary):
    assert line({**summary, "rejected_entries": {"halted": 5, "cooldown": 2}}, "rejected entries") == (
        "7: halted 5, cooldown 2"
    )


UNITS = {"share", "hours", "bps", "pct", "r"}  # at the end of a key; the table shows them as signs and words
FIGURES = [(label, key) for label, key in LABELS if key in METRICS]


@pytest.mark.parametrize("key", [key for _, key in LABELS])
def test_every_label_corresponds_to_a_key_of_the_schema(key):
    assert key in summary_schema()["$defs"]["Summary"]["properties"]


@pytest.mark.parametrize("key", sorted({key for _, key in FIGURES}))
def test_every_word_of_a_key_is_in_its_label(key):
    labels = [set(re.findall("[a-z0-9]+", label.lower())) for label, of in FIGURES if of == key]
    assert set(key.split("_")) - UNITS <= set().union(*labels)


@pytest.mark.parametrize(("label", "key"), FIGURES)
def test_a_label_used_as_a_condition_gets_a_hint_with_its_key(label, key):
    name = re.sub("[^a-z0-9]+", "_", label.lower()).strip("_")
    keys = {of for same, of in FIGURES if same == label}
    if name in METRICS or len(keys) > 1:
        return
    with pytest.raises(UsageError, match=f"^{name}: no such figure; did you mean {key}\\?$"):
        parse(f"{name} > 0", METRICS)


OLD = (
    "hole", "refus", "leave", "in the middle", "in a row", "chance", "of a day", "inside candle", "return a year",
    "behind", "hours held", "streak", "what is worse",
)  # fmt: skip


def test_lines_of_the_table_and_keys_use_only_terms_of_the_field(summary):
    halted = {**summary, "open_halts": [{"halt": 3, "rule": "drawdown", "since": "2024-02-01T05:00Z"}]}
    texts = [*summary_lines(halted), *summary]
    assert [(text, word) for text in texts for word in OLD if word in text.lower()] == []


def test_open_halts_of_both_runs_are_shown(summary):
    halts = [
        {"rule": "drawdown", "since": "2024-02-01T02:25Z"},
        {"rule": "daily_loss", "since": "2024-02-01T02:25Z"},
    ]
    lines = beside_lines({**summary, "open_halts": []}, {**summary, "open_halts": halts}, changed="x=1")
    halts = next(one for one in lines if one.startswith("open halts"))
    assert halts.split(maxsplit=3)[2:] == [
        "none",
        "drawdown since 2024-02-01T02:25Z, daily_loss since 2024-02-01T02:25Z",
    ]


def test_two_runs_are_shown_side_by_side(summary):
    lines = beside_lines(
        summary, {**summary, "trades": 5, "win_rate": None, "undefined": {"win_rate": "so"}}, changed="x=1"
    )
    assert lines[0].split() == ["before", "x=1"]
    assert lines[1].split() == ["trades", "3", "5"]
    assert next(one for one in lines if one.startswith("win rate")).split() == ["win", "rate", "33.33%", "-", "(so)"]


def test_a_limit_disabled_in_one_of_two_runs_is_shown_first(summary):
    lines = beside_lines(summary, {**summary, "limits_off": ["stop_loss"]}, changed="risk.stop_loss_pct=null")
    assert lines[1].split(maxsplit=3) == ["limits", "off", "none", "no stop loss"]
