"""What a step of the journal is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

AT_ONCE = 2000
"""Rows of one transaction: a key that is pressed meanwhile waits for one of these."""

Way = Literal["undo", "redo"]
Said = Literal["", "followed", "in recipe", "declined", "recipe saved"]
"""What a person said to a rule; "followed": the pairs that it fits were decided on.

"recipe saved" is about no rule, but about the whole recipe: see `ftui.store.recipe_texts`.
"""


class State(IntEnum):
    """How far a step is. From `DECIDING` on, somebody is at work on it (or was, and died)."""

    DONE = 0
    UNDONE = 1
    GONE = 2
    """Undone, and something else was done since: it waits to be swept away."""
    DECIDING = 3
    UNDOING = 4
    REDOING = 5
    CANCELLING = 6
    """It is taken back for good."""


@dataclass(frozen=True, slots=True)
class Step:
    """What undo would take back, or redo do again.

    Attributes:
        label: "accepted", "rejected", "pending", "edited", or what `Journal.note` was given.
        size: pairs that it changed.
        rule: the rule that it is about, "" for none.
        said: what it says to that rule.
    """

    batch: int
    label: str
    size: int
    rule: str = ""
    said: Said = ""

    @property
    def words(self) -> str:
        """What it did: "accepted 3 pairs"."""
        return f"{self.label} {self.size:,} {'pair' if self.size == 1 else 'pairs'}" if self.size else self.label
