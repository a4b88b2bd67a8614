"""Single values of a project, its budget and what was spent."""

from __future__ import annotations

import math
import time

from ftui.errors import InputError, MoneyError
from ftui.store.database import Database


class Meta:
    """Single values by key, all text."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str, default: str = "") -> str:
        row = self._database.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    def set(self, key: str, value: str) -> None:
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


class Money:
    """Budget and spending, in US dollars."""

    DEFAULT_BUDGET = 5.0

    def __init__(self, database: Database) -> None:
        self._database = database
        self._meta = Meta(database)

    @property
    def budget(self) -> float:
        return float(self._meta.get("budget", str(self.DEFAULT_BUDGET)))

    @budget.setter
    def budget(self, dollars: float) -> None:
        if not 0 <= dollars < math.inf:
            raise InputError(f"{dollars} is no budget", "it takes dollars, 0 or more", "For example 5")
        self._meta.set("budget", str(dollars))

    def spent(self) -> float:
        """What was spent; where the bill is not known yet, what it can be at most."""
        row = self._database.connection.execute("SELECT sum(coalesce(actual, at_most)) FROM spending").fetchone()
        return float(row[0] or 0.0)

    def afford(self, what: str, at_most: float) -> None:
        """Refuse what could pass the budget.

        Raises:
            MoneyError: spent and `at_most` together are above the budget.
        """
        if at_most > 0 and self.spent() + at_most > self.budget:
            raise MoneyError(
                f"{what} could cost ${at_most:,.2f}",
                f"${self.spent():,.2f} of the project's budget of ${self.budget:,.2f} are spent",
                "Raise the budget: ftui projects budget DOLLARS",
            )

    def reserve(self, what: str, reference: str, at_most: float) -> None:
        """Write down that `at_most` dollars are about to be spent, before the call that spends.

        The same `reference` a second time is the same purchase, resumed; what it has cost
        so far is a part of `at_most`.

        Raises:
            MoneyError: the budget would be passed.
        """
        with self._database.write(durable=True) as connection:
            known = connection.execute("SELECT actual FROM spending WHERE reference = ?", (reference,)).fetchone()
            if known and known["actual"] is None:
                return
            self.afford(what, at_most - (known["actual"] if known else 0.0))
            connection.execute(
                "INSERT INTO spending (time, what, reference, at_most) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (reference) DO UPDATE"
                " SET time = excluded.time, at_most = excluded.at_most, actual = NULL",
                (time.time(), what, reference, at_most),
            )

    def settle(self, reference: str, actual: float) -> None:
        """The bill for `reference` is known; 0 when nothing was bought after all."""
        with self._database.write() as connection:
            connection.execute("UPDATE spending SET actual = ? WHERE reference = ?", (actual, reference))
