"""The way to a new source: which kind, its settings, and what it costs at most."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftui.ui.places.progress import dollars
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.choose import Choice, ChooseScreen
from ftui.ui.screens.form import Field, FormScreen, Values
from ftui.ui.text import Row, money, row

if TYPE_CHECKING:
    from ftui.collect.datasets import Dataset, Form
    from ftui.ui.app import FtuiApp

_KINDS = (
    Choice("c", "a website", "crawl from start pages or a sitemap, free", "crawl"),
    Choice("b", "Bright Data", "a dataset or a collector, costs by the record", "brightdata"),
    Choice("s", "a snapshot", "of Bright Data, paid for earlier, free", "snapshot"),
    Choice("f", "files", "of any kind, and folders of them, free", "files"),
)
_LEADS = {
    "crawl": "Pages of the same site, as its robots.txt allows, a few at a time.",
    "files": "JSON, CSV, Parquet, web pages, Markdown, transcripts, PDF, also packed.",
}
Started = Callable[[str], None]
"""Gets the name of the source that is being collected."""
Config = Callable[[Values], Awaitable[dict[str, Any]]]
"""Makes settings of what was typed."""


def choose(app: FtuiApp, started: Started) -> None:
    """Ask for the kind, then for the settings."""

    def chosen(kind: str | None) -> None:
        if kind == "brightdata":
            _Dataset(app, started).choose()
        elif kind == "snapshot":
            _choose_snapshot(app, started)
        elif kind is not None:
            _fill_free(app, kind, started)

    app.push_screen(ChooseScreen("New source", _KINDS), chosen)


def _fill_free(app: FtuiApp, kind: str, started: Started) -> None:
    from ftui.ui.places import source_forms as forms

    fields, make = (forms.CRAWL, forms.crawl_config) if kind == "crawl" else (forms.FILES, forms.files_config)

    async def config(values: Values) -> dict[str, Any]:
        return make(values)

    title = "New source: " + next(choice.title for choice in _KINDS if choice.value == kind)
    _Filling(
        app, kind, title, fields, [row((_LEADS[kind], "dim")), ()], config, started, lambda: choose(app, started)
    ).ask()


class _Filling:
    """A form, the check of what was typed, the price, and the start; each goes back to the one before.

    Args:
        config: the settings of what was typed; raises what is shown in the form.
        back: what `esc` in the form leads to.
    """

    def __init__(
        self,
        app: FtuiApp,
        kind: str,
        title: str,
        fields: Sequence[Field],
        lead: Sequence[Row],
        config: Config,
        started: Started,
        back: Callable[[], None],
    ) -> None:
        self._app, self._kind, self._title = app, kind, title
        self._fields, self._lead = fields, lead
        self._make, self._started, self._back = config, started, back
        self._config: dict[str, Any] = {}

    def ask(self) -> None:
        form = FormScreen(self._title, self._fields, self._check, lead=self._lead, save_label="collect")
        self._app.push_screen(form, self._filled)

    async def _check(self, values: Values) -> None:
        collect = await asyncio.to_thread(importlib.import_module, "ftui.collect")
        config = await self._make(values)
        # What is wrong with it, or what cannot be paid, is said while it can be changed.
        self._config = collect.validate(self._kind, config)
        collect.cost_at_most(self._kind, self._config)

    def _filled(self, values: Values | None) -> None:
        if values is None:
            self._back()
            return

        def start() -> None:
            self._app.drafts.pop(self._title, None)
            start_source(self._app, self._kind, self._config, self._started, values["name"], values["tag"])

        # Whoever finds it too dear changes the limit and types nothing else again.
        self._app.drafts[self._title] = values
        confirm_cost(self._app, self._kind, self._config, start, refused=self.ask)


class _Dataset:
    """A dataset or a collector of Bright Data: which one, in which of its ways, with what."""

    def __init__(self, app: FtuiApp, started: Started) -> None:
        self._app, self._started = app, started

    def choose(self) -> None:
        from ftui.ui.screens.datasets import DatasetsScreen

        self._app.push_screen(DatasetsScreen("New source: Bright Data"), self._chosen)

    def _chosen(self, identifier: str | None) -> None:
        from ftui.collect import datasets

        if identifier is None:
            choose(self._app, self._started)
            return
        dataset = datasets.get(identifier)
        forms = dataset.forms if dataset else ()
        if dataset is None or len(forms) < 2:
            self._fill(identifier, dataset, forms[0] if forms else None, self.choose)
            return

        def way(number: str | None) -> None:
            if number is None:
                self.choose()
            else:
                self._fill(identifier, dataset, forms[int(number)], lambda: self._chosen(identifier))

        choices = [Choice(str(n + 1), *_way(form), str(n)) for n, form in enumerate(forms)]
        self._app.push_screen(ChooseScreen(f"{dataset.name}: by what", choices), way)

    def _fill(self, identifier: str, dataset: Dataset | None, form: Form | None, back: Callable[[], None]) -> None:
        from ftui import collect
        from ftui.collect import datasets
        from ftui.collect.brightdata import BrightData
        from ftui.ui.places import source_forms

        async def config(values: Values) -> dict[str, Any]:
            rows = await collect.read_inputs(values["file"]) if values["file"] else []
            made = source_forms.brightdata_config(identifier, form, values, rows)
            BrightData.from_dict(made).check_inputs()
            return made

        way = f" by {form.discover_by}" if form and form.discover_by else ""
        title = f"{dataset.name if dataset else identifier}{way}"
        price = datasets.price_of(identifier)
        fields = source_forms.brightdata_fields(identifier, dataset, form, price)
        lead = [row((_about(identifier, dataset, form), "dim")), ()]
        _Filling(self._app, "brightdata", title, fields, lead, config, self._started, back).ask()


def _way(form: Form) -> tuple[str, str]:
    """A way to ask a dataset, and what it needs."""
    names = ", ".join(field.name for field in form.fields if field.required) or form.fields[0].name
    if form.discover_by:
        return f"discover by {form.discover_by}", names
    return ("pages, one record each" if form.single else "records of each"), names


def _about(identifier: str, dataset: Dataset | None, form: Form | None) -> str:
    if identifier.startswith("c_"):
        return "A collector of yours. Its inputs are as you made it."
    if form is None:
        return f"{identifier}: what an input of it holds is not known here, its page at Bright Data says it."
    if form.discover_by:
        return f"{identifier}. Each input leads to many records."
    return f"{identifier}. {'One record for each input.' if form.single else 'An input can bring several records.'}"


def _choose_snapshot(app: FtuiApp, started: Started) -> None:
    from ftui.collect import datasets
    from ftui.ui.screens.datasets import DatasetsScreen
    from ftui.ui.screens.snapshots import SnapshotsScreen

    def of(identifier: str | None) -> None:
        if identifier is None:
            choose(app, started)
            return
        known = datasets.get(identifier)

        def taken(snapshot: str | None) -> None:
            if snapshot is None:
                _choose_snapshot(app, started)
            else:
                start_source(app, "brightdata", {"dataset_id": identifier, "snapshot_id": snapshot}, started)

        app.push_screen(SnapshotsScreen(identifier, known.name if known else identifier), taken)

    app.push_screen(DatasetsScreen("A snapshot of which dataset?", collectors=False), of)


def start_source(
    app: FtuiApp, kind: str, config: Mapping[str, Any], started: Started, name: str = "", tag: str = "domain"
) -> None:
    """Queue the collection of a new source, or of the one that has these settings."""
    from ftui import queue

    with app.trying():
        task = app.store.tasks.get(queue.collect(app.store, kind, config, name, tag))
        started(task.title)


def confirm_cost(
    app: FtuiApp,
    kind: str,
    config: Mapping[str, Any],
    go_on: Callable[[], None],
    only: Sequence[str] = (),
    refused: Callable[[], None] = lambda: None,
) -> None:
    """Call `go_on`; where the collection costs money, only after a `y` to what it costs at most.

    Args:
        only: the subjects of the failures that are tried again, () for everything.
        refused: called after an `n`.
    """
    if kind == "files" or (kind == "crawl" and not config.get("unlocker")):
        go_on()
        return
    from ftui import collect

    with app.trying():
        cost = collect.cost_at_most(kind, config, only)
        if not cost:
            go_on()
            return
        left = app.store.money.budget - app.store.money.spent()
        what, said = "Bright Data", "Bright Data bills what it delivers; the rate is an estimate."
        if kind == "crawl":
            what, said = "the Web Unlocker", "It bills requests that succeed, at the price that you gave."
        detail = [
            row("at most        ", (dollars(cost), "bold")),
            row(("left of budget ", "dim"), money(left)),
            row((said, "dim")),
        ]
        again = f"what failed ({len(only):,}) again " if only else ""
        app.push_screen(
            AskScreen(
                f"Collect {again}through {what} for at most {dollars(cost)}?", detail, f"spend up to {dollars(cost)}"
            ),
            lambda yes: go_on() if yes else refused(),
        )
