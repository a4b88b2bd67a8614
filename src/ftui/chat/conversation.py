"""A conversation in the store, with answers that stream into it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ftui.connect import providers
from ftui.connect.explain import explain
from ftui.connect.providers import Provider
from ftui.errors import NetworkError
from ftui.store import Store
from ftui.store.chats import Chat, ChatMessage

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

SAVE_EVERY = 1.0
"""Seconds between saves of an answer that still streams: the most a crash can lose."""
MAX_TOKENS = 400
FIRST_TOKEN_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Speaker:
    """A model that can be talked to.

    Attributes:
        name: what is shown ("lumora-3", "base").
        model: the provider's id.
        provider: the provider's name.
        system: the system message the model was trained with.
        base: whether it is an untuned base model.
    """

    name: str
    model: str
    provider: str
    system: str
    base: bool = False


def speakers(store: Store) -> list[Speaker]:
    """Tuned models, the newest first, each base behind the models tuned from it."""
    result: list[Speaker] = []
    for model in store.models.all():
        result.append(Speaker(model.name, model.model, model.provider, model.system))
    for model in store.models.all():
        base = Speaker(f"base of {model.name}", model.base_model, model.provider, model.system, base=True)
        if all((known.model, known.provider) != (base.model, base.provider) for known in result):
            result.append(base)
    return result


class Conversation:
    """The project's current conversation.

    Every answer is stored as it grows. An answer that was cut off, by the person
    or by a crash, stays with what had arrived.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.chat: Chat | None = store.chats.latest()

    def messages(self) -> list[ChatMessage]:
        return self._store.chats.messages(self.chat.id) if self.chat else []

    def new(self) -> None:
        """Begin another conversation with the next question; the old one is kept."""
        self.chat = None

    async def ask(
        self,
        text: str,
        speaker: Speaker,
        *,
        again: bool = False,
        max_tokens: int = MAX_TOKENS,
        temperature: float = 0.0,
    ) -> AsyncIterator[str]:
        """Ask, and yield the answer piece by piece.

        Args:
            text: what the person says; ignored when `again` is set.
            again: answer the last question once more instead of asking a new one.

        Raises:
            FtuiError: the provider cannot be reached or refuses; the question is kept.
        """
        import openai

        if self.chat is None:
            self.chat = self._store.chats.add(text.strip()[:60], speaker.system)
        chats, chat = self._store.chats, self.chat
        if not again:
            chats.say(chat.id, "user", text)
        provider = providers.get(speaker.provider)
        history = self._history(speaker)
        answer = chats.say(chat.id, "assistant", "", speaker=speaker.name, state="streaming")
        content, tokens, state, first = "", 0, "failed", time.monotonic()
        saved = started = time.monotonic()
        try:
            client = await providers.client(provider, timeout=FIRST_TOKEN_SECONDS)
            async with client:
                stream = await client.chat.completions.create(
                    model=speaker.model,
                    messages=cast("list[ChatCompletionMessageParam]", history),
                    stream=True,
                    temperature=temperature,
                    max_tokens=max_tokens,
                )
                finished = False
                async for chunk in stream:
                    for choice in chunk.choices:
                        finished = finished or choice.finish_reason is not None
                        piece = choice.delta.content
                        if not piece:
                            continue
                        if not tokens:
                            first = time.monotonic()
                        content, tokens = content + piece, tokens + 1
                        now = time.monotonic()
                        if now - saved >= SAVE_EVERY:
                            saved = now
                            chats.update(answer, content, "streaming", tokens=tokens, seconds=now - first)
                        yield piece
                if not finished:
                    raise _cut(provider)
                state = "done"
        except (asyncio.CancelledError, GeneratorExit):
            state = "stopped"
            raise
        except openai.APIConnectionError as error:
            if not tokens:
                raise explain(error, provider) from error
            raise _cut(provider) from error
        except openai.OpenAIError as error:
            raise explain(error, provider) from error
        finally:
            chats.update(
                answer, content, state, tokens=tokens, seconds=time.monotonic() - (first if tokens else started)
            )

    def _history(self, speaker: Speaker) -> list[dict[str, str]]:
        """What is sent: the system message, then every question with this speaker's own last answer to it."""
        turns: list[tuple[str, str]] = []
        for message in self.messages():
            if message.role == "user":
                turns.append((message.content, ""))
            elif turns and message.speaker == speaker.name and message.state == "done":
                turns[-1] = (turns[-1][0], message.content)
        history = [{"role": "system", "content": speaker.system}] if speaker.system else []
        for number, (question, reply) in enumerate(turns, 1):
            if number < len(turns) and not reply:
                continue
            history.append({"role": "user", "content": question})
            if reply and number < len(turns):
                history.append({"role": "assistant", "content": reply})
        return history


def _cut(provider: Provider) -> NetworkError:
    return NetworkError(
        f"{provider.title} stopped in the middle of the answer",
        "the connection was cut",
        "What had come is kept; ask again",
    )
