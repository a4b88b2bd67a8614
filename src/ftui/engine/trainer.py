"""Train one job: `python -m ftui.engine.trainer JOB ATTEMPT`.

TRL's `SFTTrainer` with a PEFT LoRA adapter, in a process of its own. It reads
`spec.json`, `train.jsonl` and `validation.jsonl` from the job's folder, tells
how it gets on through `report`, and ends with a new folder below `models/`. A
job that has a checkpoint goes on from it, to the same result as without a stop.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from ftui.engine.layout import read_json, sync_folder, write_json
from ftui.engine.report import RESULT, Report, result_csv
from ftui.engine.rows import IGNORED, encode

MAX_TOKENS = 2048


class Stop(Exception):
    """The job cannot be trained; `code` and the message go to the job's error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Asked:
    """Whether somebody wants the run to end. A signal only says "soon", the wish file says why."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._signalled = False
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, *_: object) -> None:
        self._signalled = True

    def now(self) -> str | None:
        """ "pause", "cancel", "interrupted" or None."""
        return self._report.wish() or ("interrupted" if self._signalled else None)


def train(job: Path, report: Report) -> None:
    """Train until the end, a pause or a cancel; the report's last state says which it was."""
    asked = Asked(report)
    spec = read_json(job / "spec.json")
    if spec is None:
        raise Stop("server_error", "The job's specification cannot be read")
    # In a bundle the base is named from the job's folder.
    spec["base"] = str((job / spec["base"]).resolve())
    # Everything heavy comes after the signal handler is in place.
    from ftui.engine.learning import Run

    run = Run(Path(spec["base"]), spec["hyperparameters"], int(spec["seed"]), report.state.get("dtype"))
    report.update(now=True, dtype=run.dtype)
    rows = _load(job / "train.jsonl", run.tokenizer, report)
    if not rows:
        raise Stop("invalid_training_file", "No example has an answer within the first 2,048 tokens")
    validation = _load(job / "validation.jsonl", run.tokenizer, report)
    reason = run.train(job, rows, validation, report, asked.now)
    if reason == "interrupted":
        raise Stop("interrupted", "The trainer was asked to end (SIGTERM); it can be resumed")
    if reason is not None:
        report.update(now=True, state="paused" if reason == "pause" else "cancelled", estimated_finish=None)
        return
    _publish(job, spec, run, report)


def _load(path: Path, tokenizer: Any, report: Report) -> list[dict[str, list[int]]]:
    if not path.exists():
        return []
    rows, cut = [], 0
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                example = encode(tokenizer, json.loads(line), MAX_TOKENS)
                cut += len(example.input_ids) == MAX_TOKENS
                # A row that was cut before its answer has nothing to learn.
                if any(label != IGNORED for label in example.labels[1:]):
                    rows.append(example._asdict())
    if cut:
        what = "training" if path.name == "train.jsonl" else "validation"
        report.say(f"{cut} {what} example(s) cut to {MAX_TOKENS:,} tokens", level="warn")
    return rows


def _publish(job: Path, spec: dict[str, Any], run: Any, report: Report) -> None:
    models = job.parent.parent / "models"
    target = models / spec["folder"]
    fresh = models / f".{spec['folder']}"
    shutil.rmtree(fresh, ignore_errors=True)
    run.save(fresh)
    write_json(
        fresh / "model.json",
        {"id": spec["model_id"], "base": Path(spec["base"]).name, "job": job.name, "created": int(time.time())},
    )
    sync_folder(fresh)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(fresh, target)
    (job / RESULT).write_text(result_csv(job), "utf-8")
    report.update(now=True, state="succeeded", estimated_finish=None)
    shutil.rmtree(job / "checkpoints", ignore_errors=True)


def main(job: Path, attempt: int) -> int:
    report = Report(job, attempt)
    report.update(now=True)
    try:
        train(job, report)
    except Stop as stop:
        report.update(now=True, state="failed", error={"code": stop.code, "message": str(stop)})
    except Exception as error:
        if not job.is_dir():
            # The engine's folder is gone: nobody is left to tell.
            return 0
        traceback.print_exc()
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        code = "disk_full" if full else "out_of_memory" if isinstance(error, MemoryError) else "server_error"
        what = "The disk is full" if full else f"The trainer failed: {type(error).__name__}: {error}"
        try:
            report.update(now=True, state="failed", error={"code": code, "message": what[:500]})
        except OSError:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
