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
from ftui.units import plural

if TYPE_CHECKING:
    from ftui.prepare import Dropped, Pair, Step
    from ftui.prepare.tally import Tally

_LEARN, _MAKE, _SETTLE = 1, 5, 3
"""How long the passes over all records take beside each other, about."""
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
    domain = sum(store.records.count(source.id) for source in sources if source.tag == "domain")
    way = _Way(total, domain, learns=recipe.cleaning.boilerplate > 0)

    def records(tag: str) -> Iterator[dict[str, Any]]:
        read[tag] = 0
        if tag != "domain" and tag not in tags.values():
            return  # reading all records takes its time
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
                yield way.looked(item)
                await asyncio.sleep(PAUSE)
                continue
            tally.take(item)
            if isinstance(item, prepare.Dropped):
                dropped.append(_dropped(item))
            else:
                pairs.append(_new(item))
            if len(pairs) + len(dropped) >= BATCH:
                new += replacing.put(pairs)
                replacing.drop(dropped)
                pairs, dropped = [], []
                yield way.settled(tally)
                await asyncio.sleep(PAUSE)
        new += replacing.put(pairs)
        replacing.drop(dropped)
        yield Progress(total, total, "records", text=plural(tally.pairs, "pair"))
        # What was made is there from here on: nothing can pause it between this and its result.
        removed = replacing.finish()
    counts = {"records": sum(read.values()), "pairs": store.pairs.counts().total, "new": new, "removed": removed}
    counts["kept"] = store.pairs.kept()
    yield Result(counts | tally.as_dict())


class _Way:
    """How far a preparation is: its passes over the records on one scale, that of all records.

    Args:
        domain: records that all passes look at.
        learns: whether there is a pass that looks for what a site repeats.
    """

    def __init__(self, total: int, domain: int, *, learns: bool) -> None:
        self._total = total
        self._whole = domain * (_LEARN * learns + _MAKE) + total * _SETTLE
        self._learnt = self._made = 0
        self._told = 0

    def looked(self, step: Step) -> Progress:
        """After some more records of a pass in which nothing is decided yet."""
        from ftui.prepare import LEARNING

        if step.doing == LEARNING:
            self._learnt = step.records
        else:
            self._made = max(self._made, step.records)
        return self._progress(0, step.doing)

    def settled(self, tally: Tally) -> Progress:
        """After some more pairs: of so many records it is known what became of them."""
        return self._progress(tally.with_pairs + tally.dropped.total(), plural(tally.pairs, "pair"))

    def _progress(self, settled: int, text: str) -> Progress:
        done = self._learnt * _LEARN + self._made * _MAKE + settled * _SETTLE
        # Records that come in meanwhile are looked at as well.
        self._told = max(self._told, min(done * self._total // max(self._whole, 1), self._total))
        return Progress(self._told, self._total, "records", text=text)


def _dropped(item: Dropped) -> NewDropped:
    """What did not become a pair as the store takes it."""
    return NewDropped(item.record, item.url, item.reason, item.detail, item.text, item.source, item.same, item.alike)


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
        stand_ins=[
            StandIn(each.record, each.url, each.question, each.similarity, each.source) for each in pair.stand_ins
        ],
        stands_for=pair.stands_for,
    )
