"""Row H10 of hostile input: a service must not show its users files of its host.

Foreign text is described and not quoted, and `root` keeps all paths below one folder.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import safla
from safla.errors import ConfigError, SaflaError, UsageError
from tests.errors import raises_code
from tests.faults.candle_files import HEADER, TABLE
from tests.scale import some_of

SECRET = "hunter2"
FILES = {
    "words": f"{SECRET} is the word\nroot:x:0:0:root:/root:/bin/sh\n",
    "one word": SECRET,
    "a quoted word": f'"{SECRET}"\n',
    "an anchor": f"a &{SECRET} b\n",
    "a tag": f"a: !{SECRET} b\n",
    "a list": f"- {SECRET}\n",
    "cut YAML": f"{SECRET}: [\n",
    "JSON": f'{{"password": "{SECRET}", "list": [1, 2]}}\n',
    "a table": f"user,{SECRET},c1,c2,c3,c4\nbob,{SECRET},1,2,3,4\n",
    "a table with semicolons": f"user;{SECRET};x;y;z;w\nbob;{SECRET};1;2;3;4\n",
    "passwd": f"root:{SECRET}:0:0:root:/root:/bin/sh\ndaemon:{SECRET}:1:1:,,,,,:/:/bin/sh\n",
    "bytes": f"\x01{SECRET}\x02\n",
}


def error_text(call: object, *arguments: object, **named: object) -> str:
    """The text of the error that a call raises."""
    with pytest.raises(SaflaError) as caught:
        call(*arguments, **named)  # type: ignore[operator]
    return str(caught.value)


@pytest.mark.parametrize("kind", [one for one in FILES if one not in ("cut YAML", "JSON")])
def test_row_10_a_file_that_is_not_yaml_is_not_quoted(tmp_path: Path, kind: str) -> None:
    (tmp_path / "other").write_text(FILES[kind])
    (tmp_path / "config.yaml").write_text("extends: other\n")
    assert SECRET not in error_text(safla.load_config, tmp_path / "config.yaml")
    assert SECRET not in error_text(safla.load_config, tmp_path / "other")


@pytest.mark.parametrize("name", ["other", "other.csv", "other.json"])
@pytest.mark.parametrize("kind", FILES)
def test_row_10_a_file_without_candles_is_not_quoted(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / name).write_text(FILES[kind])
    config: dict[str, Any] = {
        "symbols": {"primary": ["BTC/USDT"]},
        "data": {"source": "file", "path": str(tmp_path / name)},
    }
    assert SECRET not in error_text(safla.run, config, out=tmp_path / "run")
    config["data"]["columns"] = {"open": "price"}
    assert SECRET not in error_text(safla.run, config, out=tmp_path / "run")


def test_row_10_a_bad_cell_in_a_candle_file_is_quoted_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER}\n1704067200000,1,1,1,abc,1\n")
    config: dict[str, Any] = {
        "symbols": {"primary": ["BTC/USDT"]},
        "data": {"source": "file", "path": str(tmp_path / "a.csv")},
    }
    assert "line 2: close 'abc' is not a plain decimal number" in error_text(safla.run, config, out=tmp_path / "run")


BODIES = {
    "text": SECRET,
    "HTML": f"<html>{SECRET}</html>",
    "JSON": f'{{"password": "{SECRET}"}}',
    "a message alone": f'{{"message": "{SECRET}"}}',
    "a code that is none": f'{{"code": "{SECRET}", "msg": "{SECRET}"}}',
    "a list": f'["{SECRET}"]',
    "cut JSON": f'[["{SECRET}',
    "a text": f'"{SECRET}"',
}
ANSWERS = {
    **{f"status {status}, {kind}": (f"HTTP/1.1 {status} {SECRET}\r\nContent-Length: {len(body)}\r\n\r\n{body}")
       for status in (200, 400, 401, 404, 418, 500, 503) for kind, body in BODIES.items()},
    "a banner": f"SSH-2.0-{SECRET}\r\n",
    "a broken header": f"HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n",
    "a redirect": f"HTTP/1.1 302 Found\r\nLocation: https://a.example/{SECRET}?{SECRET}\r\nContent-Length: 0\r\n\r\n",
}  # fmt: skip


@contextmanager
def inner_service(answer: bytes) -> Iterator[str]:
    """The address of a server that sends the same response to every request."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@some_of("kind", ANSWERS, every=5)
def test_row_10_the_response_of_a_server_that_is_not_an_exchange_is_not_quoted(tmp_path: Path, kind: str) -> None:
    with inner_service(ANSWERS[kind].encode()) as address:
        config = {
            "symbols": {"primary": ["BTC/USDT"]},
            "data": {"source": "exchange", "start": "2024-01-01", "end": "2024-01-02"},
            "exchange": {"rest_url": address, "retry_attempts": 0},
            "storage": {"cache_directory": str(tmp_path / "cache")},
        }
        said = error_text(safla.run, config, out=tmp_path / "run")
    assert SECRET not in said
    assert "binance" in said


# --- A root folder for all paths -------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with candles and a configuration in it, and a folder with the same files outside of it."""
    for folder in (tmp_path / "root", tmp_path / "outside"):
        folder.mkdir()
        (folder / "btc.csv").write_bytes(TABLE)
        (folder / "config.yaml").write_text(YAML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


YAML = """\
symbols: {primary: [BTC/USDT]}
data: {source: file, path: btc.csv}
market_data: {lookback_candles: 9}
strategy: {fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}
"""
OUTSIDE = {
    "data.path": {"data.path": "../outside/btc.csv"},
    "data.path as a list": {"data.path": ["root/btc.csv", "outside/btc.csv"]},
    "data.path with a star": {"data.path": "/et*"},
    "data.path by a placeholder": {"data.path": "root/../outside/{base}*.csv"},
    "data.path of a device": {"data.path": "/dev/stdin"},
    "storage.logs_directory": {"storage.logs_directory": "outside/logs"},
    "storage.cache_directory": {"storage.cache_directory": "root/../../elsewhere"},
}


def test_row_10_a_run_below_a_root_reads_and_writes_there_alone(place: Path) -> None:
    result = safla.run("root/config.yaml", root="root")
    assert result.folder.is_relative_to(place / "root") or (place / result.folder).is_relative_to(place / "root")
    assert sorted(one.name for one in place.iterdir()) == ["outside", "root"]
    assert safla.replay(result.folder, root="root")
    assert safla.validate("root/config.yaml", root="root") == []
    assert safla.run("root/config.yaml", root=place / "root", out="root/mine").folder.name == "mine"


@pytest.mark.parametrize("kind", OUTSIDE)
def test_row_10_a_path_that_leaves_the_root_is_a_problem_of_its_key(place: Path, kind: str) -> None:
    (problem,) = safla.validate("root/config.yaml", set=OUTSIDE[kind], root="root")
    assert problem.key == kind.partition(" ")[0]
    assert "is outside the folder" in problem.text
    with raises_code(ConfigError, "outside_root"):
        safla.run("root/config.yaml", set=OUTSIDE[kind], root="root")
    assert sorted(one.name for one in (place / "outside").iterdir()) == ["btc.csv", "config.yaml"]


@pytest.mark.parametrize(
    "path", ["outside/config.yaml", "root/../outside/config.yaml", "/etc/passwd", "root/link.yaml"]
)
def test_row_10_a_configuration_outside_the_root_is_not_opened_by_any_path_or_link(place: Path, path: str) -> None:
    (place / "root" / "link.yaml").symlink_to(place / "outside" / "config.yaml")
    with raises_code(ConfigError, "outside_root", match="config: "):
        safla.load_config(path, root="root")
    (place / "root" / "next.yaml").write_text(f"extends: {os.path.relpath(place / path, place / 'root')}\n")
    with raises_code(ConfigError, "outside_root", match=r"next\.yaml:1:10: extends: "):
        safla.load_config("root/next.yaml", root="root")


@pytest.mark.parametrize("star", ["link.csv", "link*.csv", "folder/btc.csv", "folder/*.csv"])
def test_row_10_links_are_resolved_before_a_path_is_compared_with_the_root(place: Path, star: str) -> None:
    (place / "root" / "link.csv").symlink_to(place / "outside" / "btc.csv")
    (place / "root" / "folder").symlink_to(place / "outside")
    with raises_code(ConfigError, "outside_root", match=r"data\.path: "):
        safla.run("root/config.yaml", set={"data.path": f"root/{star}"}, root="root")


def test_row_10_the_error_for_a_path_outside_the_root_does_not_reveal_whether_it_exists(place: Path) -> None:
    texts = {
        error_text(safla.load_config, "root/config.yaml", set={"data.path": f"outside/{name}"}, root="root").replace(
            name, ""
        )
        for name in ("btc.csv", "none.csv")
    }
    assert len(texts) == 1


def test_row_10_the_run_folder_and_a_replayed_folder_must_be_below_the_root(place: Path) -> None:
    with raises_code(ConfigError, "outside_root", match="out: "):
        safla.run("root/config.yaml", out="outside/run", root="root")
    run = safla.run("outside/config.yaml", out="outside/run").folder
    with raises_code(ConfigError, "outside_root", match="path: "):
        safla.replay(run, root="root")
    (place / "root" / "copy").mkdir()
    for one in run.iterdir():
        (place / "root" / "copy" / one.name).symlink_to(one.resolve())
    with raises_code(ConfigError, "outside_root", match="path: "):
        safla.replay("root/copy", root="root")


def test_row_10_a_dict_and_a_configuration_loaded_without_a_root_are_confined_too(place: Path) -> None:
    config: dict[str, Any] = {
        "symbols": {"primary": ["BTC/USDT"]},
        "data": {"source": "file", "path": "outside/btc.csv"},
    }
    with raises_code(ConfigError, "outside_root", match=r"data\.path: "):
        safla.load_config(config, root="root")
    with raises_code(ConfigError, "outside_root", match=r"data\.path: "):
        safla.run(safla.load_config(config), root="root")


def test_row_10_a_root_must_be_an_existing_folder(place: Path) -> None:
    for root in ("nowhere", "root/btc.csv"):
        with raises_code(UsageError, "invalid_argument", match="root: "):
            safla.load_config("root/config.yaml", root=root)
