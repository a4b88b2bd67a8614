"""Records become pairs, pairs become the files that are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ftui.prepare import fields, template
from ftui.prepare.dedupe import Seen
from ftui.prepare.mixture import mix
from ftui.prepare.pair import Dropped, Pair
from ftui.prepare.recipe import Recipe

__all__ = ["Dropped", "Pair", "Recipe", "prepare"]


def prepare(
    records: Iterable[Mapping[str, Any]], recipe: Recipe, general: Iterable[Mapping[str, Any]] = ()
) -> Iterator[Pair | Dropped]:
    """Make pairs of records, one record at a time.

    Of every record of `records` something comes out: at least one pair, or exactly one `Dropped`
    of scope "record". What else of a record did not become a pair is a `Dropped` of
    scope "part". The general pairs come last.

    Args:
        records: each with `id`, `source`, `url`, `title` and `data`, a mapping of JSON values.
        recipe: what to make of them.
        general: records that are ordinary questions with their answers, to mix in.

    Raises:
        InputError: a template of the recipe's own that cannot be used.
    """
    seen = Seen()
    made = 0
    for record in records:
        pairs = 0
        dropped = list[Dropped]()
        for item in _of_record(record, recipe):
            if isinstance(item, Dropped):
                dropped.append(item)
            elif seen.add(item):
                pairs += 1
                yield item
            else:
                question = item.messages[-2]["content"]
                dropped.append(Dropped(item.record, item.url, "exact duplicate", question))
        if not pairs:
            first = dropped.pop(0)
            yield Dropped(first.record, first.url, first.reason, first.detail, "record")
        yield from dropped
        made += pairs
    for item in mix(made, recipe, template.system_message(recipe), general):
        if isinstance(item, Dropped) or seen.add(item):
            yield item


def _of_record(record: Mapping[str, Any], recipe: Recipe) -> Iterator[Pair | Dropped]:
    data = record.get("data")
    if not isinstance(data, Mapping):
        yield Dropped(record.get("id"), str(record.get("url") or ""), "not a record", "it has no fields")
    elif problem := fields.error(data):
        yield Dropped(record.get("id"), str(record.get("url") or ""), "error row", problem)
    else:
        yield from template.make(record, recipe)
