"""Preparing: all steps beside their parts called bare, growth, memory, and what the language filter costs."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ftui.prepare import crew
from measure import Figure, python

_SCRIPT = Path(__file__).parent / "pairs_prepare_run.py"
_EVERY, _OFTEN = 0.3, 0.03
"""Seconds between two looks at the memory, and at the processor time."""
_SIZES, _QUICK = (10_000, 100_000, 1_000_000), (10_000, 30_000)
_LINEAR = 1.25


def figures(*, quick: bool) -> Iterator[Figure]:
    sizes = _QUICK if quick else _SIZES
    parts = max(crew.processes(), 1)
    compared = sizes[1]
    # In turns with what it stands beside: the machine may be busier now than it was.
    before = _ours(compared, "", "held")
    bare = _together([["bare", str(compared), str(part), str(parts)] for part in range(parts)])
    after = _ours(compared, "", "held")
    best = min(before, after, key=lambda each: each.seconds)
    speed, against = compared / best.seconds, compared / bare.seconds
    yield Figure(
        f"prepare, {compared:,} records of 60 words", speed, "records/s",
        f"its parts called bare in {parts} processes ({against:,.0f}/s)", speed / against,
        "at least 0.70 times", speed / against >= 0.7,
    )  # fmt: skip
    yield Figure(
        f"the same on {parts} processors", speed, "records/s", "", None, "at least 6,000/s on 2", speed >= 6000
    )
    # Hardly hangs on what else the machine does.
    yield Figure(
        "processor time, all processes and their start", best.processor / compared * 1e6, "µs/record",
        f"that of its parts ({bare.processor / compared * 1e6:.0f})", best.processor / bare.processor,
        "at most 333, which is 6,000/s on 2", best.processor / compared <= 2 / 6000,
    )  # fmt: skip
    made = {size: _ours(size) for size in sizes}
    # Beyond what it takes to start processes, which is the same for all.
    small, middle, large = sizes[0], sizes[-2], sizes[-1]
    for name, took in (
        ("time", {size: each.seconds for size, each in made.items()}),
        ("processor time", {size: each.processor for size, each in made.items()}),
    ):
        more = (took[large] - took[small]) / (large - small)
        grown = more / (took[middle] / middle)
        yield Figure(
            f"{name} a record beyond {small:,} up to {large:,}", more * 1e6,
            "µs", f"that up to {middle:,}", grown, f"at most {_LINEAR} times", grown <= _LINEAR,
        )  # fmt: skip
    memory = made[large].memory
    yield Figure(f"memory at {large:,} records, all processes", memory, "MB", "", None, "at most 500 MB", memory <= 500)
    cost = (_ours(small, "en").processor - _ours(small).processor) / small * 1e6
    yield Figure("the language filter's own cost", cost, "µs/record", "", None, "shown", True)
    stored = sizes[1] if not quick else 10_000
    took = _together([["store", str(stored)]]).seconds
    yield Figure(
        f"the task, {stored:,} records of the store to pairs in it", stored / took, "records/s", "", None, "shown", True
    )


class _Took(NamedTuple):
    seconds: float
    processor: float


class _Run(NamedTuple):
    """Attributes:
    seconds: of the clock.
    processor: seconds of all its processes, from their start.
    memory: MB, the most that they had together.
    """

    seconds: float
    processor: float
    memory: float


def _ours(count: int, *more: str) -> _Run:
    process = subprocess.Popen([python(), str(_SCRIPT), "ours", str(count), *more], stdout=subprocess.PIPE, text=True)
    most, spent = 0.0, dict[int, float]()
    looked = 0.0
    while process.poll() is None:
        tree = _tree(process.pid)
        # Often, since they are killed at their end; the memory takes longer to read.
        spent |= {pid: max(_spent(pid), spent.get(pid, 0.0)) for pid in tree}
        if time.monotonic() - looked > _EVERY:
            looked = time.monotonic()
            most = max(most, sum(map(_memory, tree)))
        time.sleep(_OFTEN)
    return _Run(_took(process).seconds, sum(spent.values()), most)


def _together(jobs: Sequence[Sequence[str]]) -> _Took:
    """Of some that run side by side: the seconds of the slowest, the processor time of all."""
    command = [python(), str(_SCRIPT)]
    started = [subprocess.Popen([*command, *job], stdout=subprocess.PIPE, text=True) for job in jobs]
    took = list(map(_took, started))
    return _Took(max(each.seconds for each in took), sum(each.processor for each in took))


def _took(process: subprocess.Popen[str]) -> _Took:
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit("a measurement of preparing failed")
    result = json.loads(output)
    return _Took(float(result["seconds"]), float(result["processor"]))


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


def _spent(pid: int) -> float:
    """Seconds of processor time."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    """MB; a page that several processes share counts in parts."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:")), 0.0)
