"""What the engine keeps on disk, and what of it nobody needs any more.

Runs in ftui's own interpreter, beside a server that may be running: only what the
server looks for on disk at each request is removed, and whole folders at once.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.engine.child import folder_bytes
from ftui.engine.layout import Home, read_json
from ftui.errors import InputError

DAY = 86_400.0
_OPEN = ("validating_files", "queued", "running", "paused")


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that can go.

    Attributes:
        what: in a few words for a person.
        size: bytes.
        age: seconds since it was last changed.
    """

    what: str
    path: Path
    size: int
    age: float


def usage(home: Path) -> list[tuple[str, int]]:
    """What takes room below the engine's folder: names for a person, and bytes."""
    place = Home(home)
    parts = {
        "environment": place.env,
        "models": place.models,
        "jobs and checkpoints": place.jobs,
        "uploaded files": place.files,
        "uploads under way": place.uploads,
        "exports": place.exports,
        "cache": place.cache,
        "logs": place.logs,
    }
    return [(what, folder_bytes(folder)) for what, folder in parts.items()]


def jobs(home: Path) -> list[str]:
    """The state of each job that lies in the engine's folder."""
    found = [read_json(folder / "job.json") for folder in _folders(Home(home).jobs)]
    return [str(job["status"]) for job in found if job]


def log_file(home: Path, job: str | None = None) -> Path:
    """The server's log, or that of a job's trainer.

    Raises:
        InputError: there is none.
    """
    place = Home(home)
    known = {folder.name: folder for folder in _folders(place.jobs)}
    if job is not None and job not in known:
        raise InputError(f"There is no job {job[:80]!r} here", f"{len(known)} are in {place.jobs}", "See: ftui status")
    file = known[job] / "trainer.log" if job is not None else place.logs / "engine.log"
    if not file.exists():
        raise InputError("There is no log yet", "nothing has run", "ftui engine serve starts the server")
    return file


def leftovers(home: Path, days: float = 30.0) -> list[Leftover]:
    """What can go, the largest first: tuned models and jobs that can still be resumed stay.

    Args:
        days: uploads and checkpoints stay for so long after they were last used.
    """
    place = Home(home)
    known = [(folder, read_json(folder / "job.json") or {}) for folder in _folders(place.jobs)]
    still = [job for _, job in known if job.get("status") in _OPEN]
    used = {str(job.get(key)) for job in still for key in ("training_file", "validation_file")}
    # The metrics of a job stay as long as the job does.
    used |= {str(file) for _, job in known for file in job.get("result_files") or ()}
    exports = [_leftover(_EXPORT, folder) for folder in _folders(place.exports)]
    found = [*_uploads(place.files, used), *_checkpoints(known), *exports, *_cut_off(place)]
    kept = [each for each in found if each.age >= days * DAY or each.what == _CUT]
    return sorted(kept, key=lambda each: each.size, reverse=True)


def remove(leftover: Leftover) -> None:
    """Remove it. A kill on the way leaves a folder with a dot, which the next clean-up removes."""
    trash = leftover.path.with_name(f".trash-{leftover.path.name.lstrip('.')}")
    os.replace(leftover.path, trash)
    shutil.rmtree(trash)


_CUT = "left by something that was cut off"
_EXPORT = "export, which can be made again"


def _uploads(folder: Path, used: set[str]) -> Iterator[Leftover]:
    for upload in _folders(folder):
        if upload.name not in used:
            result = (read_json(upload / "file.json") or {}).get("purpose") == "fine-tune-results"
            yield _leftover(_EXPORT if result else "uploaded file that no open job uses", upload)


def _checkpoints(known: list[tuple[Path, dict[str, Any]]]) -> Iterator[Leftover]:
    for folder, job in known:
        # A failed job can be resumed, but not for ever.
        if job.get("status") in ("succeeded", "failed", "cancelled"):
            for name in ("checkpoints", "epochs"):
                if (folder / name).is_dir():
                    yield _leftover(f"{name} of a job that has {job['status']}", folder / name)


def _cut_off(place: Home) -> Iterator[Leftover]:
    # A file that is being uploaded, or a model that is being saved, has a dot as well: it is young.
    for parent in (place.models, place.files, place.jobs, *_folders(place.jobs)):
        for folder in parent.iterdir() if parent.is_dir() else ():
            if folder.name.startswith(".") and folder.is_dir() and _age(folder) > DAY:
                yield _leftover(_CUT, folder)
    for folder in _folders(place.jobs):
        # The server was killed before it had written what the job is.
        if not (folder / "job.json").exists() and _age(folder) > DAY:
            yield _leftover(_CUT, folder)


def _folders(parent: Path) -> Iterator[Path]:
    for folder in parent.iterdir() if parent.is_dir() else ():
        if not folder.name.startswith(".") and folder.is_dir() and not folder.is_symlink():
            yield folder


def _leftover(what: str, path: Path) -> Leftover:
    return Leftover(what, path, folder_bytes(path), _age(path))


def _age(folder: Path) -> float:
    """Seconds since the newest thing in a folder was changed."""
    newest = max((entry.stat().st_mtime for entry in folder.rglob("*")), default=folder.stat().st_mtime)
    return time.time() - newest
