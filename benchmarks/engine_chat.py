"""Chat over HTTP beside bare `generate` of transformers, one answer and eight at once.

Both answer the same question greedily in the same type of numbers, in turns, so
that a busy moment hits both. `generate` gets one thread or all that there are,
whatever is quicker at that moment.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine_home import beside
from ftui.engine import local
from ftui.engine.layout import BASE_MODEL, Home
from measure import Figure

_PEER = Path(__file__).parent / "engine_peers" / "generate.py"
_TOGETHER = 8
QUESTION = "Tell me a long story about the number {} and a lighthouse."


@dataclass(frozen=True, slots=True)
class Stream:
    """One streamed answer: when it began and ended, when its first text came (seconds), and its tokens."""

    begin: float
    first: float
    end: float
    tokens: int


def figures(*, quick: bool) -> Iterator[Figure]:
    tokens, turns = (32, 2) if quick else (64, 7)
    with tempfile.TemporaryDirectory(prefix="ftui-bench-", ignore_cleanup_errors=True) as folder:
        home = beside(Path(folder) / "engine")
        address = local.ensure(home.path, idle_seconds=900)
        try:
            memory = _memory(address.pid)
            yield Figure("idle server", memory, "MB", "", None, "under 100 MB", memory < 100)
            yield from _compare(home, address, tokens, turns)
        finally:
            local.stop(home.path)


def _memory(pid: int) -> float:
    """MB of physical memory that a process takes, shared libraries counted in full."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS")) / 1024
    ran = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(ran.stdout) / 1024


def _compare(home: Home, address: local.Address, tokens: int, turns: int) -> Iterator[Figure]:
    numbers = sorted({1, os.cpu_count() or 1})
    command = [str(home.python), str(_PEER), str(home.models / BASE_MODEL), str(tokens), *map(str, numbers)]
    alone: list[Stream] = []
    together: list[list[Stream]] = []
    bare: list[dict[str, float]] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=home.environment(), text=True,
    ) as peer, ThreadPoolExecutor(_TOGETHER) as pool:  # fmt: skip
        assert peer.stdin is not None
        assert peer.stdout is not None
        # Both load their model meanwhile.
        ask(address, 0, 4)
        if peer.stdout.readline() != "ready\n":
            raise SystemExit("transformers' generate did not start in the engine's environment")
        for turn in range(turns):
            peer.stdin.write(json.dumps(QUESTION.format(0)) + "\n")
            peer.stdin.flush()
            bare.append(json.loads(peer.stdout.readline()))
            alone.append(ask(address, 0, tokens))
            if turn % 2 == 0:
                together.append(list(pool.map(lambda n: ask(address, n, tokens), range(_TOGETHER))))
        peer.stdin.close()
    against = statistics.median(one["speed"] for one in bare)
    speed = statistics.median(speed([one]) for one in alone)
    yield Figure(
        "chat, one answer", speed, "tokens/s", "bare generate of transformers", speed / against,
        "at least 0.9 times", speed >= 0.9 * against,
    )  # fmt: skip
    first = statistics.median(one.first - one.begin for one in alone)
    later = 1000 * (first - statistics.median(one["first"] for one in bare))
    yield Figure("chat, first token after that of bare generate", later, "ms", "", None, "at most 100 ms", later <= 100)
    last = statistics.median(max(one.first for one in many) - min(one.begin for one in many) for many in together)
    yield Figure("chat, first token of the eighth of eight", last, "s", "", None, "at most 3 s", last <= 3)
    total = statistics.median(map(speed, together))
    yield Figure(
        "chat, eight answers", total, "tokens/s", "one answer", total / speed,
        "at least 0.7 times", total >= 0.7 * speed,
    )  # fmt: skip


def speed(streams: list[Stream]) -> float:
    seconds = max(one.end for one in streams) - min(one.begin for one in streams)
    return sum(one.tokens for one in streams) / seconds


def ask(address: local.Address, number: int, tokens: int) -> Stream:
    """One streamed answer over a connection of its own."""
    url = urlsplit(address.base_url)
    body: dict[str, Any] = {
        "model": BASE_MODEL.lower(),
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": QUESTION.format(number)},
        ],
        "temperature": 0,
        "max_tokens": tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    begin, first, count = time.perf_counter(), 0.0, 0
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=120)
    headers = {"Authorization": f"Bearer {address.token}", "Content-Type": "application/json"}
    connection.request("POST", f"{url.path}/chat/completions", json.dumps(body), headers)
    response = connection.getresponse()
    if response.status != 200:
        raise SystemExit(response.read().decode())
    for line in response:
        if not line.startswith(b"data: {"):
            continue
        chunk = json.loads(line[6:])
        if not first and chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
            first = time.perf_counter()
        if chunk["usage"]:
            count = chunk["usage"]["completion_tokens"]
    connection.close()
    return Stream(begin, first, time.perf_counter(), count)
