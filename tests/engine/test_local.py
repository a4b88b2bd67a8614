"""Finding, starting and ending the server of this machine."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

from engine.conftest import connect, wait_for
from ftui.engine import local
from ftui.engine.layout import Home, is_locked, read_json
from ftui.errors import EngineError


def test_two_starters_get_one_server(new_home: Callable[[], Path]) -> None:
    home = new_home()
    assert local.find(home) is None
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(local.ensure, [home, home])
    assert first == second
    assert stat.S_IMODE(Home(home).address.stat().st_mode) == 0o600
    assert first.token not in repr(first)
    for log in (home / "logs").iterdir():
        assert first.token not in log.read_text()
    assert local.stop(home)
    assert local.find(home) is None
    assert not local.stop(home)


def test_a_proxy_is_not_asked(new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    home = new_home()
    assert local.ensure(home).base_url.startswith("http://127.0.0.1:")
    local.stop(home)


def test_an_idle_server_ends_itself(new_home: Callable[[], Path]) -> None:
    home = new_home()
    local.ensure(home, idle_seconds=1)
    wait_for(lambda: not is_locked(home / "run" / "engine.lock"), 30)
    assert not Home(home).address.exists()


def test_a_server_whose_home_vanishes_ends(new_home: Callable[[], Path]) -> None:
    home = new_home()
    address = local.ensure(home)
    shutil.rmtree(home)
    with openai.OpenAI(base_url=address.base_url, api_key=address.token, max_retries=0) as client:

        def gone() -> bool:
            try:
                client.models.list()
            except openai.APIConnectionError:
                return True
            except openai.APIStatusError:
                return False
            return False

        assert wait_for(gone, 30)


def test_a_home_without_an_engine_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="ftui engine install"):
        local.ensure(tmp_path)


def test_a_server_in_the_foreground_takes_a_token_of_ones_own(new_home: Callable[[], Path], tmp_path: Path) -> None:
    home = new_home()
    file = tmp_path / "token"
    file.write_text("a-token-of-my-own-000\n")
    command = local.serve_command(home, host="0.0.0.0", token_file=str(file))
    with subprocess.Popen(command.arguments, env=command.environment, stderr=subprocess.PIPE) as server:
        address = wait_for(lambda: local.find(home), 30)
        assert address.base_url.startswith("http://127.0.0.1:")
        with openai.OpenAI(base_url=address.base_url, api_key="a-token-of-my-own-000", max_retries=0) as client:
            assert client.models.list().data
        server.terminate()
        assert server.stderr is not None
        said = server.stderr.read().decode()
    assert "listening on 0.0.0.0" in said
    assert "a-token-of-my-own" not in said
    assert "Traceback" not in said


def test_a_public_address_needs_a_token_of_ones_own(engine_home: Path, tmp_path: Path) -> None:
    place = Home(engine_home)
    place.link_code()
    token = tmp_path / "token"
    token.write_text("short")
    for more, said in (([], "without a token of yours"), (["--token-file", str(token)], "no usable token")):
        args = [str(place.python), "-m", "ftui.engine", "serve", "--home", str(tmp_path), "--host", "0.0.0.0", *more]
        ended = subprocess.run(args, env=place.environment(), capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 10
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_second_server_for_one_home_is_refused(client: openai.OpenAI, engine_home: Path) -> None:
    place = Home(engine_home)
    args = [str(place.python), "-m", "ftui.engine", "serve", "--home", str(engine_home)]
    ended = subprocess.run(args, env=place.environment(), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 9
    assert read_json(place.address) is not None
    assert client.models.list().data


def test_secrets_of_the_environment_do_not_reach_the_engine(
    new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-the-engine")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    home = new_home()
    with connect(home):
        address = local.find(home)
        assert address is not None
        environment = Home(home).environment()
    assert "OPENAI_API_KEY" not in environment
    # The hub may be reached by it alone.
    assert environment["https_proxy"] == "http://proxy.example:3128"
    local.stop(home)


def test_the_hub_s_token_does_not_reach_the_chat(new_home: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("what a process was given can only be seen on Linux")
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 20)
    home = new_home()
    with connect(home) as client:
        client.chat.completions.create(
            model="smollm2-135m-instruct", messages=[{"role": "user", "content": "Hi"}], max_tokens=1
        )
        address = local.find(home)
        assert address is not None
        children = Path(f"/proc/{address.pid}/task").glob("*/children")
        chats = [pid for text in children for pid in text.read_text("ascii").split()]
        assert chats
        assert "HF_TOKEN=" in Path(f"/proc/{address.pid}/environ").read_text()
        for pid in chats:
            assert "chat_process" in Path(f"/proc/{pid}/cmdline").read_text()
            assert "HF_TOKEN" not in Path(f"/proc/{pid}/environ").read_text()
    local.stop(home)
