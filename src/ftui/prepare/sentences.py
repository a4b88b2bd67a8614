"""Where sentences end, in whatever script."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Marks that end a sentence and need no space after them: of Chinese and Japanese, Hindi and its
# neighbours, Arabic and Urdu, Armenian, Ethiopic, Khmer, Burmese and Tibetan.
_FULL_STOPS = "。！？｡．।॥؟۔։።፧។៕။༎"
_CLOSING = "\"'”’»)\\]」』）】》"
_END = re.compile(rf"[.!?…]+[{_CLOSING}]*(?=\s|$)|[{_FULL_STOPS}]+[{_CLOSING}]*")
# Thai and Lao put a space where others put a full stop.
_SPACED = re.compile(r"(?<=[\u0e00-\u0eff]) +(?=[\u0e00-\u0eff])")
_WORD_BEFORE = re.compile(r"([^\W\d_]+(?:\.\s?[^\W\d_]+)*)\.$")
# Abbreviations that a name or a figure follows. Those before a small letter need no list.
_BEFORE_NAMES = frozenset("mr mrs ms dr prof st mme mlle dra sra г ул им просп пр".split())  # noqa: SIM905
_BEFORE_FIGURES = frozenset(
    "no nr fig abb art vol ch pp p ca bzw vgl approx tel núm pág рис см стр табл гл".split()  # noqa: SIM905
)


def ends(text: str) -> Iterator[int]:
    """The places right after the sentences of a text, in order; a doubtful one is left out.

    The end of a line ends a sentence as well where a list or a new paragraph goes on.
    """
    start, last = 0, -1
    for match in _END.finditer(text):
        places = [*_ends_of_lines(text, start, match.start()), *([match.end()] if _is_end(text, match) else [])]
        yield from (place for place in places if place != last)
        start, last = match.end(), places[-1] if places else last
    yield from (place for place in _ends_of_lines(text, start, len(text)) if place != last)


def cut(text: str, limit: int) -> str:
    """The longest run of whole sentences from the start with fewer than `limit` characters.

    "" when the first sentence is already too long.
    """
    if len(text) < limit:
        return text
    # The end of a sentence hangs on little of what follows: the rest of a long text is not looked at.
    head = text[: limit + 80]
    end = 0
    for place in ends(head):
        if place >= limit:
            break
        end = place
    if not end:
        end = max((match.start() for match in _SPACED.finditer(head[:limit])), default=0)
    return text[:end].rstrip()


def _is_end(text: str, match: re.Match[str]) -> bool:
    following = text[match.end() : match.end() + 40].lstrip()
    if following[:1].islower() and match.group()[0] not in _FULL_STOPS:
        return False  # "e.g. this"
    if match.group() != ".":
        return True
    word = _WORD_BEFORE.search(text, max(0, match.start() - 40), match.start() + 1)
    if word is None or not following:
        return True
    last = re.split(r"[.\s]+", word.group(1))[-1].casefold()
    if len(last) == 1 or last in _BEFORE_NAMES:  # "J. R. Smith", "z. B. Berlin"
        return False
    return not (last in _BEFORE_FIGURES and following[0].isdigit())


def _ends_of_lines(text: str, start: int, stop: int) -> Iterator[int]:
    place = text.find("\n", start, stop)
    while place >= 0:
        line = text[text.rfind("\n", 0, place) + 1 : place].rstrip()
        if line and line[-1] not in ":：,，;" and not line.startswith("#"):
            following = text[place + 1 : place + 2]
            if following == "\n" or text[place + 1 : place + 3] in ("- ", "* ", "+ ", "• ") or following.isdigit():
                yield place
        place = text.find("\n", place + 1, stop)
