"""Reach the engine of another machine through the system's own `ssh`.

`ssh HOST ftui engine start` starts the engine there and says where it answers; a
second `ssh` in the background forwards a port of this machine to it. Neither port
nor token is known to anybody else, and nothing on the other machine is opened to
its network. Runs in ftui's own interpreter, with the standard library only; the
functions block: call them in a thread from asynchronous code.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ftui.engine.address import Address, instance
from ftui.engine.layout import Lock, read_json, write_json
from ftui.errors import BusyError, EngineError, InputError, NetworkError

START_SECONDS = 90.0
"""A cold machine may need a minute to load what the engine's server needs."""
TUNNEL_SECONDS = 20.0
_DESTINATION = re.compile(r"(ssh://)?[A-Za-z0-9_][A-Za-z0-9_.@:%\[\]-]*")
_OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=15")
_INSTALL = "pip install --user ftui && ftui engine install --yes"


@dataclass(frozen=True, slots=True)
class Remote:
    """A machine with an engine.

    Attributes:
        destination: as `ssh` takes it: `user@host`, a name of `~/.ssh/config`, `ssh://user@host:port`.
        ssh: the command that connects, with its own options.
        ftui: the command that is ftui over there.
    """

    destination: str
    ssh: tuple[str, ...] = ("ssh",)
    ftui: str = "ftui"

    def __post_init__(self) -> None:
        # What begins with a dash would be an option of ssh, and options can run programs.
        if not _DESTINATION.fullmatch(self.destination):
            raise InputError(
                f"{self.destination[:80]!r} is not a machine", "ssh needs user@host", "For example me@gpu-box"
            )

    def arguments(self, *options: str) -> list[str]:
        return [*self.ssh, *options, "--", self.destination]


def find(file: Path) -> Address | None:
    """The engine at the other end of the tunnel that `file` tells of, or None. Starts nothing."""
    data = read_json(file)
    try:
        port, pid, token, name = int(data["port"]), int(data["pid"]), str(data["token"]), str(data["instance"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return None
    # Another program may have the port by now: only the engine that was started knows this word.
    if instance("127.0.0.1", port) != name:
        return None
    return Address(f"http://127.0.0.1:{port}/v1", token, pid)


def ensure(file: Path, remote: Remote, *, interactive: bool = False) -> Address:
    """The engine over there, with a tunnel to it; both are started where they are missing.

    Args:
        file: what is known of the tunnel, readable by its owner only.
        interactive: ssh may ask the person at the terminal, for a host's key or a passphrase.

    Raises:
        EngineError: there is no engine over there, or it does not start.
        NetworkError: ssh cannot get there.
    """
    address = find(file)
    if address is not None:
        return address
    lock = Lock(file.with_suffix(".lock"))
    try:
        if not lock.acquire(START_SECONDS + TUNNEL_SECONDS):
            raise BusyError("Another ftui is connecting to it", remote.destination, "Wait a little, then try again")
        return find(file) or _connect(file, remote, interactive)
    finally:
        lock.close()


def close(file: Path, remote: Remote) -> bool:
    """End the tunnel; True when there was one. What trains over there goes on."""
    before = read_json(file) or {}
    file.unlink(missing_ok=True)
    return _end(before.get("pid"), remote)


def _connect(file: Path, remote: Remote, interactive: bool) -> Address:
    before = read_json(file) or {}
    # A tunnel whose engine is gone still holds the port.
    _end(before.get("pid"), remote, seconds=3.0)
    started = _start(remote, interactive)
    port = _free_port(before.get("port"))
    forward = f"127.0.0.1:{port}:127.0.0.1:{started['port']}"
    arguments = remote.arguments(
        *_OPTIONS, "-N", "-T", "-o", "ExitOnForwardFailure=yes",
        "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4", "-L", forward,
    )  # fmt: skip
    with file.with_suffix(".log").open("w+b") as log:
        tunnel = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, close_fds=True
        )
        end = time.monotonic() + TUNNEL_SECONDS
        while time.monotonic() < end and tunnel.poll() is None:
            if instance("127.0.0.1", port) == started["instance"]:
                write_json(file, {**started, "port": port, "pid": tunnel.pid, "destination": remote.destination})
                _kept.append(tunnel)
                return Address(f"http://127.0.0.1:{port}/v1", str(started["token"]), tunnel.pid)
            time.sleep(0.1)
        if tunnel.poll() is None:
            tunnel.kill()
        tunnel.wait()
        log.seek(0)
        said = log.read().decode("utf-8", "replace")
    raise NetworkError(
        f"The tunnel to {remote.destination} does not open",
        _last(said) or "the engine does not answer through it",
        f"Try it by hand: {shlex.join(remote.arguments('-N', '-L', forward))}",
    )


# Kept so that a tunnel that ends while its starter lives on leaves no zombie behind.
_kept: list[subprocess.Popen[bytes]] = []


def _start(remote: Remote, interactive: bool) -> dict[str, object]:
    """Start the engine over there; where it answers, and with which token."""
    # Where pip puts programs of one user is not on the path of a command without a login.
    command = f'PATH="$HOME/.local/bin:$PATH"; export PATH; {remote.ftui} engine start --json'
    options = () if interactive else _OPTIONS
    try:
        done = subprocess.run(
            [*remote.arguments(*options, "-T"), command],
            stdin=None if interactive else subprocess.DEVNULL,
            capture_output=True,
            timeout=START_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NetworkError(
            f"{remote.destination} does not answer", f"for {START_SECONDS:.0f} seconds", "Try ssh by hand"
        ) from None
    except OSError as error:
        why = f"{remote.ssh[0]}: {error.strerror}"
        raise NetworkError("ssh cannot be started", why, "Install OpenSSH's client") from error
    output, said = done.stdout.decode("utf-8", "replace"), _last(done.stderr.decode("utf-8", "replace"))
    by_hand = shlex.join(remote.arguments())
    if done.returncode == 255:
        do = f"Try by hand: {by_hand} (a key without a question is needed: ssh-copy-id)"
        raise NetworkError(f"ssh cannot reach {remote.destination}", said, do)
    if done.returncode in (126, 127):
        raise EngineError(f"ftui is not installed on {remote.destination}", said, f"Run there: {_INSTALL}")
    if done.returncode == 2:
        raise EngineError(f"ftui on {remote.destination} is too old", said, "Run there: pip install --upgrade ftui")
    if done.returncode:
        raise EngineError(f"The engine on {remote.destination} does not start", said, f"Look there: {by_hand}")
    # A shell's start-up files may print lines of their own before it.
    for line in reversed(output.splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            data = json.loads(line)
            return {"port": int(data["port"]), "token": str(data["token"]), "instance": str(data["instance"])}
    raise EngineError(f"ftui on {remote.destination} did not say where its engine answers", said, "Update ftui there")


def _free_port(wanted: object) -> int:
    """A port of this machine; the one of the last tunnel where it is free."""
    for port in (wanted if isinstance(wanted, int) else 0, 0):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return int(listener.getsockname()[1])
    raise NetworkError("This machine has no free port", "none could be bound", "End some programs")


def _end(pid: object, remote: Remote, seconds: float = 0.0) -> bool:
    """End a tunnel, and wait for its end at most so long; False where `pid` is none of ours.

    The number may be another process's by now: its command line must name the machine and the forwarding.
    """
    if not isinstance(pid, int) or not _is_tunnel(pid, remote):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + seconds
    while time.monotonic() < end and _is_tunnel(pid, remote):
        time.sleep(0.05)
    return True


def _is_tunnel(pid: int, remote: Remote) -> bool:
    _kept[:] = [tunnel for tunnel in _kept if tunnel.poll() is None]
    try:
        listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return remote.destination in listed.stdout and " -L 127.0.0.1:" in listed.stdout


def _last(text: str) -> str:
    lines: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
