"""What the verbs share: the project in use, tables, and following a task."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from ftui import guide, settings, worker
from ftui.errors import EngineError, FtuiError, InputError
from ftui.store import Store, list_projects
from ftui.store.records import Source
from ftui.store.tasks import Task

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 5.0
"""Between two looks at whether the worker lives and the disk has room."""


def open_store(options: argparse.Namespace) -> Store:
    """The project named by --project, or the one last used, or the only one there is."""
    name = getattr(options, "project", None) or settings.state().get("project")
    known = list_projects()
    if not name and len(known) == 1:
        name = known[0]
    if not name or (not getattr(options, "project", None) and name not in known):
        raise InputError(
            "No project is chosen",
            "there is none yet" if not known else "there are several: " + ", ".join(known),
            "Make one: ftui projects new NAME" if not known else "Add: --project NAME",
        )
    return Store(name)


def find_source(store: Store, name: str) -> Source:
    """The source of a name.

    Raises:
        InputError: there is none.
    """
    source = next((source for source in store.sources.all() if source.name == name), None)
    if source is None:
        raise InputError(f"There is no source {name!r}", "this project has none", "See: ftui collect list")
    return source


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def print_table(rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """Columns of equal width; the numbers of the columns in `right` are aligned right."""
    texts = [[one_line(cell) for cell in row] for row in rows]
    if not texts:
        return
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    for row in texts:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def one_line(value: Any) -> str:
    """Text from anywhere as harmless text on one line: control characters cannot reach the terminal."""
    text = "" if value is None else str(value)
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def dollars(text: str) -> float:
    """An amount on the command line: finite, 0 or more."""
    amount = float(text)
    if not 0 <= amount < math.inf:
        raise ValueError(text)
    return amount


def interactive() -> bool:
    """Whether somebody can be asked; a script may have closed standard input altogether."""
    return sys.stdin is not None and sys.stdin.isatty()


def read_line() -> str:
    """A line of standard input, "" at its end or where it is closed."""
    return sys.stdin.readline() if sys.stdin is not None else ""


def add_follow_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print events as JSON, one a line")
    parser.add_argument("--detach", action="store_true", help="queue it and do not wait")


def follow(store: Store, task_id: int, *, as_json: bool = False, quiet: bool = False) -> Task:
    """Show a task's progress until it ends.

    Raises:
        FtuiError: the task failed, or no worker could be kept alive for it.
    """
    line = ProgressLine(quiet=quiet or as_json)
    printed = _Printed(store, task_id)
    for task in until_finished(store, task_id):
        if as_json:
            printed.show(task)
        else:
            line.show(f"{task.title}: {guide.progress(task)}")
    line.end()
    task = store.tasks.get(task_id)
    if as_json:
        printed.show(task)
        print_json(
            {
                "event": task.state,
                "task": task.id,
                "result": task.result,
                "failures": [
                    {"event": kind, "reason": reason, "count": count}
                    for kind, reason, count in store.tasks.failures(task_id)
                ],
                "error": task.error.as_dict() if task.error else None,
            }
        )
    if task.state == "failed":
        raise task.error or FtuiError(f"{task.title} failed")
    return task


def until_finished(store: Store, task_id: int) -> Iterable[Task]:
    """The task again and again, a few times a second, until it has ended; its worker is kept alive.

    Raises:
        FtuiError: the worker does not stay alive.
    """
    started, restarts = time.monotonic(), 0
    while True:
        task = store.tasks.get(task_id)
        yield task
        if not task.open or task.state == "paused":
            return
        if time.monotonic() - started < PATIENCE_SECONDS:
            time.sleep(POLL_SECONDS)
            continue
        started = time.monotonic()
        if (full := store.disk_problem()) is not None:
            raise full
        if store.leases.live() is None:
            restarts += 1
            if restarts > 3:
                raise EngineError(
                    "The worker does not stay alive",
                    "it was started four times",
                    f"Its log says why: {worker.log_path(store.name)}",
                )
            worker.ensure(store)


class _Printed:
    """What a task says as JSON, each thing once."""

    def __init__(self, store: Store, task_id: int) -> None:
        self._tasks, self._task = store.tasks, task_id
        self._note = self._failure = 0
        self._state: Any = None

    def show(self, task: Task) -> None:
        for number, level, text in self._tasks.notes_after(self._task, self._note):
            print_json({"event": "note", "task": task.id, "level": level, "text": text})
            self._note = number
        for number, kind, reason, subject in self._tasks.failures_after(self._task, self._failure):
            print_json({"event": kind, "task": task.id, "reason": reason, "subject": subject})
            self._failure = number
        state = {"event": "progress", "task": task.id, "kind": task.kind, "state": task.state, **_numbers(task)}
        if state != self._state:
            now = time.time()
            print_json({**state, "per_second": task.rate(now), "seconds_left": task.seconds_left(now)})
            self._state = state


def _numbers(task: Task) -> dict[str, Any]:
    state = task.progress
    return {
        "done": state.done,
        "total": state.total,
        "unit": state.unit,
        "failed": state.failed,
        "skipped": state.skipped,
        "bytes": state.bytes,
        "cost": state.cost,
        "cost_at_most": state.cost_at_most,
        "text": state.text,
    }


class ProgressLine:
    """One line on standard error: rewritten in place on a terminal, printed now and then elsewhere."""

    EVERY_SECONDS = 5.0

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._last = ""
        self._printed = 0.0

    def show(self, text: str) -> None:
        text = one_line(text)
        if self._quiet or text == self._last:
            return
        self._last = text
        if self._terminal:
            print(f"\r\x1b[K{text[:120]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._printed > self.EVERY_SECONDS:
            self._printed = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._last and self._terminal and not self._quiet:
            print(file=sys.stderr, flush=True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before money or before losing; `n` is the default.

    Raises:
        InputError: the answer is no, or there is nobody to ask.
    """
    if yes:
        return
    if not interactive():
        raise InputError("This needs a yes", question, "Add: --yes")
    print(f"{question} [y/N] ", end="", flush=True)
    if read_line().strip().lower() not in ("y", "yes"):
        raise InputError("Nothing was done", "the answer was no")
