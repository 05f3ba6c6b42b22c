"""How text from outside is shown: escaped (Z13) and short; and how things are counted. Nothing is printed here."""

SHORT = 40  # characters of a value that a message shows


def printable(text: str) -> str:
    """The text on one line, without control characters, bidirectional marks or lone surrogates: they are escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def quoted(text: str) -> str:
    """A value as a message shows it: in quotes, escaped, and cut where it is long."""
    rest = "..." if len(text) > SHORT else ""
    return f'"{printable(text[:SHORT])}{rest}"'


def counted(count: int, noun: str, *, plural: str | None = None) -> str:
    """A number of things: 1 trade, 2 trades, 8,740 candles. plural: where the noun takes more than an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
