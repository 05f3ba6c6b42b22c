"""A small part of `make fuzz`: no fuzzed input causes a traceback, an abort, or more than a second of work."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import fuzzing
from tests.faults.fuzzing import Apart, Fuzz

INPUTS = {
    "journal": 15,
    "head": 25,
    "yaml": 100,
    "sets": 187,
    "python": 50,
    "csv": 125,
    "packed": 125,
    "json": 100,
    "arrow": 100,
    "parquet": 100,
    "recorded": 50,
    "folders": 10,
    "markets": 60,
    "symbols": 375,
    "arguments": 37,
}
LONG = 800  # times as many inputs with --scale release


@pytest.fixture(scope="module")
def fuzz(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzz]:
    with Fuzz(request.config.getoption("--seed"), folder=tmp_path_factory.mktemp("fuzz")) as made:
        yield made


@pytest.mark.parametrize("name", INPUTS)
def test_every_fuzzed_input_ends_with_an_allowed_result(fuzz: Fuzz, name: str, release: bool) -> None:
    for number in range(INPUTS[name] * (LONG if release else 1)):
        fuzz.one(name, number)
    assert fuzz.tallies[name].failures == []


def test_the_same_seed_and_number_give_the_same_input(fuzz: Fuzz) -> None:
    inputs = [fuzz.input("csv", number) for number in range(50)]
    assert [fuzz.input("csv", number) for number in range(50)] == inputs
    assert len(set(inputs)) > 40


def test_an_input_that_kills_the_process_is_a_failure_and_the_next_one_gets_a_new_process() -> None:
    with Apart("csv") as apart:
        assert apart.attempt(b"no candles").failure == ""
        apart.process.kill()
        assert apart.attempt(b"no candles").failure == "the process ended with -9"
        assert apart.attempt(b"no candles").failure == ""


@pytest.mark.parametrize(
    ("bound", "value", "failure"),
    [
        ("SLOW_MS", 0, r"it took \d+ ms"),
        pytest.param("MOST_GROWTH_BYTES", -1, r"it took \d+ MiB", marks=pytest.mark.soak),
    ],
)
def test_an_input_that_exceeds_the_time_or_memory_limit_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, failure: str
) -> None:
    assert fuzzing.attempt("symbols", b"BTC/USDT", tmp_path).failure == ""
    monkeypatch.setattr(fuzzing, bound, value)
    assert re.fullmatch(failure, fuzzing.attempt("symbols", b"BTC/USDT", tmp_path).failure)
