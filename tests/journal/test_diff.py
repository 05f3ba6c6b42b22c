"""Where two journals part: the first line, both of its forms, and the fields in which they differ."""

import pytest

from safla.journal.diff import FirstDifference, first_difference

ONE = b'{"n":1,"e":{"type":"candle","ts":5,"close":"1"}}'
OTHER = b'{"n":1,"e":{"type":"candle","ts":5,"close":"2","volume":"0"}}'


def lines(*texts: bytes) -> bytes:
    """Whole lines."""
    return b"".join(text + b"\n" for text in texts)


def test_equal_texts_do_not_part() -> None:
    assert first_difference(lines(ONE, OTHER), lines(ONE, OTHER), n=0) is None
    assert first_difference(b"", b"", n=7) is None


def test_the_first_line_that_differs_is_told_with_those_of_its_fields_that_differ() -> None:
    found = first_difference(lines(ONE, ONE, ONE), lines(ONE, OTHER, OTHER), n=10)
    assert found == FirstDifference(12, ONE.decode(), OTHER.decode(), ("close", "volume"), 5)


@pytest.mark.parametrize("bad", [b"", b"no JSON", b'{"n":1}', b'{"e":[1]}', b"[]", b"\xff"])
def test_of_a_line_that_is_no_event_or_is_not_there_no_fields_are_told(bad: bytes) -> None:
    text = bad.decode("ascii", "backslashreplace")
    assert first_difference(lines(ONE), lines(bad), n=0) == FirstDifference(1, ONE.decode(), text, (), 5)
    assert first_difference(lines(bad), lines(ONE), n=0) == FirstDifference(1, text, ONE.decode(), (), 5)


def test_where_one_text_ends_first_the_other_goes_on_from_there() -> None:
    assert first_difference(lines(ONE), lines(ONE, OTHER), n=0) == FirstDifference(2, "", OTHER.decode(), (), 5)
    assert first_difference(lines(ONE, OTHER), lines(ONE), n=0) == FirstDifference(2, OTHER.decode(), "", (), 5)
