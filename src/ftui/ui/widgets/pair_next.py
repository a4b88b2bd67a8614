"""The next pending pair of a list: at once where it is near, looked for in a thread where it is not."""

from __future__ import annotations

from collections.abc import Callable

from textual.widget import Widget

from ftui.store.pairs import FAR
from ftui.ui.reading import Reader
from ftui.ui.widgets.pair_view import PairView


class NextPending:
    """Looks for it; what is asked later counts.

    Args:
        place: what it is looked for.
        view: the list.
        group: names the look among the others of the place.
    """

    def __init__(self, place: Widget, view: PairView, group: str) -> None:
        self._reader = Reader(place, group)
        self._view = view

    def find(self, index: int, then: Callable[[int | None], None]) -> bool:
        """Call `then` with the index of the next pending pair behind `index`, None where there is none.

        Gives False where `then` is called later. The list may be another one by then:
        the index is that of the pair in what is shown, and where it is not shown nothing is called.
        """
        self.stop()
        found = self._view.next_pending(index)
        if found != FAR:
            then(found)
            return True
        ids = self._view.ids

        def answered(found: int | None) -> None:
            if self._view.ids is ids:
                then(found)
            elif found is not None and (place := self._view.find(ids[found])) is not None:
                then(place)

        self._reader.read(lambda store: store.pairs.next_pending_of(ids, index), answered)
        return False

    def stop(self) -> None:
        """Look no further; nothing is called."""
        self._reader.stop()
