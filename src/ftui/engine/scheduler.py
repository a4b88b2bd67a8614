"""Moves jobs through their states: validate, queue, train one at a time, tell how it ended.

All it knows is on disk. A server that was killed is followed by one that looks
at the same folders and goes on: a trainer that still runs is found by its lock,
one that has ended by what it and its launcher wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ftui import chatfile
from ftui.engine.files import Files
from ftui.engine.jobs import ENDED, WAITING, Jobs, refuse
from ftui.engine.launch import EXIT, LAUNCH, LOCK
from ftui.engine.layout import is_locked, read_json, write_json
from ftui.engine.report import ELSEWHERE, RESULT, STATE, WISH
from ftui.engine.uploads import MAX_BYTES

CANCEL_SECONDS = 30.0
_log = logging.getLogger("ftui.engine")
Job = dict[str, Any]


class Scheduler:
    """One per server; all methods run in its event loop."""

    def __init__(self, jobs: Jobs, files: Files) -> None:
        self._jobs = jobs
        self._files = files
        self._changed = asyncio.Event()
        self._launchers: dict[str, subprocess.Popen[bytes]] = {}
        self._deadlines: dict[str, float] = {}

    @property
    def busy(self) -> bool:
        """Whether a job waits or trains."""
        return any(job["status"] in (*WAITING, "running") for job in self._jobs.all())

    def wake(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Look after the jobs until cancelled."""
        while True:
            for job in reversed(self._jobs.all()):
                try:
                    await self._advance(job)
                except OSError as error:
                    # A full disk must not end the server; the next round tries again.
                    _log.error("job %s: %s", job["id"], error.strerror)
                except Exception as error:
                    # One job must not keep all others waiting, nor be tried for ever.
                    _log.error("job %s: %s", job["id"], type(error).__name__)
                    if job["status"] == "validating_files":
                        self._fail(job, "server_error", f"The file could not be checked: {type(error).__name__}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 0.3 if self.busy else 5.0)
            self._changed.clear()

    async def _advance(self, job: Job) -> None:
        if job["status"] == "validating_files":
            await self._validate(job)
        elif job["status"] == "running":
            self._follow(job)
        elif job["status"] in ("paused", "failed"):
            self._look_elsewhere(job)
        elif job["status"] == "queued" and not any(j["status"] == "running" for j in self._jobs.all()):
            self._jobs.save(job, status="running", attempt=job["attempt"] + 1, wish=None)
            self._jobs.say(job, "Fine-tuning job started")
            self._launch(job)

    def _look_elsewhere(self, job: Job) -> None:
        """A job that rests may have been trained as a bundle; what came back of it says how it ended."""
        mark = self._jobs.folder(job) / ELSEWHERE
        if not mark.exists() or is_locked(self._jobs.folder(job) / LOCK):
            return
        # One that was resumed here since is on another attempt, and goes on with that.
        if self._of_attempt(job, ELSEWHERE) and (state := self._of_attempt(job, STATE)):
            self._ended(job, state, None)
        mark.unlink(missing_ok=True)

    async def _validate(self, job: Job) -> None:
        folder = self._jobs.folder(job)
        rows = 0
        for param in ("training_file", "validation_file"):
            if job[param] is None:
                continue
            self._jobs.say(job, f"Validating {param.replace('_', ' ')}: {job[param]}")
            path = folder / ("train.jsonl" if param == "training_file" else "validation.jsonl")
            report = await asyncio.to_thread(_check, path, job.get("method", "supervised"))
            rows = rows or report.rows
            # Ten rows are needed to learn from, not to be measured on.
            few = param == "validation_file" and report.rows > 0
            problems = [p for p in report.problems if not (few and p.code == "invalid_n_examples")]
            if job["status"] != "validating_files":
                return
            if problems:
                others = len(problems) + report.more - 1
                self._fail(job, problems[0].code, _why_refused(problems[0], param, others), param)
                return
        self._jobs.prepare(job, rows)
        self._jobs.save(job, status="queued")
        self._jobs.say(job, "Files validated, moving job to queued state")

    def _launch(self, job: Job) -> None:
        args = [sys.executable, "-m", "ftui.engine.launch", str(self._jobs.folder(job)), str(job["attempt"])]
        self._launchers[job["id"]] = subprocess.Popen(
            args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )

    def _follow(self, job: Job) -> None:
        folder = self._jobs.folder(job)
        launcher = self._launchers.get(job["id"])
        started = self._of_attempt(job, LAUNCH)
        if is_locked(folder / LOCK):
            if job["wish"] == "cancel":
                deadline = self._deadlines.setdefault(job["id"], time.monotonic() + CANCEL_SECONDS)
                if time.monotonic() > deadline:
                    self._signal(job, signal.SIGKILL)
            return
        if started is None:
            if launcher is None:
                # The server was killed between its note and the start.
                self._launch(job)
            elif launcher.poll() == 0:
                # It gave way to who held the lock, such as a bundle that was being written.
                self._launch(job)
            elif launcher.returncode is not None:
                self._fail(job, "server_error", f"The trainer could not be started (exit code {launcher.returncode})")
            return
        if launcher is not None:
            # It let go of the lock, so it is at its very end.
            launcher.wait()
            del self._launchers[job["id"]]
        self._deadlines.pop(job["id"], None)
        self._ended(job, self._of_attempt(job, STATE) or {}, self._of_attempt(job, EXIT))

    def _ended(self, job: Job, state: dict[str, Any], exit_: dict[str, Any] | None) -> None:
        ended = state.get("state")
        if ended == "succeeded":
            self._succeed(job, state)
        elif ended == "paused":
            self._jobs.save(job, status="paused", wish=None)
            self._jobs.say(job, f"Fine-tuning job paused at step {state.get('step')}")
        elif ended == "cancelled" or (ended != "failed" and job["wish"] == "cancel"):
            self._jobs.save(job, status="cancelled", wish=None, finished_at=int(time.time()))
            self._jobs.say(job, "Fine-tuning job cancelled")
        elif ended == "failed":
            self._fail(job, state["error"]["code"], state["error"]["message"])
        else:
            self._fail(job, "server_error", _how_it_died(exit_))

    def _succeed(self, job: Job, state: dict[str, Any]) -> None:
        folder = self._jobs.folder(job)
        spec = read_json(folder / "spec.json") or {}
        with (folder / RESULT).open("rb") as source:
            name = f"file-{job['id'].removeprefix('ftjob-')}"
            result = self._files.add(source, "step_metrics.csv", "fine-tune-results", name=name)
        self._jobs.save(
            job,
            status="succeeded",
            wish=None,
            error=None,
            fine_tuned_model=spec.get("model_id"),
            trained_tokens=state.get("trained_tokens"),
            result_files=[result["id"]],
            finished_at=int(time.time()),
        )
        self._jobs.say(job, f"New fine-tuned model created: {job['fine_tuned_model']}")
        self._jobs.say(job, "The job has successfully completed")

    def _fail(self, job: Job, code: str, message: str, param: str | None = None) -> None:
        error = {"code": code, "message": message, "param": param}
        self._jobs.save(job, status="failed", wish=None, error=error, finished_at=int(time.time()))
        self._jobs.say(job, message, level="error")

    def _of_attempt(self, job: Job, name: str) -> dict[str, Any] | None:
        data = read_json(self._jobs.folder(job) / name)
        return data if data is not None and data.get("attempt") == job["attempt"] else None

    def _signal(self, job: Job, number: int) -> None:
        started = self._of_attempt(job, LAUNCH)
        # The lock is held by this process group alone, so the number cannot be anybody else's.
        if started and is_locked(self._jobs.folder(job) / LOCK):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(started["pid"]), number)

    def _wish(self, job: Job, want: str) -> None:
        self._jobs.save(job, wish=want)
        write_json(self._jobs.folder(job) / WISH, {"attempt": job["attempt"], "want": want})

    def cancel(self, job: Job) -> None:
        """End a job for good; a training one ends at its next step."""
        if job["status"] in ENDED:
            raise refuse(job, "cancelled")
        if job["status"] == "running":
            self._wish(job, "cancel")
            self._signal(job, signal.SIGTERM)
        else:
            self._jobs.save(job, status="cancelled", finished_at=int(time.time()))
            self._jobs.say(job, "Fine-tuning job cancelled")
        self.wake()

    def pause(self, job: Job) -> None:
        """Let a job rest; a training one does so after its next step, with a checkpoint."""
        if job["status"] == "running":
            # Also where it was asked before: a server that was killed may have written only half of the wish.
            if job["wish"] in (None, "pause"):
                self._wish(job, "pause")
        elif job["status"] == "queued":
            self._jobs.save(job, status="paused")
            self._jobs.say(job, "Fine-tuning job paused")
        else:
            raise refuse(job, "paused")
        self.wake()

    def resume(self, job: Job) -> None:
        """Queue a job that was paused, or whose trainer failed, to go on from its last checkpoint."""
        crashed = job["status"] == "failed" and job["attempt"] > 0
        if job["status"] != "paused" and not crashed:
            raise refuse(job, "resumed")
        self._jobs.save(job, status="queued", error=None, finished_at=None)
        self._jobs.say(job, "Fine-tuning job resumed, moving it to queued state")
        self.wake()


def _check(path: Path, method: str) -> chatfile.Report:
    kind: chatfile.Kind = "preference" if method == "dpo" else "chat"
    with path.open("rb") as file:
        return chatfile.check(chatfile.lines_of(file), kind, most_bytes=MAX_BYTES)


def _why_refused(problem: chatfile.Problem, param: str, others: int) -> str:
    """A file's first problem, in the words that clients of the API know."""
    name = param.replace("_", " ")
    if problem.code == "invalid_file_format":
        said = f"The job failed due to a file format error in the {name}. Invalid file format. {problem.message}."
    else:
        said = f"{problem.message.replace('The file', name.capitalize(), 1)}."
    return said + f" There are {others} more problems." * bool(others)


def _how_it_died(exit_: dict[str, Any] | None) -> str:
    if exit_ is None:
        return "The trainer ended without a word; the machine may have been restarted"
    code = int(exit_["code"])
    if code >= 0:
        said = f": {exit_['last_line']}" if exit_["last_line"] else ""
        return f"The trainer ended with exit code {code}{said}"
    name = signal.Signals(-code).name
    hint = "; the system does this when memory runs out" if code == -signal.SIGKILL else ""
    return f"The trainer was killed by {name}{hint}"
