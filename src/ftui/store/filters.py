"""The language of the filter over pairs: words and a few keys.

    kettle "lid sensor"         both must be in it, in any case and any script
    -manual                     not in it
    is:pending                  pending, accepted, rejected, edited, flagged, kept, domain, general
    flag:short                  carries the flag
    source:pages  source:3      the source's name (a part is enough) or number
    tokens:>500  tokens:<20     also >=, <=, and a plain number
    fact:1f2e9c04               all phrasings of one fact, by its mark or the beginning of it
    made:noise                  how it came about: its template, or the kind of its phrasing
    pair:12                     the pair of this number, as duplicates name it
    dropped  dropped:duplicate  what did not become a pair, for a reason

`-` before any of them turns it round. Quotes make a phrase of words and take
the meaning from all signs within; two of them there stand for one. A key that
is not one of these is a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ftui.errors import InputError

ORDERS = ("order", "risk", "length", "source", "random")
STATES = ("pending", "accepted", "rejected", "edited", "flagged", "kept", "domain", "general")
KEYS = ("is", "flag", "source", "tokens", "fact", "made", "pair", "dropped")
NEW = ("domain", "general", "flagged")
"""States that a pair can be in before anybody has seen it."""
BARE = {"edited": ("is", "edited"), "dropped": ("dropped", "")}
"""Words that stand for a key with its value."""

_HEAD = re.compile(r"([A-Za-z]+):")
_QUOTED = re.compile(r'"((?:[^"]|"")*)(?:"|$)', re.DOTALL)
_NUMBER = re.compile(r"(>=|<=|>|<|=)?([0-9][0-9,_]*)")
_LONGEST = 1000
"""Characters of a filter: far below what SQLite takes, in words and in the length of one."""
_MOST = 1 << 62
"""More tokens than there can be, and a number that SQLite knows."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition.

    Attributes:
        key: one of `KEYS`, or "" for a word or phrase.
        value: what was written behind the key, without quotes.
        wanted: False where a `-` stood before it.
    """

    key: str
    value: str
    wanted: bool = True

    def number(self) -> tuple[str, int]:
        """The comparison and the number of `tokens:`, for example (">", 500)."""
        match = _NUMBER.fullmatch(self.value)
        assert match is not None, "checked when it was read"
        return match[1] or "=", min(int(re.sub("[,_]", "", match[2])), _MOST)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a view shows, and in which order.

    Attributes:
        text: in the language of this module; "" is all pairs.
        order: one of `ORDERS`: as they were made, the riskiest first, the longest first,
            by source, or at random.
        seed: of the random order; the same seed gives the same order.
        also: conditions that hold besides those of the text.
    """

    text: str = ""
    order: str = "order"
    seed: int = 0
    also: tuple[Term, ...] = ()

    def terms(self) -> tuple[Term, ...]:
        """The conditions, all of which must hold.

        Raises:
            InputError: says what is wrong, and what would be right.
        """
        return (*parse(self.text), *self.also)

    @property
    def dropped(self) -> bool:
        """Whether this asks for what did not become a pair.

        Raises:
            InputError: as `terms`.
        """
        return any(term.key == "dropped" for term in self.terms())

    @property
    def plain(self) -> bool:
        """Whether this is all pairs as they were made."""
        return self.order == "order" and not self.also and not self.text.strip()


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a filter; see `Filter.terms`."""
    if len(text) > _LONGEST:
        raise InputError(
            "The filter is too long", f"it has {len(text):,} characters", f"Write at most {_LONGEST:,} characters"
        )
    terms = tuple(_term(*parts) for parts in _split(text))
    if any(term.key == "dropped" for term in terms):
        for term in terms:
            if term.key not in ("", "dropped", "source"):
                raise InputError(
                    f"{term.key}: does not go with dropped:",
                    "what was dropped is no pair: it has words, a reason and a source",
                    f"Take {term.key}: or dropped: away",
                )
            if term.key == "dropped" and not term.wanted and not term.value:
                raise InputError("-dropped says nothing", "pairs are shown without it", "Take it away")
    return terms


def rule(text: str) -> tuple[Term, ...]:
    """The terms of a filter that says which new pairs are to be left out.

    Raises:
        InputError: as `parse`, or where it asks for what a new pair does not have.
    """
    terms = parse(text)
    for term in terms:
        if term.key in ("dropped", "pair") or (term.key == "is" and term.value not in NEW):
            said = write([term])
            raise InputError(
                f"{said} is no part of a rule",
                "a new pair has no number and was neither decided on nor edited, and the recipe makes it",
                "Take it away",
            )
    if not terms:
        raise InputError("A rule has to say something", "this one would leave out every pair", "For example flag:short")
    return terms


def write(terms: Iterable[Term]) -> str:
    """The text of terms: `parse` of it gives them again."""
    return " ".join(("" if term.wanted else "-") + _written(term) for term in terms)


def _written(term: Term) -> str:
    value, quoted = term.value, '"' + term.value.replace('"', '""') + '"'
    if term.key in BARE and not value:
        return term.key
    bare = value and not re.search(r'[\s"]', value)
    if not term.key:
        bare = bare and not value.startswith("-") and value.lower() not in BARE and not _HEAD.match(value)
        return value if bare else quoted
    return f"{term.key}:{value if bare else quoted}"


def _split(text: str) -> Iterator[tuple[bool, str, str, bool]]:
    """(wanted, key, value, quoted) of each term; a quote that is still open, as while typing, ends with the text."""
    place, end = 0, len(text)
    while place < end:
        if text[place].isspace():
            place += 1
            continue
        wanted = not (text[place] == "-" and place + 1 < end and not text[place + 1].isspace())
        place += not wanted
        key = ""
        head = _HEAD.match(text, place)
        if head and head[1].lower() in KEYS:
            key, place = head[1].lower(), head.end()
        quoted = place < end and text[place] == '"'
        if quoted:
            match = _QUOTED.match(text, place)
            assert match is not None, "what begins with a quote ends at the latest with the text"
            value, place = match[1].replace('""', '"'), match.end()
        else:
            start = place
            while place < end and not text[place].isspace():
                place += 1
            value = text[start:place]
        yield wanted, key, value, quoted


def _term(wanted: bool, key: str, value: str, quoted: bool) -> Term:
    if not key and not quoted and value.lower() in BARE:
        key, value = BARE[value.lower()]
    if key == "is":
        value = value.lower()
        if value not in STATES:
            raise InputError(f"is:{value} is not known", "a pair has no such state", f"Write is: with {either(STATES)}")
    elif key == "tokens":
        if not _NUMBER.fullmatch(value):
            raise InputError(
                f"tokens:{value} is no number of tokens", "it needs a number", "Write tokens:>500 or tokens:<20"
            )
    elif key == "pair":
        if not (value.isascii() and value.isdecimal() and len(value) <= 18):
            raise InputError(f"pair:{value} is no number of a pair", "it needs a number", "Write for example pair:12")
    elif key in ("flag", "source", "fact", "made") and not value:
        raise InputError(f"{key}: needs something behind it", "nothing follows the colon", _examples[key])
    return Term(key, value, wanted)


_examples = {
    "flag": "Write for example flag:short",
    "source": "Write the name or the number of a source",
    "fact": "Write the mark of a fact, as the source of a pair shows it",
    "made": "Write for example made:noise",
}


def either(words: Sequence[str]) -> str:
    """`one, two or three`."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
