"""Which program answers chats: what a person sets, what is there, and what is said of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ftui import cli, paths, settings
from ftui.engine import local, serving
from ftui.engine.serving import Found, Wish
from ftui.errors import SettingsError


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, text: str = "") -> str:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    os.chmod(file, 0o700)
    return str(file)


def test_without_any_program_it_is_transformers(on_path: Path, tmp_path: Path) -> None:
    assert serving.find(Wish(), tmp_path) == Found("transformers")
    for chat, name in (("llama", "llama-server"), ("vllm", "vllm")):
        found = serving.find(Wish(chat), tmp_path)
        assert str(found) == f"transformers: {name} was not found"


def test_llama_is_taken_where_it_is(on_path: Path, tmp_path: Path) -> None:
    llama = put(on_path, "llama-server")
    assert serving.find(Wish(), tmp_path) == Found("llama", "", [llama])
    assert serving.find(Wish("transformers"), tmp_path) == Found("transformers")
    (on_path / "llama-server").chmod(0o600)
    assert serving.find(Wish(), tmp_path) == Found("transformers")


def test_vllm_is_taken_where_there_is_a_gpu(on_path: Path, tmp_path: Path) -> None:
    llama = put(on_path, "llama-server")
    # The engine's own environment is looked at first.
    (tmp_path / "env" / "bin").mkdir(parents=True)
    vllm = put(tmp_path / "env" / "bin", "vllm")
    put(on_path, "vllm")
    assert serving.find(Wish(), tmp_path / "env") == Found("llama", "", [llama])
    put(on_path, "nvidia-smi", "echo 'GPU 0: a large one'")
    assert serving.find(Wish(), tmp_path / "env") == Found("vllm", "", [vllm])
    put(on_path, "nvidia-smi", "exit 9")
    assert serving.find(Wish(), tmp_path / "env") == Found("llama", "", [llama])
    assert serving.find(Wish("vllm"), tmp_path / "env") == Found("vllm", "", [vllm])


def test_settings_name_programs_and_their_options(on_path: Path, tmp_path: Path, home: Path) -> None:
    other = put(tmp_path, "my server")
    wish = serving.wish({"engine": {"chat": "llama", "llama_server": f"'{other}' --threads 4"}})
    assert serving.find(wish, tmp_path) == Found("llama", "", [other, "--threads", "4"])
    assert serving.wish({}, "vllm").chat == "vllm"
    assert serving.wish({"engine": {"chat": "llama"}}, "vllm").chat == "vllm"
    (paths.config_dir() / "config.toml").write_text('[engine]\nchat = "transformers"\nvllm = "v --x"\n')
    for chat, shown in ((None, "transformers"), ("llama", "llama")):
        wish = serving.wish(settings.config(), chat)
        command = local.serve_command(tmp_path / "engine", wish=wish)
        assert f"--chat {shown} --llama-server llama-server --vllm v --x" in " ".join(command.arguments)


@pytest.mark.parametrize(
    ("engine", "what"),
    [
        ({"chat": "ollama"}, "engine.chat"),
        ({"chat": ["llama"]}, "engine.chat"),
        ("llama.cpp", "engine.chat"),
        ({"vllm": ""}, "engine.vllm"),
        ({"llama_server": "'half"}, "engine.llama_server"),
        ({"llama_server": 5}, "engine.llama_server"),
    ],
)
def test_settings_that_cannot_be_used(engine: Any, what: str) -> None:
    with pytest.raises(SettingsError, match=f"{what} cannot be used"):
        serving.wish({"engine": engine})


def test_what_llama_is_not_chosen_for(tmp_path: Path) -> None:
    config: dict[str, Any] = {"model_type": "llama", "vocab_size": 49152, "rope_parameters": {"rope_type": "default"}}
    base = tmp_path / "base"
    base.mkdir()
    tuned, checkpoint = tmp_path / "ft-1", tmp_path / "job" / "epochs" / "step-5"

    def why(adapter: Path | None, **changes: Any) -> str:
        (base / "config.json").write_text(json.dumps(config | changes))
        return serving.unfit("llama", base, adapter)

    assert why(None) == why(tuned) == ""
    assert why(checkpoint) == "a checkpoint is not written as GGUF"
    no = "no GGUF can be written of such a model here"
    assert why(None, model_type="qwen2") == no
    assert why(None, vocab_size=32000) == no
    assert why(None, attention_bias=True) == why(None, mlp_bias=True) == no
    assert why(None, attention_bias=False, mlp_bias=False) == ""
    assert why(None, rope_parameters={"rope_type": "llama3"}) == no
    assert why(None, rope_parameters=None, rope_scaling={"type": "linear"}) == no
    assert why(None, rope_parameters=None, rope_scaling=None) == ""
    assert serving.unfit("vllm", tmp_path / "none", checkpoint) == ""


def test_status_says_who_would_answer(
    on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FTUI_ENGINE_HOME", str(tmp_path / "engine"))
    llama = put(on_path, "llama-server")
    assert cli.main(["engine", "status"]) == 0
    assert f"chat       llama.cpp ({llama})\n" in capsys.readouterr().out
    assert cli.main(["engine", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["chat"] == {"by": f"llama.cpp ({llama})", "instead": {}}
    with pytest.raises(SystemExit):
        cli.main(["engine", "serve", "--chat", "ollama"])
