"""The result of a call: data frames that match the journal digit for digit, and its display in a notebook."""

import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import safla
from safla.api import frames
from safla.core.scale import to_text
from tests.errors import raises_code
from tests.small_runs import SMALL

UTC_MS = pl.Datetime("ms", "UTC")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "small.yaml").write_text(SMALL)
    changes = {"journal.detail": "candles", "risk.stop_loss_pct": 0.004, "risk.take_profit_pct": 0.004}
    changes["markets.ETH/USDT.price_decimals"] = 4  # two symbols, two scales
    return safla.run(folder / "small.yaml", out=folder / "run", set=changes)


@pytest.fixture(scope="module")
def written(result):
    """Returns the events of the journal, read as plain JSON without a schema."""
    return [json.loads(line)["e"] for line in result.journal.read_text().splitlines()]


def of_type(written, kind):
    return [event for event in written if event["type"] == kind]


def test_the_events_match_the_lines_of_the_journal(result, written):
    frame = result.events
    assert frame.schema == {"n": pl.Int64, "ts": UTC_MS, "type": pl.String, "symbol": pl.String, "event": pl.String}
    assert frame["n"].to_list() == list(range(1, result.lines + 1))
    assert [json.loads(text) for text in frame["event"]] == written
    assert frame["type"].to_list() == [event["type"] for event in written]
    assert frame["symbol"].to_list() == [event.get("symbol") for event in written]
    assert frame["ts"].dt.timestamp("ms").to_list() == [event["ts"] for event in written]


def test_every_type_of_event_has_exactly_its_fields(result, written):
    kinds = {event["type"] for event in written}
    assert len(kinds) > 10
    for kind in kinds:
        frame = result.events_of(kind)
        events = of_type(written, kind)
        assert frame.height == len(events)
        assert frame.columns == ["n", *(name for name in events[0] if name != "type")]
        for name in frame.columns[1:]:
            due = [expected(event[name], frame[name]) for event in events]
            assert [plain(value) for value in frame[name]] == due, name


def plain(value):
    return int(value.timestamp() * 1000) if hasattr(value, "timestamp") else value


def expected(value, column):
    if isinstance(column.dtype, pl.Decimal):
        return None if value is None else Decimal(value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, separators=(",", ":"))
    return value


def test_amounts_are_decimals_and_never_floats(result):
    frame = result.events_of("filled")
    amounts = {"reference", "price", "quantity", "fee", "cash"}
    assert {name for name, kind in frame.schema.items() if isinstance(kind, pl.Decimal)} == amounts
    assert not any(kind.is_float() for kind in frame.schema.values())


@pytest.mark.parametrize("kind", ["profit", "", "Filled", "<b>"])
def test_an_unknown_type_of_event_is_rejected_with_the_known_types(result, kind):
    with pytest.raises(safla.UsageError, match="filled, trade_closed"):
        result.events_of(kind)


def test_a_type_of_event_that_did_not_occur_is_an_empty_frame_with_its_columns(result):
    frame = frames.events_of(result.journal, "order_expired")
    assert frame.columns == ["n", "ts", "symbol", "order", "side", "reason"]


def test_every_frame_can_be_written_as_csv_with_exact_amounts(result, written, tmp_path):
    for name, frame in {"trades": result.trades, "equity": result.equity, "events": result.events}.items():
        frame.write_csv(tmp_path / f"{name}.csv")
        assert pl.read_csv(tmp_path / f"{name}.csv", infer_schema=False).height == frame.height
    for kind in ("filled", "trade_closed", "halted", "order_placed", "run_started"):
        result.events_of(kind).write_csv(tmp_path / "events.csv")
    texts = pl.read_csv(tmp_path / "trades.csv", infer_schema=False)
    closed = of_type(written, "trade_closed")
    assert texts["net"].to_list() == [event["net"] for event in closed]
    assert [Decimal(one) for one in texts["entry"]] == [Decimal(event["entry"]) for event in closed]


def test_a_trade_has_its_closing_event_and_whether_its_exit_was_ambiguous(result, written):
    frame = result.trades
    closed = of_type(written, "trade_closed")
    doubts = {event["trade"]: event["ambiguous"] for event in of_type(written, "filled") if event["side"] == "sell"}
    assert frame.columns == [
        "symbol", "trade", "opened", "closed", "duration_seconds", "quantity", "entry", "exit", "gross", "fees", "net",
        "reason", "ambiguous", "net_pct", "r", "mae", "mfe",
    ]  # fmt: skip
    kinds = [frame[name].dtype for name in ("opened", "closed", "duration_seconds")]
    assert kinds == [UTC_MS, UTC_MS, pl.Int64]
    for name in ("quantity", "entry", "exit", "gross", "fees", "net"):
        assert frame[name].to_list() == [Decimal(event[name]) for event in closed]
    for name in ("symbol", "trade", "reason"):
        assert frame[name].to_list() == [event[name] for event in closed]
    assert frame["closed"].dt.timestamp("ms").to_list() == [event["ts"] for event in closed]
    held = [(event["ts"] - event["opened"]) // 1000 for event in closed]
    assert frame["duration_seconds"].to_list() == held
    assert frame["ambiguous"].to_list() == [doubts[event["trade"]] for event in closed]
    assert any(frame["ambiguous"])


def test_amounts_in_the_frames_add_up_exactly(result, written):
    ended = of_type(written, "run_ended")[0]
    assert result.trades["net"].sum() == Decimal(ended["realised"])
    assert (result.trades["gross"] - result.trades["fees"]).to_list() == result.trades["net"].to_list()
    assert result.equity["equity"][-1] == Decimal(ended["equity"])


def test_equity_is_daily_and_its_drawdown_matches_the_summary(result, written):
    frame = result.equity
    assert frame.schema == {"ts": UTC_MS, "equity": frame["equity"].dtype, "drawdown": pl.Float64}
    assert isinstance(frame["equity"].dtype, pl.Decimal)
    marks = dict(zip(frame["ts"].dt.timestamp("ms"), frame["equity"], strict=True))
    days = of_type(written, "day_started")
    assert len(days) > 30
    for day in days[1:]:
        before = max(ts for ts in marks if ts < day["ts"])
        assert marks[before] == Decimal(day["equity"])
    assert float(f"{frame['drawdown'].max():.12g}") == result.summary["max_drawdown"]
    assert frame["drawdown"].min() >= 0


def test_the_lookback_is_not_part_of_the_equity(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    changes = {"data.start": "2024-01-10", "market_data.lookback_candles": 24}
    result = safla.run(tmp_path / "small.yaml", out=tmp_path / "run", set=changes)
    assert str(result.equity["ts"][0]) == "2024-01-10 00:00:00+00:00"
    assert result.equity["equity"][0] == 100_000


def test_a_run_without_a_trade_has_empty_frames_of_the_same_columns(tmp_path, result):
    asked = {"data": {"source": "synthetic", "synthetic": {"candles": 5}}}
    short = safla.run(asked, out=tmp_path / "run")
    assert short.trades.height == 0
    assert {name: kind.base_type() for name, kind in short.trades.schema.items()} == {
        name: kind.base_type() for name, kind in result.trades.schema.items()
    }
    assert any("before its first signal" in note for note in short.notes)
    assert "no trade was closed" in short._repr_html_()


def test_a_notebook_shows_disabled_limits_and_synthetic_candles(tmp_path):
    asked = {"data": {"source": "synthetic", "synthetic": {"candles": 90}}, "risk": {"stop_loss_pct": None}}
    result = safla.run(asked, out=tmp_path / "run")
    assert "; no stop loss;" in repr(result)
    assert "<tr><th>limits off</th><td>no stop loss</td></tr>" in result._repr_html_()
    assert "<tr><th>source</th><td>synthetic, trends built in</td></tr>" in result._repr_html_()


def test_frames_are_made_once_and_only_on_request(tmp_path):
    result = safla.run({"data": {"source": "synthetic", "synthetic": {"candles": 90}}}, out=tmp_path / "run")
    events = result.events
    result.journal.unlink()
    assert result.events is events
    with raises_code(safla.JournalError, "journal_not_found"):
        result.events_of("filled")


@given(st.lists(st.integers(-(2**62), 2**62), max_size=20), st.integers(0, 18))
def test_integers_are_converted_to_decimals_exactly(units, places):
    found = frames._decimals(units, places)
    assert found.dtype == pl.Decimal(frames.DIGITS, places)
    assert found.to_list() == [Decimal(to_text(one, places)) for one in units]


# --- In a notebook ---------------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """The tags and attributes of a text."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(attrs)))


def test_a_result_is_displayed_as_a_paragraph_and_as_a_small_table(result):
    assert re.fullmatch(r"<safla\.Result Small: BTC/USDT ETH/USDT 1h, .* net profit .*, [\d,]+ lines>", repr(result))
    assert len(repr(result)) < 600
    shown = result._repr_html_()
    assert {tag for tag, _ in Tags(shown).found} == {"table", "caption", "tr", "th", "td"}
    assert "net profit" in shown


def test_hostile_names_are_displayed_harmlessly(tmp_path):
    hostile = "<img src=x onerror='alert(1)'>&\u202e\x1b[2J\n<script>"
    asked = {"system": {"name": "R&D's +1"}, "data": {"source": "synthetic", "synthetic": {"candles": 90}}}
    result = safla.run(asked, out=tmp_path / hostile)
    assert Path(result.folder).is_dir()
    shown = result._repr_html_()
    assert {(tag, attributes) for tag, attributes in Tags(shown).found} == {
        (tag, ()) for tag in ("table", "caption", "tr", "th", "td")
    }
    assert "R&amp;D&#x27;s +1" in shown
    for text in (shown, repr(result)):
        assert text.isprintable()
        assert "://" not in text


def test_trades_have_their_adverse_and_favourable_excursions(result):
    frame = result.trades
    assert frame["mae"].min() >= 0
    assert frame["mfe"].min() >= 0
    assert max(frame["mae"]) == pytest.approx(result.summary["worst_mae"], rel=1e-11)
    assert frame["net_pct"].to_list() == pytest.approx(
        [
            float(net / (entry * quantity))
            for net, entry, quantity in frame.select("net", "entry", "quantity").iter_rows()
        ]
    )
    assert frame["r"].null_count() == 0
