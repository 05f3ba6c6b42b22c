"""Binance archives: checksums, one plain member, microseconds, headers, decompression bombs (X15, fault row 49)."""

import os
import zipfile
from pathlib import Path

import pytest

from safla.data.files import bounded, csv, vision
from safla.errors import DataError
from tests.data.tables import (
    HEADER,
    START,
    STEP,
    candles,
    checksum,
    csv_file,
    file,
    kline,
    lines,
    read_or_refused,
    same,
    zip_file,
)
from tests.errors import raises_code

MEMBER = "BTCUSDT-1h-2024-01.csv"
KLINES = "".join(f"{kline(line)}\n" for line in lines()).encode()
USD_M = (
    b"open_time,open,high,low,close,volume,"
    b"close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


@pytest.mark.parametrize("text", [KLINES, USD_M + KLINES])
@pytest.mark.parametrize("zipped", [True, False])
def test_an_archive_gives_the_candles_of_the_same_csv(tmp_path: Path, text: bytes, zipped: bool) -> None:
    path = zip_file(tmp_path, {MEMBER: text}) if zipped else file(tmp_path, MEMBER, text)
    rows = vision.read(path)
    assert same(candles(rows), candles(csv.read(csv_file(tmp_path, HEADER, *lines()), None)))
    assert (rows.notes, rows.closed) == ((), True)


def test_microseconds_are_recognised_by_their_size_with_a_note(tmp_path: Path) -> None:
    text = "".join(f"{kline(line)[:13]}000{kline(line)[13:]}\n" for line in lines()).encode()
    path = zip_file(tmp_path, {MEMBER: text})
    rows = vision.read(path)
    assert rows.ts.tolist() == [START, START + STEP, START + 2 * STEP]
    assert rows.notes == (f"{path}: times are microseconds",)


def test_a_right_checksum_is_accepted_and_a_wrong_one_is_rejected_with_both_sums(tmp_path: Path) -> None:
    path = zip_file(tmp_path, {MEMBER: KLINES})
    right = checksum(path, wrong=False)
    assert len(vision.read(path).ts) == 3
    wrong = checksum(path, wrong=True)
    with pytest.raises(DataError, match=rf"its SHA-256 is {right}, the CHECKSUM file says {wrong}"):
        vision.read(path)


@pytest.mark.parametrize("text", [b"", b"no sum", b"<html>", b"a" * 5000, b"A" * 64])
def test_a_checksum_file_without_a_checksum_is_rejected(tmp_path: Path, text: bytes) -> None:
    path = zip_file(tmp_path, {MEMBER: KLINES})
    file(tmp_path, Path(path).name + ".CHECKSUM", text)
    with raises_code(DataError, "wrong_checksum"):
        vision.read(path)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.csv",
        "/etc/evil.csv",
        "a//b.csv",
        "a/../b.csv",
        "..\\evil.csv",
        ".csv",
        "evil.txt",
        "e\x1bvil.csv",
        "C:evil.csv",
    ],
)
def test_a_member_whose_name_is_not_a_plain_csv_name_is_rejected_and_nothing_is_written(
    tmp_path: Path, name: str
) -> None:
    path = zip_file(tmp_path, {name: KLINES})
    before = sorted(os.walk(tmp_path.parent))
    with pytest.raises(DataError, match=r"a plain name that ends in \.csv is expected") as refused:
        vision.read(path)
    assert str(refused.value).isprintable()
    assert sorted(os.walk(tmp_path.parent)) == before


@pytest.mark.parametrize("members", [{}, {MEMBER: KLINES, "b.csv": KLINES}])
def test_an_archive_must_have_exactly_one_member(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = zip_file(tmp_path, members)
    with pytest.raises(
        DataError,
        match=rf"no member; give an archive with one CSV|2 CSV files \({MEMBER}, b\.csv\), but only one is read|"
        "1 cells, a kline has 12",
    ):
        vision.read(path)


def test_an_archive_truncated_anywhere_is_rejected(tmp_path: Path) -> None:
    content = Path(zip_file(tmp_path, {MEMBER: KLINES * 20})).read_bytes()
    for length in range(0, len(content), 7):
        with pytest.raises(DataError, match=r"cut\.zip: "):
            vision.read(file(tmp_path, "cut.zip", content[:length]))


def test_an_archive_with_a_changed_byte_gives_candles_or_one_error(tmp_path: Path) -> None:
    content = Path(zip_file(tmp_path, {MEMBER: KLINES})).read_bytes()
    for place in range(len(content)):
        broken = bytearray(content)
        broken[place] ^= 0xFF
        assert read_or_refused(vision.read, file(tmp_path, "broken.zip", bytes(broken)))


def test_a_decompression_bomb_is_stopped_at_the_cap_whatever_its_declared_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zip_file(tmp_path, {MEMBER: KLINES * 100_000})
    monkeypatch.setattr(bounded, "MAX_TEXT_BYTES", 1_000_000)
    monkeypatch.setattr(bounded, "BLOCK_BYTES", 2**16)
    with raises_code(DataError, "file_too_large"):
        vision.read(path)


def test_a_compression_method_that_archives_do_not_use_is_rejected(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(MEMBER, KLINES)
    with pytest.raises(DataError, match="its compression is not deflate"):
        vision.read(str(tmp_path / "a.zip"))


def test_the_error_for_a_table_without_kline_columns_names_another_source(tmp_path: Path) -> None:
    with raises_code(
        DataError, "wrong_format", match=r"6 cells, a kline has 12; data\.source: file reads other tables too"
    ):
        vision.read(zip_file(tmp_path, {MEMBER: "\n".join(lines()).encode()}))


@pytest.mark.parametrize(
    "beside",
    [
        "__MACOSX/._" + MEMBER,
        "._" + MEMBER,
        ".DS_Store",
        "__MACOSX/.DS_Store",
        "folder/",
        "folder/Thumbs.db",
        "readme.txt",
    ],
)
def test_metadata_files_of_operating_systems_are_ignored_as_members(tmp_path: Path, beside: str) -> None:
    for members in ({MEMBER: KLINES, beside: b"x"}, {beside: b"x", f"data of 2024/{MEMBER}": KLINES}):
        assert len(vision.read(zip_file(tmp_path, members)).ts) == 3


@pytest.mark.parametrize(
    ("member", "kind"),
    [("[Content_Types].xml", "an Excel workbook"), ("mimetype", "an OpenDocument spreadsheet")],
)
def test_a_workbook_is_not_an_archive_of_candles(tmp_path: Path, member: str, kind: str) -> None:
    with pytest.raises(DataError, match=f"{kind}; save its sheet as CSV"):
        vision.read(zip_file(tmp_path, {member: b"<xml/>", "xl/sheet1.xml": b"<xml/>"}))
