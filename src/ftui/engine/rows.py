"""Chats as the model sees them: the same rendering for training and for chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from ftui.chatfile import plain
from ftui.engine.layout import read_json

IGNORED = -100
PROBE = "Zebras only, please."
"""A system message that no template has in it by itself."""
_takes_system: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


class Unusable(Exception):
    """A chat, or every chat, cannot be shown to the model; the message says why."""


class Example(NamedTuple):
    """One row of a training file as token ids.

    Attributes:
        labels: the ids again, `IGNORED` where nothing is learned.
        missed: answers that the template renders so that they cannot be told from the rest.
        tokens: how many there were before it was cut.
    """

    input_ids: list[int]
    labels: list[int]
    missed: int
    tokens: int


class Preference(NamedTuple):
    """One row of a preference file as token ids: what was asked, the better answer and the worse one.

    Attributes:
        tokens: how many the longer of its two chats had before it was cut.
    """

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    tokens: int


def load_tokenizer(folder: str | Path) -> Any:
    """The tokenizer in a model's folder, able to fill up batches.

    Raises:
        Unusable: it has no chat template, or cannot tell which text a token stands for.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        raise Unusable("The model has no chat template")
    if not tokenizer.is_fast:
        raise Unusable("The model's tokenizer has no tokenizer.json")
    config = read_json(Path(folder) / "config.json") or {}
    known = (config.get("text_config") or config).get("vocab_size") or len(tokenizer)
    # Some have no token to fill up with, or one that the model does not know.
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= known:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def takes_system(tokenizer: Any) -> bool:
    """Whether the chat template has a place for a system message; some refuse it, some drop it silently."""
    if tokenizer not in _takes_system:
        probe = [{"role": "system", "content": PROBE}, {"role": "user", "content": "Hello"}]
        try:
            _takes_system[tokenizer] = PROBE in _apply(tokenizer, probe, ask=True, tools=None)
        except Unusable:
            _takes_system[tokenizer] = False
    return _takes_system[tokenizer]


def render(tokenizer: Any, messages: Sequence[Mapping[str, Any]], *, ask: bool, tools: Any = None) -> str:
    """The text of a chat; with `ask` it ends where the assistant begins to answer.

    Where the template has no place for it, the system message is put in front
    of the user's next one.

    Raises:
        Unusable: the template refuses the chat.
    """
    if any(message["role"] == "system" for message in messages) and not takes_system(tokenizer):
        messages = fold(messages)
    return _apply(tokenizer, messages, ask=ask, tools=tools)


def _apply(tokenizer: Any, messages: Sequence[Mapping[str, Any]], *, ask: bool, tools: Any) -> str:
    from jinja2 import TemplateError

    try:
        text = tokenizer.apply_chat_template(
            list(messages),
            tools=tools or None,
            tokenize=False,
            add_generation_prompt=ask,
            # Training files hold answers and no thoughts: models that can think are asked not to.
            enable_thinking=False,
        )
    except (TemplateError, TypeError) as error:
        raise Unusable(f"the model's chat template refuses it: {error}") from None
    return str(text)


def fold(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The chat with each system message in front of the user's next one."""
    found: list[dict[str, Any]] = []
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "system":
            waiting.append(message["content"])
            continue
        if waiting and message["role"] == "user":
            found.append({**message, "content": "\n\n".join([*waiting, message["content"]])})
        else:
            found += [{"role": "user", "content": "\n\n".join(waiting)}] * bool(waiting) + [dict(message)]
        waiting = []
    return found + [{"role": "user", "content": "\n\n".join(waiting)}] * bool(waiting)


def encode(tokenizer: Any, row: Mapping[str, Any], max_tokens: int) -> Example:
    """One row as token ids, with labels on what the assistant says and nowhere else.

    Every answer of the assistant is learned, but those with `weight` 0. What is
    longer than `max_tokens` is cut off at its end, as providers do.

    Raises:
        Unusable: the template refuses the chat.
    """
    messages = plain(row["messages"])
    tools = row.get("tools")
    whole = render(tokenizer, messages, ask=False, tools=tools)
    spans, missed = [], 0
    for position, message in enumerate(row["messages"]):
        if message["role"] != "assistant" or message.get("weight") == 0:
            continue
        before = render(tokenizer, messages[:position], ask=True, tools=tools) if position else _opening(tokenizer)
        after = render(tokenizer, messages[: position + 1], ask=False, tools=tools)
        span = _span(whole, before, after, messages[position]["content"].strip())
        if span is None:
            missed += 1
        else:
            spans.append(span)
    encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    ids = encoded["input_ids"][:max_tokens]
    starts = [start for start, _ in encoded["offset_mapping"]][:max_tokens]
    learned = [any(low <= start < high for low, high in spans) for start in starts]
    labels = [token if learn else IGNORED for token, learn in zip(ids, learned, strict=True)]
    # Nothing comes before the first token. In a pack it must not be learned from the row in front of it.
    return Example(ids, [IGNORED, *labels[1:]], missed, len(encoded["input_ids"]))


def _opening(tokenizer: Any) -> str:
    """What stands before the first words of a chat that the assistant begins; nobody renders an empty chat."""
    asked = [{"role": "user", "content": "?"}]
    return render(tokenizer, asked, ask=True).removeprefix(render(tokenizer, asked, ask=False))


def _span(whole: str, before: str, after: str, content: str) -> tuple[int, int] | None:
    """Where in `whole` an answer stands that was asked for by `before`, with the end of its turn."""
    shared = _alike(whole, before)
    if shared == len(before) and whole.startswith(after):
        return len(before), len(after)
    # Some templates ask with other words than they keep, or render an answer otherwise once another
    # turn follows it: its text is looked for, then the end of its turn.
    start, last = whole.find(content, shared), after.rfind(content)
    if not content or start < 0 or last < 0:
        return None
    ending, end = after[last + len(content) :], start + len(content)
    return start, end + len(ending) * whole.startswith(ending, end)


def encode_preference(tokenizer: Any, row: Mapping[str, Any], max_tokens: int) -> Preference:
    """One row of a preference file as token ids, each whole chat cut off at `max_tokens`.

    Raises:
        Unusable: the template refuses the chat.
    """
    asked = plain(row["input"]["messages"])
    tools = row["input"].get("tools")
    prompt = render(tokenizer, asked, ask=True, tools=tools)
    wholes = []
    for name in ("preferred_output", "non_preferred_output"):
        text = render(tokenizer, [*asked, *plain(row[name])], ask=False, tools=tools)
        wholes.append(tokenizer(text, add_special_tokens=False)["input_ids"])
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    # The token at the seam may be another one with the answer behind it.
    shared = min(_alike(prompt_ids, whole) for whole in wholes)
    chosen, rejected = (whole[shared:max_tokens] for whole in wholes)
    return Preference(prompt_ids[:shared], chosen, rejected, max(map(len, wholes)))


def _alike(left: Sequence[Any], right: Sequence[Any]) -> int:
    """How many members at the start are the same."""
    return next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
