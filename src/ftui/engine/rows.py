"""Chats as the model sees them: the same rendering for training and for chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ftui.chatfile import plain

IGNORED = -100


class Example(NamedTuple):
    """One row of a training file as token ids; `labels` are `IGNORED` where nothing is learned."""

    input_ids: list[int]
    labels: list[int]


def render(tokenizer: Any, messages: Sequence[Mapping[str, Any]], *, ask: bool, tools: Any = None) -> str:
    """The text of a chat; with `ask` it ends where the assistant begins to answer."""
    text = tokenizer.apply_chat_template(list(messages), tools=tools or None, tokenize=False, add_generation_prompt=ask)
    return str(text)


def encode(tokenizer: Any, row: Mapping[str, Any], max_tokens: int) -> Example:
    """One row as token ids, with labels on what the assistant says and nowhere else.

    Every answer of the assistant is learned, but those with `weight` 0. What is
    longer than `max_tokens` is cut off at its end, as providers do.
    """
    messages = plain(row["messages"])
    tools = row.get("tools")
    whole = render(tokenizer, messages, ask=False, tools=tools)
    spans = []
    for position, message in enumerate(row["messages"]):
        if message["role"] != "assistant" or message.get("weight") == 0:
            continue
        before = render(tokenizer, messages[:position], ask=True, tools=tools) if position else _opening(tokenizer)
        after = render(tokenizer, messages[: position + 1], ask=False, tools=tools)
        # Some templates render an answer otherwise once another turn follows it.
        if whole.startswith(before) and whole.startswith(after):
            spans.append((len(before), len(after)))
    encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    ids = encoded["input_ids"][:max_tokens]
    starts = [start for start, _ in encoded["offset_mapping"]][:max_tokens]
    learned = [any(low <= start < high for low, high in spans) for start in starts]
    return Example(ids, [token if learn else IGNORED for token, learn in zip(ids, learned, strict=True)])


def _opening(tokenizer: Any) -> str:
    """What stands before the first words of a chat that the assistant begins; nobody renders an empty chat."""
    asked = [{"role": "user", "content": "?"}]
    return render(tokenizer, asked, ask=True).removeprefix(render(tokenizer, asked, ask=False))
