"""Where in a record's text a passage stands, also when the passage was cleaned or the text was changed since."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import islice
from typing import NamedTuple

LOOKED_AT = 60_000
"""Characters of a text in which the closest passage is looked for."""
ALL_WORDS = 0.99
"""How alike a passage is that holds all words, written otherwise or in another order."""
ALIKE = 0.6
"""Share of the words of a passage that another one must hold to be taken for it."""
_WORD = re.compile(r"\w+")
_SPACE = re.compile(r"\s+")
_GAP = re.compile(r"(?:\s|\\[nrtf]|\\u00(?:0b|1[c-f]))+")
"""Between two words in the text of JSON."""


class Place(NamedTuple):
    """Attributes:
    start, stop: characters of the text.
    alike: 1 where the words are the same one by one, else the share of them that is there, `ALL_WORDS` at most.
    """

    start: int
    stop: int
    alike: float


def find(text: str, passage: str) -> Place | None:
    """The place of a passage, of the closest one otherwise; None where nothing is close.

    In a text that is JSON the passage may stand as it is written there: `\\n` for the end of a line, `\\"`.
    """
    found = _exact(text, passage, _SPACE)
    if found is None and "\\" in text:
        found = _exact(text, json.dumps(passage, ensure_ascii=False)[1:-1], _GAP)
    return found or _closest(text[:LOOKED_AT], passage)


def _exact(text: str, passage: str, gap: re.Pattern[str]) -> Place | None:
    """The place of the same words one by one, with any of `gap` between them.

    All gaps are made one space and the words looked for as they are, which takes time by the length of the text: an
    expression of all words would begin anew at every place, for ever where a long text repeats itself.
    """
    wanted, words = _words(passage, gap), _words(text, gap)
    at = words.find(wanted)
    if not wanted or at < 0:
        return None
    return Place(_before(text, words, at, gap), _before(text, words, at + len(wanted) - 1, gap) + 1, 1.0)


def _words(text: str, gap: re.Pattern[str]) -> str:
    """The words with one space between them."""
    if gap is _GAP:
        # Quicker than the expression, which is left for what is rare.
        for mark in ("\\n", "\\r", "\\t", "\\f"):
            text = text.replace(mark, " ")
        if "\\u00" in text:
            text = gap.sub(" ", text)
    return " ".join(text.split())


def _before(text: str, words: str, at: int, gap: re.Pattern[str]) -> int:
    """Where in `text` the character stands that is at `at` in its words."""
    gaps = words.count(" ", 0, at) + bool(gap.match(text))
    start = next(islice(gap.finditer(text), gaps - 1, None)).end() if gaps else 0
    return start + at - (words.rfind(" ", 0, at) + 1)


def _closest(text: str, passage: str) -> Place | None:
    """The stretch, a little longer than the passage, with the most words in common with it."""
    wanted = Counter(word.lower() for word in _WORD.findall(passage))
    size = wanted.total()
    length = size + size // 4 + 2
    spots = [(match.start(), match.end(), match.group().lower()) for match in _WORD.finditer(text)]
    missing, common, best, last = wanted.copy(), 0, 0, 0
    for place, (_, _, word) in enumerate(spots):
        if place >= length:
            gone = spots[place - length][2]
            if gone in wanted:
                missing[gone] += 1
                common -= missing[gone] > 0
        if word in wanted:
            common += missing[word] > 0
            missing[word] -= 1
        if common > best:
            best, last = common, place
    if not size or best / size < ALIKE:
        return None
    stretch = spots[max(last - length + 1, 0) : last + 1]
    surplus = Counter(word for _, _, word in stretch)
    surplus.subtract(wanted)
    # What is not of the passage, or there too often, does not begin it.
    first = 0
    while surplus[stretch[first][2]] > 0:
        surplus[stretch[first][2]] -= 1
        first += 1
    return Place(stretch[first][0], stretch[-1][1], min(best / size, ALL_WORDS))
