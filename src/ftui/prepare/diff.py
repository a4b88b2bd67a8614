"""What is different between two dataset versions, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

Kind = Literal["added", "removed", "changed", "moved"]
SIGNS: dict[str, str] = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
"""Of each kind of change, in the order in which they are told."""


class Place(NamedTuple):
    """Where a row stands: in "train" or in "validation", and its line from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Change:
    """One row that is not in both versions as it was.

    Attributes:
        kind: "changed" has the same question and another answer; "moved" went from one file to
            the other, as it is.
        before, after: where it stands in the older and in the newer version.
        old, new: the rows themselves.
    """

    kind: Kind
    before: Place | None
    after: Place | None
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a version; `validation` is None when it has none."""

    train: Path
    validation: Path | None = None

    def named(self) -> Iterator[tuple[str, Path]]:
        yield "train", self.train
        if self.validation is not None:
            yield "validation", self.validation


class _At(NamedTuple):
    place: Place
    start: int


def diff(old: Files, new: Files) -> Iterator[Change]:
    """What is different, in the order of the newer version; what was removed comes last.

    Where a row stands within its file does not count. About 400 bytes of memory for each row of
    the larger version.

    Raises:
        OSError: a file cannot be read.
    """
    before, after = _read(old), _read(new)
    gone = {key: at for key, at in before.items() if key not in after}
    with _Rows(old) as olds, _Rows(new) as news:
        questions: dict[bytes, list[bytes]] = {}
        for key, at in gone.items():
            questions.setdefault(_question(olds.row(at)), []).append(key)
        for keys in questions.values():
            keys.reverse()
        # Files come in the order in which they were read, and so do their rows.
        for key, at in after.items():
            was = before.get(key)
            if was is not None:
                if was.place.file != at.place.file:
                    row = news.row(at)
                    yield Change("moved", was.place, at.place, row, row)
                continue
            row = news.row(at)
            twins = questions.get(_question(row))
            if twins:
                was = gone.pop(twins.pop())
                yield Change("changed", was.place, at.place, olds.row(was), row)
            else:
                yield Change("added", None, at.place, None, row)
        for at in gone.values():
            yield Change("removed", at.place, None, olds.row(at), None)


def _read(files: Files) -> dict[bytes, _At]:
    """The rows of a version by what they say."""
    found: dict[bytes, _At] = {}
    for name, path in files.named():
        start = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    found[blake2b(line.strip(), digest_size=16).digest()] = _At(Place(name, number), start)
                start += len(line)
    return found


def _question(row: Mapping[str, Any]) -> bytes:
    """Equal for rows that ask the same: all but the last message."""
    asked = json.dumps([row["messages"][:-1], row.get("tools")], sort_keys=True)
    return blake2b(asked.encode(), digest_size=16).digest()


class _Rows:
    """Rows of a version by where they stand."""

    def __init__(self, files: Files) -> None:
        self._paths = dict(files.named())
        self._open: dict[str, BinaryIO] = {}

    def __enter__(self) -> _Rows:
        for name, path in self._paths.items():
            self._open[name] = path.open("rb")
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()

    def row(self, at: _At) -> dict[str, Any]:
        file = self._open[at.place.file]
        file.seek(at.start)
        row: dict[str, Any] = json.loads(file.readline())
        return row
