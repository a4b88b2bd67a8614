"""Compare: held-out questions, what the base and the tuned model answered, and the score."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from ftui import queue
from ftui.compare.metrics import meaning
from ftui.compare.run import MAX_TOKENS
from ftui.connect import providers
from ftui.store.comparisons import Answer, Comparison
from ftui.store.models import Model
from ftui.store.tasks import Task
from ftui.ui import clock
from ftui.ui.place import Place
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.choose import Choice, ChooseScreen
from ftui.ui.screens.form import wrapped
from ftui.ui.text import Row, Span, bar, fit, plain, plural, rate, row
from ftui.ui.widgets.rows import Lines, RowList, entitle
from ftui.ui.widgets.transcript import Transcript, Turn
from ftui.units import duration

KINDS = (("heldout", "held out"), ("general", "general"))
_EMPTY = (
    (),
    row(("Nothing is compared yet.", "bold")),
    (),
    row("A comparison asks a tuned model and its base the questions"),
    row("that were kept out of training, and looks for the key fact"),
    row("in each answer."),
    (),
)


class ComparePlace(Place):
    """Place 5."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new comparison", id="compare.new"),
        # With priority, so that the footer names it in place of the list's own.
        Binding("enter", "open", "whole answers", priority=True, id="compare.open"),
        Binding("ctrl+x", "stop", "stop", id="compare.stop"),
        Binding("r", "retry", "go on", id="compare.retry"),
    ]
    DEFAULT_CSS = """
    ComparePlace {
        & #score { padding: 0 1; margin-bottom: 1; }
        &.-empty #score, &.-empty #heads { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[Answer] = []
        self._comparison: Comparison | None = None
        self._model: Model | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="pane"):
            yield Lines(id="score")
            yield Lines(id="heads")
            yield RowList(self._row, empty=_EMPTY)

    # What is shown

    def refresh_view(self) -> None:
        store = self.app.store
        self._comparison = store.comparisons.latest()
        self._model = store.models.get(self._comparison.model) if self._comparison else None
        self._answers = store.comparisons.answers(self._comparison.id) if self._comparison else []
        title = f"Compare · {self._model.name} and its base" if self._model else "Compare"
        entitle(self.query_one(".pane"), title)
        task = self._comparing
        busy = task is not None and (task.open or task.state == "failed")
        self.set_class(not self._answers and not busy, "-empty")
        has_models = bool(store.models.all())
        how = (
            row(("n", "key"), " new comparison")
            if has_models
            else row("First train a model: ", ("4", "key"), ", then ", ("n", "key"))
        )
        self.query_one(RowList).update(len(self._answers), empty=(*_EMPTY, how) if not busy else ())
        self._show_score()

    def on_resize(self, event: events.Resize) -> None:
        with self.app.trying():
            self._show_score()

    @property
    def _comparing(self) -> Task | None:
        return self.app.store.tasks.latest("compare")

    def _show_score(self) -> None:
        width = max(self.size.width - 4, 20)
        rows = list[Row]()
        task = self._comparing
        if task is not None and task.open:
            rows.append(self._progress(task, width))
        elif task is not None and task.state == "failed" and task.error is not None:
            rows.append(row(("✗ ", "bad"), (plain(task.error.what, width - 2), "bold"), f"  {plain(task.error.why)}"))
            rows.append(
                row(("→ ", "accent"), plain(task.error.do or "Try again", width - 20), "  ", ("r", "key"), " goes on")
            )
        if self._comparison is not None and self._model is not None:
            rows += self._scores(self._comparison, self._model)
            score = self.app.store.comparisons.score(self._comparison.id, "heldout")
            rows += [row((line, "dim")) for line in wrapped(meaning(score), width)]
        self.query_one("#score", Lines).show(rows)
        asked, base, tuned = self._columns()
        name = plain(self._model.name) if self._model else "tuned"
        heads = f"  {fit('question', asked)}    {fit('base', base)}    {fit(name, tuned)}"
        self.query_one("#heads", Lines).show([row((heads, "dim"))])

    def _progress(self, task: Task, width: int) -> Row:
        done, total = task.progress.done, task.progress.total
        far = f" {done} of {plural(total, 'answer')}" if total else f" {plain(task.progress.text) or task.state}"
        far = f" {plain(task.title)}: {far.lstrip()}"
        now = clock.now()
        speed, left = task.rate(now), task.seconds_left(now)
        tail = f"   {rate(speed)}" if speed else ""
        tail += f"   {duration(left)} left" if left is not None else ""
        tail += f"   {plain(task.progress.text)}" if total and task.progress.text else ""
        return row((bar(done, total, min(width // 4, 30)), "accent"), far, (tail, "dim"))

    def _scores(self, comparison: Comparison, model: Model) -> list[Row]:
        rows = list[Row]()
        name = plain(model.name, 24)
        for kind, label in KINDS:
            score = self.app.store.comparisons.score(comparison.id, kind)
            if score.of:
                rows.append(
                    row(
                        (fit(label, 10), "bold"),
                        f"base {score.base:>3} of {score.of:<3}   {name} ",
                        (f"{score.tuned:>3} of {score.of}", "bold"),
                        ("   right before and after" if kind == "general" else "   key fact in the answer", "dim"),
                    )
                )
        return rows

    def _columns(self) -> tuple[int, int, int]:
        """Cells for the question, the base's and the tuned answer, beside borders, cursor, scroll bar and marks."""
        room = max(self.size.width - 14, 12)
        asked = room * 34 // 100
        base = (room - asked) * 45 // 100
        return asked, base, room - asked - base

    def _row(self, index: int, width: int) -> Row:
        answer = self._answers[index]
        asked, base, tuned = self._columns()
        kind = "general: " if answer.kind == "general" else ""
        return (
            Span(" "),
            Span(kind, "dim"),
            Span(fit(plain(answer.question), asked - len(kind))),
            Span("  "),
            *_answer_spans(answer.base_answer, answer.base_found, base),
            Span("  "),
            *_answer_spans(answer.tuned_answer, answer.tuned_found, tuned),
        )

    # Keys

    def refusal(self, action: str) -> str:
        task = self._comparing
        if action == "new" and not self.app.store.models.all():
            return "there is no model to compare yet · 4, then n trains one"
        if action == "new" and task is not None and task.open:
            return "a comparison is running · ctrl+x stops it"
        if action == "open" and not self._answers:
            return "there is no question to show yet"
        if action == "stop" and (task is None or not task.open):
            return "no comparison is running"
        if action == "retry" and (task is None or task.state not in ("failed", "stopped", "paused")):
            return "nothing was cut off"
        return ""

    def action_new(self) -> None:
        if not self.can("new"):
            return
        models = self.app.store.models.all()
        if len(models) == 1:
            self._compare(models[0])
            return
        choices = [
            Choice(str(number), plain(model.name, 30), plain(model.base_model, 30), str(model.id))
            for number, model in enumerate(models[:9], 1)
        ]

        def chosen(value: str | None) -> None:
            if value is not None:
                self._compare(self.app.store.models.get(int(value)))

        self.app.push_screen(ChooseScreen("Compare which model with its base?", choices), chosen)

    def _compare(self, model: Model) -> None:
        """Queue the comparison; where answers cost money, ask first."""
        store = self.app.store
        provider = providers.get(model.provider)
        if provider.is_engine:
            self._start(model)
            return
        job = store.jobs.get(model.job) if model.job is not None else None
        answers = 2 * len(store.versions.questions(job.version if job else None))
        detail = f"{provider.title} may charge for {plural(answers, 'answer')} of at most {MAX_TOKENS} tokens each."
        self.app.push_screen(
            AskScreen(f"Compare {plain(model.name, 30)} with its base?", plain(detail), "compare", "not now"),
            lambda yes: self._start(model) if yes else None,
        )

    def _start(self, model: Model) -> None:
        with self.app.trying():
            queue.compare(self.app.store, model.id)
            self.refresh_view()
            self.app.say(f"asking {model.name} and its base · ctrl+x stops, what came is kept")

    def action_open(self) -> None:
        if self.can("open") and self._model is not None:
            rows = self.query_one(RowList)
            self.app.push_screen(AnswerScreen(self._answers, rows.cursor, self._model.name), self._go_to)

    def _go_to(self, index: int | None) -> None:
        self.query_one(RowList).cursor = index or 0

    def on_row_list_selected(self, event: RowList.Selected) -> None:
        self.action_open()

    def action_stop(self) -> None:
        task = self._comparing
        if self.can("stop") and task is not None:
            with self.app.trying():
                queue.stop(self.app.store, task.id)
                self.app.say("stopping, the answers that came are kept · r goes on")

    def action_retry(self) -> None:
        task = self._comparing
        if self.can("retry") and task is not None:
            with self.app.trying():
                queue.resume(self.app.store, task.id)
                self.refresh_view()
                self.app.say("going on where it was cut off")


class AnswerScreen(ModalScreen[int]):
    """One question with both answers whole; `j` and `k` go through all. Gives the index shown last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "leave", "back", priority=True),
        Binding("j,down", "move(1)", "next", priority=True),
        Binding("k,up", "move(-1)", "previous", priority=True),
    ]
    DEFAULT_CSS = """
    AnswerScreen {
        & .dialog { width: 90; height: 20; }
        & #keys { margin-top: 1; }
    }
    """

    def __init__(self, answers: list[Answer], index: int, model: str) -> None:
        super().__init__()
        self._answers, self._index, self._model = answers, index, model

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Transcript()
            yield Lines(id="keys")

    def on_mount(self) -> None:
        keys = row(("j k ", "key"), ("next, previous   ", "dim"), ("esc ", "key"), ("back", "dim"))
        self.query_one("#keys", Lines).show([keys])
        self._show()

    def _show(self) -> None:
        answer = self._answers[self._index]
        kind = dict(KINDS).get(answer.kind, answer.kind)
        entitle(self.query_one(".dialog"), f"{kind} · {self._index + 1} of {len(self._answers)}")
        said = self.query_one(Transcript)
        said.show(
            [
                Turn("question", answer.question, "you"),
                Turn("expected", answer.expected, "note", f"key fact: {' or '.join(answer.keys)}"),
                _turn("base", answer.base_answer, answer.base_found, "base"),
                _turn(self._model, answer.tuned_answer, answer.tuned_found, "tuned"),
            ]
        )
        said.action_scroll_home()

    def action_move(self, step: int) -> None:
        self._index = min(max(self._index + step, 0), len(self._answers) - 1)
        self._show()

    def action_leave(self) -> None:
        self.dismiss(self._index)


def _answer_spans(answer: str | None, found: bool | None, width: int) -> tuple[Span, Span]:
    if answer is None:
        return Span("· ", "dim"), Span(fit("…", width), "dim")
    mark = Span("✓ ", "ok") if found else Span("✗ ", "bad")
    return mark, Span(fit(plain(answer) or "(empty answer)", width))


def _turn(label: str, answer: str | None, found: bool | None, tone: str) -> Turn:
    if answer is None:
        return Turn(label, "", tone, "not answered yet")
    return Turn(label, answer or "(empty answer)", tone, "✓ key fact found" if found else "✗ key fact not found")
