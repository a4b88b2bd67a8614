"""The processes that take pages apart beside the crawl, which goes on to fetch meanwhile.

Finding the text of a page costs more processor time than fetching it, and a page made
for it can keep a parser busy forever or crash it. So pages are read in processes of
their own: first one, more as the crawl turns out to be long, none that outlives it.

Such a process says `READY`. A request is two lengths, then `[url, charset]` as JSON, then
the body; an answer is a length, then the fields of a `Page` as JSON, or `null`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import subprocess
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import orjson

import ftui
from ftui.errors import FtuiError

READY = b"ready"
REQUEST = struct.Struct(">II")
ANSWER = struct.Struct(">I")
LONGEST_READING = 30.0
"""Seconds that one page may take; an alarm of its own ends the process then, even without its crawl."""
_MOST = 8
_PAGES_FOR_ANOTHER = 30
"""A process costs as much to start as this many pages to read."""


class Readers:
    """A handful of reader processes; an async context manager that ends them.

    Args:
        most: processes at most; never more than there are processors.
    """

    def __init__(self, most: int) -> None:
        self._most = max(1, min(most, _processors(), _MOST))
        self._idle: list[Process] = []
        self._all: set[Process] = set()
        self._first: asyncio.Task[Process] | None = None
        self._allowed = 1
        self._turn = asyncio.Semaphore(self._allowed)
        self._count = 0

    async def __aenter__(self) -> Readers:
        # It gets ready while the first page is fetched.
        self._first = asyncio.create_task(self._start())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        await asyncio.gather(*(self._end(process) for process in list(self._all)))

    async def read(self, body: bytes, url: str, charset: str) -> dict[str, Any] | None:
        """The fields of the `Page` in `body`; None for a page that cannot be read."""
        async with self._turn:
            process = await self._take()
            try:
                async with asyncio.timeout(LONGEST_READING + 5):
                    answer = await self._exchange(process, body, orjson.dumps([url, charset]))
            except TimeoutError:
                await self._end(process)
                return None
            except (OSError, EOFError):
                # The page has ended it.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 1.0)
                await self._end(process)
                return None
            except BaseException:
                await self._end(process)
                raise
            self._idle.append(process)
        self._count += 1
        if self._allowed < self._most and self._count >= self._allowed * _PAGES_FOR_ANOTHER:
            self._allowed += 1
            self._turn.release()
        page: dict[str, Any] | None = orjson.loads(answer)
        return page

    async def _take(self) -> Process:
        if self._idle:
            return self._idle.pop()
        first, self._first = self._first, None
        return await (first or self._start())

    async def _start(self) -> Process:
        root = str(Path(ftui.__file__).parent.parent)
        path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "ftui.collect.reader",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._all.add(process)
        assert process.stdout is not None
        if await process.stdout.read(len(READY)) != READY:
            raise FtuiError("The reader of pages does not start", "its process ended", "The log has the details")
        return process

    async def _exchange(self, process: Process, body: bytes, meta: bytes) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.writelines((REQUEST.pack(len(meta), len(body)), meta, body))
        await process.stdin.drain()
        (length,) = ANSWER.unpack(await process.stdout.readexactly(ANSWER.size))
        return await process.stdout.readexactly(length)

    async def _end(self, process: Process) -> None:
        self._all.discard(process)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
