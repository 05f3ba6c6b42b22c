"""Input files: regular, unchanged while they are read, and decompressed under a cap (Z8, Z16, fault rows 55, 57)."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from safla.data.files import bounded, csv
from safla.errors import DataError, HostError
from safla.text import printable
from tests.data.tables import (
    HEADER,
    ZSTD_BLOCK,
    candles,
    csv_file,
    file,
    gz,
    lines,
    read_or_refused,
    repeated,
    same,
    zst,
)
from tests.errors import raises_code
from tests.scale import bound

Pack = Callable[[bytes], bytes]

TEXT = "\n".join([HEADER, *lines(500)]).encode()


def test_a_symbolic_link_to_a_file_is_read_as_the_file(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *lines())
    (tmp_path / "link.csv").symlink_to(path)
    assert same(candles(csv.read(str(tmp_path / "link.csv"), None)), candles(csv.read(path, None)))


def test_a_missing_file_is_rejected_by_name(tmp_path: Path) -> None:
    with raises_code(DataError, "file_not_found", match=r"absent\.csv: "):
        csv.read(str(tmp_path / "absent.csv"), None)


def test_a_folder_is_rejected(tmp_path: Path) -> None:
    with raises_code(DataError, "file_not_found", match="a folder; give a file or a pattern"):
        csv.read(str(tmp_path), None)


def test_a_pipe_is_rejected_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    begin = time.perf_counter()
    with raises_code(DataError, "file_not_found", match="no regular file"):
        csv.read(str(tmp_path / "pipe.csv"), None)
    assert time.perf_counter() - begin < bound(1)


def test_a_name_with_a_nul_character_is_rejected() -> None:
    with raises_code(DataError, "file_not_found"), bounded.open_file("a\0b.csv"):
        pass


def test_a_file_without_read_permission_is_an_error_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    with raises_code(HostError, "no_permission"), bounded.open_file(str(tmp_path / "btc.csv")):
        pass


@pytest.mark.parametrize("change", ["append", "touch", "truncate"])
def test_a_file_that_changes_while_it_is_read_is_rejected(tmp_path: Path, change: str) -> None:
    path = Path(csv_file(tmp_path, HEADER, *lines()))
    changes: dict[str, Callable[[], object]] = {
        "append": lambda: path.write_bytes(path.read_bytes() + b"\n"),
        "truncate": lambda: os.truncate(path, 3),
        "touch": lambda: os.utime(path, (1, 1)),
    }
    with raises_code(DataError, "file_corrupt", match="changed while it was read"), bounded.open_file(str(path)):
        changes[change]()


def test_a_file_larger_than_the_cap_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = csv_file(tmp_path, HEADER, *lines())
    size = Path(path).stat().st_size
    monkeypatch.setattr(bounded, "MAX_FILE_BYTES", size)
    csv.read(path, None)
    monkeypatch.setattr(bounded, "MAX_FILE_BYTES", size - 1)
    with pytest.raises(DataError, match=rf"{size} bytes, at most {size - 1} are read"):
        csv.read(path, None)


@pytest.mark.parametrize("pack", [gz, zst])
def test_a_compressed_file_is_recognised_by_its_first_bytes_whatever_its_name(tmp_path: Path, pack: Pack) -> None:
    plain = csv.read(file(tmp_path, "plain.csv", TEXT), None)
    packed = csv.read(file(tmp_path, "packed.txt", pack(TEXT)), None)
    assert same(candles(plain), candles(packed))


@pytest.mark.parametrize("pack", [gz, zst])
def test_a_compressed_file_truncated_anywhere_is_rejected(tmp_path: Path, pack: Pack) -> None:
    content = pack(TEXT)
    for length in range(4, len(content), 101):
        with raises_code(DataError, "file_corrupt", match="packed: "):
            csv.read(file(tmp_path, "packed", content[:length]), None)


@pytest.mark.parametrize("pack", [gz, zst])
def test_a_compressed_file_with_a_changed_byte_gives_one_error_or_candles(tmp_path: Path, pack: Pack) -> None:
    content = pack(TEXT)
    for place in range(0, len(content), 41):
        broken = bytearray(content)
        broken[place] ^= 0x55
        assert read_or_refused(csv.read, file(tmp_path, "packed", bytes(broken)), None)


@pytest.mark.parametrize("pack", [gz, zst])
def test_a_decompression_bomb_is_rejected_before_it_is_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Pack
) -> None:
    bomb = pack(("0" * 100_000 + "\n").encode() * 300)
    assert len(bomb) < 150_000
    monkeypatch.setattr(bounded, "MAX_TEXT_BYTES", 10_000_000)
    monkeypatch.setattr(bounded, "MAX_ZSTD_TEXT_BYTES", 10_000_000)
    monkeypatch.setattr(bounded, "MAX_WHOLE_BYTES", 10_000_000)
    monkeypatch.setattr(bounded, "BLOCK_BYTES", 2**20)
    with bounded.open_file(file(tmp_path, "bomb", bomb)) as stream, raises_code(DataError, "file_too_large"):
        for _ in bounded.read_blocks(stream, "bomb"):
            pass


def test_zstd_frames_of_any_kind_are_read(tmp_path: Path) -> None:
    skipped = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    first, second = TEXT[: len(HEADER) + 1], TEXT[len(HEADER) + 1 :]
    path = file(tmp_path, "frames", zst(first) + skipped + zst(second))
    assert same(candles(csv.read(path, None)), candles(csv.read(file(tmp_path, "plain", TEXT), None)))


def test_a_format_that_is_read_at_once_has_its_own_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(tmp_path, "packed", zst(TEXT))
    monkeypatch.setattr(bounded, "MAX_WHOLE_BYTES", 10)
    with pytest.raises(DataError, match="at most 10 are read of this format; split it"):
        csv.read(path, None)


def test_the_error_for_a_zip_names_the_source_that_reads_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.source: file reads an archive with one CSV"):
        csv.read(file(tmp_path, "btc.zip", b"PK\x03\x04rest"), None)


def test_control_characters_of_a_file_name_are_not_in_messages() -> None:
    assert printable("a\x1b[31mb\u202e.csv") == r"a\x1b[31mb\u202e.csv"


@pytest.mark.parametrize("change", ["replace", "remove"])
def test_a_file_replaced_under_its_name_while_it_is_read_is_rejected(tmp_path: Path, change: str) -> None:
    path, other = csv_file(tmp_path, HEADER, *lines()), csv_file(tmp_path, HEADER, *lines(), name="other.csv")
    with raises_code(DataError, "file_corrupt", match="changed while it was read"), bounded.open_file(path):
        os.replace(other, path) if change == "replace" else os.remove(path)


@pytest.mark.parametrize("byte", [b"\n", b"\x01", b"a", b","])
def test_a_zstd_bomb_below_the_cap_is_read_as_one_text_whatever_its_content(tmp_path: Path, byte: bytes) -> None:
    """A cell for each of these line ends, or a column for each delimiter, took a hundred times their size."""
    path = file(tmp_path, "bomb", repeated(byte, blocks=64))
    with bounded.open_file(path) as stream:
        (text,) = bounded.read_blocks(stream, path)
    assert text == byte * (64 * ZSTD_BLOCK)


def test_a_nul_byte_in_a_zstd_text_is_rejected(tmp_path: Path) -> None:
    with raises_code(DataError, "wrong_format", match="a NUL byte; this is no text"):
        csv.read(file(tmp_path, "nul", repeated(b"\0", blocks=1)), None)
