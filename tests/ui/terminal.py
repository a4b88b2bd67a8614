"""The program itself, as one starts it, on a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyte


class Terminal:
    """`ftui` in a process of its own, under a pty."""

    def __init__(self, home: Path) -> None:
        self._main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        environment = {**os.environ, "FTUI_HOME": str(home), "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ftui", "--project", "lumora"],
            stdin=other,
            stdout=other,
            stderr=other,
            env=environment,
            start_new_session=True,
        )
        os.close(other)
        self._screen = pyte.Screen(100, 24)
        self._stream = pyte.ByteStream(self._screen)

    def press(self, key: str) -> None:
        os.write(self._main, key.encode())

    def until(self, text: str, seconds: float = 30.0, *, gone: bool = False) -> None:
        """Wait until a text is on the screen, or is gone from it."""
        deadline = time.monotonic() + seconds
        while (text in "\n".join(self._screen.display)) is gone:
            assert time.monotonic() < deadline, "\n".join(self._screen.display)
            if select.select([self._main], [], [], 0.1)[0]:
                self._stream.feed(os.read(self._main, 65536))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._main)
