"""Rows that are longer than a model reads: flagged with the place of the cut."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ftui.prepare import Pair, prepare, prepare_in_steps, tokens
from ftui.prepare.limit import Limit
from ftui.prepare.recipe import Answers, Mixture, Questions, Recipe, Tokens
from prepare.test_lengths import model as model

WORDS = [f"word{number}" for number in range(900)]


def record(words: int, **more: Any) -> dict[str, Any]:
    data = {"question": "Which words are there?", "answer": " ".join(WORDS[:words]) + ".", **more}
    return {"id": words, "source": 1, "url": "", "title": "", "data": data}


def recipe(most: int) -> Recipe:
    return Recipe(
        tokens=Tokens(most), answers=Answers(most=90_000), questions=Questions(presentations=1), mixture=Mixture(0.0)
    )


def flags(most: int, words: int, limit: Limit | None = None) -> dict[str, str]:
    items = prepare_in_steps([record(words)], recipe(most), limit=limit)
    [pair] = [item for item in items if isinstance(item, Pair)]
    return dict(pair.flags)


def test_a_row_that_is_cut_says_after_which_words() -> None:
    reason = flags(700, 800)["cut"]
    found = re.fullmatch(r"the last ([\d,]+) of ([\d,]+) tokens, from “(.+)…”", reason)
    assert found
    lost, total = (int(found[number].replace(",", "")) for number in (1, 2))
    [pair] = [item for item in prepare([record(800)], recipe(700)) if isinstance(item, Pair)]
    assert total == pair.tokens
    assert lost == total - 700
    answer = pair.messages[-1]["content"]
    # What stands before the words that are named fills the row as far as it is read.
    before = answer[: answer.rindex(found[3])]
    assert abs(700 - (total - tokens.count(answer) + tokens.count(before))) <= 4


@pytest.mark.parametrize(("most", "words"), [(0, 800), (10_000, 800), (700, 20)])
def test_a_row_that_fits_has_no_flag(most: int, words: int) -> None:
    assert "cut" not in flags(most, words)


def test_the_models_own_tokenizer_counts(model: Path) -> None:
    # One token a word there, three a word at OpenAI.
    assert "cut" not in flags(0, 600, Limit(700, model, estimate=True))
    reason = flags(0, 800, Limit(700, model, estimate=True))["cut"]
    assert reason.startswith("the last 1")
    assert "OpenAI" not in reason


def test_an_estimate_is_called_one(tmp_path: Path) -> None:
    assert flags(0, 800, Limit(700, tmp_path, estimate=True))["cut"].endswith("”, as OpenAI counts")


def test_other_scripts_are_not_taken_for_short() -> None:
    text = "水壶可以装一点三升水，很安静。" * 60
    [pair] = [item for item in prepare([record(1, answer=text)], recipe(len(text) // 2)) if isinstance(item, Pair)]
    assert pair.tokens > len(text) // 2
    assert "cut" in pair.flags
