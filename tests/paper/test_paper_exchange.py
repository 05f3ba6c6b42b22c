"""The journal of paper trading on an exchange, over real sockets, equals the backtest over the served candles."""

from pathlib import Path

from safla.paper.session import session_at
from tests.fake_exchange import served
from tests.paper.paper_runs import BEGUN, LOOKBACK, MINUTE, START, Run, markets
from tests.small_runs import journal


def test_a_run_on_an_exchange_equals_the_backtest_over_its_candles_byte_for_byte(tmp_path: Path):
    with served(markets(), now_ms=START + BEGUN * MINUTE + 5_000) as fake:
        run = Run(tmp_path, fake)
        run.trade(timestamps=LOOKBACK + 60)
        fake.clock.advance(37 * MINUTE)  # nobody was there
        run.trade(timestamps=60)
        with session_at(tmp_path / "paper", say=lambda text: None) as (held, _):
            held.stop()
        last = held.last_ts()
        assert last is not None
        fake.mend()
        assert journal(tmp_path / "paper") == run.backtest_journal(start=START + BEGUN * MINUTE, end=last + MINUTE)
    assert journal(tmp_path / "paper").count(b'"type":"filled"') > 10


def test_each_timestamp_is_notified_once_and_in_order(tmp_path: Path):
    with served(markets(), now_ms=START + BEGUN * MINUTE + 5_000) as fake:
        updates = Run(tmp_path, fake).trade(timestamps=LOOKBACK + 30)
    assert len(updates) == LOOKBACK + 30
    assert [one.ts for one in updates] == sorted({one.ts for one in updates})
