"""A machine that is reached by ssh: a real SSH server on loopback that runs commands and forwards ports.

The machine's home is a folder of its own, so what its `ftui` does is kept apart
from the one that connects to it. The client is the system's `ssh`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncssh


class _Visitor(asyncssh.SSHServer):
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._machine.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return dest_host == "127.0.0.1"


class Machine:
    """`start()` it, connect with `ssh`, `stop()` it.

    Attributes:
        ssh: the command that connects; the machine is called `gpu-box`.
        commands: what it was asked to run.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir()
        self._environment = dict(environment)
        self.commands: list[str] = []
        self.connections: list[asyncssh.SSHServerConnection] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._host, person = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        self._allowed = folder / "authorized_keys"
        self._allowed.write_bytes(person.export_public_key())
        key = folder / "key"
        key.write_bytes(person.export_private_key())
        key.chmod(0o600)
        self._folder, self._key = folder, key
        self._server: Any = None
        self.port = 0

    @property
    def ssh(self) -> list[str]:
        return ["ssh", "-F", str(self._folder / "config")]

    def start(self) -> Machine:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        (self._folder / "known_hosts").write_bytes(b"gpu-box " + self._host.export_public_key())
        (self._folder / "config").write_text(
            f"Host gpu-box\n HostName 127.0.0.1\n Port {self.port}\n HostKeyAlias gpu-box\n IdentityFile {self._key}\n"
            f" IdentitiesOnly yes\n UserKnownHostsFile {self._folder / 'known_hosts'}\n"
        )
        return self

    def stop(self) -> None:
        async def end() -> None:
            self._server.close()
            await self.hang_up()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Cut every connection that is open, as a lost network does."""
        asyncio.run_coroutine_threadsafe(self.hang_up(), self._loop).result(10)

    async def hang_up(self) -> None:
        for connection in self.connections:
            connection.abort()
        self.connections.clear()
        await asyncio.sleep(0)

    async def _listen(self) -> None:
        self._server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Visitor(self),
            server_host_keys=[self._host],
            authorized_client_keys=str(self._allowed),
            process_factory=self._run,
            encoding=None,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _run(self, visit: asyncssh.SSHServerProcess[bytes]) -> None:
        command = visit.command or ""
        self.commands.append(command)
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            command,
            env={"PATH": os.environ["PATH"], **self._environment},
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, said = await process.communicate()
        visit.stdout.write(output)
        visit.stderr.write(said)
        visit.exit(process.returncode or 0)
