"""Synthetic candles are valid and the same for a seed on every machine; those in configs/data are up to date."""

import zipfile
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.candles.normalise import Target, assemble
from safla.core.candles import Series, digest
from safla.data import synthetic
from safla.data.files import vision
from safla.data.synthetic import RandomWalk
from safla.errors import DataError
from tests import make_synthetic
from tests.errors import raises_code

LIMIT = 2**62 // 2**20  # the tightest that D1 knows


def walk(**values: object) -> RandomWalk:
    asked: dict[str, object] = {
        "seed": 7, "symbol": "BTC/USDT", "step_ms": 3_600_000, "candles": 500, "start": 1_704_067_200_000,
        "start_price": Decimal(30000), "annual_volatility": Decimal("0.6"), "regimes": True, "holes": 0,
        "price_decimals": 2, "volume_decimals": 5,
    }  # fmt: skip
    return RandomWalk(**{**asked, **values})  # type: ignore[arg-type]


def hashed(asked: RandomWalk) -> str:
    made = synthetic.columns(asked)
    return digest([Series(asked.symbol, asked.price_decimals, asked.volume_decimals, made)], "1h")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (walk(), "16f2d87976a6309530dd6cfb4faaca04"),
        (walk(symbol="ETH/USDT"), "a0ab07953b3f9e22f24be5e3453fa63e"),
        (walk(regimes=False, holes=3, seed=2**80), "df6655a46d2677ed6e3433bb58d31876"),
    ],
)
def test_a_seed_gives_the_same_bytes_on_every_machine(asked: RandomWalk, expected: str) -> None:
    assert hashed(asked) == expected


def test_different_seeds_and_symbols_give_different_candles() -> None:
    assert len({hashed(walk()), hashed(walk(seed=8)), hashed(walk(symbol="ETH/USDT")), hashed(walk())}) == 3


def test_more_candles_begin_with_the_same_opens_and_closes() -> None:
    few, many = synthetic.columns(walk(candles=300)), synthetic.columns(walk(candles=900))
    for name in ("ts", "open", "close"):
        assert (getattr(few, name) == getattr(many, name)[:300]).all()


@given(
    st.builds(
        walk,
        seed=st.integers(0, 2**70),
        candles=st.integers(2, 400),
        step_ms=st.sampled_from([60_000, 3_600_000, 86_400_000]),
        start_price=st.decimals(Decimal("0.01"), 1_000_000, places=2),
        annual_volatility=st.decimals(0, 10, places=2),
        regimes=st.booleans(),
        holes=st.integers(0, 20),
        price_decimals=st.integers(2, 8),
        volume_decimals=st.integers(0, 8),
    )
)
def test_synthetic_candles_pass_every_check_and_have_the_requested_number(asked: RandomWalk) -> None:
    target = Target(asked.symbol, asked.step_ms, asked.price_decimals, asked.volume_decimals, LIMIT * 10**6)
    series, counts, notes = assemble([synthetic.rows(asked)], target)
    assert (counts.candles, counts.missing, notes) == (asked.candles, asked.holes, ())
    assert series.columns.ts[0] == asked.start
    assert (series.columns.volume > 0).all()


def test_candles_open_at_the_previous_close_and_the_first_at_the_start_price() -> None:
    made = synthetic.columns(walk())
    assert abs(int(made.open[0]) - 30_000_00) <= 1
    assert (made.open[1:] == made.close[:-1]).all()


def test_the_first_candle_opens_at_the_next_time_of_the_grid() -> None:
    assert synthetic.columns(walk(start=1_704_067_200_001)).ts[0] == 1_704_070_800_000


def test_without_volatility_the_price_is_constant() -> None:
    made = synthetic.columns(walk(annual_volatility=Decimal(0)))
    assert (made.high == made.low).all()


@pytest.mark.parametrize("regimes", [True, False])
def test_the_volatility_of_returns_is_close_to_the_requested_volatility(regimes: bool) -> None:
    closes = synthetic.columns(walk(candles=200_000, regimes=regimes)).close
    spread = np.std(np.diff(np.log(closes))) * np.sqrt(8760)
    assert 0.55 < spread < 0.66


@pytest.mark.parametrize("price", [Decimal("0.001"), Decimal(10) ** 14])
def test_a_start_price_beyond_the_range_of_the_random_walk_is_rejected(price: Decimal) -> None:
    with raises_code(DataError, "number_too_large", match=r"data\.synthetic\.start_price"):
        synthetic.columns(walk(start_price=price))


def test_gaps_in_a_single_candle_are_rejected() -> None:
    assert len(synthetic.columns(walk(candles=1)).ts) == 1
    with raises_code(DataError, "no_candles"):
        synthetic.columns(walk(candles=1, holes=1))


@pytest.mark.parametrize("name", [f"SYNTHETIC-{base}USDT-1h-2024.zip" for base in ("BTC", "ETH")])
def test_the_archives_of_the_examples_are_up_to_date(name: str) -> None:
    member, text = make_synthetic.archives()[name]
    with zipfile.ZipFile(make_synthetic.FOLDER / name) as archive:
        assert archive.namelist() == [member]
        assert archive.read(member) == text  # the compressed bytes may differ between versions of zlib


@pytest.mark.parametrize("symbol", make_synthetic.START_PRICES)
def test_the_archives_of_the_examples_hold_the_generated_candles(symbol: str) -> None:
    path = make_synthetic.FOLDER / f"SYNTHETIC-{symbol.replace('/', '')}-1h-2024.zip"
    target = Target(symbol, make_synthetic.STEP_MS, None, None, LIMIT)
    series, counts, notes = assemble([vision.read(str(path))], target)
    made = synthetic.columns(make_synthetic.walk(symbol))
    assert all((one == other).all() for one, other in zip(series.columns, made, strict=True))
    assert (series[1:3], counts.candles, counts.gaps, notes) == ((2, 5), 8760, 0, ())
    assert path.stat().st_size < 700_000
