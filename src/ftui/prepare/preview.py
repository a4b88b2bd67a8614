"""What a recipe makes of a few records, before it makes it of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from typing import Any

from ftui.prepare import Cleaner, Step, prepare_in_steps
from ftui.prepare.asking import Ask, asks_of
from ftui.prepare.pair import Dropped, Pair
from ftui.prepare.recipe import Recipe
from ftui.prepare.template import Written, nothing_written


@dataclass(slots=True)
class Shown:
    """One record and what comes of it.

    Attributes:
        requests: what a model would be asked about it, as far as that has no answer yet.
    """

    record: int | None
    url: str
    title: str
    pairs: list[Pair] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    requests: list[Ask] = field(default_factory=list)


def always() -> bool:
    return True


def preview(
    records: Iterable[Mapping[str, Any]],
    recipe: Recipe,
    count: int,
    written: Written = nothing_written,
    cleaner: Cleaner | None = None,
    going: Callable[[], bool] = always,
) -> Iterator[Shown]:
    """The first `count` records with what `prepare` makes of them alone; no model is asked, no general pair mixed in.

    What was left out of all pages of a site comes last, as of no record.

    Args:
        going: asked before each record; where it says no, the rest is left out.

    Raises:
        InputError: a template of the recipe's own that cannot be used.
    """
    recipe = replace(recipe, mixture=replace(recipe.mixture, general=0.0))
    some, cleaner = list(islice(records, count)), cleaner or Cleaner(recipe)
    shown = {record.get("id"): _shown(record, recipe, written, cleaner) for record in some}
    wanted = takewhile(lambda _: going(), some)
    for item in prepare_in_steps(wanted, recipe, written=written, cleaner=cleaner, every=1):
        if isinstance(item, Step):
            continue
        of = shown.setdefault(item.record, Shown(item.record, item.url, ""))
        if isinstance(item, Pair):
            of.pairs.append(item)
        else:
            of.dropped.append(item)
    yield from shown.values()


def _shown(record: Mapping[str, Any], recipe: Recipe, written: Written, cleaner: Cleaner) -> Shown:
    title = str(record.get("title") or "")
    requests = [ask for ask in asks_of(record, recipe, cleaner) if written(ask.key) is None]
    return Shown(record.get("id"), str(record.get("url") or ""), title, requests=requests)
