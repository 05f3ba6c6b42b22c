"""The part of a summary that says how much of the requested period the candles cover, symbol by symbol."""

from collections.abc import Sequence

from safla.core.candles import Series, iso
from safla.data import coverage
from safla.data.coverage import Coverage, Jump
from safla.metrics.metric import significant
from safla.report.figures import PriceJump, SymbolCoverage
from safla.report.window import Window

MOST_JUMPS = 100  # that are listed for each symbol; the count has all


def of_symbols(window: Window) -> list[SymbolCoverage]:
    """What the candles of each symbol cover, in the order of the configuration."""
    outcome = window.outcome
    step, begin = outcome.run.plan.rules.step_ms, int(window.ts[0])
    end = int(window.ts[-1]) + step
    sources = outcome.sources
    return [
        _row(
            coverage.covered(series, sources.asked, begin=begin, end=end, step=step),
            series,
            bad_rows=_at(sources.bad_rows, place),
            without_trade=_at(sources.without_trade, place),
            incomplete=_at(sources.incomplete, place),
        )
        for place, series in enumerate(outcome.series)
    ]


def counts(rows: Sequence[SymbolCoverage]) -> dict[str, int]:
    """The coverage of all symbols together."""
    return {
        "uncovered_candles": sum(row.missing_before + row.missing_after for row in rows),
        "largest_gap_candles": max(row.largest_gap_candles for row in rows),
        "price_jumps": sum(len(row.price_jumps) for row in rows),
        "bad_rows": sum(row.bad_rows for row in rows),
        "rows_without_trade": sum(row.rows_without_trade for row in rows),
        "incomplete_candles": sum(row.incomplete_candles for row in rows),
    }


def _row(covered: Coverage, series: Series, *, bad_rows: int, without_trade: int, incomplete: int) -> SymbolCoverage:
    return SymbolCoverage(
        symbol=covered.symbol,
        first=_time(covered.first),
        last=_time(covered.last),
        coverage=significant(covered.share),
        candles=covered.candles,
        missing_before=covered.missing_before,
        missing_after=covered.missing_after,
        missing_in_gaps=covered.missing,
        largest_gap_candles=covered.largest_candles,
        largest_gap_start=_time(None if covered.largest is None else covered.largest[0]),
        lookback_candles=covered.lookback,
        bad_rows=bad_rows,
        rows_without_trade=without_trade,
        incomplete_candles=incomplete,
        price_jumps=[_jump(jump, 10.0**series.price_decimals) for jump in covered.jumps[:MOST_JUMPS]],
    )


def _jump(jump: Jump, unit: float) -> PriceJump:
    return PriceJump(
        before=iso(jump.before),
        after=iso(jump.after),
        close=significant(jump.close / unit),
        open=significant(jump.open / unit),
        factor=significant(jump.factor),
    )


def _at(numbers: Sequence[int], place: int) -> int:
    return numbers[place] if numbers else 0


def _time(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
