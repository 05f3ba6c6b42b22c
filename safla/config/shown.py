"""How text from outside is shown: escaped (Z13) and short. Nothing is printed here."""

SHORT = 40  # characters of a value that a message shows


def printable(text: str) -> str:
    """The text on one line, without control characters, bidirectional marks or lone surrogates: they are escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def quoted(text: str) -> str:
    """A value as a message shows it: in quotes, escaped, and cut where it is long."""
    rest = "..." if len(text) > SHORT else ""
    return f'"{printable(text[:SHORT])}{rest}"'
