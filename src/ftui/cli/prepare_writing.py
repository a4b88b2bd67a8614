"""What `ftui prepare` does about models that write: their price, their answers, and the task that asks them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftui import queue
from ftui.cli.common import dollars as amount
from ftui.cli.common import follow, one_line
from ftui.errors import InputError, MoneyError
from ftui.store import Store
from ftui.store.tasks import WRITING, Task
from ftui.units import dollars

if TYPE_CHECKING:
    from ftui.prepare.asking import Ask
    from ftui.prepare.recipe import Recipe

LONGEST = 1200
"""Characters of a request that are shown."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-cost",
        type=amount,
        metavar="DOLLARS",
        help="needed where the recipe asks a model that costs: at most this much, 0 asks only what is free;"
        " with --preview: really ask about the records that are shown",
    )
    control = parser.add_mutually_exclusive_group()
    control.add_argument("--pause", action="store_true", help="pause the preparation that runs")
    control.add_argument("--go-on", action="store_true", help="let one go on that is paused, stopped or has failed")
    control.add_argument("--stop", action="store_true", help="stop the preparation that runs; what it has stays")


def controlled(store: Store, options: argparse.Namespace) -> Task | None:
    """Do what was asked about a preparation that is there already; gives it, None where nothing was asked.

    Raises:
        InputError: there is none to do it to.
    """
    if not (options.pause or options.stop or options.go_on):
        return None
    latest = max(filter(None, map(store.tasks.latest, WRITING)), key=lambda task: task.id, default=None)
    if latest is None or (latest.state == "done" if options.go_on else not latest.open):
        raise InputError("No pairs are being made", "nothing waits or runs here", "Start it: ftui prepare")
    if options.go_on:
        queue.resume(store, latest.id)
    else:
        (queue.stop if options.stop else queue.pause)(store, latest.id)
    return store.tasks.get(latest.id)


def allowed(store: Store, recipe: Recipe, options: argparse.Namespace, only: Sequence[int] = ()) -> float:
    """US dollars that the models of a recipe may cost: a script says what it is willing to spend.

    Raises:
        MoneyError: it does not say, or the price is not known.
    """
    from ftui.prepare import writing

    if options.max_cost == 0 or not writing.costs(recipe):
        return 0.0
    planned = writing.plan(store, recipe, only)
    most = planned.plan.cost_at_most
    if not most:
        return 0.0
    what = f"{planned.plan.requests:,} requests to {one_line(' and '.join(planned.models))}"
    what += f" cost {dollars(most, up=True)} at most"
    if options.max_cost is None:
        raise MoneyError("This recipe lets a model write", what, "Add: --max-cost DOLLARS (0 asks only what is free)")
    reach = ", of which as many are sent as that pays for" if most > options.max_cost else ""
    print(f"{what}; the limit is {dollars(options.max_cost)}{reach}", file=sys.stderr)
    return float(min(options.max_cost, most))


def ask_about(store: Store, recipe: Recipe, records: Sequence[int], options: argparse.Namespace) -> None:
    """Let the recipe's model write about some records, and wait for it."""
    task = queue.write(store, records, allowed(store, recipe, options, records))
    ended = follow(store, task, as_json=options.json)
    if not options.json:
        for line in report(ended.result or {}):
            print(line, file=sys.stderr)


def report(written: Mapping[str, Any]) -> Iterator[str]:
    """What came of the requests of a run, in numbers that add up; nothing where none was sent."""
    if written.get("requests"):
        sent, failed = written["requests"], written["failed"]
        yield f"{sent:,} requests: {sent - failed:,} answered, {failed:,} without use, {dollars(written['cost'])} paid"
    if written.get("stopped"):
        yield "  ! the limit was reached: what was not asked is named below as not written yet"


def requests_as_text(requests: Sequence[Ask], told: set[str]) -> Iterator[str]:
    """What a model would be asked, a line each; the first of a kind with its words.

    Args:
        told: kinds whose words have been shown; they come to it.
    """
    for ask in requests:
        yield f"  ~ a model would be asked: {ask.kind}, {one_line(ask.subject)[:160]}"
        if ask.kind in told:
            continue
        told.add(ask.kind)
        for message in ask.messages:
            text = message["content"]
            whole = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
            yield from (f"      {message['role']:<6}  {one_line(line)}" for line in whole.splitlines() if line.strip())
