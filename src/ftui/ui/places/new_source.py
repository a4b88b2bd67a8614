"""The way to a new source: which kind, its settings, and what it costs at most."""

from __future__ import annotations

import asyncio
import importlib
import os
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ftui.errors import InputError
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.choose import Choice, ChooseScreen
from ftui.ui.screens.form import Field, FormScreen, Values
from ftui.ui.text import money, row

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

BEST_SELLERS = "gd_l7q7dkf244hwjntr0"
"""Bright Data's dataset of Amazon products."""

_KINDS = (
    Choice("c", "a website", "crawl from start pages or a sitemap, free", "crawl"),
    Choice("b", "Bright Data", "a dataset, costs money by the record", "brightdata"),
    Choice("f", "files", "JSON, JSONL or CSV on this machine, free", "files"),
)
_FIELDS = {
    "crawl": (
        Field("start", "Start pages", hint="https://example.com/support/  (blanks between several)"),
        Field("sitemap", "Sitemap (may be empty)", hint="https://example.com/sitemap.xml"),
        Field("max_pages", "At most this many pages", "500"),
    ),
    "brightdata": (
        Field("dataset_id", "Dataset", BEST_SELLERS),
        Field("inputs", "Category pages", hint="https://www.amazon.com/best-sellers/…  (blanks between several)"),
        Field("discover_by", "Discover by (none: each address is a page of its own)", "best_sellers_url"),
        Field("limit", "At most this many records for each address", "50"),
    ),
    "files": (Field("paths", "Files", hint="~/data/*.jsonl  (blanks between several, quotes around blanks)"),),
}


def choose(app: FtuiApp, started: Callable[[str], None]) -> None:
    """Ask for the kind, then the settings; `started` gets the source's name."""

    def chosen(kind: str | None) -> None:
        if kind is not None:
            _fill(app, kind, started)

    app.push_screen(ChooseScreen("New source", _KINDS), chosen)


def _fill(app: FtuiApp, kind: str, started: Callable[[str], None]) -> None:
    title = "New source: " + next(choice.title for choice in _KINDS if choice.value == kind)

    async def check(values: Values) -> None:
        collect = await asyncio.to_thread(importlib.import_module, "ftui.collect")
        collect.validate(kind, settings_from(kind, values))

    def filled(values: Values | None) -> None:
        if values is None:
            return
        config = settings_from(kind, values)

        def start() -> None:
            app.drafts.pop(title, None)
            _start(app, kind, config, started)

        # Whoever finds it too dear changes the limit and types nothing else again.
        app.drafts[title] = values
        confirm_cost(app, kind, config, start)

    lead = {
        "crawl": "Pages of the same site, as its robots.txt allows, a few at a time.",
        "brightdata": "The default collects Amazon best sellers of a category.",
        "files": "Each row or object becomes a record.",
    }[kind]
    app.push_screen(FormScreen(title, _FIELDS[kind], check, lead=[row(lead), ()], save_label="collect"), filled)


def _start(app: FtuiApp, kind: str, config: Mapping[str, Any], started: Callable[[str], None]) -> None:
    from ftui import queue

    with app.trying():
        task = app.store.tasks.get(queue.collect(app.store, kind, config))
        started(task.title)


def confirm_cost(app: FtuiApp, kind: str, config: Mapping[str, Any], go_on: Callable[[], None]) -> None:
    """Call `go_on`; where the collection costs money, only after a `y` to what it costs at most."""
    if kind != "brightdata":
        go_on()
        return
    from ftui import collect

    with app.trying():
        cost = collect.cost_at_most(kind, config)
        left = app.store.money.budget - app.store.money.spent()
        detail = [
            row("at most        ", (money(cost), "bold")),
            row(("left of budget ", "dim"), money(left)),
            row(("Bright Data bills what it delivers; the rate is an estimate.", "dim")),
        ]
        question = f"Collect from Bright Data for at most {money(cost)}?"
        app.push_screen(
            AskScreen(question, detail, yes_label=f"spend up to {money(cost)}"), lambda yes: go_on() if yes else None
        )


def settings_from(kind: str, values: Values) -> dict[str, Any]:
    """The settings of a collector from what was typed.

    Raises:
        InputError: something that must be a number is none, a quote is open.
    """
    if kind == "crawl":
        config: dict[str, Any] = {"start": values["start"].split(), "max_pages": number(values["max_pages"], "pages")}
        return config | ({"sitemap": values["sitemap"]} if values["sitemap"] else {})
    if kind == "brightdata":
        from ftui import collect

        return collect.brightdata_config(
            values["inputs"].split(),
            dataset=values["dataset_id"],
            discover_by=values["discover_by"],
            limit=number(values["limit"], "records"),
        )
    try:
        typed = shlex.split(values["paths"])
    except ValueError as error:
        raise InputError("The files cannot be read from this line", str(error), "Close the quotes") from error
    return {"paths": [os.path.expanduser(path) for path in typed]}


def number(text: str, what: str) -> int:
    """A positive whole number out of a text."""
    digits = text.replace(",", "").strip()
    if not digits.isdigit() or int(digits) < 1:
        raise InputError(
            f"{text!r} is not a number of {what}", "it has to be a whole number from 1 on", "For example 50"
        )
    return int(digits)
