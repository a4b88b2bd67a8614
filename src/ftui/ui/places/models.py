"""Models: what came of the jobs, where each came from, and which one is in production."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from ftui.connect import providers
from ftui.errors import FtuiError
from ftui.store.models import Model
from ftui.ui.place import Place
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.form import wrapped
from ftui.ui.text import Row, Span, fit, plain, plural, row
from ftui.ui.widgets.monitor import last_losses
from ftui.ui.widgets.rows import Lines, RowList, entitle

PRODUCTION = "production"
_EMPTY = (
    (),
    row(("No model yet.", "bold")),
    (),
    row("Every job that succeeds leaves a model here, with"),
    row("the job, the dataset version and the base it came from."),
    (),
    row(("4", "key"), ", then ", ("n", "key"), " trains one"),
)


class ModelsPlace(Place):
    """Place 6."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "chat", "chat with it", id="models.chat"),
        Binding("P", "production", "put in production", id="models.production"),
        Binding("u", "move_back", "move back", id="models.back"),
        Binding("d", "delete", "delete", id="models.delete"),
    ]
    DEFAULT_CSS = """
    ModelsPlace {
        & #list { width: 1fr; }
        & #details { width: 1fr; padding: 0 1; }
        &.-empty #details { display: none; }
        &.-narrow Horizontal { layout: vertical; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._models: list[Model] = []
        self._scores: dict[int, str] = {}

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="list", classes="pane") as pane:
                pane.border_title = "Models"
                yield RowList(self._row, empty=_EMPTY)
            with Vertical(id="details", classes="pane"):
                yield Lines()

    # What is shown

    def refresh_view(self) -> None:
        before, rows = self.selected, self.query_one(RowList)
        self._models = self.app.store.models.all()
        self._scores = {model.id: self._score(model) for model in self._models}
        self.set_class(not self._models, "-empty")
        rows.update(len(self._models))
        ids = [model.id for model in self._models]
        if before is not None and before.id in ids:
            rows.cursor = ids.index(before.id)
        self._divide()
        self._show_details()

    def on_resize(self, event: events.Resize) -> None:
        self._divide()
        with self.app.trying():
            self._show_details()

    @property
    def _stacked(self) -> bool:
        """At 80 columns the list stands above the details, as high as it has to be."""
        return self.size.width < self.NARROW and bool(self._models)

    def _divide(self) -> None:
        self.query_one("#list").styles.height = min(len(self._models), 6) + 2 if self._stacked else "1fr"

    @property
    def selected(self) -> Model | None:
        """The model under the cursor."""
        cursor = self.query_one(RowList).cursor
        return self._models[cursor] if cursor < len(self._models) else None

    def _score(self, model: Model, kind: str = "heldout") -> str:
        """`21 of 24`, "" while the model was not compared."""
        comparison = self.app.store.comparisons.latest(model.id)
        score = self.app.store.comparisons.score(comparison.id, kind) if comparison else None
        return f"{score.tuned} of {score.of}" if score and score.of else ""

    def _row(self, index: int, width: int) -> Row:
        model = self._models[index]
        right = f"{self._scores[model.id]:>8}  {_day(model.created)} "
        alias = ", ".join(model.aliases)
        room = width - len(right) - 3
        return (
            Span("★ " if model.aliases else "  ", "accent"),
            Span(fit(plain(model.name), room - len(alias) - 2), "bold"),
            Span(f" {plain(alias)}  ", "accent"),
            Span(right, "dim"),
        )

    def _show_details(self) -> None:
        model = self.selected
        if model is None:
            return
        entitle(self.query_one("#details"), model.name)
        width = max(self.size.width // (1 if self._stacked else 2) - 4, 30)
        rows = list[Row]()
        for label, text in self._facts(model):
            lines = wrapped(text, width - 12)
            rows += [row((fit(label if not n else "", 12), "dim"), line) for n, line in enumerate(lines)]
        self.query_one("#details Lines", Lines).show(rows)

    def _facts(self, model: Model) -> list[tuple[str, str]]:
        """Where a model came from, line by line."""
        store = self.app.store
        facts = [("Id", model.model), ("Base", model.base_model), ("Provider", _title(model.provider))]
        if model.job is not None:
            job = store.jobs.get(model.job)
            train, valid = last_losses(store.jobs.metrics(job.id))
            losses = [
                f"loss {train:.3g}" if train is not None else "",
                f"validation {valid:.3g}" if valid is not None else "",
            ]
            facts.append(("Job", " · ".join(part for part in (job.name, *losses) if part)))
            if job.version is not None:
                version = store.versions.get(job.version)
                facts.append(("Data", f"version {version.short} · {plural(version.train_rows, 'pair')} to train on"))
        for kind, label in (("heldout", "Held out"), ("general", "General")):
            score = self._score(model, kind)
            facts.append((label, f"{score} right" if score else ""))
        if not self._scores[model.id]:
            facts.append(("Score", "not compared yet (5, then n)"))
        facts.append(("Made", time.strftime("%Y-%m-%d %H:%M", time.localtime(model.created))))
        facts.append(("System", model.system))
        return [(label, text) for label, text in facts if text]

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        self._show_details()
        self.app.look_again()

    # Keys

    def refusal(self, action: str) -> str:
        model = self.selected
        if model is None and action in ("chat", "production", "delete"):
            return "there is no model yet · 4, then n trains one"
        if action == "production" and model is not None and PRODUCTION in model.aliases:
            return f"{model.name} is in production already"
        if action == "move_back" and PRODUCTION not in self.app.store.models.aliases():
            return "nothing is in production · P puts a model there"
        return ""

    def action_chat(self) -> None:
        if self.can("chat") and self.selected is not None:
            from ftui.ui.widgets.chat import talk_to

            talk_to(self.app, self.selected.name)

    def action_production(self) -> None:
        if self.can("production") and self.selected is not None:
            with self.app.trying():
                self.app.store.models.set_alias(PRODUCTION, self.selected.id)
                self.app.say(f"{self.selected.name} is in production · u moves it back")
                self.refresh_view()

    def action_move_back(self) -> None:
        if not self.can("move_back"):
            return
        with self.app.trying():
            model = self.app.store.models.roll_back(PRODUCTION)
            self.app.say(f"{model.name} is in production again" if model else "nothing is in production again")
            self.refresh_view()

    def action_delete(self) -> None:
        model = self.selected
        if not self.can("delete") or model is None:
            return
        detail = (
            f"Its comparisons are lost.\nThe model itself stays at its provider ({plain(_title(model.provider), 30)})."
        )
        if model.aliases:
            detail += f"\nIt is {', '.join(model.aliases)} now; that moves back to the model before."

        def answered(yes: bool | None) -> None:
            if yes:
                with self.app.trying():
                    self.app.store.models.delete(model.id)
                    self.app.say(f"{model.name} is deleted")
                    self.refresh_view()

        self.app.push_screen(
            AskScreen(f"Delete {plain(model.name, 40)} from the list?", detail, "delete it", "keep it"),
            answered,
        )


def _title(provider: str) -> str:
    try:
        return providers.get(provider).title
    except FtuiError:
        return provider


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment))
