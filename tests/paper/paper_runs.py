"""Paper runs over synthetic history at full speed, on a fake exchange, and with commands; the backtest of each."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from safla.clock import SYSTEM, Clock
from safla.config.loader import Loaded, load_mapping
from safla.errors import Interrupted
from safla.journal.encode import Input
from safla.observe.update import Update
from safla.paper import control, runner
from safla.paper.control import Command, CommandKind
from safla.paper.runner import Listeners
from safla.paper.session import first_hash
from safla.runs import backtest
from safla.runs.interrupt import Flag
from safla.strategies.register import STRATEGIES, Strategy
from tests.fake_exchange import FakeExchange, Market, synthetic
from tests.small_runs import journal

SMALL: dict[str, Any] = {
    "paper": {"source": "replay", "speed": "max"},
    "symbols": {"primary": ["BTC/USDT", "ETH/USDT"]},
    "market_data": {"timeframe": "1h", "lookback_candles": 12},
    "data": {"source": "synthetic", "synthetic": {"candles": 160, "holes": 6}, "start": "2024-01-01T15:00"},
    "strategy": {"fast_period": 3, "slow_period": 8, "entry_threshold_pct": 0, "exit_threshold_pct": 0},
    "risk": {"max_daily_loss_pct": 0.004, "trailing_stop_pct": 0.03, "max_drawdown_pct": 0.05},
}


def loaded(mode: str, sets: Sequence[str] = (), *, config: Mapping[str, Any] = SMALL, **more: Any) -> Loaded:
    """The configuration in a mode; a backtest of it writes all candles too."""
    detail = ("journal.detail=candles",) if mode == "backtest" else ()
    return load_mapping(config, sets=(f"mode={mode}", *detail, *sets), environment={}, **more)


def run_paper(
    folder: Path, sets: Sequence[str] = (), *, config: Mapping[str, Any] = SMALL, updates: list[Update] | None = None,
    register: Mapping[str, Strategy] = STRATEGIES, flag: Flag | None = None, clock: Clock = SYSTEM,
    said: Callable[[str], None] = lambda text: None, **more: Any,
) -> runner.PaperResult:  # fmt: skip
    """A paper run, to its end."""
    heard: list[Update] = [] if updates is None else updates
    return runner.run_paper(
        loaded("paper", sets, config=config, **more), folder, force=False, say=said, flag=flag or Flag(),
        attach_listeners=lambda run, source: nullcontext(Listeners(heard.append, lambda *trouble: None)),
        register=register, clock=clock,
    )  # fmt: skip


def backtest_journal(
    folder: Path, sets: Sequence[str] = (), *, config: Mapping[str, Any] = SMALL,
    register: Mapping[str, Strategy] = STRATEGIES, **more: Any,
) -> bytes:  # fmt: skip
    """The journal of the backtest over the same candles."""
    prepared = backtest.prepare(loaded("backtest", sets, config=config, **more), register=register)
    backtest.run_backtest(
        prepared, folder, engine="interpreted", force=False, watch=lambda progress: None, say=lambda text: None,
        flag=Flag(),
    )  # fmt: skip
    return journal(folder)


def check_any_cut(folder: Path, sets: Sequence[str], chance: Any, **more: Any) -> None:
    """A paper run whose journal is cut at any byte ends in the bytes of the whole one, when it is started again."""
    run_paper(folder, sets, **more)
    full = journal(folder)
    for size in sorted(chance.randrange(2_000, len(full)) for _ in range(6)):
        (folder / "journal.jsonl").write_bytes(full[:size])
        (folder / "head").unlink(missing_ok=True)
        run_paper(folder, sets, **more)
        assert journal(folder) == full, size


START = 1_704_067_200_000  # 2024-01-01
MINUTE = 60_000
BEGUN = 300  # minutes that are over when the run begins
LOOKBACK = 20


class Run:
    """A run in folder/paper, over two symbols. wall: the clock of this machine; None: it goes as the exchange's."""

    def __init__(
        self, folder: Path, fake: FakeExchange, *, timeframe: str = "1m", wall: Callable[[], float] | None = None,
        sections: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """sections: keys of the configuration that are not as below."""
        self.folder, self.fake, self.said, self.updates = folder, fake, list[str](), list[Update]()
        self._timeframe, self._wall, self._sections = timeframe, wall or fake.clock.wall, sections

    def trade(
        self, *, timestamps: int, each: Callable[[], None] = lambda: None, ends: bool = False,
        last_ts: Callable[[], int] | None = None,
    ) -> list[Update]:  # fmt: skip
        """The run, until so many were told; the exchange's clock moves on with every wait.

        each     called after one
        ends     the run comes to its end before
        last_ts  it is interrupted after this timestamp, ms, or a later one
        """
        flag, updates = Flag(), list[Update]()
        self.updates = updates

        def seen(one: Update) -> None:
            updates.append(one)
            each()
            if len(updates) == timestamps or (last_ts is not None and one.ts >= last_ts()):
                flag.signal = 15

        clock = Clock(self.fake.clock.seconds, self._wall, self.fake.clock.sleep)
        loaded = load_mapping(self._config(), sets=(), environment={})
        with nullcontext() if ends else pytest.raises(Interrupted):
            runner.run_paper(
                loaded, self.folder / "paper", force=False, say=self.said.append, flag=flag, clock=clock,
                attach_listeners=lambda run, source: nullcontext(Listeners(seen, lambda *trouble: None)),
            )  # fmt: skip
        return updates

    def backtest_journal(self, *, start: int, end: int) -> bytes:
        """The journal of the backtest over what the exchange serves of that time, ms."""
        window = {"source": "exchange", "start": start, "end": end}
        given = self._config(mode="backtest", data=window, journal={"detail": "candles"})
        prepared = backtest.prepare(load_mapping(given, sets=(), environment={}))
        backtest.run_backtest(
            prepared, self.folder / "backtest", engine="interpreted", force=False, watch=lambda progress: None,
            say=lambda text: None, flag=Flag(),
        )  # fmt: skip
        return journal(self.folder / "backtest")

    def written(self, **exchange: Any) -> Path:
        """Its configuration as a file, for the real command."""
        given = self._config()
        given["exchange"].update(exchange)
        path = self.folder / "paper.yaml"
        path.write_text(repr(given).replace("'", '"'))  # JSON is YAML
        return path

    def _config(self, **more: Any) -> dict[str, Any]:
        given = self._plain(**more)
        return given | {name: given.get(name, {}) | dict(keys) for name, keys in self._sections.items()}

    def _plain(self, **more: Any) -> dict[str, Any]:
        return {
            "mode": "paper",
            "exchange": {"rest_url": self.fake.rest_url, "stream_url": self.fake.stream_url},
            "symbols": {"primary": ["BTC/USDT", "ETH/USDT"]},
            "market_data": {"timeframe": self._timeframe, "lookback_candles": LOOKBACK},
            "storage": {"cache_directory": str(self.folder / "cache")},
            "strategy": {"fast_period": 3, "slow_period": 8, "entry_threshold_pct": 0, "exit_threshold_pct": 0},
            **more,
        }


def markets() -> list[Market]:
    """Two symbols of SYNTHETIC minutes, one with a gap."""
    return [
        Market("BTCUSDT", {"1m": synthetic(START, MINUTE, 600, seed=1, gaps=(BEGUN + 30, BEGUN + 31))}),
        Market("ETHUSDT", {"1m": synthetic(START, MINUTE, 600, seed=2)}),
    ]


TIMESTAMPS = 40  # of a run that was left
SECONDS = 10.0  # that a run may take to its first candle, or to a command


class Leaving(list[Update]):
    """A listener that has its run interrupted after a timestamp."""

    def __init__(self, flag: Flag) -> None:
        super().__init__()
        self._flag = flag

    def append(self, update: Update) -> None:
        """One timestamp more."""
        super().append(update)
        if len(self) == TIMESTAMPS:
            self._flag.signal = signal.SIGINT


def left(folder: Path, *sets: str) -> Path:
    """A run folder whose run was interrupted in the middle."""
    flag = Flag()
    with suppress(Interrupted):
        run_paper(folder, sets, updates=Leaving(flag), flag=flag)
    return folder


@contextmanager
def under_way(folder: Path) -> Iterator[None]:
    """A run that goes on in real time for the length of a `with`: it has folded what it can, and waits an hour."""
    flag, updates = Flag(), list[Update]()

    def go_on() -> None:
        with suppress(Interrupted):
            run_paper(folder, ("paper.speed=1x",), updates=updates, flag=flag)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        assert until(lambda: journal_is_there(folder) or not thread.is_alive())
        yield
    finally:
        flag.signal = signal.SIGINT
        thread.join()


def until(met: Callable[[], bool], *, seconds: float = SECONDS) -> bool:
    """Wait until something is so; False if it is not in time."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def journal_is_there(folder: Path) -> bool:
    """Whether the first line is whole."""
    return (folder / "journal.jsonl").exists() and b"\n" in journal(folder)


def by_operator(folder: Path) -> list[bytes]:
    """The lines that the commands of a person became, the end of the run apart."""
    own = (b'"rule":"operator"', b'"by":"operator"')
    return [line for line in journal(folder).splitlines() if any(one in line for one in own)]


def put(
    folder: Path, kind: CommandKind, *, note: str | None = None, halt: int | None = None, given: int = 0
) -> Command:
    """Leave a command for a run as `safla halt`, `resume` or `stop` do. given: when, ms; 0: now."""
    wall = time.time if given == 0 else lambda: given / 1000
    one = control.new_command(folder, kind, run=first_hash(folder / "journal.jsonl"), halt=halt, note=note, wall=wall)
    control.put_command(folder, one)
    return one


def waiting(folder: Path) -> tuple[Command, ...]:
    """The commands that no session has applied yet."""
    return control.requests(folder, run=first_hash(folder / "journal.jsonl")).commands


def taken(folder: Path, *, seconds: float = SECONDS) -> bool:
    """Wait until no command waits any more."""
    return until(lambda: waiting(folder) == (), seconds=seconds)


def by_hand(note: str | None = None, *, number: int = 1) -> Input:
    """What a command brings along, where a test applies it itself."""
    return Input(note, 1_704_000_000_000 + number, f"{number:04d}-by-hand")
