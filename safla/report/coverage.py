"""The part of a summary that says how much of the time asked for the candles cover, symbol by symbol."""

from collections.abc import Sequence

from safla.core.candles import Series, iso
from safla.data import coverage
from safla.data.coverage import Coverage, Jump
from safla.metrics.metric import significant
from safla.report.figures import PriceJump, SymbolCoverage
from safla.report.window import Window

MOST_JUMPS = 100  # that are listed of a symbol; the count has all


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
    """The same of all symbols together."""
    return {
        "uncovered_candles": sum(one.missing_before + one.missing_after for one in rows),
        "largest_gap_candles": max(one.largest_gap_candles for one in rows),
        "price_jumps": sum(len(one.price_jumps) for one in rows),
        "bad_rows": sum(one.bad_rows for one in rows),
        "rows_without_trade": sum(one.rows_without_trade for one in rows),
        "incomplete_candles": sum(one.incomplete_candles for one in rows),
    }


def _row(found: Coverage, series: Series, *, bad_rows: int, without_trade: int, incomplete: int) -> SymbolCoverage:
    return SymbolCoverage(
        symbol=found.symbol,
        first=_time(found.first),
        last=_time(found.last),
        coverage=significant(found.share),
        candles=found.candles,
        missing_before=found.missing_before,
        missing_after=found.missing_after,
        missing_in_gaps=found.missing,
        largest_gap_candles=found.largest_candles,
        largest_gap_start=_time(None if found.largest is None else found.largest[0]),
        lookback_candles=found.lookback,
        bad_rows=bad_rows,
        rows_without_trade=without_trade,
        incomplete_candles=incomplete,
        price_jumps=[_jump(one, 10.0**series.price_decimals) for one in found.jumps[:MOST_JUMPS]],
    )


def _jump(one: Jump, unit: float) -> PriceJump:
    return PriceJump(
        before=iso(one.before),
        after=iso(one.after),
        close=significant(one.close / unit),
        open=significant(one.open / unit),
        factor=significant(one.factor),
    )


def _at(numbers: Sequence[int], place: int) -> int:
    return numbers[place] if numbers else 0


def _time(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
