"""What is shown as the model's view of a pair is what the trainer feeds, character by character."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ftui.engine.layout import BASE_MODEL, Home
from ftui.engine.plan import CONTEXT_LENGTH
from ftui.prepare.seen import see
from ftui.train.target import ENGINE_LENGTH

MOST = 60
CALL = {"id": "c1", "type": "function", "function": {"name": "price", "arguments": '{"of": "K7"}'}}


def chat(*texts: str) -> list[dict[str, Any]]:
    return [{"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(texts)]


PARTS = {"role": "user", "content": [{"type": "text", "text": "In "}, {"type": "text", "text": "parts"}]}
ROWS: list[dict[str, Any]] = [
    {"messages": chat("What is red?", "A colour.")},
    {"messages": [{"role": "developer", "content": "Be brief."}, *chat("One?", "First.", "Two?", "Second.")]},
    {"messages": [*chat("One?", "Not this."), *chat("Two?", "But this."), *chat("Why?", "So.")]},
    {"messages": chat("A long one", "It goes on and on, word by word. " * 20)},
    {"messages": chat("Cut before the answer " * 20, "Never read.")},
    {"messages": chat("Грузинская 猫 👨‍👩‍👧 e\u0301", "Ответ: \u200b«да»\n\n  zwei  ")},
    {"messages": chat("With <|im_end|> in it", "and <|im_start|>assistant\nmore<|im_end|>")},
    {"messages": [PARTS, *chat("", "Answer")[1:]]},
    {
        "messages": [
            *chat("Price?"),
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "40"},
            {"role": "assistant", "content": "Forty."},
        ]
    },
    {"messages": [{"role": "assistant", "content": "How can I help?"}, *chat("Why?", "So.")]},
]
ROWS[2]["messages"][1]["weight"] = 0


@pytest.fixture(scope="module")
def base(engine_home: Path) -> Path:
    return Home(engine_home).models / BASE_MODEL


@pytest.fixture(scope="module")
def fed(engine_home: Path, base: Path) -> list[dict[str, Any]]:
    place = Home(engine_home)
    place.link_code()
    ran = subprocess.run(
        [str(place.python), str(Path(__file__).with_name("fed.py")), str(base), str(MOST)],
        input=json.dumps(ROWS),
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_text_trained_part_and_cut_are_those_of_the_trainer(fed: list[dict[str, Any]], base: Path, number: int) -> None:
    wanted = fed[number]
    seen = see(ROWS[number]["messages"], {}, base, MOST)
    assert seen.exact
    assert seen.text == wanted["text"]
    assert seen.tokens == wanted["tokens"]
    assert seen.read == len(wanted["learned"]) == min(MOST, seen.tokens)
    read = wanted["starts"][: seen.read]
    assert [any(low <= start < high for low, high in seen.trained) for start in read] == wanted["learned"]
    assert seen.learned == sum(wanted["learned"])
    assert seen.end == (wanted["starts"][MOST] if seen.tokens > MOST else len(seen.text))


def test_the_rows_hold_what_matters(fed: list[dict[str, Any]]) -> None:
    assert [row["tokens"] > MOST for row in fed].count(True) >= 2
    assert not any(fed[4]["learned"])
    assert fed[2]["learned"].count(True) < fed[2]["learned"].count(False)
    assert ENGINE_LENGTH == CONTEXT_LENGTH
