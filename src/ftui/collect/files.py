"""Files and folders: rows of data, pages, transcripts and PDFs, whatever their names say.

`formats.py` says what can be read. A thread reads, one step ahead of the events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.collect import fields, formats, rows
from ftui.collect.named import Named, find
from ftui.collect.past import NOTHING, Past
from ftui.collect.read_bytes import Cut, NotData, NotInstalled, Stream
from ftui.errors import InputError
from ftui.events import Batch, Checkpoint, Event, Failure, Note, Progress, Record, Result

_ROWS_AT_ONCE = 1000
_BYTES_AT_ONCE = 2 * 2**20
_SECONDS_AT_ONCE = 0.5
_ROWS_TO_CHECKPOINT = 5000
_SECONDS_TO_CHECKPOINT = 1.0
_MOST_NOTES = 100
_COUNTS = ("file", "row", "done", "failed", "skipped")


@dataclass(frozen=True)
class Files(fields.Settings):
    """What to read.

    Attributes:
        paths: files, folders (every file in them and below) and patterns (`*`, `?`, `[…]`,
            and `**` for folders of any depth).
    """

    paths: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named = fields.texts("paths", self.paths)
        if not named:
            raise InputError("There is nothing to read", "no file and no folder is named", "Name one")
        if any("\0" in path for path in named):
            raise InputError("There is nothing to read", "a name holds a NUL byte", "Correct the name")
        self._set("paths", tuple(str(Path(path).expanduser().absolute()) for path in named))

    def name(self) -> str:
        """What to call the source: its first file, folder or pattern."""
        first = Path(self.paths[0]).name or self.paths[0]
        return f"{first} and {len(self.paths) - 1} more" if len(self.paths) > 1 else first

    def describe(self) -> str:
        """One line for lists."""
        names = [Path(path).name for path in self.paths]
        if len(names) == 1:
            path = Path(self.paths[0])
            return f"{'folder' if path.is_dir() else 'file' if path.is_file() else 'files'} {names[0]}"
        return f"{len(names)} files: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"


async def read_files(config: Files, past: Past = NOTHING) -> AsyncGenerator[Event, None]:
    """Yield the rows of all files, in batches. A record's key is `NAME:LINE`, or `NAME` for a file that is one record.

    Args:
        past: of a run that was cut off, to go on from there; the failures to try again.

    Raises:
        InputError: what was named is missing or holds no rows that can be read.
    """
    files, left_out = await asyncio.to_thread(find, config.paths)
    run = _Run(files, frozenset(past.only))
    if past.state and not run.resume(past.state):
        yield Note("The files have changed since the last run: they are read from the beginning", "warn")
    left_out = [one for one in left_out if not past.only or one.subject in past.only]
    if left_out and not run.has_begun:
        run.skipped, run.reason = len(left_out), left_out[-1].reason
        yield Batch(left_out)
    async with aclosing(_ahead(run.steps())) as steps:
        async for step in steps:
            for note in step.notes:
                yield Note(note, "warn")
            if step.items:
                yield Batch(step.items)
            if step.state:
                yield Checkpoint(step.state)
            yield step.progress
    if run.notes > _MOST_NOTES:
        yield Note(f"{run.notes - _MOST_NOTES} more notes of this kind are left out", "warn")
    if not run.done and not past.only:
        last = f"; the last because of: {run.reason}" if run.reason else ""
        raise InputError(
            "There is nothing to use in what was named",
            f"rows that cannot be read: {run.failed:,}, files: {run.skipped:,}{last}",
            f"Look at the failures; what can be read is {formats.READABLE}",
        )
    yield Result({"done": run.done, "failed": run.failed, "skipped": run.skipped, "bytes": run.size})


@dataclass(frozen=True, slots=True)
class _Step:
    """Some rows, and how far the reading is behind them; `state` where it is time for a checkpoint."""

    items: list[Record | Failure]
    notes: list[str]
    state: Mapping[str, Any] | None
    progress: Progress


async def _ahead(steps: Generator[_Step, None, None]) -> AsyncGenerator[_Step, None]:
    """The steps, made in a thread: the next one while the consumer deals with the last."""

    def begin() -> asyncio.Task[_Step | None]:
        return asyncio.create_task(asyncio.to_thread(next, steps, None))

    running = begin()
    try:
        # A thread cannot be cancelled: it is waited for, or the generator would be closed while it runs.
        while (step := await asyncio.shield(running)) is not None:
            running = begin()
            yield step
    finally:
        await asyncio.wait([running])
        running.cancelled() or running.exception()
        steps.close()


class _Run:
    """How far the reading is: rows taken of the file under way, and the counts of all.

    Attributes:
        file: number of the file under way. row: rows of it that were taken.
        size: bytes of all files on disk.
        notes: how many there were, also those beyond the most that are said.
        reason: why the last row or file that was not read could not be, "" for none since the last resumption.
    """

    def __init__(self, files: list[Named], only: frozenset[str]) -> None:
        self.file = self.row = self.done = self.failed = self.skipped = 0
        self.size, self.notes, self.reason = sum(file.size for file in files), 0, ""
        self._files, self._only = files, only
        seal = "\n".join(f"{file.name} {file.size} {file.changed}" for file in files)
        self._seal = rows.digest(seal.encode("utf-8", "replace"))
        self._bytes, self._items, self._notes = 0, list[Record | Failure](), list[str]()
        self._given = self._saved_rows = 0
        self._stepped_at = self._saved_at = time.monotonic()

    @property
    def has_begun(self) -> bool:
        return bool(self.file or self.row)

    def resume(self, state: Mapping[str, Any]) -> bool:
        """Go on from a checkpoint; False when it was made of other files."""
        if state.get("files") != self._seal:
            return False
        for name in _COUNTS:
            setattr(self, name, int(state.get(name, 0)))
        return True

    def steps(self) -> Generator[_Step, None, None]:
        """Read on to the end.

        Raises:
            InputError: the only file cannot be read.
        """
        self._bytes = sum(file.size for file in self._files[: self.file])
        for file in self._files[self.file :]:
            before = self._bytes
            try:
                with Stream(file.path, file.name) as stream:
                    for _ in self._rows(stream, file):
                        if self._is_due(stream):
                            self._bytes = before + min(stream.taken, file.size)
                            yield self._step(file, stream)
                    self._notes += stream.notes
                    if stream.has_changed:
                        self._notes.append(f"{file.name} was changed while it was read; collect it again to be sure")
            except Cut as error:
                self._add(Failure(file.name, str(error)))
            except (NotData, OSError) as error:
                reason = (error.strerror or str(error)) if isinstance(error, OSError) else f"it is {error}"
                if len(self._files) == 1 and not self.done and not self.failed:
                    do = "Install it" if isinstance(error, NotInstalled) else f"What can be read is {formats.READABLE}"
                    raise InputError(f"{file.name} cannot be read", reason, do) from error
                self._add(Failure(file.name, reason, kind="skipped"))
            self._bytes = before + file.size
            self.file, self.row = self.file + 1, 0
            if self._is_due(None):
                yield self._step(file, None)
        if self._items or self._notes:
            yield self._step(self._files[-1], None)

    def _rows(self, stream: Stream, file: Named) -> Generator[None, None, None]:
        """Go on by one row at a time; those that were taken before a resumption are passed over."""
        how = formats.look(stream)
        if not self.row:
            self._note(stream, how)
        place = formats.PLACES.get(how.format, "line")
        name, taken = file.name, 0
        self._given = 0
        for line, row, problem in formats.read(stream, how):
            taken += 1
            if taken <= self.row:
                yield
                continue
            self.row = taken
            key, subject = (f"{name}:{line}", f"{name} {place} {line}") if line else (name, name)
            self._add(Failure(subject, problem) if problem else rows.to_event(row, key, subject), subject, name)
            yield

    def _note(self, stream: Stream, how: formats.Look) -> None:
        if formats.SUFFIXES.get(stream.suffix, how.format) != how.format:
            stream.notes.append(f"{stream.name} is not what its name says; it is read as {how.format.upper()}")
        if how.encoding == "cp1252" and how.format != "html":
            stream.notes.append(f"{stream.name} is not UTF-8; it is read as Windows-1252")

    def _add(self, event: Record | Failure, subject: str = "", name: str = "") -> None:
        """Count an event and give it out, if it is asked for: all are, or those that answer an earlier failure."""
        if self._only:
            own = event.subject if isinstance(event, Failure) else event.url
            if self._only.isdisjoint((own, subject, name)):
                return
        if isinstance(event, Record):
            self.done += 1
        else:
            self.failed += event.kind == "failed"
            self.skipped += event.kind == "skipped"
            self.reason = event.reason
        self._items.append(event)

    def _is_due(self, stream: Stream | None) -> bool:
        if stream and stream.given - self._given >= _BYTES_AT_ONCE:
            return True
        return len(self._items) >= _ROWS_AT_ONCE or time.monotonic() - self._stepped_at >= _SECONDS_AT_ONCE

    def _step(self, file: Named, stream: Stream | None) -> _Step:
        now = time.monotonic()
        if stream:
            self._given = stream.given
            self._notes += stream.notes
            stream.notes.clear()
        state = None
        taken = self.done + self.failed
        if taken - self._saved_rows >= _ROWS_TO_CHECKPOINT or now - self._saved_at >= _SECONDS_TO_CHECKPOINT:
            self._saved_rows, self._saved_at = taken, now
            state = {"files": self._seal, **{name: getattr(self, name) for name in _COUNTS}}
        said = self._notes[: max(0, _MOST_NOTES - self.notes)]
        self.notes += len(self._notes)
        step = _Step(self._items, said, state, self._progress(file.name))
        self._items, self._notes, self._stepped_at = [], [], now
        return step

    def _progress(self, text: str) -> Progress:
        """Records so far; how many there will be follows from the bytes still to read."""
        total = max(self.done, round(self.done * self.size / self._bytes)) if self._bytes else None
        return Progress(self.done, total, "records", self.failed, self.skipped, self._bytes, text)
