"""The benchmark measures the same job for all libraries. Its tables are asserted, never a time."""

import json
import sys

import pytest

from tests.bench import __main__ as bench
from tests.bench import job, peers

SMALL = bench.Sizes(year=3_000, decade=4_000, lines=400, runs=1)
CANDLES = 4_000

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # warnings of the peer libraries, which we cannot fix
]


@pytest.fixture
def one_peer(monkeypatch):
    """The quickest to start."""
    monkeypatch.setattr(peers, "installed", lambda: [one for one in peers.PEERS if one.module == "backtesting"])
    monkeypatch.setattr(bench, "FULL", SMALL)


@pytest.mark.soak
def test_the_tables_have_a_row_for_everything_that_is_measured(one_peer, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--json", str(tmp_path / "figures.json")])
    bench.main()
    written = json.loads((tmp_path / "figures.json").read_text())
    out = capsys.readouterr().out
    rows = [row for table in written["tables"].values() for row in table]
    assert len(written["tables"]) == 6
    assert all(row["value"] > 0 for row in rows if row["what"] != "floor")
    assert [row["what"] for row in rows if f"| {row['what']} | " not in out] == []
    assert {"safla", "safla run", "append, folded to synced", "chain", "strict"} <= {row["what"] for row in rows}
    assert {"safla data fetch", "ccxt alone", "read back from the store"} <= {row["what"] for row in rows}
    assert {f"synced candle in paper: {share}" for share in ("p50", "p99", "p99.9")} <= {row["what"] for row in rows}
    assert {"breaker: closed call", "breaker: refused call"} <= {row["what"] for row in rows}


@pytest.mark.parametrize("peer", peers.PEERS, ids=[peer.name for peer in peers.PEERS])
def test_every_installed_peer_library_does_the_same_job(peer):
    if peer not in peers.installed():
        pytest.skip(f"{peer.module} is not installed: make bench installs it")
    if peer.name == "vectorbt, numba":
        pytest.skip("compiling it takes longer than all else; tests/peers compares it trade by trade")
    columns = job.candles(CANDLES)
    ours = peers.our_run(columns)
    theirs = peer.run(peer.taken(peers.prices(columns)))
    assert theirs.trades == ours.trades > 50
    assert theirs.equity == pytest.approx(ours.equity, rel=1e-4)
