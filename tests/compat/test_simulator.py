"""TradingSimulator gives the figures of a run without writing a run folder."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

import safla
from tests.compat import samples
from tests.errors import raises_code


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return samples.write(tmp_path, candles=900)


def simulated(config, *arguments, **more):
    async def simulate():
        async with safla.TradingSimulator("BTC/USDT", config) as simulator:
            return await simulator.run_backtest(*arguments, **more)

    return asyncio.run(simulate())


def test_the_figures_match_a_run_over_the_same_window(config):
    found = simulated(config, datetime(2024, 1, 3, tzinfo=UTC), datetime(2024, 2, 5, tzinfo=UTC))
    assert {path.name for path in Path().iterdir()} == {"candles.csv", "config.yaml"}
    result = safla.run(config, set={"data.start": "2024-01-03", "data.end": "2024-02-05"})
    summary = result.summary
    assert (found.total_pnl, found.total_return, found.win_rate, found.sharpe_ratio) == (
        summary["net_profit"], summary["total_return"], summary["win_rate"], summary["sharpe"],
    )  # fmt: skip
    assert (found.max_drawdown, found.profit_factor, found.total_trades, found.commission_paid) == (
        summary["max_drawdown"], summary["profit_factor"], summary["trades"], summary["commission_paid"],
    )  # fmt: skip
    assert found.equity_curve == result.equity["equity"].cast(float).to_list()
    assert [one._asdict() for one in found.trades] == [
        {name: float(value) if name in AMOUNTS else value for name, value in row.items()}
        for row in result.trades.select(safla.Trade._fields).iter_rows(named=True)
    ]
    assert found.total_trades == len(found.trades) > 10


AMOUNTS = ("quantity", "entry", "exit", "gross", "fees", "net")


def test_the_pace_does_not_change_the_figures(config):
    window = ("2024-01-03", "2024-01-10")
    assert simulated(config, *window, speed_multiplier=1e9) == simulated(config, *window)


def test_without_dates_the_configured_window_is_used(config):
    assert simulated(config) == simulated(config, "2024-01-01", "2030-01-01")


def test_undefined_figures_are_none(config):
    found = simulated(config, "2024-01-01", "2024-01-01T02:00Z")
    assert (found.win_rate, found.sharpe_ratio, found.profit_factor, found.total_trades) == (None, None, None, 0)
    assert found.equity_curve == [100_000.0, 100_000.0]


def test_other_tasks_run_during_a_backtest(config):
    async def together():
        turns = 0
        running = asyncio.create_task(safla.TradingSimulator("BTC/USDT", config).run_backtest(speed_multiplier=1e9))
        while not running.done():
            turns += 1
            await asyncio.sleep(0)
        await running
        return turns

    assert asyncio.run(together()) > 10


def test_a_closed_simulator_rejects_further_runs(config):
    async def closed():
        simulator = safla.TradingSimulator("BTC/USDT", config)
        running = asyncio.create_task(simulator.run_backtest(speed_multiplier=36_000))
        await asyncio.sleep(0.05)
        await simulator.close()
        await simulator.close()
        for call in (running, simulator.run_backtest(), simulator.__aenter__()):
            with raises_code(safla.UsageError, "object_closed"):
                await call

    asyncio.run(closed())


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("2031-01-01", "2032-01-01"), safla.DataError, "no candle between"),
        (("2024-02-01", "2024-01-01"), safla.UsageError, "not before"),
        (("soon", None), safla.UsageError, "start: expected a datetime, .* got 'soon'"),
        ((None, None, 0), safla.UsageError, "speed_multiplier"),
    ],
)
def test_invalid_arguments_are_rejected(config, arguments, error, said):
    with pytest.raises(error, match=said):
        simulated(config, *arguments)


def test_an_unreachable_exchange_is_an_error_with_the_missing_candles():
    with raises_code(safla.ExchangeError, "exchange_unreachable", match=r"127\.0\.0\.1") as refused:
        simulated(samples.UNREACHABLE, "2024-01-01", "2024-02-01")
    assert refused.value.details == ("  BTC/USDT 1h: missing 2023-12-27T20:00Z to 2024-02-01T00:00Z",)
