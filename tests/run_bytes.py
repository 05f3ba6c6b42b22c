"""The bytes of many runs, to compare before and after a change of the code that is to change none of them.

    python -m tests.run_bytes > before.txt    # and after the change: > after.txt; diff before.txt after.txt

Each line is the digest of one file of one run: the configurations of configs/ and 20 drawn ones (the same every time).
Golden files and scenario tables are compared by `make test`.
"""

import hashlib
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

CONFIGS = Path(__file__).parents[1] / "configs"
DRAWN = 20


def main() -> None:
    """Print the digests."""
    with tempfile.TemporaryDirectory() as place:
        for name, arguments in (*examples(), *drawn()):
            out = Path(place) / name
            words = ["run", *arguments, "--out", str(out), "--engine", "interpreted"]
            subprocess.run([sys.executable, "-m", "safla", *words], check=True, stdout=subprocess.DEVNULL)
            for path in sorted(path for path in out.rglob("*") if path.is_file() and path.name != "lock"):
                print(name, path.relative_to(out), hashlib.sha256(path.read_bytes()).hexdigest()[:16])
            sys.stdout.flush()


def examples() -> Iterator[tuple[str, list[str]]]:
    """The configurations that come with the project: those that backtest candles which are there."""
    for path in sorted(CONFIGS.glob("*.yaml")):
        if path.stem not in ("paper", "btc-real"):
            yield path.stem, [str(path)]


def drawn() -> Iterator[tuple[str, list[str]]]:
    """Configurations over synthetic candles."""
    chance = random.Random(13)
    for number in range(DRAWN):
        fast = chance.randint(2, 12)
        slow = fast + chance.randint(1, 30)
        symbols = chance.sample(["BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT"], chance.randint(1, 4))
        values = {
            "symbols.primary": f"[{', '.join(symbols)}]",
            "data.source": "synthetic",
            "data.start": "null",
            "data.end": "null",
            "data.path": "null",
            "system.random_seed": number,
            "data.synthetic.candles": chance.randint(300, 3000),
            "data.synthetic.holes": chance.randint(0, 5),
            "strategy.fast_period": fast,
            "strategy.slow_period": slow,
            "strategy.entry_threshold_pct": chance.choice([0, 0.001, 0.005]),
            "strategy.exit_threshold_pct": chance.choice([0, 0.001]),
            "market_data.lookback_candles": slow + 1,
            "market_data.timeframe": chance.choice(["5m", "1h", "4h"]),
            "risk.stop_loss_pct": chance.choice([0.01, 0.02, 0.05]),
            "risk.take_profit_pct": chance.choice([0.02, 0.04, 0.1]),
            "risk.trailing_stop_pct": chance.choice(["null", 0.01, 0.03]),
            "risk.max_daily_loss_pct": chance.choice([0.002, 0.02, 0.1]),
            "risk.max_drawdown_pct": chance.choice([0.02, 0.1, 0.5]),
            "journal.detail": chance.choice(["decisions", "candles"]),
        }
        yield (
            f"drawn{number:02}",
            [
                str(CONFIGS / "btc.yaml"),
                *(word for key, value in values.items() for word in ("--set", f"{key}={value}")),
            ],
        )


if __name__ == "__main__":
    main()
