"""The pairs of the demo: what its model's score was measured with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from ftui import collect
from ftui.demo import questions
from ftui.demo.site import SampleSite
from ftui.events import Batch, Record
from ftui.prepare import Pair, prepare
from ftui.prepare import recipe as recipes

MEASURED = "8f2f4ebb7c2dd08d95ca41a9ffd2b2504301a349067ab7b1f0fd1d20415d675b"
"""SHA-256 over the digests of all pairs, and which of them are held out."""


async def crawled() -> list[Record]:
    records = []
    async with SampleSite() as site:
        source = collect.validate("crawl", {"start": [f"{site.url}/"]})
        async for event in collect.collect("crawl", source, credentials={}):
            items = event.items if isinstance(event, Batch) else [event]
            records += [item for item in items if isinstance(item, Record)]
    return records


def row(identifier: int, source: int, url: str, title: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": identifier, "source": source, "url": url, "title": title, "data": data}


async def test_the_recipe_makes_the_pairs_that_were_measured() -> None:
    records = [row(n, 1, each.url, each.title, each.data) for n, each in enumerate(await crawled())]
    general = [row(1000 + n, 2, "", "", asdict(each)) for n, each in enumerate(questions.replay())]
    recipe = recipes.parse((files("ftui.demo") / "recipe.toml").read_text("utf-8"))
    pairs = [item for item in prepare(records, recipe, general) if isinstance(item, Pair)]
    assert len(pairs) == 617
    names = sorted(f"{pair.digest} {pair.kind} {bool(pair.origin.get('held'))}" for pair in pairs)
    assert hashlib.sha256("\n".join(names).encode()).hexdigest() == MEASURED
