"""The whole loop: how soon the first screen is there, how long the demo takes, what its model has learnt."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measure import Figure, first_picture, python

SEEDS = (1, 2)


def figures(*, quick: bool) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as folder:
        yield from _start_up(Path(folder), 5 if quick else 15)
    if not quick:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as folder:
                yield from _demo(Path(folder), seed)


def _environment(home: Path) -> dict[str, str]:
    """With a byte code cache of its own: a machine that forbids one would compile at every start."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "FTUI_HOME": str(home), "PYTHONPYCACHEPREFIX": str(home / "pycache")}


def _start_up(home: Path, times: int) -> Iterator[Figure]:
    """First pictures, taken in turns so that a busy moment hits both."""
    environment = _environment(home)
    subprocess.run(
        [python(), "-m", "ftui", "projects", "new", "bench"], env=environment, check=True, capture_output=True
    )
    ours, bare = [], []
    for _ in range(times + 1):
        bare.append(first_picture([python(), str(Path(__file__).parent / "bare.py")], b"bare body", environment))
        ours.append(first_picture([python(), "-m", "ftui"], b"Providers", environment))
    # The first of each fills the cache of byte code.
    ours, bare = ours[1:], bare[1:]
    value, against = statistics.median(ours), statistics.median(bare)
    yield Figure(
        "first screen", value, "s", "a bare Textual app", value / against, "at most 1.5 times", value / against <= 1.5
    )


def _demo(home: Path, seed: int) -> Iterator[Figure]:
    """The headless demo in a new home; the engine's installation (downloads) is not counted."""
    environment = _environment(home)
    subprocess.run(
        [python(), "-m", "ftui", "engine", "install", "--yes"], env=environment, check=True, stdout=sys.stderr
    )
    started = time.perf_counter()
    done = subprocess.run(
        [python(), "-m", "ftui", "demo", "--headless", "--yes", "--seed", str(seed)],
        env=environment,
        check=False,
        stdout=sys.stderr,
    )
    whole = time.perf_counter() - started
    status = json.loads(
        subprocess.run(
            [python(), "-m", "ftui", "status", "--project", "lumora", "--json"],
            env=environment,
            check=True,
            capture_output=True,
        ).stdout
    )
    job = status["jobs"][0]
    training = job["finished"] - job["submitted"]
    subprocess.run([python(), "-m", "ftui", "engine", "stop"], env=environment, check=False, capture_output=True)
    for name, value, target in (("demo", whole, 480), ("training", training, 300)):
        yield Figure(
            f"{name}, seed {seed}", value, "s", "", None, f"at most {target} s on 2 quiet cores", value <= target
        )
    scores = status["scores"]
    held, general = scores["heldout"], scores["general"]
    yield Figure(
        f"held-out questions right, seed {seed}", held["tuned"], f"of {held['of']}", "", None,
        "at least 14", held["tuned"] >= 14,
    )  # fmt: skip
    yield Figure(
        f"held-out questions the base has right, seed {seed}", held["base"], f"of {held['of']}", "", None,
        "at most 2", held["base"] <= 2,
    )  # fmt: skip
    yield Figure(
        f"general questions kept, seed {seed}", general["tuned"], f"of {general['of']}", "", None,
        "at least 7", general["tuned"] >= 7,
    )  # fmt: skip
    yield Figure(f"exit code, seed {seed}", done.returncode, "", "", None, "0", done.returncode == 0)
