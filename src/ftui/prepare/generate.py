"""Pairs written by a model: requests about records, one answer at a time, within a budget.

What is asked is in `asking`, how an answer is read in `answer`, how one is got in `calling`.
Here is the order of it all, so that no money is lost:

- Before a request is sent, an `Entry` says what it can cost at most; when it has ended, another
  has the answer and what it cost. A task that is killed sends again only what had no answer
  yet, and counts that as paid.
- A request is sent only while the most that it can cost fits into the budget. That is the price
  of two: an answer that cannot be used, or that got lost, is asked for once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftui.connect.prices import Price
from ftui.connect.providers import Provider
from ftui.errors import FtuiError, MoneyError, ServiceError
from ftui.events import Entry, Event, Failure, Note, Progress, Result
from ftui.prepare.asking import Ask, asks_of
from ftui.prepare.calling import Caller, bounds
from ftui.prepare.cleaner import Cleaner
from ftui.prepare.recipe import Recipe
from ftui.prepare.shelf import Shelf, Written, asked

if TYPE_CHECKING:
    from openai import AsyncOpenAI

AT_ONCE = 4
"""Requests in flight, unless told otherwise."""
HOPELESS = 8
"""Requests in a row of which nothing comes before it is given up."""
_LOOK = 100
"""Records without a new request between two signs of life."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to ask.

    Attributes:
        requests: that have no answer yet.
        records: that they are about.
        cost: US dollars if each is sent once and has the longest answer.
        cost_at_most: if each has to be sent twice.
    """

    requests: int
    records: int
    cost: float
    cost_at_most: float


def plan(
    records: Iterable[Mapping[str, Any]],
    recipe: Recipe,
    provider: Provider,
    price: Price | None,
    ledger: Iterable[Mapping[str, Any]] = (),
    cleaner: Cleaner | None = None,
) -> Plan:
    """Count what `generate` would ask, and ask nothing.

    Raises:
        MoneyError: the price is not known.
    """
    price = _known(price, recipe)
    about, requests, once, most = set[Any](), 0, 0.0, 0.0
    for ask in _new(records, recipe, Shelf.of(ledger), cleaner or Cleaner(recipe)):
        if ask is not None:
            first, second = bounds(ask, provider, price)
            about.add(ask.record)
            requests, once, most = requests + 1, once + first, most + first + second
    return Plan(requests, len(about), once, most)


async def generate(
    records: Iterable[Mapping[str, Any]],
    recipe: Recipe,
    client: AsyncOpenAI,
    provider: Provider,
    *,
    price: Price | None,
    budget: float,
    ledger: Iterable[Mapping[str, Any]] = (),
    total: int | None = None,
    cleaner: Cleaner | None = None,
    at_once: int = AT_ONCE,
    wait: float = 1.0,
) -> AsyncIterator[Event]:
    """Ask the recipe's model about records; what it wrote comes as entries of the task's ledger.

    `Shelf.of(ledger).get` is what `prepare` takes as `written`.

    Args:
        client: for `provider`.
        price: of the model, None when nobody knows.
        budget: US dollars that may be spent, with what the ledger says was spent.
        ledger: the entries of this and of earlier runs, in order: their answers are not paid again.
        total: requests, as `plan` counts them.
        cleaner: as for `prepare`, and one that has learnt the same: what is asked about is the clean text.
        wait: seconds to the second try when the service is busy and does not say how long.

    Raises:
        MoneyError: the price is not known.
        FtuiError: the service takes no request at all, or no answer can be used. What was
            answered before has been given as entries.
    """
    price = _known(price, recipe)
    shelf = Shelf.of(ledger)
    run = _Run(shelf, budget, total)
    caller = Caller(client, provider, recipe.model.name, price, wait=wait)
    new = _new(records, recipe, shelf, cleaner or Cleaner(recipe))
    running: dict[asyncio.Task[Written], tuple[Ask, float]] = {}
    ended, waiting = False, None
    try:
        while True:
            while len(running) < at_once and not ended and run.error is None:
                ask = waiting or next(new, _END)
                waiting = None
                if ask is None:
                    yield run.progress()
                    await asyncio.sleep(0)
                    continue
                if ask is _END:
                    ended = True
                    break
                most = sum(bounds(ask, provider, price))
                if not run.affords(most):
                    # What is in flight may cost less than was put by for it.
                    waiting = ask
                    break
                if most:
                    shelf.add(entry := asked(ask.key, most))
                    yield Entry(entry)
                run.reserved += most
                running[asyncio.create_task(caller.ask(ask))] = (ask, most)
            if not running:
                break
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                ask, most = running.pop(task)
                run.reserved -= most
                for event in run.finished(ask, task):
                    yield event
        if run.error is not None:
            raise run.error
        if waiting is not None:
            yield Note(f"The budget of ${budget:,.2f} does not reach for the next request", "warn")
        yield Result({**run.counts(), "stopped": "budget" if waiting is not None else ""})
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


_END: Any = object()


def _new(records: Iterable[Mapping[str, Any]], recipe: Recipe, shelf: Shelf, cleaner: Cleaner) -> Iterator[Ask | None]:
    """The requests that have no answer, each once; now and then None, where many have one."""
    seen = set[str]()
    for number, record in enumerate(records, start=1):
        for ask in asks_of(record, recipe, cleaner):
            if ask.key not in seen and not shelf.settled(ask.key):
                seen.add(ask.key)
                yield ask
        if number % _LOOK == 0:
            yield None


def _known(price: Price | None, recipe: Recipe) -> Price:
    if price is None:
        name = recipe.model.name
        raise MoneyError(
            f"The price of {name} is not known",
            "so nobody can say what this will cost",
            f'Set input and output under [prices."{name}"] in config.toml, in dollars per million tokens (0 for free)',
        )
    return price


@dataclass(slots=True)
class _Run:
    """What one run counts."""

    shelf: Shelf
    budget: float
    total: int | None
    reserved: float = 0.0
    done: int = 0
    failed: int = 0
    items: int = 0
    in_a_row: int = 0
    error: FtuiError | None = None

    def affords(self, most: float) -> bool:
        return self.shelf.spent + most <= self.budget + 1e-9

    def finished(self, ask: Ask, task: asyncio.Task[Written]) -> Iterator[Event]:
        """What there is to say when a request has ended."""
        try:
            written = task.result()
        except FtuiError as error:
            # Others are in flight, and their answers are paid for.
            self.error = self.error or error
            written = Written(ask.key, problem=str(error), again=True)
        self.shelf.add(entry := written.entry())
        yield Entry(entry)
        self.done += 1
        self.items += len(written.items)
        self.in_a_row = 0 if written.items else self.in_a_row + 1
        if not written.items:
            self.failed += 1
            yield Failure(ask.url or ask.subject, written.problem)
            if self.in_a_row >= HOPELESS and self.error is None:
                self.error = ServiceError(
                    f"Nothing came of {HOPELESS} requests one after the other",
                    f"the last one: {written.problem}",
                    "Choose another model in [model] of the recipe; what was written is kept",
                )
        yield self.progress()

    def progress(self) -> Progress:
        return Progress(
            self.done,
            self.total,
            "requests",
            failed=self.failed,
            text=f"{self.items:,} written",
            cost=round(self.shelf.spent - self.reserved, 6),
            cost_at_most=self.budget,
        )

    def counts(self) -> dict[str, Any]:
        return {
            "requests": self.done,
            "failed": self.failed,
            "items": self.items,
            "cost": round(self.shelf.spent, 6),
        }
