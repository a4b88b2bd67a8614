"""All records through the recipe into pairs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ftui.events import Event, Progress, Result
from ftui.store import Store
from ftui.store.pairs import NewPair
from ftui.store.tasks import Task

BATCH = 500
PAUSE = 0.002
"""Between two batches, so that a person's key gets in."""


async def prepare_pairs(store: Store, _: Task) -> AsyncIterator[Event]:
    from ftui import prepare
    from ftui.prepare import project, tokens

    recipe = project.load(store)
    tags = {source.id: source.tag for source in store.sources.all()}
    total, read, made = store.records.count(), 0, 0

    def records(tag: str) -> Iterator[dict[str, Any]]:
        nonlocal read
        for record in store.records.iterate():
            if tags.get(record["source"], "domain") == tag:
                read += 1
                yield record

    dropped = list[tuple[int | None, str, str, str]]()
    batch = list[NewPair]()
    with store.pairs.replacing() as replacing:
        for item in prepare.prepare(records("domain"), recipe, records("general")):
            if isinstance(item, prepare.Dropped):
                dropped.append((item.record, item.url, item.reason, item.detail))
            else:
                batch.append(
                    NewPair(
                        messages=item.messages,
                        digest=item.digest,
                        source=item.source,
                        record=item.record,
                        url=item.url,
                        fact=item.fact,
                        kind=item.kind,
                        origin=item.origin,
                        tokens=tokens.count_messages(item.messages),
                    )
                )
                made += 1
            if len(batch) >= BATCH:
                replacing.put(batch)
                batch.clear()
                yield Progress(read, total, "records", text=f"{made:,} pairs")
                await asyncio.sleep(PAUSE)
        replacing.put(batch)
        removed = replacing.finish()
    store.pairs.replace_dropped(dropped)
    yield Progress(total, total, "records", text=f"{made:,} pairs")
    yield Result({"records": total, "made": made, "pairs": store.pairs.counts().total, "removed": removed})
