"""The manifest of one series: what the store knows besides the candles. One file, replaced atomically, with a seal.

Replacing the manifest commits a change: a month's file that it does not name does not count.
"""

import hashlib
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from safla.config.plan import OrderRules
from safla.config.types import SYMBOL, plain
from safla.core.timeframes import LAST_MS
from safla.data.store.month import bounds_of
from safla.errors import DataError
from safla.fs import read_own
from safla.text import printable

NAME = "manifest.json"
MAX_BYTES = 2**28
MAX_RESTATED = 10_000
MAX_ABSENT = 1_000_000  # intervals

_SEAL = b',"seal":"%b"}\n'
_SEALED = len(_SEAL % (b"0" * 32))

Decimals = Annotated[int, msgspec.Meta(ge=0, le=12)]
Ms = Annotated[int, msgspec.Meta(ge=0, le=LAST_MS + 86_400_000)]
TEXT = r"^(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?$"
ManifestText = Annotated[str, msgspec.Meta(pattern=TEXT, max_length=40)]
Iso = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,12}Z$")]
SourceName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]


class StoredRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The exchange's rules for orders, as decimal texts, and when they were read (S3)."""

    tick: ManifestText | None
    lot: ManifestText | None
    min_notional: ManifestText | None
    at: Iso


class Month(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a month: which candles it holds, where they came from, and when."""

    month: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
    file: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9a-f]{16}\.parquet$")]
    hash: Hash
    candles: Annotated[int, msgspec.Meta(ge=1, le=44_640)]
    gaps: Annotated[int, msgspec.Meta(ge=0, le=44_640)]  # between its first and its last candle
    first: Ms
    last: Ms
    price_decimals: Decimals
    volume_decimals: Decimals
    source: SourceName
    at: Iso


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Other values of a stored candle. They are kept separately until the user accepts them (S2)."""

    ts: Ms
    # open, high, low, close, volume
    stored: tuple[ManifestText, ManifestText, ManifestText, ManifestText, ManifestText]
    offered: tuple[ManifestText, ManifestText, ManifestText, ManifestText, ManifestText]
    source: SourceName
    at: Iso


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that is known about one series."""

    schema: Literal[1]
    exchange: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,40}(-sandbox)?$")]
    symbol: Annotated[str, msgspec.Meta(pattern=f"^{SYMBOL.pattern}$")]
    timeframe: Annotated[str, msgspec.Meta(max_length=3)]
    rules: StoredRules | None
    months: tuple[Month, ...]
    absent: tuple[tuple[Ms, Ms], ...]  # [from, to) on the grid, known to have no candle
    restated: tuple[Offer, ...]
    believed: tuple[tuple[Ms, Ms, Ms], ...] = ()  # of the absent ones: from, to, confirmed by the exchange since
    imported: tuple[tuple[Ms, Ms], ...] = ()  # of the absent ones: missing in a file, not confirmed by an exchange
    ended: tuple[Ms, Ms] | None = None  # the market ended: no candle opens there or later; known since


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Manifest)


def empty(exchange: str, symbol: str, *, timeframe: str) -> Manifest:
    """The manifest of a series without any data."""
    return Manifest(1, exchange, symbol, timeframe, None, (), (), ())


def read(folder: Path, *, expected: Manifest) -> Manifest | None:
    """The manifest of a folder; None where there is none. ValueError says how it is damaged.

    expected  the empty manifest of the series that the folder is for
    """
    content = read_own(folder / NAME, most=MAX_BYTES)
    if content is None:
        return None
    stored = decode_manifest(content)
    if (stored.exchange, stored.symbol, stored.timeframe) != (expected.exchange, expected.symbol, expected.timeframe):
        raise ValueError("it belongs to another series")
    return stored


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of a manifest, the same for equal manifests. DataError where it exceeds a limit (Z24)."""
    for what, count, most in (
        ("restated candles that were not accepted", len(manifest.restated), MAX_RESTATED),
        ("gaps", max(len(manifest.absent), len(manifest.believed), len(manifest.imported)), MAX_ABSENT),
    ):
        if count > most:
            where = f"{manifest.exchange} {manifest.symbol} {manifest.timeframe}"
            raise DataError(
                f"{where}: {count} {what}, at most {most} are kept; check that the source is the same as before",
                code="store_full",
            )
    rest = _ENCODER.encode(manifest)
    return rest[:-1] + _SEAL % _seal(rest)


def decode_manifest(content: bytes) -> Manifest:
    """The manifest of some bytes. ValueError for bytes that encode_manifest cannot have written."""
    rest = content[:-_SEALED] + b"}"
    if content[-_SEALED:] != _SEAL % _seal(rest):
        raise ValueError("its seal is broken")
    try:
        manifest = _DECODER.decode(rest)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"it is invalid: {str(error)[:100]!a}") from error
    names = [entry.month for entry in manifest.months]
    if names != sorted(set(names)) or not all(map(_is_whole, manifest.months)):
        raise ValueError("its months are inconsistent")
    return manifest


def rules_of(manifest: Manifest) -> OrderRules | None:
    """The exchange's rules as numbers; None where they were never fetched."""
    stored = manifest.rules
    if stored is None:
        return None
    return OrderRules(
        *(None if text is None else Decimal(text) for text in (stored.tick, stored.lot, stored.min_notional))
    )


def rules_from(rules: OrderRules, at: str) -> StoredRules:
    """The rules as decimal texts. DataError for a number that no exchange's rule can have."""
    texts = [None if number is None else plain(number) for number in rules]
    invalid = [text for text in texts if text is not None and not re.search(TEXT, text)]
    if invalid:
        raise DataError(
            f"{printable(invalid[0][:40])} is no valid tick, lot or minimum notional of an exchange",
            code="not_a_number",
        )
    tick, lot, min_notional = texts
    return StoredRules(tick=tick, lot=lot, min_notional=min_notional, at=at)


def _seal(rest: bytes) -> bytes:
    return hashlib.blake2b(rest, digest_size=16).hexdigest().encode("ascii")


def _is_whole(entry: Month) -> bool:
    start, end = bounds_of(entry.month)
    is_named_by_hash = entry.file == f"{entry.month}-{entry.hash[:16]}.parquet"
    return is_named_by_hash and start <= entry.first <= entry.last < end
