"""Long text as lines of the screen, cut between words: as many as are wanted and no more.

A line costs what it holds, whatever the length of the text behind it, so the
beginning of a megabyte is there at once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from rich.cells import cell_len, chop_cells

from ftui.ui.text import Row, Span, Tone, block

_DENSE = 4
"""Characters a cell that are looked at: marks without a width can be stacked on one without end."""
_WIDE = "\u2e80"
"""From here on scripts are written without blanks between words."""
_PART = 4096

Piece = tuple[str, Tone]
"""Text of any origin with one tone."""


def wrap(text: str, width: int, most: int | None = None) -> list[str]:
    """Data as harmless lines of at most `width` cells; at most `most` of them."""
    return ["".join(span.text for span in row) for row in flow([(text, "")], width, most)]


def flow(pieces: Iterable[Piece], width: int, most: int | None = None) -> list[Row]:
    """Pieces that stand one behind the other as rows of at most `width` cells.

    Args:
        most: rows that are wanted; None for all.
    """
    width = max(width, 8)
    rows: list[Row] = []
    line: list[Span] = []
    for text, tone in _parts(pieces, None if most is None else (most + 1) * width * _DENSE):
        first, *more = text.split("\n")
        line.append(Span(first, tone))
        for each in more:
            rows += _rows(line, width)
            line = [Span(each, tone)]
            if most is not None and len(rows) >= most:
                return rows[:most]
    rows += _rows(line, width)
    # An end of line at the very end begins no other one.
    if len(rows) > 1 and not rows[-1]:
        rows.pop()
    return rows if most is None else rows[:most]


def _parts(pieces: Iterable[Piece], room: int | None) -> Iterator[Piece]:
    """Pieces made harmless, up to `room` characters."""
    for text, tone in pieces:
        for start in range(0, len(text) if room is None else min(len(text), room), _PART):
            # Where a part ends is no end of a line: `\\r\\n` may stand across, and `\\r` becomes nothing.
            yield block(text[start : start + _PART]), tone
        if room is not None:
            room -= len(text)
            if room <= 0:
                return


def _rows(line: list[Span], width: int) -> list[Row]:
    """One line of text as rows."""
    text = "".join(span.text for span in line)
    if len(text) <= width and (text.isascii() or cell_len(text) <= width):
        return [tuple(span for span in line if span.text)]
    ends = list(accumulate(len(span.text) for span in line))
    return [_slice(line, ends, start, stop) for start, stop in _breaks(text, width)]


def _breaks(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Where the rows of a line begin and end; the blanks between two rows are in neither."""
    start, end = 0, len(text)
    while start < end:
        stop = start + _fitting(text[start : start + width * _DENSE], width)
        if stop < end and text[stop] != " " and text[stop] < _WIDE and text[stop - 1] < _WIDE:
            blank = text.rfind(" ", start + 1, stop)
            stop = blank if blank > start and text[start:blank].strip() else stop
        yield start, stop
        start = stop
        while start < end and text[start] == " ":
            start += 1


def _fitting(text: str, width: int) -> int:
    """How many characters fit into `width` cells, at least one."""
    if text.isascii():
        return min(len(text), width)
    chopped = chop_cells(text, width)
    return len(chopped[0]) if chopped and chopped[0] else len(text)


def _slice(line: list[Span], ends: list[int], start: int, stop: int) -> Row:
    """The spans of a line between two characters; `ends` is where each of its spans ends."""
    found: list[Span] = []
    for place in range(bisect_right(ends, start), len(line)):
        text, tone = line[place]
        at = ends[place] - len(text)
        part = text[max(start - at, 0) : stop - at]
        if part and found and found[-1].tone == tone:
            found[-1] = Span(found[-1].text + part, tone)
        elif part:
            found.append(Span(part, tone))
        if ends[place] >= stop:
            break
    return tuple(found)
