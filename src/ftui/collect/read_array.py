"""JSON that is one value: an array of any size, or an object with one in it.

The standard library's `raw_decode` takes the array apart, value by value, as its text arrives. A
streaming parser (ijson) is as quick, but NaN, a number of 20 digits or a broken byte ends it, and
all rows behind it would be lost. Here a value that is broken is passed over by
its brackets, or up to the line that begins like its own, and the next one is read.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from ftui.collect.read_bytes import LONGEST, PIECE, Cut, NotData, Stream
from ftui.collect.read_json import BROKEN, CUT, LOOKED_AT, TOO_DEEP, TOO_LONG, Oddities, Row, is_storable

LISTS = ("data", "results", "items", "records", "rows", "entries", "products", "documents", "pages", "hits", "list")
"""Members of an object whose array holds the rows of the file."""
_CONVERSATIONS = ("messages", "conversations")
"""Members of a row in which people keep a conversation."""
_BYTES = re.compile("[\udc80-\udcff]")
# Up to the next bracket, comma or string that is not closed.
_BETWEEN = re.compile(r'[^"\[\]{},]*+(?:"(?:[^"\\]++|\\.)*+"[^"\[\]{},]*+)*+', re.DOTALL)
# The same where each row begins on a line of its own: there a string ends with its line at the latest.
_BETWEEN_IN_LINES = re.compile(r'[^"\[\]{},]*+(?:"(?:[^"\\\n]++|\\.)*+"[^"\[\]{},]*+)*+')
_ENDS_WELL = re.compile(r"\s*(?:,\s*(?:\{|\Z)|\]|\Z)")
_LIST = re.compile(r"\[[ \t\r\n]*(?:(\{)|[^ \t\r\n])|[^\[]")
_SPACE = re.compile(r"[ \t\r\n\ufeff\x00]*")


def read_document(stream: Stream) -> Iterator[Row]:
    """The rows of a file that is an array, an object, or several of these.

    An object is one row, unless a member called as in `LISTS`, or its only member, is an array
    of objects: then these are the rows. A conversation is one row, though it is such an array.
    Rows are counted from 1 in place of lines.

    Raises:
        NotData: an object that is too large to be a record.
    """
    return _Document(stream).rows()


class _Unusable(Exception):
    """A value that is no row; the message says why."""


class _Text:
    """The text of a file as it arrives, and the place in it."""

    def __init__(self, stream: Stream, odd: Oddities) -> None:
        self._stream, self._odd = stream, odd
        # Broken bytes travel as surrogates to the row that they belong to.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text, self._at, self._is_end = "", 0, False
        self._line_start: str | None = None

    def more(self) -> bool:
        """Read on; False at the end. What lies before the place is forgotten."""
        if self._is_end:
            return False
        left = self._text[self._at :]
        parts, size = [left], 0
        while size <= len(left) and not self._is_end:
            try:
                piece = self._stream.read()
            except Cut:
                # First what has arrived; the next call brings the cut again.
                if not size:
                    raise
                break
            self._is_end = not piece
            parts.append(self._decoder.decode(piece, self._is_end))
            size += len(piece)
        self._text, self._at = "".join(parts), 0
        return size > 0

    def peek(self) -> str:
        """The next character that is no space, "" at the end."""
        while True:
            begun, self._at = self._at, _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                line = self._text.rfind("\n", begun, self._at)
                self._line_start = None if line < 0 else self._text[line : self._at]
                return self._text[self._at]
            if not self.more():
                return ""

    def pass_over(self) -> None:
        """Go behind the character that `peek` gave."""
        self._at += 1

    def value(self, *, find_twins: bool = False) -> Any:
        """The value at the place.

        Raises:
            _Unusable: it is not one; the place stays in front of it.
        """
        decoder = self._odd.pairs_decoder if find_twins else self._odd.decoder
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # A cut shows at the very end, or as a string without one.
                if error.msg.startswith("Unterminated") or error.pos > len(self._text) - 16:
                    if len(self._text) - self._at > LONGEST:
                        raise _Unusable(TOO_LONG) from error
                    if self.more():
                        continue
                raise _Unusable(BROKEN) from error
            except RecursionError as error:
                raise _Unusable(TOO_DEEP) from error
            except ValueError as error:
                raise _Unusable("a number with too many digits") from error
            if end == len(self._text) and not isinstance(value, dict | list) and self.more():
                continue
            value = self._checked(value, self._at, end)
            self._at = end
            return value

    def _checked(self, value: Any, start: int, end: int) -> Any:
        if end - start > LONGEST:
            raise _Unusable(TOO_LONG)
        if is_storable(value):
            return value
        if _BYTES.search(self._text, start, end):
            raise _Unusable("broken characters")
        try:
            value = self._odd.mend(value)
        except RecursionError as error:
            raise _Unusable(TOO_DEEP) from error
        if not is_storable(value):
            raise _Unusable(TOO_DEEP)
        return value

    def is_list_of_objects(self) -> bool:
        """Whether an array that begins with an object stands at the place."""
        while not (found := _LIST.match(self._text, self._at)) and len(self._text) - self._at < PIECE and self.more():
            pass
        return bool(found and found[1])

    def skip_all(self) -> None:
        """Go to the end."""
        self._at = len(self._text)
        while self.more():
            self._at = len(self._text)

    def skip(self) -> None:
        """Go behind the value at the place by its brackets, to the next that begins a line like it, or to the end."""
        depth, line_start = 0, self._line_start
        if line_start == "\n" and self._text[self._at + 1 : self._at + 2] in ("\n", "\r"):
            # Lines without indentation: the parts of a row begin like the row.
            line_start = None
        between = _BETWEEN if line_start is None else _BETWEEN_IN_LINES
        while True:
            self._at = between.match(self._text, self._at).end()  # type: ignore[union-attr]
            char = self._text[self._at : self._at + 1]
            if char == '"' and line_start is not None and (end := self._text.find("\n", self._at)) > 0:
                self._at = end
                continue
            if char in ("", '"'):
                if char and len(self._text) - self._at > LONGEST:
                    self._shorten()
                if not self.more():
                    self._at = len(self._text)
                    return
                continue
            if depth == 0 and char in (",", "]"):
                return
            if depth > 0 and char == "{" and line_start and self._text.endswith(line_start, 0, self._at):
                return
            self._at += 1
            depth += (char in "[{") - (char in "]}")
            if depth <= 0 and char != ",":
                if line_start is None or _ENDS_WELL.match(self._text, self._at):
                    return
                # A bracket too many: only the line of the next row tells where this one ends.
                depth = sys.maxsize

    def _shorten(self) -> None:
        """Forget the inside of a string that does not end."""
        slashes = len(self._text) - len(self._text.rstrip("\\"))
        self._text, self._at = '"' + "\\" * (slashes % 2), 0


class _Document:
    def __init__(self, stream: Stream) -> None:
        self._odd = Oddities(stream)
        self._text = _Text(stream, self._odd)
        self._stream, self._number = stream, 0

    def rows(self) -> Iterator[Row]:
        while char := self._text.peek():
            if char == "[":
                self._text.pass_over()
                yield from self._elements()
            elif char == "{":
                self._text.pass_over()
                yield from self._object()
            elif char in ",]}":
                self._text.pass_over()
            else:
                yield self._row()

    def _row(self) -> Row:
        self._number += 1
        try:
            return self._number, self._text.value(find_twins=self._number <= LOOKED_AT), ""
        except _Unusable as error:
            return self._number, None, self._skipped(error)

    def _skipped(self, error: _Unusable) -> str:
        """Go behind a value that is no row; says why it is none."""
        self._text.skip()
        return CUT if str(error) == BROKEN and not self._text.peek() else str(error)

    def _elements(self) -> Iterator[Row]:
        while (char := self._text.peek()) != "]":
            if not char:
                yield self._number + 1, None, CUT
                return
            if char == ",":
                self._text.pass_over()
                continue
            row = self._row()
            yield row
            if row[2] == CUT:
                return
        self._text.pass_over()

    def _object(self) -> Iterator[Row]:
        members: dict[str, Any] = {}
        has_list, begun = False, self._stream.given
        while (char := self._text.peek()) != "}":
            if char == ",":
                self._text.pass_over()
                continue
            try:
                name = self._text.value()
                if not isinstance(name, str) or self._text.peek() != ":":
                    raise _Unusable(BROKEN)
                self._text.pass_over()
                self._text.peek()
                if name in LISTS and not has_list and self._text.is_list_of_objects():
                    has_list = True
                    self._odd.say(f"the rows are those of {name!r}")
                    self._text.pass_over()
                    yield from self._elements()
                elif has_list:
                    self._text.skip()
                else:
                    members[name] = self._text.value(find_twins=True)
            except _Unusable as error:
                if not has_list:
                    self._number += 1
                    yield self._number, None, self._skipped(error)
                self._text.skip_all()
                return
            if not has_list and self._stream.given - begun > 2 * LONGEST:
                raise NotData(f"an object {TOO_LONG} whose list is not called {', '.join(LISTS[:4])} or its like")
        self._text.pass_over()
        if has_list:
            return
        name, only = next(iter(members.items())) if len(members) == 1 else ("", None)
        if isinstance(only, list) and _are_rows(name, only):
            self._odd.say(f"the rows are those of {name!r}")
            for item in only:
                self._number += 1
                yield self._number, item, ""
        else:
            self._number += 1
            yield self._number, members, ""


def _are_rows(name: str, items: list[Any]) -> bool:
    """Whether the only member of an object holds rows; a conversation does not."""
    if not items or not all(isinstance(item, dict) for item in items):
        return False
    # A program that sends messages calls its rows so as well.
    return name not in _CONVERSATIONS or not all("role" in item or {"from", "value"} <= item.keys() for item in items)
