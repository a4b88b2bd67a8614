"""What can be read, and what a file is: found by looking into it.

Nothing here trusts a name: names only decide between formats that look the same.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import orjson

from ftui.collect.read_array import LISTS
from ftui.collect.read_bytes import LONGEST, NotData, Stream
from ftui.collect.read_json import Row

Format = Literal["json", "jsonl", "csv", "parquet", "html", "markdown", "text", "vtt", "srt", "pdf"]
SUFFIXES: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".vtt": "vtt",
    ".srt": "srt",
    ".pdf": "pdf",
}
READABLE = "JSON, JSONL, CSV, TSV, Parquet, HTML, Markdown, text, VTT, SRT and PDF, also as .gz or .zst"
PLACES: dict[Format, str] = {"json": "row", "parquet": "row", "pdf": "page"}
"""What is counted in a file; lines where it is not said."""

_HEAD = 256 * 1024
_DELIMITERS = (",", "\t", ";", "|")
_MAGIC = (
    (b"\x1f\x8b", "packed twice"),
    (b"\x28\xb5\x2f\xfd", "packed twice"),
    (b"PK\x03\x04", "a zip file or an office document"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BROKEN = re.compile("[\udc80-\udcff]+")
_BEYOND_ASCII = re.compile("[^\0-\x7f]+")
_ARRAY = re.compile(r"\[\s*[\[{\]\"\dtfn-]")
_ARRAY_OF_ROWS = re.compile(r"\[\s*[\[{\]]")
_LIST_MEMBER = re.compile(rf'"(?:{"|".join(LISTS)})"\s*:\s*\[\s*\{{')
_HTML = re.compile(r"<(?:!doctype html|html|head|body|title|meta|main|article|section|div|p|h[1-6])\b", re.IGNORECASE)
_SRT = re.compile(r"(?:\s*\d+\s*\n)?\s*\d+:\d\d:\d\d[,.]\d+\s*-->")
# Excel writes and reads it in front of the header.
_SAID = re.compile(r'"?sep=([,;|\t])"?\r?\n', re.IGNORECASE)
# Shares of rows with as many cells as the header that make text a table, by what the name says.
_LIKE_A_TABLE = {"csv": 0.5, "": 0.75, "text": 1.0}


@dataclass(frozen=True, slots=True)
class Look:
    """What a file is.

    Attributes:
        format: of its content, whatever its name is.
        encoding: of its text; `cp1252` where it is not UTF-8 and does not say what it is.
        delimiter: of a CSV file.
    """

    format: Format
    encoding: str = ""
    delimiter: str = ","


def look(stream: Stream) -> Look:
    """Find out what a file is. All of it can still be read.

    Raises:
        NotData: nothing that ftui can read.
        Cut, OSError: not even its beginning can be read.
    """
    head, is_whole = stream.head(_HEAD)
    if not head.strip(b"\0 \t\r\n"):
        raise NotData("empty" if not head.strip() else "nothing but NUL bytes")
    if head.startswith(b"PAR1"):
        return Look("parquet")
    named = SUFFIXES.get(stream.suffix)
    # Some programs write a line or two in front of it.
    if head.lstrip().startswith(b"%PDF-") or (named == "pdf" and b"%PDF-" in head[:1024]):
        return Look("pdf")
    for magic, name in _MAGIC:
        if head.startswith(magic):
            raise NotData(name)
    encoding = _encoding(head, is_whole)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head, is_whole)
    start = text.lstrip(" \t\r\n\0\ufeff")
    found = _structured(start, named, is_whole) or _marked_up(start, named)
    if found:
        return Look(found, encoding)
    delimiter = _delimiter(text, named, stream.suffix, is_whole)
    if delimiter:
        return Look("csv", encoding, delimiter)
    if "\0" in text:
        raise NotData("a binary file")
    if named in ("json", "jsonl", "csv", "parquet", "pdf"):
        raise NotData(f"text, not {named.upper()}")
    return Look("html" if named == "html" and _HTML.search(text) else "text", encoding)


def read(stream: Stream, how: Look) -> Iterator[Row]:
    """The rows of a file that was looked at. What a reader needs is loaded when the first such file comes.

    Raises:
        NotData: it is less than it looked like.
        Cut, OSError: the rest of it cannot be read.
    """
    if how.encoding and how.format != "html":
        head = stream.head(_HEAD)[0]
        stream.decode(how.encoding, "\r" if b"\r" in head and b"\n" not in head else "")
    match how.format:
        case "jsonl":
            from ftui.collect.read_json import read_lines

            return read_lines(stream)
        case "json":
            from ftui.collect.read_array import read_document

            return read_document(stream)
        case "csv":
            from ftui.collect.read_table import read_table

            return read_table(stream, how.delimiter)
        case "parquet":
            from ftui.collect.read_parquet import read_parquet

            return read_parquet(stream)
        case "pdf":
            from ftui.collect.read_pdf import read_pdf

            return read_pdf(stream)
        case "vtt" | "srt":
            from ftui.collect.read_transcript import read_transcript

            return read_transcript(stream, how.format)
        case _:
            from ftui.collect import read_pages

            return {"html": read_pages.read_html, "markdown": read_pages.read_markdown}.get(
                how.format, read_pages.read_text
            )(stream)


def _encoding(head: bytes, is_whole: bool) -> str:
    """What the text of a file is written in.

    Raises:
        NotData: it is no text.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    sample = head[:4096]
    if b"\0" in sample:
        for name, low in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[0::2])):
            # Text of the West has a zero in every second byte.
            if low.count(0) > 0.7 * len(low) and sample.count(0) < 0.6 * len(sample):
                return name
        # Zeros alone can stand among text and behind it: a file that was cut by a crash ends in them.
        if any(byte < 32 and byte not in b"\0\t\r\n\f" for byte in sample) or sample.startswith(b"\0"):
            raise NotData("a binary file")
    elif sum(byte < 32 and byte not in b"\t\r\n\f\b\x1b" for byte in sample) > len(sample) // 20:
        raise NotData("a binary file")
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(head, is_whole)
    broken = sum(len(run) for run in _BROKEN.findall(text))
    if not broken:
        return "utf-8"
    if b"\0" in sample:
        raise NotData("a binary file")
    # Broken rows among good ones are told from text that never was UTF-8 by what else is in it.
    return "utf-8" if len(text) - len(_BEYOND_ASCII.sub("", text)) > 2 * broken else "cp1252"


def _structured(start: str, named: Format | None, is_whole: bool) -> Format | None:
    is_prose = named in ("markdown", "text")
    if (_ARRAY_OF_ROWS if is_prose else _ARRAY).match(start):
        return "json"
    if start.startswith("{") and (not is_prose or re.match(r'\{\s*["}]', start)):
        return "jsonl" if _is_line(start, named, is_whole) else "json"
    if named == "jsonl" and any(_is_object(line) for line in start.split("\n")[:20]):
        return "jsonl"
    return None


def _marked_up(start: str, named: Format | None) -> Format | None:
    if start.startswith("WEBVTT"):
        return "vtt"
    if _SRT.match(start) or (named == "srt" and "-->" in start):
        return "srt"
    if named == "markdown":
        return "markdown"
    if start.startswith("<"):
        if _HTML.search(start[:65536]):
            return "html"
        if start.startswith("<?xml"):
            raise NotData("XML")
    return None


def _is_object(line: str) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except ValueError:
        return False


def _is_line(start: str, named: Format | None, is_whole: bool) -> bool:
    """Whether the first line is an object of its own, so that the next line can be another."""
    line, line_feed, rest = start.partition("\n")
    if _is_object(line):
        # One object alone can hold the rows in one of its members: only the name tells that it is a line.
        return named == "jsonl" or bool(rest.strip()) or not is_whole
    if not line_feed and not is_whole:
        return not _LIST_MEMBER.search(line)
    # A broken line in front of good ones.
    return rest.lstrip().startswith("{")


def _delimiter(text: str, named: Format | None, suffix: str, is_whole: bool) -> str:
    """The delimiter that splits the first rows into the same number of cells, at least two."""
    if not is_whole:
        text = text[: text.rfind("\n") + 1] or text
    if said := _SAID.match(text):
        return said[1]
    csv.field_size_limit(LONGEST)
    share = _LIKE_A_TABLE.get(named or "", 0.75)
    found: list[tuple[int, str]] = []
    for delimiter in _DELIMITERS:
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)][:50]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 0
        alike = sum(len(row) == width for row in rows)
        if width < 2 or not (alike > share * len(rows) or alike == len(rows)):
            continue
        if named == "csv" or (len(rows) > 1 and _is_header(rows[0])):
            found.append((width, delimiter))
    if found:
        return max(found, key=lambda item: item[0])[1]
    # One column has no delimiter to be known by; the name has to say that it is a table.
    return {".csv": ",", ".tsv": "\t"}.get(suffix, "")


def _is_header(cells: list[str]) -> bool:
    """Whether a first row reads as names of columns, not as a sentence with a comma in it."""
    return all(len(cell) < 100 and not cell.startswith(" ") for cell in cells)
