"""One job as it runs: its loss curve, how far it is, what it costs, what happened last."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical

from ftui import units
from ftui.store import Store
from ftui.store.jobs import Job, Metric
from ftui.store.tasks import Task
from ftui.ui import clock
from ftui.ui.text import Row, Span, Tone, count, cut, money, plain, plural, row
from ftui.ui.widgets.plot import LossPlot
from ftui.ui.widgets.rows import Lines, entitle
from ftui.units import duration

EVENTS = 6
_GAP = "   "


@dataclass(frozen=True, slots=True)
class Watched:
    """A job with what the screens show beside it.

    Attributes:
        task: the worker's task that follows it, None when nobody does.
        provider: the provider's title.
        model: our name of the model that came of it, "" while there is none.
    """

    job: Job
    task: Task | None
    provider: str
    model: str = ""

    @property
    def unwatched(self) -> bool:
        """Whether the job may go on without anybody looking: its task ended before it did."""
        return not self.job.ended and (self.task is None or not self.task.open)

    @property
    def word(self) -> str:
        """The state in one or two words; the provider's own once it has one, until then what it was asked."""
        if self.task is not None and self.task.open and self.task.control and not self.job.ended:
            return {"stop": "cancelling", "pause": "pausing", "resume": "going on"}[self.task.control]
        if self.job.state != "new":
            return plain(self.job.state, 24).replace("_", " ")
        if self.task is None:
            return "not started"
        return {"running": "starting", "failed": "not sent"}.get(self.task.state, self.task.state)

    @property
    def paused(self) -> bool:
        """Whether it stands still, or was asked to."""
        asked = self.task.control if self.task is not None else None
        return asked == "pause" or (asked != "resume" and self.job.state in ("paused", "pausing"))

    @property
    def symbol(self) -> tuple[str, Tone]:
        if self.job.state == "succeeded":
            return "✓", "ok"
        if self.job.state == "failed":
            return "✗", "bad"
        if self.unwatched:
            return "!", "warn"
        return ("▸", "accent") if self.job.state == "running" else ("·", "dim")

    @property
    def epoch(self) -> str:
        """`epoch 4 of 6`, "" while not all of it is known."""
        job = self.job
        epochs = job.hyperparameters.get("n_epochs")
        if not isinstance(epochs, int) or not job.step or not job.total_steps:
            return ""
        return f"epoch {min(math.ceil(job.step * epochs / job.total_steps), epochs)} of {epochs}"


def at_most(dollars: float) -> str:
    """A price that nothing may exceed, rounded up to whole cents."""
    return money(math.ceil(dollars * 100 - 1e-9) / 100)


def percent(job: Job) -> str:
    """`62 %`, "" while the length is not known."""
    return units.percent(job.step, job.total_steps) if job.step and job.total_steps else ""


def last_losses(metrics: Sequence[Metric]) -> tuple[float | None, float | None]:
    """The last train and the last validation loss."""
    train = next((m.train_loss for m in reversed(metrics) if m.train_loss is not None), None)
    valid = next((m.valid_loss for m in reversed(metrics) if m.valid_loss is not None), None)
    return train, valid


class Monitor(Vertical):
    """The right side of the Train place."""

    DEFAULT_CSS = """
    Monitor { padding: 0 1; }
    Monitor LossPlot { height: 1fr; min-height: 4; }
    Monitor #how { margin-top: 1; }
    """

    _shown: tuple[Watched, Store] | None = None

    def compose(self) -> ComposeResult:
        yield LossPlot(empty="no loss yet: it is drawn from the first step on")
        yield Lines(id="how")
        yield Lines(id="events")

    @property
    def plot(self) -> LossPlot:
        return self.query_one(LossPlot)

    def on_resize(self) -> None:
        if self._shown is not None:
            self.show(*self._shown)

    def show(self, watched: Watched, store: Store) -> None:
        """Show a job as the store knows it now."""
        self._shown = (watched, store)
        job = watched.job
        parts = [f"{job.name} on {watched.provider}", watched.word, watched.epoch if not job.ended else ""]
        entitle(self, " · ".join(part for part in parts if part))
        metrics = store.jobs.metrics(job.id)
        self.plot.show(
            [(m.step, m.train_loss) for m in metrics if m.train_loss is not None],
            [(m.step, m.valid_loss) for m in metrics if m.valid_loss is not None],
            job.total_steps,
        )
        width = max(self.content_size.width, 20)
        self.query_one("#how", Lines).show(self._how(watched, metrics, width))
        self.query_one("#events", Lines).show(self._events(watched, store, width))

    def _how(self, watched: Watched, metrics: Sequence[Metric], width: int) -> list[Row]:
        job, task = watched.job, watched.task
        parts = []
        if job.step is not None:
            parts.append(
                f"step {count(job.step)} of {count(job.total_steps)}" if job.total_steps else f"step {job.step}"
            )
        train, valid = last_losses(metrics)
        if train is not None:
            parts.append(f"loss {train:.3g}")
        if valid is not None:
            parts.append(f"validation {valid:.3g}")
        if job.trained_tokens:
            parts.append(plural(job.trained_tokens, "token"))
        if job.estimated_finish and job.state == "running":
            parts.append(f"{duration(max(job.estimated_finish - clock.now(), 0))} left")
        if job.ended and job.submitted and job.finished:
            parts.append(f"took {duration(job.finished - job.submitted)}")
        parts.append(f"at most {at_most(job.cost_at_most)}" if job.cost_at_most else money(job.cost_at_most))
        rows = [row(line) for line in _flow(parts, width)]
        if not job.ended and task is not None and task.open and task.progress.text and job.step is None:
            # The engine loads the model before its first step and has no more to say than that it runs.
            waits = "waits for the first step" if task.progress.text == "running" else plain(task.progress.text)
            since = f", {duration(clock.now() - job.submitted)} so far" if job.submitted else ""
            rows.append(row(("… ", "accent"), cut(waits + since, width - 2)))
        error = job.error or (task.error if task is not None and watched.unwatched else None)
        if error is not None:
            rows += [row(("✗ ", "bad"), (plain(error.what, width - 2), "bold"))]
            rows += [row(f"  {plain(text, width - 2)}") for text in [error.why] if text]
            rows += [row(("→ ", "accent"), plain(text, width - 2)) for text in [error.do] if text]
        if watched.unwatched:
            rows.append(
                row(
                    ("! ", "warn"),
                    "nobody follows this job now; it may go on at the provider  ",
                    ("r", "key"),
                    (" looks again", "dim"),
                )
            )
        if job.fine_tuned_model:
            rows.append(row(("✓ ", "ok"), "model ", (plain(job.fine_tuned_model, width - 8), "bold")))
        return rows

    def _events(self, watched: Watched, store: Store, width: int) -> list[Row]:
        lines = [(event.time, event.level, event.message) for event in store.jobs.events(watched.job.id, EVENTS)]
        if watched.task is not None:
            lines += store.tasks.notes(watched.task.id, EVENTS)
        room = EVENTS if self.size.height > 20 else 2
        tones: dict[str, Tone] = {"warn": "warn", "error": "bad"}
        marks = {"warn": "! ", "error": "✗ "}
        rows = list[Row]()
        # Of one second, in the order in which they were told.
        for moment, level, text in sorted(lines, key=lambda line: line[0])[-room:]:
            at = time.strftime("%H:%M:%S", time.localtime(moment))
            mark = Span(marks.get(level, ""), tones.get(level, ""))
            rows.append((Span(f"{at}  ", "dim"), mark, Span(plain(text, max(width - 12, 8)))))
        return rows


def _flow(parts: Sequence[str], width: int) -> list[str]:
    """Parts side by side on as few lines as they need."""
    lines = [""]
    for part in parts:
        longer = lines[-1] + (_GAP if lines[-1] else "") + part
        if len(longer) > width and lines[-1]:
            lines.append(part)
        else:
            lines[-1] = longer
    return lines
