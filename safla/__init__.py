"""safla: a declarative trading system. The public names, sorted; each is imported on first use (D8).

import safla

result = safla.run("config.yaml", set={"risk.stop_loss_pct": 0.03})
result.summary["net_profit"], result.trades, result.journal
"""

TYPE_CHECKING = False  # type checkers treat the name as True; importing typing would take longer than the rest

if TYPE_CHECKING:
    from safla.api.calls import replay, run, simulate
    from safla.api.configuration import load_config, validate
    from safla.api.registered import CandleStrategy, StrategyFunction
    from safla.api.result import Result, Simulation, Verdict
    from safla.compat.risk import RiskCheck, RiskManager
    from safla.compat.strategy import Signal, SMAStrategy
    from safla.config.loader import Loaded
    from safla.core.values import Columns
    from safla.data_feed import BinanceDataFeed
    from safla.errors import (
        Bug,
        ConfigError,
        DataError,
        ExchangeError,
        Finding,
        HostError,
        IllegalMove,
        Interrupted,
        JournalError,
        Problem,
        SaflaError,
        StrategyError,
        UsageError,
    )
    from safla.monitoring import PerformanceMonitor
    from safla.runs.progress import Progress
    from safla.runs.strategy_answers import Answer
    from safla.runs.strategy_candles import Candle, Candles
    from safla.simulator import Performance, Trade, TradingSimulator

__all__ = [
    "Answer",
    "BinanceDataFeed",
    "Bug",
    "Candle",
    "CandleStrategy",
    "Candles",
    "Columns",
    "ConfigError",
    "DataError",
    "ExchangeError",
    "Finding",
    "HostError",
    "IllegalMove",
    "Interrupted",
    "JournalError",
    "Loaded",
    "Performance",
    "PerformanceMonitor",
    "Problem",
    "Progress",
    "Result",
    "RiskCheck",
    "RiskManager",
    "SMAStrategy",
    "SaflaError",
    "Signal",
    "Simulation",
    "StrategyError",
    "StrategyFunction",
    "Trade",
    "TradingSimulator",
    "UsageError",
    "Verdict",
    "load_config",
    "replay",
    "run",
    "simulate",
    "validate",
]

if not TYPE_CHECKING:  # type checkers use the imports above, and report unknown names

    def __getattr__(name: str) -> object:
        """Import a public name from the module that defines it."""
        if name not in __all__:
            raise AttributeError(f"safla has no {name}; its names are {', '.join(__all__)}")
        from safla import errors

        if hasattr(errors, name):
            return getattr(errors, name)
        from safla import data_feed, monitoring, simulator
        from safla.api import calls, configuration, registered
        from safla.compat import strategy
        from safla.runs import strategy_answers

        modules = (calls, configuration, registered, strategy, strategy_answers, simulator, data_feed, monitoring)
        return next(getattr(module, name) for module in modules if hasattr(module, name))


def __dir__() -> list[str]:
    return __all__
