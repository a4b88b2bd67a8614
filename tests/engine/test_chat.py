"""Chat completions of the base model."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from engine.conftest import BASE

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
