"""Which market a file says it holds: by its name, or by a column such as `symbol`. No file is opened here."""

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from safla.core.timeframes import TIMEFRAMES
from safla.core.values import Int64
from safla.data.files import archive_name
from safla.data.files.archive_name import QUOTES
from safla.errors import ConfigError, DataError, Problem
from safla.text import printable

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("symbol", "pair", "ticker", "instrument", "instrument_id", "inst_id", "product_id", "coin", "market")
VAGUE = ("market", "instrument", "ticker", "coin")  # such columns may also hold "spot" or the name of an exchange
ALIASES = (("XBT", "BTC"),)
MOST_SHOWN = 3

_SEPARATORS = re.compile(r"[-_/ .]")
_SPELLED = re.compile(r"[A-Za-z0-9]{1,24}([-_/ .:][A-Za-z0-9]{1,24}){0,3}", re.ASCII)
_PAIR = re.compile(r"[A-Z0-9]{2,24}[-_/][A-Z0-9]{2,12}(:[A-Z0-9]{2,12})?", re.ASCII)
_MADE = re.compile(r"([A-Z0-9]{1,24})_([A-Z0-9]{2,12})(?:_[A-Z0-9]{2,12})?-([0-9]{1,2}[mhd])", re.ASCII)


class Claim(NamedTuple):
    """What a file name says; None where it says nothing."""

    market: str | None  # as spelled in the name: ETHUSDT, ETH_USDT
    timeframe: str | None
    certain: bool  # the name follows the scheme of a program that writes candle files


def market_id(text: str) -> str:
    """The common spelling of a market: BTC-USDT, btc/usdt and BTC/USDT:USDT all give BTCUSDT."""
    letters = _SEPARATORS.sub("", text.partition(":")[0]).upper()
    for alias, name in ALIASES:
        if letters.startswith(alias):
            return name + letters.removeprefix(alias)
    return letters


def is_of(text: str, symbol: str) -> bool:
    """Whether a text means the market of a symbol: BTCUSDT, XBT-USDT, BINANCE:BTCUSDT, or the base alone."""
    base = symbol.partition("/")[0]
    before, _, after = text.partition(":")
    return bool({market_id(before), market_id(after)} & {market_id(symbol), base})


def column_of(header: Sequence[str]) -> int | None:
    """The index of the column that names the market of each row; None where there is none."""
    known = [re.sub(r"[ -]+", "_", name.strip().lower()) for name in header]
    return next((known.index(name) for name in COLUMNS if known.count(name) == 1), None)


def speaks(column: str, values: Iterable[str]) -> bool:
    """Whether the values of a column name markets, rather than numbers, kinds of markets or exchanges."""
    named = [text for text in values if _SPELLED.fullmatch(text) and re.search("[A-Za-z]", text)]
    return any(map(_is_market, named)) if _is_vague(column) else bool(named)


def _is_vague(column: str) -> bool:
    return re.sub(r"[ -]+", "_", column.strip().lower()) in VAGUE


def is_symbol_cell(text: str) -> bool:
    """Whether the first cell of a row in a file without header names a market, rather than a time."""
    return bool(_SPELLED.fullmatch(text)) and _is_market(text)


def named(path: str) -> Claim:
    """What the name of a file says about its candles."""
    archive = archive_name.named(path)
    if archive is not None:
        return Claim(archive.id, archive.timeframe, certain=True)
    stem = PurePath(path).name.partition(".")[0]
    match = _MADE.fullmatch(stem)  # the scheme of freqtrade: BTC_USDT-1h.feather
    if match is not None and match[3] in TIMEFRAMES and match[2] in (*QUOTES, "USD"):
        return Claim(f"{match[1]}_{match[2]}", match[3], certain=True)
    words = re.split(r"[-_ ]", stem)
    lengths = [word for word in words if word in TIMEFRAMES]
    return Claim(_market_among(words), lengths[0] if len(lengths) == 1 else None, certain=False)


def refuse_name(path: str, symbol: str, *, timeframe: str, advice: Callable[[str | None], str]) -> tuple[str, ...]:
    """Notes for a file whose name says other candles than the requested ones; () where it does not.

    advice  what to do about another timeframe
    DataError instead of a note where a program made the name, such as that of an exchange's archive.
    """
    claim = named(path)
    others = []
    if claim.market is not None and not is_of(claim.market, symbol):
        others.append(f"its name says {claim.market}, but {symbol} is requested")
    if claim.timeframe not in (None, timeframe):
        others.append(f"its name says {claim.timeframe}, {advice(claim.timeframe)}")
    if not others:
        return ()
    text = f"{printable(path)}: {'; '.join(others)}"
    if claim.certain:
        raise DataError(f"{text}; rename it if its name is wrong", code="wrong_market")
    return (f"{text}; make sure that it is the right file",)


def shared(path: str, owners: int) -> ConfigError:
    """The error for a file that several symbols share and that has no column with the symbol of each row."""
    text = (
        f"{printable(path)} would serve {owners} symbols, but has no column `symbol`; put {{symbol}} (such as BTCUSDT) "
    )
    return ConfigError(
        [Problem(where="", key="data.path", text=f"{text}or {{base}} into the path", code="file_shared")]
    )


def listed(markets: Sequence[str]) -> str:
    """The first few markets as text, and whether there are more."""
    return ", ".join(market[:40] for market in markets[:MOST_SHOWN]) + (
        " and others" if len(markets) > MOST_SHOWN else ""
    )


def _is_market(text: str) -> bool:
    letters = market_id(text.partition(":")[2] or text)
    quoted = any(letters.endswith(quote) and len(letters) > len(quote) for quote in (*QUOTES, "USD"))
    return bool(quoted or _PAIR.fullmatch(text.upper()))


def _market_among(words: Sequence[str]) -> str | None:
    """The only market in the words of a name: ETHUSDT, or ETH and USDT side by side. Only words in capitals count."""
    quotes = (*QUOTES, "USD")
    whole = [
        word
        for word in words
        if word.isupper() and len(word) > 4 and any(word.endswith(quote) and word != quote for quote in quotes)
    ]
    pairs = [
        f"{base}_{quote}"
        for base, quote in pairwise(words)
        if base.isupper() and base.isalnum() and quote in quotes and base not in quotes[:6]
    ]
    markets = [*whole, *pairs]
    return markets[0] if len(markets) == 1 else None


class Owner:
    """Picks the rows of one symbol by a column that names the market of each row. It is fed block by block."""

    def __init__(self, symbol: str, column: str) -> None:
        self.symbol, self.column = symbol, column
        self._others: list[str] = []  # other markets, the first MOST_SHOWN + 1 of them
        self._first = 0  # the row where the first of them appears
        self._rows = self._left = 0
        self._speaks: bool | None = None  # whether the column names markets; None: only empty cells so far
        self._unread: list[str] = []  # values that are no markets, in a column that should name markets

    def own(self, values: "pl.Series", numbers: Int64) -> npt.NDArray[np.bool_]:
        """A mask of the next rows that belong to the symbol. numbers: the numbers of these rows in their file."""
        import polars as pl

        texts = values.cast(pl.String).fill_null("").str.strip_chars(' "')
        unique = texts.unique(maintain_order=True).to_list()
        if not self._speaks and any(unique):
            self._speaks = speaks(self.column, unique)
        if not self._speaks:
            if not _is_vague(self.column):
                self._unread = list(dict.fromkeys([*self._unread, *unique[:MOST_SHOWN]]))[:MOST_SHOWN]
            self._rows += len(values)
            return np.ones(len(values), bool)
        own_texts = [text for text in unique if is_of(text, self.symbol)]
        is_own: npt.NDArray[np.bool_] = texts.is_in(own_texts).to_numpy()
        if len(own_texts) < len(unique) and len(self._others) <= MOST_SHOWN:
            self._first = self._first or int(numbers[int(np.argmin(is_own))])
            known = {*own_texts, *self._others}
            new = (text for text in unique if text not in known)
            self._others.extend(islice(new, MOST_SHOWN + 1 - len(self._others)))
        self._rows += int(np.count_nonzero(is_own))
        self._left += int(np.count_nonzero(~is_own))
        return is_own

    def notes(self, path: str, word: str) -> tuple[str, ...]:
        """Notes on rows of other markets. DataError where no row is of the symbol. word: line or row."""
        if len(self._unread) > 1 or (self._unread and self._others):
            names = ", ".join(ascii(name[:40]) for name in self._unread)
            raise DataError(
                f"{printable(path)}: its column {self.column} holds {names}, and none of these "
                f"names a market; give a file of {self.symbol} alone",
                code="wrong_market",
            )
        if not self._others:
            return ()
        names = listed([ascii(name)[1:-1] for name in self._others])
        if not self._rows:
            raise DataError(
                f"{printable(path)}: {word} {self._first}: its column {self.column} says {names}, and no row is "
                f"of {self.symbol}; give a file of {self.symbol}",
                code="wrong_market",
            )
        note = f"{self._left:,} {word}{'' if self._left == 1 else 's'} of {names} left out"
        return (f"{printable(path)}: {note}; its column {self.column} names the market of each",)
