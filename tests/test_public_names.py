"""`import safla`: its public names and their documentation, its import time, and its types for a type checker."""

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import safla
from safla import errors

ROOT = Path(__file__).parents[1]

NAMES = """
Answer BinanceDataFeed Bug Candle CandleStrategy Candles Columns ConfigError DataError ExchangeError Finding HostError
IllegalMove Interrupted JournalError Loaded Performance PerformanceMonitor Problem Progress Result RiskCheck
RiskManager SMAStrategy SaflaError Signal Simulation StrategyError StrategyFunction Trade TradingSimulator UsageError
Verdict load_config replay run simulate validate
""".split()

SIGNATURES = {
    "TradingSimulator": "(symbol='BTC/USDT', config=None)",
    "TradingSimulator.run_backtest": "(self, start_date=None, end_date=None, speed_multiplier=inf)",
    "TradingSimulator.close": "(self)",
    "SMAStrategy": "(symbol, config=None)",
    "SMAStrategy.process_candle": "(self, candle)",
    "RiskManager": "(initial_balance, config=None)",
    "RiskManager.check_trade_risk": "(self, signal, balance)",
    "BinanceDataFeed": "(config=None)",
    "BinanceDataFeed.fetch_historical_ohlcv": "(self, symbol='BTC/USDT', timeframe=None, since=None, limit=None)",
    "BinanceDataFeed.stream_historical_as_live": (
        "(self, symbol='BTC/USDT', timeframe=None, since=None, speed_multiplier=inf)"
    ),
    "BinanceDataFeed.close": "(self)",
    "PerformanceMonitor": "(config=None)",
    "PerformanceMonitor.start_monitoring": "(self, interval_seconds=5.0)",
    "PerformanceMonitor.stop_monitoring": "(self)",
    "PerformanceMonitor.snapshot": "(self)",
    "run": (
        "(config=None, *, candles=None, set=None, strategies=None, out=None, symbols='primary', progress=None, "
        "root=None)"
    ),
    "simulate": "(config=None, *, candles=None, set=None, strategies=None, symbols='primary', root=None)",
    "replay": "(path, *, strategies=None, other_code=False, root=None)",
    "validate": "(config=None, *, set=None, strategies=None, symbols='primary', root=None)",
    "load_config": "(config=None, *, set=None, strategies=None, symbols='primary', root=None)",
}
PROGRAM = """\
import safla
from safla.data_feed import BinanceDataFeed
from safla.compat.strategy import Signal

result: safla.Result = safla.run("config.yaml", set={"risk.stop_loss_pct": 0.03}, out="run")
print(result.trades["net"].sum(), result.summary["trades"], result.journal.name, safla.replay(result.folder).holds)
simulated: safla.Simulation = safla.simulate("config.yaml", candles={"ts": [0], "open": [1.0]})
problems: list[safla.Problem] = safla.validate({"strategy": {"fast_period": 5}}, set=["risk.stop_loss_pct=0.03"])
strategy, risk, feed = safla.SMAStrategy("BTC/USDT"), safla.RiskManager(100_000), BinanceDataFeed()
signal: Signal = strategy.process_candle([1704067200000, 1.0, 1.0, 1.0, 1.0, 1.0])
allowed: bool = risk.check_trade_risk(signal, 100_000).allowed
"""
WRONG = "\nsafla.run(5)\nsafla.replay()\nsignal.price = 3\nrisk.stop_loss_price(1.0, 'up')\nsafla.rum('config.yaml')\n"


def test_the_public_names_match_the_sorted_list():
    assert safla.__all__ == NAMES == sorted(NAMES)
    assert dir(safla) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_and_its_methods_are_documented(name):
    one = getattr(safla, name)
    assert re.match(r"[A-Z`].{12,}[.:]", inspect.getdoc(one) or "")
    members = vars(one).items() if isinstance(one, type) else ()
    methods = [member for key, member in members if not key.startswith("_") and callable(member)]
    assert all(inspect.getdoc(member) for member in methods)


@pytest.mark.parametrize("name", ["run", "simulate", "replay", "validate", "load_config"])
def test_a_public_function_documents_arguments_errors_and_an_example(name):
    said = inspect.getdoc(getattr(safla, name))
    for parameter in inspect.signature(getattr(safla, name)).parameters:
        assert parameter in said or re.search("Arguments as in `?(load_config|run)", said)
    assert re.search(r"\w+Error", said)
    assert re.search(rf"^    .*safla\.{name}\(", said, re.MULTILINE)


@pytest.mark.parametrize("name", SIGNATURES)
def test_public_signatures_are_unchanged(name):
    one = safla
    for part in name.split("."):
        one = getattr(one, part)
    shown = inspect.signature(one)
    parameters = [parameter.replace(annotation=parameter.empty) for parameter in shown.parameters.values()]
    assert str(shown.replace(parameters=parameters, return_annotation=shown.empty)) == SIGNATURES[name]


def test_every_error_is_public():
    kinds = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)}
    assert kinds - set(NAMES) == set()


def test_an_unknown_name_is_an_attribute_error_that_lists_the_public_names():
    with pytest.raises(AttributeError, match=r"safla has no rum; .*run, simulate, validate"):
        safla.rum  # noqa: B018


def test_importing_is_fast_and_imports_no_heavy_library():
    heavy = "numpy pydantic polars numba click ruamel msgspec ccxt transitions asyncio".split()
    code = (
        "import sys, time; before = set(sys.modules); start = time.process_time(); import safla; "
        "took = time.process_time() - start; print(took * 1000, *(set(sys.modules) - before))"
    )
    runs = [subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
            for _ in range(3)]  # fmt: skip
    took = [float(run.stdout.split()[0]) for run in runs]
    modules = {name.partition(".")[0] for name in runs[0].stdout.split()[1:]}
    assert modules & set(heavy) == set()
    assert min(took) < 20


def test_an_error_class_can_be_accessed_without_slow_imports():
    code = "import sys, safla; safla.ConfigError; print('numpy' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_the_package_is_marked_as_typed():
    assert (ROOT / "safla" / "py.typed").read_bytes() == b""
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert built["packages"] == ["safla"]  # all that lies there is packed, the marker too


def test_a_type_checker_understands_a_users_program_and_finds_its_mistakes(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + WRONG)
    cache = str(ROOT / ".mypy_cache" / "users")  # apart from that of the project, whose options are others
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", cache, str(program)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    first = PROGRAM.count("\n") + 2
    found = [line for line in done.stdout.splitlines() if "program.py" in line and "error:" in line]
    assert {int(line.split(":")[1]) for line in found} == set(range(first, first + 5)), done.stdout
