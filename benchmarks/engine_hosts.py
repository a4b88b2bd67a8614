"""Two hosts, made of network namespaces with a cable between them, beside one with the same batches."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine_home import installed
from engine_train import job_in, steps_of
from ftui.engine.layout import Home
from measure import Figure

_STEPS = 20
_PORT = 29617


def figures() -> Iterator[Figure]:
    """The curves in 32 bits; nothing where namespaces cannot be made."""
    home = installed()
    home.link_code()
    with _hosts() as hosts, tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as name:
        if not hosts:
            return
        folder = Path(name)
        rows = 4 * _STEPS
        alone = job_in(folder / "alone", home, rows, _STEPS, dtype="float32")
        _wait([_start(home, alone)])
        jobs = []
        for rank in range(len(hosts)):
            launch = {
                "nodes": len(hosts),
                "node_rank": rank,
                "master_addr": "10.78.0.1",
                "master_port": _PORT,
                "interface": "cable",
            }
            jobs.append(job_in(folder / f"host-{rank}", home, rows, _STEPS, dtype="float32", launch=launch))
        _wait([_start(home, job, host) for job, host in zip(jobs, hosts, strict=True)])
        # Two that each learn alone would have the same curve: of those that learn together only the first tells.
        if (jobs[1] / "events.jsonl").exists():
            raise SystemExit("The two hosts did not find each other")
        curves = [[step["train_loss"] for step in steps_of(job)] for job in (alone, jobs[0])]
    apart = max(abs(a - b) / max(abs(b), 1e-9) for a, b in zip(*curves, strict=True))
    yield Figure(
        "loss curve of two hosts apart from that of one", apart, f"of the loss in {len(curves[0])} steps",
        "", None, "at most 0.001", apart <= 1e-3,
    )  # fmt: skip


def _start(home: Home, job: Path, host: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    command = [*host, str(home.python), "-m", "ftui.engine.launch", str(job), "1"]
    return subprocess.Popen(command, env=home.environment() | {"OMP_NUM_THREADS": "1"}, start_new_session=True)


def _wait(launchers: list[subprocess.Popen[bytes]]) -> None:
    codes = [launcher.wait(1200) for launcher in launchers]
    if any(codes):
        raise SystemExit(f"A trainer's launcher ended with exit codes {codes}")


@contextmanager
def _hosts() -> Iterator[list[tuple[str, ...]]]:
    """Two network namespaces with a cable between them, each as the start of a command; none where that is refused."""
    first, second = (f"ftuibench{os.getpid()}{end}" for end in "ab")
    commands = [f"netns add {first}", f"netns add {second}"]
    commands.append(f"link add cable netns {first} type veth peer name cable netns {second}")
    for number, name in enumerate((first, second), start=1):
        commands.append(f"-n {name} addr add 10.78.0.{number}/24 dev cable")
        commands += [f"-n {name} link set {device} up" for device in ("lo", "cable")]
    try:
        yield [("ip", "netns", "exec", name) for name in (first, second)] if all(map(_ip, commands)) else []
    finally:
        for name in (first, second):
            _ip(f"netns del {name}")


def _ip(command: str) -> bool:
    if not shutil.which("ip"):
        return False
    return not subprocess.run(["ip", *command.split()], capture_output=True, check=False).returncode
