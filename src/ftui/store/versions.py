"""Dataset versions: frozen files by content, and the questions held out for Compare."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ftui import paths
from ftui.errors import InputError
from ftui.store.database import Database


@dataclass(frozen=True, slots=True)
class Version:
    """A frozen export of accepted pairs.

    Attributes:
        digest: SHA-256 over both files; the same content is the same version.
        train: the file that is trained on, OpenAI's chat format.
        validation: the file that the loss is checked on, None when it has no rows.
        system: the system message of its pairs, "" where they have none.
        recipe: the recipe that made it, as TOML.
    """

    id: int
    digest: str
    train: Path
    validation: Path | None
    train_rows: int
    validation_rows: int
    train_tokens: int
    system: str
    recipe: str
    created: float

    @property
    def short(self) -> str:
        return self.digest[:8]


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is never trained on.

    Attributes:
        kind: "heldout" (about the domain) or "general" (what must not be forgotten).
        keys: alternatives; the answer counts as right when one of them is in it.
    """

    kind: str
    question: str
    expected: str
    keys: tuple[str, ...]


class Versions:
    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def add(
        self,
        digest: str,
        train: bytes,
        validation: bytes,
        *,
        train_rows: int,
        validation_rows: int,
        train_tokens: int,
        system: str,
        recipe: str,
    ) -> Version:
        """Write the files, then the row; a version with this content is given back as it is."""
        folder = paths.private_dir(self._folder / digest)
        paths.write_atomic(folder / "train.jsonl", train)
        paths.write_atomic(folder / "validation.jsonl", validation)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO versions (digest, train_rows, validation_rows, train_tokens, system, recipe, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
                (digest, train_rows, validation_rows, train_tokens, system, recipe, time.time()),
            )
            row = connection.execute("SELECT * FROM versions WHERE digest = ?", (digest,)).fetchone()
        return self._version(row)

    def get(self, identifier: int) -> Version:
        row = self._database.connection.execute("SELECT * FROM versions WHERE id = ?", (identifier,)).fetchone()
        if row is None:
            raise InputError("There is no such dataset version", f"none has the number {identifier}")
        return self._version(row)

    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._database.connection.execute("SELECT EXISTS (SELECT 1 FROM versions)").fetchone()[0])

    def all(self) -> list[Version]:
        """The newest first."""
        rows = self._database.connection.execute("SELECT * FROM versions ORDER BY id DESC")
        return [self._version(row) for row in rows]

    def set_questions(self, questions: Sequence[Question], version: int | None = None) -> None:
        """Replace the questions of the project (None) or those held out of one version."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM questions WHERE version IS ?", (version,))
            connection.executemany(
                "INSERT INTO questions (version, kind, question, expected, keys) VALUES (?, ?, ?, ?, ?)",
                [(version, q.kind, q.question, q.expected, json.dumps(q.keys)) for q in questions],
            )

    def questions(self, version: int | None) -> list[Question]:
        """The project's own questions when it has any, otherwise those held out of the version."""
        for owner in (None, version):
            rows = self._database.connection.execute(
                "SELECT kind, question, expected, keys FROM questions WHERE version IS ? ORDER BY id",
                (owner,),
            ).fetchall()
            if rows:
                return [
                    Question(row["kind"], row["question"], row["expected"], tuple(json.loads(row["keys"])))
                    for row in rows
                ]
        return []

    def _version(self, row: object) -> Version:
        fields = dict(row)  # type: ignore[call-overload]
        folder = self._folder / fields["digest"]
        return Version(
            **fields,
            train=folder / "train.jsonl",
            validation=folder / "validation.jsonl" if fields["validation_rows"] else None,
        )
