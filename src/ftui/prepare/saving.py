"""A recipe that is saved in the app: a step that can be undone and done again, as a decision on a pair can."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ftui import paths
from ftui.errors import InputError
from ftui.prepare import project
from ftui.store import Store
from ftui.store.journal import Step, Way

LABEL = "saved the recipe"


def save(store: Store, text: str, *, aside: bool = False, readable: bool = True) -> Path | None:
    """Write the project's recipe down; gives where the one of before is kept, if it is.

    Args:
        aside: keep the file as it is now beside it.
        readable: whether that is one that `project.read` takes; another one cannot come back by undo.

    Raises:
        OSError: it cannot be written, and all is as it was.
    """
    with store.database.write():
        before = _now(store) if readable else None
        kept = project.set_aside(store, readable=readable) if aside else None
        if before is not None and before != text:
            batch = store.pairs.note(LABEL, "", "recipe saved")
            store.recipe_texts.keep(batch, before, text)
        # Under the lock and before the commit: a file that cannot be written leaves no step.
        paths.write_atomic(store.recipe_path, text)
    return kept


def replay(store: Store, step: Step, way: Way) -> None:
    """Put the recipe back to what it was before a step saved it, or after that.

    Raises:
        InputError: somebody has changed the file since. It stays; the text that was asked for
            is beside it, and the step is none any more, so that the others can be reached.
        BusyError: another step has come since.
    """
    kept: Path | None = None
    with store.database.write():
        before, after = store.recipe_texts.of(step)
        found, wanted = (after, before) if way == "undo" else (before, after)
        # Blank lines at the end may be from a rule that was put in and taken out again.
        now = _now(store) if store.recipe_path.exists() else found
        ours = now is not None and now.rstrip() in (found.rstrip(), wanted.rstrip())
        if ours:
            store.pairs.undo(step) if way == "undo" else store.pairs.redo(step)
            paths.write_atomic(store.recipe_path, wanted)
        else:
            kept = project.keep_beside(store, wanted.encode())
            store.recipe_texts.forget(step)
    if kept is not None:
        which = "The earlier text" if way == "undo" else "The text that was saved"
        raise InputError(
            "The recipe was changed by another program since it was saved",
            "that change is not written over",
            f"{which} is in {kept.name} beside it; {'u' if way == 'undo' else 'ctrl+r'} takes the next step",
        )


def _now(store: Store) -> str | None:
    """The recipe as the file has it; None where that is no text, or there is none."""
    with contextlib.suppress(InputError, OSError):
        return project.read(store) if store.recipe_path.exists() else None
    return None
