"""What a client may ask of the chat: the fields of `/v1/chat/completions`."""

from __future__ import annotations

from typing import Any

from ftui.chatfile import ROLES
from ftui.engine.models import Models
from ftui.engine.wire import ApiError, Fields

MAX_TOKENS = 1024
"""Tokens of an answer where the request names no limit."""
READ = (
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "logprobs",
    "top_logprobs",
    "stream",
    "stream_options",
)
# They change nothing of an answer here, so that clients may send them to any server.
_IGNORED = (
    "user",
    "safety_identifier",
    "store",
    "metadata",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "parallel_tool_calls",
)
# They would change the answer; these values of them ask for nothing.
_NOTHING: dict[str, tuple[Any, ...]] = {
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
    "reasoning_effort": ("none",),
    "verbosity": (),
    "moderation": (),
}


def read_request(body: Fields, models: Models) -> dict[str, Any]:
    """The fields of a chat request that whoever answers needs, checked; `model` is a `Model`."""
    body.only((*READ, *_IGNORED, *_NOTHING))
    for name, harmless in _NOTHING.items():
        value = body.data.get(name)
        if value is not None and (isinstance(value, bool) or value not in harmless):
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            raise ApiError(400, message, code="unsupported_parameter", param=name)
    body.whole("n", 1, 1)
    model = models.get(body.needed("model"))
    temperature, top_p = body.number("temperature", 0, 2), body.number("top_p", 0, 1)
    limit = body.whole("max_completion_tokens", 1, 1 << 31)
    older = body.whole("max_tokens", 1, 1 << 31)
    return {
        "model": model,
        "base": str(model.base),
        "adapter": str(model.adapter) if model.adapter else None,
        "messages": _messages(body),
        "max_tokens": limit or older or MAX_TOKENS,
        "temperature": 1.0 if temperature is None else temperature,
        "top_p": 1.0 if top_p is None else top_p,
        "stop": body.texts("stop", most=4),
        "seed": body.whole("seed", -(2**63), 2**63 - 1),
        "top": _top(body),
    }


def _top(body: Fields) -> int | None:
    """How many likely tokens to tell beside each one; None for no probabilities at all."""
    wanted, top = body.flag("logprobs"), body.whole("top_logprobs", 0, 20)
    if top is not None and not wanted:
        raise body.wrong("top_logprobs", "none, unless 'logprobs' is true")
    return (top or 0) if wanted else None


def _messages(body: Fields) -> list[dict[str, Any]]:
    messages = body.data.get("messages")
    if messages is None:
        raise body.missing("messages")
    if not isinstance(messages, list) or not messages:
        raise body.wrong("messages", "a list with at least one message")
    for position, message in enumerate(messages):
        name = f"messages[{position}]"
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in ROLES:
            raise body.wrong(name, f"an object with a role, one of {', '.join(sorted(ROLES))}")
        if not _is_content(message.get("content"), role):
            raise body.wrong(f"{name}.content", "text or a list of text parts")
        if message.get("name") is not None and not isinstance(message["name"], str):
            raise body.wrong(f"{name}.name", "text")
    return messages


def _is_content(content: Any, role: str) -> bool:
    if isinstance(content, list):
        return all(isinstance(p, dict) and p.get("type") == "text" and isinstance(p.get("text"), str) for p in content)
    return isinstance(content, str) or (content is None and role == "assistant")
