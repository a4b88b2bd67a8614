"""Files and folders of rows: JSON, JSONL, CSV and TSV, whatever their names say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ftui.collect import fields, rows
from ftui.collect.formats import NotData, look, read_rows
from ftui.collect.past import NOTHING, Past
from ftui.errors import InputError
from ftui.events import Checkpoint, Event, Failure, Note, Progress, Result

_ROWS_PER_STEP = 500
_SUFFIXES = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv"}
_COUNTS = ("file", "row", "done", "failed", "skipped", "bytes")


@dataclass(frozen=True)
class Files(fields.Settings):
    """What to read.

    Attributes:
        paths: files and folders; of a folder every file in it and below, by name.
    """

    paths: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named = fields.texts("paths", self.paths)
        if not named:
            raise InputError("There is nothing to read", "no file and no folder is named", "Name one")
        self._set("paths", tuple(str(Path(path).expanduser().absolute()) for path in named))

    def describe(self) -> str:
        """One line for lists."""
        names = [Path(path).name for path in self.paths]
        if len(names) == 1:
            return f"{'folder' if Path(self.paths[0]).is_dir() else 'file'} {names[0]}"
        return f"{len(names)} files: {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"


@dataclass(frozen=True, slots=True)
class _File:
    """One file to read; `name` is what people and keys call it."""

    path: Path
    name: str
    size: int


async def read_files(config: Files, past: Past = NOTHING) -> AsyncGenerator[Event, None]:
    """Yield the rows of all files. A record's key is `NAME:LINE`.

    Args:
        past: of a run that was cut off, to go on from there.

    Raises:
        InputError: what was named is missing or holds no rows that can be read.
    """
    files = await asyncio.to_thread(_files, config)
    run = _Run(files)
    if past.state.get("done") and not run.resume(past.state):
        yield Note("The files have changed since the last run: they are read from the beginning", "warn")
    for number in range(run.file, len(files)):
        file = files[number]
        try:
            async with aclosing(run.read(file)) as events:
                async for event in events:
                    yield event
        except (NotData, OSError) as error:
            reason = (error.strerror or str(error)) if isinstance(error, OSError) else f"it is {error}"
            if len(files) == 1:
                raise InputError(f"{file.name} cannot be read", reason, "Give JSON, JSONL, CSV or TSV") from error
            run.skipped += 1
            yield Failure(file.name, reason, kind="skipped")
        run.file, run.row = number + 1, 0
        run.bytes = sum(one.size for one in files[: number + 1])
        yield Checkpoint(run.state())
        yield run.progress()
    if not run.done:
        raise InputError(
            "There is nothing to use in what was named",
            f"{run.failed} rows and {run.skipped} files could not be read",
            "Look at the failures; JSON, JSONL, CSV and TSV can be read",
        )
    yield Result({"done": run.done, "failed": run.failed, "skipped": run.skipped, "bytes": run.bytes})


class _Run:
    """How far the reading is: rows taken of the file under way, and the counts of all."""

    def __init__(self, files: list[_File]) -> None:
        self.file = self.row = self.done = self.failed = self.skipped = self.bytes = 0
        self._seal = rows.digest("\n".join(f"{file.name} {file.size}" for file in files).encode("utf-8", "replace"))
        self._size = sum(file.size for file in files)

    def state(self) -> dict[str, Any]:
        return {"files": self._seal, **{name: getattr(self, name) for name in _COUNTS}}

    def resume(self, state: Mapping[str, Any]) -> bool:
        """Go on from a checkpoint; False when it was made of other files."""
        if state.get("files") != self._seal:
            return False
        for name in _COUNTS:
            setattr(self, name, int(state.get(name, 0)))
        return True

    def progress(self, text: str = "") -> Progress:
        """Records so far; how many there will be follows from the bytes still to read."""
        total = max(self.done, round(self.done * self._size / self.bytes)) if self.bytes else None
        return Progress(self.done, total, "records", self.failed, self.skipped, self.bytes, text)

    async def read(self, file: _File) -> AsyncGenerator[Event, None]:
        """The rows of one file behind those taken, in steps."""
        how = await asyncio.to_thread(look, file.path)
        if not self.row:
            if _SUFFIXES.get(file.path.suffix.lower(), how.format) != how.format:
                yield Note(f"{file.name} is not what its name says; it is read as {how.format.upper()}", "warn")
            if how.encoding == "cp1252":
                yield Note(f"{file.name} is not UTF-8; it is read as Windows-1252", "warn")
        before = self.bytes
        with file.path.open("rb") as binary, closing(read_rows(binary, how)) as every:
            # An array is parsed at once, which can take seconds; lines come in small steps.
            is_array = how.format == "json"
            whole = await asyncio.to_thread(lambda: list(read_rows(binary, how))) if is_array else every
            found = islice(whole, self.row, None)
            while step := list(islice(found, _ROWS_PER_STEP)):
                for line, row, problem in step:
                    subject = f"{file.name} line {line}"
                    event = Failure(subject, problem) if problem else rows.to_event(row, f"{file.name}:{line}", subject)
                    if isinstance(event, Failure):
                        self.failed += 1
                    else:
                        self.done += 1
                    yield event
                self.row += len(step)
                yield Checkpoint(self.state())
                self.bytes = before + binary.tell()
                yield self.progress(file.name)
        self.bytes = before


def _files(config: Files) -> list[_File]:
    """All files, those of a folder sorted by name.

    Raises:
        InputError: something that was named is not there.
    """
    named = [Path(path) for path in config.paths]
    found: list[_File] = []
    for path in named:
        if path.is_dir():
            home = path.resolve()
            for inner in sorted(path.rglob("*")):
                name = inner.relative_to(path)
                # A link can lead out of the folder, and only the folder was named.
                if inner.is_file() and inner.resolve().is_relative_to(home) and not _is_hidden(name):
                    found.append(_File(inner, name.as_posix(), inner.stat().st_size))
        elif path.is_file():
            twins = sum(other.name == path.name for other in named)
            found.append(_File(path, path.name if twins == 1 else str(path), path.stat().st_size))
        else:
            why = "it is neither a file nor a folder" if path.exists() else "there is no such file or folder"
            raise InputError(f"{path} cannot be read", why, "Check the name")
    if not found:
        raise InputError(f"{named[0]} cannot be read", "the folder holds no file", "Name another")
    return found


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts)
