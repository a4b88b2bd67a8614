"""Lengths of rows, the place of a cut, and what packing saves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.errors import InputError
from ftui.prepare import tokens
from ftui.prepare.lengths import Lengths
from ftui.prepare.pair import conversation
from ftui.prepare.tokenizer import OfModel, OpenAI, known, of

CHAT = conversation("Be kind.", "Why is the sky blue? 请 🙂", "Because of light that is scattered. " * 20)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(8, 40))
def test_packing_fills_no_more_sequences_than_rows_and_no_fewer_than_it_must(rows: list[int], length: int) -> None:
    packed = Lengths(rows).packed(length, batch=4)
    fitting = [min(row, length) for row in rows]
    assert packed.tokens == sum(fitting)
    assert packed.cut == sum(row > length for row in rows)
    assert -(-packed.tokens // length) <= packed.sequences <= len(rows)
    # Where two sequences were half empty, one of them would have gone into the other.
    assert packed.sequences <= max(2 * packed.tokens / length + 1, 1)


def test_what_packing_saves() -> None:
    packed = Lengths([100, 10, 10, 10, 60, 40]).packed(100, batch=3)
    assert (packed.sequences, packed.packed, packed.padded) == (3, 300, 3 * 100 + 3 * 60)
    assert packed.saved == pytest.approx(1 - 300 / 480)
    assert Lengths().packed(100).saved == 0


def test_shares() -> None:
    lengths = Lengths(range(1, 101))
    assert (len(lengths), lengths.total, lengths.over(90), lengths.at(0.5), lengths.at(1)) == (100, 5050, 10, 51, 100)


def read(messages: Any, cut: Any) -> list[str]:
    """What is left of a chat that is cut."""
    return [*(m["content"] for m in messages[: cut.message]), messages[cut.message]["content"][: cut.character]]


@settings(deadline=None)  # the vocabulary is loaded first
@given(st.integers(1, 400))
def test_the_place_of_the_cut_is_where_the_tokens_end(most: int) -> None:
    counter = OpenAI()
    whole = counter.count(CHAT)
    cut = counter.cut(CHAT, most)
    if most >= whole:
        assert cut is None
        return
    assert cut
    assert (cut.tokens, cut.lost) == (whole, whole - most)
    left = read(CHAT, cut)
    kept = sum(3 + 1 + tokens.count(text) for text in left)
    # A message whose own frame does not fit any more is not begun.
    assert kept <= most + 4


def test_tools_count() -> None:
    assert OpenAI().count(CHAT, {"tools": [{"type": "function"}]}) > OpenAI().count(CHAT)
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    assert OpenAI().count([{"role": "assistant", "content": None, "tool_calls": [call]}]) > 15


TEMPLATE = (
    "{% for m in messages %}{{ '<|start|>' + m['role'] + '\n' + m['content'] + '<|end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ raise_exception('not asked') }}{% endif %}"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model's folder: one token a word or mark, as its file says."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(["<|start|>", "<|end|>"])
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    return tmp_path


def test_a_model_counts_with_its_own_tokenizer_and_template(model: Path) -> None:
    counter = of(model)
    assert isinstance(counter, OfModel)
    chat = conversation("", "one two three", "four five six seven")
    # <|start|> role, the words, <|end|> for each message.
    assert counter.count(chat) == 3 + 3 + 3 + 4
    cut = counter.cut(chat, 10)
    assert cut
    assert (cut.message, cut.lost, read(chat, cut)[-1].strip()) == (1, 3, "four five")
    assert counter.cut(chat, 13) is None
    assert counter.cut(chat, 1) is not None


def test_without_a_model_openai_counts(tmp_path: Path) -> None:
    assert not known(tmp_path)
    assert isinstance(of(tmp_path), OpenAI)
    assert isinstance(of(None), OpenAI)


def test_a_template_that_cannot_be_used_says_so(model: Path) -> None:
    settings = {"chat_template": "{{ raise_exception('no tools') }}"}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="no tools"):
        OfModel(model).count(CHAT)
    (model / "chat_template.jinja").write_text("{{ messages.__class__.__mro__ }}")
    with pytest.raises(InputError):
        OfModel(model).count(CHAT)
    (model / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        OfModel(model)
    shutil.rmtree(model)
