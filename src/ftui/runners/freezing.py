"""The accepted pairs as a dataset version."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ftui.store import Store
from ftui.store.versions import Question, Version

if TYPE_CHECKING:
    from ftui.prepare.export import Aside

HELD_QUESTIONS = 50
"""The most held-out questions of a version: each costs two answers to compare."""


class Freezing(NamedTuple):
    """A version that was made.

    Attributes:
        aside: pairs that are not in it, since no provider takes them.
        unchecked: why it holds nothing out to check on; "" where it does.
    """

    version: Version
    aside: tuple[Aside, ...]
    unchecked: str


def freeze(store: Store) -> Freezing:
    """The accepted pairs as a dataset version, with the questions that it holds out.

    The same pairs and recipe are the same version.

    Raises:
        InputError: there is too little to train on, or the recipe cannot be followed.
    """
    from ftui.compare import metrics
    from ftui.prepare import export, project
    from ftui.prepare import recipe as recipes

    recipe = project.load(store)
    frozen = export.freeze(store.pairs.accepted(), recipe)
    version = store.versions.add(
        frozen.digest,
        frozen.train,
        frozen.validation,
        train_rows=frozen.train_rows,
        validation_rows=frozen.validation_rows,
        train_tokens=frozen.train_tokens,
        system=frozen.system,
        recipe=recipes.dump(recipe),
    )
    questions = []
    for question, answer in frozen.held_out:
        # Where nothing in the answer tells, nobody could say whether a model knows it.
        if keys := metrics.derive_keys(question, answer):
            questions.append(Question("heldout", question, answer, keys))
    store.versions.set_questions(questions[:HELD_QUESTIONS], version.id)
    return Freezing(version, frozen.aside, frozen.unchecked)
