"""An eye on the recipe's file, which may be open in another program as well."""

from __future__ import annotations

from collections.abc import Callable

from textual.widget import Widget

from ftui.errors import FtuiError
from ftui.store import Store
from ftui.ui.reading import Reader

_FIRST_AFTER = 2.0
"""Seconds: what reads a recipe takes a moment to load, and the first picture comes first."""


class RecipeWatch:
    """Reads the recipe in a thread when its file has changed.

    Args:
        place: what it is watched for.
        show: called when there is something else to say than before.
    """

    def __init__(self, place: Widget, show: Callable[[], None]) -> None:
        self._show = show
        # In the group that nobody waits for: nothing depends on it.
        self._reader = Reader(place, "warm")
        self._stamp: tuple[int, int] | None = None
        self.problem: FtuiError | None = None
        """Why the recipe cannot be followed, with the line; None where it can, or is not there."""

    def look(self, store: Store) -> None:
        """Read the file where it differs from the last look; costs one question to the system."""
        stamp = store.recipe_stamp()
        if stamp == self._stamp:
            return
        first, self._stamp = self._stamp is None, stamp
        if stamp == (0, 0):
            self._tell(None)
        else:
            self._reader.read(_problem, self._tell, rest=_FIRST_AFTER if first else 0.0)

    def saved(self) -> None:
        """It was saved just now as one that can be followed, which the next look would find."""
        self._tell(None)

    def _tell(self, problem: FtuiError | None) -> None:
        before, self.problem = self.problem, problem
        if (before and before.as_dict()) != (problem and problem.as_dict()):
            self._show()


def _problem(store: Store) -> FtuiError | None:
    from ftui.prepare import project

    try:
        if store.recipe_path.exists():
            project.load(store)
    except FtuiError as error:
        return error
    return None
