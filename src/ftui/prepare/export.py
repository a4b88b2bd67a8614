"""Accepted pairs frozen into the files that are trained on.

The same pairs, recipe and seed give the same bytes, in whatever order the pairs come.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ftui import chatfile
from ftui.prepare.pair import digest
from ftui.prepare.recipe import Recipe
from ftui.prepare.tokens import count_messages


class Example(Protocol):
    """An accepted pair, as far as freezing it needs to know."""

    @property
    def messages(self) -> Sequence[Mapping[str, str]]: ...
    @property
    def fact(self) -> str: ...
    @property
    def origin(self) -> Mapping[str, Any]: ...


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


def freeze(pairs: Iterable[Example], recipe: Recipe, seed: int | None = None) -> Frozen:
    """Split pairs and write them down.

    A held wording goes to validation if its fact has another one to train on, and to
    training otherwise. The wordings of a fact are spread evenly over the file.

    Args:
        seed: of the order; None for the recipe's own.

    Raises:
        InputError: there is too little to train on, or a pair that no provider takes.
    """
    unique: dict[str, Example] = {}
    count = 0
    for pair in pairs:
        count += 1
        key = digest(pair.messages)
        # A held pair wins over an equal one, so that the choice does not hang on the order.
        if key not in unique or pair.origin.get("held"):
            unique[key] = pair
    facts: dict[str, list[str]] = defaultdict(list)
    for key, pair in unique.items():
        if not pair.origin.get("held"):
            facts[pair.fact].append(key)
    held = [key for key, pair in unique.items() if pair.origin.get("held") and facts.get(pair.fact)]
    for key, pair in unique.items():
        if pair.origin.get("held") and pair.fact not in facts:
            facts[pair.fact] = [key]
    order = random.Random(recipe.seed if seed is None else seed)
    trained = [unique[key] for key in _spread(facts, order)]
    kept = [unique[key] for key in sorted(held)]
    train, validation = _lines(trained), _lines(kept)
    chatfile.check(train.splitlines(keepends=True)).raise_for_problems("The training file")
    return Frozen(
        train,
        validation,
        hashlib.sha256(train + b"\0" + validation).hexdigest(),
        train_rows=len(trained),
        validation_rows=len(kept),
        train_tokens=sum(count_messages(pair.messages) for pair in trained),
        system=_system(trained),
        held_out=tuple((pair.messages[-2]["content"], pair.messages[-1]["content"]) for pair in kept),
        duplicates=count - len(unique),
    )


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
    systems = Counter(first["content"] if first["role"] == "system" else "" for first in firsts)
    return systems.most_common(1)[0][0]


def _lines(pairs: Iterable[Example]) -> bytes:
    rows = ({"messages": [dict(message) for message in pair.messages]} for pair in pairs)
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
