"""The store: the place where the screens, the command line and the worker meet.

`Store(name)` is one object with a small repository per noun:

    store.sources, store.records     what was collected
    store.pairs                      the pairs with their decisions, undo and redo
    store.rules                      what was said to rules that fit pairs
    store.versions                   frozen dataset versions and held-out questions
    store.jobs, store.models         fine-tuning runs and what came of them
    store.chats, store.comparisons   conversations and held-out answers
    store.tasks, store.leases        the queue of the worker, and whether it lives
    store.money                      budget and spending
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ftui import paths
from ftui.errors import BusyError, FtuiError, InputError, SettingsError, describe
from ftui.store.database import Database

if TYPE_CHECKING:
    from ftui.store.chats import Chats
    from ftui.store.comparisons import Comparisons
    from ftui.store.jobs import Jobs
    from ftui.store.lease import Leases
    from ftui.store.meta import Meta, Money
    from ftui.store.models import Models
    from ftui.store.pairs import Pairs
    from ftui.store.recipe_texts import RecipeTexts
    from ftui.store.records import Records, Sources
    from ftui.store.rules import Rules
    from ftui.store.tasks import Tasks
    from ftui.store.versions import Versions

WORKER_SECONDS = 20.0
"""The longest that a worker may take to end: what it computes is cut off at the next row."""

FULL_BYTES = 1_000_000
"""With less than this left on a disk, SQLite has no room to work in."""

__all__ = ["ProjectSummary", "Store", "create_project", "delete_project", "list_projects"]


class Store:
    """Everything of one project. One per thread; `close` it or use it as a context manager.

    Args:
        recover: bring a step over many pairs to its end, before `pairs` is used first, that was cut off by the
            death of its process. That takes seconds where it was large: the screens do it with progress instead.
    """

    def __init__(self, name: str, *, recover: bool = True) -> None:
        folder = paths.project_dir(name)
        if not folder.exists():
            raise InputError(
                f"There is no project {name!r}",
                "its folder is not in the config folder",
                f"Make it: ftui projects new {name}",
            )
        self.name = name
        self._recover = recover
        self.folder = folder
        self.data_folder = paths.project_data_dir(name)
        self.database = Database(folder / "project.db", self.data_folder / "records.db")

    def beside(self) -> Store:
        """Another one of the same project for the thread that calls this; where this one only reads, so does it."""
        store = Store(self.name, recover=False)
        store.database.refused = self.database.refused
        return store

    # Each repository is imported when it is first used: the first picture needs few of them.

    @cached_property
    def meta(self) -> Meta:
        from ftui.store.meta import Meta

        return Meta(self.database)

    @cached_property
    def money(self) -> Money:
        from ftui.store.meta import Money

        return Money(self.database)

    @cached_property
    def sources(self) -> Sources:
        from ftui.store.records import Sources

        return Sources(self.database)

    @cached_property
    def records(self) -> Records:
        from ftui.store.records import Records

        return Records(self.database)

    @cached_property
    def pairs(self) -> Pairs:
        from ftui.store.pairs import Pairs

        pairs = Pairs(self.database)
        if self._recover:
            for _ in pairs.recovering():
                pass
        return pairs

    @cached_property
    def rules(self) -> Rules:
        from ftui.store.rules import Rules

        return Rules(self.database)

    @cached_property
    def recipe_texts(self) -> RecipeTexts:
        from ftui.store.recipe_texts import RecipeTexts

        return RecipeTexts(self.database)

    @cached_property
    def versions(self) -> Versions:
        from ftui.store.versions import Versions

        return Versions(self.database, self.data_folder / "versions")

    @cached_property
    def jobs(self) -> Jobs:
        from ftui.store.jobs import Jobs

        return Jobs(self.database)

    @cached_property
    def models(self) -> Models:
        from ftui.store.models import Models

        return Models(self.database)

    @cached_property
    def chats(self) -> Chats:
        from ftui.store.chats import Chats

        return Chats(self.database)

    @cached_property
    def comparisons(self) -> Comparisons:
        from ftui.store.comparisons import Comparisons

        return Comparisons(self.database)

    @cached_property
    def tasks(self) -> Tasks:
        from ftui.store.tasks import Tasks

        return Tasks(self.database)

    @cached_property
    def leases(self) -> Leases:
        from ftui.store.lease import Leases

        return Leases(self.database)

    @property
    def recipe_path(self) -> Path:
        return self.folder / "recipe.toml"

    def recipe_stamp(self) -> tuple[int, int]:
        """Differs from the last one when the recipe's file has been changed; (0, 0) where there is none."""
        try:
            found = self.recipe_path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)

    def disk_problem(self) -> FtuiError | None:
        """Says so when a disk of the project is full: there, an error may not have been written down."""
        for folder in (self.folder, self.data_folder):
            if shutil.disk_usage(folder).free < FULL_BYTES:
                return SettingsError(
                    "The disk is full",
                    str(folder),
                    "Free some space; what was saved is safe, and what was cut off goes on",
                )
        return None

    def stamp(self) -> tuple[int, int, int]:
        """Differs from the last one when anybody has committed anything since."""
        return self.database.stamp()

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class ProjectSummary:
    """A line of `ftui projects`."""

    name: str
    records: int
    pairs: int
    accepted: int
    models: int
    changed: float
    problem: str = ""
    """Why it cannot be opened; the counts are then 0."""


def create_project(name: str) -> None:
    """Make an empty project. One that is there already is an `InputError`."""
    folder = paths.project_dir(name)
    if (folder / "project.db").exists():
        raise InputError(f"There is a project {name!r} already", "names are unique", "Open it, or choose another name")
    paths.private_dir(folder)
    with Store(name) as store:
        store.meta.set("created", str(time.time()))


def list_projects() -> list[str]:
    """Names of all projects, the one that changed last first."""
    files = paths.projects_dir().glob("*/project.db")
    return [file.parent.name for file in sorted(files, key=_changed, reverse=True)]


def summary(name: str) -> ProjectSummary:
    """A project's line. One that cannot be opened has one too, so that the others are still listed."""
    file = paths.project_dir(name) / "project.db"
    # Before it is opened, which touches what lies beside it.
    changed = _changed(file)
    try:
        # A list is no place to wait for a step that was cut off: it is mended where the project is opened.
        with Store(name, recover=False) as store:
            counts = store.pairs.counts()
            return ProjectSummary(
                name,
                store.records.count(),
                counts.total,
                counts.accepted,
                len(store.models.all()),
                changed,
            )
    except (FtuiError, sqlite3.DatabaseError) as error:
        if not file.exists():
            raise
        return ProjectSummary(name, 0, 0, 0, 0, changed, problem=str(describe(error)))


def delete_project(name: str) -> None:
    """Remove a project with all it holds, after its worker has ended.

    Raises:
        BusyError: its worker does not end, or is on another machine.
    """
    folder = paths.project_dir(name)
    with contextlib.suppress(InputError, SettingsError), Store(name) as store:
        _end_worker(store)
    # The project last: cut off in between, what is left still has a name and can be deleted again.
    for path in (paths.project_data_dir(name), folder):
        if path.exists():
            shutil.rmtree(path)


def _end_worker(store: Store) -> None:
    lease = store.leases.live()
    if lease is None:
        return
    if lease.here:
        lease.end()
    deadline = time.monotonic() + WORKER_SECONDS
    while lease.alive:
        if not lease.here or time.monotonic() > deadline:
            raise BusyError(f"{store.name} is being worked on", f"by ftui on {lease.host}", "Stop it there first")
        time.sleep(0.05)


def _changed(file: Path) -> float:
    """When a project last changed, seconds since the epoch; 0 when it has just been deleted."""
    changed = [0.0]
    for path in (file, file.with_name(file.name + "-wal")):
        with contextlib.suppress(FileNotFoundError):
            # Who only reads makes an empty one beside the file.
            if (found := path.stat()).st_size:
                changed.append(found.st_mtime)
    return max(changed)
