"""Ask both models all questions that are not answered yet."""

from __future__ import annotations

import asyncio
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
AT_ONCE, AT_ONCE_ENGINE = 4, 12
"""Questions in flight: an engine answers waiting ones together, others have limits."""


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
    free = asyncio.Semaphore(AT_ONCE_ENGINE if provider.is_engine else AT_ONCE)

    async def ask(side: str, name: str, answer: Answer) -> Answered:
        async with free:
            reply = await client.chat.completions.create(
                model=name,
                messages=[*system, {"role": "user", "content": answer.question}],  # type: ignore[list-item]
                temperature=0,
                max_tokens=MAX_TOKENS,
            )
        text = (reply.choices[0].message.content or "").strip()
        return Answered(answer.number, side, text, metrics.found(text, answer.keys))

    for side, name in (("base", model.base_model), ("tuned", model.model)):
        open_ = [a for a in answers if (a.base_answer if side == "base" else a.tuned_answer) is None]
        asked = [asyncio.create_task(ask(side, name, answer)) for answer in open_]
        try:
            for done in asyncio.as_completed(asked):
                yield await done
        except openai.OpenAIError as error:
            raise explain(error, provider) from error
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
