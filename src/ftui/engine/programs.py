"""Servers of other programs, run as children: started with the first question, ended when idle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.engine.failure import clean
from ftui.engine.kept import GRACE_SECONDS
from ftui.engine.layout import without_token
from ftui.engine.upstream import Unusable

if TYPE_CHECKING:
    import httpx2

RETRY_SECONDS = 600.0
"""A program that did not start is not tried again for so long."""
ROOM_SECONDS = 30.0
"""So long a question waits for a model that is being asked to make room for its own."""
CLOSE_SECONDS = GRACE_SECONDS + 2.0
LOG_BYTES = 1 << 20
_TAKEN = re.compile(r"address already in use|couldn't bind|could not bind", re.IGNORECASE)
# vLLM's last word names no cause.
_TELLING = re.compile(
    r"(?<!exiting due to model loading )(?<!exiting due to HTTP server )"
    r"(?:error|failed|invalid|not found)(?!.*See root cause)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start a server.

    Attributes:
        name: the program's, for a person.
        key: two plans with the same key mean the same server.
        command: what is run; host and port are added.
        key_name: the environment variable that it takes its API key from: arguments are seen by all users.
        environment: more variables.
        seconds: how long it may take until it answers.
    """

    name: str
    key: Hashable
    command: list[str]
    key_name: str
    environment: dict[str, str] = field(default_factory=dict)
    seconds: float = 120.0


class Program:
    """One server, from its start to its end.

    Attributes:
        client: calls it, with its address and key.
        users: answers that it is giving or that wait for its start.
        facts: what was found out about it, and is so until its end.
        lock: for what must be done to it once.
    """

    client: httpx2.AsyncClient

    def __init__(self, plan: Plan, log: Path) -> None:
        self.plan = plan
        self.users = 0
        self.used = time.monotonic()
        self.facts: dict[str, Any] = {}
        self.lock = asyncio.Lock()
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.create_task(self._start())

    @property
    def over(self) -> bool:
        """Whether it did not start, or has ended."""
        if not self._ready.done():
            return False
        failed = self._ready.cancelled() or self._ready.exception() is not None
        return failed or self._process is None or self._process.returncode is not None

    @property
    def idle(self) -> float:
        """Seconds since it was used last; 0 while it is being used or starts."""
        return 0.0 if self.users or not self._ready.done() else time.monotonic() - self.used

    async def ready(self) -> None:
        """Wait until it answers. A start that nobody waits for any more goes on.

        Raises:
            Unusable: it does not start.
        """
        await asyncio.shield(self._ready)

    async def end(self, seconds: float = 20.0) -> None:
        """End it, and wait at most so long until its memory is free."""
        self._ready.cancel()
        await asyncio.gather(self._ready, return_exceptions=True)
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
        await self.client.aclose()

    async def _start(self) -> None:
        try:
            try:
                await self._once()
            except _PortTaken:
                await self._once()
        except OSError as error:
            raise Unusable(f"it could not be started: {error.strerror}", lasting=True) from None
        self.used = time.monotonic()

    async def _once(self) -> None:
        import httpx2

        port, key = _free_port(), secrets.token_urlsafe(32)
        command = [*self.plan.command, "--host", "127.0.0.1", "--port", str(port)]
        with self._log.open("ab") as log:
            if log.tell() > LOG_BYTES:
                # Others that write to it go on at its new end.
                log.truncate(0)
            start = log.seek(0, os.SEEK_END)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ftui.engine.kept",
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**without_token(), **self.plan.environment, self.plan.key_name: key},
                start_new_session=True,
            )
        self.client = httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx2.Timeout(600.0, connect=10.0),
            limits=httpx2.Limits(max_connections=None),
            # No proxy stands between two processes of this machine.
            trust_env=False,
        )
        end, pause = time.monotonic() + self.plan.seconds, 0.02
        while not await self._answers():
            if self._process.returncode is not None:
                await self.client.aclose()
                said = self._said_since(start)
                failed = _PortTaken if any(map(_TAKEN.search, said)) else Unusable
                raise failed(f"it did not start: {_telling(said, self._process.returncode)}", lasting=True)
            if time.monotonic() > end:
                self._process.stdin.close()  # type: ignore[union-attr]
                raise Unusable(f"it was not ready within {self.plan.seconds:.0f} seconds", lasting=True)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    async def _answers(self) -> bool:
        import httpx2

        try:
            found = await self.client.get("/health", timeout=5.0)
        except httpx2.HTTPError:
            return False
        # What answers on the port of a process that is gone is somebody else.
        return found.status_code == 200 and self._process is not None and self._process.returncode is None

    def _said_since(self, start: int) -> list[str]:
        with self._log.open("rb") as log:
            log.seek(start)
            lines = [line.strip() for line in log.read(LOG_BYTES).decode("utf-8", "replace").splitlines()]
        return [line for line in lines if line]


class _PortTaken(Unusable):
    """Another program took the port before this one did: a second try finds another one."""


def _telling(said: Sequence[str], code: int) -> str:
    """The last words of a program that tell something."""
    telling = [line for line in said if _TELLING.search(line)] or said
    return clean(telling[-1])[:300] if telling else f"exit code {code}"


class Pool:
    """The servers that run now, a few at a time.

    Args:
        kept: how many may hold their models in memory at once.
    """

    def __init__(self, log: Path, kept: int) -> None:
        self._log = log
        self._kept = kept
        self._programs: list[Program] = []
        self._failed: dict[Hashable, tuple[float, str]] = {}
        # Whoever waits for room is served before those that came later, even where theirs runs already.
        self._turn = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def use(self, plan: Plan) -> AsyncIterator[Program]:
        """The server of a plan, running.

        Raises:
            Unusable: it does not start, or did not a short while ago.
        """
        until, reason = self._failed.get(plan.key, (0.0, ""))
        if time.monotonic() < until:
            raise Unusable(reason, lasting=True)
        async with self._turn:
            program = next((one for one in self._programs if one.plan.key == plan.key and not one.over), None)
            if program is None:
                await self._make_room()
                program = Program(plan, self._log)
                self._programs.append(program)
            program.users += 1
        try:
            try:
                await program.ready()
            except Unusable as failed:
                self._failed[plan.key] = (time.monotonic() + RETRY_SECONDS, str(failed))
                raise
            yield program
        finally:
            program.users -= 1
            program.used = time.monotonic()

    async def _make_room(self) -> None:
        end = time.monotonic() + ROOM_SECONDS
        while True:
            for program in [one for one in self._programs if one.over and not one.users]:
                await self._drop(program)
            if len(self._programs) < self._kept:
                return
            unused = [one for one in self._programs if not one.users]
            if unused:
                await self._drop(min(unused, key=lambda one: one.used))
            elif time.monotonic() > end:
                # Also one who does not read its answer keeps a model busy.
                raise Unusable("it is busy with another model")
            else:
                await asyncio.sleep(0.1)

    async def unload(self, seconds: float) -> None:
        """End those that nobody has asked for so long."""
        # Nobody starts another one before the memory of this one is free.
        async with self._turn:
            for program in [one for one in self._programs if one.idle > seconds or one.over]:
                if not program.users:
                    await self._drop(program)

    async def _drop(self, program: Program) -> None:
        if program in self._programs:
            self._programs.remove(program)
            await program.end()

    async def close(self) -> None:
        programs, self._programs = self._programs, []
        await asyncio.gather(*(program.end(CLOSE_SECONDS) for program in programs))


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
