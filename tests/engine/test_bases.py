"""Base models from folders and from a hub: a loopback one, asked by the trainer itself."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import made
from ftui import cli, paths
from ftui.engine import bases, memory, weights
from ftui.engine.layout import Home
from ftui.engine.models import Models
from ftui.errors import InputError
from servers import hub
from servers.serve import serve


def split(folder: Path) -> None:
    """Cut the weights in `folder` in two files with an index, as those of larger models are."""
    single = folder / weights.SINGLE
    content = single.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    head, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    head.pop("__metadata__", None)
    names, placed = sorted(head), {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file, some, offset = f"model-0000{number}-of-00002.safetensors", {}, 0
        for name in part:
            begin, end = head[name]["data_offsets"]
            some[name] = head[name] | {"data_offsets": [offset, offset := offset + end - begin]}
            placed[name] = file
        pieces = [data[slice(*head[name]["data_offsets"])] for name in part]
        # Loaders want to know of what program it is.
        text = json.dumps({"__metadata__": {"format": "pt"}} | some).encode()
        (folder / file).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(pieces))
    index = {"metadata": {"total_size": len(data)}, "weight_map": placed}
    (folder / weights.INDEX).write_text(json.dumps(index))
    single.unlink()


@pytest.fixture
def twice(tiny: Path, tmp_path: Path) -> Path:
    """A model in two files, that lie beside a second copy of them in another layout, and more in folders."""
    folder = tmp_path / "twice"
    shutil.copytree(tiny, folder)
    for other in ("consolidated.safetensors", "original/consolidated.safetensors", "onnx/model.safetensors"):
        (folder / other).parent.mkdir(exist_ok=True)
        shutil.copy(tiny / weights.SINGLE, folder / other)
    for other in ("original/tokenizer.model", "onnx/config.json"):
        (folder / other).write_text("{}")
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "tool_use.jinja").write_text("tools")
    split(folder)
    return folder


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def address(tiny: Path, asked: list[str]) -> Iterator[str]:
    with serve(hub.app(tiny, asked)) as address:
        yield address


def train(place: Home, home: Path, identity: str, address: str, token: str = "", *, name: str) -> Path:
    for part in ("models", "jobs"):
        (home / part).mkdir(exist_ok=True)
    base = Models(home / "models", home / "jobs").trainable(identity).base
    job = made.job(home, base, [made.row(number) for number in range(10)], name=name, hub=identity)
    environment = place.environment() | {"HF_ENDPOINT": address, "NO_PROXY": "*", "HF_HOME": str(home / "hf")}
    command = [str(place.python), "-m", "ftui.engine.trainer", str(job), "1"]
    subprocess.run(command, env=environment | ({"HF_TOKEN": token} if token else {}), timeout=150, check=True)
    return job


def test_a_hub_model_is_fetched_once_and_trained(place: Home, tmp_path: Path, address: str, asked: list[str]) -> None:
    job = train(place, tmp_path, hub.OPEN, address, name="first")
    assert made.state(job)["state"] == "succeeded", made.state(job)
    assert f"Fetched {hub.OPEN}" in made.said(job)
    assert "model.safetensors" in asked
    # No code, and no second copy of the weights.
    assert not {"run.py", "pytorch_model.bin"} & set(asked)
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"makers--tiny-llama", "ft-first"}
    asked.clear()
    again = train(place, tmp_path, hub.OPEN, address, name="second")
    assert made.state(again)["state"] == "succeeded"
    assert not asked


def test_only_the_weights_that_are_loaded_are_fetched_and_counted(
    place: Home, tiny: Path, twice: Path, tmp_path: Path, asked: list[str]
) -> None:
    with serve(hub.app(twice, asked)) as address:
        job = train(place, tmp_path, hub.OPEN, address, name="first")
    assert made.state(job)["state"] == "succeeded", made.state(job)
    fetched = tmp_path / "models" / "makers--tiny-llama"
    there = {str(path.relative_to(fetched)) for path in fetched.rglob("*") if path.is_file()}
    parts = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
    assert {name for name in there if name.endswith(".safetensors")} == parts
    assert {name for name in there if "/" in name} == {"additional_chat_templates/tool_use.jinja"}
    assert set(asked) == there
    assert memory.shape(twice) == memory.shape(fetched) == memory.shape(tiny)


def test_an_index_that_names_what_is_not_there_is_said(
    place: Home, twice: Path, tmp_path: Path, asked: list[str]
) -> None:
    index = json.loads((twice / weights.INDEX).read_text())
    index["weight_map"]["lm_head.weight"] = "../../etc/passwd"
    (twice / weights.INDEX).write_text(json.dumps(index))
    with serve(hub.app(twice, asked)) as address:
        job = train(place, tmp_path, hub.OPEN, address, name="first")
    error = made.state(job)["error"]
    assert (error["code"], "etc/passwd" in error["message"]) == ("unsupported_model", True)
    assert not [name for name in asked if name.endswith(".safetensors")]


def test_a_gated_model_says_what_it_wants_and_comes_with_a_token(place: Home, tmp_path: Path, address: str) -> None:
    job = train(place, tmp_path, hub.GATED, address, name="no")
    error = made.state(job)["error"]
    assert error["code"] == "model_gated"
    assert "HF_TOKEN" in error["message"]
    job = train(place, tmp_path, hub.GATED, address, hub.TOKEN, name="yes")
    assert made.state(job)["state"] == "succeeded", made.state(job)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and hub.TOKEN.encode() in path.read_bytes()]
    assert not written


def test_a_model_the_hub_does_not_have_is_named(place: Home, tmp_path: Path, address: str) -> None:
    job = train(place, tmp_path, "makers/none", address, name="none")
    assert made.state(job)["error"]["code"] == "model_not_found"
    assert not list((tmp_path / "models").glob("makers*"))


def test_a_folder_becomes_a_base_model(tiny: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "engine")
    home.models.mkdir(parents=True)
    assert bases.register(home, tiny) == "llama"
    assert bases.register(home, tiny) == "llama"
    assert json.loads((home.models / "llama" / "config.json").read_text())["model_type"] == "llama"


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors", "chat_template.jinja"])
def test_a_folder_that_lacks_something_is_refused(tiny: Path, tmp_path: Path, missing: str) -> None:
    home = Home(tmp_path / "engine")
    home.models.mkdir(parents=True)
    folder = tmp_path / "mine"
    folder.mkdir()
    for path in tiny.iterdir():
        if path.name != missing:
            (folder / path.name).symlink_to(path)
    with pytest.raises(InputError):
        bases.register(home, folder)
    assert not list(home.models.iterdir())


def test_a_folder_with_weights_that_are_not_loaded_is_refused(twice: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "engine")
    home.models.mkdir(parents=True)
    assert bases.register(home, twice) == "twice"
    (home.models / "twice").unlink()
    (twice / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match="has no model-00002-of-00002"):
        bases.register(home, twice)
    (twice / weights.INDEX).unlink()
    # A copy in another layout is none that could be loaded.
    with pytest.raises(InputError, match="has no weights"):
        bases.register(home, twice)
    assert not list(home.models.iterdir())


def test_a_folder_is_added_on_the_command_line(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["engine", "add", str(tiny)]) == 0
    assert capsys.readouterr().out == "added llama: ftui train --provider engine --model llama\n"
    assert (paths.engine_home() / "models" / "llama" / "config.json").is_file()
    assert cli.main(["engine", "add", str(tiny.parent)]) == 7
