"""Rows 18 and 19: journal, head or candles of another run; lines of another release, or with another spelling."""

import re

import pytest

from tests.faults.damage import again, finished, head_at, put, refused, replayed, starts, whole
from tests.small_runs import journal, rehashed

BOTH = pytest.mark.parametrize("command", [again, replayed])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return journal(finished(tmp_path_factory.mktemp("other")))


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path)


OTHERS = {  # settings of another run, and the messages about the keys that differ
    "plan": (
        ["risk.stop_loss_pct=0.03", "strategy.fast_period=4"],
        [
            "risk.stop_loss_pct: the journal has 0.03, this run has 0.02",
            "strategy.fast_period: the journal has 4, this run has 3",
        ],
    ),
    "detail": (["journal.detail=trades"], ["journal.detail: the journal has trades, this run has decisions"]),
    "timeframe": (["market_data.timeframe=4h"], ["market_data.timeframe: the journal has 4h, this run has 1h"]),
    "symbols": (["symbols.primary=[BTC/USDT]"], ["symbols: the journal has BTC/USDT, this run has BTC/USDT ETH/USDT"]),
    "market": (["markets.BTC/USDT.lot=0.001"], ["markets.BTC/USDT.lot: the journal has 0.001"]),
    "chance": (["system.random_seed=9"], ["system.random_seed: the journal has 9, this run has 0"]),
}  # fmt: skip


def other(place, *sets):
    (place / "other").mkdir()
    return finished(place / "other", *sets)


@pytest.mark.parametrize("with_head", [True, False])
@pytest.mark.parametrize("name", OTHERS)
def test_row_18_the_journal_of_another_run_is_rejected_with_each_key_that_differs(
    tmp_path, folder, capsys, name, with_head
):
    sets, keys = OTHERS[name]
    text = journal(other(tmp_path, *sets))
    put(folder, text, head_at(text, -1) if with_head else None)
    said = refused(folder, capsys, again, code=3)
    assert [key for key in keys if key not in said] == []
    assert all("" in line for line in said.splitlines() if "candles missing in" not in line)


@BOTH
@pytest.mark.parametrize("name", OTHERS)
def test_row_18_the_head_of_another_run_is_rejected_by_its_hash_or_its_length(
    tmp_path, folder, undisturbed, capsys, name, command
):
    text = journal(other(tmp_path, *OTHERS[name][0]))
    put(folder, undisturbed, head_at(text, -1))
    said = refused(folder, capsys, command)
    assert "is not the one in the file head" in said or f"once at least {len(text)} bytes" in said


@pytest.mark.parametrize("lines", [0, 40, -1])
@pytest.mark.parametrize("name", ["symbols", "timeframe", "chance"])
def test_row_18_the_candles_of_another_run_are_rejected_by_their_digest(
    tmp_path, folder, undisturbed, capsys, name, lines
):
    candles = other(tmp_path, *OTHERS[name][0]) / "candles.parquet"
    (folder / "candles.parquet").write_bytes(candles.read_bytes())
    put(folder, undisturbed[: starts(undisturbed)[lines]], None)
    assert "its candles have the digest " in refused(folder, capsys, again)


def test_row_18_the_tail_of_another_journal_is_rejected_by_the_previous_hash(folder, undisturbed, capsys):
    """Every line of the tail is valid by itself and has the right number; its `p` belongs to another journal."""
    strange = rehashed(undisturbed.replace(b'"ts":17', b'"ts":18')).splitlines(keepends=True)
    put(folder, whole([*undisturbed.splitlines(keepends=True)[:30], *strange[30:]]), None)
    for command in (again, replayed):
        said = refused(folder, capsys, command)
        assert "line 31, byte " in said
        assert "the hash of the line before" in said


NEWER = {
    "schema": (
        rb'"schema":3',
        rb'"schema":4',
        "schema 4 and rules 3; this version of safla reads schema 3 and rules 3",
    ),
    "rules": (rb'"rules":3', rb'"rules":7', "schema 3 and rules 7; this version of safla reads schema 3 and rules 3"),
    "both": (rb'"schema":3,"rules":3', rb'"schema":1,"rules":1,"more":{}', "schema 1 and rules 1; this version"),
}


@BOTH
@pytest.mark.parametrize("what", NEWER)
def test_row_19_another_schema_or_rules_version_is_rejected_with_both_numbers(
    folder, undisturbed, capsys, what, command
):
    old, new, said = NEWER[what]
    put(folder, rehashed(undisturbed.replace(old, new, 1)), None)
    assert said in refused(folder, capsys, command)


STRANGE = {  # a change in a line after the first, and the message about it
    "unknown event": (rb'"type":"signal"', rb'"type":"sigmal"', "'sigmal' - at `$.type`"),
    "unknown field": (rb'("signal":"enter")', rb'\1,"more":1', "unknown field `more`"),
    "missing field": (rb',"signal":"enter"', rb"", "missing required field `signal`"),
    "a field of another type": (rb'"trade":1,', rb'"trade":"1",', "at `$.trade`"),
    "a second first line": (rb'[^\n]*"type":"signal"[^\n]*\n', None, "run_started may only be the first event"),
    "no event": (rb'\{"type":"signal"[^\n]*?\}', rb"7", "Expected `object`"),
    "order of fields": (rb'("signal":"enter"),("strength":"[\d.]+")', rb"\2,\1", "not spelt as safla writes"),
    "space": (rb'"signal":"enter"', rb'"signal": "enter"', "not spelt as safla writes"),
    "escape": (rb'"signal":"enter"', rb'"signal":"\\u0065nter"', "not spelt as safla writes"),
    "float": (rb'"trade":1,', rb'"trade":1.0,', "at `$.trade`"),
    "exponent": (rb'"trade":1,', rb'"trade":1e0,', "at `$.trade`"),
    "field twice": (rb'("signal":"enter")', rb"\1,\1", "not spelt as safla writes"),
    "places of an amount": (rb'("fee":"[\d.]+)"', rb'\g<1>0"', "fee: not an amount with 7 places"),
    "minus zero": (rb'"net":"-?[\d.]+"', rb'"net":"-0.0000000"', "-0.0000000"),
    "control character": (rb'"signal":"enter"', rb'"signal":"enter\\u001b[31m"', "at `$.signal`"),
}  # fmt: skip


@pytest.mark.parametrize("what", STRANGE)
def test_row_19_an_unknown_field_missing_field_or_second_spelling_is_rejected_by_name(
    folder, undisturbed, capsys, what
):
    old, new, expected = STRANGE[what]
    first = undisturbed.split(b"\n", 1)[0] + b"\n"
    text, count = re.subn(old, (lambda _: first) if new is None else new, undisturbed, count=1)
    assert count == 1
    put(folder, rehashed(text), None)
    said = refused(folder, capsys, replayed)
    assert re.search(r"line \d+, byte \d+: ", said)
    assert expected in said
    assert "line" in refused(folder, capsys, again, code=1)  # a run reports it as a line that it does not decide (J39)
