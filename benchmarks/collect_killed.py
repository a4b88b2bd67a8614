"""A collection whose worker is killed again and again, beside one that nobody disturbs."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collect_home import Home, home
from collect_servers import Counts, Server

_SOURCE = "killed"
_PATIENCE = 120.0
_LAST, _FURTHER = 0.75, 0.2
"""Kills fall into this share of the work, and all runs together come this much further: none ends before its kill."""


@dataclass(frozen=True)
class Outcome:
    """What came of both runs.

    Attributes:
        kept: records in the store after each kill.
        records: of the undisturbed run.
        differing: keys that only one of the runs has, or with other data.
        calm, killed: what the server was asked for by each run.
    """

    kept: list[int]
    records: int
    differing: int
    calm: Counts
    killed: Counts

    def again(self, counts: Callable[[str], bool] = lambda path: True) -> int:
        """Requests of the killed run beyond those of the calm one, over the paths that `counts` says yes to."""
        paths = filter(counts, self.killed.hits)
        return sum(self.killed.hits[path] - self.calm.hits.get(path, 0) for path in paths)


def crawl_of(server: Server, pages: int, concurrency: int) -> dict[str, Any]:
    """Settings of a crawl of the whole loopback site."""
    return {"start": [f"{server.address}/"], "sitemap": "none", "max_pages": 2 * pages, "concurrency": concurrency}


def snapshot_of(part: int) -> dict[str, Any]:
    """Settings of a collection from the loopback Bright Data, in parts of so many rows."""
    inputs = [{"url": "https://shop.test/dp/B000000001"}]
    return {"inputs": inputs, "limit": 1, "price_per_record": 0.0, "poll_seconds": 0.2, "batch_size": part}


def compare(folder: Path, server: Server, kind: str, config: Mapping[str, Any], kills: int, seed: int) -> Outcome:
    """Run the same collection undisturbed, then with `kills` kills at random points.

    A point is a number of requests, or of bytes of a snapshot.

    Raises:
        RuntimeError: the collection ended, or stood still, before all kills had hit.
    """
    by_bytes = kind == "brightdata"
    with home(folder / "calm", brightdata=server.address) as calm:
        calm.again(_SOURCE, kind, config)
        expected = calm.records()
        size = server.sum()[by_bytes]
        calm_counts = server.counts(fresh=True)
    source = random.Random(seed)
    points = sorted(source.uniform(0, _LAST * size) for _ in range(kills))
    kept = list[int]()
    with home(folder / "killed", brightdata=server.address) as killed:
        killed.add(_SOURCE, kind, config)
        for point in points:
            further = source.uniform(2, 2 + _FURTHER * size / kills)
            _start_and_kill(killed, server, point, further, source, by_bytes)
            kept.append(killed.store.records.count())
        server.hold()
        killed.ftui("collect", "again", _SOURCE)
        found = killed.records()
        killed_counts = server.counts(fresh=True)
    differing = sum(expected.get(key) != found.get(key) for key in expected.keys() | found.keys())
    return Outcome(kept, len(expected), differing, calm_counts, killed_counts)


def _start_and_kill(
    run: Home, server: Server, point: float, further: float, source: random.Random, by_bytes: bool
) -> None:
    """Start or resume; kill the worker in the stretch of `further` behind the point, or where it is already."""
    before = server.sum()
    most = max(point, before[by_bytes]) + further
    server.hold(**{"sent" if by_bytes else "requests": most})
    started = time.monotonic()
    run.detached("again", _SOURCE)
    while (now := server.sum())[by_bytes] < point or now[0] == before[0]:
        if time.monotonic() - started > _PATIENCE:
            raise RuntimeError(f"the collection does not get on: {run.task()}")
        time.sleep(0.002)
    # Up to twice as long as the rest of the stretch takes at this pace: some kills hit while it waits, most at work.
    pace = max(now[by_bytes] - before[by_bytes], 1) / (time.monotonic() - started)
    time.sleep(source.uniform(0, min(2 * further / pace, 0.5)))
    lease = run.worker()
    if lease is None:
        raise RuntimeError(f"the worker has ended by itself: {run.task()}")
    os.kill(lease.pid, signal.SIGKILL)
    while lease.alive:
        time.sleep(0.002)
    if run.task().state != "running":
        raise RuntimeError(f"the collection was not running any more: {run.task()}")
