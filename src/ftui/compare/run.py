"""Ask both models all questions that are not answered yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftui.compare import metrics
from ftui.connect.explain import explain
from ftui.connect.providers import Provider
from ftui.store.comparisons import Answer
from ftui.store.models import Model

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MAX_TOKENS = 56
"""Enough for a fact and a sentence around it; a small base model would ramble on."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One model's answer to one question. `side` is "base" or "tuned"."""

    number: int
    side: str
    text: str
    found: bool


async def ask_all(
    client: AsyncOpenAI, provider: Provider, model: Model, answers: Iterable[Answer]
) -> AsyncIterator[Answered]:
    """Greedy answers of the base, then of the tuned model: one model after the other, as loading one costs most.

    Raises:
        FtuiError: a call failed for good; what was answered before has been yielded.
    """
    import openai

    answers = list(answers)
    system = [{"role": "system", "content": model.system}] if model.system else []
    for side, name in (("base", model.base_model), ("tuned", model.model)):
        for answer in answers:
            if (answer.base_answer if side == "base" else answer.tuned_answer) is not None:
                continue
            try:
                reply = await client.chat.completions.create(
                    model=name,
                    messages=[*system, {"role": "user", "content": answer.question}],  # type: ignore[list-item]
                    temperature=0,
                    max_tokens=MAX_TOKENS,
                )
            except openai.OpenAIError as error:
                raise explain(error, provider) from error
            text = (reply.choices[0].message.content or "").strip()
            yield Answered(answer.number, side, text, metrics.found(text, answer.keys))
