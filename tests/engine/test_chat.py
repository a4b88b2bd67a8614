"""Chat completions of the base model."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from engine.conftest import BASE, connect, wait_for
from ftui.engine import local
from ftui.engine.layout import Home

PARIS: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]


def test_a_streamed_answer_is_the_whole_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=BASE, messages=PARIS, temperature=0, max_tokens=30)
    assert "Paris" in (whole.choices[0].message.content or "")
    assert whole.choices[0].finish_reason == "stop"
    chunks = list(
        client.chat.completions.create(
            model=BASE,
            messages=PARIS,
            temperature=0,
            max_tokens=30,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == whole.choices[0].message.content
    assert len([text for text in texts if text]) > 2
    assert chunks[-1].usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.prompt_tokens + whole.usage.completion_tokens == whole.usage.total_tokens
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_limits_and_stop_words(client: openai.OpenAI) -> None:
    short = client.chat.completions.create(model=BASE, messages=PARIS, temperature=0, max_completion_tokens=3)
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == 3
    stopped = client.chat.completions.create(
        model=BASE, messages=PARIS, temperature=0, max_tokens=30, stop=["zzz", "al of"]
    )
    assert stopped.choices[0].message.content == "The capit"
    assert stopped.choices[0].finish_reason == "stop"


def test_a_seed_repeats_an_answer(client: openai.OpenAI) -> None:
    def ask(seed: int) -> str:
        story: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "Begin a story."}]}]
        answer = client.chat.completions.create(
            model=BASE, messages=story, temperature=1.2, top_p=0.95, seed=seed, max_tokens=16
        )
        return answer.choices[0].message.content or ""

    assert ask(1) == ask(1)
    assert len({ask(seed) for seed in (1, 2, 3)}) > 1


def test_questions_asked_together_get_their_own_answers(client: openai.OpenAI) -> None:
    places = {"France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo"}

    def ask(country: str) -> str:
        question: list[Any] = [{"role": "user", "content": f"What is the capital of {country}?"}]
        answer = client.chat.completions.create(model=BASE, messages=question, temperature=0, max_tokens=20)
        return answer.choices[0].message.content or ""

    with ThreadPoolExecutor(len(places)) as pool:
        answers = dict(zip(places, pool.map(ask, places), strict=True))
    assert {country: city in answers[country] for country, city in places.items()} == dict.fromkeys(places, True)


def test_an_answer_nobody_reads_is_stopped(client: openai.OpenAI) -> None:
    story: list[Any] = [{"role": "user", "content": "Tell me a very long story about a lighthouse."}]
    stream = client.chat.completions.create(model=BASE, messages=story, temperature=0, max_tokens=1024, stream=True)
    next(iter(stream))
    stream.close()
    started = time.monotonic()
    client.chat.completions.create(model=BASE, messages=PARIS, temperature=0, max_tokens=5)
    # Had the story gone on, this answer would have waited for its thousand tokens.
    assert time.monotonic() - started < 25


def test_probabilities_of_the_tokens(client: openai.OpenAI) -> None:
    fields: Any = {
        "model": BASE,
        "messages": [{"role": "user", "content": "Write three emojis: a snowman, a cat and a heart."}],
        "temperature": 0,
        "max_tokens": 24,
        "logprobs": True,
        "top_logprobs": 3,
    }
    whole = client.chat.completions.create(**fields).choices[0]
    assert whole.logprobs is not None
    tokens = whole.logprobs.content or []
    said = b"".join(bytes(token.bytes or []) for token in tokens)
    # The last token may be a part of a character, which is no text yet.
    assert said.decode("utf-8", "ignore") == whole.message.content
    for token in tokens:
        assert len(token.top_logprobs) == 3
        # The most likely one was taken, or one that is just as likely.
        assert token.logprob == pytest.approx(token.top_logprobs[0].logprob)
        assert sum(2.718281828**other.logprob for other in token.top_logprobs) <= 1.001
    chunks = client.chat.completions.create(**fields, stream=True)
    streamed = [chunk.choices[0].logprobs for chunk in chunks]
    assert [token.token for part in streamed if part for token in part.content or []] == [t.token for t in tokens]
    plain = client.chat.completions.create(**{**fields, "logprobs": False, "top_logprobs": None}).choices[0]
    assert plain.logprobs is None
    assert plain.message.content == whole.message.content


def test_a_question_joins_an_answer_under_way(client: openai.OpenAI) -> None:
    story: list[Any] = [{"role": "user", "content": "Tell me a very long story about a lighthouse."}]
    over: list[str] = []

    def read() -> int:
        chunks = list(
            client.chat.completions.create(
                model=BASE, messages=story, temperature=1.0, seed=3, max_tokens=200, stream=True
            )
        )
        over.append("story")
        return len(chunks)

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        answers = [
            client.chat.completions.create(model=BASE, messages=PARIS, temperature=0, max_tokens=limit, stop="zzz")
            for limit in (4, 30)
        ]
        over.append("question")
        assert reading.result() > 100
    assert over == ["question", "story"]
    assert "Paris" in (answers[1].choices[0].message.content or "")


def test_fields_that_ask_for_nothing_are_taken(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=BASE,
        messages=PARIS,
        max_tokens=3,
        temperature=0,
        top_p=0,
        n=1,
        user="me",
        store=False,
        tools=[],
        tool_choice="none",
        response_format={"type": "text"},
        presence_penalty=0,
        frequency_penalty=0.0,
        service_tier="auto",
        parallel_tool_calls=True,
        metadata={"a": "b"},
        logit_bias={},
        stop=None,
    )
    assert answer.choices[0].message.content


def test_a_stream_that_is_refused_has_a_status(client: openai.OpenAI) -> None:
    long: list[Any] = [{"role": "user", "content": "long " * 9000}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=BASE, messages=long, stream=True)
    assert caught.value.code == "context_length_exceeded"


def test_the_model_is_unloaded_when_nobody_asks(new_home: Callable[[], Path]) -> None:
    home = new_home()
    Home(home).make()
    command = local.serve_command(home, idle_seconds=60)
    with subprocess.Popen([*command.arguments, "--unload", "1"], env=command.environment, cwd=home) as server:
        wait_for(lambda: local.find(home), 30)
        with connect(home) as client:
            assert client.models.list().data
            assert children(server.pid) == []
            # The server itself never holds a model, nor what could load one.
            assert "torch" not in Path(f"/proc/{server.pid}/maps").read_text()
            for _ in range(2):
                client.chat.completions.create(model=BASE, messages=PARIS, max_tokens=2)
                wait_for(lambda: not children(server.pid), 30)
        server.terminate()


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"model": "gpt-9"}, "model_not_found", "model"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "invalid_value", "messages[0]"),
        ({"messages": [{"role": "user", "content": 5}]}, "invalid_value", "messages[0].content"),
        ({"temperature": 3}, "invalid_value", "temperature"),
        ({"n": 2}, "invalid_value", "n"),
        ({"tools": [{"type": "function"}]}, "unsupported_parameter", "tools"),
        ({"response_format": {"type": "json_object"}}, "unsupported_parameter", "response_format"),
        ({"frequency_penalty": 0.5}, "unsupported_parameter", "frequency_penalty"),
        ({"extra_body": {"top_k": 5}}, "unknown_parameter", "top_k"),
        ({"top_logprobs": 3}, "invalid_value", "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "invalid_value", "top_logprobs"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"stream": 1}, "invalid_value", "stream"),
        ({"stop": ["a"] * 5}, "invalid_value", "stop"),
        ({"messages": [{"role": "user", "content": "long " * 9000}]}, "context_length_exceeded", "messages"),
    ],
)
def test_a_question_that_cannot_be_answered(
    client: openai.OpenAI, fields: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(**{"model": BASE, "messages": PARIS, "max_tokens": 5, **fields})
    assert caught.value.status_code in (400, 404)
    assert (caught.value.code, caught.value.param) == (code, param)
