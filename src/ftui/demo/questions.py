"""What the models of the demo are asked, and what counts as a right answer."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from ftui.prepare.replay import general_pairs


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is never trained on.

    Attributes:
        kind: "heldout" (about the site) or "general" (what every model should know).
        question: what is asked.
        expected: the right answer in a few words, for a person.
        keys: texts of which a right answer has at least one.
        fact: the question under which the site states the fact; "" for general ones.
    """

    kind: Literal["heldout", "general"]
    question: str
    expected: str
    keys: tuple[str, ...]
    fact: str = ""


@dataclass(frozen=True, slots=True)
class Replay:
    """An ordinary question with its answer, mixed into training."""

    question: str
    answer: str


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "questions.toml").read_text("utf-8"))


def heldout() -> list[Question]:
    """The held-out questions on the sample site, one a fact."""
    return [Question("heldout", **(entry | {"keys": tuple(entry["keys"])})) for entry in _read()["heldout"]]


def general() -> list[Question]:
    """Ten questions that the base model answers right."""
    return [Question("general", **(entry | {"keys": tuple(entry["keys"])})) for entry in _read()["general"]]


def replay() -> list[Replay]:
    """The ordinary pairs of the demo's mixture."""
    return [Replay(*entry) for entry in general_pairs()]
