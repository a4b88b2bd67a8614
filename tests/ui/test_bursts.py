"""Keys that come in one read, as from quick fingers or over a slow line: each does what it would have done alone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftui.store import Store
from ftui.store.pairs import Decision, NewPair
from ui.pair_data import new_pair, new_store
from ui.terminal import Terminal

BACKSPACE, HOME, END, CLEAR, TAB = "\x7f", "\x1b[H", "\x1b[F", "\x15", "\t"


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as opened:
        yield opened


@pytest.fixture
def terminal(store: Store, ui_home: Path) -> Iterator[Terminal]:
    """ftui in its Pairs."""
    started = Terminal(ui_home)
    try:
        started.until("worker idle")
        started.press("3")
        started.until("What does E4 mean")
        yield started
    finally:
        started.kill()


def test_behind_a_question_that_is_counted_for_they_are_its_answer(store: Store, terminal: Terminal) -> None:
    terminal.press("\x01nj\x04y")
    terminal.until("rejected 8 pending pairs")
    assert store.pairs.counts().rejected == 8


def test_behind_a_place_that_is_gone_to_they_are_for_that(store: Store, terminal: Terminal) -> None:
    terminal.press("4ax3jx")
    terminal.until("rejected 002")
    assert store.pairs.counts().decided == 1


def test_behind_c_they_are_for_the_chat(store: Store, terminal: Terminal) -> None:
    terminal.press("cax")
    terminal.until(" ax")
    terminal.press("y\x1bjx")
    terminal.until("rejected 002")
    assert store.pairs.counts().decided == 1


def test_behind_a_filter_over_many_they_are_for_what_it_shows(ui_home: Path) -> None:
    with new_store(records=False, pairs=False) as store:
        with store.pairs.replacing() as replacing:
            replacing.put([new_pair(f"question {number}?", f"answer {number}") for number in range(6_000)])
            replacing.finish()
        started = Terminal(ui_home)
        try:
            started.until("worker idle")
            started.press("3")
            started.until("question 3?")
            started.press("/5123\ra")
            started.until("accepted 5124")
            started.press(f"/{CLEAR}flag:html\rax")
            started.until("flag:htmlax")
            started.press("\x1b")
            started.until("“5123”")
            assert store.pairs.counts().decided == 1
        finally:
            started.kill()


def test_ctrl_q_behind_what_was_typed_asks(terminal: Terminal) -> None:
    terminal.press("eXYZ\x11")
    terminal.until("Quit without saving?")
    terminal.press("n\x1b")
    terminal.until("Leave without saving?")


def test_behind_a_choice_they_answer_what_it_asks(terminal: Terminal) -> None:
    terminal.press("Re#\x1b")
    terminal.until("changed, not saved")
    terminal.press("n4y")
    terminal.until("begun: article to summary")


def test_behind_e_they_are_text_of_the_recipe(terminal: Terminal) -> None:
    terminal.press("RenpX")
    terminal.until("npX")
    terminal.press("Y\x1bn")
    terminal.until("Begin a recipe")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (f"abc{BACKSPACE}{BACKSPACE}d", "ad"),
        (f"ttle{HOME}ke{END}s", "kettles"),
        (f"abc{CLEAR}new", "new"),
    ],
)
def test_in_a_filter_each_has_its_turn(terminal: Terminal, typed: str, words: str) -> None:
    terminal.press(f"/{typed}\r")
    terminal.until(f"“{words}”")


def test_in_the_editor_each_has_its_turn(store: Store, terminal: Terminal) -> None:
    pair = store.pairs.get(1)
    assert pair is not None
    before = pair.text("assistant")
    terminal.press(f"e abc{BACKSPACE}{BACKSPACE}d\re{TAB}{HOME}Q{TAB}f\x13")
    terminal.until("edited 001")
    pair = store.pairs.get(1)
    assert pair is not None
    assert pair.text("assistant") == before + " ad\nef"


def test_behind_an_undo_beside_the_screen_they_have_their_turn(store: Store, terminal: Terminal) -> None:
    """An edit from before a preparation is done again in a thread, for its flags have to be worked out anew."""
    answers = ["Wet.", "Wet sensor.", "The lid sensor is wet."]
    pair = store.pairs.get(1)
    assert pair is not None
    for text in answers:
        edited = [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]
        store.pairs.edit(1, edited, 5)
    with store.pairs.replacing() as replacing:
        replacing.put([NewPair(pair.messages, pair.digest, tokens=5)])
    terminal.press("uuu")
    terminal.until("undone: edited 001")
    wait_for(lambda: answer(store) == pair.messages[-1]["content"])
    terminal.press("\x12\x12\x12x")
    terminal.until("rejected 001")
    assert answer(store) == answers[-1]
    terminal.press("u\x12ua")
    terminal.until("accepted 001")
    assert (answer(store), store.pairs.counts().rejected) == (answers[-1], 0)


def test_behind_the_undo_of_a_step_over_many_pairs_they_have_their_turn(store: Store, terminal: Terminal) -> None:
    many = [new_pair(f"Question {number}?", f"Answer {number}.") for number in range(20_000)]
    with store.pairs.replacing() as replacing:
        replacing.put(many)
    store.pairs.decide([1], Decision.ACCEPTED)
    store.pairs.decide([2], Decision.ACCEPTED)
    with contextlib.closing(store.pairs.deciding(list(range(3, 20_000)), Decision.REJECTED)) as steps:
        for _ in steps:
            pass
    wait_for(lambda: store.pairs.counts().rejected > 19_000)
    terminal.press("uuu")
    wait_for(lambda: store.pairs.counts().decided == 0)
    terminal.until("undone: accepted 00001")
    terminal.press("\x12\x12\x12")
    wait_for(lambda: store.pairs.counts().decided > 19_000)
    terminal.until("done again: rejected 19,997 pairs")


def answer(store: Store) -> str:
    pair = store.pairs.get(1)
    assert pair is not None
    return str(pair.messages[-1]["content"])


def wait_for(right: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not right():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_behind_the_yes_to_many_pairs_u_leaves_older_steps_alone(store: Store, terminal: Terminal) -> None:
    with store.pairs.replacing() as replacing:
        replacing.put([new_pair(f"Question {number}?", f"Answer {number}.") for number in range(20_000)])
    store.pairs.decide([1], Decision.ACCEPTED)
    terminal.until("1/20,008")
    for _ in range(4):
        terminal.press("\x04")
        terminal.until("One u takes all of it back")
        terminal.press("yu")
        terminal.until("undone: rejected 20,007 pairs")
        counts = store.pairs.counts()
        assert (counts.accepted, counts.rejected) == (1, 0)
        # The sentence goes, so that the next one is that of the next turn.
        terminal.press("S")
        terminal.until("sorts otherwise")


def test_pairs_that_fit_the_filter_again_are_shown_again(store: Store, terminal: Terminal) -> None:
    every = list(store.pairs.ids())
    store.pairs.decide(every[:-1], Decision.REJECTED)
    store.pairs.decide(every[-1:], Decision.REJECTED)
    terminal.until("8 of 8 decided")
    terminal.press("/is:pending\r")
    terminal.until("No pair fits")
    terminal.press("u")
    terminal.until("How long is the warranty on the M5")
    terminal.press("\x12")
    terminal.until("done again: rejected")
    terminal.press("\x1b/is:pending\r")
    terminal.until("No pair fits")
    store.pairs.decide(every[:1], Decision.PENDING)
    terminal.press("/\r")
    terminal.until("What does E4 mean")
