"""Format text for messages: escape (Z13) and shorten text from outside, count things. Nothing is printed here."""

SHORT = 40  # characters of a value that a message shows


def printable(text: str) -> str:
    """Return the text on one line, with control characters, bidirectional marks and lone surrogates escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def quoted(text: str) -> str:
    """Return a value in quotes for a message, escaped, and shortened if it is long."""
    rest = "..." if len(text) > SHORT else ""
    return f'"{printable(text[:SHORT])}{rest}"'


def counted(count: int, noun: str, *, plural: str | None = None) -> str:
    """Return a number with its noun: 1 trade, 2 trades, 8,740 candles. plural: for a noun that takes more than an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
