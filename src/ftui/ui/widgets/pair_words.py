"""The words of the filter over pairs: what each means, and what can stand behind it in this project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual.suggester import Suggester

from ftui.store import Store
from ftui.store.filters import STATES
from ftui.store.folding import fold
from ftui.ui.text import Row, Span, count, plain, width_of

WORDS = (
    ('lid "lid sensor"', "holds all of it, in any case"),
    ('"a 5"" lid"', 'two quotes within stand for one "'),
    ("-manual", "does not; - turns any word here round"),
    ("is:pending", "accepted, rejected, edited, flagged …"),
    ("is:kept", "the recipe no longer makes it"),
    ("is:domain", "or is:general, what is mixed in"),
    ("flag:short", "carries the flag"),
    ("source:pages", "a part of its name, or its number"),
    ("tokens:>500", "also <, >=, <= and a plain number"),
    ("made:noise", "by its template or its phrasing"),
    ("fact:…", "all phrasings of a fact; s shows it"),
    ("pair:12", "the pair of this number"),
    ("edited", "changed by you"),
    ("dropped", "did not become a pair"),
    ("dropped:short", "for this reason"),
)
"""An example of each word, with its meaning on one line."""

_LAST = re.compile(r'(?:^|\s)-?(is|flag|source|dropped):("?)([^"]*)$', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Known:
    """What there is in a project to filter by, each with its count, most first."""

    flags: Sequence[tuple[str, int]] = ()
    sources: Sequence[tuple[str, int]] = ()
    reasons: Sequence[tuple[str, int]] = ()

    @staticmethod
    def of(store: Store) -> Known:
        """Reads counts: for a thread."""
        return Known(store.pairs.flags(), store.pairs.by_source(), store.pairs.dropped())

    def fitting(self, text: str) -> list[tuple[str, int | None]]:
        """What can follow where the text ends in `flag:` and the like, as far as it is typed; [] elsewhere."""
        key, _, typed = _end(text)
        lists = {"flag": self.flags, "source": self.sources, "dropped": self.reasons}
        if key == "is":
            entries: list[tuple[str, int | None]] = [(state, None) for state in STATES]
        else:
            entries = list(lists.get(key, ()))
        return [(name, number) for name, number in entries if fold(typed) in fold(name)]


def _end(text: str) -> tuple[str, str, str]:
    """(key, quote, what is typed behind it) of the term that is being typed, "" three times for others."""
    match = _LAST.search(text)
    if match is None or (not match[2] and " " in match[3]):
        return "", "", ""
    return match[1].lower(), match[2], match[3]


def note_rows(known: Known, text: str, width: int) -> Row | None:
    """What can follow, with counts, in `width` cells; None where that is no question."""
    key, _, typed = _end(text)
    found = known.fitting(text)
    if not key or (not found and typed):
        return None
    if not found:
        return (Span(plain(f"no pair has a {key} here" if key != "dropped" else "nothing was dropped", width), "dim"),)
    spans: list[Span] = []
    for name, number in found:
        more = [Span(" · " if spans else "", "dim"), Span(plain(name))]
        more += [Span(f" {count(number)}", "dim")] if number is not None else []
        if width_of(spans) + width_of(more) > width - 2:
            return (*spans, Span(" …", "dim"))
        spans += more
    return tuple(spans)


class Completing(Suggester):
    """Completes the flag, source, state or reason that is being typed; the right arrow takes it."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.known = Known()

    async def get_suggestion(self, value: str) -> str | None:
        """The whole line with the first that begins with what is typed."""
        _, quote, typed = _end(value)
        return next(self._lines(value, quote, typed), None)

    def _lines(self, value: str, quote: str, typed: str) -> Iterator[str]:
        for name, _ in self.known.fitting(value):
            # A name of several words needs quotes; a part of it is enough without.
            name = name if quote else name.split()[0]
            if name.startswith(typed) and name != typed and '"' not in name:
                yield value + name[len(typed) :] + quote
