"""The rules of a recipe: pairs that are not made because a filter of the recipe fits them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

from ftui.prepare.pair import Dropped, Pair, last_text
from ftui.prepare.recipe import Recipe
from ftui.store.filters import rule
from ftui.store.matching import Matcher, first_fit, made_of
from ftui.store.pair import Decision, search_text

_SHOWN = 200


class Ruling:
    """The rules of one recipe.

    Args:
        sources: the sources' names by their number.
    """

    def __init__(self, recipe: Recipe, sources: Mapping[int, str]) -> None:
        self._matchers = [(text, Matcher(rule(text))) for text in recipe.rules.reject]
        self._sources = sources

    def pair(self, pair: Pair) -> Pair | Dropped:
        """The pair, or by which rule it falls."""
        if not self._matchers:
            return pair
        text = first_fit(self._matchers, NewSubject(pair, self._sources.get(pair.source or 0, "")))
        if text is None:
            return pair
        return pair.lost(f"rule: {text}", last_text(pair.messages, "user")[:_SHOWN])


class NewSubject:
    """A pair that is just being made, as a `matching.Subject`; what takes time is worked out when a rule asks."""

    decision = Decision.PENDING
    edited = False

    def __init__(self, pair: Pair, source_name: str) -> None:
        self._pair = pair
        self.source_name = source_name

    @cached_property
    def words(self) -> str:
        return search_text(self._pair.messages)

    @cached_property
    def tokens(self) -> int:
        return self._pair.tokens

    @property
    def flags(self) -> Collection[str]:
        return self._pair.flags

    @property
    def kind(self) -> str:
        return self._pair.kind

    @property
    def source(self) -> int | None:
        return self._pair.source

    @property
    def fact(self) -> str:
        return self._pair.fact

    @cached_property
    def made(self) -> tuple[str, ...]:
        return made_of(self._pair.origin)
