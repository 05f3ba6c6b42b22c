"""Troubles of symbols by their cause: one outage of many symbols is told once, and so is its end."""

from collections.abc import Callable, Mapping

SHOWN = 3  # symbols that are named beside the first

TroubleListener = Callable[[str, str, str], None]  # kind, symbol ("" for several, or all), text


class Outages:
    """Who is in trouble, and who was told. One for a source of candles.

    name  of the exchange
    well  the kind of what is told when a trouble is over
    """

    def __init__(self, name: str, *, told: TroubleListener, well: str) -> None:
        self._name, self._told, self._well = name, told, well
        self._open: dict[str, dict[str, None]] = {}  # by kind, the symbols in their order
        self._said: dict[str, tuple[int, str]] = {}  # by kind, of how many symbols was told last, and of which

    def tell(self, kind: str, texts: Mapping[str, str]) -> None:
        """Symbols are in a trouble of one kind, new or the same; symbol "": what all depend on.

        It is told of the first, and again only when twice as many have it.
        """
        if not texts:
            return
        within = self._open.setdefault(kind, {})
        within.update(dict.fromkeys(texts))
        if len(within) < 2 * self._said.get(kind, (0, ""))[0]:
            return
        first, *others = within
        symbol = "" if others else first
        self._said[kind] = len(within), symbol
        self._told(
            kind, symbol, next(iter(texts.values())) + _also([one for one in within if one not in list(texts)[:1]])
        )

    def alone(self, kind: str, symbol: str) -> None:
        """A symbol is in a trouble of its own, and that was told already: its end is to be told."""
        own = f"{kind} {symbol}"
        self._open[own], self._said[own] = {symbol: None}, (1, symbol)

    def over(self, symbol: str) -> None:
        """A symbol is in no trouble, any more or still not. It is told with the last of an outage."""
        ended = {}
        for kind, within in list(self._open.items()):
            if within.pop(symbol, "") is None and not within:
                del self._open[kind]
                count, of = self._said.pop(kind)
                whole = f"{self._name}{' ' if of else ''}{of}"
                ended[of] = f"{whole}: it answers again" if count == 1 else f"{whole}: all {count} symbols answer again"
        for of, text in ended.items():
            self._told(self._well, of, text)


def _also(symbols: list[str]) -> str:
    if not symbols:
        return ""
    named = ", ".join(symbols[:SHOWN])
    more = f" and {len(symbols) - SHOWN} more" if len(symbols) > SHOWN else ""
    return f"; {len(symbols) + 1} symbols in all, also {named}{more}"
