"""Collecting: a large snapshot beside a bare script, a crawl beside Scrapy, and workers killed on the way."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import collect_made
from collect_home import Home, home
from collect_killed import Outcome, compare, crawl_of, snapshot_of
from collect_servers import Server, site_server, snapshot_server
from measure import Figure, python

_PEERS = Path(__file__).parent / "collect_peers"
_MEGABYTE = 1_000_000
_CONCURRENCY = 8
_KILLED_CONCURRENCY = 4
_PART = 1000
"""Rows in each part of the killed snapshot: the smallest part that Bright Data gives."""


@dataclass(frozen=True)
class _Sizes:
    """How much of everything.

    Attributes:
        snapshot: bytes. takes: how often it is taken by each; the median counts.
        turns: of each crawler; the median counts.
        rate: bytes a second of the snapshot that is killed.
    """

    snapshot: int
    takes: int
    pages: int
    turns: int
    killed_pages: int
    killed_rows: int
    rate: int
    kills: int


_FULL = _Sizes(2_000 * _MEGABYTE, 1, 5_000, 3, 20_000, 20_000, 2 * _MEGABYTE, 20)
_QUICK = _Sizes(150 * _MEGABYTE, 2, 150, 3, 400, 6_000, 6 * _MEGABYTE, 4)


def figures(*, quick: bool) -> Iterator[Figure]:
    sizes = _QUICK if quick else _FULL
    for part in (_snapshot, _crawl, _killed_crawl, _killed_snapshot):
        with tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as folder:
            yield from part(Path(folder), sizes)


# A large snapshot


def _snapshot(folder: Path, sizes: _Sizes) -> Iterator[Figure]:
    """From the moment at which the service calls it ready until the task is done, against the bare script; in turns."""
    file = folder / "rows.ndjson"
    starts = collect_made.write_rows(file, sizes.snapshot)
    rows, megabytes = len(starts) - 1, starts[-1] / _MEGABYTE
    ours, bare, memory, kept = list[float](), list[float](), 0.0, 0
    with snapshot_server(file, starts) as server, home(folder / "home", brightdata=server.address) as run:
        run.ftui("projects", "budget", str(sizes.takes * rows))
        for take in range(sizes.takes):
            script = [python(), str(_PEERS / "bare_ingest.py"), str(file), str(folder / "bare.db")]
            bare.append(float(subprocess.run(script, check=True, capture_output=True, text=True).stdout))
            (folder / "bare.db").unlink()
            address = f"https://shop.test/kettles-{take}"
            run.ftui("collect", "brightdata", address, "--limit", str(rows), "--max-cost", str(rows))
            ours.append((run.task().finished or 0.0) - server.counts(fresh=True).ready)
            memory = run.peak_memory() / _MEGABYTE
            kept = run.store.records.count(run.task().source)
    speed, against = megabytes / statistics.median(ours), megabytes / statistics.median(bare)
    yield Figure(
        f"snapshot of {megabytes:,.0f} MB into the store", speed, "MB/s",
        "a bare script from the disk (orjson, executemany, no index, one commit)", speed / against,
        "at least 0.40 times", speed / against >= 0.40,
    )  # fmt: skip
    yield Figure("its worker's memory at most", memory, "MB", "", None, "below 200 MB", memory < 200)
    yield Figure("its rows that are not in the store", rows - kept, f"of {rows:,}", "", None, "0", kept == rows)


# A crawl


def _crawl(folder: Path, sizes: _Sizes) -> Iterator[Figure]:
    """From the first link that is followed until all is kept, against Scrapy; in turns.

    Both are as they come: Scrapy takes pages apart in its one process, ftui in processes beside its own.
    """
    try:
        peer = f"Scrapy {version('scrapy')} on Twisted {version('twisted')}"
    except PackageNotFoundError:
        raise SystemExit("The crawl is measured beside Scrapy. Install it: pip install 'ftui[bench]'") from None
    wanted = {collect_made.path_of(number) for number in range(sizes.pages)}
    ours, theirs, faults = list[float](), list[float](), 0
    with site_server(sizes.pages) as server, home(folder / "home") as run:
        for turn in range(sizes.turns):
            seconds, scrapy = _scrapy(folder / f"scrapy-{turn}.jsonl", server)
            theirs.append(len(scrapy) / seconds)
            seconds, fetched = _ftui(run, f"site {turn}", server, sizes.pages)
            ours.append(len(fetched) / seconds)
            faults += len(scrapy ^ fetched) + len(wanted - fetched)
            faults += sum(map(collect_made.disallowed, scrapy | fetched))
    speed, against = statistics.median(ours), statistics.median(theirs)
    yield Figure(
        f"crawl of {sizes.pages:,} pages, {_CONCURRENCY} at once", speed, "pages/s", peer, speed / against,
        "at least as fast", speed >= against,
    )  # fmt: skip
    yield Figure(
        "addresses that only one fetched, or neither, or that robots.txt disallows", faults, f"of {len(fetched):,}",
        "", None, "0", faults == 0,
    )  # fmt: skip


def _scrapy(feed: Path, server: Server) -> tuple[float, set[str]]:
    """Seconds, and the addresses fetched."""
    script = [python(), str(_PEERS / "scrapy_crawl.py"), f"{server.address}/", str(_CONCURRENCY), str(feed)]
    finished = float(subprocess.run(script, check=True, stdout=subprocess.PIPE, text=True).stdout)
    counts = server.counts(fresh=True)
    return finished - counts.under_way, set(counts.hits)


def _ftui(run: Home, name: str, server: Server, pages: int) -> tuple[float, set[str]]:
    task = run.again(name, "crawl", crawl_of(server, pages, _CONCURRENCY))
    counts = server.counts(fresh=True)
    return (task.finished or 0.0) - counts.under_way, set(counts.hits)


# Killed


def _killed_crawl(folder: Path, sizes: _Sizes) -> Iterator[Figure]:
    with site_server(sizes.killed_pages, small=True) as server:
        config = crawl_of(server, sizes.killed_pages, _KILLED_CONCURRENCY)
        outcome = compare(folder, server, "crawl", config, sizes.kills, seed=1)
    again = outcome.again(lambda path: path != "/robots.txt")
    most = sizes.kills * _KILLED_CONCURRENCY
    yield _same("crawl", outcome)
    yield Figure("pages fetched a second time", again, "", "", None, f"at most {most}, those in flight", again <= most)


def _killed_snapshot(folder: Path, sizes: _Sizes) -> Iterator[Figure]:
    file = folder / "rows.ndjson"
    starts = collect_made.write_number_of_rows(file, sizes.killed_rows)
    largest = max(
        starts[min(row + _PART, sizes.killed_rows)] - starts[row] for row in range(0, sizes.killed_rows, _PART)
    )
    with snapshot_server(file, starts, rate=sizes.rate) as server:
        outcome = compare(folder, server, "brightdata", snapshot_of(_PART), sizes.kills, seed=2)
    yield _same("snapshot", outcome)
    again, most = outcome.killed.sent - outcome.calm.sent, sizes.kills * largest
    yield Figure(
        "bytes fetched a second time", again / _MEGABYTE, "MB", "", None,
        f"at most {most / _MEGABYTE:,.1f} MB, the parts in flight", again <= most,
    )  # fmt: skip
    triggers = sum(hits for path, hits in outcome.killed.hits.items() if "/trigger" in path)
    yield Figure("collections paid for", triggers, "", "", None, "1", triggers == 1)


def _same(what: str, outcome: Outcome) -> Figure:
    return Figure(
        f"records that {len(outcome.kept)} kills of a {what} changed", outcome.differing, f"of {outcome.records:,}", "",
        None, "0", outcome.differing == 0 and outcome.records > 0,
    )  # fmt: skip
