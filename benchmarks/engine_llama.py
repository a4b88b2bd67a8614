"""Chat over HTTP through llama.cpp's server beside llama.cpp called directly, with the same GGUF.

Only where both are: `llama-server` on the PATH, and llama-cpp-python, which compiles for many minutes, beside the
engine or in the interpreter that FTUI_BENCH_LLAMA names. Both have to be built alike: a llama.cpp for any processor
is half as fast as one that was compiled for this one, whoever asks it.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine_chat import QUESTION, ask, speed
from engine_home import beside
from ftui.engine import local
from ftui.engine.layout import Home
from ftui.engine.serving import Wish
from measure import Figure

_PEER = Path(__file__).parent / "engine_peers" / "llama_direct.py"
_LOOK = "import importlib.util, sys; sys.exit(importlib.util.find_spec('llama_cpp') is None)"


def figures(*, quick: bool) -> Iterator[Figure]:
    tokens, turns = (64, 3) if quick else (128, 9)
    with tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as folder:
        home = beside(Path(folder) / "engine")
        server, python = shutil.which("llama-server"), _python(home)
        if server is None or python is None:
            missing = "llama-server" if server is None else "llama-cpp-python"
            print(f"not measured: chat through llama.cpp beside a direct call: there is no {missing}", file=sys.stderr)
            return
        address = local.ensure(home.path, idle_seconds=900, wish=Wish("llama", server))
        try:
            # The first answer writes the GGUF that both read.
            ask(address, 0, 4)
            gguf = next(home.exports.glob("*/files/*.gguf"), None)
            if gguf is None:
                raise SystemExit("llama.cpp does not answer: see the engine's log")
            yield _compare(home, address, python, gguf, tokens, turns)
        finally:
            local.stop(home.path)


def _compare(home: Home, address: local.Address, python: str, gguf: Path, tokens: int, turns: int) -> Figure:
    numbers = sorted({1, os.cpu_count() or 1})
    command = [python, str(_PEER), str(gguf), str(tokens), *map(str, numbers)]
    here: list[float] = []
    there: list[float] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as peer:
        assert peer.stdin is not None
        assert peer.stdout is not None
        if peer.stdout.readline() != "ready\n":
            raise SystemExit("llama-cpp-python did not start")
        for turn in range(turns):
            # Another question each time: neither finds it in its memory.
            peer.stdin.write(json.dumps(QUESTION.format(turn)) + "\n")
            peer.stdin.flush()
            told = json.loads(peer.stdout.readline())
            there.append(told["tokens"] / told["seconds"])
            here.append(speed([ask(address, turn, tokens)]))
        peer.stdin.close()
    value, against = statistics.median(here), statistics.median(there)
    return Figure(
        "chat through llama.cpp, one answer", value, "tokens/s", "llama-cpp-python called directly", value / against,
        "at least 0.9 times", value >= 0.9 * against,
    )  # fmt: skip


def _python(home: Home) -> str | None:
    """An interpreter that has llama-cpp-python."""
    for python in (os.environ.get("FTUI_BENCH_LLAMA"), str(home.python), sys.executable):
        if python and not subprocess.run([python, "-c", _LOOK], check=False).returncode:
            return python
    return None
