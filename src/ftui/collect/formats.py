"""What a file is, found by looking into it, and its rows one by one.

Nothing here trusts a name: names only decide between formats that look the same.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson

Format = Literal["json", "jsonl", "csv"]

_HEAD = 64 * 1024
_DELIMITERS = (",", "\t", ";", "|")
_MAGIC = (
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"PK\x03\x04", "a zip file or an office document"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\x00", "a SQLite database"),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# One cell of a scraped table can be a whole page; the limit of the csv module is 128 KB.
_LARGEST_CELL = 256 * 2**20
Row = tuple[int, Any, str]
"""(line, value, "") or (line, None, why it is not a row)."""


class NotData(Exception):
    """The file is something else; the message says what."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a file is.

    Attributes:
        format: of its content, whatever its name is.
        encoding: for `open`; `cp1252` where it is not UTF-8.
        delimiter: of a CSV file.
    """

    format: Format
    encoding: str
    delimiter: str = ","

    @contextmanager
    def text(self, file: BinaryIO, newline: str) -> Iterator[io.TextIOWrapper]:
        """The text of an open file, which stays open."""
        # Surrogates carry broken bytes of UTF-8 to the row they belong to, where they are refused.
        errors = "surrogateescape" if self.encoding.startswith("utf-8") else "replace"
        wrapper = io.TextIOWrapper(file, encoding=self.encoding, errors=errors, newline=newline)
        try:
            yield wrapper
        finally:
            wrapper.detach()


def look(path: Path) -> Look:
    """Find out what a file is.

    Raises:
        NotData: it holds no rows that ftui can read.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        is_whole = len(head) < _HEAD
    if not head.strip():
        raise NotData("empty")
    for magic, name in _MAGIC:
        if head.startswith(magic):
            raise NotData(name)
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if not encoding:
        if b"\0" in head[:1024]:
            raise NotData("a binary file")
        encoding = _guess(head, is_whole)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head, is_whole)
    start = text.lstrip()
    if start.startswith("["):
        return Look("json", encoding)
    if start.startswith("{"):
        return Look("jsonl" if _is_line(start, is_whole) else "json", encoding)
    if start.startswith("<"):
        raise NotData("a web page or XML")
    delimiter = _delimiter(text, path.suffix.lower(), is_whole)
    if not delimiter:
        raise NotData("neither JSON nor JSONL nor CSV")
    return Look("csv", encoding, delimiter)


def read_rows(file: BinaryIO, how: Look) -> Generator[Row, None, None]:
    """The rows of an open file, whose position says how much has been read. Close it before the file.

    Lines count from 1; for a JSON array the number of the row stands in for the line.

    Raises:
        NotData: a JSON file that is broken, so that none of its rows can be told apart.
        OSError: it cannot be read.
    """
    readers = {"csv": _csv_rows, "jsonl": _jsonl_rows, "json": _json_rows}
    return readers[how.format](file, how)


def _guess(head: bytes, is_whole: bool) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, is_whole)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _is_line(start: str, is_whole: bool) -> bool:
    """Whether the first line is an object of its own, so that the next line can be another."""
    line, line_feed, rest = start.partition("\n")
    try:
        return isinstance(orjson.loads(line), dict)
    except ValueError:
        # A line longer than the head, or a broken one in front of good ones.
        return (not line_feed and not is_whole) or rest.lstrip().startswith("{")


def _delimiter(text: str, suffix: str, is_whole: bool) -> str:
    """The delimiter that splits the first rows into the same number of cells, at least two."""
    if not is_whole:
        text = text[: text.rfind("\n") + 1] or text
    csv.field_size_limit(_LARGEST_CELL)
    found: list[tuple[int, str]] = []
    for delimiter in _DELIMITERS:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row][:50]
        width = len(rows[0])
        if width > 1 and 2 * sum(len(row) == width for row in rows) > len(rows):
            found.append((width, delimiter))
    if found:
        return max(found, key=lambda item: item[0])[1]
    # One column has no delimiter to be known by; the name has to say that it is a table.
    return {".csv": ",", ".tsv": "\t"}.get(suffix, "")


def _jsonl_rows(file: BinaryIO, how: Look) -> Generator[Row, None, None]:
    with how.text(file, "\n") as text:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            try:
                yield number, orjson.loads(line), ""
            except ValueError:
                yield number, None, "not valid JSON"


def _json_rows(file: BinaryIO, how: Look) -> Generator[Row, None, None]:
    body = file.read()
    try:
        value = orjson.loads(body if how.encoding == "utf-8" else body.decode(how.encoding))
    except orjson.JSONDecodeError as error:
        raise NotData(f"broken JSON: {error.msg} in line {error.lineno}") from error
    except UnicodeDecodeError as error:
        raise NotData("text in another encoding than it says") from error
    for number, row in enumerate(value if isinstance(value, list) else [value], start=1):
        yield number, row, ""


def _csv_rows(file: BinaryIO, how: Look) -> Generator[Row, None, None]:
    csv.field_size_limit(_LARGEST_CELL)
    with how.text(file, "") as text:
        yield from _table_rows(csv.reader(text, delimiter=how.delimiter))


def _table_rows(reader: Any) -> Generator[Row, None, None]:
    header: list[str] = []
    before = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield before + 1, None, f"not valid CSV: {error}"
            return
        line, before = before + 1, reader.line_num
        if not any(cells):
            continue
        if not header:
            header = _names(cells)
        elif len(cells) != len(header):
            yield line, None, f"{'more' if len(cells) > len(header) else 'fewer'} cells than the header"
        elif any("\udc80" <= character <= "\udcff" for character in "".join(cells)):
            yield line, None, "broken characters"
        else:
            yield line, dict(zip(header, map(_value, cells), strict=True)), ""


def _names(cells: list[str]) -> list[str]:
    """Column names that differ; a column without one is called by its number."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = cell.strip() or f"column_{number}"
        names.append(name if name not in names else f"{name}_{number}")
    return names


def _value(cell: str) -> Any:
    """A cell that holds JSON text, or the word null, as its value; anything else stays text."""
    if cell == "null":
        return None
    if cell[:1] in ("{", "["):
        try:
            return orjson.loads(cell)
        except ValueError:
            return cell
    return cell
