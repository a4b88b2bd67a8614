"""Train: the jobs on the left, the one under the cursor as it runs on the right."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from ftui import queue
from ftui.connect import providers
from ftui.errors import FtuiError
from ftui.store import Store
from ftui.store.jobs import Job
from ftui.ui.place import Place
from ftui.ui.text import Row, fit, money, plain, row
from ftui.ui.widgets.monitor import Monitor, Watched, at_most, last_losses, percent
from ftui.ui.widgets.rows import RowList

_EMPTY = (
    (),
    row(("No job yet.", "bold")),
    (),
    row("A job trains a model on the pairs you accepted,"),
    row("on this machine or at a provider. Before it"),
    row("starts you see what it costs at most."),
    (),
    row(("n", "key"), " new job"),
)


class TrainPlace(Place):
    """Place 4. Leaving it, or the program, leaves every job running."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new job", id="train.new"),
        Binding("ctrl+x", "cancel", "cancel", id="train.cancel"),
        Binding("z", "pause", "pause, go on", id="train.pause"),
        Binding("r", "retry", "look again", id="train.retry"),
        Binding("c", "chat", "chat with it", id="train.chat"),
        Binding("l", "log_scale", "log scale", id="train.log"),
        Binding("v", "versions", "dataset versions", show=False, id="train.versions"),
        Binding("plus", "smooth(1)", "smoother", show=False, id="train.smoother"),
        Binding("minus", "smooth(-1)", "rougher", show=False, id="train.rougher"),
    ]
    DEFAULT_CSS = """
    TrainPlace {
        & #jobs { width: 36; }
        & Monitor { width: 1fr; }
        &.-empty #jobs { width: 1fr; }
        &.-empty Monitor { display: none; }
        &.-narrow Horizontal { layout: vertical; }
        &.-narrow #jobs { width: 1fr; }
        &.-narrow Monitor #how { margin-top: 0; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._jobs: list[Watched] = []
        self._losses: dict[int, str] = {}
        self._titles: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="jobs", classes="pane") as pane:
                pane.border_title = "Jobs"
                yield RowList(self._row, empty=_EMPTY)
            yield Monitor(classes="pane")

    # What is shown

    def refresh_view(self) -> None:
        store = self.app.store
        rows = self.query_one(RowList)
        before = self.selected
        tasks = {int(task.args["job"]): task for task in reversed(store.tasks.all(kind="train"))}
        models = {model.job: model.name for model in store.models.all()}
        self._jobs = [
            Watched(job, tasks.get(job.id), self._title(job), models.get(job.id, "")) for job in store.jobs.all()
        ]
        self.set_class(not self._jobs, "-empty")
        rows.update(len(self._jobs))
        self._divide()
        if before is not None:
            ids = [watched.job.id for watched in self._jobs]
            rows.cursor = ids.index(before.job.id) if before.job.id in ids else 0
        self._show_selected()

    def on_resize(self, event: events.Resize) -> None:
        self._divide()

    def _divide(self) -> None:
        """At 80 columns the list stands above the monitor, as high as it has to be."""
        stacked = self.size.width < self.NARROW and self._jobs
        self.query_one("#jobs").styles.height = min(len(self._jobs), 4) + 2 if stacked else "1fr"

    def _title(self, job: Job) -> str:
        if job.provider not in self._titles:
            try:
                self._titles[job.provider] = providers.get(job.provider).title
            except FtuiError:
                self._titles[job.provider] = job.provider
        return self._titles[job.provider]

    def _show_selected(self) -> None:
        if self.selected is not None:
            self.query_one(Monitor).show(self.selected, self.app.store)

    @property
    def selected(self) -> Watched | None:
        """The job under the cursor."""
        cursor = self.query_one(RowList).cursor
        return self._jobs[cursor] if cursor < len(self._jobs) else None

    def _row(self, index: int, width: int) -> Row:
        watched = self._jobs[index]
        right = self._right(watched, width // 2)
        return row(watched.symbol, " ", fit(plain(watched.job.name), width - len(right) - 4), " ", (right, "dim"), " ")

    def _right(self, watched: Watched, width: int) -> str:
        job = watched.job
        if job.state == "succeeded":
            return self._result(job)
        if job.state == "failed":
            return plain(_reason(job), width)
        return " ".join(part for part in (watched.word, percent(job)) if part)

    def _result(self, job: Job) -> str:
        """Last loss and cost of a job that has ended; nothing changes there any more."""
        if job.id not in self._losses:
            train, valid = last_losses(self.app.store.jobs.metrics(job.id))
            loss = valid if valid is not None else train
            self._losses[job.id] = f"{loss:.2f}" if loss is not None else ""
        price = money(None) if job.cost_at_most is None else at_most(job.cost_at_most)
        return f"{self._losses[job.id]:>5}  {price:>6}"

    def on_row_list_highlighted(self, event: RowList.Highlighted) -> None:
        self._show_selected()
        self.app.look_again()

    # Keys

    def refusal(self, action: str) -> str:
        watched = self.selected
        if action == "versions" and not self.app.store.versions.any():
            return "there is no dataset version yet · a job freezes one"
        if action in ("cancel", "pause", "retry", "chat", "log_scale", "smooth") and watched is None:
            return "there is no job yet · n makes one"
        if watched is None:
            return ""
        name = watched.job.name
        if action in ("cancel", "pause") and watched.job.ended:
            return f"{name} has {watched.word} already"
        if action == "retry" and not watched.unwatched:
            return f"{name} has ended" if watched.job.ended else f"{name} is being followed"
        if action == "chat" and not watched.model and not self.app.store.models.all():
            return f"{name} has no model to talk to yet"
        return ""

    def action_new(self) -> None:
        from ftui.ui.screens.job import JobScreen

        self.app.push_screen(JobScreen(self.app.store), self._started)

    def _started(self, name: str | None) -> None:
        if name is not None:
            self.refresh_view()
            self.query_one(RowList).cursor = 0
            self.app.say(f"{name} is on its way; leaving ftui leaves it running · ctrl+x cancels")

    def action_versions(self) -> None:
        if self.can("versions"):
            from ftui.ui.screens.versions import VersionsScreen

            self.app.push_screen(VersionsScreen(self.app.store))

    def action_cancel(self) -> None:
        if not self.can("cancel") or self.selected is None:
            return
        from ftui.ui.screens.ask import AskScreen

        job = self.selected.job
        detail = "What it has learned so far is lost."
        if job.cost_at_most:
            detail += "\nThe provider may charge what has been trained up to now."

        def answered(yes: bool | None) -> None:
            if yes:
                self._ask_of(job, queue.cancel_job, f"{job.name} is being cancelled")

        self.app.push_screen(AskScreen(f"Cancel {job.name}?", detail, "cancel the job", "let it run"), answered)

    def action_pause(self) -> None:
        if not self.can("pause") or self.selected is None:
            return
        job = self.selected.job
        if self.selected.paused:
            self._ask_of(job, queue.resume_job, f"{job.name} goes on · z pauses it")
        else:
            self._ask_of(job, queue.pause_job, f"{job.name} is asked to pause · z goes on")

    def action_retry(self) -> None:
        if self.can("retry") and self.selected is not None:
            job = self.selected.job
            self._ask_of(job, queue.watch, f"looking at {job.name} again")

    def _ask_of(self, job: Job, what: Callable[[Store, int], object], said: str) -> None:
        with self.app.trying():
            what(self.app.store, job.id)
            self.refresh_view()
            self.app.say(said)

    def action_chat(self) -> None:
        if not self.can("chat"):
            return
        from ftui.ui.widgets.chat import talk_to

        talk_to(self.app, self.selected.model if self.selected else "")

    def action_log_scale(self) -> None:
        if self.can("log_scale"):
            plot = self.query_one(Monitor).plot
            plot.log_scale = not plot.log_scale
            self.app.say(
                "equal distances are equal ratios · l back" if plot.log_scale else "linear scale · l log scale"
            )

    def action_smooth(self, direction: int) -> None:
        if self.can("smooth"):
            plot = self.query_one(Monitor).plot
            (plot.smoother if direction > 0 else plot.rougher)()
            self.app.say(
                f"smoothing {plot.smoothing:g} · + more, - less" if plot.smoothing else "no smoothing · + more"
            )


def _reason(job: Job) -> str:
    """Why a job failed, in the few words of a row."""
    if job.error is None:
        return "failed"
    return job.error.why if job.error.what == "The job failed" and job.error.why else job.error.what
