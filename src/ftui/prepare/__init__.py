"""Records become pairs, pairs become the files that are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ftui.prepare import fields, ready, replay, template
from ftui.prepare.check import checked
from ftui.prepare.cleaner import Cleaner
from ftui.prepare.dedupe import Made, Seen, Step, without_near
from ftui.prepare.mixture import LEFT_OUT, Weights, mix
from ftui.prepare.pair import Dropped, Pair, last_text
from ftui.prepare.recipe import Recipe
from ftui.prepare.ruling import Ruling
from ftui.prepare.template import Written, nothing_written

__all__ = ["Cleaner", "Dropped", "Pair", "Recipe", "Step", "prepare", "prepare_in_steps"]


def prepare(
    records: Iterable[Mapping[str, Any]],
    recipe: Recipe,
    general: Iterable[Mapping[str, Any]] = (),
    *,
    sources: Mapping[int, str] | None = None,
    written: Written = nothing_written,
    cleaner: Cleaner | None = None,
) -> Iterator[Pair | Dropped]:
    """Make pairs of records.

    Of every record of `records` something comes out: at least one pair, or exactly one `Dropped`
    of scope "record". What else of a record did not become a pair is a `Dropped` of
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
    for item in prepare_in_steps(records, recipe, general, sources=sources, written=written, cleaner=cleaner, every=0):
        if not isinstance(item, Step):
            yield item


def prepare_in_steps(
    records: Iterable[Mapping[str, Any]],
    recipe: Recipe,
    general: Iterable[Mapping[str, Any]] = (),
    *,
    sources: Mapping[int, str] | None = None,
    written: Written = nothing_written,
    cleaner: Cleaner | None = None,
    every: int = 200,
) -> Iterator[Pair | Dropped | Step]:
    """As `prepare`, with a `Step` after every so many records while nothing else comes yet."""
    with template.Maker(recipe, written) as maker:
        weights = Weights(recipe, sources or {})
        answered = replay.answered(general, recipe, template.system_message(recipe), written)
        finish = Finish(cleaner or Cleaner(recipe), Ruling(recipe, sources or {}))
        yield from _in_steps(records, recipe, answered, maker, weights, finish, every)


def _in_steps(
    records: Iterable[Mapping[str, Any]],
    recipe: Recipe,
    general: Iterable[Mapping[str, Any] | Dropped],
    maker: template.Maker,
    weights: Weights,
    finish: Finish,
    every: int,
) -> Iterator[Pair | Dropped | Step]:
    seen = Seen()
    made = (list(_of_record(record, recipe, maker, weights, finish)) for record in records)
    near, numbers = recipe.duplicates.near, recipe.duplicates.numbers
    settled: Iterable[Made | Step] = without_near(made, near, numbers=numbers, every=every) if near else made
    total = 0
    for items in settled:
        if isinstance(items, Step):
            yield items
            continue
        for item in _new(items, seen):
            total += isinstance(item, Pair)
            yield item
    for item in mix(total, recipe, template.system_message(recipe), general, weights):
        item = finish.of(item)
        if isinstance(item, Dropped) or seen.add(item):
            yield item
    yield from finish.cleaner.rest()


def _new(items: Made, seen: Seen) -> Iterator[Pair | Dropped]:
    """What came of one record, without the pairs that are there already."""
    pairs = 0
    dropped = list[Dropped]()
    for item in items:
        if isinstance(item, Dropped):
            dropped.append(item)
        elif seen.add(item):
            pairs += 1
            yield item
        else:
            dropped.append(Dropped(item.record, item.url, "exact duplicate", last_text(item.messages, "user")))
    if not pairs:
        first = dropped.pop(0)
        yield Dropped(first.record, first.url, first.reason, first.detail, "record")
    yield from dropped


def _of_record(
    record: Mapping[str, Any], recipe: Recipe, maker: template.Maker, weights: Weights, finish: Finish
) -> Iterator[Pair | Dropped]:
    data = record.get("data")
    if not isinstance(data, Mapping):
        yield Dropped(record.get("id"), str(record.get("url") or ""), "not a record", "it has no fields")
        return
    if problem := fields.error(data):
        yield Dropped(record.get("id"), str(record.get("url") or ""), "error row", problem)
        return
    record = finish.cleaner.record(record)
    whole = ready.make(record, recipe, (recipe.system or "").strip())
    told = set[tuple[str, str]]()
    for item in maker.make(record) if whole is None else [whole]:
        if isinstance(item, Dropped):
            yield item
            continue
        result = finish.of(item) if weights.uses(item) else _left_out(item)
        # The wordings of a fact share its fate: one of them stands for all.
        if isinstance(result, Pair) or (item.fact, result.reason) not in told:
            yield result
        if isinstance(result, Dropped):
            told.add((item.fact, result.reason))


@dataclass(frozen=True, slots=True)
class Finish:
    """The last steps of a pair: cleaned, held against the file rules and against those of the recipe."""

    cleaner: Cleaner
    ruling: Ruling

    def of(self, item: Pair | Dropped) -> Pair | Dropped:
        for step in (self.cleaner.pair, checked, self.ruling.pair):
            if isinstance(item, Dropped):
                break
            item = step(item)
        return item


def _left_out(pair: Pair) -> Dropped:
    return Dropped(pair.record, pair.url, LEFT_OUT, last_text(pair.messages, "user"))
