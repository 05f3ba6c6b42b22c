"""Where the candles of a run come from, in a few words for its summary. No file is opened."""

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from safla.config.model import Config
from safla.config.paths import written
from safla.config.patterns import Folders, TooManyNamesError

SYNTHETIC_FILE = "SYNTHETIC-"  # prefix of files that the synthetic source made; they have trends
WITH_TRENDS, WITHOUT_TRENDS = "synthetic, trends built in", "synthetic, no trends built in"


def source_name(config: Config, symbols: Sequence[str]) -> str:
    """The kind of source. For synthetic candles also whether trends are built in: they flatter a trend follower."""
    if config.mode == "paper" and config.paper.source == "stream":
        return f"exchange {config.exchange.name}"
    source = config.data.source
    if source == "exchange":
        return f"exchange {config.exchange.name}"
    if source == "synthetic":
        return WITH_TRENDS if config.data.synthetic.regimes else WITHOUT_TRENDS
    synthetic = any(os.path.basename(name).startswith(SYNTHETIC_FILE) for name in _files(config, symbols))
    return f"{source}: {WITH_TRENDS}" if synthetic else source


def _files(config: Config, symbols: Sequence[str]) -> Iterator[str]:
    """The files of the symbols. Folders with too many names are skipped: they already ended the run with an error."""
    folders, timeframe = Folders(), config.market_data.timeframe
    for pattern, symbol in itertools.product(config.data.path or (), symbols):
        name = written(pattern, symbol, timeframe=timeframe)
        yield name
        with suppress(TooManyNamesError):
            yield from folders.matching(name)
