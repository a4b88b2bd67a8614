"""Preparing: all steps beside their parts called bare, growth, memory, and what the language filter costs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ftui.prepare import crew
from measure import Figure, python

_SCRIPT = Path(__file__).parent / "pairs_prepare_run.py"
_EVERY = 0.3
"""Seconds between two looks at the memory."""
_LINEAR = 1.25


def figures(*, quick: bool) -> Iterator[Figure]:
    sizes = (10_000, 30_000) if quick else (10_000, 100_000, 1_000_000)
    parts = max(crew.processes(), 1)
    seconds, memory = dict[int, float](), dict[int, float]()
    for size in sizes:
        seconds[size], memory[size] = _ours(size)
    compared = sizes[1]
    # In turns with what it stands beside: the machine may be busier now than it was.
    bare = _together([["bare", str(compared), str(part), str(parts)] for part in range(parts)])
    again, _ = _ours(compared)
    speed, against = compared / min(seconds[compared], again), compared / bare
    yield Figure(
        f"prepare, {compared:,} records of 60 words", speed, "records/s",
        f"its parts called bare in {parts} processes ({against:,.0f}/s)", speed / against,
        "at least 0.70 times", speed / against >= 0.7,
    )  # fmt: skip
    yield Figure(
        f"the same on {parts} processors", speed, "records/s", "", None, "at least 6,000/s on 2", speed >= 6000
    )
    # Beyond what it takes to start processes, which is the same for all.
    small, middle, large = sizes[0], sizes[-2], sizes[-1]
    grown = ((seconds[large] - seconds[small]) / (large - small)) / (seconds[middle] / middle)
    yield Figure(
        f"time a record beyond {small:,} up to {large:,}", (seconds[large] - seconds[small]) / (large - small) * 1e6,
        "µs", f"that up to {middle:,}", grown, f"at most {_LINEAR} times", grown <= _LINEAR,
    )  # fmt: skip
    yield Figure(
        f"memory at {large:,} records, all processes", memory[large], "MB", "", None, "at most 500 MB",
        memory[large] <= 500,
    )  # fmt: skip
    filtered, _ = _ours(small, "en")
    plain, _ = _ours(small)
    cost = (filtered - plain) / small * 1e6
    yield Figure("the language filter's own cost", cost, "µs/record", "", None, "shown", True)
    stored = 10_000 if quick else 100_000
    took = _together([["store", str(stored)]])
    yield Figure(
        f"the task, {stored:,} records of the store to pairs in it", stored / took, "records/s", "", None, "shown", True
    )


def _ours(count: int, *more: str) -> tuple[float, float]:
    """Seconds, and the most memory in MB that all its processes had together."""
    process = subprocess.Popen([python(), str(_SCRIPT), "ours", str(count), *more], stdout=subprocess.PIPE, text=True)
    most = 0.0
    while process.poll() is None:
        most = max(most, sum(map(_memory, _tree(process.pid))))
        time.sleep(_EVERY)
    return _seconds(process), most


def _together(jobs: Sequence[Sequence[str]]) -> float:
    """The seconds of the slowest of some that run side by side."""
    command = [python(), str(_SCRIPT)]
    started = [subprocess.Popen([*command, *job], stdout=subprocess.PIPE, text=True) for job in jobs]
    return max(map(_seconds, started))


def _seconds(process: subprocess.Popen[str]) -> float:
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit("a measurement of preparing failed")
    return float(json.loads(output)["seconds"])


def _tree(pid: int) -> list[int]:
    found = [pid]
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = thread.read_text().split()
        except OSError:  # it has just ended
            continue
        for child in children:
            found += _tree(int(child))
    return found


def _memory(pid: int) -> float:
    """MB; a page that several processes share counts in parts."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:")), 0.0)
