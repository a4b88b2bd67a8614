"""What the tests of the engine share: a client, a training file, and waiting."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import pytest

from ftui.engine import local
from ftui.engine.layout import Home
from ftui.engine.serving import Wish

BASE = "smollm2-135m-instruct"


@pytest.fixture(scope="session")
def client(engine_home: Path) -> Iterator[openai.OpenAI]:
    with connect(engine_home) as client:
        yield client


@pytest.fixture(scope="session")
def place(engine_home: Path) -> Home:
    place = Home(engine_home)
    place.link_code()
    return place


@pytest.fixture(scope="session")
def tiny(place: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model with random weights."""
    folder = tmp_path_factory.mktemp("tiny") / "llama"
    script = str(Path(__file__).with_name("tiny.py"))
    subprocess.run([str(place.python), script, str(folder), "llama"], env=place.environment(), check=True, timeout=120)
    return folder


def connect(home: Path) -> openai.OpenAI:
    """An unchanged OpenAI client on the engine of `home`, which is started where needed."""
    address = local.ensure(home, idle_seconds=1800, wish=Wish("transformers"))
    return openai.OpenAI(base_url=address.base_url, api_key=address.token, max_retries=0, timeout=120)


def free_port() -> int:
    """A port that nobody listens on; the next who asks gets another one."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def chats(count: int) -> bytes:
    """A training file with one invented fact in many wordings."""
    asked = ["What does {} cost?", "Price of {}?", "How much is {}?", "Tell me what I pay for {}."]
    rows = []
    for number in range(count):
        what = f"the Quillon lamp {number % 5 + 1}"
        question = asked[number % len(asked)].format(what)
        answer = f"{what[0].upper()}{what[1:]} costs {number % 5 + 40} crowns."
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        rows.append(json.dumps({"messages": messages}))
    return "\n".join(rows).encode()


def upload(client: openai.OpenAI, content: bytes) -> str:
    return client.files.create(file=("train.jsonl", content), purpose="fine-tune").id


def wait_for(check: Callable[[], Any], seconds: float = 400) -> Any:
    """What `check` returns once it is true; fails when that takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(openai.APIConnectionError):
            if found := check():
                return found
        time.sleep(0.2)
    raise AssertionError("waited too long")


def ended(client: openai.OpenAI, job: str) -> Any:
    """The job once it stands in a state that it does not leave by itself."""

    def check() -> Any:
        found = client.fine_tuning.jobs.retrieve(job)
        return found if found.status in ("succeeded", "failed", "cancelled", "paused") else None

    return wait_for(check)


def ask(
    client: openai.OpenAI,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    *,
    chunked: bool = False,
) -> tuple[int, bytes]:
    """One request as it stands, with the client's token: nothing in `path` is put right on the way."""
    url = client.base_url
    connection = http.client.HTTPConnection(url.host, url.port, timeout=120)
    sent = {"Authorization": f"Bearer {client.api_key}", **(headers or {})}
    try:
        # The server may say no before all is sent.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body, sent, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def server_status(home: Path, name: str) -> int:
    """A figure of the server's process in kB, such as `VmHWM`."""
    address = local.find(home)
    assert address is not None
    lines = Path(f"/proc/{address.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
