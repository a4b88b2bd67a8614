"""Ask another server that speaks OpenAI's chat API, and read its answer as it comes.

What it says is told in the lines of `chat_process`, so that who asks here sees
the same names, ids and errors whoever answers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from ftui.engine.failure import clean

if TYPE_CHECKING:
    import httpx2

Line = dict[str, Any]
PATH = "/v1/chat/completions"
_CONTEXT = ("context size", "context length", "exceed_context")


class Unusable(Exception):
    """The other server cannot answer; the message says why in words that hold no path and no key.

    Attributes:
        lasting: whether another try would take long and most likely end the same.
    """

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


class Refused(Exception):
    """The other server refuses this question, as any would; `code` is the API's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def ask(client: httpx2.AsyncClient, body: dict[str, Any], top: int | None) -> AsyncGenerator[Line]:
    """The lines of one answer. `body` is the request without the fields of a stream; see `chat_process` for lines.

    Args:
        top: how many likely tokens to tell beside each one; None for no probabilities.

    Raises:
        Refused: the question is at fault.
        Unusable: the server is: it cannot be reached, refuses us, breaks off or says what makes no sense.
    """
    import httpx2

    wanted: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    if top is not None:
        # At least one: for llama.cpp none of them means no probabilities at all.
        wanted |= {"logprobs": True, "top_logprobs": max(top, 1)}
    try:
        async with client.stream("POST", PATH, json=body | wanted) as answer:
            if answer.status_code != 200:
                raise _refusal(answer.status_code, await answer.aread())
            finish: str | None = None
            usage: Line = {}
            async for event in _events(answer):
                usage = event.get("usage") or usage
                for choice in event.get("choices") or ():
                    finish = choice.get("finish_reason") or finish
                    if line := _line(choice, top):
                        yield line
    except httpx2.HTTPError as error:
        raise Unusable(f"its connection broke ({type(error).__name__})") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"its answer makes no sense ({type(error).__name__})") from None
    if finish not in ("stop", "length"):
        raise Unusable("its answer was cut off" if finish is None else f"its answer ended with {str(finish)[:40]!r}")
    tokens = {name: int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")}
    yield {"done": finish, **tokens}


async def _events(answer: httpx2.Response) -> AsyncGenerator[dict[str, Any]]:
    """The events of a stream. Lines end at line feeds only: the text may hold other characters that part lines."""
    rest = b""
    async for block in answer.aiter_bytes():
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            name, _, data = line.partition(b":")
            if name not in (b"data", b"error") or data.strip() == b"[DONE]":
                continue
            event = json.loads(data)
            if name == b"error" or event.get("error"):
                raise Unusable(f"it broke off: {message_of(event)}")
            yield event


def _line(choice: dict[str, Any], top: int | None) -> Line:
    """What a chunk adds; {} for nothing."""
    text = choice.get("delta", {}).get("content") or ""
    told = (choice.get("logprobs") or {}).get("content") or () if top is not None else ()
    # Some tell of the token that ends the answer, which is no part of its text.
    if not text and (choice.get("finish_reason") == "stop" or not told):
        return {}
    entries = [_entry(each) | {"top_logprobs": [_entry(e) for e in each["top_logprobs"][:top]]} for each in told]
    return {"text": text} | ({"logprobs": entries} if entries else {})


def _entry(given: dict[str, Any]) -> dict[str, Any]:
    known = given["logprob"]
    # JSON has no word for infinity: -9999 is the API's.
    logprob = -9999.0 if known is None else max(float(known), -9999.0)
    raw = given.get("bytes")
    return {"token": given["token"], "logprob": logprob, "bytes": list(given["token"].encode()) if raw is None else raw}


def _refusal(status: int, body: bytes) -> Exception:
    try:
        event = json.loads(body)
    except ValueError:
        event = {}
    told = message_of(event)
    if status != 400:
        return Unusable(f"it answers with status {status}" + (f": {told}" if told else ""))
    details = event["error"] if isinstance(event.get("error"), dict) else event
    if "n_prompt_tokens" in details and "n_ctx" in details:
        told = f"The model's context is {details['n_ctx']:,} tokens; the messages have {details['n_prompt_tokens']:,}"
        return Refused("context_length_exceeded", told)
    if any(word in told.lower() for word in _CONTEXT):
        return Refused("context_length_exceeded", told)
    return Refused("invalid_value", f"These messages cannot be answered: {told}")


def message_of(event: Any) -> str:
    """The words of an error body, of whichever form."""
    found = event.get("error", event) if isinstance(event, dict) else event
    found = found.get("message", "") if isinstance(found, dict) else found
    return clean(str(found)).strip()
