"""Where in a record's text a passage stands, also when the passage was cleaned or the text was changed since."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import NamedTuple

LOOKED_AT = 60_000
"""Characters of a text in which the closest passage is looked for."""
ALL_WORDS = 0.99
"""How alike a passage is that holds all words, written otherwise or in another order."""
ALIKE = 0.6
"""Share of the words of a passage that another one must hold to be taken for it."""
_WORD = re.compile(r"\w+")
_GAP = r"(?:\s|\\[nrtf]|\\u00(?:0b|1[c-f]))+"
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
    words = passage.split()
    if not words:
        return None
    found = re.search(r"\s+".join(map(re.escape, words)), text)
    if found is None and "\\" in text:
        found = re.search(_GAP.join(re.escape(_in_json(word)) for word in words), text)
    return Place(found.start(), found.end(), 1.0) if found else _closest(text[:LOOKED_AT], passage)


def _in_json(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)[1:-1]


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
