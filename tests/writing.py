"""A project whose recipe lets a model at the loopback provider write, and that model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ftui import settings
from ftui.events import Record
from ftui.prepare import project, writing
from ftui.store import Store, create_project
from projects import NAME, add_provider
from servers.provider import Provider
from servers.serve import serve

CHAT = "POST /v1/chat/completions"
RECIPE = """\
[questions]
presentations = 2

[mixture]
general = 0.0

[cleaning]
boilerplate = 0.0

[model]
provider = "loopback"
name = "writer"
pairs = 2
wordings = 0
"""
TEXT = "The Zorbel {} weighs {} grams. Press both ears of it at the same time and its lid opens with a sigh."


def page(number: int) -> Record:
    url = f"http://x.test/{number}"
    return Record(url, url, "", {"markdown": TEXT.format(number, number + 100)})


def pages(*numbers: int) -> list[Record]:
    return [page(number) for number in numbers]


def number_in(body: Mapping[str, Any]) -> int:
    """The number of the page that a request is about."""
    return int(body["messages"][1]["content"].split()[2])


def good(body: Mapping[str, Any]) -> str:
    """The answer of a model that does as it is told."""
    number = number_in(body)
    pair = {
        "question": f"How heavy is the Zorbel {number}?",
        "also": [],
        "answer": f"The Zorbel {number} weighs {number + 100} grams.",
        "quote": f"The Zorbel {number} weighs {number + 100} grams",
    }
    return json.dumps({"pairs": [pair]})


@contextmanager
def writing_project(count: int, recipe: str = RECIPE, *, price: float | None = 4.0) -> Iterator[tuple[Store, Provider]]:
    """A project of `count` pages; the model costs `price` dollars per million tokens, None where nobody knows."""
    provider = Provider(answer=good)
    with serve(provider.app) as address:
        add_provider(address)
        if price is not None:
            config = settings.config()
            config["prices"] = {"writer": {"input": price, "output": price}}
            settings.save_config(config)
        create_project(NAME)
        with Store(NAME) as store:
            store.recipe_path.write_text(recipe)
            source = store.sources.add("pages", "files", {"paths": ["x"]})
            store.records.put(source.id, pages(*range(count)))
            yield store, provider


def planned(store: Store) -> writing.Planned:
    return writing.plan(store, project.load(store))


def at_most(store: Store) -> float:
    """What a run can cost at most, as a person would be told."""
    return planned(store).plan.cost_at_most


def made(store: Store) -> dict[str, dict[str, str]]:
    """The flags of each pair, by its question as the model wrote it."""
    found = store.pairs.page(store.pairs.ids()).values()
    return {pair.text("user"): dict(pair.flags) for pair in found if pair.origin["phrasing"] == "site"}
