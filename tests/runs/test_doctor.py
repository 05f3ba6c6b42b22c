"""`safla doctor`: the checks are independent, and a failed check does not stop the others."""

from pathlib import Path

import pytest

from safla.config.model import Config
from safla.runs import doctor


def config(folder: Path, **more: object) -> Config:
    away = {"rest_url": "http://127.0.0.1:1", "retry_attempts": 0}
    storage = {"cache_directory": str(folder / "store"), "logs_directory": str(folder / "logs")}
    return Config.model_validate({"exchange": away, "storage": storage, **more})


def looks(folder: Path, **more: object) -> dict[str, doctor.Check]:
    return {one.what: one for one in doctor.examine(config(folder, **more))}


def test_an_unreachable_exchange_fails_its_check_and_all_others_still_run(tmp_path: Path):
    found = looks(tmp_path)
    assert (found["exchange"].state, found["exchange"].exit_code) == ("failed", 5)
    assert "cannot be reached" in found["exchange"].text
    assert [found[what].state for what in ("python", "packages", "machine", "store", "logs")] == ["ok"] * 5
    assert "clock" not in found


def test_the_checks_leave_no_folder_except_that_of_the_log(tmp_path: Path):
    looks(tmp_path)
    assert not (tmp_path / "store").exists()
    assert {one.name for one in (tmp_path / "logs").rglob("*")} == {"data", "market_data.log", "errors.log"}


def test_a_read_only_store_fails_as_a_fault_of_this_machine(tmp_path: Path):
    (tmp_path / "file").write_text("")
    found = looks(
        tmp_path, storage={"cache_directory": str(tmp_path / "file" / "store"), "logs_directory": str(tmp_path)}
    )
    assert (found["store"].state, found["store"].exit_code) == ("failed", 6)


def test_a_missing_package_is_named_with_its_install_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "PACKAGES", ["numpy", "no-such-package"])
    found = doctor._packages()
    assert (found.state, found.exit_code) == ("failed", 6)
    assert found.text == "not installed: no-such-package; in the clone of safla: python -m pip install ."


@pytest.mark.parametrize(
    "data",
    [
        {"data": {"source": "synthetic"}},
        {"data": {"source": "csv", "path": "x.csv"}},
        {"data": {"source": "synthetic"}, "mode": "paper", "paper": {"source": "replay"}},
    ],
)
def test_an_exchange_that_is_not_the_candle_source_is_not_contacted(tmp_path: Path, data: dict[str, object]):
    found = looks(tmp_path, **data)["exchange"]
    source = found.text.rpartition(" ")[2]
    assert (found.state, found.exit_code) == ("ok", 0)
    assert found.text == f"not contacted: this configuration has data.source {source}"
    assert source in str(data)


def test_paper_on_live_candles_contacts_the_exchange_whatever_the_backtest_source(tmp_path: Path):
    assert looks(tmp_path, mode="paper", data={"source": "synthetic"})["exchange"].state == "failed"


def test_a_missing_extra_is_named_with_the_key_that_needs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "_version", lambda package: None)
    (extras,) = doctor._extras()
    assert extras.text == "optional, not installed: prometheus_client (for monitoring.prometheus)"


@pytest.mark.parametrize(("free", "state"), [(doctor.FREE_BYTES, "ok"), (doctor.FREE_BYTES - 1, "warning")])
def test_a_nearly_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str):
    class Usage:
        def __init__(self, path: str) -> None:
            self.free = free

    monkeypatch.setattr("psutil.disk_usage", Usage)
    assert doctor._folder("store", tmp_path).state == state
