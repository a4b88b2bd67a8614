"""What has been done, and the key that goes on: one line for every state of a project."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass

from ftui import chatfile
from ftui.store import Store
from ftui.store.tasks import Task
from ftui.units import duration, percent


@dataclass(frozen=True, slots=True)
class Step:
    """One line.

    Attributes:
        text: what has been done or is being done.
        key: the keys that go on, with what they do ("3 then a accepts"), "" while one waits.
        command: the same as a command line, for scripts.
    """

    text: str
    key: str = ""
    command: str = ""

    def __str__(self) -> str:
        return f"{self.text} · {self.key}" if self.key else self.text


def next_step(store: Store) -> Step:
    """The step that a person who knows nothing of ftui should take now."""
    records = store.records.count()
    counts = store.pairs.counts()
    running = {task.kind: task for task in store.tasks.all(states=("queued", "running"))}
    if "collect" in running:
        return Step(f"collecting: {progress(running['collect'])}")
    if not records:
        return _after_failure(store) or Step(
            "nothing is collected yet", "2 then n adds a source", "ftui collect crawl URL"
        )
    if "prepare" in running:
        return Step(f"making pairs: {progress(running['prepare'])}")
    if store.tasks.all(states=("paused",), kind="prepare", limit=1):
        return Step("making pairs is paused", "3 then z goes on", "ftui prepare --go-on")
    if not counts.total:
        return Step(f"{_many(records, 'record')}", "p makes pairs", "ftui prepare")

    jobs, models = store.jobs.all(), store.models.all()
    active = next((job for job in jobs if not job.ended), None)
    if active is not None and "train" in running:
        share = percent(active.step, active.total_steps) if active.step and active.total_steps else active.state
        return Step(f"{active.name} trains, {share}", "4 shows it", f"ftui watch {active.name}")
    if jobs and jobs[0].state == "failed":
        return Step(f"{jobs[0].name} failed", "4 says why, n makes a new job", f"ftui watch {jobs[0].name}")
    if not jobs:
        if counts.accepted < chatfile.MIN_ROWS:
            return Step(
                f"{_many(counts.pending, 'pair')} to review",
                "3 then a accepts, x rejects, A the whole fact",
                "ftui prepare --accept-all",
            )
        if "install" in running:
            return Step(
                f"{counts.accepted:,} accepted, {counts.pending:,} pending; the engine is being installed",
                "go on reviewing",
            )
        return Step(f"{_many(counts.accepted, 'pair')} accepted", "4 then n trains", "ftui train")
    if not models and jobs[0].state == "cancelled":
        return Step(f"{jobs[0].name} was cancelled", "4 then n trains", "ftui train")
    if not models:
        return Step(f"{jobs[0].name}: {jobs[0].state}", "4 shows it", f"ftui watch {jobs[0].name}")

    model = models[0]
    if "compare" in running:
        return Step(f"comparing: {progress(running['compare'])}", "5 shows it")
    comparison = store.comparisons.latest(model.id)
    if comparison is None:
        return Step(f"{model.name} is ready", "5 then n compares it, c chats", f"ftui compare {model.name}")
    score = store.comparisons.score(comparison.id, "heldout")
    return Step(
        f"{model.name} answers {score.tuned} of {score.of} unseen questions, its base {score.base}",
        "c chats with it",
        f"ftui chat {model.name}",
    )


def away(store: Store, since: float) -> list[str]:
    """What happened since a moment (seconds since the epoch), one short sentence each."""
    lines = []
    for task in store.tasks.all(limit=50):
        if task.finished is None or task.finished <= since:
            continue
        if task.state == "failed" and task.error:
            lines.append(f"{task.title} failed: {task.error.what}")
        elif task.kind == "collect":
            lines.append(f"{_many(task.progress.done, 'record')} came from {task.title}")
        elif task.kind == "train" and task.state == "done":
            job = store.jobs.get(int(task.args["job"]))
            lines.append(f"job {job.name} {job.state}")
        elif task.kind == "prepare" and task.result:
            lines.append(f"{_many(int(task.result['pairs']), 'pair')} made")
        elif task.kind == "install":
            lines.append("the engine was installed")
        elif task.kind == "compare" and task.result:
            lines.append(f"{task.title} compared: {task.result['tuned']} of {task.result['of']} right")
    return lines


def progress(task: Task, now: float | None = None) -> str:
    """`312 of 480 pages, 18/s, 9 s left`: what is known of it, in one line."""
    moment = time.time() if now is None else now
    state = task.progress
    if task.state == "queued":
        return "waits for the worker"
    parts = []
    if state.unit == "bytes":
        size = f"{state.done / 1e6:,.1f}"
        parts.append(f"{size} of {state.total / 1e6:,.1f} MB" if state.total else f"{size} MB")
    elif state.total:
        parts.append(f"{state.done:,} of {state.total:,} {state.unit}")
    elif state.done:
        parts.append(f"{state.done:,} {state.unit}")
    if task.kind == "collect":
        parts += [f"{state.failed:,} failed"] if state.failed else []
        parts += [f"{state.bytes / 1e6:,.1f} MB"] if state.bytes >= 50_000 else []
    rate = task.rate(moment)
    if rate and state.unit != "bytes" and task.kind in ("collect", "prepare"):
        parts.append(f"{rate:,.0f}/s" if rate >= 2 else f"{rate:.1f}/s")
    left = task.seconds_left(moment)
    if left is not None and state.done:
        parts.append(f"{duration(left)} left")
    if state.cost_at_most is not None:
        parts.append(f"${state.cost or 0:,.2f} of at most ${state.cost_at_most:,.2f}")
    if state.text:
        # An address can be long, and the end of a line is what is cut.
        parts.insert(len(parts) if task.kind == "collect" else 0, state.text)
    return ", ".join(parts) or "starting"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


_STOPPED_IN = {
    "collect": ("collecting", "2"),
    "prepare": ("making pairs", "3"),
    "train": ("training", "4"),
    "compare": ("comparing", "5"),
}


def where_to_stop(store: Store) -> str:
    """The keys that stop what runs now, outside a text field; "" where nothing does that could be stopped."""
    for task in store.tasks.all(states=("running",)):
        if task.kind in _STOPPED_IN:
            what, place = _STOPPED_IN[task.kind]
            return f"esc, {place}, ctrl+x stops {what}"
    return ""


def _after_failure(store: Store) -> Step | None:
    latest = store.tasks.latest("collect")
    if latest is None or latest.state != "failed" or latest.error is None:
        return None
    again = f"ftui collect again {shlex.quote(latest.title)}"
    return Step(f"{latest.title}: {latest.error.what}", "2 shows why, r tries again", again)
