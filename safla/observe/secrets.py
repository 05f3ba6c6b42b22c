"""What must not be shown: known secrets, in each spelling in which they may come by (Z11). Nothing is printed here."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, urlsplit

from safla.config.messages import key_like
from safla.config.model import Config

HIDDEN = "[hidden]"
SHORTEST = 8  # characters; what is shorter would stand in many an innocent word
MOST = 100  # secrets
OURS = "SAFLA_"


def secrets_of(config: Config, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The secrets that a configuration holds, and those of our variables whose names look like that of a key."""
    url = config.monitoring.webhook_url
    ours = [text for name, text in (environment or {}).items() if name.startswith(OURS) and key_like(name)]
    return (*([] if url is None else [url.get_secret_value()]), *ours)


class Hide:
    """hide(text): the text with every known secret replaced, as it is, in base64, or as part of a URL."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        wholes = [part for one in list(secrets)[:MOST] for part in _parts(one)]
        forms = {form for part in wholes for form in _forms(part) if len(form) >= SHORTEST}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if forms else None

    def __call__(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


def _parts(secret: str) -> Iterator[str]:
    """A secret, and of a URL the parts that may be shown without the rest; its host is none."""
    yield secret
    if "://" in secret:
        url = urlsplit(secret)
        yield from (*url.path.split("/"), url.query, url.fragment)
        yield from (pair.partition("=")[2] for pair in url.query.split("&"))


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode()
    yield from (secret, quote(secret), quote(secret, safe=""), "".join(f"%{byte:02X}" for byte in raw))
    for shift in range(3):  # by where it begins among the bytes that are encoded
        first, end = -(-8 * shift // 6), 8 * (shift + len(raw)) // 6
        yield base64.b64encode(b"\0" * shift + raw).decode()[first:end]
        yield base64.urlsafe_b64encode(b"\0" * shift + raw).decode()[first:end]
