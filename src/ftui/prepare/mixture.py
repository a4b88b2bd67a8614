"""Ordinary pairs among those of the domain, so that tuning does not wash out what the model knew."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ftui.prepare import fields
from ftui.prepare.pair import Dropped, Pair, conversation
from ftui.prepare.phrasing import greeted, is_english
from ftui.prepare.recipe import Recipe

_ROUNDS = 20


def mix(domain: int, recipe: Recipe, system: str, records: Iterable[Mapping[str, Any]]) -> Iterator[Pair | Dropped]:
    """General pairs for `domain` pairs of the domain, as many as the recipe's share wants.

    Each comes in its own words first, then with a polite word more, so that no two are
    equal. They are never roughened: what they are there for is to stay as it was.

    Args:
        records: each an ordinary question with a right answer.
    """
    exchanges = []
    for record in records:
        question, answer = fields.exchange(record["data"])
        if question and answer:
            exchanges.append((question, answer, record))
        else:
            yield Dropped(record.get("id"), "", "no question with an answer", question, "record")
    share = recipe.mixture.general
    wanted = round(domain * share / (1 - share))
    # Not the order in which they came: the same pairs give the same mixture.
    exchanges.sort(key=lambda each: each[:2])
    rng = random.Random(f"{recipe.seed} mixture")
    seen = set[str]()
    for turn in range(_ROUNDS):
        for question, answer, record in rng.sample(exchanges, len(exchanges)):
            if len(seen) >= wanted:
                return
            asked = greeted(question, rng) if turn and is_english(f"{question} {answer}") else question
            messages = conversation(system, asked, answer)
            origin = {"template": "general", "phrasing": "wrapped" if turn else "site", "heading": question}
            source, identifier = record.get("source"), record.get("id")
            pair = Pair(messages, f"general: {question}", "general", "", source, identifier, origin)
            if pair.digest not in seen:
                seen.add(pair.digest)
                yield pair
