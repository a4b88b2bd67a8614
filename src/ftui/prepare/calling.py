"""One request to a model, from sending it to what can be used of its answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ftui.connect.explain import explain
from ftui.connect.prices import Price
from ftui.connect.providers import Provider
from ftui.errors import FtuiError
from ftui.prepare import answer, tokens
from ftui.prepare.asking import Ask
from ftui.prepare.shelf import Written

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

SECONDS = 300.0
"""For one answer: an engine without a graphics card may need that long."""
_WAITS = 6
_LONGEST_WAIT = 120.0
_OVERHEAD = 100
"""Tokens that a chat format and a complaint add at most."""
_COMPLAINT = "That cannot be used: {}. Answer again, with the JSON object and nothing else."
_CUT_OFF = "it was cut off, so write fewer and shorter ones"
_NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout")


def bounds(ask: Ask, provider: Provider, price: Price) -> tuple[float, float]:
    """US dollars that the first and the second sending of a request can cost at most."""
    if not price.input and not price.output:
        return 0.0, 0.0
    text = "".join(message["content"] for message in ask.messages) + json.dumps(ask.schema)
    # Exact for OpenAI. Of other tokenizers it is known that a token is no less than a byte.
    size = tokens.count(text) if provider.kind == "openai" else len(text.encode())
    first = size + _OVERHEAD
    second = first + ask.most_tokens + _OVERHEAD
    return price.of(first, ask.most_tokens), price.of(second, ask.most_tokens)


class Caller:
    """Sends requests to one model.

    Args:
        wait: seconds to the second try when a service is busy and does not say how long; doubled each time.
    """

    def __init__(self, client: AsyncOpenAI, provider: Provider, model: str, price: Price, *, wait: float = 1.0) -> None:
        self._client = client.with_options(max_retries=0, timeout=SECONDS)
        self._provider = provider
        self._model = model
        self._price = price
        self._wait = wait
        self._not_before = 0.0
        # The engine takes the wish for a form and does not heed it.
        self._structured = not provider.is_engine
        self._proven = False

    async def ask(self, ask: Ask) -> Written:
        """Ask, once more where the first answer cannot be used.

        Raises:
            FtuiError: no other request would fare better (the key, the model, no credit left).
        """
        messages: list[Mapping[str, str]] = list(ask.messages)
        cost, problem, lost = 0.0, "", False
        for bound in bounds(ask, self._provider, self._price):
            try:
                reply = await self._send(ask, messages)
            except _Lost as error:
                # It may have been answered, and that paid for.
                cost += bound
                problem, lost = str(error), True
                continue
            except _Refused as error:
                return Written(ask.key, problem=str(error), cost=cost, again=True)
            except FtuiError as error:
                if not cost:
                    raise
                return Written(ask.key, problem=str(error), cost=cost, again=True)
            cost += self._cost(reply, bound)
            text, finish, refusal = _said(reply)
            if refusal or finish == "content_filter":
                return Written(ask.key, problem=f"it refuses: {refusal or 'its filter'}"[:300], cost=cost)
            try:
                return Written(ask.key, answer.read(text, ask, whole=finish != "length"), cost=cost)
            except answer.Unusable as error:
                if not ask.schema:
                    return Written(ask.key, problem=str(error), cost=cost)
                problem, lost = _CUT_OFF if finish == "length" else str(error), False
                said = {"role": "assistant", "content": text or "{}"}
                messages = [*ask.messages, said, {"role": "user", "content": _COMPLAINT.format(problem)}]
        # An answer that is no good twice is no better the third time; one that got lost may be.
        return Written(ask.key, problem=problem, cost=cost, again=lost)

    async def _send(self, ask: Ask, messages: list[Mapping[str, str]]) -> Any:
        """Send until there is an answer, or what came may have cost something.

        Raises:
            _Lost, _Refused, FtuiError
        """
        import openai

        refused = 0
        while True:
            await asyncio.sleep(max(self._not_before - time.monotonic(), 0))
            structured = self._structured and bool(ask.schema)
            try:
                reply = await self._client.chat.completions.create(**self._request(ask, messages, structured))
            except openai.APIStatusError as error:
                if structured and not self._proven and error.status_code in (400, 422):
                    # Not every service has structured outputs, and none says so in the same way.
                    self._structured = False
                    continue
                refused += 1
                await self._after_refusal(error, refused)
            except openai.APIConnectionError as error:
                said = explain(error, self._provider)
                if type(error.__cause__).__name__ not in _NOT_SENT:
                    raise _Lost(f"{said.what}: {said.why}") from error
                refused += 1
                if refused > _WAITS:
                    raise said from error
                self._hold(self._wait * 2 ** (refused - 1))
            except (openai.OpenAIError, ValueError) as error:
                raise _Lost("the service gave an answer that makes no sense") from error
            else:
                self._proven = self._proven or structured
                return reply

    def _request(self, ask: Ask, messages: list[Mapping[str, str]], structured: bool) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self._model, "messages": messages}
        # Other services mostly know the older name alone.
        request["max_completion_tokens" if self._provider.kind == "openai" else "max_tokens"] = ask.most_tokens
        if structured:
            form = {"name": ask.kind, "strict": True, "schema": ask.schema}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        if self._provider.is_engine:
            request["temperature"] = 0.3
        return request

    async def _after_refusal(self, error: APIStatusError, times: int) -> None:
        """Wait where waiting helps.

        Raises:
            _Refused: it does not, for this request. FtuiError: nor for any other.
        """
        said: FtuiError = explain(error, self._provider)
        busy = error.status_code in (408, 409, 429) or error.status_code >= 500
        if error.status_code in (401, 402, 403, 404) or error.code == "insufficient_quota":
            raise said from error
        if not busy or times > _WAITS:
            raise _Refused(f"{said.what}: {said.why}") from error
        try:
            wait = float(error.response.headers.get("retry-after", ""))
        except ValueError:
            wait = self._wait * 2 ** (times - 1)
        self._hold(min(max(wait, 0.0), _LONGEST_WAIT))

    def _hold(self, seconds: float) -> None:
        """Let all requests wait: they go to the same service."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _cost(self, reply: Any, bound: float) -> float:
        usage = getattr(reply, "usage", None)
        sent, answered = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
        return self._price.of(sent, answered) if isinstance(sent, int) and isinstance(answered, int) else bound


class _Lost(Exception):
    """There is no answer, but there may be a bill."""


class _Refused(Exception):
    """The service does not want this request."""


def _said(reply: Any) -> tuple[str, str, str]:
    """The text, why it ended and the refusal of an answer, "" for what is not there."""
    choices = getattr(reply, "choices", None)
    choice = choices[0] if choices else None
    message = getattr(choice, "message", None)
    texts = (
        getattr(message, "content", None),
        getattr(choice, "finish_reason", None),
        getattr(message, "refusal", None),
    )
    content, finish, refusal = (text if isinstance(text, str) else "" for text in texts)
    return content, finish, refusal
