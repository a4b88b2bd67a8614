"""The engine of another machine, by the system's ssh, against a real SSH server and a real engine behind it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftui import paths, settings
from ftui.compare.run import ask_all
from ftui.connect import over_ssh, providers
from ftui.engine import local, remote
from ftui.engine.remote import Remote
from ftui.errors import EngineError, InputError, NetworkError
from ftui.store.comparisons import Answer
from ftui.store.models import Model
from ftui.train.watch import watch
from servers.ssh import Machine

FTUI = f"{sys.executable} -m ftui"


@pytest.fixture
def there(new_home: Callable[[], Path]) -> Path:
    """The engine's folder on the other machine."""
    return new_home()


@pytest.fixture
def machine(tmp_path: Path, there: Path) -> Iterator[Machine]:
    assert shutil.which("ssh"), "the system's ssh client is needed"
    environment = {"FTUI_HOME": str(tmp_path / "there"), "FTUI_ENGINE_HOME": str(there), "HOME": str(tmp_path)}
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    machine = Machine(tmp_path / "machine", environment).start()
    yield machine
    for provider in providers.all_providers():
        if provider.kind == "remote":
            providers.remove(provider.name)
    machine.stop()


def test_from_a_laptop_to_the_engine_of_another_machine(machine: Machine, there: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ftui", "connect", "me@gpu-box", "--ssh", " ".join(machine.ssh), "--ftui", FTUI],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "added gpu-box: smollm2-135m-instruct" in done.stdout
    listed = subprocess.run([sys.executable, "-m", "ftui", "connect", "--json"], capture_output=True, text=True)
    line = next(line for line in json.loads(listed.stdout) if line["service"] == "gpu-box")
    assert line["key"] == "not needed"
    # No token in the settings, and the file that has it is its owner's.
    file = providers.tunnel_file("gpu-box")
    token = json.loads(file.read_text())["token"]
    assert token == json.loads((there / "run" / "engine.json").read_text())["token"]
    assert file.stat().st_mode & 0o777 == 0o600
    for path in paths.config_dir().rglob("*"):
        assert path.is_dir() or token not in path.read_text("utf-8", "replace")
    checked = subprocess.run([sys.executable, "-m", "ftui", "connect", "check", "gpu-box"], capture_output=True)
    assert checked.stdout.decode().startswith("ready, 1 model")


async def test_a_client_finds_the_engine_again(machine: Machine, there: Path) -> None:
    provider = over_ssh.add("me@gpu-box", "box", machine.ssh, FTUI)
    assert provider.is_engine
    async with await providers.client(provider) as client:
        assert [model.id async for model in client.models.list()] == ["smollm2-135m-instruct"]
        first = local.find(there)
        # The line breaks, and the engine is started anew meanwhile: another port, another token.
        machine.cut()
        local.stop(there)
        client.timeout = 90
        await asyncio.sleep(5.5)
        assert [model.id async for model in client.models.list()] == ["smollm2-135m-instruct"]
        second = local.find(there)
    assert first is not None
    assert second is not None
    assert first.token != second.token


async def test_a_job_there_is_watched_and_its_model_compared(machine: Machine) -> None:
    provider = over_ssh.add("me@gpu-box", "box", machine.ssh, FTUI)
    turns = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A kettle."}]
    rows = "".join(json.dumps({"messages": turns}) + "\n" for _ in range(10))
    async with await providers.client(provider) as client:
        file = await client.files.create(file=("rows.jsonl", rows.encode()), purpose="fine-tune")
        method: Any = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1, "batch_size": 10}}}
        base = "smollm2-135m-instruct"
        job = await client.fine_tuning.jobs.create(model=base, training_file=file.id, method=method)
        seen = [look async for look in watch(client, provider, job.id)]
        assert (seen[-1].state, seen[-1].error) == ("succeeded", None)
        assert len(seen) > 1, "it was looked at while it trained"
        tuned = seen[-1].fine_tuned_model
        assert tuned is not None
        model = Model(1, "box-1", None, "box", provider.base_url, tuned, base, "", 0.0)
        question = Answer(1, "held", "What is it?", "A kettle.", ("kettle",), None, None, None, None)
        answered = [each async for each in ask_all(client, provider, model, [question])]
    assert [each.side for each in answered] == ["base", "tuned"]


def test_two_at_once_open_one_tunnel(machine: Machine) -> None:
    from concurrent.futures import ThreadPoolExecutor

    provider = over_ssh.add("me@gpu-box", "box", machine.ssh, FTUI)
    assert provider.ssh is not None
    file, how = providers.tunnel_file("box"), provider.ssh
    machine.cut()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: remote.ensure(file, how), range(4)))
    assert len({(address.base_url, address.pid) for address in found}) == 1
    assert remote.close(file, how)
    assert not remote.close(file, how)


def test_what_goes_wrong_is_said(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"ftui is not installed on me@gpu-box.*pip install"):
        over_ssh.add("me@gpu-box", "box", machine.ssh, "no-such-program")
    with pytest.raises(EngineError, match="too old"):
        over_ssh.add("me@gpu-box", "box", machine.ssh, "sh -c 'exit 2'")
    with pytest.raises(EngineError, match="did not say where"):
        over_ssh.add("me@gpu-box", "box", machine.ssh, "echo welcome")
    with pytest.raises(NetworkError, match=r"cannot reach nobody@nowhere\.invalid"):
        over_ssh.add("nobody@nowhere.invalid", "box", machine.ssh)
    with pytest.raises(NetworkError, match="ssh cannot be started"):
        over_ssh.add("me@gpu-box", "box", [str(tmp_path / "no-ssh")])
    assert "providers" not in settings.config() or "box" not in settings.config()["providers"]


def test_a_name_stays_that_of_its_machine(machine: Machine) -> None:
    first = over_ssh.add("me@gpu-box", "box", machine.ssh, FTUI)
    with pytest.raises(InputError, match="it is me@gpu-box"):
        over_ssh.add("me@other-box", "box", machine.ssh, FTUI)
    providers.add("cloud", "https://cloud.example/v1")
    with pytest.raises(InputError, match="it is https://cloud"):
        over_ssh.add("me@gpu-box", "cloud", machine.ssh, FTUI)
    # Reached in another way that does not work: the way that works stays.
    machine.cut()
    with pytest.raises(EngineError, match="not installed"):
        over_ssh.add("me@gpu-box", "box", machine.ssh, "no-such-program")
    assert providers.get("box") == first


@pytest.mark.parametrize("machine", ["-oProxyCommand=touch evil@x", "", "me@box; rm x", "me@box other", "a\nb@c"])
def test_what_is_no_machine_is_refused(machine: str) -> None:
    with pytest.raises(InputError):
        Remote(machine)


def test_a_broken_section_is_named() -> None:
    settings.save_config({"providers": {"box": {"ssh": "me@box", "ssh_command": "ssh"}}})
    with pytest.raises(Exception, match=r"\[providers.box\]"):
        providers.all_providers()
