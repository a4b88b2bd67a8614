"""Records become pairs, pairs become the files that are trained on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from ftui.prepare import crew, rendering, replay, template
from ftui.prepare.boilerplate import heard
from ftui.prepare.cleaner import Cleaner
from ftui.prepare.dedupe import BLOCK, Made, Packed, Seen, Shared, Step, pack, unpack, without_near
from ftui.prepare.limit import Limit
from ftui.prepare.making import Item, Making
from ftui.prepare.mixture import Weights, mix
from ftui.prepare.pair import Dropped, Pair, last_text
from ftui.prepare.recipe import Recipe
from ftui.prepare.template import Written, nothing_written

__all__ = ["Cleaner", "Dropped", "Pair", "Recipe", "Step", "prepare", "prepare_all", "prepare_in_steps"]

Records = Iterable[Mapping[str, Any]]
LEARNING = "looking for what a site repeats"
NOT_NEEDED = "not needed for the mixture"
"""Why a general record is in no pair: there are enough without it."""


def prepare(
    records: Records,
    recipe: Recipe,
    general: Records = (),
    *,
    sources: Mapping[int, str] | None = None,
    written: Written = nothing_written,
    cleaner: Cleaner | None = None,
) -> Iterator[Pair | Dropped]:
    """Make pairs of records.

    Of every record something comes out: at least one pair, or exactly one `Dropped` of scope
    "record". What else of a record did not become a pair is a `Dropped` of
    scope "part". The general pairs come last. Where the recipe looks for near-duplicates, all
    records are read before the first pair comes.

    Args:
        records: each with `id`, `source`, `url`, `title` and `data`, a mapping of JSON values.
        recipe: what to make of them.
        general: records that are ordinary questions with their answers, to mix in.
        sources: the sources' names by their number, for the weights and the rules of the recipe.
        written: what a model wrote about the records so far, by the key of each request.
        cleaner: of the same recipe, which has learnt from the records what stands on many
            pages of a site; without one no boilerplate is left out.

    Raises:
        InputError: a template of the recipe's own that cannot be used.
    """
    steps = prepare_in_steps(records, recipe, general, sources=sources, written=written, cleaner=cleaner)
    return (item for item in steps if not isinstance(item, Step))


def prepare_in_steps(
    records: Records,
    recipe: Recipe,
    general: Records = (),
    *,
    sources: Mapping[int, str] | None = None,
    written: Written = nothing_written,
    cleaner: Cleaner | None = None,
    limit: Limit | None = None,
    every: int = 200,
) -> Iterator[Pair | Dropped | Step]:
    """As `prepare`, with a `Step` after every so many records, or sooner, while nothing else comes yet."""
    with Making(recipe, sources, written, cleaner, limit) as making:
        packed = _packed(records, recipe, making, every)
        yield from _settled(packed, _Mixing(recipe, general, sources or {}, written, making.finished))
        yield from making.cleaner.rest()


def prepare_all(
    read: Callable[[], Records],
    recipe: Recipe,
    general: Records = (),
    *,
    sources: Mapping[int, str] | None = None,
    written: Written = nothing_written,
    limit: Limit | None = None,
    processes: int | None = None,
) -> Generator[Pair | Dropped | Step, None, None]:
    """As `prepare_in_steps`, with boilerplate left out and on several processors.

    What comes is the same, and in the same order, whatever the number of processes.

    Args:
        read: gives the records, the same ones each time; asked for twice where the recipe looks
            for boilerplate.
        limit: at which a row is cut; None for what the recipe says.
        processes: that make pairs beside this one; fewer than two are none. None for what fits the
            machine, and none for a few records.

    Raises:
        FtuiError: one of the processes was killed.
    """
    some = crew.processes() if processes is None else processes
    if some > 1 and processes is None and len(list(islice(read(), crew.FEW))) < crew.FEW:
        some = 0
    cleaner = Cleaner(recipe)
    if some < 2:
        if cleaner.learns:
            told = time.monotonic()
            for number, record in enumerate(read(), start=1):
                cleaner.learn(record)
                if number % 200 == 0 or time.monotonic() - told > crew.SIGN:
                    told = time.monotonic()
                    yield Step(number, LEARNING)
            cleaner.learnt()
        yield from prepare_in_steps(
            read(), recipe, general, sources=sources, written=written, cleaner=cleaner, limit=limit
        )
        return
    names = sources or {}
    with (
        tempfile.TemporaryFile(buffering=BLOCK) as file,
        crew.Crew(some, recipe, names, written, limit, file.fileno()) as workers,
    ):
        for _ in workers.started():
            yield Step(0, "starting")
        if cleaner.learns:
            number = 0
            for said in workers.said(read()):
                if said is not None:
                    number += said[0]
                    cleaner.count(heard(said[1]))
                yield Step(number, LEARNING)
            workers.recall(cleaner.learnt())
        packed = _of_crew(workers, read(), cleaner)
        mixing = _Mixing(recipe, general, names, written, workers.finished)
        yield from _settled(packed, mixing, Shared(file, workers.tokens))
    yield from cleaner.rest()


def _packed(records: Records, recipe: Recipe, making: Making, every: int) -> Iterator[Packed]:
    source, made = iter(records), list[Made]()
    size = 1
    while True:
        started = time.monotonic()
        some = making.of(islice(source, min(size, every - len(made))))
        made += some
        # Large ones come one by one: each of them may take a second.
        slow = time.monotonic() - started > crew.SIGN
        size = 1 if slow else min(2 * size, every)
        if made and (slow or not some or len(made) >= every):
            yield pack(made, recipe.duplicates.near)
            made = []
        if not some:
            return


def _of_crew(workers: crew.Crew, records: Records, cleaner: Cleaner) -> Iterator[Packed | None]:
    broken = list[str]()
    for batch in workers.make(records):
        if batch is None:
            yield None
            continue
        broken += batch.broken
        rendering.check_patience(broken)
        cleaner.note(batch.noted)
        yield batch.packed


class _Mixing(NamedTuple):
    """What general pairs are made of.

    Attributes:
        finished: cleans pairs and holds them against the rules.
    """

    recipe: Recipe
    general: Records
    sources: Mapping[int, str]
    written: Written
    finished: Callable[[Iterable[Item]], Iterator[Item]]


def _settled(packed: Iterable[Packed | None], mixing: _Mixing, shared: Shared | None = None) -> Iterator[Item | Step]:
    """What came of the records without duplicates, then the general pairs."""
    seen = Seen()
    total = 0
    for items in _without_near(packed, mixing.recipe, shared):
        if isinstance(items, Step):
            yield items
            continue
        pairs, dropped = _new(items, seen)
        total += len(pairs)
        yield from pairs
        yield from dropped
    yield from _mixed(total, mixing, seen)


def _mixed(total: int, mixing: _Mixing, seen: Seen) -> Iterator[Item]:
    """General pairs for so many of the domain, then why the other general records are none."""
    read, of, used = list[int | None](), list[int | None](), set[int | None]()
    without = dict[int | None, Dropped]()

    def noted() -> Iterator[Mapping[str, Any]]:
        for record in mixing.general:
            read.append(record.get("id"))
            of.append(record.get("source"))
            yield record

    recipe, system = mixing.recipe, template.system_message(mixing.recipe)
    answered = replay.answered(noted(), recipe, system, mixing.written)
    for item in mixing.finished(mix(total, recipe, system, answered, Weights(recipe, mixing.sources))):
        if isinstance(item, Pair) and seen.add(item):
            used.add(item.record)
            yield item
            continue
        if isinstance(item, Pair):
            item = _again(item)
        # A question that was asked without any record is a part of none.
        if item.record is None or item.record in without:
            yield replace(item, scope="part")
        else:
            without[item.record] = item
    for record, source in zip(read, of, strict=True):
        why = without.get(record) or Dropped(record, "", NOT_NEEDED, source=source)
        if record not in used:
            yield replace(why, scope="record")
        elif record in without:
            yield replace(why, scope="part")


def _again(pair: Pair) -> Dropped:
    return replace(pair.lost("exact duplicate", last_text(pair.messages, "user")), same=pair.digest)


def _without_near(packed: Iterable[Packed | None], recipe: Recipe, shared: Shared | None) -> Iterator[Made | Step]:
    near = recipe.duplicates.near
    if near:
        yield from without_near(packed, near, numbers=recipe.duplicates.numbers, shared=shared)
        return
    count = 0
    for some in packed:
        for items in unpack(some) if some is not None else ():
            yield items
            count += 1
        yield Step(count)


def _new(items: Made, seen: Seen) -> tuple[list[Pair], list[Dropped]]:
    """What came of one record, without the pairs that are there already."""
    pairs, dropped = list[Pair](), list[Dropped]()
    for item in items:
        if isinstance(item, Dropped):
            dropped.append(item)
        elif seen.add(item):
            pairs.append(item)
        else:
            dropped.append(_again(item))
    if not pairs:
        dropped[0] = replace(dropped[0], scope="record")
    return pairs, dropped
