"""Variables of the environment that look like ours and are not: SAFLA_RISK_STOP_LOSS_PCT has one underscore too few."""

import difflib
import re
from collections.abc import Iterator, Mapping

from safla.config.messages import PREFIX
from safla.config.reference import keys
from safla.text import printable

_OURS = re.compile(r"SAFLA_+", re.ASCII | re.IGNORECASE)


def ignored_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A line for each variable that names a section or key of ours in another spelling, with the one that counts."""
    for name in sorted(environment):
        found = _OURS.match(name)
        if found is None or name.startswith(PREFIX):
            continue
        meant = _meant(name[found.end() :])
        if meant:
            yield f"{printable(name)}: ignored; variables are written in capitals with two underscores: {meant}"


def _meant(rest: str) -> str:
    """The variable that was meant, "" where none of our sections begins it."""
    text = re.sub("_+", "_", rest.upper()).strip("_")
    spellings = {
        "_".join(path).upper(): PREFIX + "__".join(path).upper() for path in keys() if "<" not in "".join(path)
    }
    if text in spellings:
        return spellings[text]
    sections = [spelling for spelling in spellings if text.startswith(f"{spelling}_")]
    if not sections:
        return ""
    near = difflib.get_close_matches(text, spellings, n=1, cutoff=0.8)
    return spellings[near[0]] if near else f"{spellings[max(sections, key=len)]}__..."
