"""What models are asked for a project, and what that costs at most: the same for who asks first and who spends then."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftui.connect import prices, providers
from ftui.connect.prices import Price
from ftui.connect.providers import Provider
from ftui.prepare import generate, project, replay
from ftui.prepare.asking import Ask
from ftui.prepare.cleaner import Cleaner
from ftui.prepare.generate import Plan
from ftui.prepare.recipe import Recipe
from ftui.prepare.shelf import Shelf
from ftui.prepare.template import system_message
from ftui.store import Store
from ftui.store.tasks import Task


@dataclass(frozen=True, slots=True)
class Part:
    """One model and all that it is asked, answered or not.

    Attributes:
        price: None where nobody knows it.
    """

    provider: Provider
    model: str
    price: Price | None
    asks: Callable[[], Iterable[Ask | None]]

    @property
    def free(self) -> bool:
        return self.price is not None and not self.price.input and not self.price.output

    @property
    def name(self) -> str:
        return f"{self.model} of {self.provider.title}"


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run of the recipe would ask.

    Attributes:
        models: their names, for a person.
        free: whether none of them costs anything.
        left: US dollars of the project's budget.
    """

    models: tuple[str, ...]
    free: bool
    plan: Plan
    left: float


def parts(store: Store, recipe: Recipe, cleaner: Cleaner, only: Sequence[int] = ()) -> list[Part]:
    """The models that a recipe asks, in their order; none where it asks none.

    Args:
        cleaner: that has learnt from all records of the domain.
        only: numbers of the records that they are asked about; () for all, and general questions too.

    Raises:
        InputError: there is no such provider.
    """
    result = []
    if recipe.model.name:
        result.append(
            _part(recipe.model.provider, recipe.model.name, lambda: generate.about(_some(store, only), recipe, cleaner))
        )
    if recipe.replay.name and recipe.mixture.general and not only:
        system = system_message(recipe)
        general = lambda: replay.asks(project.records(store, "general"), recipe, system)  # noqa: E731
        result.append(_part(recipe.replay.provider, recipe.replay.name, general))
    return result


def plan(store: Store, recipe: Recipe, only: Sequence[int] = ()) -> Planned:
    """Count what there is to ask: reads all records, so not for the thread of a screen.

    Raises:
        MoneyError: the price of a model is not known.
        InputError: there is no such provider.
    """
    cleaner, shelf = project.learnt(store, recipe), project.written(store, recipe)
    models, total, free = list[str](), Plan(), True
    for part in parts(store, recipe, cleaner, only):
        total += generate.plan(part.asks(), shelf, part.provider, part.model, part.price)
        models.append(part.name)
        free = free and part.free
    # Rounded down: what is left, spent as well, must not be above the budget by a trace of a float.
    left = math.floor(max(store.money.budget - store.money.spent(), 0.0) * 1e6) / 1e6
    return Planned(tuple(models), free, total, left)


def costs(recipe: Recipe) -> bool:
    """Whether a run of the recipe can cost anything, or nobody knows; reads no record."""
    named = [(part.provider, part.name) for part in (recipe.model, recipe.replay) if part.name]
    return recipe.asks and not all(_part(provider, name, tuple).free for provider, name in named)


def reference(task: Task) -> str:
    """What a task's spending is written down under."""
    return f"{task.kind}-{task.id}"


def settle(store: Store, task: Task, shelf: Shelf | None = None) -> float:
    """Write down what a task has spent, and give back what was reserved beyond that; gives the US dollars.

    What was sent and has no answer counts with the most that it can cost.
    """
    shelf = shelf or Shelf.of(store.tasks.ledger(task.id))
    store.money.settle(reference(task), shelf.spent)
    return shelf.spent


def _part(provider: str, model: str, asks: Callable[[], Iterable[Ask | None]]) -> Part:
    found = providers.get(provider)
    return Part(found, model, prices.chat(found, model), asks)


def _some(store: Store, only: Sequence[int]) -> Iterator[Mapping[str, Any]]:
    if not only:
        return project.records(store)
    found = (store.records.get(number) for number in only)
    return (record for record in found if record is not None)
