"""The rule that a project's rejections speak for, and what a person says to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from ftui import paths
from ftui.errors import InputError
from ftui.prepare import project
from ftui.prepare.recipe_text import with_rule
from ftui.prepare.rules import Rule, learn
from ftui.store import Store
from ftui.store.filters import Filter, Term
from ftui.store.judged import LEAST, SAMPLE

_KEY = "rules"
_FEWEST = 3
"""Pending pairs that a rule has to fit: fewer are rejected faster by hand."""
_TRIED = 8

Answer = Literal["used", "declined"]


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


def answer(store: Store, rule: str, said: Answer) -> None:
    """Remember that a rule is followed, or that it is not to be proposed again."""
    store.meta.set(_KEY, json.dumps(_answers(store) | {rule: said}))


def put_into_recipe(store: Store, rule: str) -> None:
    """Write a rule into the project's recipe, whose other lines stay as they are.

    Raises:
        InputError: the recipe cannot be followed, or has no place for it that can be told.
    """
    changed = with_rule(project.read(store), rule)
    paths.write_atomic(store.recipe_path, changed)
    answer(store, rule, "used")


def _answers(store: Store) -> dict[str, str]:
    return dict(json.loads(store.meta.get(_KEY, "{}")))


def _in_recipe(store: Store) -> tuple[str, ...]:
    if not store.recipe_path.exists():
        return ()
    try:
        return project.load(store).rules.reject
    except InputError:  # it is said where the recipe is used
        return ()
