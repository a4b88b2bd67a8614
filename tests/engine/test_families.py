"""Exports of other families: written, read back and asked by `inside_families.py`; templates by llama.cpp itself."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from engine.conftest import free_port, wait_for
from engine.served import llama_server
from ftui.engine.layout import BASE_MODEL, Home

CHAT = {"role": "user", "content": "What does lamp 3 cost?"}
FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "falcon", "falcon-alibi"]
OTHERS = ["llama-chatml", "llama-adds", "llama-thinks"]
GGUF = ("gguf-f16", "gguf-q8_0")


@pytest.fixture(scope="module")
def found(place: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    script = str(Path(__file__).with_name("inside_families.py"))
    arguments = [str(tmp_path_factory.mktemp("families")), str(place.models / BASE_MODEL)]
    # No converter of llama.cpp's, whatever is installed.
    environment = place.environment() | {"PATH": str(place.env / "bin")}
    ran = subprocess.run(
        [str(place.python), script, *arguments],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    data: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return data


@pytest.mark.parametrize("family", [*FAMILIES, *OTHERS])
def test_a_merged_model_is_the_tuned_one(found: dict[str, Any], family: str) -> None:
    got = found[family]
    assert got["merged"]["tokens"] == got["tokens"]
    assert got["merged"]["first"] == got["first"]
    # What was rounded is far less than what its adapter changed.
    assert got["merged"]["apart"] < 0.2 * got["moved"]
    # Elsewhere a chat looks as in training, but for a system message that was put in its place, or left out.
    for chat, text in zip(got["merged"]["shown"], got["texts"], strict=True):
        assert chat == text or (text == got["texts"][1] and family.startswith(("gemma", "mistral")))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_without_gguf_is_refused_with_a_way_out(found: dict[str, Any], family: str) -> None:
    assert not found[family]["gguf"]
    for form in GGUF:
        refused = found[family][form]
        assert refused["code"] == "format_not_available"
        assert "writes no GGUF of" in refused["refused"]
        assert "export `merged` and convert that" in refused["refused"]


@pytest.mark.parametrize("family", OTHERS)
def test_a_modelfile_stands_for_the_model_s_template(found: dict[str, Any], family: str) -> None:
    got = found[family]
    recipe = got["gguf-f16"]["Modelfile"]
    assert [ollama(recipe, chat) for chat in CHATS] == got["texts"]
    assert re.findall(r'^PARAMETER stop "(.*)"$', recipe, re.M) == ["<|im_end|>"]
    assert ("SYSTEM" in recipe) == (family == "llama-adds")


CHATS = [
    [CHAT],
    [{"role": "system", "content": "Be brief."}, CHAT],
    [CHAT, {"role": "assistant", "content": "It costs 43 crowns."}, {"role": "user", "content": "And lamp 4?"}],
]


def ollama(recipe: str, chat: list[dict[str, str]]) -> str:
    """The text that Ollama makes of a chat: a template of Go with one loop over the messages."""
    (template,) = re.findall(r'^TEMPLATE """(.*?)"""$', recipe, re.S | re.M)
    system = re.findall(r'^SYSTEM """(.*?)"""$', recipe, re.S | re.M)
    if system and chat[0]["role"] != "system":
        chat = [{"role": "system", "content": system[0]}, *chat]
    matched = re.fullmatch(r"\{\{- range \.Messages \}\}(.*?)\{\{ end \}\}(.*)", template, re.S)
    assert matched
    body, after = matched.groups()
    rounds = [body.replace("{{ .Role }}", one["role"]).replace("{{ .Content }}", one["content"]) for one in chat]
    assert "{{" not in "".join(rounds) + after
    return "".join(rounds) + after


def test_an_exported_model_is_asked_for_no_thoughts(found: dict[str, Any]) -> None:
    for family in ("qwen3", "llama-thinks"):
        got = found[family]
        assert all("<think>" not in text for text in got["own"]), "the base asks for them"
        assert all(text.endswith("</think>\n\n") for text in got["texts"])
        assert "enable_thinking" not in got["merged"]["vllm.sh"]
        # There the base's own template is used.
        assert """--default-chat-template-kwargs '{"enable_thinking": false}' "$@\"""" in got["adapter"]["vllm.sh"]
    assert found["qwen3"]["merged"]["shown"] == found["qwen3"]["texts"]
    assert "enable_thinking" not in found["qwen2"]["adapter"]["vllm.sh"]


@pytest.mark.parametrize(("family", "form"), [(family, GGUF[0]) for family in OTHERS] + [(OTHERS[0], GGUF[1])])
def test_llama_cpp_reads_a_gguf_as_it_was_trained(found: dict[str, Any], family: str, form: str) -> None:
    """Also where it asks by itself for thoughts: of a template that knows of them."""
    got = found[family]
    assert got["gguf"]
    port = free_port()
    options = ["--port", str(port), "--jinja", "--offline", "--threads", "1", "--no-warmup"]

    def ask(path: str, body: Any) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except OSError:
            assert process.poll() is None
            return None

    with subprocess.Popen(
        [llama_server(), "--model", got[form]["file"], *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(lambda: ask("/apply-template", {"messages": CHATS[0]}), 60)
            for chat, text, tokens, first in zip(CHATS, got["texts"], got["tokens"], got["first"], strict=True):
                assert ask("/apply-template", {"messages": chat})["prompt"] == text
                assert ask("/tokenize", {"content": text})["tokens"] == tokens
                if form == "gguf-f16":
                    body = {"prompt": text, "n_predict": 1, "temperature": 0, "return_tokens": True}
                    assert ask("/completion", body)["tokens"] == [first]
        finally:
            process.terminate()
