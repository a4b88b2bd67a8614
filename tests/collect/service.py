"""One loopback port for many tests: each puts a Bright Data of its own behind it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from collect.gather import Said
from ftui.collect import Past
from ftui.collect.brightdata import AMAZON_PRODUCTS, BrightData, collect_dataset
from ftui.events import Batch, Checkpoint, Event, Record
from servers.brightdata import TOKEN, BrightDataServer
from servers.serve import serve

CATEGORY = "https://shop.test/best-sellers/kettles"
PAGES = tuple({"url": f"https://shop.test/dp/{n}"} for n in range(3))


@dataclass
class Stage:
    """Where `server` answers."""

    url: str = ""
    server: BrightDataServer = field(default_factory=BrightDataServer)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.server.app(scope, receive, send)


@contextmanager
def stage() -> Iterator[Stage]:
    found = Stage()
    with serve(found) as url:
        found.url = url
        yield found


def job(**more: Any) -> BrightData:
    """A discovery, unless told otherwise."""
    settings = {"inputs": [{"category_url": CATEGORY}], "discover_by": "best_sellers_url", "limit": 50}
    return BrightData(**{"dataset_id": AMAZON_PRODUCTS, **settings, "poll_seconds": 0.01, **more})


def pages(**more: Any) -> BrightData:
    """A job of three pages."""
    return BrightData(**{"inputs": PAGES, "poll_seconds": 0.01, **more})


def run(
    url: str, config: BrightData | None = None, past: Past | None = None, *, patience: float = 30.0
) -> AsyncGenerator[Event, None]:
    return collect_dataset(config or job(), TOKEN, base_url=url, past=past or Past(), patience=patience)


def past_of(said: Said) -> Past:
    """What a run that goes on is told."""
    return Past(said.states[-1] if said.states else {}, tuple(said.ledger))


def replay(events: list[Event]) -> Said:
    said = Said()
    for event in events:
        said.take(event)
    return said


def taken(said: Said) -> list[Record]:
    """Every record, those under one key too."""
    return [
        item for event in said.order if isinstance(event, Batch) for item in event.items if isinstance(item, Record)
    ]


async def stop_at(events: AsyncGenerator[Event, None], name: str) -> Said:
    """Listen until the checkpoint that holds a name."""
    said = Said()
    async for event in events:
        said.take(event)
        if isinstance(event, Checkpoint) and name in event.state:
            break
    await events.aclose()
    return said


def ndjson(*rows: Any) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def collector(**more: Any) -> BrightData:
    """A job of a collector of one's own."""
    return BrightData(
        **{"dataset_id": "c_kettles", "inputs": PAGES, "limit_per_input": 5, "poll_seconds": 0.01, **more}
    )
