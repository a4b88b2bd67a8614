"""Rows that come as lines of JSON, in blocks, however long the body is."""

from __future__ import annotations

import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from ftui.collect.brightdata_block import (
    BLANK,
    BLOCK_BYTES,
    BLOCK_SECONDS,
    CUT,
    MARK,
    MOST_ROW_BYTES,
    MOST_ROWS,
    TOO_LONG,
    Block,
    Changed,
    Place,
)
from ftui.collect.brightdata_http import LostAnswer
from ftui.events import Failure


async def lines(chunks: AsyncIterator[bytes], after: Place, last_try: bool) -> AsyncGenerator[Block]:
    """The rows of a body, one on each line; for the arguments see `brightdata_rows.blocks`."""
    reader = _Lines(after)
    try:
        async for chunk in chunks:
            for block in reader.feed(chunk):
                yield block
    except LostAnswer:
        for block in reader.complete():
            yield block
        raise
    for block in reader.finish(last_try):
        yield block


class _Lines:
    """Cuts what comes into lines. Only a line feed ends one: texts hold other line separators."""

    def __init__(self, after: Place) -> None:
        self._after = after
        self._at, self._rows, self._seal = 0, 0, 0
        # `_size` bytes since the last block or look for one; `_looked` chunks hold no end of a line.
        self._waiting: list[bytes] = []
        self._size, self._looked = 0, 0
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
        if self._size >= BLOCK_BYTES or time.monotonic() - self._told > BLOCK_SECONDS:
            yield from self._cut()

    def complete(self) -> Iterator[Block]:
        """The lines that have come whole, where no more will come."""
        if self._at >= self._after.at:
            yield from self._cut()

    def finish(self, last_try: bool) -> Iterator[Block]:
        """The blocks that are left at the end of the body."""
        if self._at < self._after.at:
            raise Changed
        yield from self._cut()
        rest = b"".join(self._waiting)
        if self._passing:
            yield self._failed(b"", TOO_LONG)
        elif rest.strip(BLANK):
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
        self._told, self._size = time.monotonic(), 0
        if not any(b"\n" in chunk for chunk in self._waiting[self._looked :]):
            self._looked = len(self._waiting)
            if self._passing or sum(map(len, self._waiting)) > MOST_ROW_BYTES:
                # What is longer than any row is passed over up to its end, and not kept meanwhile.
                self._passing = True
                for chunk in self._waiting:
                    self._count(chunk)
                self._keep(b"")
            return
        data = b"".join(self._waiting)
        if self._passing:
            end = data.find(b"\n") + 1
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

    def _keep(self, rest: bytes) -> None:
        self._waiting = [rest] if rest else []
        self._looked = len(self._waiting)

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
        return line.removeprefix(MARK) if self._at == 0 else line


def _is_json(line: bytes) -> bool:
    import orjson

    try:
        orjson.loads(line)
    except ValueError:
        return False
    return True
