"""Accepted pairs frozen into the files that are trained on.

The same pairs, recipe and seed give the same bytes, in whatever order the pairs come.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ftui import chatfile
from ftui.chatfile import text_of
from ftui.errors import InputError
from ftui.prepare.check import row
from ftui.prepare.pair import beside, digest, last_text
from ftui.prepare.recipe import Recipe
from ftui.prepare.split import Example, split, why_none
from ftui.prepare.tokenizer import OpenAI
from ftui.units import plural

__all__ = ["Aside", "Example", "Frozen", "freeze"]


@dataclass(frozen=True, slots=True)
class Aside:
    """A pair that no provider takes, with its question and the reason."""

    question: str
    reason: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """The two files of a dataset version, in OpenAI's chat format.

    Attributes:
        train: JSON lines to train on.
        validation: JSON lines to check on; no row of it is in `train`. May be empty.
        digest: SHA-256 over both.
        train_tokens: of the training file, as OpenAI counts them.
        system: the system message that most rows have, "" for none.
        held_out: question and answer of each row of `validation`.
        duplicates: pairs that were left out because an equal one is there.
        aside: pairs that were left out because the file rules refuse them.
        unchecked: why `validation` is empty; "" where it is not.
    """

    train: bytes
    validation: bytes
    digest: str
    train_rows: int
    validation_rows: int
    train_tokens: int
    system: str
    held_out: tuple[tuple[str, str], ...]
    duplicates: int
    aside: tuple[Aside, ...] = ()
    unchecked: str = ""


def freeze(pairs: Iterable[Example], recipe: Recipe, seed: int | None = None) -> Frozen:
    """Split pairs and write them down.

    How they are split is the recipe's choice (`split`). The wordings of a fact are spread evenly
    over the file. A row that the file rules refuse is set aside.

    Args:
        seed: of the order; None for the recipe's own.

    Raises:
        InputError: there is too little to train on.
    """
    unique: dict[str, Example] = {}
    aside: dict[str, Aside] = {}
    count = 0
    for pair in pairs:
        count += 1
        key = digest(pair.messages, pair.origin)
        if problem := chatfile.row_problem(row(pair.messages, pair.origin)):
            aside[key] = Aside(last_text(pair.messages, "user"), problem)
        # Of equal pairs the choice does not hang on the order: a held one wins, then what comes first by name.
        elif key not in unique or _rank(pair) < _rank(unique[key]):
            unique[key] = pair
    seed = recipe.seed if seed is None else seed
    facts, held = split(unique, recipe, seed)
    trained = [unique[key] for key in _spread(facts, random.Random(seed))]
    kept = [unique[key] for key in held]
    if len(trained) < chatfile.MIN_ROWS:
        raise _too_little(count, len(trained))
    train, validation = _lines(trained), _lines(kept)
    chatfile.check(train.splitlines(keepends=True)).raise_for_problems("The training file")
    count_tokens = OpenAI().count
    return Frozen(
        train,
        validation,
        hashlib.sha256(train + b"\0" + validation).hexdigest(),
        train_rows=len(trained),
        validation_rows=len(kept),
        train_tokens=sum(count_tokens(pair.messages, beside(pair.origin)) for pair in trained),
        system=_system(trained),
        held_out=tuple((last_text(pair.messages, "user"), last_text(pair.messages, "assistant")) for pair in kept),
        duplicates=count - len(unique) - len(aside),
        aside=tuple(aside[key] for key in sorted(aside)),
        unchecked="" if held else why_none(unique, recipe),
    )


def _too_little(accepted: int, trained: int) -> InputError:
    there = f"{plural(accepted, 'pair is', 'pairs are')} accepted"
    if trained < accepted:
        there += f", {trained:,} of them to train on"
    return InputError(
        "There is too little to train on",
        f"{there}; a training file needs at least {chatfile.MIN_ROWS}",
        "Accept more: ftui, then 3 and a accepts",
    )


def _rank(pair: Example) -> tuple[bool, str, str, str]:
    return (not pair.origin.get("held"), pair.kind, pair.fact, pair.url)


def _spread(facts: Mapping[str, Sequence[str]], order: random.Random) -> list[str]:
    """All keys in an order in which those of one fact are as far apart as can be.

    The n wordings of a fact fall one each into the n equal parts of the file.
    """
    places = list[tuple[float, str]]()
    for fact in sorted(facts):
        keys = sorted(facts[fact])
        order.shuffle(keys)
        places += [((place + order.random()) / len(keys), key) for place, key in enumerate(keys)]
    return [key for _, key in sorted(places)]


def _system(pairs: Iterable[Example]) -> str:
    firsts = (pair.messages[0] for pair in pairs)
    systems = Counter(text_of(first) if first["role"] == "system" else "" for first in firsts)
    return systems.most_common(1)[0][0]


def _lines(pairs: Iterable[Example]) -> bytes:
    rows = (row(pair.messages, pair.origin) for pair in pairs)
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in rows)
