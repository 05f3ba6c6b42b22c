"""Input files: regular, unchanged while they are read, and decompressed under a cap (Z8, Z16, FAULTS rows 55, 57)."""

import os
import time
from pathlib import Path

import pytest

from safla.data import csv, files
from safla.errors import DataError, HostError
from tests.data.written import HEADER, candles, csv_file, file, gz, lines, same, zst

TEXT = "\n".join([HEADER, *lines(500)]).encode()


def test_a_link_to_a_file_is_read_as_the_file(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *lines())
    (tmp_path / "link.csv").symlink_to(path)
    assert same(candles(csv.read(str(tmp_path / "link.csv"), None)), candles(csv.read(path, None)))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: No such file or directory"):
        csv.read(str(tmp_path / "absent.csv"), None)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder; a file or a pattern"):
        csv.read(str(tmp_path), None)


def test_a_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    begin = time.perf_counter()
    with pytest.raises(DataError, match="no regular file"):
        csv.read(str(tmp_path / "pipe.csv"), None)
    assert time.perf_counter() - begin < 1


def test_a_name_with_a_nul_is_no_file() -> None:
    with pytest.raises(DataError, match="no such file"), files.opened("a\0b.csv"):
        pass


def test_a_file_without_permission_is_the_fault_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(HostError, match="no permission"), files.opened(str(tmp_path / "btc.csv")):
        pass


@pytest.mark.parametrize("change", ["append", "touch", "truncate"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: str) -> None:
    path = Path(csv_file(tmp_path, HEADER, *lines()))
    with pytest.raises(DataError, match="changed while it was read"), files.opened(str(path)) as stream:
        stream.read()
        if change == "append":
            path.write_bytes(path.read_bytes() + b"\n")
        elif change == "truncate":
            os.truncate(path, 3)
        else:
            os.utime(path, (1, 1))


def test_a_file_that_is_larger_than_the_cap_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = csv_file(tmp_path, HEADER, *lines())
    size = Path(path).stat().st_size
    monkeypatch.setattr(files, "MAX_FILE_BYTES", size)
    csv.read(path, None)
    monkeypatch.setattr(files, "MAX_FILE_BYTES", size - 1)
    with pytest.raises(DataError, match=rf"{size} bytes, at most {size - 1} are read"):
        csv.read(path, None)


@pytest.mark.parametrize("pack", [gz, zst])
def test_a_compressed_file_is_known_by_its_first_bytes_whatever_its_name(tmp_path: Path, pack: object) -> None:
    plain = csv.read(file(tmp_path, "plain.csv", TEXT), None)
    packed = csv.read(file(tmp_path, "packed.txt", pack(TEXT)), None)  # type: ignore[operator]
    assert same(candles(plain), candles(packed))


@pytest.mark.parametrize("pack", [gz, zst])
def test_a_compressed_file_is_refused_however_it_is_cut(tmp_path: Path, pack: object) -> None:
    content = pack(TEXT)  # type: ignore[operator]
    for length in range(4, len(content), 101):
        with pytest.raises(DataError, match=r"packed: (cut|.*empty|line)"):
            csv.read(file(tmp_path, "packed", content[:length]), None)


@pytest.mark.parametrize("pack", [gz, zst])
def test_a_compressed_file_with_a_changed_byte_ends_in_one_error_or_in_candles(tmp_path: Path, pack: object) -> None:
    content = pack(TEXT)  # type: ignore[operator]
    for place in range(0, len(content), 41):
        broken = bytearray(content)
        broken[place] ^= 0x55
        try:
            csv.read(file(tmp_path, "packed", bytes(broken)), None)
        except DataError as error:
            assert str(error).startswith(str(tmp_path))


@pytest.mark.parametrize("pack", [gz, zst])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: object) -> None:
    bomb = pack(("0" * 100_000 + "\n").encode() * 300)  # type: ignore[operator]
    assert len(bomb) < 150_000
    monkeypatch.setattr(files, "MAX_TEXT_BYTES", 10_000_000)
    monkeypatch.setattr(files, "MAX_WHOLE_BYTES", 10_000_000)
    monkeypatch.setattr(files, "BLOCK_BYTES", 2**20)
    with files.opened(file(tmp_path, "bomb", bomb)) as stream, pytest.raises(DataError, match="when decompressed"):
        for _ in files.blocks(stream, "bomb"):
            pass


def test_a_zip_is_sent_to_the_source_that_reads_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data.source: vision reads those"):
        csv.read(file(tmp_path, "btc.zip", b"PK\x03\x04rest"), None)


def test_control_characters_in_a_name_do_not_reach_a_message() -> None:
    assert files.shown("a\x1b[31mb\u202e.csv") == r"'a\x1b[31mb\u202e.csv'"
