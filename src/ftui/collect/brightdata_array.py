"""Rows that come as one JSON array, in blocks, however long it is.

They are pushed in as they arrive and were written by a service, so a parser that is fed and
strict (ijson) does it. `read_array` pulls in files that anybody may have written, and goes on
behind what is broken in them.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from ftui.collect.brightdata_block import (
    BLOCK_BYTES,
    BLOCK_SECONDS,
    CUT,
    MARK,
    MOST_ROW_BYTES,
    MOST_ROWS,
    NOT_JSON,
    START,
    TOO_LONG,
    Block,
    Changed,
    Place,
)
from ftui.collect.brightdata_http import LostAnswer
from ftui.errors import ServiceError
from ftui.events import Failure

_LARGEST_ITEM = 2 * MOST_ROW_BYTES


async def items(chunks: AsyncIterator[bytes], after: Place, last_try: bool) -> AsyncGenerator[Block]:
    """The rows of one JSON array, each as it is complete; for the arguments see `brightdata_rows.blocks`."""
    import ijson

    found = ijson.sendable_list()
    parser = ijson.items_coro(found, "item")
    reader = _Items(after)
    broken = ""
    try:
        async with aclosing(_larger(chunks)) as pieces:
            async for piece in pieces:
                try:
                    parser.send(piece)
                except ijson.JSONError as error:
                    broken = str(error).partition("\n")[0].strip() or NOT_JSON
                for block in reader.take(found, len(piece)):
                    yield block
                del found[:]
                if broken:
                    break
    except (LostAnswer, ServiceError):
        for block in reader.flush():
            yield block
        raise
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
        yield Block([Failure(f"row {number:,} and what follows", CUT if broken == CUT else NOT_JSON)], place)


async def _larger(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Fewer and larger pieces, without the mark: the parser reads a long text anew with each piece of it."""
    waiting, size, told, is_first = list[bytes](), 0, time.monotonic(), True
    lost: LostAnswer | None = None
    try:
        async for chunk in chunks:
            waiting.append(chunk.removeprefix(MARK) if is_first else chunk)
            is_first = False
            size += len(chunk)
            if size >= BLOCK_BYTES or time.monotonic() - told > BLOCK_SECONDS:
                yield b"".join(waiting)
                waiting, size, told = [], 0, time.monotonic()
    except LostAnswer as error:
        lost = error
    if waiting:
        yield b"".join(waiting)
    if lost is not None:
        raise lost


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
            if self._size >= BLOCK_BYTES or len(self._rows) >= MOST_ROWS:
                yield from self.flush()

    def finish(self) -> Iterator[Block]:
        """What is left."""
        if self.place.rows < self._after.rows:
            raise Changed
        yield from self.flush()

    def flush(self) -> Iterator[Block]:
        """What has come whole and is not yet in a block."""
        if self._rows:
            yield Block(self._rows, self.place)
        self._rows, self._size = [], 0


def _dump(item: Any) -> bytes:
    """One item as JSON. Its numbers with a point are decimals, for the parser takes whole ones of any length so."""
    import orjson

    try:
        return orjson.dumps(item, default=float)
    except TypeError:
        # A whole number beyond 64 bits.
        return json.dumps(item, default=float).encode()
