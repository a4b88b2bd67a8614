"""The rows in a body, in blocks: lines of JSON or one JSON array, whichever comes, never the whole in memory.

A block knows its place, so that a download which was cut off goes on behind the last
block that was taken, after it has seen that what comes before it is what came then.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from ftui.collect import rows as meaning
from ftui.collect.brightdata_http import LostAnswer
from ftui.errors import ServiceError
from ftui.events import Failure, Record

MOST_ROW_BYTES = 32 * 1024 * 1024
MOST_ROWS = 1000
_BLOCK_BYTES = 1024 * 1024
_BLOCK_SECONDS = 0.5
_LARGEST_ITEM = 8 * MOST_ROW_BYTES
_BLANK = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"
TOO_LONG = f"longer than {MOST_ROW_BYTES // 1024 // 1024} MB"
CUT = "cut off in the middle"


class Changed(Exception):
    """What comes is not what came the last time, so that none of it may be passed over."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind a block.

    Attributes:
        at: bytes of the body, of lines; of an array it stays 0.
        rows: rows before this place.
        seal: a checksum of them.
    """

    at: int = 0
    rows: int = 0
    seal: int = 0


START = Place()


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows and the place behind them. A row is JSON as bytes; a Failure is one that cannot be read."""

    rows: Sequence[bytes | Failure]
    place: Place


async def blocks(
    chunks: AsyncIterator[bytes], after: Place = START, *, last_try: bool = False
) -> AsyncGenerator[Block]:
    """The blocks of a body behind a place.

    Args:
        last_try: a row that is cut off at the end is a failure, for it was so before as well.

    Raises:
        LostAnswer: the connection was cut, or the body ends in the middle of a row.
        Changed: the rows before `after` are others than they were.
    """
    first = b""
    async for chunk in chunks:
        first += chunk
        if len(first) >= len(_MARK) and first.removeprefix(_MARK).strip(_BLANK):
            break
    if not first.removeprefix(_MARK).strip(_BLANK):
        if after.rows:
            raise Changed
        return
    read = _array if first.removeprefix(_MARK).lstrip(_BLANK).startswith(b"[") else _lines
    async with aclosing(read(_from(first, chunks), after, last_try)) as found:
        async for block in found:
            yield block


async def _from(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk


async def _lines(chunks: AsyncIterator[bytes], after: Place, last_try: bool) -> AsyncGenerator[Block]:
    reader = _Lines(after)
    async for chunk in chunks:
        for block in reader.feed(chunk):
            yield block
    for block in reader.finish(last_try):
        yield block


class _Lines:
    """Cuts what comes into lines. Only a line feed ends one: texts hold other line separators."""

    def __init__(self, after: Place) -> None:
        self._after = after
        self._at, self._rows, self._seal = 0, 0, 0
        self._waiting: list[bytes] = []
        self._size = 0
        self._passing = False
        self._told = time.monotonic()

    def feed(self, chunk: bytes) -> Iterator[Block]:
        """The blocks that are complete with this chunk."""
        if self._at < self._after.at:
            chunk = self._pass_over(chunk)
        if not chunk:
            return
        self._waiting.append(chunk)
        self._size += len(chunk)
        if self._size >= _BLOCK_BYTES or time.monotonic() - self._told > _BLOCK_SECONDS:
            yield from self._cut()

    def finish(self, last_try: bool) -> Iterator[Block]:
        """The blocks that are left at the end of the body."""
        if self._at < self._after.at:
            raise Changed
        yield from self._cut()
        rest = b"".join(self._waiting)
        if self._passing:
            yield self._failed(b"", TOO_LONG)
        elif rest.strip(_BLANK):
            if _is_json(self._unmarked(rest)):
                yield self._block([rest], len(rest), rest)
            elif last_try:
                yield self._failed(rest, CUT)
            else:
                raise LostAnswer("the data ends in the middle of a row")

    def _pass_over(self, chunk: bytes) -> bytes:
        """Compare what was taken before, without reading it; gives what comes behind it."""
        known, rest = chunk[: self._after.at - self._at], chunk[self._after.at - self._at :]
        self._at += len(known)
        self._seal = zlib.crc32(known, self._seal)
        if self._at == self._after.at:
            if self._seal != self._after.seal:
                raise Changed
            self._rows = self._after.rows
        return rest

    def _cut(self) -> Iterator[Block]:
        self._told = time.monotonic()
        data = b"".join(self._waiting)
        if self._passing:
            end = data.find(b"\n") + 1
            if not end:
                self._keep(b"")
                self._count(data)
                return
            yield self._failed(data[:end], TOO_LONG)
            self._passing = False
            data = data[end:]
        end = data.rfind(b"\n") + 1
        self._keep(data[end:])
        lines = data[:end].split(b"\n")
        del lines[-1]
        start = 0
        for first in range(0, len(lines), MOST_ROWS):
            some = lines[first : first + MOST_ROWS]
            length = sum(map(len, some)) + len(some)
            yield self._block(some, length, memoryview(data)[start : start + length])
            start += length
        if self._size > MOST_ROW_BYTES:
            # What is longer than any row is passed over up to its end, and not kept meanwhile.
            self._passing = True
            self._count(b"".join(self._waiting))
            self._keep(b"")

    def _keep(self, rest: bytes) -> None:
        self._waiting = [rest] if rest else []
        self._size = len(rest)

    def _count(self, data: bytes | memoryview) -> None:
        self._at += len(data)
        self._seal = zlib.crc32(data, self._seal)

    def _block(self, lines: list[bytes], length: int, data: bytes | memoryview) -> Block:
        if self._at == 0:
            lines[0] = self._unmarked(lines[0])
        self._count(data)
        found: list[bytes | Failure] = [line for line in lines if line and not line.isspace()]
        if length > MOST_ROW_BYTES:
            for index, line in enumerate(found):
                if isinstance(line, bytes) and len(line) > MOST_ROW_BYTES:
                    found[index] = Failure(f"row {self._rows + index + 1:,}", TOO_LONG)
        self._rows += len(found)
        return Block(found, Place(self._at, self._rows, self._seal))

    def _failed(self, data: bytes, reason: str) -> Block:
        self._count(data)
        self._rows += 1
        return Block([Failure(f"row {self._rows:,}", reason)], Place(self._at, self._rows, self._seal))

    def _unmarked(self, line: bytes) -> bytes:
        return line.removeprefix(_MARK) if self._at == 0 else line


async def _array(chunks: AsyncIterator[bytes], after: Place, last_try: bool) -> AsyncGenerator[Block]:
    """The rows of one JSON array, each as it is complete."""
    import ijson

    items = ijson.sendable_list()
    parser = ijson.items_coro(items, "item", use_float=True)
    reader = _Items(after)
    broken = ""
    is_first = True
    async for chunk in chunks:
        try:
            parser.send(chunk.removeprefix(_MARK) if is_first else chunk)
        except ijson.JSONError as error:
            broken = str(error).splitlines()[0] if str(error) else "not valid JSON"
        is_first = False
        for block in reader.take(items, len(chunk)):
            yield block
        del items[:]
        if broken:
            break
    if not broken:
        try:
            parser.close()
        except ijson.JSONError:
            broken = CUT
    for block in reader.finish():
        yield block
    if broken and not last_try:
        raise LostAnswer(f"the data cannot be read on: {broken}")
    if broken:
        number = reader.place.rows + 1
        place = Place(0, number, reader.place.seal)
        yield Block([Failure(f"row {number:,} and what follows", CUT if broken == CUT else "not valid JSON")], place)


class _Items:
    """Puts the items of an array into blocks."""

    def __init__(self, after: Place) -> None:
        self._after = after
        self._rows: list[bytes | Failure] = []
        self._size = 0
        self._since = 0
        self.place = START

    def take(self, items: Sequence[Any], size: int) -> Iterator[Block]:
        """The blocks that are complete with these items, which came in `size` bytes."""
        self._since = 0 if items else self._since + size
        if self._since > _LARGEST_ITEM:
            raise ServiceError(
                "The snapshot cannot be read",
                f"row {self.place.rows + 1:,} is longer than {_LARGEST_ITEM // 1024 // 1024} MB",
                "Look at the job at brightdata.com/cp",
            )
        for item in items:
            line = _dump(item)
            self.place = Place(0, self.place.rows + 1, zlib.crc32(line, self.place.seal))
            if self.place.rows == self._after.rows and self.place.seal != self._after.seal:
                raise Changed
            if self.place.rows <= self._after.rows:
                continue
            long = len(line) > MOST_ROW_BYTES
            self._rows.append(Failure(f"row {self.place.rows:,}", TOO_LONG) if long else line)
            self._size += len(line)
            if self._size >= _BLOCK_BYTES or len(self._rows) >= MOST_ROWS:
                yield from self._flush()

    def finish(self) -> Iterator[Block]:
        """What is left."""
        if self.place.rows < self._after.rows:
            raise Changed
        yield from self._flush()

    def _flush(self) -> Iterator[Block]:
        if self._rows:
            yield Block(self._rows, self.place)
        self._rows, self._size = [], 0


def event_of(row: bytes | Failure, number: int) -> Record | Failure:
    """The event for one row.

    Args:
        number: of the row, from 1, for failures that name no input.
    """
    import orjson

    if isinstance(row, Failure):
        return row
    try:
        data = orjson.loads(row)
    except ValueError:
        return Failure(f"row {number:,}", "not valid JSON")
    if not isinstance(data, dict) or not data or meaning.error_of(data):
        return meaning.to_event(data, "", f"row {number:,}")
    url = data.get("url")
    # Two rows of one product (another shop, another seller) are two records.
    return Record(
        meaning.key_of(data) or f"#{meaning.digest(row)}",
        url if isinstance(url, str) else "",
        meaning.title_of(data),
        data,
        True,
    )


def _is_json(line: bytes) -> bool:
    import orjson

    try:
        orjson.loads(line)
    except ValueError:
        return False
    return True


def _dump(item: Any) -> bytes:
    import orjson

    try:
        return orjson.dumps(item)
    except TypeError:
        # A whole number beyond 64 bits.
        return json.dumps(item).encode()
