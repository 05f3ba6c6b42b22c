"""A backtest gives the same bytes however it is divided, interpreted or compiled; a new start continues it."""

import numpy as np
import pytest

from safla.core import engine
from safla.core import values as v
from safla.errors import ConfigError, DataError, Finding, Interrupted, JournalError
from safla.journal import append
from safla.runs import runner
from safla.runs.backtest import prepare
from safla.runs.interrupt import Flag
from tests.compiled_engine import needs_library
from tests.errors import raises_code
from tests.small_runs import journal, rehashed, run, small

HOUR = 3_600_000
FIRST = 1_704_067_200_000  # 2024-01-01


@pytest.fixture
def undisturbed(tmp_path):
    run(small(tmp_path), tmp_path / "undisturbed")
    return journal(tmp_path / "undisturbed")


def test_a_run_writes_only_its_inputs_and_its_journal(tmp_path):
    ended = run(small(tmp_path), tmp_path / "run")
    names = {path.name for path in ended.folder.iterdir()}
    assert names == {"journal.jsonl", "candles.parquet", "config.yaml", "head", "lock"}
    assert ended.lines == journal(ended.folder).count(b"\n")
    assert journal(ended.folder).splitlines()[-1].endswith(b'"h":"%b"}' % ended.last_hash.encode())
    assert not ended.again


def test_files_of_a_run_are_private_to_the_user(tmp_path):
    ended = run(small(tmp_path), tmp_path / "run")
    assert ended.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in ended.folder.iterdir()} == {0o600}


def test_running_again_confirms_the_existing_journal(tmp_path, undisturbed):
    again = run(small(tmp_path), tmp_path / "undisturbed")
    assert again.again
    assert journal(tmp_path / "undisturbed") == undisturbed


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.999])
def test_a_journal_interrupted_anywhere_is_completed_to_the_same_bytes(tmp_path, undisturbed, kept):
    # given the run folder of a process that died, in the middle of a line
    path = tmp_path / "undisturbed" / "journal.jsonl"
    path.write_bytes(undisturbed[: int(len(undisturbed) * kept)])
    path.with_name("head").unlink()
    # when
    ended = run(small(tmp_path), tmp_path / "undisturbed")
    # then
    assert not ended.again
    assert path.read_bytes() == undisturbed


def test_a_damaged_journal_is_rejected_and_not_modified(tmp_path, undisturbed):
    path = tmp_path / "undisturbed" / "journal.jsonl"
    damaged = undisturbed[:5000] + b"#" + undisturbed[5001:]
    path.write_bytes(damaged)
    with raises_code(JournalError, "chain_broken"):
        run(small(tmp_path), tmp_path / "undisturbed")
    assert path.read_bytes() == damaged


def test_a_journal_with_different_decisions_is_reported_with_both_lines_and_not_modified(tmp_path, undisturbed):
    path = tmp_path / "undisturbed" / "journal.jsonl"
    path.with_name("head").unlink()
    changed = rehashed(undisturbed.replace(b'"reason":"stop_loss"', b'"reason":"trailing_stop"', 1))
    path.write_bytes(changed)
    with raises_code(Finding, "journal_differs") as caught:
        run(small(tmp_path), tmp_path / "undisturbed")
    assert path.read_bytes() == changed
    there, now = caught.value.details
    assert "trailing_stop" in there
    assert "stop_loss" in now


def test_a_folder_of_another_plan_is_rejected_with_each_key_and_both_values(tmp_path, undisturbed):
    with raises_code(ConfigError, "plan_differs") as caught:
        run(small(tmp_path, "risk.stop_loss_pct=0.01", "system.version='2'"), tmp_path / "undisturbed")
    assert [problem.key for problem in caught.value.problems] == ["risk.stop_loss_pct", "system.version"]
    assert "the journal has 0.02, this run has 0.01" in str(caught.value)
    assert journal(tmp_path / "undisturbed") == undisturbed


def test_a_folder_with_other_candles_is_rejected_by_their_digest(tmp_path, undisturbed):
    with raises_code(JournalError, "other_run"):
        run(small(tmp_path, "data.synthetic.holes=2"), tmp_path / "undisturbed")
    assert journal(tmp_path / "undisturbed") == undisturbed


def test_a_journal_with_lines_after_its_end_is_rejected(tmp_path, undisturbed):
    path = tmp_path / "undisturbed" / "journal.jsonl"
    path.write_bytes(undisturbed + b"more\n")
    with raises_code(JournalError, "chain_broken"):
        run(small(tmp_path), tmp_path / "undisturbed")


def test_an_interrupted_run_keeps_its_journal_and_continues_to_the_same_bytes(tmp_path, undisturbed, monkeypatch):
    monkeypatch.setattr(engine, "MAX_BLOCK", 200)
    flag = Flag()

    def stop(progress):
        if progress.done >= 600:
            flag.signal = 15

    with raises_code(Interrupted, "interrupted") as caught:
        run(small(tmp_path), tmp_path / "run", watch=stop, flag=flag)
    assert caught.value.exit_code == 143
    part = journal(tmp_path / "run")
    assert undisturbed.startswith(part)
    assert 0 < len(part) < len(undisturbed)
    run(small(tmp_path), tmp_path / "run")
    assert journal(tmp_path / "run") == undisturbed


@pytest.mark.parametrize("kept", [1, 100_000])
def test_appended_lines_are_not_mistaken_for_existing_lines(tmp_path, undisturbed, monkeypatch, kept):
    monkeypatch.setattr(engine, "MAX_BLOCK", 100)
    monkeypatch.setattr(append, "BATCH", 4096)
    path = tmp_path / "undisturbed" / "journal.jsonl"
    path.write_bytes(undisturbed[:kept])
    path.with_name("head").unlink()
    run(small(tmp_path), tmp_path / "undisturbed")
    assert path.read_bytes() == undisturbed


@pytest.mark.parametrize(("candles", "rows"), [(2, 0), (14, 0), (65_536, 0), (200, 3)])
def test_any_partition_into_blocks_gives_the_same_journal(tmp_path, undisturbed, monkeypatch, candles, rows):
    monkeypatch.setattr(engine, "MAX_BLOCK", candles)
    monkeypatch.setattr(runner, "ROWS_A_CALL", rows)
    run(small(tmp_path), tmp_path / "run")
    assert journal(tmp_path / "run") == undisturbed


def test_interpreted_and_compiled_give_the_same_journal(tmp_path, undisturbed):
    needs_library()
    run(small(tmp_path), tmp_path / "run", engine="compiled")
    assert journal(tmp_path / "run") == undisturbed


def test_the_journal_of_the_first_candles_is_a_prefix_of_the_journal_of_all(tmp_path):
    """Promise 2: only the closing lines come after the last candle, and only they differ (J3)."""
    detail = "journal.detail=candles"
    end = FIRST + 500 * HOUR
    run(small(tmp_path, detail), tmp_path / "all")
    run(small(tmp_path, detail, f"data.end={end}"), tmp_path / "first")
    whole, part = journal(tmp_path / "all").splitlines(), journal(tmp_path / "first").splitlines()
    same = next(i for i, (one, other) in enumerate(zip(whole, part, strict=False)) if one != other)
    closing = part[same:]
    assert same > 500
    assert closing[-1].count(b'"type":"run_ended"') == 1
    assert all(b'"end_of_data"' in line or b'"trigger":"stop"' in line for line in closing[:-1])


@pytest.mark.parametrize(("lower", "higher"), [("trades", "decisions"), ("decisions", "candles")])
def test_a_lower_detail_is_the_higher_detail_with_lines_left_out(tmp_path, lower, higher):
    for detail in (lower, higher):
        run(small(tmp_path, f"journal.detail={detail}"), tmp_path / detail)
    few, many = (
        [line[line.index(b'"e":') : -38] for line in journal(tmp_path / detail).splitlines()]
        for detail in (lower, higher)
    )
    rest = iter(many[1:])
    assert len(few) < len(many)
    assert all(event in rest for event in few[1:])  # in order: `in` consumes the iterator


def test_the_lookback_comes_before_the_start_and_is_never_traded(tmp_path):
    start = FIRST + 400 * HOUR
    prepared = prepare(small(tmp_path, f"data.start={start}", "market_data.lookback_candles=20"))
    assert prepared.run.plan.rules.start_ts == start
    assert {int(one.columns.ts[0]) for one in prepared.series} == {start - 20 * HOUR}


def test_without_a_start_there_is_no_lookback(tmp_path):
    prepared = prepare(small(tmp_path))
    assert prepared.run.plan.rules.start_ts == FIRST == int(prepared.series[0].columns.ts[0])


def test_a_window_without_candles_is_rejected_with_the_available_range(tmp_path):
    with raises_code(DataError, "no_candles_in_period", match="2024-01-01T00:00Z"):
        prepare(small(tmp_path, "data.start=2031-01-01"))


def test_fewer_candles_than_the_warm_up_are_a_notice_but_not_an_error(tmp_path):
    said = []
    ended = run(small(tmp_path, f"data.end={FIRST + 5 * HOUR}"), tmp_path / "run", say=said.append)
    assert ended.lines > 0
    assert any("needs 9 before its first signal" in text for text in said)


PRICED = """\
symbols: {primary: [BTC/USDT]}
data: {source: csv, path: candles.csv}
strategy: {fast_period: 1, slow_period: 2}
risk: {max_daily_loss_pct: 0.05}
"""


def notes_of(folder, prices, *sets):
    """Returns the notes of a run over hours at these prices, each of them open, high, low and close."""
    rows = [f"{1_704_067_200_000 + 3_600_000 * place},{f'{price},' * 4}1000" for place, price in enumerate(prices)]
    (folder / "candles.csv").write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")
    said = []
    run(small(folder, *sets, text=PRICED), folder / "run", say=said.append)
    return [note for note in said if note.startswith("the tick of ")]


MORE = "; a market order may pay a whole tick, more than max_slippage_bps"


@pytest.mark.parametrize(
    ("prices", "sets", "note"),
    [
        (["0.00000002", "0.00000003"], (), f"50 % of its price (0.00000001 of 0.00000002){MORE}"),
        (["0.00000300", "0.00000002"], (), f"50 % of its lowest price (0.00000001 of 0.00000002){MORE}"),
        (["1.99", "2.01"], (), f"0.503 % of its price (0.01 of 1.99){MORE}"),
        (["1.99"], ("simulation.slippage.max_slippage_bps=0", "simulation.slippage.base_bps=0"),
         f"0.503 % of its price (0.01 of 1.99){MORE}"),
        (["43000"], ("markets.BTC/USDT={tick: 500}",), f"1.163 % of its price (500 of 43000){MORE}"),
    ],
)  # fmt: skip
def test_a_tick_larger_than_the_maximum_slippage_is_noted_once(tmp_path, prices, sets, note):
    assert notes_of(tmp_path, prices, *sets) == [f"the tick of BTC/USDT is {note}"]


@pytest.mark.parametrize("sets", [(), ("simulation.slippage.max_slippage_bps=500",)])
def test_a_tick_within_the_maximum_slippage_is_not_noted(tmp_path, sets):
    price = "0.00000201" if not sets else "0.00000021"  # a tick is nearly 0.5 % and 5 % of it
    assert notes_of(tmp_path, [price] * 3, *sets) == []


def test_an_exceeded_bound_ends_the_run_with_symbol_and_time(tmp_path):
    """D1: prices so high that a position would exceed 2**62 units of money are rejected, and nothing overflows."""
    text = """\
symbols: {primary: [BTC/USDT]}
data: {source: csv, path: candles.csv}
strategy: {fast_period: 1, slow_period: 2, entry_threshold_pct: 0, max_position_size_usd: 100000}
risk: {stop_loss_pct: null, take_profit_pct: null, max_portfolio_exposure_pct: 1}
market_data: {lookback_candles: 3}
simulation: {initial_balance_usd: 1000000000}
"""
    closes = [20, 20, 10, 30, 30, 4_000_000_000_000]
    rows = [f"{FIRST + i * HOUR},{close},{close},{close},{close},1000" for i, close in enumerate(closes)]
    (tmp_path / "candles.csv").write_text("\n".join(rows) + "\n")
    with raises_code(DataError, "amount_overflow", match="BTC/USDT: at 2024-01-01T05:00Z"):
        run(small(tmp_path, text=text), tmp_path / "run")
    assert journal(tmp_path / "run").count(b'"type":"filled"') == 1


def test_the_result_holds_the_equity_of_every_candle(tmp_path):
    ended = run(small(tmp_path), tmp_path / "run")
    assert len(ended.outcome.ts) == len(ended.outcome.equity) == len(np.unique(ended.outcome.ts))
    assert int(ended.outcome.equity[-1]) == int(ended.outcome.state.account[v.EQUITY])
