"""Which exchanges there are: those of ccxt, told without loading it."""

import subprocess
import sys

import pytest

from safla.config import exchanges


def test_the_names_are_those_that_ccxt_tells_itself() -> None:
    import ccxt

    assert list(exchanges.names()) == sorted(ccxt.exchanges)


def test_they_are_told_without_loading_ccxt() -> None:
    code = "import sys; from safla.config import exchanges; print(exchanges.known('kraken'), 'ccxt' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "True False\n"


@pytest.mark.parametrize(("name", "near"), [("krakn", "kraken"), ("binanse", "binance"), ("coinbse", "coinbase")])
def test_a_name_that_is_none_has_a_nearest(name: str, near: str) -> None:
    assert not exchanges.known(name)
    assert exchanges.nearest(name)[0] == near


def test_where_ccxt_is_not_installed_nothing_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exchanges.names.cache_clear()
    try:
        assert exchanges.known("whatever")
    finally:
        exchanges.names.cache_clear()
