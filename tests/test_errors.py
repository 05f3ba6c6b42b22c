"""Errors have codes of one table, and an error survives being copied and pickled."""

import copy
import errno
import pickle
from pathlib import Path

import numpy as np
import pytest

from safla import errors, fs
from safla.candles import validation
from safla.candles.bad_rows import BadRows
from safla.error_codes import CODES
from safla.errors import ConfigError, DataError, Finding, HostError, IllegalMove, Interrupted, Problem, SaflaError
from safla.runs.signal_sources import LiveStrategyError

KINDS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, SaflaError)]


def test_the_codes_of_rules_of_candles_and_of_system_errors_are_in_the_table() -> None:
    assert {code for _, _, code in validation.RULES} <= set(CODES["DataError"])
    assert {fs.code_of(OSError(number, "")) for number in errno.errorcode} <= set(CODES["HostError"])


def test_a_code_belongs_to_one_class_and_is_a_word() -> None:
    codes = [code for codes in CODES.values() for code in codes]
    assert len(codes) == len(set(codes))
    assert [code for code in codes if not code.replace("_", "").isalpha() or code != code.lower()] == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not SaflaError])
def test_an_error_without_a_code_has_the_first_code_of_its_class(kind: type[SaflaError]) -> None:
    assert kind.code == next(iter(CODES[kind.__name__]))


def test_every_class_of_the_table_is_an_error() -> None:
    assert set(CODES) == {kind.__name__ for kind in KINDS if kind is not SaflaError}


@pytest.mark.parametrize(("kind", "code"), [(DataError, "candle_revise"), (DataError, "disk_full"), (Finding, "bug")])
def test_a_code_not_in_the_table_of_its_class_is_an_internal_error(kind: type[SaflaError], code: str) -> None:
    with pytest.raises(AssertionError, match=f"no {code} for {kind.__name__}"):
        kind("text", code=code)


def test_a_problem_with_a_code_of_another_class_is_an_internal_error() -> None:
    with pytest.raises(AssertionError, match="disk_full"):
        ConfigError([Problem("", "", "text", "disk_full")])


def test_a_subclass_accepts_the_codes_of_its_base() -> None:
    assert IllegalMove("text", code="bug").code == "bug"
    assert BadRows("text", [1], code="invalid_candle").code == "invalid_candle"


def test_a_configuration_error_has_the_common_code_of_its_problems_or_its_own() -> None:
    unknown, missing = Problem("a", "b", "c", "unknown_key"), Problem("a", "b", "c", "missing_key")
    assert ConfigError([unknown, unknown]).code == "unknown_key"
    assert ConfigError([unknown, missing]).code == "invalid_configuration"
    assert str(unknown) == "a: b: c"


@pytest.mark.parametrize(
    "error",
    [
        DataError("text", code="candle_revised"),
        Finding("text", "one", "two", code="look_ahead"),
        ConfigError([Problem("a", "b", "c", "unknown_key")]),
        Interrupted("text", 143),
        LiveStrategyError("text", note="why", code="signal_changed"),
        BadRows("text", [1, 2], code="invalid_candle", of=100),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_equal_after_copying_and_pickling(error: SaflaError) -> None:
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(other), str(other), other.code) == (type(error), str(error), error.code)
        assert other.exit_code == error.exit_code
        assert {name: np.all(value == vars(error)[name]) for name, value in vars(other).items()} == dict.fromkeys(
            vars(error), True
        )


def test_an_error_raised_from_another_keeps_its_code_and_cause(tmp_path: Path) -> None:
    with pytest.raises(HostError) as caught:
        fs.replace(tmp_path / "no folder" / "file", b"")
    assert (caught.value.code, type(caught.value.__cause__)) == ("cannot_write", FileNotFoundError)
