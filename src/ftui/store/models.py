"""Models as versions, and aliases that point at one of them and can be moved back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ftui.errors import InputError
from ftui.store.database import Database


@dataclass(frozen=True, slots=True)
class Model:
    """The result of a job.

    Attributes:
        name: ours, `lumora-3`.
        model: the provider's id, what `chat.completions` takes.
        base_model: what it was tuned from, by the provider's id.
        system: the system message it was trained with; chat starts with it.
    """

    id: int
    name: str
    job: int | None
    provider: str
    base_url: str
    model: str
    base_model: str
    system: str
    created: float
    aliases: tuple[str, ...] = ()


class Models:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        name: str,
        *,
        job: int | None,
        provider: str,
        base_url: str,
        model: str,
        base_model: str,
        system: str,
    ) -> Model:
        """Keep a model; one with this id at this provider is given back as it is."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO models (name, job, provider, base_url, model, base_model, system, created)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (name, job, provider, base_url, model, base_model, system, time.time()),
            )
        return self.find(model)

    def all(self) -> list[Model]:
        """The newest first."""
        rows = self._database.connection.execute("SELECT * FROM models ORDER BY id DESC").fetchall()
        targets = self.aliases()
        return [_model(row, targets) for row in rows]

    def get(self, identifier: int) -> Model:
        row = self._database.connection.execute("SELECT * FROM models WHERE id = ?", (identifier,)).fetchone()
        if row is None:
            raise InputError("There is no such model", f"no model has the number {identifier}", "See: ftui models")
        return _model(row, self.aliases())

    def find(self, name: str) -> Model:
        """By alias, by our name or by the provider's id."""
        targets = self.aliases()
        identifier = targets.get(name, -1)
        row = self._database.connection.execute(
            "SELECT * FROM models WHERE id = ? OR name = ? OR model = ? ORDER BY id = ? DESC",
            (identifier, name, name, identifier),
        ).fetchone()
        if row is None:
            raise InputError(f"There is no model {name!r}", "this project has none of that name", "See: ftui models")
        return _model(row, targets)

    def delete(self, identifier: int) -> None:
        """Forget a model with its comparisons; an alias on it moves back. At the provider it stays."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM comparisons WHERE model = ?", (identifier,))
            connection.execute("DELETE FROM alias_moves WHERE model = ?", (identifier,))
            connection.execute("DELETE FROM models WHERE id = ?", (identifier,))

    def aliases(self) -> dict[str, int]:
        """Where each alias points now."""
        rows = self._database.connection.execute(
            "SELECT alias, model FROM alias_moves WHERE id IN (SELECT max(id) FROM alias_moves GROUP BY alias)"
        )
        return {row["alias"]: row["model"] for row in rows if row["model"] is not None}

    def set_alias(self, alias: str, model: int) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO alias_moves (alias, model, time) VALUES (?, ?, ?)", (alias, model, time.time())
            )

    def roll_back(self, alias: str) -> Model | None:
        """Point an alias at where it pointed before its last move: that model, None when it is unset again."""
        with self._database.write() as connection:
            rows = connection.execute("SELECT id FROM alias_moves WHERE alias = ? ORDER BY id", (alias,)).fetchall()
            if not rows:
                raise InputError(f"There is no alias {alias!r}", "nothing was ever called so", "See: ftui models")
            connection.execute("DELETE FROM alias_moves WHERE id = ?", (rows[-1]["id"],))
        target = self.aliases().get(alias)
        return self.get(target) if target is not None else None


def _model(row: Any, targets: dict[str, int]) -> Model:
    return Model(**dict(row), aliases=tuple(sorted(name for name, target in targets.items() if target == row["id"])))
