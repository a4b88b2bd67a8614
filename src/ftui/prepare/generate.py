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
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
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
from ftui.units import dollars

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
        there: requests that have one.
        cost: US dollars if each is sent once and has the longest answer.
        cost_at_most: if each has to be sent twice.
    """

    requests: int = 0
    records: int = 0
    there: int = 0
    cost: float = 0.0
    cost_at_most: float = 0.0

    def __add__(self, other: Plan) -> Plan:
        return Plan(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))


def about(records: Iterable[Mapping[str, Any]], recipe: Recipe, cleaner: Cleaner) -> Iterator[Ask | None]:
    """What the recipe's model is asked about records; now and then None, since many have nothing to ask about.

    Args:
        cleaner: as for `prepare`, and one that has learnt the same: what is asked about is the clean text.
    """
    for number, record in enumerate(records, start=1):
        yield from asks_of(record, recipe, cleaner)
        if number % _LOOK == 0:
            yield None


def plan(asks: Iterable[Ask | None], shelf: Shelf, provider: Provider, model: str, price: Price | None) -> Plan:
    """Count what `generate` would ask, and ask nothing.

    Raises:
        MoneyError: the price is not known.
    """
    price = known(price, model)
    records, seen, there, once, most = set[Any](), set[str](), 0, 0.0, 0.0
    for ask in asks:
        if ask is None or ask.key in seen:
            continue
        seen.add(ask.key)
        if shelf.settled(ask.key):
            there += 1
            continue
        first, second = bounds(ask, provider, price)
        records.add(ask.record)
        once, most = once + first, most + first + second
    return Plan(len(seen) - there, len(records), there, once, most)


async def generate(
    asks: Iterable[Ask | None],
    shelf: Shelf,
    client: AsyncOpenAI,
    provider: Provider,
    model: str,
    *,
    price: Price | None,
    budget: float,
    done: int = 0,
    total: int | None = None,
    at_once: int = AT_ONCE,
    wait: float = 1.0,
) -> AsyncGenerator[Event, None]:
    """Ask a model; what it wrote comes as entries of the task's ledger.

    `shelf.get` is what `prepare` takes as `written`.

    Args:
        asks: each is sent once, and none that has its answer.
        shelf: the task's ledger and those of earlier ones; what is written now comes to it as well.
        client: for `provider`.
        price: of the model, None when nobody knows.
        budget: US dollars that the task may spend, with what its ledger says was spent.
        done: requests that count as answered from the start, `total` all.
        wait: seconds to the second try when the service is busy and does not say how long.

    Raises:
        MoneyError: the price is not known.
        FtuiError: the service takes no request at all, or no answer can be used. What was
            answered before has been given as entries.
    """
    price = known(price, model)
    run = _Run(shelf, budget, total, bool(price.input or price.output), done)
    caller = Caller(client, provider, model, price, wait=wait)
    new = _new(asks, shelf)
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
            ready, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in ready:
                ask, most = running.pop(task)
                run.reserved -= most
                for event in run.finished(ask, task):
                    yield event
        if run.error is not None:
            raise run.error
        if waiting is not None:
            yield Note(f"{dollars(budget)} do not reach for the next request to {model}", "warn")
        yield Result({**run.counts(), "stopped": "budget" if waiting is not None else ""})
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


_END: Any = object()


def _new(asks: Iterable[Ask | None], shelf: Shelf) -> Iterator[Ask | None]:
    """The requests that have no answer, each once."""
    seen = set[str]()
    for ask in asks:
        if ask is None:
            yield None
        elif ask.key not in seen and not shelf.settled(ask.key):
            seen.add(ask.key)
            yield ask


def known(price: Price | None, model: str) -> Price:
    """A price that is one.

    Raises:
        MoneyError: nobody knows it.
    """
    if price is None:
        raise MoneyError(
            f"The price of {model} is not known",
            "so nobody can say what this will cost",
            f'Set input and output under [prices."{model}"] in config.toml, in dollars per million tokens (0 for free)',
        )
    return price


@dataclass(slots=True)
class _Run:
    """What one run counts."""

    shelf: Shelf
    budget: float
    total: int | None
    costs: bool
    before: int
    reserved: float = 0.0
    done: int = 0
    failed: int = 0
    items: int = 0
    in_a_row: int = 0
    error: FtuiError | None = None

    def affords(self, most: float) -> bool:
        return not most or self.shelf.spent + most <= self.budget + 1e-9

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
            self.before + self.done,
            self.total,
            "requests",
            failed=self.failed,
            text="a model writes",
            cost=round(self.shelf.spent - self.reserved, 6) if self.costs else None,
            cost_at_most=self.budget if self.costs else None,
        )

    def counts(self) -> dict[str, Any]:
        return {
            "requests": self.done,
            "failed": self.failed,
            "items": self.items,
            "cost": round(self.shelf.spent, 6),
        }
