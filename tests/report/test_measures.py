"""Only the figures that are requested by name are computed."""

import pytest

from safla.report import measures as module
from safla.report.measures import FIGURES, measures
from safla.report.window import Window
from tests.small_runs import run, small


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Window:
    """Returns the window of a small run."""
    folder = tmp_path_factory.mktemp("measured")
    return Window(run(small(folder), folder / "run").outcome)


def test_every_figure_is_computed_by_its_registered_function(window: Window) -> None:
    for compute, names in module._TOGETHER:
        assert list(compute(window, 0.02)) == names.split()


@pytest.mark.parametrize("names", [["sharpe"], ["max_drawdown", "total_return"], [], list(FIGURES)])
def test_requested_figures_equal_those_of_a_complete_computation(window: Window, names: list[str]) -> None:
    every = measures(window, risk_free_rate=0.02)
    assert measures(window, risk_free_rate=0.02, names=names) == {name: every[name] for name in names}


def test_inputs_that_a_figure_does_not_need_are_not_computed(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Window(window.outcome)
    for part in ("fills", "falls", "trades"):
        monkeypatch.setattr(Window, part, property(lambda _: pytest.fail("computed")))
    assert measures(fresh, risk_free_rate=0.0, names=["total_return"])["total_return"].value is not None


def test_an_unknown_figure_is_a_key_error(window: Window) -> None:
    with pytest.raises(KeyError):
        measures(window, risk_free_rate=0.0, names=["luck"])
