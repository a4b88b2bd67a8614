"""Collections whose worker is killed at random moments end with the records of an undisturbed one.

The large form of this is a benchmark, whose servers and kills these tests share.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import collect_made
from collect_killed import Outcome, compare, crawl_of, snapshot_of
from collect_servers import site_server, snapshot_server

CONCURRENCY = 4
PART = 1000
PATIENCE = 10.0


@pytest.fixture(autouse=True)
def nobody_left(tmp_path: Path) -> Iterator[None]:
    """Neither a worker nor what a killed one had started."""
    yield
    deadline = time.monotonic() + PATIENCE
    while (left := processes(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def processes(folder: Path) -> list[str]:
    """Commands of processes with an FTUI_HOME in a folder (Linux; elsewhere none are found)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"FTUI_HOME={folder}/".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def killed_on_the_way(outcome: Outcome, kills: int) -> bool:
    """Whether each kill left less than everything, and not all of them left nothing."""
    return len(outcome.kept) == kills and max(outcome.kept) > 0 and all(kept < outcome.records for kept in outcome.kept)


def is_part(path: str) -> bool:
    return "part=" in path


def test_a_crawl_killed_four_times(tmp_path: Path) -> None:
    with site_server(200, small=True) as server:
        outcome = compare(tmp_path, server, "crawl", crawl_of(server, 200, CONCURRENCY), kills=4, seed=3)
    assert killed_on_the_way(outcome, 4)
    assert outcome.killed.hits["/robots.txt"] == 5, "begun once and resumed four times"
    assert outcome.records == 200
    assert outcome.differing == 0
    assert outcome.again(lambda path: path != "/robots.txt") <= 4 * CONCURRENCY


def test_a_snapshot_killed_three_times(tmp_path: Path) -> None:
    file = tmp_path / "rows.ndjson"
    starts = collect_made.write_number_of_rows(file, 3000)
    with snapshot_server(file, starts, rate=4_000_000) as server:
        outcome = compare(tmp_path, server, "brightdata", snapshot_of(PART), kills=3, seed=1)
    assert killed_on_the_way(outcome, 3)
    assert outcome.records == 3000
    assert outcome.differing == 0
    assert sum(map(is_part, outcome.calm.hits)) == 3
    assert outcome.again(is_part) <= 3, "more than the part under way came twice"
    assert sum(hits for path, hits in outcome.killed.hits.items() if "/trigger?" in path) == 1, "paid for once"
