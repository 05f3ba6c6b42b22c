"""Writes the synthetic archives of configs/data as Binance would (`python -m tests.make_synthetic`). No tests."""

import io
import zipfile
from decimal import Decimal
from pathlib import Path

from safla.core.scale import to_text
from safla.core.timeframes import TIMEFRAMES
from safla.data import synthetic
from safla.data.synthetic import RandomWalk

FOLDER = Path(__file__).parents[1] / "configs" / "data"
STEP_MS = TIMEFRAMES["1h"]
START_PRICES = {"BTC/USDT": Decimal(42000), "ETH/USDT": Decimal(2300)}
SEED = 1


def archives() -> dict[str, tuple[str, bytes]]:
    """File name to the name and the text of its one member."""
    made = {}
    for symbol in START_PRICES:
        stem = f"SYNTHETIC-{symbol.replace('/', '')}-1h-2024"
        made[f"{stem}.zip"] = f"{stem}.csv", klines(walk(symbol))
    return made


def walk(symbol: str) -> RandomWalk:
    """365 days of hours from 2024-01-01 on."""
    return RandomWalk(
        seed=SEED,
        symbol=symbol,
        step_ms=STEP_MS,
        candles=8760,
        start=1_704_067_200_000,
        start_price=START_PRICES[symbol],
        annual_volatility=Decimal("0.55"),
        regimes=True,
        holes=0,
        price_decimals=2,
        volume_decimals=5,
    )


def klines(walk: RandomWalk) -> bytes:
    """The candles of a walk as the twelve columns of a kline, without a header, numbers with eight decimals."""
    rows = zip(*(column.tolist() for column in synthetic.columns(walk)), strict=True)
    return "".join(_line(row, walk) for row in rows).encode("ascii")


def zipped(member: str, text: bytes) -> bytes:
    """A ZIP without a clock in it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr(zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED, 9)
    return archive.getvalue()


def _line(row: tuple[int, ...], walk: RandomWalk) -> str:
    ts, *prices, volume = row
    up = 10 ** (8 - walk.price_decimals)
    texts = [to_text(price * up, 8) for price in prices]
    quote = prices[3] * volume * 10 // 10 ** (walk.price_decimals + walk.volume_decimals - 7)
    taken = 45 + ts // walk.step_ms % 11  # per cent of the volume that takers bought; any number would do
    cells = [
        str(ts),
        *texts,
        to_text(volume * 10 ** (8 - walk.volume_decimals), 8),
        str(ts + walk.step_ms - 1),
        to_text(quote, 8),
        str(1 + volume // 10**walk.volume_decimals),
        to_text(volume * taken // 100 * 10 ** (8 - walk.volume_decimals), 8),
        to_text(quote * taken // 100, 8),
        "0",
    ]
    return ",".join(cells) + "\n"


if __name__ == "__main__":
    for name, (member, text) in archives().items():
        (FOLDER / name).write_bytes(zipped(member, text))
