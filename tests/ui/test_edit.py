"""Editing a pair, here and in another program; the recipe screen."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.widgets import TextArea

from ftui import paths
from ftui.errors import InputError
from ftui.store import Store
from ftui.store.pairs import AT_ONCE, Decision, NewPair
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.edit import EditScreen
from ftui.ui.widgets import pair_editing, pair_editor
from ui.pair_data import Review, new_pair, new_store
from ui.screen import golden, settle
from ui.terminal import Terminal

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as opened:
        yield opened


def field(review: Review, number: int) -> TextArea:
    return list(review.app.screen.query(TextArea))[number]


def answer(store: Store, pair: int = 1) -> str:
    found = store.pairs.get(pair)
    assert found is not None
    return found.text("assistant")


# In fields


@SIZES
async def test_editing_looks_like_this(store: Store, size: tuple[int, int]) -> None:
    async with Review(size) as review:
        await review.press("e")
        await golden(review.app, f"edit-{size[0]}x{size[1]}")


async def test_undo_and_redo_of_an_edit_across_a_preparation_work_its_flags_out_anew(store: Store) -> None:
    def short() -> str:
        found = store.pairs.get(1)
        assert found is not None
        return found.flags.get("short", "")

    def prepare(reason: str) -> None:
        made = store.pairs.get(1)
        assert made is not None
        with store.pairs.replacing() as replacing:
            replacing.put([NewPair(made.messages, made.digest, flags={"unsupported": reason}, tokens=made.tokens)])

    async with Review() as review:
        await review.press("e")
        field(review, 1).text = "Wet."
        await review.press("ctrl+s")
        assert short() == "an answer of 4 characters"
        prepare("prepared since")
        store.recipe_path.write_text("[cleaning]\nshort = 3\n", "utf-8")
        await review.press("u")
        assert review.bottom.startswith("undone: edited 001 · ctrl+r redo")
        found = store.pairs.get(1)
        assert found is not None
        assert found.flags == {"unsupported": "prepared since"}
        await review.press("j", "ctrl+r")
        await review.until(lambda: review.bottom.startswith("done again: edited 001 · u undo"))
        assert review.current.id == 1
        assert review.current.flags == {"unsupported": "prepared since"}, "four characters are enough by now"
        assert answer(store) == "Wet."
        store.recipe_path.write_text("[cleaning]\nshort = 5\n", "utf-8")
        await review.press("u", "ctrl+r")
        await review.until(lambda: review.bottom.startswith("done again: edited 001 · u undo"))
        assert review.current.flags == {
            "unsupported": "prepared since",
            "short": "an answer of 4 characters",
        }
        assert not review.place._bulk.busy


async def test_undo_and_redo_by_hand_have_their_pair_after_a_stricter_recipe(store: Store) -> None:
    async with Review() as review:
        await review.press("e")
        field(review, 1).text = "Wet."
        await review.press("ctrl+s", "a", "u", "u")
        with store.pairs.replacing() as replacing:
            assert replacing.finish() > 0
        await review.press("ctrl+r")
        await review.until(lambda: review.bottom.startswith("done again: edited 001 · u undo"))
        assert answer(store) == "Wet."
        await review.press("ctrl+r")
        await review.until(lambda: review.bottom.startswith("done again: accepted 001 · u undo"))
        assert review.decisions() == "✓"


async def test_undo_of_many_says_how_many_pairs_are_gone(store: Store) -> None:
    many = [new_pair(f"Question {number}?", "Yes.") for number in range(AT_ONCE)]
    for pair in many:
        store.pairs.add(pair)
    ids = store.pairs.ids()
    store.pairs.decide(ids, Decision.REJECTED)
    store.pairs.undo()
    with store.pairs.replacing() as replacing:
        replacing.put(many[:3])
        replacing.finish()
    async with Review() as review:
        await review.press("ctrl+r")
        await review.until(lambda: review.bottom.startswith("done again: rejected 3 pairs"))
        assert review.bottom.startswith(
            f"done again: rejected 3 pairs, {len(ids) - 3:,} are not made any more · u undo"
        )
        await review.press("u")
        await review.until(lambda: review.bottom.startswith("undone: rejected 3 pairs, "))
        with store.pairs.replacing() as replacing:
            replacing.finish()
        store.pairs.add(new_pair("Another?", "Yes."))
        await review.press("ctrl+r")
        await review.until(lambda: review.bottom.startswith("nothing is there to do again of: rejected 2,0"))
        assert "the recipe makes none of them any more · ctrl+r goes on" in review.bottom


async def test_a_saved_edit_is_in_the_list_and_can_be_undone(store: Store) -> None:
    before = answer(store)
    async with Review() as review:
        await review.press("e")
        field(review, 1).text = "Wet sensor.\nDry it."
        await review.press("ctrl+s")
        edited = store.pairs.get(1)
        assert edited is not None
        assert edited.edited
        assert edited.text("assistant") == "Wet sensor.\nDry it."
        assert edited.tokens < 40
        assert "Wet sensor. Dry it." in review.screen
        assert review.bottom.startswith("edited 001 · u undo")
        await review.press("u")
        assert answer(store) == before


async def test_a_flag_goes_with_its_reason_and_comes_back_with_it(ui_home: Path) -> None:
    short, gone = {"short": "an answer of 4 characters", "unsupported": "not in the source: 42"}, "unsupported"
    with new_store(pairs=False) as store:
        store.pairs.add(replace(new_pair("How long?", "Long."), flags=short, risk=0.8))

        def flags() -> list[str]:
            pair = store.pairs.get(1)
            assert pair is not None
            return sorted(pair.flags)

        async with Review() as review:
            assert "! short: an answer of 4 characters" in review.screen
            await review.press("e")
            field(review, 1).text = "Twenty minutes with two spoons of citric acid."
            await review.press("ctrl+s")
            await review.until(lambda: flags() == [gone])
            await settle(review.pilot)
            assert "short:" not in review.screen
            assert "! unsupported" in review.screen
            await review.press("u")
            assert flags() == ["short", gone]
            assert "! short: an answer of 4 characters" in review.screen
            await review.press("ctrl+r")
            assert flags() == [gone]
            await review.press("U")
            assert flags() == ["short", gone]
            store.recipe_path.write_text("seed = oops", "utf-8")
            await review.press("e")
            field(review, 1).text = "Mail to anna@lumora.example."
            await review.press("ctrl+s")
            await review.until(lambda: flags() == ["personal", "short", gone])


async def test_leaving_with_changes_asks(store: Store) -> None:
    before = answer(store)
    async with Review() as review:
        await review.press("e")
        field(review, 1).text = "Something else."
        await review.press("escape")
        assert isinstance(review.app.screen, AskScreen)
        await review.press("n")
        assert field(review, 1).text == "Something else."
        await review.press("escape", "y")
        assert answer(store) == before
        assert review.bottom.startswith("001 is as it was")
        await review.press("e", "escape")
        assert not isinstance(review.app.screen, AskScreen | EditScreen)


async def test_ctrl_q_asks_before_anything_typed_is_lost(store: Store) -> None:
    async with Review() as review:
        await review.press("e")
        field(review, 1).text = "Something else."
        await review.press("ctrl+q")
        assert "Quit without saving?" in review.screen
        await review.press("ctrl+q", "n")
        assert field(review, 1).text == "Something else."
        await review.press("ctrl+s", "R", "e", "X", "ctrl+q")
        assert "Quit without saving?" in review.screen
        await review.press("y")
        assert not review.app.is_running


async def test_saving_a_long_pair_says_so_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, usual = Event(), pair_editing._worked_out

    def waiting(*values: Any) -> Any:
        gate.wait(30)
        return usual(*values)

    said = "So it is done. " * 8000
    store.pairs.edit(1, [{"role": "user", "content": "How?"}, {"role": "assistant", "content": said}], 9)
    async with Review() as review:
        await review.press("g", "e", "N")
        monkeypatch.setattr(pair_editing, "_worked_out", waiting)
        for key in ("ctrl+s", "j", "a"):
            review.app.post_message(events.Key(key, key if len(key) == 1 else None))
        # Not `until`: a pilot waits for the key that is being handled.
        for _ in range(500):
            if "saving …" in review.screen:
                break
            await asyncio.sleep(0.02)
        assert "saving …" in review.screen
        gate.set()
        await review.until(lambda: not isinstance(review.app.screen, EditScreen))
        await review.until(lambda: store.pairs.counts().accepted == 1)
        assert "saving …" not in review.screen
    assert answer(store).startswith("So it is done.")
    assert "N" in answer(store)
    assert review.decisions() == "·✓" + "·" * 6, "the keys behind it come in their order"


async def test_an_empty_answer_is_refused_and_what_was_typed_stays(store: Store) -> None:
    async with Review() as review:
        await review.press("e")
        field(review, 0).text = "A new question?"
        field(review, 1).text = "  "
        await review.press("ctrl+s")
        assert "✗ A pair ends with an answer: the assistant's text is empty" in review.screen
        assert field(review, 0).text == "A new question?"
        field(review, 1).text = "A new answer."
        await review.press("ctrl+s")
        assert answer(store) == "A new answer."


async def test_a_write_that_fails_loses_nothing_that_was_typed(store: Store) -> None:
    async with Review() as review:
        await review.press("e")
        field(review, 1).text = "A new answer."
        with sqlite3.connect(store.database.path) as other:
            other.execute("ALTER TABLE pair_originals RENAME TO gone")
        await review.press("ctrl+s")
        assert "✗" in review.screen
        assert "pair_originals" in review.screen
        assert field(review, 1).text == "A new answer."
        with sqlite3.connect(store.database.path) as other:
            other.execute("ALTER TABLE gone RENAME TO pair_originals")
        await review.press("ctrl+s")
        assert answer(store) == "A new answer."


async def test_a_message_that_was_not_touched_keeps_its_characters(store: Store) -> None:
    odd = "bell\x07 tab\t crlf\r\n end\x1b[0m"
    store.pairs.add(new_pair(odd, "fine"))
    async with Review() as review:
        await review.press("G", "e")
        assert "bell␇" in field(review, 0).text
        assert "\x1b" not in field(review, 0).text
        field(review, 1).text = "better"
        await review.press("ctrl+s")
    pair = store.pairs.get(9)
    assert pair is not None
    assert (pair.text("user"), pair.text("assistant")) == (odd, "better")


async def test_pictures_made_of_several_characters_are_shown_in_parts_and_kept_whole(store: Store) -> None:
    flag, family, wave = "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f468\u200d\U0001f467", "\U0001f44b\U0001f3fd"
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    store.pairs.add(new_pair(f"{flag} {family} {wave} \U0001f1e9\U0001f1ea {persian}", "fine"))
    async with Review() as review:
        await review.press("G", "e")
        shown = field(review, 0).text
        assert not set("\ufe0f\u200d\U0001f3fd\U0001f1e9") & set(shown), "terminals do not agree how wide they are"
        assert persian in shown
        field(review, 0).focus()
        await review.press("!", "ctrl+s")
    pair = store.pairs.get(9)
    assert pair is not None
    assert pair.text("user") == f"!{flag} {family} {wave} \U0001f1e9\U0001f1ea {persian}"


CALL = {"id": "c1", "type": "function", "function": {"name": "price", "arguments": '{"of": "K7"}'}}
CALLING: list[dict[str, Any]] = [
    {"role": "user", "content": "Price?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "40"},
    {"role": "assistant", "content": "Forty."},
]


def add(store: Store, messages: list[dict[str, Any]]) -> int:
    pair = store.pairs.add(NewPair(messages, repr(messages)))
    assert pair is not None
    return pair


async def test_what_was_changed_is_shown_before_it_is_saved(store: Store) -> None:
    async with Review() as review:
        await review.press("e")
        field(review, 1).text = answer(store).replace("lid sensor", "cover sensor")
        await review.until(lambda: "[-lid-]{+cover+} sensor" in review.screen)


async def test_tool_calls_stay_as_they_are(store: Store) -> None:
    pair = add(store, CALLING)
    async with Review() as review:
        await review.press("G", "e")
        assert '→ price {"of": "K7"}' in review.screen
        field(review, 3).text = "Forty crowns."
        await review.press("ctrl+s")
    edited = store.pairs.get(pair)
    assert edited is not None
    assert list(edited.messages) == [*CALLING[:3], {"role": "assistant", "content": "Forty crowns."}]


IMAGE = {"type": "image_url", "image_url": {"url": "https://shop.test/k7.jpg"}}
PICTURED: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "What is this?"}, IMAGE]},
    {"role": "assistant", "content": "A kettle."},
]


async def test_an_image_beside_a_text_is_named_and_outlives_an_edit(store: Store) -> None:
    pair = add(store, PICTURED)
    async with Review() as review:
        await review.press("G", "enter")
        assert "user · and image_url" in review.screen
        await review.press("escape", "e")
        assert "+ image_url stays as it is" in review.screen
        field(review, 0).text = "What is that?"
        await review.press("ctrl+s")
    edited = store.pairs.get(pair)
    assert edited is not None
    assert edited.messages[0]["content"] == [{"type": "text", "text": "What is that?"}, IMAGE]


def test_an_image_outlives_an_editor() -> None:
    text = pair_editor.to_text(PICTURED)
    assert "=== user  (holds image_url, which stays as it is)\n" in text
    edited = pair_editor.from_text(text.replace("this", "that"), PICTURED)
    assert edited[0]["content"] == [{"type": "text", "text": "What is that?"}, IMAGE]


async def test_turns_are_added_and_emptied_messages_left_out(store: Store) -> None:
    chat = [
        {"role": role, "content": text} for role, text in (("system", "Be brief."), ("user", "A?"), ("assistant", "B"))
    ]
    pair = add(store, chat)
    async with Review() as review:
        await review.press("G", "e", "ctrl+n")
        field(review, 0).text = ""
        field(review, 3).text = "And C?"
        field(review, 4).text = "D."
        await review.press("ctrl+s")
        await review.press("e", "ctrl+n", "ctrl+s")
        assert review.bottom.startswith(f"00{pair} is as it was")
    edited = store.pairs.get(pair)
    assert edited is not None
    assert [message["content"] for message in edited.messages] == ["A?", "B", "And C?", "D."]


async def test_of_a_very_long_text_the_beginning_is_edited_and_the_rest_stays(store: Store) -> None:
    long = "A long way to go. " * 60_000
    pair = add(store, [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": long}])
    async with Review((80, 24)) as review:
        await review.press("G", "e")
        await review.until(lambda: "the first 20,000 of 1,080,000 characters" in review.screen)
        field(review, 1).text = "It is " + field(review, 1).text
        await review.press("ctrl+s")
    edited = store.pairs.get(pair)
    assert edited is not None
    assert edited.text("assistant") == "It is " + long


# Quick fingers, or a slow line


def typed(review: Review, *keys: str) -> None:
    """All keys wait before the first one is looked at."""
    for key in keys:
        review.app.post_message(events.Key(key, key[-1] if len(key.removeprefix("alt+")) == 1 else None))


async def test_what_is_typed_right_behind_e_is_at_the_end_of_the_answer(store: Store) -> None:
    texts = {"system": "Be brief.", "user": "A?", "assistant": "B"}
    add(store, [{"role": role, "content": text} for role, text in texts.items()])
    async with Review() as review:
        await review.press("G")
        typed(review, "e", "x", "Y", "ctrl+n", "C")
        wanted = ["Be brief.", "A?", "BxY", "C", ""]
        await review.until(lambda: [area.text for area in review.app.screen.query(TextArea)] == wanted)
        assert store.pairs.counts().decided == 0


async def test_what_is_typed_right_behind_ctrl_s_is_for_the_list(store: Store) -> None:
    before = answer(store)
    async with Review() as review:
        typed(review, "e", "Q", "ctrl+s", "j", "x")
        await review.until(lambda: store.pairs.counts().rejected == 1)
        assert answer(store) == before + "Q"
        assert review.decisions() == "·✗" + "·" * 6


@pytest.mark.parametrize("keys", [("escape", "j"), ("alt+j",)])
async def test_what_is_typed_right_behind_esc_is_for_the_list(store: Store, keys: tuple[str, ...]) -> None:
    async with Review() as review:
        typed(review, "e", *keys, "x")
        await review.until(lambda: store.pairs.counts().rejected == 1)
        assert review.decisions() == "·✗······"
        assert not isinstance(review.app.screen, AskScreen | EditScreen)


@pytest.mark.parametrize("keys", [("escape", "j"), ("alt+j",)])
async def test_what_is_typed_right_behind_esc_is_not_in_the_text_that_is_left(
    store: Store, keys: tuple[str, ...]
) -> None:
    before = answer(store)
    async with Review() as review:
        typed(review, "e", "Q", *keys, "a")
        await review.until(lambda: isinstance(review.app.screen, AskScreen))
        await review.press("n")
        assert field(review, 1).text == before + "Q"


def test_esc_and_a_key_in_one_read_are_two_keys(store: Store, ui_home: Path) -> None:
    before = answer(store)
    terminal = Terminal(ui_home)
    try:
        terminal.until("worker idle")
        terminal.press("3")
        terminal.until("What does E4 mean")
        # `y` is no answer to a question that was not there yet.
        terminal.press("eQ\x1by\x1b[B")
        terminal.until("Leave without saving?")
        terminal.press("n")
        terminal.until("Leave without saving?", gone=True)
        terminal.press("\x13")
        terminal.until("edited 001")
        terminal.press("e\x1bjx")
        terminal.until("rejected 002")
    finally:
        terminal.kill()
    assert answer(store) == before + "Q"


# In the person's own editor

MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant"]),
            "content": st.text(st.characters(blacklist_categories=["Cs"]))
            | st.sampled_from(["=== user", "a\n\n", "#"]),
        }
    ),
    min_size=1,
    max_size=4,
)


@given(MESSAGES)
def test_a_text_for_the_editor_comes_back_as_it_was(messages: list[dict[str, str]]) -> None:
    assert pair_editor.from_text(pair_editor.to_text(messages)) == messages


def test_what_is_beside_the_texts_comes_back_too() -> None:
    text = pair_editor.to_text(CALLING)
    assert "=== assistant  (calls price, which stays as it is)\n" in text
    assert pair_editor.from_text(text, CALLING) == CALLING
    edited = pair_editor.from_text(text.replace("Forty.", "Forty crowns."), CALLING)
    assert edited == [*CALLING[:3], {"role": "assistant", "content": "Forty crowns."}]


@pytest.mark.parametrize("text", ["What does E4 mean?", "=== poet\nhello\n", "# only a comment\nhm"])
def test_a_text_without_roles_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        pair_editor.from_text(text)


def program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a shell script the person's editor."""
    path = folder / "my editor"
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("VISUAL", f"'{path}' --wait")


PAIR = [{"role": "user", "content": "Was?"}, {"role": "assistant", "content": "Das."}]


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("sed -i s/Das/Dies/ $2", "Dies."),
        ("true", None),
        (": > $2", None),
    ],
)
def test_an_editor_changes_a_pair_or_not(
    ui_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, wanted: str | None
) -> None:
    program(tmp_path, script, monkeypatch)
    edited = pair_editor.edit(PAIR)
    assert (edited and edited[1]["content"]) == wanted
    assert not list(paths.cache_dir().glob("pair-*"))


def test_what_was_written_in_the_editor_is_kept_when_it_cannot_be_read(
    ui_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "echo my long answer > $2", monkeypatch)
    with pytest.raises(InputError) as caught:
        pair_editor.edit(PAIR)
    [kept] = paths.cache_dir().glob("pair-*")
    assert str(kept) in caught.value.do
    assert kept.read_text("utf-8") == "my long answer\n"


def test_an_editor_that_fails_or_is_missing(ui_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "exit 3", monkeypatch)
    with pytest.raises(InputError, match="ended with code 3"):
        pair_editor.edit(PAIR)
    assert not list(paths.cache_dir().glob("pair-*"))
    monkeypatch.setenv("VISUAL", "no-such-editor")
    with pytest.raises(InputError, match="no-such-editor is not a program here"):
        pair_editor.edit(PAIR)


def test_what_was_written_in_the_editor_goes_on_in_the_fields_when_it_cannot_be_saved(
    store: Store, ui_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = f"import sqlite3; sqlite3.connect({str(store.database.path)!r}).execute('ALTER TABLE {{}} RENAME TO {{}}')"
    break_it = f"'{sys.executable}' -c \"{rename.format('pair_originals', 'gone')}\""
    program(tmp_path, f"sed -i '$s/.*/My long answer./' \"$2\"; {break_it}", monkeypatch)
    terminal = Terminal(ui_home)
    try:
        terminal.until("worker idle")
        terminal.press("3")
        terminal.until("What does E4 mean")
        terminal.press("E")
        terminal.until("pair_originals")
        terminal.until("My long answer.")
        with sqlite3.connect(store.database.path) as other:
            other.execute("ALTER TABLE gone RENAME TO pair_originals")
        terminal.press("\x13")
        terminal.until("edited 001")
    finally:
        terminal.kill()
    assert answer(store) == "My long answer."


async def test_without_a_terminal_to_lend_it_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "true", monkeypatch)
    async with Review() as review:
        await review.press("E")
        assert review.bottom.startswith("this terminal cannot be lent to an editor")
        monkeypatch.setenv("VISUAL", "no-such-editor")
        await review.press("E")
        assert "✗ There is no editor to open" in review.screen
