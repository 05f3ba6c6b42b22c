"""Rows H1, H2, H7 and 56, Z16: hostile candles in run folders and stores, with a recomputed seal."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import polars as pl
import pytest

from safla.data.files import footer
from safla.data.files.run_candles import NAMES
from safla.data.store import month
from safla.errors import DataError, JournalError
from safla.journal import run_candles
from tests.errors import raises_code
from tests.faults import corpora
from tests.faults.candle_files import CONFIG, Chunk, Group, facts, page, parquet, put, recorded, sealed, varint
from tests.faults.command import MIB, ROOT, Measured, linux, measured
from tests.faults.damage import finished
from tests.faults.fuzzing import Apart
from tests.faults.invariants import check_answer
from tests.scale import some_of

MOST_SECONDS = 10  # for a whole command; most of it is the start of Python
MOST_MEMORY = 160 * MIB  # above the memory of `safla --version`
ANY = footer.Limits(64, 12_000_000, 2**31)
BITCOIN, ETHER = "BTC/USDT", "ETH/USDT"


@pytest.fixture(scope="module")
def bare() -> int:
    """Returns the memory of `safla --version`."""
    return measured("--version").peak


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes a finished run whose candles are in a file next to the journal."""
    return finished(tmp_path_factory.mktemp("hostile"))


def check_cheap(found: Measured, bare: int, *, code: int = 4) -> str:
    """Checks that a command was quick and took little memory. Returns its stderr."""
    check_answer(found.answer, code)
    assert found.seconds < MOST_SECONDS
    assert found.peak - bare < MOST_MEMORY
    assert "panicked" not in found.answer.err
    return found.answer.err


# --- Candles of a run folder ------------------------------------------------------------------------------------------

ROWS = 20_000_000
BOMBS: dict[str, tuple[bytes, str]] = {
    "rows of one symbol": (recorded(rows=ROWS, symbols=[(BITCOIN, ROWS)]), "rows in .* bytes are no candles"),
    "rows of two": (
        recorded(rows=ROWS, symbols=[(BITCOIN, ROWS // 2), (ETHER, ROWS // 2)]),
        "rows in .* bytes are no candles",
    ),
    "rows that no symbol has": (recorded(rows=ROWS, symbols=[(BITCOIN, 5)]), "rows in .* bytes are no candles"),
    "40 000 symbols": (
        recorded(rows=40_000, symbols=[(f"A{one}/B", 1) for one in range(40_000)]),
        "a footer of|too long|at most 1000",
    ),
    "2 000 symbols": (
        recorded(rows=2_000, symbols=[(f"A{one}/B", 1) for one in range(2_000)]),
        "2000 symbols, at most 1000 are read",
    ),
    "a symbol twice": (recorded(rows=10, symbols=[(BITCOIN, 5), (BITCOIN, 5)]), "names a symbol twice"),
    "fewer columns": (recorded(6, rows=10, symbols=[(BITCOIN, 10)]), "its columns are not symbol, ts"),
}


@linux
@pytest.mark.parametrize("command", ["status", "replay"])
@some_of("bomb", BOMBS, keep=("rows of two", "a symbol twice"))
def test_row_1_hostile_candles_in_a_run_folder_give_exit_4_quickly_and_in_little_memory(
    folder: Path, bare: int, bomb: str, command: str
) -> None:
    content, says = BOMBS[bomb]
    (folder / "candles.parquet").write_bytes(content)
    said = check_cheap(measured(command, folder), bare)
    assert re.search(says, said)
    assert said.count("\n") <= 3


def test_row_1_candles_with_false_metadata_are_rejected_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pl, "read_parquet", None)
    for name, (content, says) in BOMBS.items():
        with pytest.raises(JournalError, match=says):
            run_candles.read(put(tmp_path, content, name.replace(" ", "-")))


PANIC = b"\x59\x03" + bytes(89)  # indices of 89 bits each, at which the library panics


@linux
def test_row_1_a_page_that_makes_the_library_panic_gives_exit_4_in_one_line(
    folder: Path, bare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The footer check cannot see into packed pages, so the panic message of the library is kept off stderr."""
    monkeypatch.setenv("RUST_BACKTRACE", "1")
    body, chunks = b"", []
    for _ in NAMES:
        start = 4 + len(body)
        head = page(1, size=8, unpacked=8, kind=2) + bytes(8)
        indices = page(8, size=len(PANIC), unpacked=len(PANIC)).replace(b"\x15\x10\x15\x00", b"\x15\x10\x15\x10")
        part = head + indices + PANIC
        chunks.append(Chunk(start + len(head), len(part), 8, len(part), dictionary=start))
        body += part
    metadata = {"safla": facts([(BITCOIN, 8)])}
    content = sealed(parquet(body, [Group(8, chunks)], rows=8, names=NAMES, metadata=metadata))
    (folder / "candles.parquet").write_bytes(content)
    for command in ("status", "replay"):
        said = check_cheap(measured(command, folder), bare)
        assert "cannot be read as the candles of a run" in said
        assert said.count("\n") == 1


@pytest.mark.soak  # test_fuzz.py changes a few
def test_row_1_candles_with_changed_bytes_and_a_recomputed_seal_never_crash_the_process(
    tmp_path: Path, chance: Random, release: bool
) -> None:
    """Each file is rejected or read, under a memory limit, in a process that an abort of the library would end."""
    sound = corpora.recorded_candles(tmp_path)
    with Apart("recorded") as apart:
        for content in sound:
            for place in range(len(content)) if release else chance.sample(range(len(content)), 75):
                broken = bytearray(content)
                broken[place] ^= chance.randrange(1, 256)
                assert apart.attempt(bytes(broken)).failure == "", place


def test_row_1_only_one_module_decodes_parquet() -> None:
    """A reader without the footer check would be the next vulnerability."""
    calls = re.compile(r"\b(read_parquet\w*|scan_parquet|ParquetFile|read_schema)\b")
    found = {
        str(path.relative_to(ROOT)) for path in (ROOT / "safla").rglob("*.py") if calls.search(path.read_text("utf-8"))
    }
    assert found == {"safla/data/files/parquet_decoding.py"}


def test_row_1_a_month_of_the_store_with_false_metadata_is_rejected_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The hash in the manifest is no protection: who can write a month into a cache can write its hash too."""
    monkeypatch.setattr(pl, "read_parquet", None)
    for content in (recorded(rows=ROWS, symbols=[(BITCOIN, ROWS)]), recorded(6, rows=9, symbols=[(BITCOIN, 9)])):
        with pytest.raises(ValueError, match=r"no Parquet file that safla wrote|its columns .* not those of"):
            month.unpack(content, candles=9)


# --- The footer check -------------------------------------------------------------------------------------------------


def overlapping(chunks: int, *, pages: int) -> bytes:
    """Returns a file whose column chunks all overlap the same pages."""
    body = page(0) * pages
    group = Group(0, [Chunk(4, len(body), 0, 0)])
    return parquet(body, [group] * chunks, rows=0)


def one_byte_on(chunks: int) -> bytes:
    """Returns a file whose chunks each overlap the one before by a page."""
    one = page(0)
    groups = [Group(0, [Chunk(4 + place * len(one), 2 * len(one), 0, 0)]) for place in range(chunks)]
    return parquet(one * (chunks + 1), groups, rows=0)


def backwards() -> bytes:
    """Returns a file with two chunks, the second before the first."""
    one = page(0)
    return parquet(
        one * 2, [Group(0, [Chunk(4 + len(one), len(one), 0, 0)]), Group(0, [Chunk(4, len(one), 0, 0)])], rows=0
    )


def of_pages(count: int, **more: int) -> bytes:
    """Returns a file with one chunk of `count` empty pages."""
    body = page(0, **more) * count
    return parquet(body, [Group(0, [Chunk(4, len(body), 0, count * more.get("unpacked", 0))])], rows=0)


def of_one(*, rows: int = 1, unpacked: int = 8, size: int = 8, start: int = 4, claims: int = 8, **more: int) -> bytes:
    """Returns a file with one row in one page, apart from the given deviations."""
    body = page(rows, size=8, unpacked=unpacked) + bytes(8)
    length = len(body) + size - 8
    chunk = Chunk(start, length, more.get("values", 1), claims, dictionary=more.get("dictionary"))
    return parquet(body, [Group(more.get("group", 1), [chunk])], rows=more.get("file", 1), codec=more.get("codec", 0))


def of_values() -> bytes:
    """Returns a file whose footer contains only empty structs."""
    count = 4 * 2**20 - 100
    fields = b"\x29\xfc" + varint(count) + bytes(count)
    return b"PAR1" + fields + len(fields).to_bytes(4, "little") + b"PAR1"


SENSELESS = "its metadata is inconsistent"
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "chunks over each other, 50 KB": (lambda: overlapping(1_000, pages=1_000), SENSELESS),
    "chunks over each other, 1 MB": (lambda: overlapping(20_000, pages=20_000), SENSELESS),
    "chunks over each other by a page": (lambda: one_byte_on(20_000), SENSELESS),
    "chunks that go backwards": (backwards, SENSELESS),
    "a million pages of nothing": (lambda: of_pages(1_000_000), SENSELESS),
    "pages that say they are large": (lambda: of_pages(100_000, unpacked=2**30), SENSELESS),
    "four million values in the footer": (of_values, SENSELESS),
    "more rows than the group has": (lambda: of_one(rows=1_000), SENSELESS),
    "a group of other rows": (lambda: of_one(group=2), SENSELESS),
    "a file of other rows": (lambda: of_one(file=2), SENSELESS),
    "a page larger than its chunk says": (lambda: of_one(unpacked=2**31 - 1, codec=6), SENSELESS),
    "a page plain and of another size": (lambda: of_one(unpacked=9), SENSELESS),
    "a page that goes on after the chunk": (lambda: of_one(size=4), SENSELESS),
    "a chunk before the file": (lambda: of_one(start=0), SENSELESS),
    "a dictionary after the column": (lambda: of_one(dictionary=5), SENSELESS),
    "a dictionary at byte 0": (lambda: of_one(dictionary=0), SENSELESS),
}


@linux
@some_of("fault", HOSTILE, every=8)
def test_row_2_a_hostile_footer_takes_little_time_and_memory(tmp_path: Path, bare: int, fault: str) -> None:
    """The check reads each byte once: chunks must be disjoint and ascend; pages and values are counted on the way."""
    make, says = HOSTILE[fault]
    path = put(tmp_path, make(), "a.parquet")
    (tmp_path / "config.yaml").write_text(CONFIG.format(kind="parquet", path=path))
    said = check_cheap(measured("run", tmp_path / "config.yaml", "--out", tmp_path / "run"), bare)
    assert said.startswith(f"safla: {path}: ")
    assert says in said


def test_row_2_the_time_of_the_footer_check_is_linear_in_the_size_of_the_file() -> None:
    """Ten times the pages take far less than a hundred times as long."""

    def seconds(pages: int) -> float:
        size = len(page(0))
        groups = [Group(0, [Chunk(4 + place * size, size, 0, 0)]) for place in range(pages)]
        content = parquet(page(0) * pages, groups, rows=0)
        begin = time.process_time()
        assert footer.read(content, name="a", limits=ANY).rows == 0
        return time.process_time() - begin

    assert seconds(20_000) < 40 * min(seconds(2_000) for _ in range(3)) + 0.1


def test_row_2_a_valid_file_from_the_test_writer_passes_the_footer_check() -> None:
    assert footer.read(of_one(), name="a", limits=ANY)[:4] == (1, 1, 8, 1)
    with raises_code(DataError, "file_too_large"):
        footer.read(of_one(rows=2, file=2, group=2, values=2), name="a", limits=ANY._replace(rows=1))


# --- Recorded candles as a source -------------------------------------------------------------------------------------


@linux
@some_of("bomb", BOMBS, keep=("40 000 symbols",))
def test_row_7_hostile_recorded_candles_as_a_data_source_give_exit_4_quickly(
    tmp_path: Path, bare: int, bomb: str
) -> None:
    path = put(tmp_path, BOMBS[bomb][0], "a.parquet")
    (tmp_path / "config.yaml").write_text(CONFIG.format(kind="parquet", path=path))
    check_cheap(measured("run", tmp_path / "config.yaml", "--out", tmp_path / "run"), bare)


NAMES_OF_NOTHING = ("btc/usdt", "BTC", "", "BTC/USDT\n", "../A/B", "A" * 21 + "/B", "B\u0130TC/USDT")


@pytest.mark.parametrize("name", NAMES_OF_NOTHING)
def test_row_7_recorded_candles_with_an_invalid_symbol_are_rejected(tmp_path: Path, name: str) -> None:
    content = recorded(rows=4, symbols=[(name, 4)])
    with raises_code(JournalError, "candles_damaged"):
        run_candles.read(put(tmp_path, content, "candles.parquet"))
