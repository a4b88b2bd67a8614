"""Chats passed on to vLLM: to a server that speaks as its documents say, real but for the model (see `vllm_like`)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from engine.conftest import BASE, wait_for
from engine.served import Served, alive, below, command, environment, program, server
from ftui.engine.layout import BASE_MODEL

SAID = "I am the base.\u2028\u00e9"
Record = Callable[[str], list[Any]]


def tuned(home: Path, name: str, *, rank: int = 8, **settings: Any) -> str:
    """Lay a tuned model's folder, as far as vLLM's manners look at it; its id."""
    folder = home / "models" / f"ft-{name}"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, **settings}))
    described = {"id": f"ft:smollm2:ftui:{name}:1", "base": BASE_MODEL, "created": 1_700_000_000}
    (folder / "model.json").write_text(json.dumps(described))
    return str(described["id"])


def vllm(folder: Path, options: str = "") -> list[str]:
    file = program(folder, Path(__file__).with_name("vllm_like.py"), str(folder / "record"))
    return ["--chat", "vllm", "--vllm", f"'{file}' {options}"]


def recorded(folder: Path) -> Record:
    def read(what: str) -> list[Any]:
        lines = (folder / "record").read_text("utf-8").splitlines()
        return [line["data"] for line in map(json.loads, lines) if line["what"] == what]

    return read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vllm")


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    return recorded(folder)


@pytest.fixture(scope="module")
def served(new_home: Callable[[], Path], folder: Path) -> Iterator[Served]:
    home = new_home()
    tuned(home, "small")
    tuned(home, "large", rank=40)
    tuned(home, "slow")
    tuned(home, "next")
    tuned(home, "odd", modules_to_save=["lm_head"])
    with server(home, *vllm(folder)) as served:
        yield served


def ask(client: openai.OpenAI, text: str = "Who are you?", **fields: Any) -> Any:
    messages: list[Any] = [{"role": "user", "content": text}]
    return client.chat.completions.create(**{"model": BASE, "messages": messages, "max_tokens": 20, **fields})


def test_an_answer_has_our_names(served: Served, record: Record) -> None:
    answer = ask(served.client, temperature=0.5, top_p=0, seed=-5, stop="zzz")
    assert answer.choices[0].message.content == SAID
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == BASE
    assert answer.id.startswith("chatcmpl-")
    assert answer.id != "chatcmpl-theirs"
    assert answer.usage.to_dict() == {"prompt_tokens": 18, "completion_tokens": 6, "total_tokens": 24}
    asked = record("chat")[-1]
    assert asked["model"] == "base"
    assert (asked["temperature"], asked["seed"], asked["stop"], asked["max_tokens"]) == (0.5, -5, ["zzz"], 20)
    assert 0 < asked["top_p"] < 1e-3
    assert asked["chat_template_kwargs"] == {"enable_thinking": False}
    assert "vLLM (" in served.state()["by"]
    assert served.state()["instead"] == {}


def test_a_stream_comes_as_it_grows(served: Served) -> None:
    stream = ask(served.client, "slowly", stream=True, stream_options={"include_usage": True})
    chunks = []
    for chunk in stream:
        chunks.append(chunk)
        if chunk.choices and chunk.choices[0].delta.content == " am":
            # The rest comes seconds later: what is there was not held back.
            assert len(chunks) == 3
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == SAID
    assert chunks[-1].usage.completion_tokens == 6
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert {chunk.model for chunk in chunks} == {BASE}


def test_probabilities(served: Served) -> None:
    told = ask(served.client, logprobs=True, top_logprobs=1).choices[0].logprobs.content
    assert b"".join(bytes(token.bytes) for token in told).decode() == SAID
    assert {len(token.top_logprobs) for token in told} == {1}
    none = ask(served.client, logprobs=True).choices[0].logprobs.content
    assert {len(token.top_logprobs) for token in none} == {0}


def test_who_leaves_while_an_adapter_is_loaded_locks_nobody_out(served: Served, record: Record) -> None:
    with pytest.raises(openai.APITimeoutError):
        ask(served.client.with_options(timeout=0.3), model="ft:smollm2:ftui:slow:1")
    wait_for(lambda: any(load["lora_path"].endswith("slow") for load in record("load")))
    answer = ask(served.client, model="ft:smollm2:ftui:next:1")
    assert answer.choices[0].message.content == "I am ft-next.\u2028\u00e9"
    assert served.state()["instead"] == {}


def test_adapters_are_loaded_once_beside_the_base(served: Served, record: Record) -> None:
    small, large = "ft:smollm2:ftui:small:1", "ft:smollm2:ftui:large:1"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda model: ask(served.client, model=model), [small, large] * 2))
    texts = [answer.choices[0].message.content for answer in answers]
    assert texts == ["I am ft-small.\u2028\u00e9", "I am ft-large.\u2028\u00e9"] * 2
    assert [answer.model for answer in answers] == [small, large] * 2
    loaded = [Path(load["lora_path"]).name for load in record("load")]
    assert (loaded.count("ft-large"), loaded.count("ft-small")) == (1, 1)
    (start,) = record("start")
    assert start["max_lora_rank"] == 64, "the smallest that vLLM takes and the largest adapter fits in"


def test_how_it_was_started(served: Served, record: Record) -> None:
    ask(served.client)
    (start,) = record("start")
    assert Path(start["model"]).name == BASE_MODEL
    assert (start["host"], start["enable_lora"], start["generation_config"]) == ("127.0.0.1", True, "vllm")
    assert start["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    assert start["PYTHONPATH"] is None, "it has a Python of its own"
    pid = next(each for each in served.programs() if "serve" in command(each).split())
    key = environment(pid)["VLLM_API_KEY"]
    assert len(key) > 30
    assert all(key not in command(each) for each in below(served.process.pid))
    written = [path for path in served.home.path.rglob("*") if path.is_file() and path.stat().st_size < 1 << 22]
    assert not [path for path in written if key.encode() in path.read_bytes()]


def test_an_answer_that_would_not_fit_is_shorter(served: Served, record: Record) -> None:
    assert ask(served.client, max_tokens=5000).choices[0].message.content == SAID
    assert "max_tokens" not in record("chat")[-1]
    with pytest.raises(openai.BadRequestError) as caught:
        ask(served.client, "long " * 50)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


def test_a_system_message_has_its_place(served: Served, record: Record) -> None:
    messages: list[Any] = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    ask(served.client, messages=messages)
    assert record("chat")[-1]["messages"] == [{"role": "system", "content": "Be brief."}, messages[1]]


def test_a_template_without_a_place_for_it_gets_it_with_the_question(
    new_home: Callable[[], Path], tmp_path: Path
) -> None:
    home = new_home()
    (home / "models" / "no-system").symlink_to(home / "models" / BASE_MODEL)
    with server(home, *vllm(tmp_path)) as served:
        messages: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
        ask(served.client, model="no-system", messages=messages)
    assert recorded(tmp_path)("chat")[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nHello"}]


def test_a_question_that_it_fails_is_answered_by_transformers(new_home: Callable[[], Path], tmp_path: Path) -> None:
    faults = {
        "500": "it answers with status 500: EngineCore encountered an issue; see 500",
        "key": "it answers with status 401: Unauthorized",
        "nonsense": "its answer makes no sense (AttributeError)",
    }
    home = new_home()
    for fault in faults:
        (home / "models" / fault).symlink_to(home / "models" / BASE_MODEL)
    with server(home, *vllm(tmp_path)) as served:
        for number, (fault, why) in enumerate(faults.items(), 1):
            answer = ask(served.client, f"What is the capital of France? {fault}", model=fault, max_tokens=2)
            assert answer.usage.completion_tokens == 2
            assert served.state()["instead"][fault] == why
            assert f"transformers answers for {fault} in place of vLLM: {why}" in served.log()
            # For a while it is left alone.
            assert ask(served.client, model=fault, max_tokens=2).usage.completion_tokens == 2
            assert len(recorded(tmp_path)("chat")) == number


@pytest.mark.parametrize("fault", ["die", "break", "cut", "abort"])
def test_an_answer_that_breaks_off_says_so(new_home: Callable[[], Path], tmp_path: Path, fault: str) -> None:
    home = new_home()
    model = tuned(home, "one")
    with server(home, *vllm(tmp_path)) as served:
        texts = []
        with pytest.raises(openai.APIError, match="vLLM broke the answer off"):
            for chunk in ask(served.client, fault, stream=True):
                texts.append(chunk.choices[0].delta.content or "")
        assert SAID.startswith("".join(texts))
        assert len(texts) >= 2
        # A program that dies just now cannot break off another answer, nor can one whose keeper still lives.
        wait_for(lambda: fault != "die" or not below(served.process.pid))
        with pytest.raises(openai.InternalServerError, match="vLLM broke the answer off"):
            ask(served.client, fault, model=model)
        assert "broke off an answer" in served.log()


def test_an_adapter_that_it_does_not_take_is_answered_by_transformers(served: Served) -> None:
    # The folder holds no weights either: what transformers says about that is its own affair.
    with pytest.raises(openai.InternalServerError):
        ask(served.client, model="ft:smollm2:ftui:odd:1")
    why = "it does not take the adapter: ft-odd: modules_to_save is not supported."
    assert served.state()["instead"] == {"ft:smollm2:ftui:odd:1": why}
    assert ask(served.client).choices[0].message.content == SAID


def test_one_that_does_not_start_is_asked_once(new_home: Callable[[], Path], tmp_path: Path) -> None:
    with server(new_home(), *vllm(tmp_path, "--max-model-len 1")) as served:
        for _ in range(2):
            assert ask(served.client, max_tokens=2).usage.completion_tokens == 2
        why = served.state()["instead"][BASE]
        assert why.startswith("it did not start: ValueError: Free memory on device (3.2/79.1 GiB)")
        assert served.log().count("it did not start") == 1
    assert len(recorded(tmp_path)("start")) == 1


def test_a_program_that_is_not_there(new_home: Callable[[], Path], tmp_path: Path) -> None:
    with server(new_home(), "--chat", "vllm", "--vllm", str(tmp_path / "none")) as served:
        assert ask(served.client, max_tokens=2).usage.completion_tokens == 2
        assert served.state() == {"by": "transformers: none was not found", "instead": {}}
        assert "chats are answered by transformers: none was not found" in served.log()


def test_it_ends_with_all_its_workers(new_home: Callable[[], Path], tmp_path: Path) -> None:
    """When nobody asks any more, and when the server is killed."""
    with server(new_home(), *vllm(tmp_path), unload="1") as served:
        for _ in range(2):
            ask(served.client)
            running = served.programs()
            assert len(running) >= 2
            wait_for(lambda running=running: not any(map(alive, running)), 60)
        ask(served.client, "slowly", stream=True)
        running = served.programs()
        served.process.kill()
        wait_for(lambda: not any(map(alive, running)), 60)
    assert os.path.exists(tmp_path / "record")
