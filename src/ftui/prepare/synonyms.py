"""The same question in other words: those that people use for the words of a site."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

Group = tuple[str, ...]


def groups(texts: Sequence[str]) -> tuple[Group, ...]:
    """The groups of a recipe, "chips, fries" each."""
    split = (tuple(word.strip() for word in re.split("[,،、，]", text) if word.strip()) for text in texts)
    return tuple(group for group in split if len(group) > 1)


def reword(question: str, own: Sequence[Group], english: bool, rng: random.Random) -> str:
    """A question with one or two of its words replaced; as it is where there is nothing to replace."""
    openings, words = _english() if english else ((), ())
    changed = question
    choices = [*(("", group) for group in (*own, *words)), *(("^", group) for group in openings)]
    for start, group in rng.sample(choices, len(choices)):
        fitting = _pattern(start, group).search(changed)
        if fitting is None:
            continue
        others = [each for each in group if each.casefold() != fitting.group().casefold()]
        changed = changed[: fitting.start()] + _like(fitting.group(), rng.choice(others)) + changed[fitting.end() :]
        # One is mostly enough, and two of one place undo each other.
        if rng.random() < 0.7:
            break
    return changed


def _like(old: str, new: str) -> str:
    """`new` with a capital where `old` has one."""
    return new[0].upper() + new[1:] if old[0].isupper() else new


@cache
def _pattern(start: str, group: Group) -> re.Pattern[str]:
    # The longest first: "switch on the light" before "switch on".
    words = "|".join(re.escape(word) for word in sorted(group, key=len, reverse=True))
    # Where words are written without spaces there is no border to look for.
    spaced = all(re.fullmatch(r"[^\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+", word) for word in group)
    return re.compile(rf"{start}\b(?:{words})\b" if spaced else f"{start}(?:{words})", re.IGNORECASE)


@cache
def _english() -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """Openings and words that come with ftui."""
    data = tomllib.loads((files(__package__) / "templates" / "synonyms.toml").read_text("utf-8"))
    return tuple(map(tuple, data["openings"])), tuple(map(tuple, data["groups"]))
