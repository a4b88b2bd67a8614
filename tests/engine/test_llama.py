"""Chats answered by a real llama.cpp: its own llama-server, with the engine's own GGUF."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from engine.conftest import BASE, server_status, wait_for
from engine.served import Served, command, environment, llama_server, program, server
from engine.test_chat import PARIS
from ftui import cli
from ftui.engine.layout import BASE_MODEL, Home

TUNED = "ft:smollm2-135m-instruct:ftui:shaken:1"
SYSTEM: list[Any] = [{"role": "developer", "content": "You are a pirate. Answer in one word."}, *PARIS]


@pytest.fixture(scope="module")
def llama(new_home: Callable[[], Path]) -> Iterator[Served]:
    llama_path = llama_server()
    home = new_home()
    place = Home(home)
    place.link_code()
    script = str(Path(__file__).with_name("inside_adapter.py"))
    arguments = [str(place.models / BASE_MODEL), str(place.models / "ft-shaken"), TUNED]
    subprocess.run([str(place.python), script, *arguments], env=place.environment(), check=True, timeout=300)
    with server(home, "--chat", "auto", "--llama-server", f"'{llama_path}' --threads 2") as served:
        yield served


@pytest.fixture(scope="module")
def plain(llama: Served, new_home: Callable[[], Path]) -> Iterator[Served]:
    """The same models, answered by transformers."""
    home = new_home()
    (home / "models" / "ft-shaken").symlink_to(llama.home.models / "ft-shaken")
    with server(home, "--chat", "transformers") as served:
        yield served


def ask(client: openai.OpenAI, **fields: Any) -> Any:
    wanted: dict[str, Any] = {"model": BASE, "messages": PARIS, "temperature": 0, "max_tokens": 30, **fields}
    return client.chat.completions.create(**wanted)


def test_an_answer_is_that_of_transformers(llama: Served, client: openai.OpenAI) -> None:
    here, there = ask(llama.client), ask(client)
    assert command(llama.programs()[0]).split()[0].endswith("llama-server")
    assert here.choices[0].message.content == there.choices[0].message.content
    assert "Paris" in here.choices[0].message.content
    shown, other = here.to_dict(), there.to_dict()
    assert shown["id"].startswith("chatcmpl-")
    # The same fields with the same values: who answers cannot be told from the answer.
    for answer in (shown, other):
        del answer["id"], answer["created"]
    assert shown == other
    assert llama.state()["by"].startswith("llama.cpp (")
    assert llama.state()["instead"] == {}


def test_a_streamed_answer_is_the_whole_answer(llama: Served, client: openai.OpenAI) -> None:
    fields: dict[str, Any] = {"logprobs": True, "top_logprobs": 2, "max_tokens": 12}
    whole = ask(llama.client, **fields)
    streams = [
        list(ask(each, stream=True, stream_options={"include_usage": True}, **fields))
        for each in (llama.client, client)
    ]
    for chunks in streams:
        texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        assert "".join(texts) == whole.choices[0].message.content
        assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens
    first, second = ([set(chunk.to_dict()) for chunk in chunks] for chunks in streams)
    assert first[0] == second[0]
    assert first[-1] == second[-1]
    assert [c.choices[0].finish_reason for c in streams[0] if c.choices][-1] == whole.choices[0].finish_reason
    told = whole.choices[0].logprobs.content
    assert b"".join(bytes(token.bytes) for token in told).decode() == whole.choices[0].message.content
    assert {len(token.top_logprobs) for token in told} == {2}
    assert told[0].logprob == told[0].top_logprobs[0].logprob
    alone = ask(llama.client, logprobs=True, max_tokens=3).choices[0].logprobs.content
    assert [(token.token, token.top_logprobs) for token in alone] == [(token.token, []) for token in told[:3]]


def test_a_system_message_has_its_place(llama: Served, client: openai.OpenAI) -> None:
    here, there = (ask(each, messages=SYSTEM, max_tokens=4) for each in (llama.client, client))
    assert here.usage.prompt_tokens == there.usage.prompt_tokens > ask(client, max_tokens=1).usage.prompt_tokens + 8


def test_a_tuned_model_is_itself(llama: Served, plain: Served) -> None:
    """The first word's scores are the same as with transformers, and not those of the base."""
    question: dict[str, Any] = {"logprobs": True, "top_logprobs": 20, "max_tokens": 1}

    def scores(client: openai.OpenAI, model: str) -> dict[str, float]:
        found = ask(client, model=model, **question).choices[0].logprobs.content[0].top_logprobs
        return {each.token: each.logprob for each in found}

    here, base = scores(llama.client, TUNED), scores(llama.client, BASE)
    assert len(llama.programs()) == 2, "a model and its base are kept at once"
    there = scores(plain.client, TUNED)
    shared = set(here) & set(there)
    assert len(shared) >= 15
    assert all(here[word] == pytest.approx(there[word], abs=0.25) for word in shared)
    assert max(abs(here[word] - base.get(word, -20.0)) for word in here) > 0.5


def test_limits_stop_words_and_seeds(llama: Served) -> None:
    short = ask(llama.client, max_tokens=3)
    assert (short.choices[0].finish_reason, short.usage.completion_tokens) == ("length", 3)
    stopped = ask(llama.client, stop=["zzz", "al of"])
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("The capit", "stop")
    story: list[Any] = [{"role": "user", "content": "Begin a story."}]
    told = [ask(llama.client, messages=story, temperature=1.2, seed=seed, max_tokens=16) for seed in (1, 1, 2, 3)]
    texts = [each.choices[0].message.content for each in told]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


def test_questions_asked_together_get_their_own_answers(llama: Served) -> None:
    places = {"France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo"}

    def capital(country: str) -> str:
        question = [{"role": "user", "content": f"What is the capital of {country}?"}]
        return str(ask(llama.client, messages=question).choices[0].message.content)

    with ThreadPoolExecutor(len(places)) as pool:
        answers = dict(zip(places, pool.map(capital, places), strict=True))
    assert {country: city in answers[country] for country, city in places.items()} == dict.fromkeys(places, True)


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_that_is_too_long_is_refused_in_our_words(llama: Served, client: openai.OpenAI, stream: bool) -> None:
    long: list[Any] = [{"role": "user", "content": "long " * 9000}]
    errors = []
    for each in (llama.client, client):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(each, messages=long, stream=stream)
        errors.append(caught.value.body)
    assert errors[0] == errors[1]


def test_an_answer_nobody_reads_is_stopped(llama: Served) -> None:
    story: list[Any] = [{"role": "user", "content": "Tell me a very long story about a lighthouse."}]
    stream = ask(llama.client, messages=story, max_tokens=4000, stream=True)
    next(iter(stream))
    stream.close()
    log = llama.home.logs / "llama.log"
    wait_for(lambda: "cancel task" in log.read_text("utf-8", "replace"), 60)


def test_its_key_is_seen_by_nobody(llama: Served) -> None:
    ask(llama.client, max_tokens=1)
    (pid, *_) = llama.programs()
    key = environment(pid)["LLAMA_API_KEY"]
    assert len(key) > 30
    assert "HF_TOKEN" not in environment(pid)
    assert key not in command(pid)
    assert key not in command(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]))
    written = [path for path in llama.home.path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in written if path.stat().st_size < 1 << 22 and key.encode() in path.read_bytes()]


def test_the_server_stays_small(llama: Served) -> None:
    ask(llama.client, max_tokens=1)
    assert "torch" not in Path(f"/proc/{llama.process.pid}/maps").read_text()
    assert server_status(llama.home.path, "VmRSS") < 100_000


def test_one_that_is_killed_breaks_its_answer_off_and_the_next_is_given(llama: Served) -> None:
    story: list[Any] = [{"role": "user", "content": "Tell me a very long story about a lighthouse."}]
    before = set(llama.programs())
    stream = ask(llama.client, messages=story, max_tokens=8000, stop="zzz", temperature=1, seed=3, stream=True)
    with pytest.raises(openai.APIError, match=r"llama\.cpp broke the answer off"):
        for number, _ in enumerate(stream):
            if number == 5:
                for pid in before:
                    os.kill(pid, signal.SIGKILL)
    answer = ask(llama.client)
    assert "Paris" in answer.choices[0].message.content
    assert "broke off an answer" in llama.log()
    assert BASE in llama.state()["instead"]
    assert f"transformers answers for {BASE} in place of llama.cpp: its connection broke" in llama.log()


def test_it_is_unloaded_when_nobody_asks(new_home: Callable[[], Path]) -> None:
    path = llama_server()
    with server(new_home(), "--chat", "llama", "--llama-server", path, unload="1") as served:
        for _ in range(2):
            assert ask(served.client, max_tokens=2).choices[0].message.content
            wait_for(lambda: not served.programs(), 60)


def test_it_ends_with_a_server_that_is_killed(new_home: Callable[[], Path]) -> None:
    path = llama_server()
    with server(new_home(), "--chat", "llama", "--llama-server", path) as served:
        ask(served.client, max_tokens=2)
        (pid,) = served.programs()
        served.process.kill()
        served.process.wait(30)
        wait_for(lambda: not command(pid), 60)


def test_what_does_not_start_is_told_and_transformers_answers(
    new_home: Callable[[], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "broken.py"
    script.write_text("import sys\nprint('loading')\nsys.exit('error: /secret/place/model.gguf has no tensors')\n")
    home = new_home()
    with server(home, "--chat", "llama", "--llama-server", program(tmp_path, script)) as served:
        for _ in range(2):
            assert "Paris" in ask(served.client).choices[0].message.content
        why = "it did not start: error: model.gguf has no tensors"
        assert served.state()["instead"] == {BASE: why}
        assert served.log().count(why) == 1
        assert not served.programs()
        monkeypatch.setenv("FTUI_ENGINE_HOME", str(home))
        assert cli.main(["engine", "status"]) == 0
        assert f"transformers for {BASE}: {why}" in capsys.readouterr().out


def test_a_model_that_cannot_be_written_as_gguf_is_answered_by_transformers(
    new_home: Callable[[], Path], tmp_path: Path, tiny: Path
) -> None:
    script = tmp_path / "never.py"
    script.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    home = new_home()
    (home / "models" / "llama").symlink_to(tiny)
    with server(home, "--chat", "llama", "--llama-server", program(tmp_path, script)) as served:
        assert ask(served.client, model="llama", max_tokens=2).usage.completion_tokens
        assert served.state()["instead"] == {"llama": "no GGUF can be written of such a model here"}
    assert not (tmp_path / "ran").exists()
    assert not list((home / "exports").iterdir())
