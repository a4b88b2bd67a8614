"""What the recipe was before and after it was saved, for each step of the journal that says so.

The recipe is a file that anybody may change: who takes such a step back looks
first whether the file is still what the step left (`ftui.prepare.saving`).
"""

from __future__ import annotations

from ftui.store.database import Database
from ftui.store.journal_step import Step


class RecipeTexts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, batch: int, before: str, after: str) -> None:
        """Write down what a step made of the recipe."""
        with self._database.write() as connection:
            connection.execute("INSERT INTO recipe_texts VALUES (?, ?, ?)", (batch, before, after))

    def of(self, step: Step) -> tuple[str, str]:
        """The recipe before and after a step."""
        query = "SELECT before, after FROM recipe_texts WHERE batch = ?"
        before, after = self._database.connection.execute(query, (step.batch,)).fetchone()
        return str(before), str(after)

    def forget(self, step: Step) -> None:
        """Take a step out of the journal that can be neither undone nor done again any more."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM journal WHERE id = ?", (step.batch,))
