"""The rows in a body: lines of JSON or one JSON array, whichever comes, never the whole in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from ftui.collect import rows as meaning
from ftui.collect.brightdata_array import items
from ftui.collect.brightdata_block import BLANK, MARK, NOT_JSON, START, Block, Changed, Place
from ftui.collect.brightdata_lines import lines
from ftui.events import Failure, Record


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
        if len(first) >= len(MARK) and first.removeprefix(MARK).strip(BLANK):
            break
    if not first.removeprefix(MARK).strip(BLANK):
        if after.rows:
            raise Changed
        return
    is_array = first.removeprefix(MARK).lstrip(BLANK).startswith(b"[")
    if after.rows and is_array == bool(after.at):
        # The last time it came in the other form.
        raise Changed
    read = items if is_array else lines
    async with aclosing(read(_from(first, chunks), after, last_try)) as found:
        async for block in found:
            yield block


async def _from(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk


def events_of(rows: Sequence[bytes | Failure], first: int) -> list[Record | Failure]:
    """The events for the rows of a block.

    Args:
        first: the number of its first row, from 1, for failures that name no input.
    """
    import orjson

    events: list[Record | Failure] = []
    for number, row in enumerate(rows, first):
        if isinstance(row, Failure):
            events.append(row)
            continue
        try:
            data = orjson.loads(row)
        except ValueError:
            events.append(Failure(f"row {number:,}", NOT_JSON))
            continue
        if not isinstance(data, dict) or not data or meaning.error_of(data):
            events.append(meaning.to_event(data, "", f"row {number:,}"))
            continue
        key = meaning.key_of(data) or f"#{meaning.digest(row)}"
        url = data.get("url")
        # Two rows of one product (another shop, another seller) are two records.
        events.append(Record(key, url if isinstance(url, str) else "", meaning.title_of(data), data, True))
    return events
