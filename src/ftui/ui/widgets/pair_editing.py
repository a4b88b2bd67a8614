"""Opening a pair for a change: in fields on the screen, or in the person's own editor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported

from ftui.errors import FtuiError, InputError, describe
from ftui.store import Store
from ftui.store.journal import Step, Way
from ftui.store.pairs import BulkProgress, Marks, Pair, check_messages
from ftui.ui.widgets import pair_editor

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

Messages = Sequence[Mapping[str, Any]]
Done = Callable[[Pair, bool], None]
"""Called with the pair and whether it was changed."""


def edit_here(app: FtuiApp, pair: Pair, done: Done, messages: Messages = (), why: FtuiError | None = None) -> None:
    """Open the fields, with the pair's messages or with others that were typed elsewhere.

    Args:
        why: why those others could not be saved, shown above the keys.
    """
    from ftui.ui.screens.edit import EditScreen

    async def save(edited: Messages) -> None:
        await _save(app, pair, edited)

    # The vocabularies are loaded, about a second, while the person types.
    warm = partial(_worked_out, app.store.name, pair, pair.messages)
    app.run_worker(warm, thread=True, group="warm", exit_on_error=False)
    screen = EditScreen(f"Edit pair {pair.id}", messages or pair.messages, save, why)
    app.push_screen(screen, lambda saved: done(pair, bool(saved)))


def edit_outside(app: FtuiApp, pair: Pair, done: Done) -> None:
    """Lend the terminal to $VISUAL or $EDITOR.

    Raises:
        InputError: there is no editor, it failed, or its text cannot be read.
    """
    pair_editor.editor()
    messages: Messages | None = None
    wrong: FtuiError | None = None
    try:
        with app.suspend():
            # An exception that left this block would leave the terminal to an editor that is gone.
            try:
                messages = pair_editor.edit(pair.messages)
                if messages is not None:
                    check_messages(messages)
                    # While the screen is not there: it may take a second, and nothing can come between.
                    tokens, marks = _worked_out(app.store.name, pair, messages)
                    app.store.pairs.edit(pair.id, messages, tokens, marks)
            except Exception as error:
                wrong = describe(error)
    except SuspendNotSupported:
        app.say("this terminal cannot be lent to an editor · e edits here")
        return
    if wrong is None:
        done(pair, messages is not None)
    elif messages is None:
        raise wrong
    else:
        # What was typed goes on in the fields.
        edit_here(app, pair, done, messages, wrong)


def not_edited(name: str) -> str:
    """Why an edit cannot be taken back."""
    return f"{name} is as it was made · e edits it"


def revert(app: FtuiApp, pair: Pair, name: str) -> str:
    """Give a pair the messages back that it was made with; what has been done, in a sentence."""
    if not app.store.pairs.revert(pair.id):
        return not_edited(name)
    return f"{name} is again as it was made · u undo"


def replaying(store: Store, step: Step, way: Way) -> Iterator[BulkProgress]:
    """Undo or redo an edit from before a preparation: its flags are worked out anew, as with an edit."""
    outdated = store.pairs.outdated(step, way)
    marks = _work_out(store, *outdated)[1] if outdated else None
    yield from store.pairs.replaying(way, step, marks)


async def _save(app: FtuiApp, pair: Pair, messages: Messages) -> None:
    """Write an edit. What was decided on meanwhile stays; the pair is the one that was opened."""
    store = app.store
    tokens, marks = await asyncio.to_thread(_worked_out, store.name, pair, messages)
    store.pairs.edit(pair.id, messages, tokens, marks)


def _worked_out(project: str, pair: Pair, messages: Messages) -> tuple[int, Marks]:
    with Store(project, recover=False) as store:
        return _work_out(store, pair, messages)


def _work_out(store: Store, pair: Pair, messages: Messages) -> tuple[int, Marks]:
    """The tokens and the flags of a pair with these messages; with the usual recipe where its own is broken."""
    from ftui.prepare import editing
    from ftui.prepare import project as projects
    from ftui.prepare.limit import Limit
    from ftui.prepare.recipe import Recipe
    from ftui.train import target

    try:
        recipe = projects.load(store)
    except InputError:  # it is said in its place
        recipe = Recipe()
    try:
        limit = target.of(store).limit(recipe.tokens.most)
        return editing.marks(pair, messages, recipe.cleaning, limit)
    except FtuiError:  # a model or a provider that cannot be read: an edit must not be lost for it
        return editing.marks(pair, messages, recipe.cleaning, Limit(0))
