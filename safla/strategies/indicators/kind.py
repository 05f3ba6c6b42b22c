"""What an indicator is: a chain of nodes, each a fold over columns, with its parameters, outputs and warm-up."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from safla.section import Section

# The unit of an output: that of the source, of a price, of a volume, of price times volume, or none.
# `whole` is a number without unit that is whole, so that it can be compared with ==.
Unit = Literal["source", "price", "volume", "number", "whole"]


class Node(NamedTuple):
    """One fold: it reads columns, carries a state from one block of rows to the next, and writes columns.

    inputs       names of columns: "source", "open", "high", "low", "close", "volume" (float64), "ts" (int64), or the
                 output of an earlier node of the chain
    outputs      names of the columns that it writes, float64; NaN where the value is not known
    numbers      parameters of the kind -> what the fold takes, a NamedTuple of int and float
    begin        numbers -> the state before the first row, a NamedTuple of int and float
    feed         (state, *inputs, first, numbers, *outputs) -> the state after the block. Each input has `first` rows
                 before the block: the last `rows_before` ones that were fed, or all of them where there are fewer.
                 Each output has one row for each row of the block
    rows_before  numbers -> how many rows before the block it reads, at most
    exact        the same fold for a source of int64, where a raw column is read exactly; None: it is read as float64

    However the rows are cut into blocks, the values are the same, bit for bit, interpreted and compiled.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Callable[[Any], Any]
    begin: Callable[[Any], Any]
    feed: Callable[..., Any]
    rows_before: Callable[[Any], int]
    exact: "Node | None" = None


class Kind(NamedTuple):
    """A kind of indicator.

    section    its parameters as keys: types, ranges, defaults, meanings
    nodes      in the order in which they are fed; an output of the kind is an output of one of them
    outputs    the unit of each output
    main       the output that the bare name of an indicator means; None: an output must be named
    first      (parameters, rows of the source) -> the row of the first value, counted from 1
    auto       the same -> rows until the weight of the seed no longer decides (V16); `first` where there is no seed
    source     the default of `source`; None: it reads candles, and has no source
    settle     parameters -> rows after a gap until its values are trusted again (V18)
    meaning    what it is, in one sentence with its formula, for the reference
    reference  where the formula or its seed comes from, such as "TA-Lib EMA"
    """

    section: type[Section]
    nodes: tuple[Node, ...]
    outputs: dict[str, Unit]
    main: str | None
    first: Callable[[Any], int]
    auto: Callable[[Any], int]
    source: str | None
    settle: Callable[[Any], int]
    meaning: str
    reference: str
