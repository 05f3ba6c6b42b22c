"""The bytes of plain events, from rows of numbers and templates: one pure function, which can be compiled (D2)."""

from safla.core import values as v
from safla.core.pure import entry_point, pure
from safla.core.values import Int8, Int64, Int64Table

# How the number in a column of a row is written.
(
    INTEGER,
    PRICE,  # an amount, with the decimals of its symbol's prices
    QUANTITY,
    VOLUME,
    MONEY,
    RATIO,  # ppm, as a ratio with six decimals; NONE: null
    STRENGTH,
    WORD,  # the word that stands for the number
    FLAG,  # true above 0
    LITERAL,  # no column: literal bytes
    SYMBOL,  # no column: the symbol of the row
    PRICE_OR_NULL,  # as PRICE; NONE: null
) = range(12)

OTHER = -1  # in place of a kind: the text of the row is made elsewhere


@pure
def put_number(out: Int8, at: int, value: int, places: int) -> int:
    """Write value * 10**-places with exactly so many decimals (J13). Returns where it ends. abs(value) < 2**63."""
    rest = value
    if value < 0:
        out[at] = 45  # a minus sign
        at += 1
        rest = -value
    digits = 1
    power = 10
    while digits < 19 and rest >= power:
        digits += 1
        if digits < 19:
            power *= 10
    digits = max(digits, places + 1)
    end = at + digits + (1 if places > 0 else 0)
    place = end
    for digit in range(digits):
        place -= 1
        if digit == places and places > 0:
            out[place] = 46  # the decimal point
            place -= 1
        out[place] = 48 + rest % 10
        rest = rest // 10
    return end


@pure
def put_bytes(out: Int8, at: int, text: Int8, first: int, end: int) -> int:
    """Copy text[first:end]. Returns where it ends."""
    for i in range(first, end):
        out[at + i - first] = text[i]
    return at + end - first


@entry_point
def write_events(
    kinds: Int64, rows: Int64Table, micro: Int64, parts: Int64Table, first_part: Int64, text: Int8, words: Int64,
    decimals: Int64Table, others: Int8, other_ends: Int64, out: Int8, ends: Int64,
) -> int:  # fmt: skip
    """Write the events of rows one after the other. Returns how many bytes they take.

    kinds       int64[m], the kind of each row, or OTHER
    rows        int64[m, ROW_WIDTH]
    micro       int64[m], the strength of a signal in millionths
    parts       int64[k, 3], of all templates: what it is, and two numbers, see event_texts.py
    first_part  int64[KINDS + 1], where the template of a kind begins; one without parts is not written
    text        int8, the literals and words; words  int64[w + 1], where each of them begins
    decimals    int64[symbols, 5], of its prices, quantities, volumes and money, from column 1 on
    others      int8, the texts of the rows with OTHER, in order; other_ends  int64, where each ends
    out         int8, with room for all; ends  int64[m], takes where the event of each row ends
    """
    at = 0
    other = 0
    for i in range(len(kinds)):
        kind = int(kinds[i])
        if kind == OTHER:
            at = put_bytes(out, at, others, int(other_ends[other]), int(other_ends[other + 1]))
            other += 1
            ends[i] = at
            continue
        s = int(rows[i, 2])
        for part in range(int(first_part[kind]), int(first_part[kind + 1])):
            what = int(parts[part, 0])
            number = int(parts[part, 1])
            base = int(parts[part, 2])
            word = number
            if what == LITERAL:
                at = put_bytes(out, at, text, int(words[word]), int(words[word + 1]))
                continue
            if what == SYMBOL:
                at = put_bytes(out, at, text, int(words[base + s]), int(words[base + s + 1]))
                continue
            value = int(rows[i, number])
            if what == INTEGER:
                at = put_number(out, at, value, 0)
            elif what == STRENGTH:
                at = put_number(out, at, int(micro[i]), 6)
            elif what == WORD:
                at = put_bytes(out, at, text, int(words[base + value]), int(words[base + value + 1]))
            elif what == FLAG:
                word = base + (1 if value > 0 else 0)
                at = put_bytes(out, at, text, int(words[word]), int(words[word + 1]))
            elif what in (RATIO, PRICE_OR_NULL) and value == v.NONE:
                at = put_bytes(out, at, text, int(words[base]), int(words[base + 1]))
            elif what in (RATIO, PRICE_OR_NULL):
                out[at] = 34  # a quotation mark
                at = put_number(out, at + 1, value, 6 if what == RATIO else int(decimals[s, PRICE]))
                out[at] = 34
                at += 1
            else:
                at = put_number(out, at, value, int(decimals[s, what]))
        ends[i] = at
    return at
