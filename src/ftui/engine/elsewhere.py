"""Train the job of a bundle on the machine it was taken to: `python -m ftui.engine.elsewhere JOB ATTEMPT`.

What `launch` is beside a server, for a person or a scheduler that reads what is printed. `run.sh` starts it, on each
machine once, and the environment says how many there are: `NODES`, `NODE_RANK`, `MASTER`, `MASTER_PORT`,
`MEETING_SECONDS`, and `PROCESSES` on this one. The first machine alone holds the job's lock and tells how it ended.

It can be started again after it was stopped, and goes on from the last checkpoint. It ends with 0 once the job is
trained, 75 where it is being trained in this folder already, and otherwise with the trainer's exit code or 1.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ftui.engine.launch import LOCK, MASTER_PORT, conclude, gpus, kills, trainer_command, training_environment
from ftui.engine.layout import Lock, read_json, write_json
from ftui.engine.report import FAILURE, STATE

BUSY = os.EX_TEMPFAIL


def train(job: Path, attempt: int) -> int:
    """Train the job in the folder `job` to its end; gives the exit code."""
    settings = _settings()
    if settings["nodes"] > 1:
        rank, seconds = settings["node_rank"], settings["meeting_seconds"]
        where = f"{settings['master_addr']} port {settings['master_port']}"
        _say(f"Machine {rank} of {settings['nodes']}: waits at most {seconds} s for all to meet at {where}")
    if settings["node_rank"]:
        return _run(settings, job, attempt)
    # Held by the trainer as well, should this process be killed.
    lock = Lock(job / LOCK)
    try:
        free = lock.try_acquire()
    except OSError:
        # Some clusters' file systems have no locks.
        free = True
    if not free:
        _say("The job is being trained in this folder already")
        return BUSY
    state = read_json(job / STATE) or {}
    if state.get("attempt") == attempt and state.get("state") == "succeeded":
        _say("The job is trained: bring the folder back")
        return 0
    (job / FAILURE).unlink(missing_ok=True)
    # What is told from here on is of this start.
    write_json(job / STATE, state | {"attempt": attempt, "state": "running", "error": None})
    before = kills()
    code = _run(settings, job, attempt, lock.fileno())
    after = kills()
    conclude(job, attempt, code, [], None if before is None or after is None else after > before)
    state = read_json(job / STATE) or {}
    if state.get("state") == "succeeded":
        return 0
    _say(f"The job has {state.get('state')}: {(state.get('error') or {}).get('message')}")
    return code or 1


def _settings() -> dict[str, Any]:
    """What `launch` reads from the job's specification."""
    given = os.environ.get
    return {
        "processes": int(given("PROCESSES") or max(1, gpus())),
        "nodes": int(given("NODES") or 1),
        "node_rank": int(given("NODE_RANK") or 0),
        "master_addr": given("MASTER") or "127.0.0.1",
        "master_port": int(given("MASTER_PORT") or MASTER_PORT),
        "meeting_seconds": int(given("MEETING_SECONDS") or 600),
    }


def _run(settings: dict[str, Any], job: Path, attempt: int, *held: int) -> int:
    """The trainer, with what it prints where this process prints; gives its exit code."""
    # A signal to the group is meant for the trainer, which keeps a checkpoint; this process stays to tell its end.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    trainer = subprocess.Popen(
        [sys.executable, "-m", *trainer_command(settings), str(job), str(attempt)],
        stdin=subprocess.DEVNULL,
        env=training_environment(settings),
        pass_fds=held,
    )
    return trainer.wait()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    ended = train(Path(sys.argv[1]), int(sys.argv[2]))
    sys.exit(ended if ended >= 0 else 128 - ended)
