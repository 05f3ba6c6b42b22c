"""The names of exchanges match those of ccxt and are found without importing it."""

import subprocess
import sys

import pytest

from safla.config import exchanges


def test_the_names_match_those_of_ccxt() -> None:
    import ccxt

    assert list(exchanges.names()) == sorted(ccxt.exchanges)


def test_the_names_are_found_without_importing_ccxt() -> None:
    code = "import sys; from safla.config import exchanges; print(exchanges.known('kraken'), 'ccxt' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "True False\n"


@pytest.mark.parametrize(("name", "near"), [("krakn", "kraken"), ("binanse", "binance"), ("coinbse", "coinbase")])
def test_an_unknown_name_is_reported_with_the_nearest_name(name: str, near: str) -> None:
    assert not exchanges.known(name)
    assert exchanges.nearest(name)[0] == near


def test_every_name_is_accepted_if_ccxt_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exchanges.names.cache_clear()
    try:
        assert exchanges.known("whatever")
    finally:
        exchanges.names.cache_clear()
