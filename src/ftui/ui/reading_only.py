"""What a second ftui on a project does not do: its keys that write say why, everything else works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftui.store import Store
from ftui.ui import arrival

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

WRITES = {
    "CollectPlace": {"new", "pause", "stop", "retry", "prepare", "tag", "delete", "again"},
    "PairsPlace": {
        *("decide", "fact", "accept_all", "reject_all", "undo", "redo", "edit", "edit_outside"),
        *("prepare", "pause", "retry", "stop", "revert", "learn"),
    },
    "TrainPlace": {"new", "cancel", "pause", "retry"},
    "ComparePlace": {"new", "stop", "retry", "vote"},
    "ModelsPlace": {"production", "move_back", "delete"},
    "ChatPane": {"send", "save_pair", "again", "new_chat"},
    "FtuiApp": {"prepare"},
}
"""Actions that change the project, by the class whose keys they are. What is missing here the store refuses."""


def writes(node: object, action: str) -> bool:
    """Whether an action of a widget, or of the app, changes the project."""
    name = action.partition("(")[0].rpartition(".")[2]
    return any(name in WRITES.get(kind.__name__, ()) for kind in type(node).__mro__)


def why(app: FtuiApp) -> str:
    """One sentence for the bottom line, "" where this ftui writes."""
    refused = app.refused
    return "" if refused is None else f"read only: {refused.why}"


def took_over(app: FtuiApp, store: Store) -> None:
    """The other ftui has ended, and this one has its seat now."""
    app.say("the other ftui has ended · this one writes now")
    app.look_again()
    if app.place is not None:
        app.place.refresh_view()
    arrival.mend(app, store)
    arrival.keep_working(store)
