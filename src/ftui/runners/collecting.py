"""One collection: its key, its money, its past, and its end when a person stops it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from ftui import credentials
from ftui.connect import checks
from ftui.errors import describe
from ftui.events import Checkpoint, Event, Note, Progress, Result
from ftui.store import Store
from ftui.store.records import Source
from ftui.store.tasks import Task

WIND_UP_SECONDS = 120.0
"""The longest that a stopped collection may take to cancel what runs and to take what has come."""


async def collect_records(store: Store, task: Task) -> AsyncIterator[Event]:
    """The events of a collection; what it can cost is reserved before it begins."""
    from ftui import collect
    from ftui.demo import loop as demo

    source = store.sources.get(int(task.args["source"]))
    past = _past(store, task, source)
    reference = f"collect-{task.id}"
    cost = collect.cost_at_most(source.kind, source.config, past.only)
    keys = _keys() if collect.needs_key(source.kind, source.config) else {}
    if cost:
        store.money.reserve(f"Collecting {source.name}", reference, cost)
    # What was asked for, at any time, may be on the bill.
    asked = bool(task.checkpoint or past.ledger)
    try:
        async with contextlib.AsyncExitStack() as stack:
            if store.name == demo.PROJECT and source.name == demo.SITE:
                await stack.enter_async_context(demo.serve(source.config))
            address = checks.brightdata_url()
            events = collect.collect(source.kind, source.config, past, credentials=keys, brightdata_url=address)
            await stack.enter_async_context(aclosing(events))
            async for event in events:
                if isinstance(event, Checkpoint):
                    asked = bool(event.state) or "snapshot_id" in task.checkpoint
                elif isinstance(event, Progress) and event.cost:
                    asked = True
                elif isinstance(event, Result):
                    _settle(store, reference, event)
                yield event
    except Exception:
        if not asked:
            store.money.settle(reference, 0.0)
        elif source.kind == "crawl" and cost:
            # Each request is a purchase of its own, so that the bill is known; a job's is not.
            _settle_so_far(store, task, source)
        raise


async def wind_up(store: Store, task: Task) -> AsyncIterator[Event]:
    """What is left to do when a person has stopped a collection: what runs for money elsewhere must end too."""
    from ftui import collect

    source = store.sources.get(int(task.args["source"]))
    if not collect.needs_key(source.kind, source.config):
        return
    try:
        async with asyncio.timeout(WIND_UP_SECONDS):
            events = collect.wind_up(
                source.kind,
                source.config,
                _past(store, task, source),
                credentials=_keys(),
                brightdata_url=checks.brightdata_url(),
            )
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Result):
                        _settle(store, f"collect-{task.id}", event)
                    yield event
    except Exception as error:
        yield Note(f"What runs at the vendor could not be ended: {describe(error)}", "error")


def _past(store: Store, task: Task, source: Source) -> Any:
    from ftui import collect

    failed_of = task.args.get("failed_of")
    return collect.Past(
        task.checkpoint,
        store.tasks.ledger(task.id),
        lambda key: store.records.known(source.id, key, task.id),
        tuple(store.tasks.failed_subjects(int(failed_of))) if failed_of else (),
    )


def _keys() -> Mapping[str, str]:
    """The key of Bright Data.

    Raises:
        CredentialError: there is none.
    """
    address = checks.brightdata_url()
    found = credentials.find("brightdata", address, address)
    if found is None:
        raise checks.no_brightdata_token()
    return {"brightdata": found.key}


def _settle_so_far(store: Store, task: Task, source: Source) -> None:
    from ftui import collect

    if (bill := collect.bill_so_far(source.kind, source.config, _past(store, task, source))) is not None:
        _settle(store, f"collect-{task.id}", bill)


def _settle(store: Store, reference: str, result: Result) -> None:
    if "cost" in result.data:
        store.money.settle(reference, float(result.data["cost"]))
