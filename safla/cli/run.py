"""`safla run`: arguments, one call, printing."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from safla.cli import Session
from safla.cli.arguments import PATH, STRATEGY, configuration
from safla.cli.strategy_option import off_stdout, with_strategy
from safla.runs.progress import Notify
from safla.text import counted, printable

MOST_LOGGED_AT_ONCE = 2**20  # bytes


@click.command(
    "run", epilog="Example: safla run configs/btc.yaml --set risk.stop_loss_pct=0.03 --fail-on 'max_drawdown > 0.2'"
)
@click.argument("config", type=PATH, required=False, metavar="[CONFIG]")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a configuration key; may be repeated.")
@STRATEGY
@click.option("--out", type=PATH, metavar="DIR", help="The run folder; default: a new one in logs/.")
@click.option(
    "--symbols", type=click.Choice(["primary", "test"]), default="primary", show_default=True, help="Symbol list."
)
@click.option(
    "--engine", type=click.Choice(["auto", "interpreted", "compiled"]), default="auto", show_default=True,
    help="How the engine runs; it changes the speed, never a result.",
)  # fmt: skip
@click.option(
    "--journal-detail", "detail", type=click.Choice(["trades", "decisions", "candles"]), help="As journal.detail."
)
@click.option("--fail-on", multiple=True, metavar="EXPR", help="Exit 1 if METRIC OP NUMBER is true; may be repeated.")
@click.option("--force", is_flag=True, help="Start over; an existing run folder is kept as DIR.1, DIR.2, ...")
@click.option("--new", is_flag=True, help="Begin another paper account, even if one of this configuration is open.")
@click.option("--quiet", is_flag=True, help="No progress and no notes on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_obj
def command(
    session: Session, *, config: Path | None, sets: tuple[str, ...], codes: tuple[str, ...], out: Path | None,
    symbols: Any, engine: str, detail: str | None, fail_on: tuple[str, ...], force: bool, new: bool, quiet: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Run what CONFIG describes. The same command again continues where it stopped, or confirms a finished run.

    Without CONFIG it takes ./config.yaml; exit 2 if that does not exist.
    """
    from safla.config.loader import load
    from safla.report import conditions
    from safla.report.summary import METRICS
    from safla.runs.strategy_code.entry_points import KnownNames
    from safla.runs.strategy_code.place import places_of

    _reject_nameless(out, force=force)
    wanted = [conditions.parse(text, METRICS) for text in fail_on]
    sets = (*sets, f"journal.detail={detail}") if detail else sets
    path = configuration(config)
    given = places_of(codes)
    loaded = load(path, sets=sets, environment=os.environ, symbols=symbols, strategies=KnownNames(given))

    def say(text: str) -> None:
        if not quiet:
            click.echo(printable(text), err=True)

    for warning in loaded.warnings:
        say(f"warning: {warning}")
    with off_stdout():
        loaded, register = with_strategy(loaded, given, say=say)
        options = _Options(path.stem, out, engine, force=force, new=new, quiet=quiet, register=register)
        ended, summary = MODES[loaded.config.mode](loaded, options, say, session)
    failed = [condition.text for condition in wanted if conditions.holds(condition, summary)]
    _print(ended, summary, failed=failed, as_json=as_json)
    return 1 if failed else 0


class _Options(NamedTuple):
    """How the command was called."""

    stem: str  # the name of the configuration file without its suffix
    out: Path | None
    engine: str
    force: bool
    new: bool
    quiet: bool
    register: Any  # the strategies by name


def _backtest(loaded: Any, options: _Options, _say: Notify, session: Session) -> tuple[Any, dict[str, Any]]:
    """Run a backtest over history."""
    from safla.data.provenance import source_name
    from safla.report.summary import summarise, write_summary
    from safla.runs import backtest
    from safla.runs.folder import SUMMARY
    from safla.runs.interrupt import watched
    from safla.runs.progress import show_progress

    prepared = _prepared(loaded, options)
    folder = session.folder = backtest.backtest_folder(prepared, stem=options.stem, out=options.out)
    summary: dict[str, Any] = {}

    def conclude(ended: backtest.BacktestResult) -> None:
        summary.update(
            summarise(
                ended.outcome,
                risk_free_rate=float(loaded.config.report.risk_free_rate),
                source=source_name(loaded.config, loaded.symbols),
            )
        )
        write_summary(folder / SUMMARY, summary)
        if loaded.config.logging.in_backtest and not ended.again:
            _log(loaded.config, ended)

    with watched() as flag, show_progress(quiet=options.quiet) as display:
        ended = backtest.run_backtest(
            prepared, folder, engine=options.engine, force=options.force, watch=display.watch, say=display.note,
            flag=flag, conclude=conclude,
        )  # fmt: skip
        flag.check()
    return ended, summary


def _log(config: Any, ended: Any) -> None:
    """Write the log files of a backtest from its journal: only what is on the disk is logged (J23)."""
    from safla.journal.files import JOURNAL
    from safla.observe import event_log

    with event_log.of_run(ended.folder, config, beside=False) as listen, (ended.folder / JOURNAL).open("rb") as file:
        while lines := file.readlines(MOST_LOGGED_AT_ONCE):
            listen(event_log.update_of(b"".join(lines), ended.outcome.state))


def _paper(loaded: Any, options: _Options, say: Notify, session: Session) -> tuple[Any, dict[str, Any]]:
    """Run a paper run until it ends or is interrupted."""
    from safla.data.provenance import source_name
    from safla.paper import listeners, runner
    from safla.report.summary import summarise, write_summary
    from safla.runs.folder import SUMMARY

    folder = session.folder = runner.paper_folder(loaded, stem=options.stem, out=options.out, new=options.new)
    ended = listeners.trade(
        loaded,
        folder,
        force=options.force,
        quiet=options.quiet,
        environment=os.environ,
        say=say,
        register=options.register,
    )
    summary = summarise(
        runner.outcome_of(folder, register=options.register),
        risk_free_rate=float(loaded.config.report.risk_free_rate),
        source=source_name(loaded.config, loaded.symbols),
    )
    write_summary(folder / SUMMARY, summary)
    return ended, summary


MODES: dict[str, Callable[[Any, _Options, Notify, Session], tuple[Any, dict[str, Any]]]] = {
    "backtest": _backtest,
    "paper": _paper,
}


def _prepared(loaded: Any, options: _Options) -> Any:
    """Load the candles and make the plan. Only a download needs progress and log, which take time to import."""
    from safla.runs import backtest

    if loaded.config.data.source != "exchange":
        return backtest.prepare(loaded, register=options.register)
    from safla.observe import event_log
    from safla.runs import download

    with event_log.of_exchange(loaded.config), download.show_download(quiet=options.quiet) as listener:
        return backtest.prepare(loaded, register=options.register, listener=listener)


def _reject_nameless(out: Path | None, *, force: bool) -> None:
    if force and out is not None and out.name in ("", ".."):
        raise click.UsageError(f"--force renames an existing folder, and {out} cannot be renamed; give its own name")


def _print(ended: Any, summary: dict[str, Any], *, failed: list[str], as_json: bool) -> None:
    from safla.report.tables import WIDTH, summary_lines

    if as_json:
        answer = {
            **summary,
            "run": str(ended.folder),
            "journal_lines": ended.lines,
            "journal_hash": ended.last_hash,
            "same_journal": ended.again,
            "failed": failed,
        }
        click.echo(json.dumps(answer, indent=2))
        return
    same = " (the same journal, byte for byte)" if ended.again else ""
    lines = [
        *summary_lines(summary),
        f"{'journal':<{WIDTH}}{counted(ended.lines, 'line')}, last hash {ended.last_hash}{same}",
        f"{'run folder':<{WIDTH}}{ended.folder}",
        *(f"{'failed':<{WIDTH}}{text}" for text in failed),
    ]
    click.echo("\n".join(map(printable, lines)))  # in one write: the whole table or nothing
