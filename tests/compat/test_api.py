"""run and replay from Python do the same as the commands without changing the process; strategies by name."""

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import safla
from safla import cli
from safla.api.registered import registered
from tests.compat.samples import Breakout, Raising, Seeing, carrying
from tests.errors import raises_code
from tests.small_runs import SMALL, rehashed

MINE = {"strategy.name": "mine", "strategy.parameters": {"candles": 3}, "strategy.entry_threshold_pct": 0.01}


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    return "small.yaml"


def test_a_run_from_python_equals_the_run_of_the_command_in_the_same_folder(config, capsys):
    cli.main(["run", config, "--json", "--quiet"])
    printed = json.loads(capsys.readouterr().out)
    result = safla.run(config)
    assert (str(result.folder), result.lines, result.last_hash) == (
        printed["run"], printed["journal_lines"], printed["journal_hash"],
    )  # fmt: skip
    assert result.same_journal
    assert result.journal == Path(printed["run"]) / "journal.jsonl"
    assert result.summary == json.loads((result.folder / "summary.json").read_text())


def test_the_command_confirms_a_run_written_from_python(config, capsys):
    result = safla.run(config)
    assert not result.same_journal
    cli.main(["run", config, "--json", "--quiet"])
    assert json.loads(capsys.readouterr().out)["same_journal"]


def test_an_interrupted_run_is_continued(config):
    whole = safla.run(config, out="run").journal.read_bytes()
    Path("run/head").unlink()
    Path("run/journal.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:50]) + b'{"n":51')
    result = safla.run(config, out="run")
    assert result.journal.read_bytes() == whole
    assert not result.same_journal
    assert any("torn line 51" in note for note in result.notes)


def test_a_dict_a_path_a_loaded_configuration_and_config_yaml_give_the_same_run(config):
    Path("config.yaml").write_text(SMALL)
    sections = {"system": {"name": "Small"}, "symbols": {"primary": ["BTC/USDT", "ETH/USDT"]}}
    sections["data"] = {"source": "synthetic", "synthetic": {"candles": 900, "holes": 3}}
    sections["strategy"] = {"fast_period": 3, "slow_period": 8, "entry_threshold_pct": 0, "exit_threshold_pct": 0}
    sections["market_data"] = {"lookback_candles": 9}
    sections["risk"] = {
        "max_daily_loss_pct": 0.002, "trailing_stop_pct": 0.03, "drawdown_pause_days": 2, "max_drawdown_pct": 0.02
    }  # fmt: skip
    given = [sections, "config.yaml", Path("config.yaml"), safla.load_config("config.yaml"), None]
    assert len({safla.run(one).folder for one in given}) == 1


@pytest.mark.parametrize(
    "given", [{"risk.stop_loss_pct": 0.01}, ["risk.stop_loss_pct=0.01"], "risk.stop_loss_pct=0.01"]
)
def test_overrides_as_values_equal_overrides_as_texts(config, given):
    assert safla.run(config, set=given, out="one").last_hash != safla.run(config, out="two").last_hash
    assert '"risk.stop_loss_pct":"0.01"' in Path("one/journal.jsonl").read_text()


def test_environment_variables_apply_as_for_the_command(config, monkeypatch):
    monkeypatch.setenv("SAFLA__RISK__STOP_LOSS_PCT", "0.015")
    assert safla.load_config(config).config.risk.stop_loss_pct * 1000 == 15


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"config": "nowhere.yaml"}, safla.ConfigError, "nowhere.yaml"),
        ({"set": {"risk.stop_los_pct": 1}}, safla.ConfigError, "did you mean stop_loss_pct"),
        ({"set": ["risk"]}, safla.UsageError, "KEY=VALUE"),
        ({"set": {"data.start": "2031-01-01"}}, safla.DataError, "no candle between"),
        ({"set": {"data.source": "exchange"}}, safla.ConfigError, "data.start: no candles of .* are stored"),
        ({"out": ""}, safla.UsageError, "out: expected a path, got an empty text"),
        ({"out": "small.yaml"}, safla.HostError, "small.yaml"),
        ({"set": {"strategy.name": "mine"}}, safla.ConfigError, "mine is not registered"),
        ({"strategies": {"sma_crossover": Breakout()}}, safla.ConfigError, "is the name of a built-in strategy"),
        ({"strategies": {"no name": Breakout()}}, safla.ConfigError, "is not a valid name"),
        ({"strategies": {"mine": lambda candles, parameters: None}}, safla.StrategyError, "mine: has no warm_up"),
        ({"strategies": {"mine": 5}}, safla.StrategyError, "mine: is not callable"),
        (
            {"strategies": {"mine": Breakout}},
            safla.StrategyError,
            r"is the class Breakout; pass an object: Breakout\(\)",
        ),
        (
            {"strategies": [Breakout()]},
            safla.UsageError,
            r"strategies: expected a dict .* got a list; pass strategies={'mine': function}",
        ),
        ({"strategies": Breakout()}, safla.UsageError, "expected a dict of names to functions, got a Breakout"),
    ],
)
def test_invalid_input_is_an_error_of_safla_before_anything_is_written(config, arguments, error, said):
    with pytest.raises(error, match=said):
        safla.run(**{"config": config, **arguments})
    assert not Path("logs").exists()


@pytest.mark.parametrize("more", [{"set": {"risk.stop_loss_pct": 0.01}}, {"symbols": "test"}])
def test_a_loaded_configuration_rejects_overrides(config, more):
    with pytest.raises(safla.UsageError, match="load_config"):
        safla.run(safla.load_config(config), **more)


def test_a_loaded_configuration_without_its_strategy_is_rejected_by_name(config):
    loaded = safla.load_config(config, set=MINE, strategies={"mine": Breakout()})
    with raises_code(safla.ConfigError, "strategy_unknown", match="mine"):
        safla.run(loaded)


def test_problems_are_listed_and_a_valid_configuration_has_none(config):
    assert safla.validate(config) == []
    problems = safla.validate(config, set={"risk.stop_loss_pct": 2, "strategy.fast_period": 9})
    assert {one.key for one in problems} == {"risk.stop_loss_pct", "strategy.fast_period"}
    assert {one.where for one in problems} == {"set"}


# --- Strategies from Python ------------------------------------------------------------------------------------------


def test_a_run_of_a_python_strategy_is_replayed_with_it_and_rejected_without_it(config, capsys):
    result = safla.run(config, set=MINE, strategies={"mine": Breakout()})
    assert result.summary["trades"] > 5
    assert safla.run(config, set=MINE, strategies={"mine": Breakout()}).same_journal
    assert safla.replay(result.folder, strategies={"mine": Breakout()}).holds
    with raises_code(safla.ConfigError, "strategy_unknown", match=r"strategy\.name: mine"):
        safla.replay(result.folder)
    for arguments in ([], ["--set", "risk.stop_loss_pct=0.01"], ["--until", "2024-01-05"], ["--watch", "max"]):
        assert cli.main(["replay", str(result.folder), *arguments]) == 3
        assert "mine is not registered" in capsys.readouterr().err


def test_a_replay_with_a_different_strategy_of_the_same_name_differs(config):
    result = safla.run(config, set=MINE, strategies={"mine": Breakout()})
    with raises_code(safla.ConfigError, "code_differs"):
        safla.replay(result.folder, strategies={"mine": _Never()})
    found = safla.replay(result.folder, strategies={"mine": _Never()}, other_code=True)
    assert not found
    assert not found.holds
    assert found.books.differing == 0
    assert found.decisions.difference is not None


class _Never(Breakout):
    def __call__(self, columns, parameters):
        signal, strength = super().__call__(columns, parameters)
        return signal * 0, strength * 0


def test_a_strategy_that_raises_is_named_with_symbol_and_candle(config):
    with pytest.raises(safla.StrategyError, match=r"strategy mine.*ZeroDivisionError.*BTC/USDT.*2024-02-07T14:00Z"):
        safla.run(config, set=MINE, strategies={"mine": Raising()})


def test_a_strategy_that_looks_ahead_is_detected_and_nothing_is_written(config):
    with raises_code(safla.Finding, "look_ahead", match="strategy mine"):
        safla.run(config, set=MINE, strategies={"mine": Seeing()}, out="run")
    assert not Path("run").exists()


def test_a_replay_checks_its_strategy_function_for_look_ahead(config):
    result = safla.run(config, set=MINE, strategies={"mine": Breakout()})
    with raises_code(safla.Finding, "look_ahead", match="strategy mine"):
        safla.replay(result.folder, strategies={"mine": Seeing()})


def test_the_run_folder_records_the_check_of_a_python_strategy_only(config):
    first = safla.run(config, set=MINE, strategies={"mine": Breakout()}, out="mine")
    report = json.loads(Path("mine/look_ahead.json").read_text())
    assert (report["strategy"], report["window"], report["cuts"]) == ("mine", None, 1_024)
    assert report["every_change_cut"] is True
    assert report["changes"] > 100
    assert report["candles"] == first.events_of("run_ended")["digest"][0]
    other = safla.run(config, set={**MINE, "risk.stop_loss_pct": 0.03}, strategies={"mine": Breakout()}, out="other")
    again = json.loads((other.folder / "look_ahead.json").read_text())
    assert {name for name in report if report[name] != again[name]} == {"plan"}
    assert safla.run(config, set=MINE, strategies={"mine": Breakout()}, out="mine").same_journal
    safla.run(config, out="ours")
    assert not Path("ours/look_ahead.json").exists()


def test_a_strategy_from_python_may_settle_sooner_after_a_gap_than_it_warms_up(config):
    strategy = Breakout()
    for settle, expected in ((None, 5), (2, 2), (lambda parameters: parameters["candles"], 3)):
        strategy.settle = settle
        assert registered({"mine": strategy})["mine"].settle({"candles": 3}) == expected
    strategy.settle = 6
    with pytest.raises(safla.StrategyError, match="its settle of 6 candles is longer than its warm_up of 5"):
        safla.simulate(config, set=MINE, strategies={"mine": strategy})


def test_a_window_is_checked_and_is_at_least_the_warm_up(config):
    for window in (5, lambda parameters: parameters["candles"] + 2):
        strategy = Breakout()
        strategy.window = window
        safla.run(config, set=MINE, strategies={"mine": strategy}, out="run")
        assert json.loads(Path("run/look_ahead.json").read_text())["window"] == 5
    strategy.window = 4
    with pytest.raises(safla.StrategyError, match="its window of 4 candles is shorter than its warm_up of 5"):
        safla.run(config, set=MINE, strategies={"mine": strategy}, out="run")
    strategy.window, strategy.warm_up = 4, 4
    with pytest.raises(safla.Finding, match="looks ahead, or needs more than its window of 4 candles"):
        safla.run(config, set=MINE, strategies={"mine": strategy}, out="run")


def test_a_strategy_gets_floats_integers_and_plain_numbers_as_parameters(config):
    seen = []

    class Noting(Breakout):
        warm_up = 5

        def __call__(self, candles, parameters):
            seen.append((candles, dict(parameters)))
            parameters["candles"] = 3
            return super().__call__(candles, parameters)

    parameters = {"candles": np.int64(3), "share": 0.1 + 0.2, "kind": "fast"}
    given = {**MINE, "strategy.parameters": parameters}
    safla.run(config, set=given, strategies={"mine": Noting()})
    candles, first = seen[0]
    assert first == {"candles": 3, "share": 0.3, "kind": "fast"}
    assert {type(one) for _, given in seen for one in given.values()} == {int, float, str}
    assert isinstance(candles, safla.Candles)
    assert (candles.symbol, candles.timeframe) == ("BTC/USDT", "1h")
    assert candles.close[0] == candles.units.close[0] / 10**candles.price_decimals
    assert {one.symbol for one, _ in seen} == {"BTC/USDT", "ETH/USDT"}


@pytest.mark.parametrize("warm_up", [5, np.int64(5), lambda parameters: parameters["candles"] + 2])
def test_the_warm_up_is_a_number_or_a_function_of_the_parameters(config, warm_up):
    expected = safla.run(config, set=MINE, strategies={"mine": Breakout()}, out="one").last_hash
    assert safla.run(config, set=MINE, strategies={"mine": carrying(warm_up)}, out="two").last_hash == expected


def test_a_strategy_that_is_given_but_not_configured_is_reported(config):
    notes = safla.run(config, strategies={"mine": Breakout()}).notes
    assert any("strategy.name is sma_crossover, so mine is not used; choose it with" in note for note in notes)
    assert not any(
        "is not asked" in note for note in safla.run(config, set=MINE, strategies={"mine": Breakout()}).notes
    )


# --- On paper --------------------------------------------------------------------------------------------------------

PAPER = {**MINE, "mode": "paper", "paper.source": "replay", "paper.speed": "max"}
SHORT = {**PAPER, "data.synthetic.candles": 200}


def test_a_paper_run_from_python_equals_the_backtest_of_its_candles(config):
    updates, mine = [], {"mine": Breakout()}
    result = safla.run(config, set=PAPER, strategies=mine, out="paper", progress=updates.append)
    past = safla.run(config, set={**MINE, "journal.detail": "candles"}, strategies=mine, out="past")
    assert result.journal.read_bytes() == past.journal.read_bytes()
    assert result.summary["net_profit"] == past.summary["net_profit"]
    assert result.summary == json.loads(Path("paper/summary.json").read_text())
    assert result.trades.equals(past.trades)
    assert updates[-1].done == 1800
    assert safla.replay("paper", strategies=mine)
    again = safla.run(config, set=PAPER, strategies=mine, out="paper")
    assert again.same_journal
    assert any("has ended" in note for note in again.notes)


def test_an_interrupted_paper_run_from_python_is_continued(config):
    mine = {"mine": Breakout()}
    whole = safla.run(config, set=SHORT, strategies=mine, out="paper").journal.read_bytes()
    Path("paper/head").unlink()
    Path("paper/journal.jsonl").write_bytes(whole[: len(whole) // 2])
    assert safla.run(config, set=SHORT, strategies=mine, out="paper").journal.read_bytes() == whole


def test_a_paper_run_can_be_called_in_a_thread_or_a_running_event_loop_as_in_a_notebook(config, capfd):
    before = state_of_process()
    expected = safla.run(config, set=SHORT, strategies={"mine": Breakout()}, out="one").last_hash
    with ThreadPoolExecutor(1) as pool:
        threaded = pool.submit(safla.run, config, set=SHORT, strategies={"mine": Breakout()}, out="two").result()

    async def notebook():
        return safla.run(config, set=SHORT, strategies={"mine": Breakout()}, out="three")

    assert {threaded.last_hash, asyncio.run(notebook()).last_hash} == {expected}
    assert state_of_process() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("warm_up", [0, -1, 1.5, True, None, 1_000_001])
def test_a_warm_up_that_is_not_a_number_of_candles_is_rejected(config, warm_up):
    with raises_code(safla.StrategyError, "invalid_strategy", match="strategy mine: warm_up"):
        safla.run(config, set=MINE, strategies={"mine": carrying(lambda parameters: warm_up)})


def test_an_error_in_the_warm_up_function_is_a_strategy_error(config):
    with pytest.raises(safla.StrategyError, match=r"strategy mine: warm_up raised KeyError.*period"):
        safla.run(config, set=MINE, strategies={"mine": carrying(lambda parameters: parameters["period"])})


def test_the_lookback_is_as_long_as_the_warm_up_unless_it_is_configured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {"data": {"source": "synthetic", "synthetic": {"candles": 300}}, "strategy": {"name": "mine"}}
    mine = {"mine": carrying(lambda parameters: 150)}
    result = safla.run(asked, strategies=mine)
    assert '"market_data.lookback_candles":"150"' in result.journal.read_text()
    assert safla.replay(result.folder, strategies=mine)
    with pytest.raises(
        safla.ConfigError, match=r"lookback_candles: expected at least the warm-up of 150 candles, got 120"
    ):
        safla.run(asked, set={"market_data.lookback_candles": 120}, strategies=mine)


def test_a_registered_python_strategy_does_not_affect_built_in_strategies(config):
    alone, beside = safla.run(config, out="one"), safla.run(config, out="two", strategies={"mine": Breakout()})
    assert alone.last_hash == beside.last_hash


# --- A replay --------------------------------------------------------------------------------------------------------


def test_a_replay_of_a_journal_with_different_decisions_does_not_succeed(config):
    result = safla.run(config)
    (result.folder / "head").unlink()
    text = result.journal.read_bytes().replace(b'"reason":"stop_loss"', b'"reason":"take_profit"', 1)
    result.journal.write_bytes(rehashed(text))
    found = safla.replay(result.journal)
    assert not found
    assert found.decisions.difference.fields == ("reason",)
    assert found.chain.lines == result.lines


def test_a_damaged_chain_is_an_error(config):
    result = safla.run(config)
    result.journal.write_bytes(result.journal.read_bytes().replace(b'"signal"', b'"sginal"', 1))
    with raises_code(safla.JournalError, "chain_broken"):
        safla.replay(result.folder)


# --- The process -----------------------------------------------------------------------------------------------------


def state_of_process():
    umask = os.umask(0o022)
    os.umask(umask)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    root = logging.getLogger()
    return umask, os.getcwd(), handlers, sys.stdout, sys.stderr, root.level, list(root.handlers), dict(os.environ)


def test_a_call_prints_nothing_and_does_not_change_the_process(config, capfd):
    before = state_of_process()
    result = safla.run(config)
    safla.replay(result.folder)
    assert result.trades.height > 0
    assert state_of_process() == before
    assert capfd.readouterr() == ("", "")


def test_progress_is_shown_only_on_request(config):
    updates = []
    safla.run(config, progress=updates.append)
    assert updates[-1].done == updates[-1].total == 1800


def test_eight_threads_write_the_same_runs_as_single_calls(config):
    sets = [[f"risk.stop_loss_pct=0.0{n}"] for n in range(1, 9)]
    alone = [safla.run(config, set=one, out=f"alone-{n}").journal.read_bytes() for n, one in enumerate(sets)]
    together = threading.Barrier(len(sets))

    def called(n):
        together.wait()
        return safla.run(config, set=sets[n], out=f"together-{n}").journal.read_bytes()

    with ThreadPoolExecutor(len(sets)) as pool:
        assert list(pool.map(called, range(len(sets)))) == alone
    assert len(set(alone)) == len(sets)


def test_threads_do_not_change_the_process(config):
    """If a call changed something for a while, such as sys.stdout, another call would restore the wrong value."""
    before = state_of_process()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: safla.run(config, out=f"run-{n}"), range(16)))
    assert state_of_process() == before


def test_one_of_two_threads_on_the_same_folder_is_rejected(config):
    first, second = threading.Event(), threading.Event()

    def hold(progress):
        first.set()
        assert second.wait(timeout=20)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(safla.run, config, out="run", progress=hold)
        assert first.wait(timeout=20)
        with raises_code(safla.HostError, "run_locked"):
            safla.run(config, out="run")
        second.set()
        assert running.result().same_journal is False
    assert safla.run(config, out="run").same_journal
