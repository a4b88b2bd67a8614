"""Start a job's trainer and write down how it ended: `python -m ftui.engine.launch JOB ATTEMPT`.

A small process of its own session between server and trainer. It outlives the
server, so the true exit code or signal is known even when the server was away,
and it holds the job's lock, so no job is ever trained twice at a time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from ftui.engine.layout import Lock, read_json, write_json

LOCK = "lock"
LAUNCH = "launch.json"
EXIT = "exit.json"
LOG = "trainer.log"


def launch(job: Path, attempt: int) -> None:
    """Run attempt number `attempt` of the job in the folder `job` to its end, at most once."""
    lock = Lock(job / LOCK)
    earlier = read_json(job / LAUNCH)
    if not lock.acquire(3.0) or (earlier and int(earlier["attempt"]) >= attempt):
        return
    write_json(job / LAUNCH, {"attempt": attempt, "pid": os.getpid()})
    # A signal to the group is meant for the trainer; this process stays to tell how it ended.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    with contextlib.suppress(OSError):
        os.nice(10)
    with (job / LOG).open("ab") as log:
        start = log.tell()
        trainer = subprocess.Popen(
            [sys.executable, "-m", "ftui.engine.trainer", str(job), str(attempt)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=training_environment(),
            pass_fds=(lock.fileno(),),
        )
        code = trainer.wait()
    if job.is_dir():
        write_json(job / EXIT, {"attempt": attempt, "code": code, "last_line": _last_line(job / LOG, start)})


def training_environment() -> dict[str, str]:
    environment = dict(os.environ)
    # TRL refuses several GPUs in one process; more of them are torchrun's work.
    environment.setdefault("CUDA_VISIBLE_DEVICES", "0")
    # How long an idle OpenMP thread spins before it sleeps. The default is some ten milliseconds, in which
    # it takes the core from the very thread it waits for when other work runs; half a millisecond still
    # bridges the gap between two operations.
    environment.setdefault("GOMP_SPINCOUNT", "10000")
    return environment


def _last_line(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 65536))
        lines = file.read().decode("utf-8", "replace").splitlines()
    said = [line.strip() for line in lines if line.strip()]
    return said[-1][:500] if said else ""


if __name__ == "__main__":
    launch(Path(sys.argv[1]), int(sys.argv[2]))
