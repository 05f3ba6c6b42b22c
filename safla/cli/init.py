"""`safla init`: writes a commented configuration to start from, and never overwrites a file."""

from pathlib import Path

import click

from safla.cli.arguments import DEFAULT, PATH
from safla.cli.output_file import put_new
from safla.errors import UsageError
from safla.text import printable

STARTER = """\
# A run of safla. Percentages are fractions: 0.02 is 2 %. Every key can be left out.
# `safla validate FILE --resolved` shows every key and default, `safla schema --write DIR` describes them all.
system:
  name: first-run                  # shown in reports and in the journal
  random_seed: 42                  # the only source of chance
symbols:
  primary: [BTC/USDT]              # traded, in this order; one quote currency
  test: [ETH/USDT]                 # used instead with --symbols test
market_data:
  timeframe: 1h                    # 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d
data:
  source: synthetic                # made up, trends built in; real ones: exchange, file, vision
  # path: data/{symbol}-{timeframe}.csv    # for file and vision; relative to this file
  # time_zone: UTC                 # of dates in files that name none
  # start: 2024-01-01              # UTC; the end is exclusive
  # end: 2025-01-01
  synthetic:
    candles: 8760                  # a year of hours
simulation:
  initial_balance_usd: 100000      # in the quote currency
  commission_rate: 0.001           # of the notional: 0.1 %
  slippage:
    base_bps: 2                    # 1/10 000, against us
    impact_coefficient: 0.1        # times our share of the last volume
    max_slippage_bps: 50
strategy:
  name: sma_crossover
  fast_period: 10                  # candles
  slow_period: 30                  # candles
  entry_threshold_pct: 0.001       # how far the averages must be apart
  exit_threshold_pct: 0.0005
  max_position_size_usd: 10000     # quote currency; an entry of sma_crossover spends 0.9 of it, commission included
risk:
  stop_loss_pct: 0.02              # below the fill price; null: none
  take_profit_pct: 0.05            # above the fill price; null: none
  trailing_stop_pct: null          # below the highest price since the fill
  max_open_positions: 3
  max_portfolio_exposure_pct: 0.6  # of equity
  max_daily_loss_pct: 0.05         # halts until the next UTC day; null: never
  max_drawdown_pct: 0.1            # halts until `safla resume`; null: never
  max_daily_trades: 10
"""


@click.command("init", epilog="Example: safla init config.yaml")
@click.argument("file", type=PATH, default=DEFAULT, metavar="[FILE]")
def command(*, file: Path) -> None:
    """Write a commented configuration to start from, to FILE or else config.yaml.

    An existing file is never changed: exit 2, unless it has exactly this content.
    """
    try:
        put_new(file, STARTER)
    except FileExistsError as error:
        if _is_starter(file):
            click.echo(f"{printable(str(file))}: exists already with this content; nothing was written")
            return
        raise UsageError(
            f"{printable(str(file))}: exists and is not overwritten; name another file", code="exists_already"
        ) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"{printable(str(file))}: its folder does not exist; make it, or name another file", code="invalid_argument"
        ) from error
    except ValueError as error:
        raise UsageError(f"{printable(str(file))}: not a path; name a file", code="invalid_argument") from error
    name = printable(str(file))
    click.echo(f"{name}: written; `safla validate {name}` checks it, `safla run {name}` runs it on synthetic candles")


def _is_starter(file: Path) -> bool:
    """Whether a file has the content that would be written, so that the same command may be run twice."""
    return not file.is_symlink() and file.is_file() and file.read_bytes() == STARTER.encode()
