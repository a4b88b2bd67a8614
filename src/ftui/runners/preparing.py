"""All records through the recipe into pairs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any

from ftui.events import Event, Progress, Result
from ftui.store import Store
from ftui.store.pairs import NewDropped, NewPair, StandIn
from ftui.store.tasks import Task

if TYPE_CHECKING:
    from ftui.prepare import Pair

BATCH = 500
PAUSE = 0.002
"""Between two batches, so that a person's key gets in."""


async def prepare_pairs(store: Store, _: Task) -> AsyncGenerator[Event, None]:
    from ftui import prepare
    from ftui.prepare import project

    recipe = project.load(store)
    sources = store.sources.all()
    tags = {source.id: source.tag for source in sources}
    total, read, made = store.records.count(), 0, 0

    def records(tag: str) -> Iterator[dict[str, Any]]:
        nonlocal read
        for record in store.records.iterate():
            if tags.get(record["source"], "domain") == tag:
                read += 1
                yield record

    cleaner = prepare.Cleaner(recipe)
    if cleaner.learns:
        for number, record in enumerate(records("domain"), start=1):
            cleaner.learn(record)
            if number % BATCH == 0:
                yield Progress(number, total, "records", text="looking for what a site repeats")
                await asyncio.sleep(PAUSE)
        read = 0
    pairs, dropped = list[NewPair](), list[NewDropped]()
    names = {source.id: source.name for source in sources}
    with store.pairs.replacing() as replacing:
        written = project.written(store, recipe).get
        steps = prepare.prepare_in_steps(
            records("domain"), recipe, records("general"), sources=names, written=written, cleaner=cleaner
        )
        for item in steps:
            if isinstance(item, prepare.Step):
                yield Progress(item.records, total, "records", text="looking for near-duplicates")
                await asyncio.sleep(PAUSE)
            elif isinstance(item, prepare.Dropped):
                dropped.append(NewDropped(item.record, item.url, item.reason, item.detail))
            else:
                pairs.append(_new(item))
                made += 1
            if len(pairs) + len(dropped) >= BATCH:
                replacing.put(pairs)
                replacing.drop(dropped)
                pairs, dropped = [], []
                yield Progress(read, total, "records", text=f"{made:,} pairs")
                await asyncio.sleep(PAUSE)
        replacing.put(pairs)
        replacing.drop(dropped)
        removed = replacing.finish()
    yield Progress(total, total, "records", text=f"{made:,} pairs")
    yield Result({"records": total, "made": made, "pairs": store.pairs.counts().total, "removed": removed})


def _new(pair: Pair) -> NewPair:
    """A pair as the store takes it."""
    from ftui.prepare.flags import risk

    return NewPair(
        messages=pair.messages,
        digest=pair.digest,
        source=pair.source,
        record=pair.record,
        url=pair.url,
        fact=pair.fact,
        kind=pair.kind,
        origin=pair.origin,
        tokens=pair.tokens,
        flags=pair.flags,
        risk=risk(pair.flags),
        stand_ins=[StandIn(each.record, each.url, each.question, each.similarity) for each in pair.stand_ins],
        stands_for=pair.stands_for,
    )
