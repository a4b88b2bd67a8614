"""The rule that a project's rejections speak for, and what a person says to it."""

from __future__ import annotations

from dataclasses import dataclass

from ftui.errors import InputError
from ftui.prepare import project
from ftui.prepare.recipe_text import with_rule, without_rule
from ftui.prepare.rules import Rule, learn
from ftui.store import Store
from ftui.store.filters import Filter, Term
from ftui.store.journal import Step, Way
from ftui.store.judged import LEAST, SAMPLE

_FEWEST = 3
"""Pending pairs that a rule has to fit: fewer are rejected faster by hand."""
_TRIED = 8


@dataclass(frozen=True, slots=True)
class Offer:
    """A rule to be looked at.

    Attributes:
        pending: pairs that it would reject now.
    """

    rule: Rule
    pending: int

    @property
    def sentence(self) -> str:
        """What it would have done, with all numbers."""
        rule = self.rule
        return (
            f"`{rule.text}` would have caught {rule.caught:,} of your {'latest ' if rule.latest else ''}"
            f"{rule.rejected:,} rejections and {rule.wrong:,} of {rule.accepted:,} accepted;"
            f" {self.pending:,} pending {'pair fits' if self.pending == 1 else 'pairs fit'}"
        )


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the decisions gave.

    Attributes:
        rejected: pairs that were rejected by hand so far.
    """

    rejected: int
    offer: Offer | None


def propose(store: Store) -> Looked:
    """Look for a rule in what was decided by hand last: as quick for 200,000 decisions as for 10,000."""
    rejected = store.pairs.rejected_by_hand()
    if rejected < LEAST:
        return Looked(rejected, None)
    answers = store.rules.answers()
    used = {text for text, answer in answers.items() if answer != "declined"} | set(_in_recipe(store))
    declined = [text for text, answer in answers.items() if answer == "declined"]
    for number, rule in enumerate(learn(store.pairs.judged(SAMPLE), sorted(used), declined)):
        if number == _TRIED:
            break
        pending = len(store.pairs.view_ids(fitting(rule.text)))
        if pending >= _FEWEST:
            return Looked(rejected, Offer(rule, pending))
    return Looked(rejected, None)


def fitting(rule: str) -> Filter:
    """The pending pairs that a rule fits."""
    return Filter(rule, also=(Term("is", "pending"),))


def decline(store: Store, rule: str) -> bool:
    """Do not propose a rule again, as a step that can be undone; False where it is followed, and stays so."""
    with store.database.write():
        if store.rules.answers().get(rule) in ("followed", "in recipe"):
            return False
        store.pairs.note(f"rule declined: {rule}", rule, "declined")
        return True


def put_into_recipe(store: Store, rule: str) -> None:
    """Write a rule into the project's recipe, whose other lines stay, as a step that can be undone: see `replay`.

    Raises:
        InputError: the recipe cannot be followed, or has no place for it that can be told.
    """
    with store.database.write():
        text = project.read(store)
        if with_rule(text, rule) == text:
            return
        store.pairs.note(f"rule put into the recipe: {rule}", rule, "in recipe")
    project.settle(store)


def replay(store: Store, step: Step, way: Way) -> None:
    """Undo or redo what was said to a rule; the recipe is changed with it.

    Raises:
        InputError: the recipe cannot be followed as it is now, and what is said of it stays.
        BusyError: another step has come since.
    """
    if step.said == "in recipe":
        # Only to see whether it can be done.
        (without_rule if way == "undo" else with_rule)(project.read(store), step.rule)
    store.pairs.undo(step) if way == "undo" else store.pairs.redo(step)
    project.settle(store)


def _in_recipe(store: Store) -> tuple[str, ...]:
    if not store.recipe_path.exists():
        return ()
    try:
        return project.load(store).rules.reject
    except InputError:  # it is said where the recipe is used
        return ()
