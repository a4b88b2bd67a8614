"""Whether what a model wrote stands in the text that it was given.

This works in any script without a list of words: a claim is held against the text by its
numbers, its names and its longer words (pairs of characters where words are written
without spaces). It finds what was made up of nothing. It cannot find what was
put together wrongly out of words that are there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Thai, Lao, Burmese, Khmer, kana and the Chinese characters."""
_RUN = re.compile(rf"[{_UNSPACED}]+")
_NUMBER = re.compile(r"\d+(?:[.,٫٬ ’']\d+)*")
_LETTER = r"(?:[^\W\d_]|[\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0970-\u0dff])"
"""With the marks that belong to letters, vowel signs of India among them."""
_WORD = re.compile(rf"{_LETTER}+(?:[’'\-]{_LETTER}+)*")
_LONG = 4
_CLAIM = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？।؟]+|\n+")
_MISSING_SHARE = 0.4
"""Of the longer words of a claim. A claim is put in words of its own: some are always missing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands in a text, in characters."""

    start: int
    end: int


def find(quote: str, text: str) -> Place | None:
    """Where a quote is, whatever its spaces, marks and capitals; None where it is not."""
    wanted = "".join(folded for folded, _ in _letters(quote))
    letters = _letters(text)
    at = "".join(folded for folded, _ in letters).find(wanted) if wanted else -1
    return None if at < 0 else Place(letters[at][1], letters[at + len(wanted) - 1][1] + 1)


def unsupported(claims: str, source: str) -> list[str]:
    """The words and numbers for which the claims of a text have nothing in the source, [] where all is well."""
    known = _Source(source)
    missing = [word for claim in _CLAIM.split(claims) for word in known.missing(claim)]
    return list(dict.fromkeys(missing))


def made_up(claims: str, source: str) -> list[str]:
    """The numbers alone for which the source has nothing."""
    known = _Source(source)
    return [number for number in dict.fromkeys(_NUMBER.findall(_digits(claims))) if _bare(number) not in known.numbers]


class _Source:
    def __init__(self, text: str) -> None:
        self.text = _folded(text)
        self.numbers = {_bare(number) for number in _NUMBER.findall(_digits(text))}
        middle = _inner_words(text)
        # Where nouns are written with a capital, one is no sign of a name.
        self.names_have_capitals = sum(word[0].isupper() for word in middle) * 5 < max(len(middle), 1)

    def missing(self, claim: str) -> list[str]:
        numbers = [number for number in _NUMBER.findall(_digits(claim)) if _bare(number) not in self.numbers]
        absent, count = list[str](), 0
        for word in _terms(claim):
            count += 1
            if not self._has(word):
                absent.append(word)
        names = [
            word
            for word in _inner_words(claim)
            if self.names_have_capitals and word[0].isupper() and len(word) > 1 and not self._has(_folded(word))
        ]
        few = len(absent) < 2 or len(absent) <= count * _MISSING_SHARE
        return [*numbers, *names, *([] if few else absent)]

    def _has(self, word: str) -> bool:
        """Whether a word is in the source, in this or another form: most of it, in one piece."""
        if len(word) <= 2:
            return word in self.text
        length = max(3, -(-len(word) * 7 // 10))
        return any(word[start : start + length] in self.text for start in range(len(word) - length + 1))


def _terms(claim: str) -> Iterable[str]:
    """What a claim is made of: its longer words, and pairs of characters of scripts without spaces."""
    folded = _folded(claim)
    for run in _RUN.findall(folded):
        yield from (run[at : at + 2] for at in range(max(len(run) - 1, 1)))
    for word in _WORD.findall(_RUN.sub(" ", folded)):
        if len(word) >= _LONG:
            yield word


def _inner_words(text: str) -> list[str]:
    """The words that do not begin a sentence."""
    return [word for part in _CLAIM.split(text) for word in _WORD.findall(_RUN.sub(" ", part))[1:]]


def _letters(text: str) -> list[tuple[str, int]]:
    """The letters and digits of a text in one form, each with its place."""
    return [
        (folded, place)
        for place, char in enumerate(text)
        for folded in unicodedata.normalize("NFKD", char).casefold()
        if folded.isalnum()
    ]


def _folded(text: str) -> str:
    return _digits(unicodedata.normalize("NFKC", text)).casefold()


def _digits(text: str) -> str:
    """A text with the digits of all scripts as 0 to 9."""
    return "".join(str(unicodedata.digit(char)) if char.isdigit() else char for char in text)


def _bare(number: str) -> str:
    """A number without what stands between its digits: that differs from country to country."""
    return re.sub(r"\D", "", number)
