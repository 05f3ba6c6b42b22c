"""`data.path`: what the words in its patterns stand for. No file is opened or looked for here."""

import re

PLACEHOLDERS = ("symbol", "base", "quote", "timeframe")

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def written(pattern: str, symbol: str, *, timeframe: str) -> str:
    """The pattern for one symbol: BTC/USDT:USDT is base BTC, quote USDT, symbol BTCUSDT. Its * are left."""
    base, _, quote = symbol.partition(":")[0].partition("/")
    words = dict(zip(PLACEHOLDERS, (base + quote, base, quote, timeframe), strict=True))
    return _PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), pattern)


def unknown(pattern: str) -> list[str]:
    """The words in braces that stand for nothing."""
    return [word for word in _PLACEHOLDER.findall(pattern) if word not in PLACEHOLDERS]


def star_only(pattern: str) -> str:
    """The pattern for the glob module: of its signs the star alone is ours."""
    return re.sub(r"[?\[]", lambda found: f"[{found[0]}]", pattern)
