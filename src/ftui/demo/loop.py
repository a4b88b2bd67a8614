"""The demo's project: what it collects, prepares and asks, all without an account."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from ftui import paths
from ftui.demo import questions
from ftui.demo.site import SampleSite
from ftui.store import Store, create_project, list_projects
from ftui.store.versions import Question

PROJECT = "lumora"
SITE = "sample site"
GENERAL = "general questions"
SEED = 1
HYPERPARAMETERS = {"n_epochs": 1, "batch_size": 6, "learning_rate_multiplier": 1.0}
"""One pass: the recipe asks every fact in two dozen ways, which is what passes would be for."""


def create() -> None:
    """Make the demo's project where there is none: recipe, questions and sources. Queues nothing."""
    if PROJECT not in list_projects():
        create_project(PROJECT)
    with Store(PROJECT) as store:
        if not store.recipe_path.exists():
            paths.write_atomic(store.recipe_path, (files("ftui.demo") / "recipe.toml").read_bytes())
        if not store.versions.questions(None):
            store.versions.set_questions(
                [
                    Question(item.kind, item.question, item.expected, item.keys)
                    for item in [*questions.heldout(), *questions.general()]
                ]
            )
        names = {source.name for source in store.sources.all()}
        if GENERAL not in names:
            file = store.data_folder / "general.jsonl"
            paths.write_atomic(file, "".join(map(_row, questions.replay())))
            store.sources.add(GENERAL, "files", _valid("files", {"paths": [str(file)]}), "general")
        if SITE not in names:
            start = f"http://127.0.0.1:{_free_port()}/"
            store.sources.add(SITE, "crawl", _valid("crawl", {"start": [start]}))


def start(store: Store) -> list[int]:
    """Queue what the demo begins with: both collections and, where it is missing, the engine.

    Gives the numbers of the tasks. What is there already is not done again.
    """
    from ftui import queue
    from ftui.engine import install

    create()
    tasks = []
    for source in store.sources.all():
        latest = store.tasks.latest("collect", source.id)
        if latest is None or latest.state in ("failed", "stopped"):
            tasks.append(queue.collect_again(store, source.id))
        elif latest.open:
            tasks.append(latest.id)
    if not install.installed(paths.engine_home()):
        tasks.append(queue.install_engine(store))
    return tasks


@asynccontextmanager
async def serve(config: Mapping[str, Any]) -> AsyncIterator[SampleSite]:
    """Serve the sample site at the address that its source was given when it was made."""
    port = urlsplit(config["start"][0]).port or 0
    async with SampleSite(port=port) as site:
        yield site


def _row(replay: questions.Replay) -> str:
    return json.dumps(asdict(replay), ensure_ascii=False) + "\n"


def _valid(kind: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    from ftui import collect

    return collect.validate(kind, config)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
