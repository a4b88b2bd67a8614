"""Run an ASGI application on a free loopback port, in a thread of its own.

    with serve(app) as base_url:
        httpx.get(f"{base_url}/robots.txt")

A real socket and real HTTP: what is tested against it behaves as it would
against a service. `Server` is the form for a process that outlives a block.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


class Server:
    """One application on one port, from `start` to `stop`.

    Attributes:
        base_url: `http://127.0.0.1:PORT`, without a slash at the end.
    """

    def __init__(self, app: Any, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        # A handler that hangs on purpose must not hold up the end of a test.
        config = uvicorn.Config(
            app, log_level="error", access_log=False, http="h11", ws="none", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=f"server-{self.port}", daemon=True)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def start(self) -> Server:
        """Start to answer; returns when the application is ready.

        Raises:
            RuntimeError: it ended before it was ready (its own error is on stderr).
        """
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the application did not start")
            time.sleep(0.002)
        return self

    def stop(self) -> None:
        """End it and wait until the port is free again."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()


@contextmanager
def serve(app: Any, port: int = 0) -> Iterator[str]:
    """Serve `app` for the length of a block; yields its base URL."""
    server = Server(app, port).start()
    try:
        yield server.base_url
    finally:
        server.stop()


def refused_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
