"""The processes that take pages apart: what becomes of them, and of pages that end them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftui.collect.page import Page
from ftui.collect.readers import READY, REQUEST, Readers
from servers.serve import serve
from servers.website import Website, page

BODY = b"<html><head><title>T</title></head><body><main><h1>T</h1><p>Some text.</p></main></body></html>"
needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")


def readers(mark: str) -> list[int]:
    """Reader processes in whose environment `mark` is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        if b"ftui.collect.reader" in command and mark.encode() in environment:
            found.append(int(process.name))
    return found


async def test_pages_are_read_side_by_side_and_each_gets_its_own() -> None:
    async with Readers(2) as pool:
        bodies = [BODY.replace(b"Some text", f"Text number {n}".encode()) for n in range(20)]
        pages = await asyncio.gather(*(pool.read(body, "https://x.test/", "utf-8") for body in bodies))
    assert [found and found["markdown"] for found in pages] == [f"# T\n\nText number {n}." for n in range(20)]
    assert pages[0] is not None
    assert set(pages[0]) == set(Page.__dataclass_fields__)


@needs_proc
async def test_a_page_that_ends_its_reader_is_lost_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FTUI_TEST_MARK", str(tmp_path))
    async with Readers(1) as pool:
        assert await pool.read(BODY, "https://x.test/", "")
        (reader,) = readers(str(tmp_path))
        os.kill(reader, signal.SIGKILL)
        assert await pool.read(BODY, "https://x.test/", "") is None
        assert await pool.read(BODY, "https://x.test/", "")
        assert readers(str(tmp_path)) != [reader]
    assert readers(str(tmp_path)) == []


@needs_proc
async def test_a_reader_that_is_given_up_does_not_answer_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FTUI_TEST_MARK", str(tmp_path))
    async with Readers(1) as pool:
        assert await pool.read(BODY, "https://x.test/", "")
        large = b"<main>" + b"<p>A paragraph of some length.</p>" * 20_000
        reading = asyncio.create_task(pool.read(large, "https://x.test/", ""))
        await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        found = await pool.read(BODY, "https://x.test/", "")
    assert found is not None
    assert found["title"] == "T"
    assert readers(str(tmp_path)) == []


def test_a_page_that_takes_too_long_ends_its_reader() -> None:
    code = "import ftui.collect.reader as r; r.LONGEST_READING = 0.01; r.main()"
    body, meta = b"<main>" + b"<p>A paragraph of some length.</p>" * 20_000, b'["https://x.test/",""]'
    request = REQUEST.pack(len(meta), len(body)) + meta + body
    done = subprocess.run([sys.executable, "-c", code], input=request, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (-signal.SIGALRM, READY)


@needs_proc
def test_a_killed_crawl_leaves_no_reader_behind(tmp_path: Path) -> None:
    website = Website({})
    website.otherwise = lambda path: page(path, "Some text.", [f"{path}{n}" for n in range(5)])
    with serve(website) as url:
        code = (
            "import asyncio\nfrom ftui.collect.crawl import Crawl, crawl\n"
            f"async def main():\n    async for _ in crawl(Crawl(start=({url!r},))): print('.', flush=True)\n"
            "asyncio.run(main())"
        )
        crawling = subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, "MARK": str(tmp_path)}, stdout=subprocess.PIPE
        )
        assert crawling.stdout is not None
        for _ in range(20):
            crawling.stdout.readline()
        assert readers(str(tmp_path))
        crawling.kill()
        crawling.wait()
        crawling.stdout.close()
    deadline = time.monotonic() + 20
    while readers(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert readers(str(tmp_path)) == []
