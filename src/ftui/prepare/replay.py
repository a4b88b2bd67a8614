"""Replay: general questions with the answers of the very model that is to be tuned.

What it says by itself is what it is to go on saying. So the answers that the general
records have are left aside, and the model's own stand in their place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from heapq import nsmallest
from importlib.resources import files
from typing import Any

from ftui.prepare import asking, fields, ready
from ftui.prepare.asking import Ask
from ftui.prepare.pair import Dropped, last_text, lost
from ftui.prepare.recipe import Recipe

ANSWER = 400
"""Tokens of an answer at most."""


@cache
def general_pairs() -> tuple[tuple[str, str], ...]:
    """Ordinary questions with right answers, for where there are no others."""
    read = tomllib.loads((files(__package__) / "general.toml").read_text("utf-8"))
    return tuple((entry["question"], entry["answer"]) for entry in read["general"])


def answered(
    records: Iterable[Mapping[str, Any]],
    recipe: Recipe,
    system: str,
    written: Callable[[str], Mapping[str, Any] | None],
) -> Iterator[Mapping[str, Any] | Dropped]:
    """General records with the model's own answers, or why one has none; as they are where the recipe has no replay."""
    if not _wanted(recipe):
        yield from records
        return
    chosen, others = _parted(records, recipe)
    yield from others
    for record, question in chosen:
        answer = written(_ask(record, question, recipe, system).key)
        if answer is None:
            yield replace(lost(record, "not written yet", f"replay: {question}"), scope="record")
        elif problem := answer.get("problem"):
            yield replace(lost(record, "the model wrote nothing usable", f"{question}: {problem}"), scope="record")
        else:
            data = {"question": question, "answer": answer["items"][0]["answer"]}
            yield {**record, "data": data, "model": f"{recipe.replay.provider} {recipe.replay.name}"}


def asks(records: Iterable[Mapping[str, Any]], recipe: Recipe, system: str) -> Iterator[Ask]:
    """What the model is asked: no question twice, and no more than the recipe wants."""
    if _wanted(recipe):
        chosen, _ = _parted(records, recipe)
        for record, question in chosen:
            yield _ask(record, question, recipe, system)


def _wanted(recipe: Recipe) -> bool:
    return bool(recipe.replay.name and recipe.mixture.general)


def _parted(
    records: Iterable[Mapping[str, Any]], recipe: Recipe
) -> tuple[list[tuple[Mapping[str, Any], str]], list[Mapping[str, Any]]]:
    """The records with the questions that are asked, and those that are no single question."""
    asked: dict[str, tuple[Mapping[str, Any], str]] = {}
    others = list[Mapping[str, Any]]()
    most = recipe.replay.questions
    for record in records:
        question = _question(record)
        if not question:
            others.append(record)
        elif question not in asked:
            asked[question] = (record, question)
            if len(asked) > 4 * most:
                asked = {each[1]: each for each in _some(asked.values(), most)}
    if not asked:
        asked = {
            question: ({"id": None, "source": None, "url": "", "title": "", "data": {}}, question)
            for question, _ in general_pairs()
        }
    return _some(asked.values(), most), others


def _some(asked: Iterable[tuple[Mapping[str, Any], str]], most: int) -> list[tuple[Mapping[str, Any], str]]:
    """At most so many, the same ones in whatever order they came."""
    return nsmallest(most, asked, key=lambda each: blake2b(each[1].encode(errors="replace"), digest_size=8).digest())


def _question(record: Mapping[str, Any]) -> str:
    """The question of a record that is one question with or without its answer, else ""."""
    data = record.get("data")
    if not isinstance(data, Mapping):
        return ""
    row = ready.recognise(data)
    if isinstance(row, ready.Row):
        users = [message for message in row.messages if message["role"] == "user"]
        if row.beside or len(users) != 1 or {message["role"] for message in row.messages} - {"user", "assistant"}:
            return ""
    question, _ = fields.exchange({"answer": "", "completion": "", **data})
    return question or (last_text(row.messages, "user") if isinstance(row, ready.Row) else "")


def _ask(record: Mapping[str, Any], question: str, recipe: Recipe, system: str) -> Ask:
    # With the words before it that every row of the training has: so the model answers as it will be asked.
    head = ({"role": "system", "content": system},) if system else ()
    messages = (*head, {"role": "user", "content": question})
    key = asking.key_of("replay", recipe.replay.provider, recipe.replay.name, messages)
    return Ask("replay", record.get("id"), "", question[:200], question, messages, key, ANSWER)
