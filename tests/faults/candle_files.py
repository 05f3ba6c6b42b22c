"""Files of candles for tests of fault rows 55 to 57 and Z16, and a run of the real command over one."""

import io
import json
import zipfile
from pathlib import Path

import polars as pl

from tests.data.tables import HEADER, kline, lines
from tests.faults.command import Answer
from tests.faults.invariants import check_answer, check_only, untouched
from tests.faults.targets import answered

CONFIG = """\
symbols: {{primary: [BTC/USDT]}}
data: {{source: {kind}, path: {path}}}
market_data: {{lookback_candles: 9}}
strategy: {{fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}}
"""
ROWS = lines(60)
MEBIBYTE = 2**20


def text(*rows: str) -> bytes:
    """Lines of a table."""
    return "".join(f"{row}\n" for row in rows).encode()


TABLE = text(HEADER, *ROWS)
KLINES = text(*map(kline, ROWS))


def put(folder: Path, content: bytes, name: str = "btc.csv") -> Path:
    """The content as a file."""
    path = folder / name
    path.write_bytes(content)
    return path


def zipped(members: dict[str, bytes]) -> bytes:
    """A ZIP archive of any members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def parquet_of(columns: dict[str, pl.Expr]) -> bytes:
    """A Parquet file."""
    content = io.BytesIO()
    pl.select(**columns).write_parquet(content, compression="zstd", statistics=False)
    return content.getvalue()


def arrow_of(frame: pl.DataFrame) -> bytes:
    """An Arrow IPC file."""
    content = io.BytesIO()
    frame.write_ipc(content, compression="zstd")
    return content.getvalue()


def run(path: Path, kind: str = "csv", *more: str, out: str = "run", folder: Path | None = None) -> Answer:
    """`safla run` over that file, in the folder `run` beside it, unless said otherwise."""
    place = folder or path.parent
    config = place / "config.yaml"
    config.write_text(CONFIG.format(kind=kind, path=json.dumps(str(path))))
    return answered("run", str(config), "--out", str(place / out), "--engine", "interpreted", *more)


def refused(path: Path, kind: str, *, folder: Path | None = None) -> str:
    """What is said when a file is refused: exit 4 in one line that names it; it is as it was, and no run was begun."""
    with untouched(path):
        answer = run(path, kind, folder=folder)
    check_answer(answer, 4)
    assert answer.err.count("\n") == 1
    assert answer.err.startswith(f"safla: {path}: ")
    place = folder or path.parent
    check_only(place, {"config.yaml", path.relative_to(place).parts[0]})
    return answer.err
