"""The origin of candles as text: synthetic candles are called synthetic, whatever file they come from."""

import pytest

from safla.config.loader import load
from safla.data.provenance import source_name


def name(tmp_path, *sets):
    (tmp_path / "c.yaml").write_text("data: {path: 'klines/{symbol}-{timeframe}-*.zip'}\n")
    loaded = load(tmp_path / "c.yaml", sets=sets)
    return source_name(loaded.config, loaded.symbols)


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        (("data.source=synthetic",), "synthetic, trends built in"),
        (("data.source=synthetic", "data.synthetic.regimes=false"), "synthetic, no trends built in"),
        (("data.source=csv", "data.path=mine.csv"), "csv"),
        (("data.source=csv", "data.path=klines/SYNTHETIC-{symbol}.csv"), "csv: synthetic, trends built in"),
        (("data.source=vision",), "vision"),
        (("data.source=exchange", "exchange.name=kraken"), "exchange kraken"),
        (("data.source=synthetic", "mode=paper"), "exchange binance"),  # the stream, whatever `data` is
        (("data.source=synthetic", "mode=paper", "paper.source=replay"), "synthetic, trends built in"),
    ],
)
def test_every_source_has_a_name(tmp_path, sets, text):
    assert name(tmp_path, *sets) == text


def test_the_origin_of_a_pattern_comes_from_the_files_that_it_matches(tmp_path):
    (tmp_path / "klines").mkdir()
    (tmp_path / "klines" / "SYNTHETIC-BTCUSDT-1h-2024.zip").touch()
    sets = ("data.source=vision", f"data.path={tmp_path}/klines/*.zip")
    assert name(tmp_path, *sets) == "vision: synthetic, trends built in"
