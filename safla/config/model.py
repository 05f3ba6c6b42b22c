"""The whole configuration as one value. Its keys stand in trading.py and operation.py, rules in constraints.py."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from safla.config import constraints
from safla.config.operation import Data, Exchange, Logging, Monitoring, Paper, Report, Storage
from safla.config.section import Section, key, section
from safla.config.trading import (
    Execution,
    Journal,
    Market,
    MarketData,
    Risk,
    Simulation,
    Strategy,
    Symbols,
    System,
)
from safla.config.types import Paths, Symbol


class Config(Section):
    """The whole configuration of a run."""

    extends: Paths = key((), "other files, read first; at most 4 deep, no circle; relative to this file")
    mode: Literal["backtest", "paper"] = key("backtest", "history, or candles as they come")
    system: System = section(System, "who the run is")
    exchange: Exchange = section(Exchange, "where candles come from")
    symbols: Symbols = section(Symbols, "what is traded")
    markets: Annotated[dict[Symbol, Market], Field(max_length=100)] = key({}, "scales and order grids by symbol (S3)")
    market_data: MarketData = section(MarketData, "which candles are decided on")
    data: Data = section(Data, "where the candles of a run lie")
    simulation: Simulation = section(Simulation, "the account and what trading costs")
    strategy: Strategy = section(Strategy, "when to enter and leave, and how large")
    risk: Risk = section(Risk, "what limits a loss")
    execution: Execution = section(Execution, "how a candle fills an order")
    paper: Paper = section(Paper, "how paper trading gets its candles")
    journal: Journal = section(Journal, "how much is written")
    report: Report = section(Report, "what reports assume")
    logging: Logging = section(Logging, "logs for people")
    monitoring: Monitoring = section(Monitoring, "what is watched while a run is up")
    storage: Storage = section(Storage, "folders")

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
