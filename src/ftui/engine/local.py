"""Find the engine of this machine, or start it.

Runs in ftui's own interpreter, with the standard library only. The functions
block (at most `START_SECONDS`): call them in a thread from asynchronous code.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from ftui.engine import serving
from ftui.engine.address import Address, instance
from ftui.engine.install import installed
from ftui.engine.layout import Home, Lock, is_locked, read_json
from ftui.errors import BusyError, EngineError

START_SECONDS = 60.0
IDLE_SECONDS = 900
# Kept so that a server that ends while its starter lives on leaves no zombie behind.
_started: list[subprocess.Popen[bytes]] = []


class Command(NamedTuple):
    """How to run a program: its arguments, the program first, and its whole environment."""

    arguments: list[str]
    environment: dict[str, str]


def serve_command(
    home: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token_file: str | None = None,
    idle_seconds: float = 0,
    wish: serving.Wish = serving.NO_WISH,
    processes: int | None = None,
    shard: str = "auto",
) -> Command:
    """The server for `home` as a command, to be run in the foreground or detached.

    Args:
        host: address to listen on; one that others can reach needs a `token_file`.
        port: 0 for any free one.
        token_file: file with the bearer token; without it the server makes a new one.
        idle_seconds: end after so long without work; 0 for never.
        wish: which program answers chats.
        processes: that train one job together; None for one for each GPU.
        shard: whether the model is sharded over them, one of `fitting.SHARDS`.
    """
    place = Home(home)
    place.link_code()
    arguments = [str(place.python), "-m", "ftui.engine", "serve", "--home", str(place.path)]
    arguments += ["--host", host, "--port", str(port), "--idle-exit", str(idle_seconds)]
    if processes is not None:
        arguments += ["--processes", str(processes)]
    if shard != "auto":
        arguments += ["--shard", shard]
    if token_file is not None:
        arguments += ["--token-file", str(Path(token_file).resolve())]
    arguments += serving.arguments(wish)
    return Command(arguments, place.environment())


def find(home: Path) -> Address | None:
    """The engine that serves `home` now, or None. Starts nothing."""
    data = read_json(Home(home).address)
    if data is None:
        return None
    try:
        host, port, pid = str(data["host"]), int(data["port"]), int(data["pid"])
        token, name = str(data["token"]), str(data["instance"])
    except (KeyError, TypeError, ValueError):
        return None
    # A server that listens everywhere is called on this machine's own address.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    # Another program may have the port by now: only our own server knows this word.
    if instance(host, port) != name:
        return None
    shown = f"[{host}]" if ":" in host else host
    return Address(f"http://{shown}:{port}/v1", token, pid)


def ensure(home: Path, *, idle_seconds: int = IDLE_SECONDS, wish: serving.Wish = serving.NO_WISH) -> Address:
    """The engine that serves `home`, started when there is none.

    The server is a process of its own session: it outlives its starter, and
    ends itself when it was idle for `idle_seconds` or when `home` vanishes. Two
    callers at the same time get the same server.

    Raises:
        EngineError: the engine is not installed, or does not start.
        BusyError: another process is starting it and does not get done.
    """
    address = find(home)
    if address is not None:
        return address
    if not installed(home):
        raise EngineError(
            "The engine is not installed",
            "training and chat on this machine need it",
            "Install it with `ftui engine install`",
        )
    place = Home(home)
    place.make()
    lock = Lock(place.run / "start.lock")
    try:
        if not lock.acquire(START_SECONDS):
            raise BusyError("The engine is being started by another ftui", "", "Wait a little, then try again")
        return find(home) or _start(place, idle_seconds, wish)
    finally:
        lock.close()


def stop(home: Path, *, seconds: float = 15.0) -> bool:
    """End the engine that serves `home`; True when there was one.

    A job that is training goes on without the server.

    Raises:
        EngineError: it does not end within `seconds`.
    """
    address = find(home)
    if address is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(address.pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    while is_locked(Home(home).run / "engine.lock"):
        if time.monotonic() > end:
            raise EngineError("The engine does not end", f"process {address.pid} still runs", "End it by hand")
        time.sleep(0.05)
    _started[:] = [server for server in _started if server.poll() is None]
    return True


def _start(place: Home, idle_seconds: int, wish: serving.Wish) -> Address:
    command = serve_command(place.path, idle_seconds=idle_seconds, wish=wish)
    log = place.logs / "engine.log"
    with log.open("ab") as output:
        size = output.tell()
        server = subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=place.path,
            env=command.environment,
            start_new_session=True,
        )
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        address = find(place.path)
        if address is not None:
            _started[:] = [other for other in _started if other.poll() is None] + [server]
            return address
        if server.poll() is not None:
            break
        time.sleep(0.05)
    code = server.poll()
    if code is None:
        server.kill()
        server.wait()
        why = f"it did not answer within {START_SECONDS:.0f} seconds"
    else:
        with log.open("rb") as output:
            output.seek(size)
            lines = output.read().decode("utf-8", "replace").strip().splitlines()
        why = lines[-1] if lines else f"it ended with exit code {code}"
    raise EngineError("The engine does not start", why, "The file engine.log in its folder has the details")
