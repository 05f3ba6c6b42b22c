"""Row H15, hostile input: archives with a million members, JSON with millions of values, thousands of problems."""

import io
import json
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from safla.data.files import archive
from safla.errors import MAX_SHOWN_PROBLEMS, ConfigError, Problem
from safla.exchange import bounds, transport
from safla.exchange.failures import RequestFailed
from tests.faults.candle_files import CONFIG, KLINES, put, run, zipped
from tests.faults.command import MIB, inside, linux, measured
from tests.faults.invariants import check_answer
from tests.scale import some_of

MOST_SECONDS = 10  # for a whole command; most of it is the start of Python
MOST_MEMORY = 96 * MIB  # above the memory of `safla --version`
ENTRY = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"


def archive_of(members: int, *, says: int, comment: bytes = b"") -> bytes:
    """Returns a ZIP whose list has `members` entries and claims to have `says`; the archive contains none of them."""
    begin, entries = b"PK\3\4" + bytes(26), ENTRY * members
    if members <= 0xFFFF:
        return (
            begin
            + entries
            + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, says, says, len(entries), len(begin), len(comment))
            + comment
        )
    place = len(begin) + len(entries)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, says, says, len(entries), len(begin))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, place, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, len(comment))
    return begin + entries + end64 + locator + end + comment


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "a million members": lambda: archive_of(1_000_000, says=1_000_000),
    "a million members that it does not count": lambda: archive_of(1_000_000, says=1),
    "a million members and a comment": lambda: archive_of(1_000_000, says=1_000_000, comment=b"PK\5\6 is no end"),
    "60 000 members": lambda: archive_of(60_000, says=60_000),
}


@linux
@some_of("fault", ARCHIVES, keep=("a million members that it does not count",))
def test_row_15_a_zip_with_too_many_members_is_rejected_before_its_list_is_built(tmp_path: Path, fault: str) -> None:
    path = put(tmp_path, ARCHIVES[fault](), "a.zip")
    (tmp_path / "config.yaml").write_text(CONFIG.format(kind="file", path=path))
    found = measured("run", tmp_path / "config.yaml", "--out", tmp_path / "run")
    check_answer(found.answer, 4)
    assert found.seconds < MOST_SECONDS
    assert found.peak - measured("--version").peak < MOST_MEMORY
    assert "a.zip: a list of members of " in found.answer.err or "cut or corrupt ZIP" in found.answer.err


def test_row_15_a_zip_whose_member_list_is_at_the_limit_is_read_and_one_above_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped({"a.csv": KLINES, **{f"__MACOSX/._{one}": b"" for one in range(2_000)}})
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        listed = len(content) - opened.start_dir - 22
    monkeypatch.setattr(archive, "MAX_DIRECTORY_BYTES", listed)
    check_answer(run(put(tmp_path, content, "a.zip"), "file", out="at"), 0)
    monkeypatch.setattr(archive, "MAX_DIRECTORY_BYTES", listed - 1)
    answer = run(tmp_path / "a.zip", "file")
    check_answer(answer, 4)
    assert f"a list of members of {listed} bytes, at most {listed - 1} are read" in answer.err


SIZE = transport.MAX_BODY_BYTES
ANSWERS: dict[str, Callable[[], str]] = {
    "empty lists": lambda: "[" + "[]," * (SIZE // 3) + "0]",
    "empty maps": lambda: "[" + "{}," * (SIZE // 3) + "0]",
    "numbers": lambda: "[" + "1," * (SIZE // 2) + "0]",
    "a map": lambda: "{" + ",".join(f'"{one}":0' for one in range(SIZE // 10)) + "}",
    "depth": lambda: "[" * SIZE,
    "some depth": lambda: "[" * 65 + "]" * 65,
    "strings before it": lambda: "[" + '"[",' * 10 + "[]," * (SIZE // 4) + "0]",
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_row_15_an_answer_with_too_many_values_is_rejected_before_it_is_decoded(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ANSWERS[fault]()
    monkeypatch.setattr(json, "loads", None)
    begin = time.process_time()
    with pytest.raises(
        RequestFailed, match="JSON of more than 2097152 values or 262144 lists, or nested deeper than 64"
    ):
        transport.parse(text)
    assert time.process_time() - begin < 2


def test_row_15_answers_as_large_as_exchanges_send_are_accepted() -> None:
    """3 000 markets with 250 groups each, and texts full of brackets, which are not lists, are within the limits."""
    market = {"symbol": "BTCUSDT", "filters": [{"a": "1"}] * 12, "groups": [f"TRD_GRP_{one:03}" for one in range(250)]}
    for sound in ([market] * 3_000, ["[" * 1_000, '"]{' * 300_000, "\\"], [["[" * 100]] * 100):
        text = json.dumps(sound)
        assert len(text) < SIZE
        assert transport.parse(text) == sound
    bounds.refuse_long_json("[" * 64 + "]" * 64)


JSONS: dict[str, Callable[[], bytes]] = {
    "rows of nothing": lambda: b"[[" + b"],[" * (16 * MIB // 3) + b"]]",
    "rows of one": lambda: b"[[" + b"1],[" * (4 * MIB) + b"1]]",
    "lists in a row": lambda: b"[[" + b"[]," * (16 * MIB // 3) + b"1]]",
    "maps": lambda: b"[" + b"{}," * (16 * MIB // 3) + b"{}]",
    "one row": lambda: b"[[" + b"1," * (8 * MIB) + b"1]]",
    "spaces": lambda: b"[[1" + b" " * 16 * MIB + b"]]",
}


@linux
@some_of("fault", JSONS, keep=("rows of nothing", "one row"))
def test_row_15_a_json_file_of_16_mib_without_candles_gives_exit_4_in_little_memory(tmp_path: Path, fault: str) -> None:
    path = put(tmp_path, JSONS[fault](), "a.json")
    (tmp_path / "config.yaml").write_text(CONFIG.format(kind="file", path=path))
    found = measured("run", tmp_path / "config.yaml", "--out", tmp_path / "run")
    check_answer(found.answer, 4)
    assert found.seconds < MOST_SECONDS
    assert found.peak - measured("--version").peak < 2 * MOST_MEMORY


def test_row_15_of_many_configuration_problems_fifty_are_shown_and_the_others_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path, "".join(f"unknown_{one}: 1\n" for one in range(602)).encode(), "many.yaml")
    for command in ("run", "validate"):
        answer = inside(capsys, command, path)
        assert answer.code == 3
        lines = answer.err.splitlines()
        assert len(lines) == MAX_SHOWN_PROBLEMS + 1
        assert lines[-1] == "and 552 more problems"
    (row,) = json.loads(inside(capsys, "validate", path, "--json").out)
    assert (len(row["problems"]), row["problem_count"]) == (MAX_SHOWN_PROBLEMS, 602)


def test_row_15_up_to_fifty_problems_are_all_shown() -> None:
    problems = [Problem("a.yaml:1:1", f"key_{one}", "unknown key") for one in range(51)]
    assert str(ConfigError(problems[:50])).count("\n") == 49
    assert "more" not in str(ConfigError(problems[:50]))
    assert str(ConfigError(problems)).endswith("\nand 1 more problem")
    assert len(ConfigError(problems).problems) == 51
