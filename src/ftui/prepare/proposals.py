"""The rule that a project's rejections speak for, and what a person says to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from ftui import paths
from ftui.errors import InputError
from ftui.prepare import project
from ftui.prepare.recipe_text import with_rule, without_rule
from ftui.prepare.rules import Rule, learn
from ftui.store import Store
from ftui.store.filters import Filter, Term
from ftui.store.journal import Step, Way
from ftui.store.judged import LEAST, SAMPLE

_KEY = "rules"
_FEWEST = 3
"""Pending pairs that a rule has to fit: fewer are rejected faster by hand."""
_TRIED = 8

Answer = Literal["used", "declined"]

_LABELS: dict[Answer, str] = {"used": "rule put into the recipe: ", "declined": "rule declined: "}
"""Of steps, before the rule."""


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
class Said:
    """What a person said to a rule: "used" where it was put into the recipe."""

    rule: str
    answer: Answer


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
    answers = _answers(store)
    used = {text for text, answer in answers.items() if answer == "used"} | set(_in_recipe(store))
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


def follow(store: Store, rule: str) -> None:
    """Remember that a rule is followed. What was rejected for it is a step of its own."""
    _answer(store, rule, "used")


def unfollow(store: Store, rule: str) -> None:
    """What was rejected for a rule is pending again: it can be proposed again."""
    _answer(store, rule, None)


def decline(store: Store, rule: str) -> None:
    """Remember that a rule is not to be proposed again, as a step that can be undone: see `replay`."""
    with store.database.write():
        store.pairs.note(_LABELS["declined"] + rule)
        _answer(store, rule, "declined")


def put_into_recipe(store: Store, rule: str) -> None:
    """Write a rule into the project's recipe, whose other lines stay, as a step that can be undone: see `replay`.

    Raises:
        InputError: the recipe cannot be followed, or has no place for it that can be told.
    """
    text = project.read(store)
    changed = with_rule(text, rule)
    with store.database.write():
        if changed != text:
            store.pairs.note(_LABELS["used"] + rule)
            paths.write_atomic(store.recipe_path, changed)
        _answer(store, rule, "used")


def said(step: Step) -> Said | None:
    """What was said to a rule in a step of the journal; None for a step that is about pairs."""
    for answer, label in _LABELS.items():
        if step.label.startswith(label):
            return Said(step.label.removeprefix(label), answer)
    return None


def replay(store: Store, said: Said, way: Way) -> None:
    """Undo or redo the next step, which is what was said to a rule; the recipe is changed with it.

    Raises:
        InputError: the recipe cannot be followed as it is now, and what is said of it stays.
    """
    with store.database.write():
        if said.answer == "used":
            text = project.read(store)
            changed = without_rule(text, said.rule) if way == "undo" else with_rule(text, said.rule)
            if changed != text:
                paths.write_atomic(store.recipe_path, changed)
        _answer(store, said.rule, said.answer if way == "redo" else None)
        store.pairs.undo() if way == "undo" else store.pairs.redo()


def _answer(store: Store, rule: str, said: Answer | None) -> None:
    answers = {text: answer for text, answer in _answers(store).items() if text != rule}
    store.meta.set(_KEY, json.dumps(answers | ({rule: said} if said else {})))


def _answers(store: Store) -> dict[str, str]:
    return dict(json.loads(store.meta.get(_KEY, "{}")))


def _in_recipe(store: Store) -> tuple[str, ...]:
    if not store.recipe_path.exists():
        return ()
    try:
        return project.load(store).rules.reject
    except InputError:  # it is said where the recipe is used
        return ()
