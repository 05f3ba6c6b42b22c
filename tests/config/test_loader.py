"""Loading files, variables and options: one valid configuration, or all problems at once (fault rows 50-54)."""

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safla.config.loader import Loaded, load, load_mapping
from safla.config.paths import written
from safla.errors import ConfigError, UsageError
from tests.errors import raises_code

SEED = Path(__file__).with_name("seed-config.yaml")


def refused(text: str, folder: Path) -> list[str]:
    (folder / "c.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load(folder / "c.yaml")
    return [str(problem).replace(f"{folder}/", "") for problem in error.value.problems]


def test_the_original_configuration_is_valid_unchanged() -> None:
    loaded = load(SEED)
    assert loaded.symbols == ("BTC/USDT",)
    assert loaded.config.risk.stop_loss_pct == Decimal("0.02")
    assert loaded.warnings == ()


def bad_values() -> list[tuple[str, list[str]]]:
    """Return the cases of bad_values.txt: a configuration, and each expected problem after a >."""
    cases = []
    for case in Path(__file__).with_name("bad_values.txt").read_text().split("\n\n")[1:]:
        lines = case.splitlines()
        text = "\n".join(line for line in lines if not line.startswith("> "))
        cases.append((text, [line[2:] for line in lines if line.startswith("> ")]))
    return cases


BAD = bad_values()


@pytest.mark.parametrize(("text", "said"), BAD, ids=[text[:40] for text, _ in BAD])
def test_a_problem_names_its_place_key_value_and_what_is_allowed(text: str, said: list[str], tmp_path: Path) -> None:
    assert refused(text, tmp_path) == said


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "CON", "nul", "a\\0b", "x" * 300, "\\e[2J", "\\u202Etxt", ""])
def test_an_invalid_name_is_rejected_and_shown_without_control_characters(name: str, tmp_path: Path) -> None:
    (problem,) = refused(f'system: {{name: "{name}"}}', tmp_path)
    assert problem.startswith("c.yaml:1:16: system.name: ")
    assert problem.isprintable()


def test_all_problems_are_reported_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = "risk: {stop_loss_pct: 2}\nstrategy: {fast_period: 40}\nfoo: 1\nmarket_data: {lookback_candles: 1}\n"
    keys = [problem.split(": ")[1] for problem in refused(text, tmp_path)]
    assert keys == ["risk.stop_loss_pct", "strategy.fast_period", "foo", "market_data.lookback_candles"]


def test_a_rule_about_a_key_that_has_a_problem_is_not_also_reported(tmp_path: Path) -> None:
    said = refused("strategy: {slow_period: x, fast_period: 400}", tmp_path)
    assert len(said) == 1
    assert "strategy.slow_period" in said[0]


def test_a_secret_is_never_shown_wherever_it_is_set(tmp_path: Path) -> None:
    texts = [
        "exchange: {secret: hunter2}",
        "password: hunter2",
        "strategy: {parameters: {token_x: hunter2}}",
        "monitoring: {webhook: hunter2}",
        "x: {y: {api_key: hunter2}}",
    ]
    for text in texts:
        assert "hunter2" not in "".join(refused(text, tmp_path))
    with raises_code(ConfigError, "secret_not_needed") as error:
        load(None, sets=["exchange.apiKey=hunter2"], environment={"SAFLA__EXCHANGE__SECRET": "hunter2"})
    assert "hunter2" not in str(error.value)
    assert len(error.value.problems) == 2


def test_a_webhook_is_not_shown_in_the_text_of_a_configuration() -> None:
    loaded = load(None, environment={"SAFLA__MONITORING__WEBHOOK_URL": "https://example.org/hunter2"})
    assert loaded.config.monitoring.webhook_url is not None
    assert loaded.config.monitoring.webhook_url.get_secret_value().endswith("hunter2")
    assert "hunter2" not in repr(loaded)


def layered(tmp_path: Path) -> Loaded:
    (tmp_path / "base.yaml").write_text(
        "risk: {stop_loss_pct: 0.1, take_profit_pct: 0.1, cooldown_candles: 1}\nsystem: {name: base}\n"
    )
    (tmp_path / "run.yaml").write_text("extends: base.yaml\nrisk:\n  stop_loss_pct: 0.2\n  take_profit_pct: 0.2\n")
    environment = {"SAFLA__RISK__STOP_LOSS_PCT": "0.3", "SAFLA__SYMBOLS__TEST": "[ETH/USDT]", "OTHER": "x"}
    sets = ["risk.stop_loss_pct=0.4", "markets.BTC/USDT.tick=0.01", "markets.BTC/USDT={price_decimals: 2}"]
    return load(tmp_path / "run.yaml", sets=sets, environment=environment)


def test_later_sources_override_earlier_ones_and_maps_are_merged(tmp_path: Path) -> None:
    config = layered(tmp_path).config
    assert config.risk.stop_loss_pct == Decimal("0.4")
    assert config.risk.take_profit_pct == Decimal("0.2")
    assert config.risk.cooldown_candles == 1
    assert config.system.name == "base"
    assert config.symbols.test == ("ETH/USDT",)
    assert config.markets["BTC/USDT"].tick == Decimal("0.01")
    assert config.markets["BTC/USDT"].price_decimals == 2
    assert config.risk.max_daily_trades == 10


def test_every_value_has_its_origin(tmp_path: Path) -> None:
    loaded = layered(tmp_path)
    expected = {
        "risk.stop_loss_pct": "--set",
        "risk.take_profit_pct": f"{tmp_path}/run.yaml:4",
        "risk.cooldown_candles": f"{tmp_path}/base.yaml:1",
        "symbols.test": "SAFLA__SYMBOLS__TEST",
        "markets.BTC/USDT.tick": "--set",
        "risk.max_daily_trades": "default",
        "mode": "default",
    }
    assert {key: loaded.origins[key] for key in expected} == expected
    assert loaded.files == (f"{tmp_path}/base.yaml", f"{tmp_path}/run.yaml")


def test_a_problem_names_the_file_that_holds_the_line(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("\nrisk: {stop_loss_pct: 7}\n")
    assert refused("extends: base.yaml\n", tmp_path)[0].startswith(
        "base.yaml:2:23: risk.stop_loss_pct: expected a number > 0 and < 1"
    )


def test_a_cycle_of_extends_or_five_levels_of_extends_are_an_error(tmp_path: Path) -> None:
    assert refused("extends: c.yaml\n", tmp_path) == [
        "c.yaml:1:10: extends: c.yaml extends this file again; remove one"
    ]
    for depth in range(6):
        (tmp_path / f"{depth}.yaml").write_text(f"extends: {depth + 1}.yaml\n" if depth < 5 else "mode: backtest\n")
    assert load(tmp_path / "1.yaml").config.mode == "backtest"
    with raises_code(ConfigError, "invalid_extends") as error:
        load(tmp_path / "0.yaml")
    assert "more than 4 files deep" in str(error.value)
    assert f"{tmp_path}/4.yaml:1:10" in str(error.value)


def test_extends_is_limited_to_sixteen_files(tmp_path: Path) -> None:
    (tmp_path / "leaf.yaml").write_text("mode: backtest\n")
    (tmp_path / "wide.yaml").write_text(f"extends: [{', '.join(['leaf.yaml'] * 20)}]\n")
    with raises_code(ConfigError, "invalid_extends", match="more than 16 in all"):
        load(tmp_path / "wide.yaml")


def test_an_unknown_variable_is_rejected_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as error:
        load(None, environment={"SAFLA__RISK__STOP_LOS_PCT": "0.03", "SAFLA__MODE": "live", "SAFLA__EXTENDS": "x"})
    assert [str(problem) for problem in error.value.problems] == [
        "SAFLA__EXTENDS: extends: is allowed only in a file; write it there",
        'SAFLA__MODE: mode: expected backtest or paper, got "live"',
        "SAFLA__RISK__STOP_LOS_PCT: risk.stop_los_pct: unknown key; did you mean SAFLA__RISK__STOP_LOSS_PCT?",
    ]


def test_a_variable_names_a_symbol_in_capitals_and_its_key_in_any_case() -> None:
    loaded = load(None, environment={"SAFLA__MARKETS__BTC/USDT__PRICE_DECIMALS": "2"})
    assert loaded.config.markets["BTC/USDT"].price_decimals == 2


def test_an_option_that_is_not_an_assignment_is_a_usage_error() -> None:
    for text in ("risk.stop_loss_pct", "=1"):
        with raises_code(UsageError, "invalid_override"):
            load(None, sets=[text])


def test_a_value_of_an_option_that_is_not_yaml_is_reported_with_its_key() -> None:
    with raises_code(ConfigError, "invalid_yaml") as error:
        load(None, sets=["symbols.primary=[BTC/USDT"])
    assert str(error.value).startswith("--set: symbols.primary: not valid YAML: ")


def test_a_path_is_relative_to_the_file_that_contains_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "base.yaml").write_text("data: {source: csv, path: ['a/{symbol}.csv', b.csv]}\n")
    (tmp_path / "run.yaml").write_text("extends: sub/base.yaml\n")
    assert load(tmp_path / "run.yaml").config.data.path == (f"{tmp_path}/sub/a/{{symbol}}.csv", f"{tmp_path}/sub/b.csv")
    overlaid = load(tmp_path / "run.yaml", sets=["data.path=c.csv"])
    assert overlaid.config.data.path == (str(Path.cwd() / "c.csv"),)


def test_a_missing_path_is_a_warning_and_an_existing_path_is_not(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT-1h.csv").write_text("")
    (tmp_path / "run.yaml").write_text(
        'symbols: {primary: [BTC/USDT, ETH/USDT]}\ndata: {source: csv, path: "{symbol}-{timeframe}.*"}\n'
    )
    (warning,) = load(tmp_path / "run.yaml").warnings
    path = f"{tmp_path}/ETHUSDT-1h.*"
    assert warning == f"{tmp_path}/run.yaml:2: data.path: {path} does not exist; a run ends with exit 4"


def test_a_path_pattern_names_the_symbol_by_its_parts() -> None:
    pattern = "{base}-{quote}/{symbol}_{timeframe}_*"
    assert written(pattern, "BTC/USDT:USDT", timeframe="5m") == "BTC-USDT/BTCUSDT_5m_*"


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["exchange.sandbox=true"], "exchange.sandbox: test networks are wiped monthly"),
        (["market_data.timeframe=5m"], "strategy.entry_threshold_pct: high for this timeframe, it suits 1h and slower"),
        (["market_data.timeframe=1d"], "risk.max_daily_loss_pct: on 1d this limit can only flatten"),
        (["data.path=x.csv"], "data.path: is ignored"),
        (["monitoring.prometheus={bind: 0.0.0.0}"], "monitoring.prometheus.bind: other machines"),
        (["risk.break_even_after_pct=0.01"], "0.002003 covers those of entry and exit"),
    ],
)
def test_doubtful_values_are_warnings(sets: list[str], said: str) -> None:
    (warning,) = load(None, sets=sets).warnings
    assert said in warning


REPLAY = ["mode=paper", "paper.source=replay", "market_data.timeframe=1h"]
YEAR = ["data.start=2024-01-01", "data.end=2025-01-01"]
MADE = ["data.source=synthetic", "data.synthetic={candles: 1000}"]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ([*YEAR, "paper.speed=60x"], "60x: the replay of the candles of `data` takes about 6 days"),
        ([*YEAR, "paper.speed=1x"], "takes about 366 days; a higher speed or max is quicker"),
        ([*YEAR, "paper.speed=5000x"], "takes about 2 hours"),
        ([*MADE, "paper.speed=60x"], "takes about 17 hours"),
        ([*MADE, *YEAR, "data.start=2024-02-01", "paper.speed=200x"], "takes about 1 hour;"),
        (["data.start=2024-01-01", "data.end=2024-01-01T02:00:01Z"], "takes about 1 hour;"),
    ],
)
def test_a_replay_that_takes_more_than_an_hour_is_a_warning(sets: list[str], said: str) -> None:
    (warning,) = [one for one in load(None, sets=[*REPLAY, *sets]).warnings if "paper.speed" in one]
    assert said in warning


@pytest.mark.parametrize(
    "sets",
    [
        [*REPLAY, *YEAR, "paper.speed=max"],
        [*REPLAY, *YEAR, "paper.speed=9000x"],
        [*REPLAY, "data.start=2024-01-01", "data.end=2024-01-01T02:00:00Z"],  # an hour
        [*REPLAY, "data.start=2024-01-01"],  # nobody knows until when
        [*REPLAY, *MADE, "data.start=2030-01-01"],
        [*REPLAY, *YEAR, "mode=backtest"],
        [*REPLAY, *YEAR, "paper.source=stream"],
    ],
)
def test_a_short_replay_or_one_of_unknown_length_is_no_warning(sets: list[str]) -> None:
    assert not [one for one in load(None, sets=sets).warnings if "paper.speed" in one]


def test_the_test_list_of_symbols_is_used_if_it_is_requested() -> None:
    assert load(SEED, symbols="test").symbols == ("ETH/USDT",)
    with raises_code(ConfigError, "missing_value", match=r"symbols\.test: "):
        load(None, symbols="test")


def test_a_python_dict_gives_the_same_configuration_as_the_file() -> None:
    loaded = load_mapping(
        {"risk": {"stop_loss_pct": 0.03}, "symbols": {"primary": ["ETH/USDT"]}, "data": {"start": 1_700_000_000_000}}
    )
    same = load(None, sets=["risk.stop_loss_pct=0.03", "symbols.primary=[ETH/USDT]", "data.start=1700000000000"])
    assert loaded.config == same.config
    assert loaded.origins["risk.stop_loss_pct"] == "config"
    with pytest.raises(ConfigError, match=r"config: risk.stop_loss_pct: expected a number .*, got NaN"):
        load_mapping({"risk": {"stop_loss_pct": float("nan")}})


@pytest.mark.parametrize(
    ("key", "given", "taken", "said"),
    [
        ("risk.stop_loss_pct", 0.1 + 0.2, "0.3", ""),
        ("risk.stop_loss_pct", np.float64(0.03), "0.03", ""),
        (
            "risk.stop_loss_pct",
            np.linspace(0.01, 0.05, 7)[1],
            "0.016667",
            "0.016666666666666666 is rounded to 0.016667",
        ),
        ("risk.take_profit_pct", 1 / 3, "0.333333", "0.3333333333333333 is rounded to 0.333333 (6 decimals)"),
        ("simulation.slippage.base_bps", 2 / 3, "0.67", "0.6666666666666666 is rounded to 0.67 (2 decimals)"),
        ("simulation.initial_balance_usd", 1e5 / 3, "33333.333333333336", ""),
        ("strategy.fast_period", np.float64(5), "5", ""),
        ("strategy.fast_period", 5 + 1e-15, "5", ""),
        ("markets.BTC/USDT.tick", 0.1 * 3, "0.3", ""),
    ],
)
def test_a_float_is_rounded_to_the_decimals_of_its_key_with_a_note(
    key: str, given: float, taken: str, said: str
) -> None:
    *sections, name = key.split(".")
    nested: Any = {name: given}
    for section in reversed(sections):
        nested = {section: nested}
    for loaded, where in ((load(None, sets={key: given}), "set"), (load_mapping(nested), "config")):
        value: Any = loaded.config
        for part in key.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        assert value == Decimal(taken)
        notes = [one for one in loaded.warnings if "is rounded to" in one]
        assert [one.startswith(f"{where}: {key}: ") and said in one for one in notes] == ([True] if said else [])


def test_a_strategy_parameter_is_rounded_like_any_number() -> None:
    parameters = {"band": 0.1 + 0.2, "share": np.float64(0.5), "length": np.int64(7), "third": 1 / 3}
    loaded = load_mapping({"strategy": {"name": "mine", "parameters": parameters}}, strategies=["mine"])
    expected = {"band": Decimal("0.3"), "share": Decimal("0.5"), "length": 7, "third": Decimal("0.333333333333")}
    assert loaded.config.strategy.parameters == expected
    assert [type(one) for one in loaded.config.strategy.parameters.values()] == [Decimal, Decimal, int, Decimal]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            1e-9,
            "expected a number > 0 and < 1 with at most 6 decimals, or null (a fraction: 0.02 is 2 %), got 0.000000001",
        ),
        (float("inf"), "write a finite number"),
        (-0.1, "negative numbers are not allowed"),
        (Decimal("0.0166666"), "expected a number > 0 and < 1 with at most 6 decimals"),
    ],
)
def test_a_number_that_rounding_cannot_fix_is_an_error_with_the_allowed_values(given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(None, sets={"risk.stop_loss_pct": given})


def test_a_python_strategy_can_be_named_in_a_configuration() -> None:
    loaded = load_mapping(
        {"strategy": {"name": "mine", "parameters": {"length": 5, "band": 0.5, "kind": "fast"}}}, strategies=["mine"]
    )
    assert loaded.config.strategy.parameters == {"length": 5, "band": Decimal("0.5"), "kind": "fast"}


# --- Keys without a value --------------------------------------------------------------------------------------------

LIMITS = ("stop_loss_pct", "take_profit_pct", "max_daily_loss_pct", "max_drawdown_pct", "max_daily_trades")


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_without_a_value_is_an_error_wherever_it_is_set(name: str, tmp_path: Path) -> None:
    said = f"risk.{name}: has no value; write null to switch it off, or "
    (in_file,) = refused(f"risk:\n  {name}:\n", tmp_path)
    assert in_file.startswith(f"c.yaml:2:3: {said}leave the key out for the default ")
    variable = f"SAFLA__RISK__{name.upper()}"
    for empty in ("", "  "):
        with raises_code(ConfigError, "missing_value") as error:
            load(None, sets=[f"risk.{name}={empty}"], environment={variable: empty})
        assert [str(one) for one in error.value.problems] == [
            f"--set: {said}leave the option out",
            f"{variable}: {said}unset the variable",
        ]
    for call in (lambda: load(None, sets={f"risk.{name}": ""}), lambda: load_mapping({"risk": {name: " "}})):
        with pytest.raises(ConfigError, match=rf"risk\.{name}: has no value; write None to switch it off"):
            call()


@pytest.mark.parametrize("null", ["null", "~", "Null", "NULL"])
def test_an_explicit_null_switches_a_limit_off_with_one_notice(null: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(f"risk:\n  stop_loss_pct: {null}\n")
    loaded = load(tmp_path / "c.yaml", sets=[f"risk.max_drawdown_pct={null}"])
    assert loaded.config.risk.stop_loss_pct is None
    assert loaded.notices == (
        f"{tmp_path}/c.yaml:2: risk.stop_loss_pct: null: no stop loss",
        "--set: risk.max_drawdown_pct: null: no drawdown limit",
    )
    assert loaded.warnings == ()
    assert load(None).notices == ()


def test_sections_lists_and_maps_without_a_value_are_reported_with_all_other_problems(tmp_path: Path) -> None:
    text = (
        "extends:\nrisk:\nsymbols:\n  primary:\n    - ETH/USDT\n    -\n    - x\nsystem: {name: , foo: }\n"
        "markets:\n  BTC/USDT:\n    tick:\nmonitoring: {prometheus: }\nstrategy: {fast_period: 40}\n"
    )
    problems = [problem.split("; ")[0] for problem in refused(text, tmp_path)]
    assert problems == [
        "c.yaml:1:1: extends: has no value",
        "c.yaml:2:1: risk: has no value",
        "c.yaml:6:6: symbols.primary: an item has no value",
        'c.yaml:7:7: symbols.primary: expected a symbol such as BTC/USDT (BASE/QUOTE, letters A-Z and digits), got "x"',
        "c.yaml:8:10: system.name: has no value",
        "c.yaml:8:18: system.foo: unknown key",
        "c.yaml:11:5: markets.BTC/USDT.tick: has no value",
        "c.yaml:12:14: monitoring.prometheus: has no value",
        "c.yaml:13:25: strategy.fast_period: expected an integer < slow_period (30), got 40",
    ]


def test_an_override_does_not_hide_a_key_without_a_value_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("risk:\n  stop_loss_pct:\n")
    assert refused("extends: base.yaml\nrisk: {stop_loss_pct: 0.03}\n", tmp_path)[0].startswith(
        "base.yaml:2:3: risk.stop_loss_pct: has no value"
    )


# --- Misspelled variables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SAFLA_RISK_STOP_LOSS_PCT", "SAFLA__RISK__STOP_LOSS_PCT"),
        ("SAFLA_RISK__STOP_LOSS_PCT", "SAFLA__RISK__STOP_LOSS_PCT"),
        ("SAFLA_RISK_STOP_LOS_PCT", "SAFLA__RISK__STOP_LOSS_PCT"),
        ("safla__risk__stop_loss_pct", "SAFLA__RISK__STOP_LOSS_PCT"),
        ("Safla_Market_Data_Timeframe", "SAFLA__MARKET_DATA__TIMEFRAME"),
        ("SAFLA_EXCHANGE_CIRCUIT_BREAKER_FAILURE_THRESHOLD", "SAFLA__EXCHANGE__CIRCUIT_BREAKER__FAILURE_THRESHOLD"),
        ("SAFLA_MODE", "SAFLA__MODE"),
        ("SAFLA_RISK_WHATEVER", "SAFLA__RISK__..."),
    ],
)
def test_a_misspelled_variable_is_a_warning_without_its_value(name: str, meant: str) -> None:
    loaded = load(None, environment={name: "hunter2"})
    assert loaded.warnings == (f"{name}: ignored; write it in upper case with two underscores: {meant}",)
    assert loaded.config == load(None).config


@pytest.mark.parametrize("name", ["SAFLA_HOME", "SAFLA", "SAFLA_", "MY_SAFLA_RISK_X", "_SAFLA_COMPLETE", "SAFLAXRISK"])
def test_a_variable_of_another_program_gives_no_warning(name: str) -> None:
    assert load(None, environment={name: "1"}).warnings == ()


# --- Paths -----------------------------------------------------------------------------------------------------------


def test_a_tilde_is_expanded_to_the_home_of_the_user_in_every_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "base.yaml").write_text("system: {name: at home}\n")
    text = (
        "extends: ~/base.yaml\nstorage: {logs_directory: ~/logs, cache_directory: ~}\n"
        "data: {source: csv, path: [~/a.csv, './~/b.csv']}\n"
    )
    (tmp_path / "c.yaml").write_text(text)
    config = load(tmp_path / "c.yaml", sets=["storage.cache_directory=~/cache"]).config
    assert config.system.name == "at home"
    assert config.storage.logs_directory == f"{tmp_path}/home/logs"
    assert config.storage.cache_directory == f"{tmp_path}/home/cache"
    assert config.data.path == (f"{tmp_path}/home/a.csv", f"{tmp_path}/./~/b.csv")
    assert load(None, environment={"SAFLA__DATA__PATH": "~/x.csv"}).config.data.path == (f"{tmp_path}/home/x.csv",)


def test_a_tilde_of_an_unknown_user_is_an_error(tmp_path: Path) -> None:
    text = "extends: ~nobodyofthatname/base.yaml\ndata: {source: csv, path: ~nobodyofthatname/x.csv}\n"
    for problem in refused(text, tmp_path):
        assert problem.endswith("~nobodyofthatname has no home directory here; write the full path")


def test_a_folder_whose_name_is_not_utf8_is_named_in_the_problem(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"Gr\xf6\xdfe")
    folder.mkdir()
    (problem,) = refused("data: {source: csv, path: c.csv}", folder)
    assert ':1:27: data.path: "c.csv" is relative to this file, and the folder ' in problem
    assert problem.endswith("Gr\\udcf6\\udcdfe is not valid UTF-8; rename it")
    (folder / "c.yaml").write_text("data: {source: csv, path: /c.csv}")
    assert load(folder / "c.yaml").config.data.path == ("/c.csv",)


# --- Symbols, contracts and fractions --------------------------------------------------------------------------------


def test_symbols_in_lower_case_are_read_as_upper_case(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("symbols: {primary: [btc/usdt]}\nmarkets: {Btc/Usdt: {tick: 0.01}}\n")
    loaded = load(tmp_path / "c.yaml", sets=["markets.btc/usdt.lot=0.1"], environment={"SAFLA__SYMBOLS__TEST": "[x/y]"})
    assert loaded.symbols == ("BTC/USDT",)
    assert loaded.config.symbols.test == ("X/Y",)
    market = loaded.config.markets["BTC/USDT"]
    assert (market.tick, market.lot) == (Decimal("0.01"), Decimal("0.1"))
    assert loaded.origins["markets.BTC/USDT.tick"] == f"{tmp_path}/c.yaml:2"
    with pytest.raises(ConfigError, match=r"symbols\.primary: listed more than once: BTC/USDT"):
        load(None, sets=["symbols.primary=[btc/usdt, BTC/USDT]"])


def test_a_contract_is_traded_as_spot_with_a_warning() -> None:
    (warning,) = load(None, sets=["symbols.primary=[BTC/USDT:USDT]"]).warnings
    assert warning == (
        "--set: symbols.primary: BTC/USDT:USDT: contracts are traded as spot: long only, without funding, margin or "
        "liquidation"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("risk.take_profit_pct=5", "5 is 500 %; if you mean 5 %, write 0.05"),
        ("risk.take_profit_pct=1", "1 is 100 %; if you mean 1 %, write 0.01"),
        ("risk.trailing_activation_pct=2.5", "2.5 is 250 %; if you mean 2.5 %, write 0.025"),
        ("risk.stop_loss_pct=0.5", "0.5 is 50 %; if you mean 0.5 %, write 0.005"),
        ("risk.trailing_stop_pct=0.9", "0.9 is 90 %; if you mean 0.9 %, write 0.009"),
        ("risk.max_daily_loss_pct=1", "1 is 100 %; if you mean 1 %, write 0.01"),
        ("risk.max_drawdown_pct=1", "1 is 100 %; if you mean 1 %, write 0.01"),
        ("strategy.entry_threshold_pct=0.1", "0.1 is 10 %; if you mean 0.1 %, write 0.001"),
        ("simulation.commission_rate=0.05", "0.05 is 5 %; if you mean 0.05 %, write 0.0005"),
        ("monitoring.cpu_pct=1", "1 is 1 %, so the alert is always on; this key is in per cent: 80 is 80 %"),
    ],
)
def test_a_fraction_that_looks_like_per_cent_is_a_warning(text: str, said: str) -> None:
    (warning,) = load(None, sets=[text]).warnings
    assert warning == f"--set: {text.partition('=')[0]}: {said}"


@pytest.mark.parametrize(
    "text", ["risk.take_profit_pct=0.99", "risk.max_drawdown_pct=0.5", "strategy.exit_threshold_pct=1"]
)
def test_a_plausible_fraction_gives_no_warning(text: str) -> None:
    assert load(None, sets=[text]).warnings == ()
