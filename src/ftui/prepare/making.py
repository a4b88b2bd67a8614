"""What is done to one record, whatever the others say: the part of a preparation that many processes share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from ftui.prepare import fields, ready, template
from ftui.prepare.check import checked
from ftui.prepare.cleaner import Cleaner
from ftui.prepare.dedupe import Made
from ftui.prepare.limit import Limit
from ftui.prepare.mixture import LEFT_OUT, Weights
from ftui.prepare.pair import Dropped, Pair, last_text
from ftui.prepare.recipe import Recipe
from ftui.prepare.ruling import Ruling
from ftui.prepare.template import Written, nothing_written

Item = Pair | Dropped


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

    def of(self, record: Mapping[str, Any]) -> Made:
        """What comes of a record: pairs, and the parts of it that did not become one.

        Raises:
            InputError: the recipe's own template cannot be used.
        """
        return list(self._of(record))

    def finished(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pairs cleaned, held against the file rules and against those of the recipe."""
        return map(self._finished, items)

    def _of(self, record: Mapping[str, Any]) -> Iterator[Item]:
        data = record.get("data")
        if not isinstance(data, Mapping):
            yield Dropped(record.get("id"), str(record.get("url") or ""), "not a record", "it has no fields")
            return
        if problem := fields.error(data):
            yield Dropped(record.get("id"), str(record.get("url") or ""), "error row", problem)
            return
        record = self.cleaner.record(record)
        whole = ready.make(record, self._recipe, self._system)
        told = set[tuple[str, str]]()
        for item in self._maker.make(record) if whole is None else [whole]:
            if isinstance(item, Dropped):
                yield item
                continue
            result = self._finished(item) if self._weights.uses(item) else _left_out(item)
            # The wordings of a fact share its fate: one of them stands for all.
            if isinstance(result, Pair) or (item.fact, result.reason) not in told:
                yield result
            if isinstance(result, Dropped):
                told.add((item.fact, result.reason))

    def _finished(self, item: Item) -> Item:
        for step in (self.cleaner.pair, checked, self._limit.pair, self._ruling.pair):
            if isinstance(item, Dropped):
                break
            item = step(item)
        return item


def _left_out(pair: Pair) -> Dropped:
    return Dropped(pair.record, pair.url, LEFT_OUT, last_text(pair.messages, "user"))
