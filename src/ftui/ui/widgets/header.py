"""The header: one line that says project, place, worker and money."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.strip import Strip

from ftui.store import Store
from ftui.store.tasks import Task
from ftui.ui.text import Row, Span, Tone, cut, fit, money, width_of
from ftui.ui.widgets.rows import Toned
from ftui.units import percent

PLACES = (
    ("connect", "Connect", "Conn"),
    ("collect", "Collect", "Coll"),
    ("pairs", "Pairs", "Pairs"),
    ("train", "Train", "Train"),
    ("compare", "Compare", "Comp"),
    ("models", "Models", "Mod"),
)
"""Module, title and short title of each place, in the order of the number keys."""

DOING = {
    "collect": "collecting",
    "prepare": "making pairs",
    "write": "asking a model",
    "install": "installing",
    "train": "training",
    "compare": "comparing",
}


class Header(Toned):
    """One line; a click on a place goes there."""

    DEFAULT_CSS = "Header { height: 1; width: 1fr; }"
    WIDE: ClassVar[int] = 110

    project = ""
    place = 0
    worker = ""
    spent = ""
    budget = ""
    _clickable: tuple[tuple[int, int, int], ...] = ()

    def show(self, store: Store | None, place: int) -> None:
        """Say what is so now; repaints when that differs from before."""
        before = (self.project, self.place, self.worker, self.spent, self.budget)
        self.project, self.place = (store.name if store else ""), place
        self.worker = worker_text(store) if store else ""
        if store is not None and store.database.refused is not None:
            self.worker = "read only"
        self.spent = money(store.money.spent()) if store else ""
        self.budget = money(store.money.budget) if store else ""
        if before != (self.project, self.place, self.worker, self.spent, self.budget):
            self.refresh()

    def on_resize(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        return self.paint(self.row(self.size.width), self.size.width, self.base)

    def row(self, width: int) -> Row:
        """The line in `width` cells: the places in the middle, worker and money at the right."""
        wide = width >= self.WIDE
        left = [
            Span(" ftui ", "accent"),
            Span((" " if wide else "") + cut(self.project, 16 if wide else 8) + " ", "bold"),
        ]
        if wide:
            left.append(Span(" " * max(24 - width_of(left), 1)))
        places: list[tuple[int, int, int]] = []
        for number, (_, title, short) in enumerate(PLACES, 1):
            name = f"{number} {title if wide else short}"
            start = width_of(left) + 1
            tone: Tone = "key" if number == self.place else "dim"
            left += [Span(" "), Span(name, tone)]
            places.append((start, start + len(name), number))
            if wide:
                left.append(Span(" "))
        self._clickable = tuple(places)
        room = width - width_of(left) - 1
        spent = f"{self.spent} of {self.budget}" if wide and self.spent else self.spent
        # What does not fit goes first: how many more tasks run, then what the worker does, then how far it is.
        alone = self.worker.partition(" +")[0]
        far = alone.lstrip("abcdefghijklmnopqrstuvwxyz ")
        for worker in (self.worker, alone, far, ""):
            right = "  ".join(text for text in (worker, spent) if text) + " "
            if len(right) <= room:
                return (*left, Span(fit(right, room + 1, "right"), "dim"))
        return tuple(left)

    def on_click(self, event: events.Click) -> None:
        for start, end, number in self._clickable:
            if start <= event.x < end:
                self.app.call_next(self.app.run_action, f"go({number})")


def worker_text(store: Store) -> str:
    """What the worker does: `collecting 65 %`, `worker idle`, `worker starting`."""
    tasks = store.tasks.all(states=("running", "queued"), limit=20)
    if not tasks:
        return "worker idle"
    running = [task for task in tasks if task.state == "running"]
    if store.leases.live() is None:
        return "worker stopped" if running else "worker starting"
    if not running:
        return "worker busy"
    more = f" +{len(running) - 1}" if len(running) > 1 else ""
    return task_text(running[-1]) + more


def task_text(task: Task) -> str:
    """`collecting 312`, with a percentage where the total is known."""
    doing, progress = DOING.get(task.kind, task.kind), task.progress
    if progress.total:
        return f"{doing} {percent(min(progress.done, progress.total), progress.total)}"
    return f"{doing} {progress.done:,}" if progress.done else doing
