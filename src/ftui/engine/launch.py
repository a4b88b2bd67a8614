"""Start a job's trainer and write down how it ended: `python -m ftui.engine.launch JOB ATTEMPT`.

A small process of its own session between server and trainer. It outlives the
server, so the true exit code or signal is known even when the server was away,
and it holds the job's lock, so no job is ever trained twice at a time.

`torchrun` starts the trainer where there is more than one process: as many as
there are GPUs, or as `launch` in `spec.json` says. That may have `processes` on
this host, `nodes`, the `node_rank` of this one, `master_addr`, `master_port`,
`meeting_seconds` in which all of them must come, the network `interface` to speak over, and `shard` (see `fitting`).
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ftui.engine.failure import LOST, clean, of_exit
from ftui.engine.layout import Lock, read_json, write_json
from ftui.engine.report import FAILURE, SPARE, SPARE_BYTES, STATE, WISH

LOCK = "lock"
LAUNCH = "launch.json"
EXIT = "exit.json"
LOG = "trainer.log"
MASTER_PORT = 29541
GPU_SECONDS = 120.0
"""So long torch may take to count the GPUs."""
_COUNTS = (Path("/proc/vmstat"), Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


def launch(job: Path, attempt: int) -> None:
    """Run attempt number `attempt` of the job in the folder `job` to its end, at most once."""
    lock = Lock(job / LOCK)
    if not lock.acquire(3.0):
        return
    # Read behind the lock: the one that held it may have run this very attempt.
    earlier = read_json(job / LAUNCH)
    if earlier and int(earlier["attempt"]) >= attempt:
        return
    write_json(job / LAUNCH, {"attempt": attempt, "pid": os.getpid()})
    with contextlib.suppress(OSError):
        (job / SPARE).write_bytes(os.urandom(SPARE_BYTES))
    # A signal to the group is meant for the trainer; this process stays to tell how it ended.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    with contextlib.suppress(OSError):
        os.nice(10)
    settings = (read_json(job / "spec.json") or {}).get("launch") or {}
    settings = settings if settings.get("processes") else settings | {"processes": max(1, gpus())}
    killed = kills()
    with (job / LOG).open("ab") as log:
        start = log.tell()
        trainer = subprocess.Popen(
            [sys.executable, "-m", *trainer_command(settings), str(job), str(attempt)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=training_environment(settings),
            pass_fds=(lock.fileno(),),
        )
        code = trainer.wait()
    if job.is_dir():
        lines = _last_lines(job / LOG, start)
        more = kills()
        if not settings.get("node_rank"):
            # Of several hosts the first one alone tells of the job.
            conclude(job, attempt, code, lines, None if killed is None or more is None else more > killed)
        (job / SPARE).unlink(missing_ok=True)
        last = clean(lines[-1]) if lines else ""
        with contextlib.suppress(OSError):
            write_json(job / EXIT, {"attempt": attempt, "code": code, "last_line": last})


def gpus() -> int:
    """How many GPUs torch sees; it is asked only where its build could see any, since that takes seconds."""
    try:
        if version("torch").endswith("+cpu") or sys.platform == "darwin":
            return 0
    except PackageNotFoundError:
        return 0
    asked = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
    try:
        found = subprocess.run(
            asked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=GPU_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        # A driver that hangs must not hold the job for ever; the trainer will say what is wrong with it.
        return 0
    told = found.stdout.strip()
    return int(told) if told.isdigit() else 0


def trainer_command(settings: dict[str, Any]) -> list[str]:
    """What follows `python -m`: the trainer itself, or torchrun with it."""
    processes, nodes = int(settings.get("processes", 1)), int(settings.get("nodes", 1))
    if processes * nodes == 1:
        return ["ftui.engine.trainer"]
    seconds = settings.get("meeting_seconds")
    meeting = [
        *([f"--rdzv-conf=timeout={int(seconds)}"] if seconds else []),
        f"--nnodes={nodes}",
        f"--node-rank={int(settings.get('node_rank', 0))}",
        f"--master-addr={settings.get('master_addr', '127.0.0.1')}",
        f"--master-port={int(settings.get('master_port', MASTER_PORT))}",
    ]
    # On one host torchrun finds a free port itself.
    where = ["--standalone"] if nodes == 1 else meeting
    return ["torch.distributed.run", *where, f"--nproc-per-node={processes}", "-m", "ftui.engine.trainer"]


def training_environment(settings: dict[str, Any]) -> dict[str, str]:
    environment = dict(os.environ)
    if int(settings.get("processes", 1)) * int(settings.get("nodes", 1)) == 1:
        # TRL refuses several GPUs in one process; more of them are torchrun's work.
        environment["CUDA_VISIBLE_DEVICES"] = environment.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    if settings.get("interface"):
        environment |= {name: str(settings["interface"]) for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")}
    # How long an idle OpenMP thread spins before it sleeps. The default is some ten milliseconds, in which
    # it takes the core from the very thread it waits for when other work runs; half a millisecond still
    # bridges the gap between two operations.
    environment.setdefault("GOMP_SPINCOUNT", "10000")
    return environment


def conclude(job: Path, attempt: int, code: int, lines: list[str], ran_out: bool | None) -> None:
    """Write the end that the trainer could not write itself.

    Args:
        code: its exit code, negative for a signal.
        lines: the last lines it printed.
        ran_out: whether the system ended processes for want of memory meanwhile; None where it does not say.
    """
    state = read_json(job / STATE) or {}
    mine = state.get("attempt") == attempt
    # One process of several only knows that it lost another: what became of that one is known here.
    lost = (state.get("error") or {}).get("message") == LOST
    if mine and state.get("state") not in (None, "running") and not lost:
        return
    wish, left = read_json(job / WISH) or {}, read_json(job / FAILURE) or {}
    end: dict[str, Any]
    if wish.get("attempt") == attempt and wish.get("want") == "cancel":
        end = {"state": "cancelled"}
    elif left.get("attempt") == attempt:
        end = {"state": "failed", "error": left["error"]}
    else:
        end = {"state": "failed", "error": of_exit(code, lines, ran_out=ran_out)}
    (job / SPARE).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        write_json(job / STATE, state | {"attempt": attempt, "estimated_finish": None} | end)


def kills() -> int | None:
    """How many processes the system has ended for want of memory; None where it does not say."""
    found = []
    for path in _COUNTS:
        with contextlib.suppress(OSError):
            found += [int(number) for number in re.findall(r"^oom_kill (\d+)$", path.read_text("ascii"), re.MULTILINE)]
    return sum(found) if found else None


def _last_lines(log: Path, start: int) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 65536))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


if __name__ == "__main__":
    launch(Path(sys.argv[1]), int(sys.argv[2]))
