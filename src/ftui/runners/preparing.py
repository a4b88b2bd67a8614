"""All records through the recipe into pairs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
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
    from ftui.prepare.tally import Tally
    from ftui.train import target

    recipe = project.load(store)
    sources = store.sources.all()
    names = {source.id: source.name for source in sources}
    tags = {source.id: source.tag for source in sources}
    total, read, tally = store.records.count(), dict[str, int](), Tally()

    def records(tag: str) -> Iterator[dict[str, Any]]:
        read[tag] = 0
        for record in store.records.iterate():
            if tags.get(record["source"], "domain") == tag:
                read[tag] += 1
                yield record

    pairs, dropped, new = list[NewPair](), list[NewDropped](), 0
    limit = target.of(store).limit(recipe.tokens.most)
    written = project.written(store, recipe).get
    steps = prepare.prepare_all(
        lambda: records("domain"), recipe, records("general"), sources=names, written=written, limit=limit
    )
    with store.pairs.replacing() as replacing, closing(steps):
        for item in steps:
            if isinstance(item, prepare.Step):
                yield Progress(item.records, total, "records", text=item.doing)
                await asyncio.sleep(PAUSE)
                continue
            tally.take(item)
            if isinstance(item, prepare.Dropped):
                dropped.append(NewDropped(item.record, item.url, item.reason, item.detail))
            else:
                pairs.append(_new(item))
            if len(pairs) + len(dropped) >= BATCH:
                new += replacing.put(pairs)
                replacing.drop(dropped)
                pairs, dropped = [], []
                yield Progress(sum(read.values()), total, "records", text=f"{tally.pairs:,} pairs")
                await asyncio.sleep(PAUSE)
        new += replacing.put(pairs)
        replacing.drop(dropped)
        removed = replacing.finish()
    yield Progress(total, total, "records", text=f"{tally.pairs:,} pairs")
    counts = {"records": sum(read.values()), "pairs": store.pairs.counts().total, "new": new, "removed": removed}
    yield Result(counts | tally.as_dict())


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
