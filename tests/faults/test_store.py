"""The candle store under crashes, a full disk and concurrent writers: the old state or the new one, nothing lost."""

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from safla import fs
from safla.data.store import catalog, store
from safla.errors import HostError
from tests.data.series import ALL, candles, contents, merge, months, place, same
from tests.faults.child import CANDLES, DIED, PAGES, points_of
from tests.faults.command import ROOT
from tests.scale import some_of

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "1"}


def prepare_store(cache: Path, kind: str) -> None:
    """Prepare the store that the interrupted merge finds."""
    if kind == "nothing":
        cache.mkdir()
        return
    where = place(cache)
    merge(where, candles(range(30)))
    if kind == "left over":
        (where.folder / "manifest.json.tmp").write_bytes(b"half")
        (where.folder / "2024-01-0123456789abcdef.parquet").write_bytes(b"half")
    elif kind != "sound":
        path = months(where)[0] if kind == "damaged month" else where.folder / "manifest.json"
        path.write_bytes(b"damaged")


@some_of("kind", ["nothing", "sound", "left over", "damaged month", "damaged manifest"], keep=("left over",))
def test_a_merge_that_dies_at_any_disk_call_is_completed_by_a_second_merge(
    tmp_path: Path, kind: str, release: bool
) -> None:
    prepare_store(tmp_path / "begin", kind)
    (tmp_path / "points").mkdir()
    words = ["ALL" if release else "SLICE", str(tmp_path / "points"), str(tmp_path / "begin")]
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.child", "merge", *words],
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    undisturbed, *deaths = map(json.loads, found.stdout.splitlines())
    assert undisturbed[1:3] == [0, 0]
    assert undisturbed[4] == [], "a file was changed by a call that is not counted"
    assert {code for _, code, *_ in deaths} == {DIED}
    assert undisturbed[3] >= 20
    assert len(deaths) == points_of(undisturbed[3], thorough=release)
    wanted = contents(place(tmp_path / "points" / "before-0"))
    assert not [name for name in wanted if name.endswith(".tmp")]
    names = [name for name, _, second, *_ in deaths if second == 0]
    assert len(names) > (5 if release else 2)
    for name in names:
        assert contents(place(tmp_path / "points" / name)) == wanted, name
        assert catalog.verify_series(place(tmp_path / "points" / name)).strays == ()
    known = {f"as {name}" for name in ("before-0", *names)}
    assert [one for one in deaths if one[2] != 0 and one[2] not in known] == []


def test_processes_that_merge_concurrently_lose_nothing(tmp_path: Path) -> None:
    words = [[str(tmp_path), str(first), "2"] for first in (0, 1)]
    both = [
        subprocess.Popen([sys.executable, "-m", "tests.faults.child", "pages", *own], cwd=ROOT, env=ENVIRONMENT)
        for own in words
    ]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    hours = range(2 * PAGES * CANDLES)
    merge(place(tmp_path / "alone"), candles(hours))
    assert same(store.stored_candles(place(tmp_path), ALL).series, candles(hours))
    assert contents(place(tmp_path)) == contents(place(tmp_path / "alone"))


@pytest.mark.parametrize("most", [0, 400, 1_500])
def test_row_11_a_full_disk_leaves_the_stored_candles_unchanged(tmp_path: Path, most: int) -> None:
    where = place(tmp_path)
    merge(where, candles(range(30)))
    before = store.stored_candles(where, ALL)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        with pytest.raises(HostError, match="cannot be written: "):
            merge(where, candles(range(200)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    after = store.stored_candles(where, ALL)
    assert same(after.series, candles(range(30)))
    assert after[1:] == before[1:]
    assert not [name for name in contents(where) if name.endswith(".tmp")]
    merge(where, candles(range(200)))
    assert same(store.stored_candles(where, ALL).series, candles(range(200)))
    assert catalog.verify_series(where).strays == ()


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "mkdir", "open"])
def test_row_13_a_disk_error_is_a_host_error_that_names_the_path_and_a_second_merge_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    where = place(tmp_path / "cache")

    def fails(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(*((fs.os, "fdopen") if call == "write" else (fs.os, call)), fails)
        with pytest.raises(HostError, match=str(tmp_path)):
            merge(where, candles(range(30)))
    merge(where, candles(range(30)))
    assert same(store.stored_candles(where, ALL).series, candles(range(30)))


def test_the_bytes_of_a_stored_month_do_not_depend_on_process_or_threads(tmp_path: Path) -> None:
    hours = range(600)
    code = "import sys; from tests.data.series import *; merge(place(Path(sys.argv[1])), candles(range(600)))"
    merge(place(tmp_path / "here"), candles(hours))
    for threads in ("1", "8"):
        cache = tmp_path / threads
        environment = ENVIRONMENT | {"POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": threads}
        subprocess.run([sys.executable, "-c", code, str(cache)], cwd=ROOT, env=environment, check=True, timeout=60)
        assert contents(place(cache)) == contents(place(tmp_path / "here"))
