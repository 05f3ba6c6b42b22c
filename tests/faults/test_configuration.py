"""Rows 50 to 53: an invalid configuration ends with exit 3 at once, all problems are listed, and nothing is written.

tests/config tests the texts of the problems; here the real commands run.
"""

import os
from pathlib import Path

import pytest

from safla.config.loader import load
from safla.config.plan_text import from_plan_texts, plan_texts
from safla.errors import ConfigError
from tests.errors import raises_code
from tests.faults.command import Answer
from tests.faults.invariants import GOOD, check_answer, check_run, refused, untouched

# --- Row 50 ----------------------------------------------------------------------------------------------------------

BAD_FILES = {
    "missing": (lambda path: None, "No such file"),
    "empty": (lambda path: path.touch(), "is empty"),
    "directory": (lambda path: path.mkdir(), "is a folder"),
    "FIFO": (lambda path: os.mkfifo(path), "a pipe or device"),
    "1 MB": (lambda path: path.write_bytes(b"a: 1\n" * 200_000), "is larger than 65536 bytes"),
    "endless": (lambda path: path.symlink_to("/dev/zero"), "a pipe or device"),
    "binary": (lambda path: path.write_bytes(bytes(range(256)) * 4), "bad.yaml:2:118: byte 0x80 is not valid UTF-8"),
    "UTF-16": (lambda path: path.write_text(GOOD, "utf-16"), "is UTF-16"),
    "bad UTF-8": (lambda path: path.write_bytes(b"mode: \xff\n"), "bad.yaml:1:7: byte 0xff is not valid UTF-8"),
    "NUL": (lambda path: path.write_bytes(b"mode: \0\n"), "bad.yaml:1:7: control character \\x00"),
    "link in a circle": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "link to nothing": (lambda path: path.symlink_to("nowhere"), "No such file"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_row_50_a_file_that_is_not_a_configuration_ends_with_exit_3_and_one_line(ask, kind):
    make, said = BAD_FILES[kind]
    make(Path("bad.yaml"))
    (problem,) = refused(ask, "bad.yaml")
    assert problem.startswith("bad.yaml")
    assert said in problem


@pytest.mark.parametrize("kind", BAD_FILES)
def test_row_50_an_invalid_file_named_in_extends_is_rejected_like_the_configuration_itself(ask, kind):
    make, said = BAD_FILES[kind]
    make(Path("bad.yaml"))
    Path("above.yaml").write_text("extends: bad.yaml\n")
    (problem,) = refused(ask, "above.yaml")
    assert said in problem


def test_row_50_a_link_to_a_valid_configuration_is_read(ask):
    Path("link.yaml").symlink_to("good.yaml")
    assert ask("validate", "link.yaml") == Answer(0, "link.yaml: valid\n", "")
    check_answer(ask("run", "link.yaml", "--out", "run", "--quiet"), 0)
    check_run(Path("run"), max_positions=3)


@pytest.mark.parametrize("source", ["csv", "parquet", "vision"])
def test_row_50_a_missing_candle_file_is_a_warning_in_validate_and_exit_4_in_a_run(ask, source):
    Path("absent.yaml").write_text(f"data: {{source: {source}, path: 'none-{{symbol}}.x'}}\n")
    answer = ask("validate", "absent.yaml")
    check_answer(answer, 0)
    assert answer.out == "absent.yaml: valid\n"
    assert answer.err == (
        f"warning: absent.yaml:1: data.path: {Path.cwd()}/none-BTCUSDT.x does not exist; a run ends with exit 4\n"
    )
    with untouched(Path.cwd()):
        answer = ask("run", "absent.yaml", "--quiet")
    check_answer(answer, 4)
    assert "none-BTCUSDT.x" in answer.err


# --- Row 51 ----------------------------------------------------------------------------------------------------------

OPEN = "expected a number > 0 and < 1 with at most 6 decimals, or null (a fraction: 0.02 is 2 %), got"
ATTEMPTS = "expected an integer from 0 to 20, got"
BAD_VALUES = [
    ("exchange.sandbox", "no", 'expected true or false, got "no"; write it in lower case and without quotes'),
    ("exchange.retry_attempts", "010", f'{ATTEMPTS} "010"; remove the leading zeros'),
    ("exchange.retry_attempts", "12:30", f'{ATTEMPTS} "12:30"; write it without colons'),
    ("exchange.retry_attempts", "21", f"{ATTEMPTS} 21"),
    ("exchange.retry_attempts", "3.5", f"{ATTEMPTS} 3.5"),
    ("exchange.retry_attempts", "[3]", f"{ATTEMPTS} a list"),
    ("exchange.retry_attempts", "", "has no value; write an integer from 0 to 20, or "),
    ("risk.stop_loss_pct", ".nan", f'{OPEN} ".nan"; write a finite number'),
    ("risk.stop_loss_pct", "1e400", f'{OPEN} "1e400"'),
    ("risk.stop_loss_pct", "-0.1", f'{OPEN} "-0.1"; negative numbers are not allowed'),
    ("risk.stop_loss_pct", "2", f"{OPEN} 2; for 2 % write 0.02"),
    ("risk.on_halt", "sell", 'expected flatten or block_entries, got "sell"'),
    ("data.start", "2024-02-30", "expected a date such as 2024-01-31"),
]
IDS = [f"{key.rpartition('.')[2]} {text}" for key, text, _ in BAD_VALUES]


@pytest.mark.parametrize(("key", "text", "said"), BAD_VALUES, ids=IDS)
def test_row_51_a_wrong_value_is_reported_with_its_place_key_value_and_what_is_allowed(
    ask, monkeypatch, key, text, said
):
    section, name = key.split(".")
    Path("c.yaml").write_text(f"mode: backtest\n{section}:\n  {name}: {text}\n")
    column = len(f"  {name}: ") + 1 if text else 3  # a missing value is reported at its key
    (problem,) = refused(ask, "c.yaml")
    assert problem.startswith(f"c.yaml:3:{column}: {key}: {said}")
    (problem,) = refused(ask, "good.yaml", f"{key}={text}")
    assert problem.startswith(f"--set: {key}: {said}")
    variable = f"SAFLA__{section}__{name}".upper()
    monkeypatch.setenv(variable, text)
    (problem,) = refused(ask, "good.yaml")
    assert problem.startswith(f"{variable}: {key}: {said}")


def test_row_51_an_unknown_key_is_reported_with_a_suggestion_in_file_option_and_variable(ask, monkeypatch):
    Path("c.yaml").write_text("risk:\n  stop_los_pct: hunter2\n")
    assert refused(ask, "c.yaml") == ["c.yaml:2:3: risk.stop_los_pct: unknown key; did you mean stop_loss_pct?"]
    assert refused(ask, "good.yaml", "risk.stop_los_pct=hunter2") == [
        "--set: risk.stop_los_pct: unknown key; did you mean stop_loss_pct?"
    ]
    monkeypatch.setenv("SAFLA__RISK__STOP_LOS_PCT", "hunter2")
    assert refused(ask, "good.yaml") == [
        "SAFLA__RISK__STOP_LOS_PCT: risk.stop_los_pct: unknown key; did you mean SAFLA__RISK__STOP_LOSS_PCT?"
    ]


def test_row_51_a_duplicate_key_is_reported_with_its_full_name_in_file_option_and_variable(ask, monkeypatch):
    twice = "{on_halt: flatten, on_halt: flatten}"
    said = "risk.on_halt: duplicate key, first on line 1; keep one"
    Path("c.yaml").write_text(f"risk: {twice}\n")
    assert refused(ask, "c.yaml") == [f"c.yaml:1:26: {said}"]
    assert refused(ask, "good.yaml", f"risk={twice}") == [f"--set: {said}"]
    monkeypatch.setenv("SAFLA__RISK", twice)
    assert refused(ask, "good.yaml") == [f"SAFLA__RISK: {said}"]


# --- Row 52 ----------------------------------------------------------------------------------------------------------

BOMB = "\n".join(
    ["a0: &a0 [lol]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)), "mode: backtest"]
)
HOSTILE = {
    "alias bomb": (BOMB, "anchors are not allowed"),
    "recursion": ("mode: &a [*a]\n", "anchors are not allowed"),
    "merge bomb": ("<<: [*a, *a]\n", "aliases are not allowed"),
    "depth 10 000 of lists": ("mode: " + "[" * 10_000, "is nested deeper than 16"),
    "depth 10 000 of maps": ("mode: " + "{a: " * 10_000, "is nested deeper than 16"),
    "depth 10 000 of dashes": ("mode: " + "- " * 10_000, "not valid YAML"),
    "depth of indents": ("\n".join(" " * n + "a:" for n in range(300)), "is nested deeper than 16"),
    "tag": ("mode: !!python/object/apply:os.system ['true']\n", "tags are not allowed"),
    "YAML 1.1": ("%YAML 1.1\n---\nmode: backtest\n", "directives are not allowed"),
    "tag directive": ("%TAG ! tag:example.org,2024:\n---\nmode: backtest\n", "directives are not allowed"),
    "two documents": ("mode: backtest\n---\nmode: paper\n", "a second document begins here"),
    ".____": (".____", "expected a map of keys, got a text of 5 characters"),
    "32 000 values": ("mode: [" + "1," * 32_000 + "]", "holds more than 5000 values"),
    "open quote": ('mode: "' + "\\u202e" * 10_000, "not valid YAML"),
    "a list as key": ("? [a, b]\n: c\n", "expected a key, got a list or map"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_row_52_yaml_features_that_a_configuration_does_not_need_are_rejected_at_once(ask, kind):
    text, said = HOSTILE[kind]
    Path("hostile.yaml").write_text(text)
    (problem,) = refused(ask, "hostile.yaml")
    assert problem.startswith("hostile.yaml:")
    assert said in problem
    assert len(problem) < 200  # the text itself is not printed


@pytest.mark.parametrize("text", ["[&a x, *a]", "[*a]", "{a: !!str b}", "[" * 40, "'", '"\\u12'])
def test_row_52_options_and_variables_have_the_same_yaml_limits_as_a_file(ask, monkeypatch, text):
    (problem,) = refused(ask, "good.yaml", f"symbols.primary={text}")
    assert problem.startswith("--set: symbols.primary: ")
    monkeypatch.setenv("SAFLA__SYMBOLS__PRIMARY", text)
    (problem,) = refused(ask, "good.yaml")
    assert problem.startswith("SAFLA__SYMBOLS__PRIMARY: symbols.primary: ")


def test_row_52_circular_extends_is_rejected(ask):
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        Path(f"{name}.yaml").write_text(f"extends: {other}.yaml\n")
    assert refused(ask, "a.yaml") == ["c.yaml:1:10: extends: a.yaml extends this file again; remove one"]
    Path("link.yaml").symlink_to("own.yaml")
    Path("own.yaml").write_text("extends: link.yaml\n")
    (problem,) = refused(ask, "own.yaml")
    assert problem == "own.yaml:1:10: extends: link.yaml extends this file again; remove one"


def test_row_52_extends_five_files_deep_is_rejected_and_four_files_deep_is_read(ask):
    Path("5.yaml").write_text(GOOD)
    for n in range(5):
        Path(f"{n}.yaml").write_text(f"extends: {n + 1}.yaml\n")
    (problem,) = refused(ask, "0.yaml")
    assert problem.startswith("4.yaml:1:10: extends: more than 4 files deep")
    assert ask("validate", "1.yaml") == Answer(0, "1.yaml: valid\n", "")


# --- Row 53 ----------------------------------------------------------------------------------------------------------

BROKEN = {
    "fast = slow": ("strategy: {fast_period: 30, slow_period: 30}", ["strategy.fast_period", "slow_period"]),
    "fast > slow": ("strategy: {fast_period: 31, slow_period: 30}", ["strategy.fast_period", "slow_period"]),
    "product": ("strategy: {fast_period: 300, slow_period: 5000}", ["strategy.fast_period", "slow_period"]),
    "period 0": ("strategy: {fast_period: 0}", ["strategy.fast_period"]),
    "lookback": ("market_data: {lookback_candles: 30}", ["market_data.lookback_candles", "the warm-up of"]),
    "commission": ("simulation: {commission_rate: 0.050001}", ["simulation.commission_rate"]),
    "maker": ("simulation: {maker_commission_rate: 0.1}", ["simulation.maker_commission_rate"]),
    "slippage": ("simulation: {slippage: {base_bps: 51}}", ["simulation.slippage.base_bps", "max_slippage_bps"]),
    "base": ("simulation: {slippage: {base_bps: 1001}}", ["simulation.slippage.base_bps"]),
    "exposure": ("risk: {max_portfolio_exposure_pct: 1.000001}", ["risk.max_portfolio_exposure_pct"]),
    "size": ("strategy: {position_size_pct: 0}", ["strategy.position_size_pct"]),
    "7 decimals": ("risk: {stop_loss_pct: 0.0000001}", ["risk.stop_loss_pct", "at most 6 decimals"]),
    "3 decimals": ("simulation: {slippage: {base_bps: 0.001}}", ["simulation.slippage.base_bps", "2 decimals"]),
    "paper, trades": ("mode: paper\njournal: {detail: trades}", ["journal.detail", "mode"]),
    "paper, decisions": ("mode: paper\njournal: {detail: decisions}", ["journal.detail", "mode"]),
    "window": ("data: {start: 2024-01-02, end: 2024-01-01}", ["data.start", "data.end"]),
    "gaps": ("data: {synthetic: {holes: 999999999999}}", ["data.synthetic.holes", "10000000"]),
    "tick": ("markets: {A/B: {price_decimals: 1, tick: 0.25}}", ["markets.A/B.tick", "price_decimals"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_row_53_keys_that_are_inconsistent_or_out_of_bounds_are_rejected_by_name(ask, kind):
    text, said = BROKEN[kind]
    Path("c.yaml").write_text(f"{text}\n")
    (problem,) = refused(ask, "c.yaml")
    assert problem.startswith("c.yaml:")
    assert all(one in problem for one in said)


BOUNDS = {
    "balance": (
        ["simulation.initial_balance_usd=999999999999", "markets.BTC/USDT={quantity_decimals: 8}"],
        ["simulation.initial_balance_usd", "decimals", "markets"],
    ),
    "size": (
        ["strategy.max_position_size_usd=999999999999", "markets.BTC/USDT={quantity_decimals: 8}"],
        ["strategy.max_position_size_usd", "10 decimals", "2**62 units"],
    ),
    "dust": (["simulation.initial_balance_usd=0.000000000001"], ["simulation.initial_balance_usd", "7 decimals"]),
    "tick": (["markets.BTC/USDT.tick=0.001"], ["markets.BTC/USDT.tick", "2 decimals"]),
}


@pytest.mark.parametrize("kind", BOUNDS)
def test_row_53_a_value_that_is_out_of_bounds_for_the_loaded_candles_is_rejected_by_the_run(ask, kind):
    sets, said = BOUNDS[kind]
    with untouched(Path.cwd()):
        answer = ask("run", "good.yaml", *(option for one in sets for option in ("--set", one)))
    check_answer(answer, 3)
    problem = answer.err.splitlines()[0]
    assert problem.startswith("--set: ")
    assert all(one in answer.err for one in said)


def test_row_53_an_exposure_limit_and_a_position_size_of_100_percent_are_valid(ask):
    sets = ("--set", "risk.max_portfolio_exposure_pct=1.0", "--set", "strategy.position_size_pct=1.0")
    answer = ask("validate", "good.yaml", *sets)
    assert (answer.code, answer.out) == (0, "good.yaml: valid\n")
    check_answer(ask("run", "good.yaml", "--quiet", "--out", "run", *sets), 0)
    check_run(Path("run"), max_positions=3)


@pytest.mark.parametrize("command", ["run", "validate"])
def test_row_51_an_empty_variable_or_option_is_an_error_and_does_not_remove_a_limit(ask, monkeypatch, command):
    with untouched(Path.cwd()):
        answer = ask(command, "good.yaml", "--set", "risk.max_drawdown_pct=", "--set", "risk.max_daily_loss_pct= ")
        monkeypatch.setenv("SAFLA__RISK__STOP_LOSS_PCT", "")
        again = ask(command, "good.yaml")
    check_answer(answer, 3)
    check_answer(again, 3)
    assert answer.err.splitlines() == [
        "--set: risk.max_drawdown_pct: has no value; write null to switch it off, or leave the option out",
        "--set: risk.max_daily_loss_pct: has no value; write null to switch it off, or leave the option out",
    ]
    assert again.err == (
        "SAFLA__RISK__STOP_LOSS_PCT: risk.stop_loss_pct: has no value; write null to switch it off, or unset the "
        "variable\n"
    )


@pytest.mark.parametrize("command", ["run", "validate"])
def test_row_51_a_variable_with_one_underscore_too_few_gives_a_warning(ask, monkeypatch, command):
    monkeypatch.setenv("SAFLA_RISK_STOP_LOSS_PCT", "hunter2")
    answer = ask(command, "good.yaml")
    check_answer(answer, 0)
    assert (
        "warning: SAFLA_RISK_STOP_LOSS_PCT: ignored; write it in upper case with two underscores: "
        "SAFLA__RISK__STOP_LOSS_PCT\n"
    ) in answer.err
    assert "hunter2" not in answer.err


def test_row_53_a_journal_whose_plan_has_an_empty_limit_is_rejected():
    with raises_code(ConfigError, "invalid_value", match=r"risk\.stop_loss_pct: "):
        from_plan_texts(
            {**plan_texts(load(None).config), "risk.stop_loss_pct": ""},
            symbols=("BTC/USDT",), markets={}, detail="trades", timeframe="1h",
        )  # fmt: skip
