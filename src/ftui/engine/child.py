"""Run the installation's child processes and read what went wrong from pip's lines."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from ftui.errors import EngineError, FtuiError, NetworkError

_OFFLINE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|ConnectionResetError"
    r"|name resolution|Network is unreachable|Connection refused|SSLError|Max retries exceeded",
)


class Failed(Exception):
    """A child ended with something else than 0.

    Attributes:
        code: its exit code, negative for a signal.
        tail: its last lines.
    """

    def __init__(self, code: int, tail: list[str]) -> None:
        super().__init__(f"exit code {code}")
        self.code = code
        self.tail = tail


class Child:
    """One child process whose lines are read as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tail: deque[str] = deque(maxlen=60)

    @classmethod
    async def start(cls, args: list[str], environment: dict[str, str], lock: int) -> Child:
        """Start `args`; the child holds the lock too, so that nobody works beside an orphan of a killed ftui."""
        process = await asyncio.create_subprocess_exec(
            *args,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            pass_fds=(lock,),
            start_new_session=True,
        )
        return cls(process)

    async def lines(self) -> AsyncIterator[str]:
        """The child's lines as they come.

        Raises:
            Failed: when it ends with another exit code than 0.
        """
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode("utf-8", "replace").rstrip()
            self._tail.append(line)
            yield line
        if code := await self._process.wait():
            raise Failed(code, list(self._tail))

    async def end(self) -> None:
        """Make sure that neither it nor its children run on."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


def folder_bytes(folder: Path) -> int:
    """Size of all files below `folder`, as far as they can be read."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_size
    return total


def explain(failed: Failed, doing: str) -> FtuiError:
    """What a person is told about a failed child."""
    text = "\n".join(failed.tail)
    if "No space left on device" in text:
        return EngineError(
            "The disk is full", f"it happened at: {doing}", "Free some space, then start the installation again"
        )
    if _OFFLINE.search(text):
        return NetworkError(
            "The package index cannot be reached",
            f"it happened at: {doing}",
            "Check the connection or pip's proxy and index settings, then start the installation again",
        )
    if "ensurepip is not" in text:
        return EngineError(
            "This Python cannot make virtual environments",
            "its ensurepip is missing",
            "Install it (on Debian and Ubuntu: python3-venv), then start the installation again",
        )
    if failed.code < 0:
        why = f"the step was ended by {signal.Signals(-failed.code).name}"
    else:
        errors = [line for line in failed.tail if line.startswith("ERROR")] or failed.tail or ["it said nothing"]
        why = errors[-1].removeprefix("ERROR: ")
    return EngineError(f"A step of the installation failed ({doing})", why, "Start the installation again")
