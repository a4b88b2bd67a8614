"""Whether a key fact is in an answer, and what a score may be said to mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ftui.store.comparisons import Score

_NUMBER = re.compile(r"\d[\d.,:]*")
_WORD = re.compile(r"\w+")
_COMMON = frozenset(
    """a an and are as at be by can do for from has have how i if in is it its me my of on or our that the
    their then they this to use was we what when where which who why will with you your""".split()  # noqa: SIM905
)


def found(answer: str, keys: Sequence[str]) -> bool:
    """Whether one of the alternative key facts is in the answer, as whole words, whatever the case."""
    text = f" {_normal(answer)} "
    return any(f" {_normal(key)} " in text for key in keys if _normal(key))


def derive_keys(question: str, expected: str) -> tuple[str, ...]:
    """Key facts of an expected answer where nobody wrote them down.

    Numbers and names that the question does not give away; where the answer has
    none, its longest word that is not in the question.
    """
    asked = set(_normal(question).split())
    sentence_starts = {match.end() for match in re.finditer(r"(?:^|[.!?]\s+)", expected)}
    numbers = [match[0].strip(".,:") for match in _NUMBER.finditer(expected)]
    names = [
        match[0] for match in _WORD.finditer(expected) if match[0][0].isupper() and match.start() not in sentence_starts
    ]
    telling = [word for word in [*numbers, *names] if _normal(word) not in asked]
    if telling:
        return (telling[0],)
    words = [word for word in _WORD.findall(expected) if _normal(word) not in asked | _COMMON]
    return (max(words, key=len),) if words else ()


def meaning(score: Score) -> str:
    """An honest sentence about a score: what it shows, and how sure one can be."""
    if not score.of:
        return "Nothing was asked yet."
    # One standard error of a share, in answers.
    share = score.tuned / score.of
    error = (share * (1 - share) * score.of) ** 0.5
    return (
        f"The tuned model answers {score.tuned} of {score.of} unseen questions with the key fact in the answer"
        f" (±{max(error, 0.5):.0f} by chance alone), the base model {score.base}."
        " That is not the same as knowing the whole site: a small model is just as confident when it is wrong."
    )


def _normal(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = plain.replace("°c", " degrees ").replace("°", " degrees ").replace("%", " percent ").replace("€", " euros ")
    return " ".join(re.findall(r"\d+(?:[.,:]\d+)*|[^\W\d_]+", plain))
