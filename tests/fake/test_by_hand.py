"""The fake exchange as a program prints its address, serves, and ends on request."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.fake.clients import MINUTE, START, get
from tests.processes import Process

ROOT = Path(__file__).parents[2]


@contextmanager
def program(*arguments: str) -> Iterator[Any]:
    """Starts the program; returns it with its first output."""
    command = [sys.executable, "-m", "tests.fake_exchange", *arguments]
    with Process(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield SimpleNamespace(**json.loads(process.stdout.readline()))
        finally:
            process.terminate()
            out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_the_program_serves_synthetic_candles_and_a_file_until_it_is_stopped(tmp_path: Path):
    path = tmp_path / "eth.csv"
    path.write_text(f"timestamp_ms,open,high,low,close,volume\n{START},10,12,9,11,3\n")
    asked = ["--synthetic", "BTCUSDT:1m:100", "--file", f"ETHUSDT:1h:{path}", "--now", "2024-01-01T00:30"]
    with program(*asked, "--port", "0") as server:
        assert server.stream_url == server.rest_url.replace("http", "ws")
        assert asyncio.run(get(server, "time")).json == {"serverTime": START + 30 * MINUTE}
        rows = asyncio.run(get(server, limit=1_000)).json
        assert [row[0] for row in rows] == [START + number * MINUTE for number in range(31)]
        (half,) = asyncio.run(get(server, symbol="ETHUSDT", interval="1h")).json
        assert half[1:6] == ["10.00000000", "11.00000000", "9.00000000", "10.00000000", "1.00000000"]
