"""The whole configuration as one value. Its keys stand in trading.py and operation.py, rules in constraints.py."""

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
from safla.config.section import Section, key, section
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


class Config(Section):
    """The whole configuration of a run."""

    extends: Paths = key((), "other files, read first; at most 4 deep, no circle; relative to this file")
    mode: Literal["backtest", "paper"] = key("backtest", "history, or candles as they come")
    system: SystemSection = section(SystemSection, "who the run is")
    exchange: ExchangeSection = section(ExchangeSection, "where candles come from")
    symbols: SymbolsSection = section(SymbolsSection, "what is traded")
    markets: Annotated[dict[Symbol, MarketSection], Field(max_length=100)] = key({}, "scales and order grids by symbol")
    market_data: MarketDataSection = section(MarketDataSection, "which candles are decided on")
    data: DataSection = section(DataSection, "where the candles of a run lie")
    simulation: SimulationSection = section(SimulationSection, "the account and what trading costs")
    strategy: StrategySection = section(StrategySection, "when to enter and exit, and how large")
    risk: RiskSection = section(RiskSection, "what limits a loss")
    execution: ExecutionSection = section(ExecutionSection, "how a candle fills an order")
    paper: PaperSection = section(PaperSection, "how paper trading gets its candles")
    journal: JournalSection = section(JournalSection, "how much is written")
    report: ReportSection = section(ReportSection, "what reports assume")
    logging: LoggingSection = section(LoggingSection, "logs for people")
    monitoring: MonitoringSection = section(MonitoringSection, "what is watched while a run is up")
    storage: StorageSection = section(StorageSection, "folders")

    @model_validator(mode="after")
    def _whole(self, info: ValidationInfo) -> Self:
        """Defaults that depend on other keys, then the rules between keys; all that are broken are told at once."""
        for name, resolved in constraints.resolved(self).items():
            object.__setattr__(self, name, resolved)  # frozen for all others; here it is still being made
        strategies = (info.context or {}).get("strategies", ())
        broken = constraints.broken(self, strategies=strategies)
        if broken:
            texts = "; ".join(f"{', '.join(one.keys)}: {one.text}" for one in broken)
            raise PydanticCustomError("rules", "{texts}", {"texts": texts, "broken": broken})
        return self
