"""Opening a pair for a change: in fields on the screen, or in the person's own editor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported

from ftui.errors import InputError
from ftui.store.pairs import Pair, check_messages
from ftui.ui.widgets import pair_editor

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

Done = Callable[[Pair, bool], None]
"""Called with the pair and whether it was changed."""


def edit_here(
    app: FtuiApp, pair: Pair, done: Done, messages: Sequence[Mapping[str, Any]] = (), why: InputError | None = None
) -> None:
    """Open the fields, with the pair's messages or with others that were typed elsewhere.

    Args:
        why: what is wrong with those others, shown above the keys.
    """
    from ftui.ui.screens.edit import EditScreen

    app.run_worker(_warm, thread=True, group="warm", exit_on_error=False)
    screen = EditScreen(f"Edit pair {pair.id}", messages or pair.messages, lambda edited: _save(app, pair, edited), why)
    app.push_screen(screen, lambda saved: done(pair, bool(saved)))


def edit_outside(app: FtuiApp, pair: Pair, done: Done) -> None:
    """Lend the terminal to $VISUAL or $EDITOR.

    Raises:
        InputError: there is no editor, it failed, or its text cannot be read.
    """
    pair_editor.editor()
    try:
        with app.suspend():
            messages = pair_editor.edit(pair.messages)
    except SuspendNotSupported:
        app.say("this terminal cannot be lent to an editor · e edits here")
        return
    if messages is None:
        done(pair, False)
        return
    try:
        check_messages(messages)
    except InputError as error:
        edit_here(app, pair, done, messages, error)
        return
    _save(app, pair, messages)
    done(pair, True)


def not_edited(name: str) -> str:
    """Why an edit cannot be taken back."""
    return f"{name} is as it was made · e edits it"


def revert(app: FtuiApp, pair: Pair, name: str) -> str:
    """Give a pair the messages back that it was made with; what has been done, in a sentence."""
    if not app.store.pairs.revert(pair.id):
        return not_edited(name)
    return f"{name} is again as it was made · u undo"


def _save(app: FtuiApp, pair: Pair, messages: Sequence[Mapping[str, Any]]) -> None:
    from ftui.prepare import tokens

    app.store.pairs.edit(pair.id, messages, tokens.count_messages(messages))


def _warm() -> None:
    """Load the vocabulary, about a second, while the person types."""
    from ftui.prepare import tokens

    tokens.count("")
