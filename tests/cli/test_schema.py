"""`safla schema` always gives the same bytes; the files in schemas/ are up to date."""

import json
from pathlib import Path

import msgspec
import pytest

from safla.cli import main
from safla.cli.schema import generated
from safla.report.figures import Summary
from safla.strategies.indicators.register import KINDS

SCHEMAS = Path(__file__).parents[2] / "schemas"


def test_the_generated_files_are_up_to_date() -> None:
    stale = [name for name, text in generated().items() if (SCHEMAS / name).read_text() != text]
    assert stale == [], "safla schema --write schemas"


def test_a_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("config", "journal", "summary"):
        assert main(["schema", name]) == 0
        assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


def test_the_kinds_of_indicators_are_listed_and_each_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "indicators"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == sorted(KINDS)
    for name, kind in KINDS.items():
        assert main(["schema", "indicators", name]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(f"{name}: {kind.meaning}\n")
        assert all(f"\n  {key} " in shown for key in kind.section.model_fields)
    assert main(["schema", "indicators", "ema"]) == 0
    assert "100 with period 20: until the first value / until its seed no longer decides" in capsys.readouterr().out


def test_an_unknown_kind_of_indicator_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "indicators", "rsii"]) == 2
    assert "rsii: unknown kind of indicator; did you mean rsi?" in capsys.readouterr().err
    assert main(["schema", "indicators", "qqqq"]) == 2
    assert "safla schema indicators lists them" in capsys.readouterr().err
    assert main(["schema", "config", "rsi"]) == 2
    assert "indicators [NAME]" in capsys.readouterr().err


def test_all_files_are_written_completely_and_equal_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["schema", "--write", str(tmp_path)]) == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == generated()
    assert main(["schema", "--write", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_the_reference_names_every_figure_and_every_part_of_a_summary() -> None:
    page = generated()["README.md"]
    for name in (*(field.name for field in msgspec.structs.fields(Summary)), "Group", "OpenPosition", "Year"):
        assert f"| `{name}` |" in page or f"| {name} |" in page


def test_the_reference_names_every_event() -> None:
    page = generated()["README.md"]
    for event in ("run_started", "candle", "order_rejected", "filled", "halted", "run_ended"):
        assert f"| `{event}` |" in page
