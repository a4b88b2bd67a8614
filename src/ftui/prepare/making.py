"""What is done to one record, whatever the others say: the part of a preparation that many processes share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Self

from ftui.prepare import fields, ready, template
from ftui.prepare.check import checked
from ftui.prepare.cleaner import Cleaner
from ftui.prepare.dedupe import Made
from ftui.prepare.limit import Limit
from ftui.prepare.mixture import LEFT_OUT, Weights
from ftui.prepare.pair import Dropped, Pair, last_text, lost
from ftui.prepare.recipe import Recipe
from ftui.prepare.ruling import Ruling
from ftui.prepare.template import Written, nothing_written

Item = Pair | Dropped

AT_ONCE = 25
"""Records that go through the steps together."""


class Making:
    """Makes pairs of single records by one recipe; a context, since a template of one's own has a process.

    What comes of a record hangs on the recipe, on what the cleaner has learnt and on what a
    model wrote, and on no other record.
    """

    def __init__(
        self,
        recipe: Recipe,
        sources: Mapping[int, str] | None = None,
        written: Written = nothing_written,
        cleaner: Cleaner | None = None,
        limit: Limit | None = None,
    ) -> None:
        self.cleaner = cleaner or Cleaner(recipe)
        self._recipe = recipe
        self._maker = template.Maker(recipe, written)
        self._system = (recipe.system or "").strip()
        self._weights = Weights(recipe, sources or {})
        self._limit = limit or Limit(recipe.tokens.most)
        self._ruling = Ruling(recipe, sources or {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._maker.__exit__(kind, error, trace)

    @property
    def broken(self) -> Sequence[str]:
        """Why a record ran into a limit of the recipe's own template, one for each that did."""
        return self._maker.broken

    def of(self, records: Iterable[Mapping[str, Any]]) -> list[Made]:
        """What comes of each of some records: pairs, and the parts of it that did not become one.

        Raises:
            InputError: the recipe's own template cannot be used.
        """
        source = iter(records)
        made = list[Made]()
        while some := list(islice(source, AT_ONCE)):
            made += self._of(some)
        return made

    def finished(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pairs cleaned, held against the file rules and against those of the recipe."""
        return map(self._finished, items)

    def _of(self, records: Sequence[Mapping[str, Any]]) -> list[Made]:
        """The same, a step of all of them at a time: what a step needs stays in the cache of the
        processor, which makes it a third faster than a record at a time."""
        clean = list(map(self._clean, records))
        found = list(map(self._found, clean))
        wanted = [list(map(self._wanted, items)) for items in found]
        cleaned = [self._cleaned(items) for items in wanted]
        ruled = [list(map(self._ruled, items)) for items in cleaned]
        return list(map(_told_once, found, ruled))

    def _clean(self, record: Mapping[str, Any]) -> Mapping[str, Any] | Dropped:
        data = record.get("data")
        if not isinstance(data, Mapping):
            return lost(record, "not a record", "it has no fields")
        if problem := fields.error(data):
            return lost(record, "error row", problem)
        return self.cleaner.record(record)

    def _found(self, record: Mapping[str, Any] | Dropped) -> Made:
        if isinstance(record, Dropped):
            return [record]
        whole = ready.make(record, self._recipe, self._system)
        made = list(self._maker.make(record)) if whole is None else [whole]
        if len(made) == 1 and isinstance(made[0], Dropped) and made[0].reason in template.NOTHING:
            made[0] = ready.unanswered(record) or made[0]
        return made

    def _wanted(self, item: Item) -> Item:
        return item if isinstance(item, Dropped) or self._weights.uses(item) else _left_out(item)

    def _cleaned(self, items: Made) -> Made:
        """Of one record."""
        self.cleaner.begin()
        return [item if isinstance(item, Dropped) else self.cleaner.pair(item) for item in items]

    def _ruled(self, item: Item) -> Item:
        for step in (checked, self._limit.pair, self._ruling.pair):
            if isinstance(item, Dropped):
                break
            item = step(item)
        return item

    def _finished(self, item: Item) -> Item:
        return self._ruled(item if isinstance(item, Dropped) else self.cleaner.pair(item))


def _told_once(found: Made, results: Made) -> Made:
    """What comes of a record. The wordings of a fact share its fate: one of them stands for all."""
    if all(isinstance(result, Pair) for result in results):
        return results
    told = set[tuple[str, str]]()
    kept = Made()
    for item, result in zip(found, results, strict=True):
        if isinstance(item, Pair) and isinstance(result, Dropped):
            if (item.fact, result.reason) in told:
                continue
            told.add((item.fact, result.reason))
        kept.append(result)
    return kept


def _left_out(pair: Pair) -> Dropped:
    return pair.lost(LEFT_OUT, last_text(pair.messages, "user"))
