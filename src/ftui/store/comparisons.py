"""Comparisons: the same held-out questions, answered by the base and by the tuned model."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ftui.store.database import Database
from ftui.store.versions import Question


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of a comparison; answers and findings are None until they are there."""

    number: int
    kind: str
    question: str
    expected: str
    keys: tuple[str, ...]
    base_answer: str | None
    tuned_answer: str | None
    base_found: bool | None
    tuned_found: bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    id: int
    model: int
    created: float


@dataclass(frozen=True, slots=True)
class Score:
    """Right answers of one kind of question: `base` and `tuned` of `of` answered so far."""

    base: int
    tuned: int
    of: int


class Comparisons:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, model: int, questions: Sequence[Question]) -> Comparison:
        """A new comparison with all its questions, none answered."""
        with self._database.write() as connection:
            now = time.time()
            cursor = connection.execute("INSERT INTO comparisons (model, created) VALUES (?, ?)", (model, now))
            identifier = int(cursor.lastrowid or 0)
            connection.executemany(
                "INSERT INTO answers (comparison, number, kind, question, expected, keys) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (identifier, number, q.kind, q.question, q.expected, json.dumps(q.keys))
                    for number, q in enumerate(questions, 1)
                ],
            )
        return Comparison(identifier, model, now)

    def latest(self, model: int | None = None) -> Comparison | None:
        row = self._database.connection.execute(
            "SELECT * FROM comparisons WHERE ? IN (model, -1) ORDER BY id DESC LIMIT 1",
            (-1 if model is None else model,),
        ).fetchone()
        return Comparison(**dict(row)) if row else None

    def answers(self, comparison: int) -> list[Answer]:
        rows = self._database.connection.execute(
            "SELECT * FROM answers WHERE comparison = ? ORDER BY number", (comparison,)
        )
        return [_answer(row) for row in rows]

    def save_answer(self, comparison: int, number: int, side: str, answer: str, found: bool) -> None:
        """Keep one answer; `side` is "base" or "tuned"."""
        if side not in ("base", "tuned"):
            raise ValueError(side)
        with self._database.write() as connection:
            connection.execute(
                f"UPDATE answers SET {side}_answer = ?, {side}_found = ? WHERE comparison = ? AND number = ?",
                (answer, int(found), comparison, number),
            )

    def score(self, comparison: int, kind: str) -> Score:
        answers = [
            a
            for a in self.answers(comparison)
            if a.kind == kind and a.base_answer is not None and a.tuned_answer is not None
        ]
        return Score(sum(bool(a.base_found) for a in answers), sum(bool(a.tuned_found) for a in answers), len(answers))


def _answer(row: Any) -> Answer:
    fields = dict(row)
    del fields["comparison"]
    fields["keys"] = tuple(json.loads(fields["keys"]))
    for side in ("base_found", "tuned_found"):
        fields[side] = None if fields[side] is None else bool(fields[side])
    return Answer(**fields)
