"""Hide known secrets in texts, in every spelling in which they may appear there (Z11). Nothing is printed here."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, urlsplit

from safla.config.messages import key_like
from safla.config.model import Config

HIDDEN = "[hidden]"
SHORTEST = 8  # characters; anything shorter is part of too many harmless words
MOST = 100  # number of secrets
OURS = "SAFLA_"  # prefix of the environment variables of safla


def secrets_of(config: Config, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The secrets of a configuration, and the values of SAFLA_ variables whose names look like that of a key."""
    url = config.monitoring.webhook_url
    ours = [text for name, text in (environment or {}).items() if name.startswith(OURS) and key_like(name)]
    return (*([] if url is None else [url.get_secret_value()]), *ours)


class Hide:
    """hide(text) replaces every known secret: as it is, in base64, percent-encoded, or a part of a URL."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        parts = [part for secret in list(secrets)[:MOST] for part in _parts(secret)]
        forms = {form for part in parts for form in _forms(part) if len(form) >= SHORTEST}
        # A short secret may be part of a longer one: replaced first, it would leave the rest of the longer one.
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if forms else None

    def __call__(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


def _parts(secret: str) -> Iterator[str]:
    """A secret, and if it is a URL, its parts, which may appear alone. Its host is not secret."""
    yield secret
    if "://" in secret:
        url = urlsplit(secret)
        yield from (*url.path.split("/"), url.query, url.fragment)
        yield from (pair.partition("=")[2] for pair in url.query.split("&"))


def _forms(secret: str) -> Iterator[str]:
    """The spellings of a secret: plain, percent-encoded, in base64."""
    raw = secret.encode()
    yield from (secret, quote(secret), quote(secret, safe=""), "".join(f"%{byte:02X}" for byte in raw))
    # Base64 encodes 3 bytes as 4 characters, so a secret inside a longer text has three spellings. The characters at
    # its ends also depend on its neighbours, and are left out.
    for shift in range(3):
        first, end = -(-8 * shift // 6), 8 * (shift + len(raw)) // 6
        yield base64.b64encode(b"\0" * shift + raw).decode()[first:end]
        yield base64.urlsafe_b64encode(b"\0" * shift + raw).decode()[first:end]
