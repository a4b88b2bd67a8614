"""Rows that are out to harm the screen: each is shown where it is, in its lines, and nothing else stops."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len
from textual.widgets import TextArea
from wcwidth import wcwidth

from ftui.store import Store
from ftui.store.pairs import NewPair
from ftui.ui.widgets.pair_pane import PairReader
from ui.pair_data import Review, new_store

CALL = {"id": "\x1b[1m", "type": "function", "function": {"name": "wipe\x1b[2J", "arguments": '{"a": "\u202e\x07"}'}}
TEXTS = {
    "escape codes": "\x1b[31mred\x1b[2J \x1b]52;c;aGk=\x07 \x9b1m \x1b]0;title\x1b\\ [red]markup[/red] \x08\x7f",
    "right to left": "שלום \u202eevil\u202c عربي \u2066x\u2069 \u200f\u061c",
    "no width": "zero\u200bwidth\u200c\u200d\u2060\ufeff \xad soft \U000e0041\U000e007f tags",
    "emoji": "👨‍👩‍👧‍👦 ❤️ 👍🏽 🏳️‍🌈 🇩🇪🇬🇪 1️⃣ 🧑🏿‍🚀 " * 20,
    "marks": "Z" + "\u0301\u0316" * 400 + "algo e\u0301 ก็ำ नि",
    "wide": "漢字かなカナ한국어，。" * 40,
    "separators": "one\u2028two\u2029three\x0bfour\x0cfive\x85six\r\nseven\rend\ttab",
    "half": "half \ud83d of a pair \udc00",
    "long": "word " * 210_000,
    "one word": "x" * 300_000,
    "lines": "\n" * 5_000 + "after them",
    "blank": " \t ",
}


def chat(question: str, answer: str | None, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer, **more}]


ROWS = [
    *(chat(text, text) for text in TEXTS.values()),
    chat("", ""),
    chat("q", None),
    chat("q", None, tool_calls=[CALL, CALL]),
    chat("q", None, tool_calls=["nonsense", {"function": None}], function_call={"name": 3, "arguments": {"\x1b": 1}}),
    [
        {"role": "odd\x1b[7m", "content": "who"},
        *chat("q", "a"),
        {"role": "tool", "tool_call_id": "\x1b", "content": "t"},
    ],
    [{"role": "user", "content": [{"type": "text", "text": "part\x1b[m"}, {"type": "image_url"}]}, *chat("", "a")[1:]],
]


@pytest.fixture
def store(ui_home: None) -> Iterator[Store]:
    with new_store(pairs=False) as opened:
        for number, messages in enumerate(ROWS):
            text = str(messages[-1]["content"] or "")[:200]
            pair = NewPair(
                messages,
                f"row {number}",
                url="https://x.example/\x1b[2J",
                record=1,
                origin={"passage": text, "heading": text, "template": "\x1b[5m"},
                flags={f"flag\x1b{number}": "\u202ewhy\x1b[31m \x9b " * 9},
                tokens=7,
            )
            assert opened.pairs.add(pair)
        yield opened


def check(review: Review, where: str) -> None:
    """All that is on the screen can be written to a terminal, and two ways to measure it agree that it fits."""
    size = review.app.size
    lines = [strip.text for strip in review.app.screen._compositor.render_strips()]
    assert len(lines) == size.height
    for line in lines:
        line.encode()
        bad = [character for character in line if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")]
        assert not bad, (where, bad, line)
        assert not set(line) & set("\u202e\u2066\u200f\u061c\u200b\u2060\ufeff\xad\U000e0041"), (where, line)
        assert cell_len(line) == size.width, (where, line)
    if review.app.screen.query(TextArea):
        return  # a field shows what is joined as it is, so that it can be edited
    for line in lines:
        assert sum(max(wcwidth(character), 0) for character in line) == size.width, (where, line)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=str)
async def test_every_row_is_shown_everywhere_in_its_lines(store: Store, size: tuple[int, int]) -> None:
    async with Review(size) as review:
        check(review, "list")
        if size[0] < 96:
            await review.press("s")
        # One view after the other, with all rows in each: a key costs far more time than a row.
        for key, where in (("f12", "pane"), ("m", "model's view"), ("enter", "all of the model's view"), ("m", "all")):
            await review.press(key)
            for number in range(len(ROWS)):
                await show(review, number)
                check(review, f"{where} of {number}")
        assert review.place.columns.reading
        for number in range(len(ROWS)):
            await show(review, number)
            review.app.screen.query_one(PairReader).scroll_end(animate=False)
            await review.pilot.pause()
            check(review, f"end of {number}")
            await review.pilot.press("e")
            assert review.app.screen.query(TextArea)
            check(review, f"fields of {number}")
            await review.pilot.press("escape")
        await review.press("escape", "escape", "a")
        assert review.decisions()[-1] == "✓"


async def show(review: Review, number: int) -> None:
    """Go to a row, in whatever view there is."""
    review.place.rows.cursor = number
    review.place._show_pair()
    await review.pilot.pause()
    assert review.current.id == number + 1


async def test_a_hidden_character_survives_an_edit_beside_it(store: Store) -> None:
    number = list(TEXTS).index("no width") + 1
    async with Review() as review:
        await review.press(*["j"] * (number - 1), "e")
        field = list(review.app.screen.query(TextArea))[1]
        assert "\u200b" not in field.text
        field.text = field.text.replace("soft", "hard")
        await review.press("ctrl+s")
    pair = store.pairs.get(number)
    assert pair is not None
    assert pair.text("assistant") == TEXTS["no width"].replace("soft", "hard")
