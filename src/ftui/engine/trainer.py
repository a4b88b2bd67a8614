"""Train one job: `python -m ftui.engine.trainer JOB ATTEMPT`.

TRL's trainers with a PEFT LoRA adapter, in a process of its own or, started by
`torchrun`, in several on one host or many. It reads `spec.json`, `train.jsonl`
and `validation.jsonl` from the job's folder, tells how it gets on through
`report`, and ends with a new folder below `models/`. A job that has a checkpoint
goes on from it, to the same result as without a stop.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from ftui.engine import checkpoints, hub, memory, plan, team
from ftui.engine.failure import Stop, of_exception
from ftui.engine.layout import read_json, sync_folder, write_json
from ftui.engine.loading import load_rows
from ftui.engine.meeting import Meeting
from ftui.engine.report import RESULT, Quiet, Report, result_csv, write_text
from ftui.engine.rows import Unusable, load_tokenizer


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
    # In a bundle paths are named from the job's folder. Links are not followed: a base is known by its link's name.
    spec |= {key: os.path.abspath(job / spec[key]) for key in ("base", "adapter") if spec.get(key)}
    # Everything heavy comes after the signal handler is in place.
    meeting = Meeting()
    if spec.get("hub"):
        meeting.on_each_machine(lambda: hub.fetch(spec["hub"], Path(spec["base"]), report, asked.now))
    if reason := team.of_first(asked.now()):
        _end(reason, report)
        return
    from ftui.engine.learning import Run

    try:
        tokenizer = load_tokenizer(spec["base"])
    except Unusable as error:
        raise Stop("unsupported_model", str(error)) from None
    run = Run(spec, tokenizer, report, report.state.get("dtype"))
    report.update(now=True, dtype=run.dtype)
    pairs = spec.get("method", "supervised") == "dpo"
    most = int(spec["hyperparameters"].get("context_length", plan.CONTEXT_LENGTH))
    context = memory.shape(Path(spec["base"])).context or most
    if context < most:
        report.say(f"The model's context is {context:,} tokens: examples are cut to that", level="warn")
        most = context
    rows, validation = (
        load_rows(job / name, tokenizer, most, pairs=pairs, report=report)
        for name in ("train.jsonl", "validation.jsonl")
    )
    if not rows:
        raise Stop("invalid_training_file", f"No example has an answer to learn in its first {most:,} tokens")
    if spec["hyperparameters"].get("early_stop") and not validation:
        report.say("Without a validation file there is no early stop", level="warn")
    reason = run.train(job, rows, validation, asked.now)
    if reason in (None, "early"):
        if reason:
            report.say(f"Training stopped early at step {report.state.get('step')}: the validation loss fell no more")
        if not team.rank():
            _publish(job, spec, run, report)
    else:
        _end(reason, report)


def _end(reason: str, report: Report) -> None:
    if reason == "interrupted":
        raise Stop("interrupted", "The trainer was asked to end (SIGTERM); it can be resumed")
    report.update(now=True, state="paused" if reason == "pause" else "cancelled", estimated_finish=None)


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
    write_text(job / RESULT, result_csv(job))
    report.update(now=True, state="succeeded", estimated_finish=None)
    for name in ("checkpoints", checkpoints.BEST):
        shutil.rmtree(job / name, ignore_errors=True)


def main(job: Path, attempt: int) -> int:
    """Train the job in the folder `job`; the exit code is 0 once its end is written down."""
    if team.size() > 1 and sys.platform == "linux":
        # torchrun keeps the job's lock from its children: none of them may live longer than it does.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    report = Report(job, attempt) if not team.rank() else Quiet(job, attempt)
    try:
        report.update(now=True)
        train(job, report)
        # What there was to do is done and told, whoever is missing now.
        with contextlib.suppress(RuntimeError):
            team.leave()
    except Exception as error:
        if not job.is_dir():
            # The engine's folder is gone: nobody is left to tell.
            return 0
        if not isinstance(error, Stop):
            with contextlib.suppress(OSError):
                traceback.print_exc()
        # What was cut off takes the room that is needed to tell of it.
        checkpoints.newest(job)
        report.fail(of_exception(error))
        return 1 if team.size() > 1 else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
