"""Whether a pair passes a filter, asked of the pair itself and not of the database.

A rule of a recipe looks at pairs before they are in the store. It says there what
the same text says in the store's views (`ftui.store.views`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from ftui.store.filters import Term
from ftui.store.folding import fold
from ftui.store.pair import Decision

_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
}


class Subject(Protocol):
    """What a filter looks at.

    Attributes:
        words: the folded text of all messages (`ftui.store.pair.search_text`).
        source_name: "" where it has no source.
        made: its template and the kind of its phrasing, in lower case.
    """

    @property
    def words(self) -> str: ...
    @property
    def tokens(self) -> int: ...
    @property
    def flags(self) -> Collection[str]: ...
    @property
    def kind(self) -> str: ...
    @property
    def source(self) -> int | None: ...
    @property
    def source_name(self) -> str: ...
    @property
    def fact(self) -> str: ...
    @property
    def made(self) -> Collection[str]: ...
    @property
    def decision(self) -> Decision: ...
    @property
    def edited(self) -> bool: ...


def made_of(origin: Mapping[str, Any]) -> tuple[str, ...]:
    """What `made:` finds in where a pair comes from."""
    found = (origin.get("template"), origin.get("phrasing"))
    return tuple(_lower(value) for value in found if isinstance(value, str))


def _lower(text: str) -> str:
    """Lower case as SQLite knows it, of A to Z."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


@dataclass(frozen=True)
class Matcher:
    """The terms of a filter, each a test of a pair. A source that nobody knows has no pairs.

    Attributes:
        terms: without `dropped`, which asks for what is no pair.
    """

    terms: tuple[Term, ...]

    @cached_property
    def _tests(self) -> list[tuple[Callable[[Subject], bool], bool]]:
        # What is cheap to look at comes first: most pairs need no more.
        ordered = sorted(self.terms, key=lambda term: (term.key == "", term.key == "tokens"))
        return [(_test(term), term.wanted) for term in ordered if term.key or fold(term.value)]

    def fits(self, subject: Subject) -> bool:
        """Whether a pair has all that the filter asks for."""
        return all(test(subject) is wanted for test, wanted in self._tests)


def first_fit(matchers: Iterable[tuple[str, Matcher]], subject: Subject) -> str | None:
    """The name of the first filter that a pair passes, None for no one."""
    return next((name for name, matcher in matchers if matcher.fits(subject)), None)


def _test(term: Term) -> Callable[[Subject], bool]:
    value = term.value
    match term.key:
        case "":
            word = fold(value)
            return lambda subject: word in subject.words
        case "is":
            if value in ("domain", "general"):
                return lambda subject: subject.kind == value
            if value == "edited":
                return lambda subject: subject.edited
            if value == "flagged":
                return lambda subject: bool(subject.flags)
            decision = Decision[value.upper()]
            return lambda subject: subject.decision is decision
        case "flag":
            flag = value.lower()
            return lambda subject: flag in subject.flags
        case "tokens":
            sign, number = term.number()
            compare = _COMPARISONS[sign]
            return lambda subject: compare(subject.tokens, number)
        case "fact":
            return lambda subject: subject.fact.startswith(value)
        case "made":
            made = value.lower()
            return lambda subject: made in subject.made
        case "source":
            part = fold(value)
            return lambda subject: (
                subject.source is not None and (str(subject.source) == value or part in fold(subject.source_name))
            )
        case key:
            raise AssertionError(f"{key}: is not asked of pairs")
