"""What a model gets to read, where its template or its tokenizer is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftui.errors import InputError
from ftui.prepare import seen as module
from ftui.prepare.seen import Seen, pieces, see

CHAT: list[dict[str, Any]] = [
    {"role": "user", "content": "Price?"},
    {"role": "assistant", "content": "Not this.", "weight": 0},
    {"role": "user", "content": "Price, please?"},
    {"role": "assistant", "content": "Forty crowns and a few more words."},
]
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, "eos_token": "</s>"}))
    return tmp_path


def parts(seen: Seen, ranges: tuple[tuple[int, int], ...]) -> list[str]:
    return [seen.text[low:high] for low, high in ranges]


def test_as_it_is_sent_where_the_template_is_the_provider_s() -> None:
    seen = see(CHAT, {"tools": [{"type": "function"}]}, None, None)
    assert seen.text.startswith('tools: [{"type": "function"}]\nrole: user\nPrice?\nrole: assistant\nNot this.\n')
    assert parts(seen, seen.trained) == ["Forty crowns and a few more words.\n"]
    assert "provider's own" in seen.note
    assert (seen.end, seen.lost, seen.exact) == (len(seen.text), 0, False)


def test_the_cut_of_a_row_that_is_sent() -> None:
    whole = see(CHAT, None, None, None)
    seen = see(CHAT, None, None, whole.tokens - 6)
    assert (seen.tokens, seen.lost) == (whole.tokens, 6)
    assert "Forty crowns" in seen.text[: seen.end]
    assert "words" in seen.text[seen.end :]


def test_the_template_without_the_tokenizer(folder: Path) -> None:
    seen = see(CHAT, None, folder, None)
    assert (
        seen.text
        == "<|user|>Price?<|assistant|>Not this.<|user|>Price, please?<|assistant|>Forty crowns and a few more words."
    )
    assert parts(seen, seen.trained) == ["Forty crowns and a few more words."]
    assert parts(seen, seen.special) == ["<|user|>", "<|assistant|>", "<|user|>", "<|assistant|>"]
    assert "estimated" in seen.note
    cut = see(CHAT, None, folder, seen.tokens - 5)
    assert cut.text[cut.end :]
    assert seen.text.startswith("<|user|>Price?<|assistant|>Not this.<|user|>Price, please?", 0, cut.end)


def test_tool_calls_are_sent_and_trained() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "price", "arguments": "{}"}}
    seen = see([CHAT[0], {"role": "assistant", "content": None, "tool_calls": [call]}], None, None, None)
    assert "".join(parts(seen, seen.trained)).startswith('tool_calls: [{"id": "c1"')


def test_the_pieces_are_the_text(folder: Path) -> None:
    seen = see(CHAT, None, folder, 30)
    found = list(pieces(seen))
    assert "".join(text for text, *_ in found) == seen.text
    assert "".join(text for text, _, _, read in found if read) == seen.text[: seen.end]
    assert "".join(text for text, trained, _, _ in found if trained) == "Forty crowns and a few more words."


@pytest.mark.parametrize(
    "template", [None, "{{ raise_exception('no roles here') }}", "{% for %}", "{{ ''.__class__.x.y }}"]
)
def test_a_template_that_cannot_be_used_is_told_of(folder: Path, template: str | None) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    with pytest.raises(InputError, match="chat template"):
        see(CHAT, None, folder, None)


def test_a_tokenizer_that_cannot_be_read_is_told_of(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    module._model.cache_clear()
    with pytest.raises(InputError, match="tokenizer"):
        see(CHAT, None, folder, None)
