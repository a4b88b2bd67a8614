"""What the whole consists of: how much of each source, and ordinary pairs among those of the
domain, so that tuning does not wash out what the model knew."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, NamedTuple

from ftui import chatfile
from ftui.prepare import fields, ready
from ftui.prepare.pair import Dropped, Message, Pair, conversation, last_text, lost
from ftui.prepare.phrasing import greeted, is_english
from ftui.prepare.recipe import Recipe

_ROUNDS = 20
_DRAWN_FROM = 10_000
"""General conversations that are held at once where the mixture needs fewer."""

LEFT_OUT = "left out by weight"


class Weights:
    """How much of each source is used.

    Args:
        sources: names of the sources by their number.
    """

    def __init__(self, recipe: Recipe, sources: Mapping[int, str]) -> None:
        given = recipe.mixture.weights
        self._seed = recipe.seed
        self._of = {number: given.get(name, given.get(str(number), 1.0)) for number, name in sources.items()}
        self._given = given

    def of(self, source: int | None) -> float:
        return self._of.get(source, self._given.get(str(source), 1.0)) if source is not None else 1.0

    def uses(self, pair: Pair) -> bool:
        """Whether the fact of a pair is in the share of its source: the same ones each time."""
        weight = self.of(pair.source)
        return weight >= 1 or _chance(f"{self._seed} {pair.fact}") < weight


class _Talk(NamedTuple):
    """A general conversation. `simple` when it is one question with its answer and nothing else."""

    question: str
    answer: str
    messages: tuple[Message, ...]
    beside: Mapping[str, Any]
    simple: bool
    source: int | None
    record: int | None


def mix(
    domain: int,
    recipe: Recipe,
    system: str,
    records: Iterable[Mapping[str, Any] | Dropped],
    weights: Weights | None = None,
) -> Iterator[Pair | Dropped]:
    """General pairs for `domain` pairs of the domain, as many as the recipe's share wants.

    Each comes in its own words first, then with a polite word more, so that no two are
    equal. They are never roughened: what they are there for is to stay as it was. A
    conversation of several turns comes once.

    Args:
        records: each an ordinary question with a right answer, or a ready-made conversation;
            what is dropped already goes on as it is.
    """
    weights = weights or Weights(recipe, {})
    share = recipe.mixture.general
    wanted = round(domain * share / (1 - share))
    most = max(wanted, _DRAWN_FROM)
    talks = list[_Talk]()
    for record in records:
        talk = record if isinstance(record, Dropped) else _talk(record, system)
        if isinstance(talk, Dropped):
            yield talk
            continue
        talks.append(talk)
        if len(talks) >= 2 * most:
            talks = _some(talks, most, recipe.seed)
    talks = _some(talks, most, recipe.seed)
    # Not the order in which they came: the same pairs give the same mixture.
    talks.sort(key=lambda talk: talk[:2])
    rng = random.Random(f"{recipe.seed} mixture")
    seen = set[str]()
    for turn in range(_ROUNDS):
        for talk in rng.sample(talks, len(talks)):
            if len(seen) >= wanted:
                return
            weight = weights.of(talk.source)
            if weight < 1 and rng.random() >= weight:
                continue
            pair = _pair(talk, turn, system, rng)
            if pair.digest not in seen:
                seen.add(pair.digest)
                yield pair


def _talk(record: Mapping[str, Any], system: str) -> _Talk | Dropped:
    data = record.get("data")
    if not isinstance(data, Mapping):
        return replace(lost(record, "not a record", "it has no fields"), scope="record")
    row = ready.recognise(data)
    if isinstance(row, ready.Row) and not _is_exchange(row):
        return _conversation(record, row, system)
    question, answer = fields.exchange(data)
    if not question and isinstance(row, ready.Row):
        question, answer = last_text(row.messages, "user"), last_text(row.messages, "assistant")
    if not question or not answer:
        return replace(lost(record, "no question with an answer", question), scope="record")
    beside = {"model": record["model"]} if "model" in record else {}
    return _Talk(question, answer, (), beside, True, record.get("source"), record.get("id"))


def _is_exchange(row: ready.Row) -> bool:
    roles = [message["role"] for message in row.messages]
    plain = not row.beside and all(len(each) == 2 and not chatfile.other_parts(each) for each in row.messages)
    return plain and roles == ["user", "assistant"]


def _conversation(record: Mapping[str, Any], row: ready.Row, system: str) -> _Talk | Dropped:
    made = ready.finished(record, row, system)
    if isinstance(made, Dropped):
        return replace(made, scope="record")
    question, answer = last_text(made.messages, "user"), last_text(made.messages, "assistant")
    return _Talk(question, answer, made.messages, row.beside, False, made.source, made.record)


def _pair(talk: _Talk, turn: int, system: str, rng: random.Random) -> Pair:
    question, answer = talk.question, talk.answer
    messages = talk.messages
    if talk.simple:
        asked = greeted(question, rng) if turn and is_english(f"{question} {answer}") else question
        messages = conversation(system, asked, answer)
    origin = {"template": "general", "phrasing": "wrapped" if turn else "site", "heading": question, **talk.beside}
    return Pair(messages, f"general: {question}", "general", "", talk.source, talk.record, origin)


def _some(talks: list[_Talk], most: int, seed: int) -> list[_Talk]:
    """At most so many of them, the same ones in whatever order they come."""
    if len(talks) <= most:
        return talks
    return heapq.nsmallest(most, talks, key=lambda talk: _chance(f"{seed} {talk.question}\n{talk.answer}"))


def _chance(text: str) -> float:
    """A number from 0 to 1 that a text always has."""
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=8).digest()) / 2**64
