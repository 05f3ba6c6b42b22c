"""Find misspelled environment variables: SAFLA_RISK_STOP_LOSS_PCT has one underscore too few and is ignored."""

import difflib
import re
from collections.abc import Iterator, Mapping

from safla.config.messages import PREFIX
from safla.config.reference import keys
from safla.text import printable

_SIMILAR = re.compile(r"SAFLA_+", re.ASCII | re.IGNORECASE)


def ignored_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each variable that names a section or key in a wrong spelling, with the right one."""
    for name in sorted(environment):
        match = _SIMILAR.match(name)
        if match is None or name.startswith(PREFIX):
            continue
        intended = _intended(name[match.end() :])
        if intended:
            yield f"{printable(name)}: ignored; write it in upper case with two underscores: {intended}"


def _intended(rest: str) -> str:
    """Return the variable that was probably meant, "" if the name begins with none of the sections."""
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
