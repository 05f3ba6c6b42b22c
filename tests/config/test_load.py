"""From files, variables and options to one configuration or all its problems (FAULTS 50-54, CONFIG: precedence)."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safla.config.load import Loaded, load, load_mapping
from safla.config.paths import written
from safla.errors import ConfigError, UsageError

SEED = Path(__file__).with_name("seed-config.yaml")


def refused(text: str, folder: Path) -> list[str]:
    (folder / "c.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load(folder / "c.yaml")
    return [str(problem).replace(f"{folder}/", "") for problem in error.value.problems]


def test_the_seed_configuration_holds_as_it_stands() -> None:
    loaded = load(SEED)
    assert loaded.symbols == ("BTC/USDT",)
    assert loaded.config.risk.stop_loss_pct == Decimal("0.02")
    assert loaded.warnings == ()


def bad_values() -> list[tuple[str, list[str]]]:
    """The cases of bad_values.txt: the configuration, and behind > each problem that is told."""
    cases = []
    for case in Path(__file__).with_name("bad_values.txt").read_text().split("\n\n")[1:]:
        lines = case.splitlines()
        text = "\n".join(line for line in lines if not line.startswith("> "))
        cases.append((text, [line[2:] for line in lines if line.startswith("> ")]))
    return cases


BAD = bad_values()


@pytest.mark.parametrize(("text", "said"), BAD, ids=[text[:40] for text, _ in BAD])
def test_what_is_wrong_is_said_with_place_key_value_and_what_is_allowed(
    text: str, said: list[str], tmp_path: Path
) -> None:
    assert refused(text, tmp_path) == said


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "CON", "nul", "a\\0b", "x" * 300, "\\e[2J", "\\u202Etxt", ""])
def test_a_name_that_is_none_is_refused_and_shown_without_control_characters(name: str, tmp_path: Path) -> None:
    (problem,) = refused(f'system: {{name: "{name}"}}', tmp_path)
    assert problem.startswith("c.yaml:1:16: system.name: ")
    assert problem.isprintable()


def test_all_problems_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = "risk: {stop_loss_pct: 2}\nstrategy: {fast_period: 40}\nfoo: 1\nmarket_data: {lookback_candles: 1}\n"
    keys = [problem.split(": ")[1] for problem in refused(text, tmp_path)]
    assert keys == ["risk.stop_loss_pct", "strategy.fast_period", "foo", "market_data.lookback_candles"]


def test_a_rule_about_a_key_that_is_already_told_is_not_told_again(tmp_path: Path) -> None:
    said = refused("strategy: {slow_period: x, fast_period: 400}", tmp_path)
    assert len(said) == 1
    assert "strategy.slow_period" in said[0]


def test_a_secret_is_never_shown_wherever_it_stands(tmp_path: Path) -> None:
    texts = [
        "exchange: {secret: hunter2}",
        "password: hunter2",
        "strategy: {parameters: {token_x: hunter2}}",
        "monitoring: {webhook: hunter2}",
        "x: {y: {api_key: hunter2}}",
    ]
    for text in texts:
        assert "hunter2" not in "".join(refused(text, tmp_path))
    with pytest.raises(ConfigError) as error:
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


def test_later_wins_from_defaults_to_options_and_maps_merge(tmp_path: Path) -> None:
    config = layered(tmp_path).config
    assert config.risk.stop_loss_pct == Decimal("0.4")
    assert config.risk.take_profit_pct == Decimal("0.2")
    assert config.risk.cooldown_candles == 1
    assert config.system.name == "base"
    assert config.symbols.test == ("ETH/USDT",)
    assert config.markets["BTC/USDT"].tick == Decimal("0.01")
    assert config.markets["BTC/USDT"].price_decimals == 2
    assert config.risk.max_daily_trades == 10


def test_every_value_knows_where_it_came_from(tmp_path: Path) -> None:
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


def test_a_problem_is_told_with_the_file_that_holds_the_line(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("\nrisk: {stop_loss_pct: 7}\n")
    assert refused("extends: base.yaml\n", tmp_path)[0].startswith(
        "base.yaml:2:23: risk.stop_loss_pct: 7 is out of range"
    )


def test_extends_in_a_circle_or_five_deep_is_refused(tmp_path: Path) -> None:
    assert refused("extends: c.yaml\n", tmp_path) == ["c.yaml:1:10: extends: c.yaml extends this file again: a circle"]
    for depth in range(6):
        (tmp_path / f"{depth}.yaml").write_text(f"extends: {depth + 1}.yaml\n" if depth < 5 else "mode: backtest\n")
    assert load(tmp_path / "1.yaml").config.mode == "backtest"
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "0.yaml")
    assert "goes deeper than 4 files" in str(error.value)
    assert f"{tmp_path}/4.yaml:1:10" in str(error.value)


def test_a_broad_tree_of_extends_ends_at_sixteen_files(tmp_path: Path) -> None:
    (tmp_path / "leaf.yaml").write_text("mode: backtest\n")
    (tmp_path / "wide.yaml").write_text(f"extends: [{', '.join(['leaf.yaml'] * 20)}]\n")
    with pytest.raises(ConfigError, match="past 16 in all"):
        load(tmp_path / "wide.yaml")


def test_an_unknown_variable_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as error:
        load(None, environment={"SAFLA__RISK__STOP_LOS_PCT": "0.03", "SAFLA__MODE": "live", "SAFLA__EXTENDS": "x"})
    assert [str(problem) for problem in error.value.problems] == [
        "SAFLA__EXTENDS: extends: stands in a file alone; name the other file there",
        'SAFLA__MODE: mode: "live"; due is backtest or paper',
        "SAFLA__RISK__STOP_LOS_PCT: risk.stop_los_pct: unknown key; did you mean SAFLA__RISK__STOP_LOSS_PCT?",
    ]


def test_a_variable_names_a_symbol_in_capitals_and_its_key_in_any() -> None:
    loaded = load(None, environment={"SAFLA__MARKETS__BTC/USDT__PRICE_DECIMALS": "2"})
    assert loaded.config.markets["BTC/USDT"].price_decimals == 2


def test_an_option_that_is_no_assignment_is_wrong_usage() -> None:
    for text in ("risk.stop_loss_pct", "=1"):
        with pytest.raises(UsageError, match="KEY=VALUE is due"):
            load(None, sets=[text])


def test_a_value_of_an_option_that_is_no_yaml_is_told_with_its_key() -> None:
    with pytest.raises(ConfigError) as error:
        load(None, sets=["symbols.primary=[BTC/USDT"])
    assert str(error.value).startswith("--set: symbols.primary: no YAML: ")


def test_a_path_is_relative_to_the_file_that_says_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "base.yaml").write_text("data: {source: csv, path: ['a/{symbol}.csv', b.csv]}\n")
    (tmp_path / "run.yaml").write_text("extends: sub/base.yaml\n")
    assert load(tmp_path / "run.yaml").config.data.path == (f"{tmp_path}/sub/a/{{symbol}}.csv", f"{tmp_path}/sub/b.csv")
    overlaid = load(tmp_path / "run.yaml", sets=["data.path=c.csv"])
    assert overlaid.config.data.path == (str(Path.cwd() / "c.csv"),)


def test_a_path_that_is_not_there_is_a_warning_and_one_that_is_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT-1h.csv").write_text("")
    (tmp_path / "run.yaml").write_text(
        'symbols: {primary: [BTC/USDT, ETH/USDT]}\ndata: {source: csv, path: "{symbol}-{timeframe}.*"}\n'
    )
    (warning,) = load(tmp_path / "run.yaml").warnings
    path = f"{tmp_path}/ETHUSDT-1h.*"
    assert warning == f"{tmp_path}/run.yaml:2: data.path: {path} does not exist; a run ends with exit 4"


def test_a_pattern_names_the_symbol_by_its_parts() -> None:
    pattern = "{base}-{quote}/{symbol}_{timeframe}_*"
    assert written(pattern, "BTC/USDT:USDT", timeframe="5m") == "BTC-USDT/BTCUSDT_5m_*"


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["exchange.sandbox=true"], "exchange.sandbox: test networks are wiped monthly"),
        (["market_data.timeframe=5m"], "strategy.entry_threshold_pct: so high a threshold suits 1h and slower"),
        (["market_data.timeframe=1d"], "risk.max_daily_loss_pct: on 1d a daily loss can only flatten"),
        (["data.path=x.csv"], "data.path: is not read"),
        (["monitoring.prometheus={bind: 0.0.0.0}"], "monitoring.prometheus.bind: others than this machine"),
    ],
)
def test_what_deserves_a_warning_gets_one(sets: list[str], said: str) -> None:
    (warning,) = load(None, sets=sets).warnings
    assert said in warning


def test_the_test_list_is_in_use_where_it_is_asked_for() -> None:
    assert load(SEED, symbols="test").symbols == ("ETH/USDT",)
    with pytest.raises(ConfigError, match=r"symbols\.test: is the list in use and empty"):
        load(None, symbols="test")


def test_a_dict_of_python_gives_what_the_same_file_gives() -> None:
    loaded = load_mapping(
        {"risk": {"stop_loss_pct": 0.03}, "symbols": {"primary": ["ETH/USDT"]}, "data": {"start": 1_700_000_000_000}}
    )
    same = load(None, sets=["risk.stop_loss_pct=0.03", "symbols.primary=[ETH/USDT]", "data.start=1700000000000"])
    assert loaded.config == same.config
    assert loaded.origins["risk.stop_loss_pct"] == "config"
    with pytest.raises(ConfigError, match=r"config: risk.stop_loss_pct: NaN; due is a number"):
        load_mapping({"risk": {"stop_loss_pct": float("nan")}})


@pytest.mark.parametrize(
    ("key", "given", "taken", "said"),
    [
        ("risk.stop_loss_pct", 0.1 + 0.2, "0.3", ""),
        ("risk.stop_loss_pct", np.float64(0.03), "0.03", ""),
        ("risk.stop_loss_pct", np.linspace(0.01, 0.05, 7)[1], "0.016667", "0.016666666666666666 is taken as 0.016667"),
        ("risk.take_profit_pct", 1 / 3, "0.333333", "0.3333333333333333 is taken as 0.333333, with 6 decimals"),
        ("simulation.slippage.base_bps", 2 / 3, "0.67", "0.6666666666666666 is taken as 0.67, with 2 decimals"),
        ("simulation.initial_balance_usd", 1e5 / 3, "33333.333333333336", ""),
        ("strategy.fast_period", np.float64(5), "5", ""),
        ("strategy.fast_period", 5 + 1e-15, "5", ""),
        ("markets.BTC/USDT.tick", 0.1 * 3, "0.3", ""),
    ],
)
def test_a_float_is_rounded_to_what_its_key_takes_and_that_is_said(
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
        notes = [one for one in loaded.warnings if "is taken as" in one]
        assert [one.startswith(f"{where}: {key}: ") and said in one for one in notes] == ([True] if said else [])


def test_a_parameter_is_rounded_like_any_number() -> None:
    parameters = {"band": 0.1 + 0.2, "share": np.float64(0.5), "length": np.int64(7), "third": 1 / 3}
    loaded = load_mapping({"strategy": {"name": "mine", "parameters": parameters}}, strategies=["mine"])
    expected = {"band": Decimal("0.3"), "share": Decimal("0.5"), "length": 7, "third": Decimal("0.333333333333")}
    assert loaded.config.strategy.parameters == expected
    assert [type(one) for one in loaded.config.strategy.parameters.values()] == [Decimal, Decimal, int, Decimal]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (1e-9, "0.000000001 is out of range; due is a number, above 0, below 1, at most 6 decimals"),
        (float("inf"), "a number is finite"),
        (-0.1, "negative numbers are not used here"),
        (
            Decimal("0.0166666"),
            "0.0166666 has too many decimals; due is a number, above 0, below 1, at most 6 decimals",
        ),
    ],
)
def test_what_no_rounding_makes_good_is_an_error_that_says_what_its_key_takes(given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(None, sets={"risk.stop_loss_pct": given})


def test_a_strategy_of_python_is_known_where_it_is_named() -> None:
    loaded = load_mapping(
        {"strategy": {"name": "mine", "parameters": {"length": 5, "band": 0.5, "kind": "fast"}}}, strategies=["mine"]
    )
    assert loaded.config.strategy.parameters == {"length": 5, "band": Decimal("0.5"), "kind": "fast"}
