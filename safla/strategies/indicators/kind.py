"""What an indicator is: a chain of nodes, each a fold over columns, with its parameters, outputs and warm-up."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from safla.section import Section

# The unit of an output: that of the source, of a price, of a volume, or none.
# `whole` is a number without unit that is whole, so that it can be compared with ==.
ValueUnit = Literal["source", "price", "volume", "number", "whole"]
FoldNumbers = tuple[float, ...]  # int and float


class ExactFold(NamedTuple):
    """The fold of a node for inputs of int64; the fields are those of FoldNode."""

    feed: Callable[..., Any]
    rows_before: Callable[..., int]
    begin: Callable[..., Any]


class FoldNode(NamedTuple):
    """One fold: it reads columns, may carry a state from one block of rows to the next, and writes columns.

    inputs       names of columns: "source"; one of sources.py ("close", "hlc3": float64; "ts": int64); or the output of
                 an earlier node of the chain
    outputs      names of the columns that it writes, float64; NaN where the value is not known
    feed         @entry_point: (state, *inputs, first, *numbers, *outputs) -> the state after the block; without a state
                 (*inputs, first, *numbers, *outputs) -> None. Each input has `first` rows before the block: the last
                 `rows_before` ones that were fed, or all of them where there are fewer. It writes each row of each
                 output, and there is one for each row of the block
    numbers      parameters of the kind -> the numbers of the fold
    rows_before  (*numbers) -> how many rows before the block it reads, at most
    begin        (*numbers) -> the state before the first row, a NamedTuple of int and float that is never changed in
                 place; None: the fold has no state, for a value depends on the last `rows_before` + 1 rows alone
    exact        the fold for inputs that are raw columns of int64; None: they are read as float64

    However the rows are cut into blocks, the values are the same, bit for bit, interpreted and compiled.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    feed: Callable[..., Any]
    numbers: Callable[[Any], FoldNumbers]
    rows_before: Callable[..., int]
    begin: Callable[..., Any] | None = None
    exact: ExactFold | None = None


class Kind(NamedTuple):
    """A kind of indicator. Functions take its parameters (an instance of `section`) and `step_ms`, the length of a row.

    section    its parameters as keys: types, ranges, defaults, meanings
    nodes      in the order in which they are fed; each output of the kind is an output of one of them
    outputs    the unit of each output
    main       the output that the bare name of an indicator means; None: an output must be named
    first      (parameters, step_ms) -> rows until every output has its first value, where no row is missing. Anchored
               kinds count the worst start of a run
    meaning    what it is, in one sentence with its formula, for the reference
    auto       the same -> rows until the weight of the seed no longer decides (V16); None: as `first`
    source     the default of `source`; None: it reads candles, and has no source
    reference  what has equal values, such as "TA-Lib EMA"
    """

    section: type[Section]
    nodes: tuple[FoldNode, ...]
    outputs: dict[str, ValueUnit]
    main: str | None
    first: Callable[[Any, int], int]
    meaning: str
    auto: Callable[[Any, int], int] | None = None
    source: str | None = "close"
    reference: str = ""


def settle_rows(keys: Section) -> int:
    """Rows after a gap until an indicator is trusted again: its longest plain period, at least 1 (V18)."""
    return max([1, *(value for _, value in keys if type(value) is int)])
