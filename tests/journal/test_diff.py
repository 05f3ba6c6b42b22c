"""The diff of two journals names the first different line, both versions of it, and the fields that differ."""

import pytest

from safla.journal.diff import FirstDifference, first_difference

ONE = b'{"n":1,"e":{"type":"candle","ts":5,"close":"1"}}'
OTHER = b'{"n":1,"e":{"type":"candle","ts":5,"close":"2","volume":"0"}}'


def lines(*texts: bytes) -> bytes:
    """Whole lines."""
    return b"".join(text + b"\n" for text in texts)


def test_equal_journals_have_no_difference() -> None:
    assert first_difference(lines(ONE, OTHER), lines(ONE, OTHER), n=0) is None
    assert first_difference(b"", b"", n=7) is None


def test_the_first_different_line_is_reported_with_the_fields_that_differ() -> None:
    found = first_difference(lines(ONE, ONE, ONE), lines(ONE, OTHER, OTHER), n=10)
    assert found == FirstDifference(12, ONE.decode(), OTHER.decode(), ("close", "volume"), 5)


@pytest.mark.parametrize("bad", [b"", b"no JSON", b'{"n":1}', b'{"e":[1]}', b"[]", b"\xff"])
def test_no_fields_are_reported_for_a_missing_line_or_a_line_without_an_event(bad: bytes) -> None:
    text = bad.decode("ascii", "backslashreplace")
    assert first_difference(lines(ONE), lines(bad), n=0) == FirstDifference(1, ONE.decode(), text, (), 5)
    assert first_difference(lines(bad), lines(ONE), n=0) == FirstDifference(1, text, ONE.decode(), (), 5)


def test_a_shorter_journal_differs_at_the_first_missing_line() -> None:
    assert first_difference(lines(ONE), lines(ONE, OTHER), n=0) == FirstDifference(2, "", OTHER.decode(), (), 5)
    assert first_difference(lines(ONE, OTHER), lines(ONE), n=0) == FirstDifference(2, OTHER.decode(), "", (), 5)
