"""A model writes what the recipe wants it to, within the money that a person gave; then pairs are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from ftui.connect import providers
from ftui.events import Event, Note, Progress, Result
from ftui.runners.preparing import prepare_pairs
from ftui.store import Store
from ftui.store.tasks import Task
from ftui.units import dollars

if TYPE_CHECKING:
    from ftui.prepare import Cleaner
    from ftui.prepare.shelf import Shelf
    from ftui.prepare.writing import Part

_EVERY = 500
"""Records between two signs of life while they are only read."""
_SECONDS = 300.0


async def write_and_prepare(store: Store, task: Task) -> AsyncGenerator[Event, None]:
    """Pairs of all records; first a model writes, where the recipe asks one."""
    written: Mapping[str, Any] = {}
    async with aclosing(write(store, task)) as events:
        async for event in events:
            if isinstance(event, Result):
                written = event.data
            else:
                yield event
    async with aclosing(prepare_pairs(store, task)) as events:
        async for event in events:
            yield Result({**event.data, "written": written}) if isinstance(event, Result) and written else event


async def write(store: Store, task: Task) -> AsyncGenerator[Event, None]:
    """What models are asked, without the pairs; about some records alone where the task names them.

    The money is reserved before the first request, and what is left of it is given back at the
    end, whatever the end is. After a kill the reservation stands until the task goes on or is stopped.
    """
    from ftui import prepare
    from ftui.prepare import project, writing
    from ftui.prepare.generate import generate
    from ftui.prepare.shelf import Shelf

    recipe = project.load(store)
    if not recipe.asks:
        return
    at_most = float(task.args.get("at_most") or 0.0)
    own = store.tasks.ledger(task.id)
    shelf = Shelf.of(own, store.tasks.written(but=task.id))
    cleaner = prepare.Cleaner(recipe)
    async for progress in _learn(store, cleaner):
        yield progress
    parts, totals = list[writing.Part](), list[int]()
    for part in writing.parts(store, recipe, cleaner, task.args.get("records") or ()):
        if not part.free and not at_most:
            yield Note(f"{part.name} was asked nothing: it costs, and no money was given for it", "warn")
            continue
        yield Progress(0, None, "requests", text="counting what there is to ask")
        parts.append(part)
        totals.append(_count(part, shelf))
        await asyncio.sleep(0)
    done = sum("key" in entry and not entry.get("again") for entry in own)
    total = done + sum(totals)
    result = {"requests": 0, "failed": 0, "items": 0, "cost": shelf.spent, "stopped": ""}
    if not sum(totals):
        yield Result(result)
        return
    names = " and ".join(part.name for part in parts)
    if not all(part.free for part in parts):
        store.money.reserve(f"Pairs written by {names}", writing.reference(task), at_most)
    yield Note(f"{names}: {sum(totals):,} requests, {dollars(at_most, up=True)} at most")
    try:
        for part, count in zip(parts, totals, strict=True):
            if not count:
                continue
            paid = None if part.free else (shelf.spent, at_most)
            yield _reaching(part, done, total, paid)
            async with await providers.client(part.provider, timeout=_SECONDS) as client:
                steps = generate(
                    part.asks(),
                    shelf,
                    client,
                    part.provider,
                    part.model,
                    price=part.price,
                    budget=at_most,
                    done=done,
                    total=total,
                )
                async with aclosing(steps):
                    async for event in steps:
                        if isinstance(event, Result):
                            result = _sum(result, event.data)
                        else:
                            yield event
            done += count
    finally:
        writing.settle(store, task, shelf)
    yield Result(result)


async def _learn(store: Store, cleaner: Cleaner) -> AsyncIterator[Progress]:
    from ftui.prepare import project

    if not cleaner.learns:
        return
    total = store.records.count()
    for number, record in enumerate(project.records(store), start=1):
        cleaner.learn(record)
        if number % _EVERY == 0:
            yield Progress(number, total, "records", text="looking for what a site repeats")
            await asyncio.sleep(0)


def _reaching(part: Part, done: int, total: int, paid: tuple[float, float] | None) -> Progress:
    """Before the first answer: a model on this machine may have to be loaded for it."""
    cost, at_most = paid or (None, None)
    text = f"waiting for {part.name}"
    return Progress(done, total, "requests", text=text, cost=cost, cost_at_most=at_most)


def _count(part: Part, shelf: Shelf) -> int:
    return len({ask.key for ask in part.asks() if ask is not None and not shelf.settled(ask.key)})


def _sum(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: one[name] + other[name] for name in ("requests", "failed", "items")}
    return {**counts, "cost": other["cost"], "stopped": one["stopped"] or other["stopped"]}
