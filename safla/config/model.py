"""The model of the whole configuration. Its keys are in trading.py and operation.py, its rules in constraints.py."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from safla.config import constraints
from safla.config.operation import (
    DataSection,
    ExchangeSection,
    LoggingSection,
    MonitoringSection,
    PaperSection,
    ReportSection,
    StorageSection,
)
from safla.config.trading import (
    ExecutionSection,
    JournalSection,
    MarketDataSection,
    MarketSection,
    RiskSection,
    SimulationSection,
    StrategySection,
    SymbolsSection,
    SystemSection,
)
from safla.config.types import Paths, Symbol
from safla.section import Section, key, section


class Config(Section):
    """The whole configuration of a run."""

    extends: Paths = key((), "other files to read first, relative to this file; at most 4 deep, without cycles")
    mode: Literal["backtest", "paper"] = key("backtest", "backtest: past candles; paper: candles as they close")
    system: SystemSection = section(SystemSection, "name and version of the run")
    exchange: ExchangeSection = section(ExchangeSection, "the exchange that serves the candles")
    symbols: SymbolsSection = section(SymbolsSection, "what is traded")
    markets: Annotated[dict[Symbol, MarketSection], Field(max_length=100)] = key({}, "scales and order grids by symbol")
    market_data: MarketDataSection = section(MarketDataSection, "the candles that the strategy trades on")
    data: DataSection = section(DataSection, "the source of the candles")
    simulation: SimulationSection = section(SimulationSection, "the account and the trading costs")
    strategy: StrategySection = section(StrategySection, "when to enter and exit, and how large")
    risk: RiskSection = section(RiskSection, "what limits a loss")
    execution: ExecutionSection = section(ExecutionSection, "how a candle fills an order")
    paper: PaperSection = section(PaperSection, "how paper trading gets its candles")
    journal: JournalSection = section(JournalSection, "how detailed the journal is")
    report: ReportSection = section(ReportSection, "assumptions of the reports")
    logging: LoggingSection = section(LoggingSection, "log files")
    monitoring: MonitoringSection = section(MonitoringSection, "alerts and metrics during a run")
    storage: StorageSection = section(StorageSection, "folders for downloads and runs")

    @model_validator(mode="after")
    def _whole(self, info: ValidationInfo) -> Self:
        """Fill in defaults that depend on other keys, then check the rules between keys and report all broken ones."""
        for name, resolved in constraints.resolved(self).items():
            object.__setattr__(self, name, resolved)  # the model is frozen, but still under construction here
        strategies = (info.context or {}).get("strategies", ())
        broken = constraints.broken(self, strategies=strategies)
        if broken:
            texts = "; ".join(f"{', '.join(rule.keys)}: {rule.text}" for rule in broken)
            raise PydanticCustomError("rules", "{texts}", {"texts": texts, "broken": broken})
        return self
