"""What the trainer tells the server: a state file and event lines in the job's folder.

The trainer never speaks to the server itself, so either of them can be killed
and started again at any time.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import time
from pathlib import Path
from typing import Any

from ftui.engine.layout import append_line, new_id, read_json, read_lines, write_json

STATE = "trainer.json"
FAILURE = "failure.json"
WISH = "wish.json"
EVENTS = "events.jsonl"
RESULT = "result.csv"
ELSEWHERE = "elsewhere.json"
"""Says that the job's end was brought back from a bundle, until the server has taken it in."""
SPARE = "spare"
SPARE_BYTES = 65536
"""Held back on disk, so that there is room to say that the disk is full."""


def event(message: str, *, level: str = "info", data: dict[str, Any] | None = None) -> dict[str, Any]:
    """An event of a fine-tuning job in the API's own shape."""
    return {
        "object": "fine_tuning.job.event",
        "id": new_id("ftevent"),
        "created_at": int(time.time()),
        "level": level,
        "message": message,
        "type": "message" if data is None else "metrics",
        "data": data,
    }


class Report:
    """The trainer's side.

    Attributes:
        state: what was written last; survives a restart of the trainer.
    """

    def __init__(self, job: Path, attempt: int) -> None:
        self._job = job
        earlier = read_json(job / STATE) or {}
        self.state: dict[str, Any] = earlier | {"attempt": attempt, "state": "running", "error": None}
        self._written = 0.0

    def say(self, message: str, *, level: str = "info", data: dict[str, Any] | None = None) -> None:
        append_line(self._job / EVENTS, event(message, level=level, data=data))

    def update(self, *, now: bool = False, **fields: Any) -> None:
        """Change fields of the state; written at most every two seconds unless `now`."""
        self.state.update(fields)
        if now or time.monotonic() - self._written > 2:
            write_json(self._job / STATE, self.state)
            self._written = time.monotonic()

    def fail(self, error: dict[str, str]) -> None:
        """End the run with `error`, which has a `code` and a `message`."""
        (self._job / SPARE).unlink(missing_ok=True)
        # Where even that is not enough, the launcher says how it ended.
        with contextlib.suppress(OSError):
            self.update(now=True, state="failed", error=error, estimated_finish=None)

    def wish(self) -> str | None:
        """What the server wants of this run: "pause", "cancel" or None."""
        found = read_json(self._job / WISH)
        if found is None or found.get("attempt") != self.state["attempt"]:
            return None
        return str(found.get("want"))


class Quiet(Report):
    """The report of a process that is not the first of its team: only its failure is told."""

    def say(self, message: str, *, level: str = "info", data: dict[str, Any] | None = None) -> None:
        """Nothing: the first process says the same."""

    def update(self, *, now: bool = False, **fields: Any) -> None:
        self.state.update(fields)

    def fail(self, error: dict[str, str]) -> None:
        """Leave word for the launcher, which tells it where the first process did not."""
        with contextlib.suppress(OSError):
            write_json(self._job / FAILURE, {"attempt": self.state["attempt"], "error": error})

    def wish(self) -> str | None:
        return None


def metrics(job: Path) -> dict[int, dict[str, Any]]:
    """The metrics of each step of a job, in order; where a step was done twice the later one counts."""
    found: dict[int, dict[str, Any]] = {}
    for line in read_lines(job / EVENTS):
        data = line.get("data")
        if line.get("type") == "metrics" and isinstance(data, dict):
            found[int(data["step"])] = data
    return dict(sorted(found.items()))


def write_text(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old one or the new one."""
    fresh = path.with_name(f".{path.name}")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def result_csv(job: Path) -> str:
    """The result file as providers give it: one line a step, empty cells where nothing was measured."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy"])
    for step, data in metrics(job).items():
        valid = data.get("full_valid_loss", data.get("valid_loss"))
        accuracy = data.get("full_valid_mean_token_accuracy", data.get("valid_mean_token_accuracy"))
        writer.writerow([step, data.get("train_loss"), data.get("train_mean_token_accuracy"), valid, accuracy])
    return out.getvalue()
