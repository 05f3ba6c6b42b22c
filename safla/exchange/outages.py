"""Groups the troubles of symbols by kind: an outage of many symbols is reported once, and so is its end."""

from collections.abc import Callable, Mapping

SHOWN = 3  # symbols that a report names beside the first

TroubleListener = Callable[[str, str, str], None]  # kind, symbol ("" for several, or all), text


class Outages:
    """The symbols that are in trouble, and what was reported of them. A source of candles has one.

    name      of the exchange
    listener  is called with each report
    well      the kind of the report that a trouble is over
    """

    def __init__(self, name: str, *, listener: TroubleListener, well: str) -> None:
        self._name, self._listener, self._well = name, listener, well
        self._open: dict[str, dict[str, None]] = {}  # by kind, the symbols in trouble, in order
        self._reported: dict[str, tuple[int, str]] = {}  # by kind, the last report: how many symbols, and of which

    def tell(self, kind: str, texts: Mapping[str, str]) -> None:
        """Note symbols with a trouble of one kind, new or the same; "" stands for something that all depend on.

        The first symbol is reported; after that, only when twice as many are in trouble as in the last report.
        """
        if not texts:
            return
        within = self._open.setdefault(kind, {})
        within.update(dict.fromkeys(texts))
        if len(within) < 2 * self._reported.get(kind, (0, ""))[0]:
            return
        first, *others = within
        symbol = "" if others else first
        self._reported[kind] = len(within), symbol
        shown, text = next(iter(texts.items()))
        self._listener(kind, symbol, text + _also([name for name in within if name != shown]))

    def alone(self, kind: str, symbol: str) -> None:
        """Note a trouble of one symbol that was reported already, so that its end is reported too."""
        key = f"{kind} {symbol}"
        self._open[key], self._reported[key] = {symbol: None}, (1, symbol)

    def over(self, symbol: str) -> None:
        """Note that a symbol is well. If it was the last in trouble of a kind, the end of the outage is reported."""
        ended = {}
        for kind, within in list(self._open.items()):
            if within.pop(symbol, "") is None and not within:
                del self._open[kind]
                count, reported = self._reported.pop(kind)
                where = f"{self._name}{' ' if reported else ''}{reported}"
                what = "it answers again" if count == 1 else f"all {count} symbols answer again"
                ended[reported] = f"{where}: {what}"
        for reported, text in ended.items():
            self._listener(self._well, reported, text)


def _also(symbols: list[str]) -> str:
    if not symbols:
        return ""
    named = ", ".join(symbols[:SHOWN])
    more = f" and {len(symbols) - SHOWN} more" if len(symbols) > SHOWN else ""
    return f"; {len(symbols) + 1} symbols in all, also {named}{more}"
