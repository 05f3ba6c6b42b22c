"""Z12 and Z13 of docs/faults.md: bug reports are private, and text from outside is never raw in any output."""

import json
from pathlib import Path

import pytest

from safla.runs import folder as run_folder
from tests.faults.invariants import CANARY, GOOD, check_answer
from tests.small_runs import rehashed, run, small

FORGED_LINE = "a\nsafla: all is well"
RAW = ["\x1b[31mred", "\x1b]0;title\x07", "\x9b31m", "\u202etxt", "\u2066x\u2069", "\u2028x", "\x7f", "\r", FORGED_LINE]
HEADER = "timestamp,open,high,low,close,volume"
ROW = "1704067200000,1,1,1,1,1"


def check_shown(answer, code):
    """The exit code is right, and the output has no control character, no markup and no forged line (I10)."""
    check_answer(answer, code)
    assert "\nsafla: all is well" not in answer.out + answer.err


def spelled(text):
    """The text as escapes of YAML and JSON."""
    return "".join(f"\\u{ord(one):04x}" for one in text)


def test_z12_a_bug_report_is_a_file_for_the_user_alone_without_values_of_variables(ask, monkeypatch):
    def made(folder, **_options):
        secret = [CANARY]
        folder.mkdir()
        return secret / 0

    with monkeypatch.context() as broken:
        broken.setattr(run_folder, "make", made)
        answer = ask("run", "good.yaml", "--out", "run", "--quiet")
    check_answer(answer, 70)
    (details,) = Path("run").iterdir()
    assert answer.err.endswith(f" with the details in {details.resolve()}\n")
    assert details.stat().st_mode & 0o777 == 0o600
    assert "in made" in details.read_text()
    assert CANARY not in details.read_text()
    check_answer(ask("run", "good.yaml", "--out", "run", "--quiet"), 0)  # the details do not block the next run


def test_z12_a_bug_before_the_run_folder_exists_is_reported_in_a_new_private_folder(ask, monkeypatch):
    monkeypatch.setattr(run_folder, "make", lambda *_arguments, **_options: 1 / 0)
    answer = ask("run", "good.yaml", "--out", "run", "--quiet")
    check_answer(answer, 70)
    details = Path(answer.err.split()[-1])
    assert (details.stat().st_mode & 0o777, details.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    details.unlink()
    details.parent.rmdir()


TREES = (
    "{{mode: {0}}}", "{{{0}: 1}}", "{{risk: {{{0}: 1}}}}", "{{markets: {{{0}: {{}}}}}}", "{{extends: {0}}}",
    "{{data: {{columns: {{{0}: 1}}}}}}", "{{strategy: {{parameters: {{{0}: 1}}}}}}",
)  # fmt: skip
ARGUMENTS = (
    (("validate", "{}"), 3), (("run", "{}"), 3), (("replay", "{}"), 4), (("replay", "run", "--until", "{}"), 2),
    (("{}",), 2), (("run", "--{}"), 2), (("run", "good.yaml", "{}"), 2), (("run", "good.yaml", "--fail-on", "{}"), 2),
    (("validate", "good.yaml", "--set", "{}"), 2), (("validate", "good.yaml", "--set", "{}=1"), 3),
    (("run", "good.yaml", "--set", "mode={}"), 3), (("run", "good.yaml", "--engine", "{}"), 2),
    (("schema", "{}"), 2), (("schema", "--write", "{}"), 2), (("init", "{}/x"), 2),
)  # fmt: skip


@pytest.mark.parametrize("text", RAW, ids=ascii)
def test_z13_control_characters_in_configurations_and_arguments_are_shown_escaped(ask, monkeypatch, text):
    for tree in TREES:
        Path("c.yaml").write_text(tree.format(f'"{spelled(text)}"'))
        check_shown(ask("validate", "c.yaml"), 3)
    for arguments, code in ARGUMENTS:
        check_shown(ask(*(one.replace("{}", text) for one in arguments)), code)
    printed = ask("validate", "--json", text).out
    assert json.loads(printed)[0]["file"] == text  # in JSON the name is data, in ASCII escapes
    assert printed.isascii()
    monkeypatch.setenv(f"SAFLA__{text}", "1")
    check_shown(ask("validate", "good.yaml"), 3)


@pytest.mark.parametrize("place", ["cell", "time", "header", "banner", "name", "symbol"])
@pytest.mark.parametrize("text", RAW, ids=ascii)
def test_z13_control_characters_in_a_candle_file_or_its_name_are_shown_escaped(ask, text, place):
    cell = text.replace("\n", " ").replace("\r", " ")
    contents = {
        "cell": f"{HEADER}\n{ROW.replace('1,1,1,1', f'1,{cell},1,1')}\n",
        "time": f"{HEADER}\n{cell}{ROW}\n",
        "header": f"{HEADER.replace('close', cell)}\n{ROW}\n",
        "banner": f"{cell}\n{HEADER}\n{ROW},1\n",
        "name": f"{HEADER}\n{ROW},1\n",
        "symbol": f"symbol,{HEADER}\n{cell},{ROW},1\n",
    }
    Path(f"{text if place == 'name' else place}.csv").write_text(contents[place])
    answer = ask("run", "good.yaml", "--set", "data.source=csv", "--set", "data.path=*.csv", "--quiet")
    check_shown(answer, 0 if place == "time" and not cell.strip() else 4)  # a time with spaces around it is valid


def test_z13_control_characters_in_a_journal_are_rejected_and_shown_escaped(ask, tmp_path):
    run(small(tmp_path), tmp_path / "run")
    path = tmp_path / "run" / "journal.jsonl"
    (tmp_path / "run" / "head").unlink()
    whole = path.read_bytes()
    for text in RAW:
        for old in (b'"name":"Small', b'"symbol":"BTC/USDT', b'"rule":"', b'"type":"'):
            path.write_bytes(rehashed(whole.replace(old, old + spelled(text).encode(), 1)))
            check_shown(ask("replay", tmp_path / "run"), 4)
        path.write_bytes(whole[:2000] + text.encode() + whole[2000:])
        check_shown(ask("replay", tmp_path / "run"), 4)


def test_z13_data_is_never_interpreted_as_a_template(ask):
    """Markup of rich, loguru, str.format and % is printed literally."""
    name = "A (x) 100 #1"
    text = "{0}%s%(x)s[bold][link=http://x]<red>{{}}"
    Path("c.yaml").write_text(GOOD + f"system: {{name: '{name}', version: '{text}'}}\n")
    answer = ask("run", "c.yaml", "--out", "run")
    check_answer(answer, 0)
    assert f"{name}: BTC/USDT" in answer.out
    assert text in ask("validate", "--resolved", "c.yaml").out
    assert text in Path("run/config.yaml").read_text()
