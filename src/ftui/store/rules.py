"""What was said to the rules that rejections speak for, as far as the steps that say it are done.

A step of the journal says it, so it is undone and done again with its step, by whomever
and after any crash. The recipe's file cannot be written in a transaction: what it has to
get or to lose is due until somebody has done it (`ftui.prepare.project`).
"""

from __future__ import annotations

import json

from ftui.store.database import Database
from ftui.store.journal import Said


class Rules:
    def __init__(self, database: Database) -> None:
        self._database = database

    def answers(self) -> dict[str, Said]:
        """What was said to each rule last. What is being undone is not said any more."""
        connection = self._database.connection
        kept = connection.execute("SELECT value FROM meta WHERE key = 'rules'").fetchone()
        # Said to an earlier ftui, which had no step for it.
        before = json.loads(kept[0]) if kept else {}
        found: dict[str, Said] = {
            rule: "declined" if said == "declined" else "followed" for rule, said in before.items()
        }
        rows = connection.execute("SELECT rule, said FROM journal WHERE rule <> '' AND state IN (0, 3, 5) ORDER BY id")
        return found | {row[0]: row[1] for row in rows}

    def follow(self, rule: str) -> None:
        """The step that was done last has decided on what was left of the pairs that a rule fits."""
        with self._database.write() as connection:
            if self.answers().get(rule) not in ("followed", "in recipe"):
                connection.execute(
                    "UPDATE journal SET rule = ?, said = 'followed' WHERE rule = '' AND size > 0"
                    " AND id = (SELECT max(id) FROM journal WHERE state = 0)",
                    (rule,),
                )

    def due(self) -> dict[str, bool]:
        """Rules with whether the recipe's file has to get them, or to lose them."""
        return {row[0]: bool(row[1]) for row in self._database.connection.execute("SELECT * FROM recipe_due")}

    def paid(self) -> None:
        """The recipe's file is as it should be."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM recipe_due")
