"""A new job: where, on which base, how long, and what that costs at most before it starts."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Select

from ftui import queue
from ftui.connect import providers
from ftui.errors import FtuiError, InputError, describe
from ftui.store import Store
from ftui.train.plan import Plan, plan
from ftui.train.target import ENGINE_LENGTH
from ftui.ui.keys import focus_now
from ftui.ui.reading import Reader
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.form import wrapped
from ftui.ui.text import Row, count, money, plain, plural, row
from ftui.ui.widgets.job_settings import AUTO, PACKING, SETTINGS, JobSettings, number
from ftui.ui.widgets.monitor import at_most
from ftui.ui.widgets.rows import Lines

_NUMBERS: dict[str, tuple[str, type[int] | type[float], float, float]] = {
    "n_epochs": ("Epochs", int, 1, 50),
    "batch_size": ("Batch size", int, 1, 256),
    "learning_rate_multiplier": ("Learning rate", float, 0.0001, 1000),
}
"""Label, kind and bounds of what can be set; all of them may be left to the provider ("auto")."""
_REST = 0.2
"""Seconds without a change before what packing saves is worked out."""


class JobScreen(ModalScreen[str | None]):
    """Gives the name of the job that was started, None after `esc`. What was typed is kept."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", priority=True),
        Binding("enter", "start", "start", show=False),
        Binding("down", "field(1)", "next field", priority=True, show=False),
        Binding("up", "field(-1)", "field before", priority=True, show=False),
    ]
    # The screen's own stylesheet, because fields have a border in the app's.
    CSS = """
    JobScreen {
        & .dialog { width: 84; }
        & Horizontal { height: 1; }
        & Label { width: 16; color: $text-muted; }
        & Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
        & Input:focus { border: none; background: $block-cursor-blurred-background; }
        & Select { width: 1fr; height: 1; border: none; }
        & Select > SelectCurrent { background: $surface; }
        & Select:focus > SelectCurrent { background: $block-cursor-blurred-background; }
        & VerticalScroll { height: auto; max-height: 11; margin-top: 1; }
        &.-more .dialog > VerticalScroll { max-height: 4; }
        & #keys { margin-top: 1; }
    }
    """

    draft: ClassVar[dict[str, str]] = {}

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._providers = {provider.name: provider for provider in providers.all_providers()}
        self._plan: Plan | None = None
        self._lengths = Reader(self, "lengths")
        self._length, self._packing = 0, ""
        self._refused = False
        """Whether an error stands where the plan is shown otherwise."""

    def compose(self) -> ComposeResult:
        names = [(provider.title, provider.name) for provider in self._providers.values()]
        chosen = self.draft.get("provider", "")
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "New job"
            with Horizontal():
                yield Label("Train at")
                yield Select(
                    names,
                    value=chosen if chosen in self._providers else names[0][1],
                    allow_blank=False,
                    compact=True,
                    id="provider",
                )
            with Horizontal(id="known"):
                yield Label("Base model")
                yield Select([("", "")], allow_blank=False, compact=True, id="base")
            with Horizontal(id="unknown"):
                yield Label("Base model")
                yield Input(
                    self.draft.get("typed", ""), placeholder="the provider's name for it", compact=True, id="typed"
                )
            for name, (label, _, low, high) in _NUMBERS.items():
                with Horizontal():
                    yield Label(label)
                    hint = f"{AUTO}, or {low:g} to {high:g}"
                    yield Input(self.draft.get(name, AUTO), placeholder=hint, id=name)
            yield JobSettings(self.draft)
            with VerticalScroll(can_focus=False):
                yield Lines(id="plan")
            yield Lines(id="keys")

    def on_mount(self) -> None:
        self.query_one("#keys", Lines).show(
            [
                row(
                    ("enter ", "key"),
                    ("start   ", "dim"),
                    ("tab ", "key"),
                    ("next field   ", "dim"),
                    ("esc ", "key"),
                    ("back, keeps what you typed", "dim"),
                )
            ]
        )
        self._show_bases()
        focus_now(self.query_one("#n_epochs"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Inside an open list of choices the arrows and `esc` belong to the list."""
        open_list = any(select.expanded for select in self.query(Select))
        return not (open_list and action in ("field", "leave"))

    def action_field(self, step: int) -> None:
        if step > 0:
            self.focus_next()
        else:
            self.focus_previous()

    @on(JobSettings.Toggled)
    def _room(self) -> None:
        self.set_class(self._own and self.query_one(JobSettings).open, "-more")

    # What is chosen

    @property
    def provider(self) -> str:
        return str(self.query_one("#provider", Select).value)

    @property
    def base_model(self) -> str:
        if self._providers[self.provider].base_models:
            return str(self.query_one("#base", Select).value)
        return self.query_one("#typed", Input).value.strip()

    @property
    def _own(self) -> bool:
        """Whether it would be trained by ftui's own engine, here or elsewhere."""
        return self._providers[self.provider].is_engine

    def _show_bases(self) -> None:
        self.query_one(JobSettings).display = self._own
        self._room()
        known = self._providers[self.provider].base_models
        self.query_one("#known").display = bool(known)
        self.query_one("#unknown").display = not known
        if known:
            select = self.query_one("#base", Select)
            select.set_options([(plain(name), name) for name in known])
            kept = self.draft.get("base", "")
            select.value = kept if kept in known else known[0]
        self._look()

    def _hyperparameters(self) -> dict[str, Any]:
        """What was set by hand.

        Raises:
            InputError: a field holds neither a number in its bounds nor "auto".
        """
        chosen: dict[str, Any] = {}
        for name, (label, kind, low, high) in _NUMBERS.items():
            value = number(label, self.query_one(f"#{name}", Input).value, kind, low, high)
            if value is not None:
                chosen[name] = value
        return chosen | (self.query_one(JobSettings).chosen() if self._own else {})

    # What it would be

    @on(Select.Changed, "#provider")
    def _provider_changed(self) -> None:
        self._show_bases()

    @on(Select.Changed, "#base")
    @on(Select.Changed, f"#{PACKING}")
    @on(Input.Changed)
    def _look(self) -> None:
        """Work the plan out anew and show it."""
        try:
            self._plan = plan(self._store, self.provider, self.base_model, self._hyperparameters())
            self._refused = False
            self._look_at_lengths(self._plan)
            self._show(self._plan_rows(self._plan))
        except Exception as error:
            self._plan = None
            self._show_error(describe(error))

    def _plan_rows(self, plan: Plan) -> list[Row]:
        rows = [
            row(f"{plural(plan.rows, 'pair')} · {plural(plan.tokens, 'token')} · {self._times(plan)}"),
            row(*self._price(plan)),
        ]
        if self._packing:
            rows += self._wrapped("  ", "dim", self._packing)
        for notice in plan.notices:
            rows += self._wrapped("! ", "warn", notice)
        for problem in plan.problems:
            rows += self._wrapped("✗ ", "bad", problem)
        return rows

    def _look_at_lengths(self, plan: Plan) -> None:
        """What packing saves at the length of this plan, from a thread: it looks at all accepted pairs."""
        length = int(plan.hyperparameters.get("context_length", ENGINE_LENGTH)) if self._own else 0
        if length == self._length:
            return
        self._length, self._packing = length, ""
        if not length:
            self._lengths.stop()
            return

        def read(store: Store) -> str:
            from ftui.train import packing

            found = packing.of_accepted(store, length)
            return packing.told(found) if found else ""

        def then(said: str) -> None:
            self._packing = said
            # What was refused meanwhile stays to be read.
            if said and self._plan is not None and not self._refused:
                self._show(self._plan_rows(self._plan))

        self._lengths.read(read, then, rest=_REST)

    def _times(self, plan: Plan) -> str:
        if "n_epochs" in plan.hyperparameters:
            return f"{plural(plan.epochs, 'epoch')} make {count(plan.tokens * plan.epochs)}"
        return f"at most {plan.epochs} epochs, the provider chooses"

    def _price(self, plan: Plan) -> list[Any]:
        if plan.cost_at_most is None:
            return [("! ", "warn"), "the price of this base model is not known"]
        if not plan.cost_at_most:
            return [("costs nothing", "bold"), ", it runs on this machine"]
        left = max(self._store.money.budget - self._store.money.spent(), 0)
        return [("costs at most ", ""), (at_most(plan.cost_at_most), "bold"), f", {money(left)} of the budget is left"]

    def _wrapped(self, mark: str, tone: Any, text: str) -> list[Row]:
        width = max(self.query_one("#plan").size.width - 2, 40)
        return [row((mark if n == 0 else "  ", tone), line) for n, line in enumerate(wrapped(text, width))]

    def _show(self, rows: list[Row]) -> None:
        self.query_one("#plan", Lines).show(rows)

    def _show_error(self, error: FtuiError) -> None:
        self._refused = True
        rows = self._wrapped("✗ ", "bad", error.what)
        for mark, text in (("  ", error.why), ("→ ", error.do)):
            rows += self._wrapped(mark, "accent", text)
        self._show(rows)

    # Start

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_start()

    def action_start(self) -> None:
        """Start the job; one that costs money, or whose price nobody knows, is asked about first."""
        plan = self._plan
        if plan is None:
            return
        if plan.problems:
            self._show_error(InputError("This job cannot start yet", plan.problems[0]))
            return
        if plan.cost_at_most == 0:
            self._start(plan)
            return
        title = self._providers[plan.provider].title
        if plan.cost_at_most is None:
            question, detail = (
                f"Start a job at {title} without knowing its price?",
                "The provider's own price list says what it costs.",
            )
        else:
            question = f"Start a job at {title} for at most {at_most(plan.cost_at_most)}?"
            detail = f"{money(self._store.money.spent())} of {money(self._store.money.budget)} is spent so far."
        self.app.push_screen(
            AskScreen(plain(question), detail, "start it", "not now"), lambda yes: self._start(plan) if yes else None
        )

    def _start(self, plan: Plan) -> None:
        try:
            job = queue.train(self._store, plan)
        except Exception as error:
            self._show_error(describe(error))
            return
        self.draft.clear()
        self.dismiss(job.name)

    def action_leave(self) -> None:
        for name in (*SETTINGS, PACKING):
            self.draft.pop(name, None)
        self.draft.update(self.query_one(JobSettings).typed)
        self.draft.update({name: self.query_one(f"#{name}", Input).value for name in (*_NUMBERS, "typed")})
        self.draft.update(provider=self.provider, base=self.base_model)
        self.dismiss(None)
