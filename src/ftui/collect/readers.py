"""The processes that take pages apart beside the crawl, which goes on to fetch meanwhile.

Finding the text of a page costs more processor time than fetching it, and a page made
for it can keep a parser busy forever or crash it. So pages are read in processes of
their own: as many as there is work for, none that outlives the crawl.

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
_MOST = 8


class Readers:
    """A handful of reader processes; an async context manager that ends them.

    Args:
        most: processes at most; never more than there are processors.
    """

    def __init__(self, most: int) -> None:
        self._most = max(1, min(most, _processors(), _MOST))
        self._idle: list[Process] = []
        self._all: set[Process] = set()
        self._turn = asyncio.Semaphore(self._most)

    async def __aenter__(self) -> Readers:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.gather(*(self._end(process) for process in list(self._all)))

    async def read(self, body: bytes, url: str, charset: str) -> dict[str, Any] | None:
        """The fields of the `Page` in `body`; None for a page that cannot be read."""
        async with self._turn:
            process = self._idle.pop() if self._idle else await self._start()
            try:
                answer = await self._exchange(process, body, orjson.dumps([url, charset]))
            except (OSError, EOFError):
                # The page has ended it.
                await self._end(process)
                return None
            except BaseException:
                await self._end(process)
                raise
            self._idle.append(process)
        page: dict[str, Any] | None = orjson.loads(answer)
        return page

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
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
