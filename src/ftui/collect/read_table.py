"""CSV and its relatives, row by row.

A quote that is never closed makes one row of all that follows up to the next quote. Where a row
is not well formed or does not fit the header, its first line alone is the failure, and its other
lines are read anew.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import orjson

from ftui.collect.read_bytes import LONGEST, Stream, blocks
from ftui.collect.read_json import FEW_BRACKETS, TOO_LONG, Row, is_storable


def read_table(stream: Stream, delimiter: str) -> Iterator[Row]:
    """The rows below the header, each an object; cells that hold JSON text, or the word null, as their value.

    Raises:
        Cut, OSError: see `Stream.read`.
    """
    # One cell of a scraped table can be a whole page; the limit of the csv module is 128 KB.
    csv.field_size_limit(LONGEST)
    lines = _Lines(stream)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        first = lines.begin()
        problem = ""
        cells: list[str] = []
        try:
            cells = next(reader)
        except StopIteration:
            yield from lines.dropped()
            return
        except csv.Error as error:
            line = lines.read_again()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            if "limit" in str(error):
                problem = TOO_LONG
            else:
                # A quote within a cell is understood without being strict; one that is open takes the line feed in.
                cells = next(csv.reader([line.rstrip("\r\n") + "\n"], delimiter=delimiter))
                problem = "a quote that is never closed" if cells[-1].endswith("\n") else ""
        yield from lines.dropped()
        if not problem and not any(cells):
            continue
        if first == 1 and not problem and delimiter.join(cells).lower() == f"sep={delimiter}":
            continue
        if not header and not problem:
            header = _names(cells)
            continue
        if not problem and len(cells) != len(header):
            problem = f"{'more' if len(cells) > len(header) else 'fewer'} cells than the header"
            lines.read_again()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        if problem:
            yield first, None, problem
        elif lines.are_broken and _is_broken(cells):
            yield first, None, "broken characters"
        elif lines.have_nul and any("\0" in cell for cell in cells):
            yield first, None, "holds NUL bytes"
        else:
            yield first, dict(zip(header, map(_value, cells), strict=True)), ""


class _Lines:
    """The lines of a table for a csv reader, with those of the row under way at hand.

    Attributes:
        are_broken: whether the bytes read so far are not all UTF-8.
        have_nul: whether there are NUL bytes among them.
    """

    def __init__(self, stream: Stream) -> None:
        self._blocks = blocks(stream)
        self._block: Iterator[str] = iter(())
        self._row: list[str] = []
        self._again: list[str] = []
        self._number = 0
        self._dropped: list[int] = []
        self.are_broken = self.have_nul = False

    def begin(self) -> int:
        """The number of the line with which the next row begins."""
        self._row.clear()
        return self._number + 1

    def read_again(self) -> str:
        """Give the lines of this row behind its first one once more; returns the first one."""
        self._number -= len(self._row) - 1
        self._again += self._row[:0:-1]
        del self._row[1:]
        return self._row[0]

    def dropped(self) -> Iterator[Row]:
        """Lines that were too long to be read."""
        for number in self._dropped:
            yield number, None, TOO_LONG
        self._dropped.clear()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._next()
        self._number += 1
        self._row.append(line)
        return line

    def _next(self) -> str:
        while (line := next(self._block, None)) is None:
            block = next(self._blocks)
            if block is None:
                self._number += 1
                self._dropped.append(self._number)
                continue
            try:
                text = block.decode()
            except UnicodeDecodeError:
                text, self.are_broken = block.decode("utf-8", "surrogateescape"), True
            self.have_nul |= "\0" in text
            self._block = iter(io.StringIO(text, newline=""))
        return line


def _is_broken(cells: list[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return True
    return False


def _names(cells: list[str]) -> list[str]:
    """Column names that differ; a column without one is called by its number."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = cell.strip().encode("utf-8", "replace").decode() or f"column_{number}"
        names.append(name if name not in names else f"{name}_{number}")
    return names


def _value(cell: str) -> object:
    """A cell that holds JSON text, or the word null, as its value; anything else stays text."""
    if cell[:1] not in ("{", "["):
        return None if cell == "null" else cell
    try:
        value = orjson.loads(cell)
    except ValueError:
        return cell
    is_deep = cell.count("[") + cell.count("{") > FEW_BRACKETS and not is_storable(value)
    return cell if is_deep else value
