"""transformers' part in chats: a child process that holds the model, and is there only while it is used."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from ftui.engine.layout import new_id, without_token
from ftui.engine.wire import ApiError

UNLOAD_SECONDS = 300.0
"""The model's memory is freed after so long without a question."""


class ChatProcess:
    """The child, started with the first question and ended when it was idle long enough."""

    def __init__(self, log: Path, unload_seconds: float = UNLOAD_SECONDS) -> None:
        self._log = log
        self._unload_seconds = unload_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._starting = asyncio.Lock()
        self._used = time.monotonic()

    async def ask(self, request: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """The child's lines about one request; closing the iterator early stops the answer."""
        identity = new_id("chatcmpl")
        lines: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        over = False
        self._used = time.monotonic()
        try:
            await self._ready()
            self._answers[identity] = lines
            asked = {name: value for name, value in request.items() if name != "model"}
            await self._send({"id": identity, "op": "chat", **asked})
            while not over:
                line = await lines.get()
                over = "done" in line or "error" in line
                yield line
        finally:
            self._answers.pop(identity, None)
            self._used = time.monotonic()
            if not over:
                with contextlib.suppress(ApiError):
                    await self._send({"id": identity, "op": "cancel"})

    async def unload_when_idle(self) -> None:
        """End the child when nobody asked anything for a while."""
        idle = time.monotonic() - self._used
        if self._process is not None and not self._answers and idle > self._unload_seconds:
            await self.close()

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _ready(self) -> None:
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "ftui.engine.chat_process",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    env=without_token(),
                    limit=1 << 24,
                )
            self._reader = asyncio.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for raw in process.stdout:
            line = json.loads(raw)
            waiting = self._answers.get(line["id"])
            if waiting is not None:
                waiting.put_nowait(line)
        code = await process.wait()
        error = {"error": f"The chat process ended (exit code {code})", "code": "server_error"}
        # A new child that took this one's place answers those that ask it.
        for waiting in self._answers.values() if self._process in (None, process) else ():
            waiting.put_nowait(error)

    async def _send(self, line: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise failed("The chat process is not running", "server_error")
        try:
            process.stdin.write(json.dumps(line).encode() + b"\n")
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise failed("The chat process ended", "server_error") from None


def failed(message: str, code: str) -> ApiError:
    """The error for an answer that failed, as the API says it."""
    if code in ("context_length_exceeded", "invalid_value"):
        return ApiError(400, message, code=code, param="messages")
    return ApiError(500, message, code=code, kind="server_error")
