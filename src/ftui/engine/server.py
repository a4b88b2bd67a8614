"""The engine's HTTP server: `python -m ftui.engine serve`.

Every call but `/health` needs the bearer token. The server writes its address
to `run/engine.json` once it listens, and ends itself when it was idle long
enough or when its folder vanishes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import logging
import os
import secrets
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ftui import __version__
from ftui.engine import backends, chat, exports, files, job_routes, models, openapi, serving, uploads
from ftui.engine.chat_child import UNLOAD_SECONDS
from ftui.engine.endpoints import Endpoint, routes
from ftui.engine.jobs import Jobs
from ftui.engine.layout import Home, Lock, read_json, write_json
from ftui.engine.scheduler import Scheduler
from ftui.engine.wire import ApiError
from ftui.errors import BusyError, EngineError

SWEEP_SECONDS = 60.0
_log = logging.getLogger("ftui.engine")


class Gate:
    """Lets nobody in without the token, and knows how long nobody has asked anything."""

    def __init__(self, app: ASGIApp, token: str, clock: Clock, open_paths: frozenset[str]) -> None:
        self._app = app
        self._open = open_paths
        self._wanted = f"Bearer {token}".encode()
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("authorization", "").encode()
        if not hmac.compare_digest(given, self._wanted):
            error = ApiError(401, "Incorrect API key provided.", code="invalid_api_key")
            await error.response()(scope, receive, send)
            return
        with self._clock.active():
            await self._app(scope, receive, send)


class Clock:
    """Counts the requests that are being answered."""

    def __init__(self) -> None:
        self._active = 0
        self._last = time.monotonic()

    @contextlib.contextmanager
    def active(self) -> Any:
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1
            self._last = time.monotonic()

    def idle(self) -> float:
        """Seconds since the last request ended; 0 while one is being answered."""
        return 0.0 if self._active else time.monotonic() - self._last


class Engine:
    """All parts of one server, and how long it lives."""

    def __init__(
        self, home: Home, token: str, idle_seconds: float, unload_seconds: float, wish: serving.Wish,
        launch: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.home = home
        self.instance = secrets.token_hex(8)
        self._idle_seconds = idle_seconds
        self._clock = Clock()
        self._files = files.Files(home.files)
        self._models = models.Models(home.models, home.jobs)
        self._exports = exports.Exports(home.exports, self._files, home.logs / "export.log")
        self._jobs = Jobs(home.jobs, launch)
        self._scheduler = Scheduler(self._jobs, self._files)
        self._chat = backends.Chat(home, self._models, self._exports, wish, unload_seconds)
        self._uploads = uploads.Uploads(home.uploads, self._files)
        self.stop = asyncio.Event()
        self.endpoints = [
            Endpoint("GET", "/health", self._health, "Whether the server is there.", "Health", open=True),
            Endpoint("GET", "/openapi.json", self._openapi, "This document.", "OpenApi"),
            *files.endpoints(self._files),
            *uploads.endpoints(self._uploads),
            *job_routes.endpoints(self._jobs, self._files, self._models, self._scheduler),
            *exports.endpoints(self._exports, self._models),
            *models.endpoints(self._models),
            *chat.endpoints(self._models, self._chat),
        ]
        open_paths = frozenset(endpoint.path for endpoint in self.endpoints if endpoint.open)
        self.app = Starlette(
            routes=routes(self.endpoints),
            middleware=[Middleware(Gate, token=token, clock=self._clock, open_paths=open_paths)],
            exception_handlers={
                ApiError: _refuse,
                HTTPException: _no_route,
                OSError: _system_refused,
                Exception: _unforeseen,
            },
            lifespan=self._live,
        )

        # A client follows no redirect with its body; a wrong path is a wrong path.
        self.app.router.redirect_slashes = False

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": __version__, "instance": self.instance})

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(openapi.document(self.endpoints))

    @contextlib.asynccontextmanager
    async def _live(self, app: Starlette) -> AsyncIterator[None]:
        work = (self._scheduler.run(), self._watch(), self._sweep())
        tasks = [asyncio.create_task(part) for part in work]
        self._chat.begin()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._chat.close()

    async def _watch(self) -> None:
        while not self.stop.is_set():
            await asyncio.sleep(0.5)
            address = read_json(self.home.address)
            replaced = address is not None and address.get("instance") != self.instance
            idle = 0 < self._idle_seconds < self._clock.idle() and not self._scheduler.busy
            if replaced or idle or not self.home.run.is_dir():
                self.stop.set()
            await self._chat.unload_when_idle()

    async def _sweep(self) -> None:
        """Remove what has expired."""
        while True:
            try:
                await asyncio.to_thread(self._files.sweep)
                await asyncio.to_thread(self._uploads.sweep)
            except OSError as error:
                _log.error("sweep: %s", error.strerror)
            await asyncio.sleep(SWEEP_SECONDS)


async def serve(
    home: Home,
    host: str,
    port: int,
    token_file: Path | None,
    idle_seconds: float,
    unload_seconds: float = UNLOAD_SECONDS,
    wish: serving.Wish | None = None,
    launch: dict[str, Any] | None = None,
) -> None:
    """Serve `home` until a signal, idleness or the end of the folder.

    Args:
        idle_seconds: end after so long without work; 0 for never.
        unload_seconds: free the chat's model after so long without a question.
        wish: which program answers chats.
        launch: how trainers are started, see `launch.py`; by itself as many processes as there are GPUs.

    Raises:
        EngineError: a public host without a token of the person's own, or an unusable token file.
        BusyError: another server serves `home`.
        OSError: the address cannot be used.
    """
    if token_file is None and not _is_loopback(host):
        raise EngineError(
            f"The engine does not listen on {host} without a token of yours",
            "others could reach it there",
            "Put a long random word into a file and name it with --token-file",
        )
    home.make()
    # An upload is gathered on the disk where it will lie; the system's temporary folder may be in memory.
    tempfile.tempdir = str(home.run)
    token = _read_token(token_file) if token_file else secrets.token_urlsafe(32)
    lock = Lock(home.run / "engine.lock")
    if not lock.acquire(2.0):
        raise BusyError("Another engine serves this folder", str(home.path), "Use that one, or stop it first")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        engine = Engine(home, token, idle_seconds, unload_seconds, wish or serving.Wish(), launch)
        config = uvicorn.Config(
            engine.app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=3
        )
        server = uvicorn.Server(config)
        # Who reads the address from now on waits in the listener's queue until the server accepts.
        port = listener.getsockname()[1]
        address = {"host": host, "port": port, "token": token, "pid": os.getpid(), "instance": engine.instance}
        write_json(home.address, address)
        _log.warning("listening on %s port %s; the token is in %s", host, port, token_file or home.address)
        running = asyncio.create_task(server.serve([listener]))
        stopping = asyncio.create_task(engine.stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.should_exit = True
        await running
        if (read_json(home.address) or {}).get("instance") == engine.instance:
            home.address.unlink(missing_ok=True)
    _log.warning("ended")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_token(path: Path) -> str:
    do = "Write one line with at least 16 characters into it"
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError("The token file cannot be read", str(error), do) from error
    if len(token) < 16 or not token.isascii() or not token.isprintable():
        raise EngineError("The token file has no usable token", "it is shorter than 16 characters or not plain", do)
    return token


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"Invalid URL ({request.method} {request.url.path[:200]})"
    if error.status_code not in (404, 405):
        message = str(error.detail)
    return ApiError(error.status_code, message).response()


async def _system_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    # The error's own text has a path of this machine in it.
    _log.error("%s %s: %s", request.method, request.url.path, error)
    full = error.errno == 28
    message = "The engine's disk is full" if full else "The engine's system refused"
    return ApiError(507 if full else 500, message, code="disk_full" if full else None, kind="server_error").response()


async def _unforeseen(request: Request, error: Exception) -> Response:
    message = "The engine had an error; its log has the details"
    return ApiError(500, message, kind="server_error").response()
