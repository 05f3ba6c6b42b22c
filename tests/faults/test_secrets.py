"""Z4, Z9 and Z11 of docs/faults.md: a canary in every place where a secret could stand appears in no output."""

import base64
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from safla.runs import backtest
from tests.faults.command import Answer, safla
from tests.faults.invariants import CANARY

HOOK = f"https://hooks.example.org/{CANARY}"
PERCENT = "".join(f"%{byte:02X}" for byte in CANARY.encode())
BASE64 = [
    base64.b64encode(b"\0" * shift + CANARY.encode()).decode() for shift in range(3)
]  # base64 of the canary at each of its three alignments
PARTS = [part.encode() for part in (CANARY, quote(CANARY, safe=""), PERCENT, *(one[4:-4] for one in BASE64))]


def check_hidden(answer: Answer, *places: Path) -> None:
    """Neither the output nor a file below these folders holds the canary."""
    contents = [answer.out.encode(), answer.err.encode()]
    contents += [path.read_bytes() for place in places for path in place.rglob("*") if path.is_file()]
    contents += [os.fsencode(path) for place in places for path in place.rglob("*")]
    assert [part for part in PARTS if any(part in content for content in contents)] == []


@pytest.mark.parametrize("shape", [str, lambda text: base64.b64encode(b"xy" + text.encode()).decode(), quote])
def test_z11_check_hidden_finds_a_canary_in_files_and_output(tmp_path, shape):
    (tmp_path / "file").write_text(f"a {shape(HOOK)} b")
    with pytest.raises(AssertionError):
        check_hidden(Answer(0, "", ""), tmp_path)
    with pytest.raises(AssertionError):
        check_hidden(Answer(0, "", shape(HOOK)))


def test_z11_a_webhook_from_the_environment_is_in_no_output_and_no_file_of_a_run(ask, monkeypatch):
    monkeypatch.setenv("SAFLA__MONITORING__WEBHOOK_URL", HOOK)
    monkeypatch.setenv("BINANCE_API_SECRET", CANARY)  # the secret of another program
    for arguments in (
        ("validate", "good.yaml"), ("validate", "--resolved", "good.yaml"), ("validate", "--json", "good.yaml"),
        ("run", "good.yaml", "--out", "run"), ("run", "good.yaml", "--out", "run", "--json"),
        ("run", "good.yaml", "--out", "all", "--journal-detail", "candles"), ("replay", "run"),
        ("replay", "all", "--json"),
        ("replay", "run", "--set", "risk.stop_loss_pct=0.03"), ("replay", "run", "--until", "2024-01-02"),
    ):  # fmt: skip
        answer = ask(*arguments)
        assert answer.code == 0, answer.err
        check_hidden(answer, Path.cwd())


def test_z11_a_webhook_from_an_option_is_in_no_output_and_no_file_of_a_run(ask):
    option = ("--set", f"monitoring.webhook_url={HOOK}")
    for arguments in (("validate", "--resolved", "good.yaml"), ("run", "good.yaml", "--out", "run")):
        answer = ask(*arguments, *option)
        assert answer.code == 0, answer.err
        check_hidden(answer, Path.cwd())


def test_z11_a_bug_report_does_not_contain_the_webhook(ask, monkeypatch):
    monkeypatch.setenv("SAFLA__MONITORING__WEBHOOK_URL", HOOK)

    def fails(plan, series, **_rest):
        secret = os.environ["SAFLA__MONITORING__WEBHOOK_URL"]
        return len(secret) / 0

    monkeypatch.setattr(backtest, "simulate_plan", fails)
    answer = ask("run", "good.yaml", "--out", "run")
    assert answer.code == 70
    assert [path.name[:4] for path in Path("run").iterdir() if path.suffix == ".txt"] == ["bug-"]
    check_hidden(answer, Path.cwd())


MISTYPED = [
    f"hooks.example.org/{CANARY}", f"ftp://example.org/{CANARY}", f"https://user:{CANARY}@example.org/", CANARY,
    f"[{CANARY}]", f"{{{CANARY}: 1}}", f"[{CANARY}", f"'{CANARY}", f'"\\{CANARY}"',
    f"https://example.org/\x1b{CANARY}", f"&{CANARY} x", f"!{CANARY} x",
]  # fmt: skip


@pytest.mark.parametrize("text", MISTYPED, ids=ascii)
def test_z4_a_mistyped_webhook_is_an_error_that_does_not_show_it(ask, monkeypatch, text):
    monkeypatch.setenv("SAFLA__MONITORING__WEBHOOK_URL", text)
    for arguments in (("validate", "good.yaml"), ("validate", "--json", "good.yaml"), ("run", "good.yaml")):
        answer = ask(*arguments)
        assert answer.code == 3
        assert "monitoring.webhook_url" in answer.out + answer.err
        check_hidden(answer, Path.cwd())
    monkeypatch.delenv("SAFLA__MONITORING__WEBHOOK_URL")
    answer = ask("run", "good.yaml", "--set", f"monitoring.webhook_url={text}")
    assert answer.code == 3
    check_hidden(answer, Path.cwd())


def test_z4_a_mistyped_webhook_in_a_file_is_an_error_that_does_not_show_it(ask):
    for text in MISTYPED:
        if "\x1b" not in text:
            Path("c.yaml").write_text(f"monitoring:\n  webhook_url: {text}\n")
            answer = ask("validate", "c.yaml")
            Path("c.yaml").unlink()
            assert answer.code == 3
            check_hidden(answer)


NUMBER = "9988776655443322"  # a secret that YAML takes for a number
SHAPES = [
    *MISTYPED, f"[{HOOK}]", f"[[{HOOK}], {HOOK}]", f"{{url: {HOOK}}}", f'{{"{HOOK}": 1}}', HOOK + "x" * 2_000, NUMBER,
    f"0.{NUMBER}", f"[{NUMBER}]", f"-{NUMBER}", f"{{a: {{b: [{CANARY}]}}}}",
]  # fmt: skip


@pytest.mark.parametrize("place", ["monitoring.webhook_url", "monitoring"])
@pytest.mark.parametrize("text", SHAPES, ids=ascii)
def test_z4_an_invalid_webhook_of_any_shape_from_any_source_is_not_shown(ask, monkeypatch, place, text):
    if place == "monitoring" and text == f"{{{CANARY}: 1}}":
        pytest.skip("there it is the name of a key, which is shown")
    *above, key = place.split(".")
    Path("c.yaml").write_bytes(f"{''.join(f'{name}: {{' for name in above)}{key}: {text}{'}' * len(above)}\n".encode())
    answers = [ask("validate", "c.yaml"), ask("validate", "c.yaml", "--json"), ask("run", "c.yaml", "--out", "run")]
    Path("c.yaml").unlink()
    answers.append(ask("validate", "good.yaml", "--set", f"{place}={text}"))
    monkeypatch.setenv(f"SAFLA__{place.replace('.', '__').upper()}", text)
    answers.append(ask("validate", "good.yaml"))
    for answer in answers:
        assert answer.code == 3
        assert NUMBER not in answer.out + answer.err
        check_hidden(answer, Path.cwd())


@pytest.mark.parametrize("key", ["system.name", "monitoring.cpu_pct", "monitoring.prometheus", "system", "mode"])
def test_z4_a_webhook_as_the_value_or_key_of_another_setting_is_not_shown(ask, key):
    for text in (HOOK, f'{{"{HOOK}": 1}}'):
        answer = ask("validate", "good.yaml", "--set", f"{key}={text}")
        assert answer.code == 3
        check_hidden(answer)


def test_z11_a_webhook_from_a_file_is_in_no_output_or_other_file_and_a_run_continues_without_it(ask):
    good = Path("good.yaml").read_text()
    Path("c.yaml").write_text(f"{good}\nmonitoring: {{webhook_url: {HOOK}}}\n")
    Path("above.yaml").write_text(f"extends: c.yaml\nmonitoring: {{webhook_url: {HOOK}}}\n")
    for arguments in (
        ("validate", "c.yaml"), ("validate", "c.yaml", "--json"), ("validate", "--resolved", "c.yaml"),
        ("validate", "--resolved", "above.yaml"), ("run", "c.yaml", "--out", "run"), ("run", "above.yaml", "--json"),
        ("run", "c.yaml", "--out", "run", "--json"), ("replay", "run", "--json"), ("status", "run"),
        ("status", "run", "--json"), ("replay", "run", "--set", "risk.stop_loss_pct=0.03", "--out", "other"),
        ("run", "run/config.yaml", "--out", "run"), ("validate", "--resolved", "run/config.yaml"),
    ):  # fmt: skip
        answer = ask(*arguments)
        assert answer.code == 0, answer.err
        check_hidden(answer, Path("run"), Path("logs"), *([Path("other")] if Path("other").exists() else []))
    assert "webhook_url: null" in Path("run/config.yaml").read_text()


def test_z11_a_webhook_in_the_run_folder_of_an_older_version_is_removed_when_the_run_continues(ask):
    assert ask("run", "good.yaml", "--out", "run").code == 0
    kept = Path("run/config.yaml")
    text = kept.read_text().replace("webhook_url: null", f"webhook_url: {HOOK}")
    assert HOOK in text
    kept.write_text(text)
    assert ask("run", "good.yaml", "--out", "run").code == 0
    check_hidden(Answer(0, "", ""), Path("run"))


@pytest.mark.parametrize("rest", ["me:{}@example.org", "example.org/?apiKey={}", "example.org/v3#{}", "example.org?{}"])
@pytest.mark.parametrize("key", ["exchange.rest_url", "exchange.stream_url"])
def test_z4_z9_a_password_or_key_in_a_url_is_rejected_and_not_shown(ask, key, rest):
    scheme = "wss" if "stream" in key else "https"
    answer = ask("validate", "good.yaml", "--set", f"{key}={scheme}://{rest.format(CANARY)}")
    assert answer.code == 3
    assert f"{key}: expected a URL" in answer.err
    assert "got a value that is not shown" in answer.err
    check_hidden(answer)


WAYS = [
    ("--set", f"exchange.apiKey={CANARY}"), ("--set", f"exchange={{apiKey: {CANARY}}}"), ("--set", f"apiKey:{CANARY}"),
    ("--set", f"exchange={{secret: [{CANARY}"), (f"--api-key={CANARY}",), (f"--password={CANARY}",),
    ("--set", f"password {CANARY}"), ("--set", f"x.y.token={CANARY}"), ("--set", f"monitoring.webhook={HOOK}"),
]  # fmt: skip


@pytest.mark.parametrize("options", WAYS, ids=" ".join)
def test_z11_a_secret_in_an_argument_is_rejected_and_not_shown(ask, options):
    for command in ("validate", "run"):
        answer = ask(command, "good.yaml", *options)
        assert answer.code in (2, 3)
        check_hidden(answer, Path.cwd())


def test_z11_the_real_command_shows_no_secret_of_its_environment(tmp_path):
    (tmp_path / "c.yaml").write_text("data: {source: synthetic, synthetic: {candles: 50}}\n")
    env = {"SAFLA__MONITORING__WEBHOOK_URL": HOOK, "PYTHONDEVMODE": "1"}
    answer = safla("run", "c.yaml", cwd=tmp_path, env=env)
    assert answer.code == 0
    check_hidden(answer, tmp_path)
