"""The files that a person named: files, folders and patterns.

Of a folder every file in it and below, hidden ones left out. A link in a folder is not
followed, for it can lead out of what was named or around in a circle; one that was
named itself is.
"""

from __future__ import annotations

import glob
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ftui.errors import InputError
from ftui.events import Failure


@dataclass(frozen=True, slots=True)
class Named:
    """One file to read.

    Attributes:
        name: what people and keys call it.
        size: in bytes on disk.
        changed: when it was written last, in nanoseconds.
    """

    path: Path
    name: str
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    name: str
    why_not: str = ""


def find(paths: Sequence[str]) -> tuple[list[Named], list[Failure]]:
    """All files, those of a folder or a pattern sorted by name, and what was left out of them.

    Raises:
        InputError: something that was named is not there, or holds nothing.
    """
    files: dict[tuple[int, int], Named] = {}
    left_out: list[Failure] = []
    for path in paths:
        is_empty = True
        for found in _look(path):
            is_empty = False
            if found.why_not:
                left_out.append(Failure(found.name, found.why_not, kind="skipped"))
                continue
            state = found.path.stat()
            files.setdefault(
                (state.st_dev, state.st_ino), Named(found.path, found.name, state.st_size, state.st_mtime_ns)
            )
        if is_empty:
            why = "no file matches" if _is_pattern(path) else "the folder holds no file"
            raise InputError(f"{path} cannot be read", why, "Name another")
    return _told_apart(list(files.values())), left_out


def _look(path: str) -> Iterator[_Found]:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if _is_pattern(path):
            yield from _matching(path)
            return
        why = "there is no such file or folder" if isinstance(error, FileNotFoundError) else error.strerror
        raise InputError(f"{path} cannot be read", why or str(error), "Check the name") from error
    if stat.S_ISDIR(mode):
        yield from _below(path)
    elif stat.S_ISREG(mode):
        yield _Found(Path(path), _shown(os.path.basename(path)))
    else:
        raise InputError(f"{path} cannot be read", "it is a pipe or a device", "Give what it says as standard input: -")


def _is_pattern(path: str) -> bool:
    return glob.has_magic(path)


def _below(folder: str) -> Iterator[_Found]:
    """What a folder holds; the names start below it."""
    refused: list[_Found] = []

    def refuse(error: OSError) -> None:
        name = os.path.relpath(error.filename, folder)
        refused.append(_Found(Path(error.filename), _shown(name), error.strerror or str(error)))

    found: list[_Found] = []
    for home, folders, files in os.walk(folder, onerror=refuse):
        for name in [*folders, *files]:
            path = os.path.join(home, name)
            is_folder = name in folders and not os.path.islink(path)
            if not name.startswith(".") and not is_folder:
                found.append(_judged(path, os.path.relpath(path, folder)))
        folders[:] = [name for name in folders if not name.startswith(".")]
    yield from sorted([*found, *refused], key=lambda one: one.path.parts)


def _matching(pattern: str) -> Iterator[_Found]:
    """The files that match a pattern; the names start below the folder in front of it.

    Raises:
        InputError: it is no pattern.
    """
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    home = Path(*parts[:fixed])
    # Python before 3.13 takes ** at the end for folders alone.
    wanted = os.path.join(*parts[fixed:], *(["*"] if parts[-1] == "**" else []))
    try:
        found = sorted(home.glob(wanted))
    except ValueError as error:
        raise InputError(f"{pattern} cannot be read", str(error), "Give ** a part of the path of its own") from error
    for path in found:
        inner = path.relative_to(home)
        if any(part.startswith(".") for part in inner.parts):
            continue
        if any((home / above).is_symlink() for above in inner.parents[:-1]):
            yield _Found(path, _shown(str(inner)), "a link")
        elif path.is_symlink() or not path.is_dir():
            yield _judged(str(path), str(inner))


def _judged(path: str, name: str) -> _Found:
    """A file of a folder or of a pattern, or why it is left out."""
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        return _Found(Path(path), _shown(name), error.strerror or str(error))
    why = "" if stat.S_ISREG(mode) else "a link" if stat.S_ISLNK(mode) else "a pipe or a device"
    return _Found(Path(path), _shown(name), why)


def _shown(name: str) -> str:
    """A name as text that can be kept: bytes that are no UTF-8 are replaced."""
    return os.fsencode(name).decode("utf-8", "replace")


def _told_apart(files: list[Named]) -> list[Named]:
    """Files of the same name in several places are called by their paths."""
    times = Counter(file.name for file in files)
    return [
        Named(file.path, _shown(str(file.path)), file.size, file.changed) if times[file.name] > 1 else file
        for file in files
    ]
