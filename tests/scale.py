"""How much a test takes, and how long it may: make test has a slice and wide bounds, make soak all and figures."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest
from hypothesis import settings

HANG_SECONDS = 10.0  # what a test lets hang hangs longer than this

exact = False  # whether the figures themselves are asked for: --scale release


def bound(seconds: float) -> float:
    """The seconds that something may take here, of which so many are promised."""
    return seconds if exact else max(seconds, HANG_SECONDS)


def some_of(
    names: str | tuple[str, ...],
    cases: Iterable[Any],
    *,
    keep: Collection[Any] = (),
    every: int = 0,
    ids: Iterable[str] | Callable[[Any], object] | None = None,
) -> pytest.MarkDecorator:
    """pytest.mark.parametrize, where only the named cases, or one in so many, are no matter of `make soak` alone."""
    params = []
    for place, case in enumerate(cases):
        kept = case in keep or bool(every and place % every == 0)
        values = (case,) if isinstance(names, str) else case
        params.append(pytest.param(*values, marks=() if kept else pytest.mark.soak))
    assert len(params) > sum(not one.marks for one in params) >= max(1, len(keep)), "a case to keep is not there"
    return pytest.mark.parametrize(names, params, ids=ids)


def examples(*, gate: int, full: int | None = None) -> settings:
    """How many examples a property is tried on; without `full`, `make soak` takes those of the profile."""
    if exact:
        return settings(deadline=None) if full is None else settings(max_examples=full, deadline=None)
    wide = settings.get_current_profile_name() != "fixed"
    return settings(deadline=None) if wide else settings(max_examples=gate, deadline=None)
