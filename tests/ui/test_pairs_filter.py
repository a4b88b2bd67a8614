"""The Pairs place over many rows: the filter's language, orders, decisions on all that a filter shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from ftui.store import Store
from ftui.store.pairs import AT_ONCE, BulkProgress, Decision, NewDropped, Pair, Pairs, StandIn
from ftui.ui.places import filtering as place
from ftui.ui.screens.ask import AskScreen
from ui.pair_data import Review, decide, new_pair, new_store

MANY = AT_ONCE * 2 + 5


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    """Eight pairs as they are everywhere, and two that carry flags."""
    with new_store() as opened:
        opened.pairs.add(
            replace(
                new_pair("Why?", "Because."),
                flags={"short": "the answer has 1 word", "residue": "it holds &nbsp;"},
                risk=0.8,
            )
        )
        opened.pairs.add(
            replace(
                new_pair("Is the lid of the K7 made of steel or of glass?", "Of glass, with a rim of steel."),
                flags={"near-duplicate": "of 1 other"},
                risk=0.2,
                stand_ins=[StandIn(None, "https://lumora.example/lid", "Is the lid steel or glass?", 0.91)],
            )
        )
        yield opened


@pytest.fixture
def many(ui_home: Path) -> Iterator[Store]:
    with new_store(records=False, pairs=False) as opened:
        with opened.pairs.replacing() as replacing:
            replacing.put([new_pair(f"question {number}?", f"answer {number}") for number in range(MANY)])
            replacing.finish()
        yield opened


async def filtered(review: Review, words: str) -> None:
    await review.press("slash")
    await review.type(words)


# The filter's language


@pytest.mark.parametrize("again", [("escape",), ("slash", "escape"), ("slash", *["backspace"] * 4, "enter")])
async def test_that_no_pair_is_shown_is_said_until_some_are(store: Store, again: tuple[str, ...]) -> None:
    async with Review() as review:
        await review.press("slash", *"zzzz", "enter", "a")
        assert review.bottom.startswith("no pair is shown · esc shows all")
        await review.press(*again)
        assert review.place.rows.count == 10
        assert "no pair is shown" not in review.bottom


async def test_keys_and_words_of_the_filter(store: Store) -> None:
    decide(store, p1=Decision.ACCEPTED)
    async with Review() as review:
        await filtered(review, "k7 -descale is:pending")
        assert "“k7 -descale is:pending”: 2" in review.screen
        await review.type("flag:short")
        assert "“flag:short”: 1" in review.screen
        await review.press("enter")
        assert review.current.id == 9
        await review.press("escape")
        assert "flag:short" not in review.screen


async def test_what_is_typed_right_behind_the_slash_is_a_word_of_the_filter(store: Store) -> None:
    async with Review() as review:
        typed(review, "slash", "x", "a", "k")
        await review.until(lambda: "“xak”" in review.screen)
        await review.press("escape")
        assert store.pairs.counts().decided == 0


def typed(review: Review, *keys: str) -> None:
    """All keys wait before the first one is looked at, as over a slow line."""
    for key in keys:
        review.app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_what_is_typed_right_behind_enter_is_for_the_list(store: Store) -> None:
    async with Review() as review:
        typed(review, "slash", "k", "7", "enter", "j", "x", "n")
        await review.until(lambda: store.pairs.counts().rejected == 1)
        assert "“k7”: 4" in review.screen
        assert review.decisions() == "···✗······", "the second pair that the filter shows"
        await review.press("slash")
        await review.type("is:wrong")
        typed(review, "enter", "x")
        await review.until(lambda: "x" in review.place.columns.filter.query_one(Input).value)
        assert store.pairs.counts().decided == 1


async def test_what_is_typed_right_behind_esc_is_for_the_list(store: Store) -> None:
    async with Review() as review:
        typed(review, "slash", "c", "o", "d", "escape", "j", "a")
        await review.until(lambda: store.pairs.counts().accepted == 1)
        assert "cod" not in review.place._filter_words()
        assert review.place.rows.count == 10


async def test_what_is_wrong_is_said_in_the_line_and_the_list_stays(store: Store) -> None:
    async with Review((80, 24)) as review:
        await filtered(review, "k7")
        assert "tokens:>500" in review.screen, "what can be written is said"
        await review.type("k7 is:wrong")
        assert "! is:wrong is not known" in review.screen
        said = " ".join(review.screen.replace("│", " ").split())
        assert "edited, flagged, kept, domain or general" in said, "to its end, in 80 columns"
        assert "“k7”: 4" in review.screen
        await review.press("enter")
        assert review.place.columns.filter.has_focus_within
        await review.type("source:nowhere")
        assert "! No source is called 'nowhere' · Write source:\"support pages\"" in review.screen
        await review.type("dropped:empty")
        assert "! Nothing was dropped for 'empty' · there are none" in review.screen
        await review.type("is:flagged")
        assert "!" not in review.screen.splitlines()[-4]
        await review.press("enter")
        assert "“is:flagged”: 2" in review.screen


async def test_a_long_list_is_filtered_and_sorted_beside_the_screen(
    many: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_AT_ONCE", 100)
    async with Review() as review:
        await filtered(review, '"question 40"')
        await review.until(lambda: '“"question 40"”: 16' in review.screen)
        await review.type("source:nowhere")
        await review.until(lambda: "! No source is called" in review.screen)
        await review.press("escape")
        await review.press("S", "S")
        await review.until(lambda: review.place.rows.count == MANY)
        assert "longest first" in review.screen
        assert review.current.id > 1000
        await review.press("a")
        assert review.bottom.startswith("accepted 1001 · u undo")


async def test_keys_behind_a_filter_are_for_the_row_that_it_shows(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "_AT_ONCE", 100)
    async with Review() as review:
        assert review.current.id == 1
        typed(review, "slash", *"1000", "enter", "a")
        await review.until(lambda: many.pairs.counts().decided == 1)
        pair = many.pairs.get(1001)
        assert pair is not None
        assert pair.decision is Decision.ACCEPTED
        typed(review, "slash", "ctrl+u", "home", *'"question 40', "enter", "g", "j", "x", "j", "x")
        await review.until(lambda: many.pairs.counts().rejected == 2)
        assert [pair.text("user") for pair in decided_pairs(many, "rejected")] == ["question 400?", "question 402?"]
        typed(review, "slash", "ctrl+u", *"nowhere", "enter", "x", "u")
        await review.until(lambda: many.pairs.counts().rejected == 1)
        assert review.place.rows.count == 0
        typed(review, "escape", "S", "S", "x")
        await review.until(lambda: many.pairs.counts().accepted == 0)
        assert 1001 in [pair.id for pair in decided_pairs(many, "rejected")], "the longest"


async def test_keys_behind_a_filter_wait_for_the_pair_that_the_cursor_is_on(
    many: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_AT_ONCE", 100)
    async with Review() as review:
        await review.press("G")
        typed(review, "slash", *"question", "enter", "a")
        await review.until(lambda: many.pairs.counts().decided == 1)
        assert [pair.id for pair in decided_pairs(many, "accepted")] == [MANY], (
            "far behind the first rows of the filter"
        )
        await review.until(lambda: review.place.rows.count == MANY)


def decided_pairs(store: Store, decision: str) -> list[Pair]:
    return list(store.pairs.page(list(store.pairs.ids(decision))).values())


async def test_a_filter_with_a_mistake_stays_open_and_esc_goes_back_to_the_one_before(
    many: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_AT_ONCE", 100)
    async with Review() as review:
        await filtered(review, "1000")
        await review.press("enter")
        await review.until(lambda: "“1000”: 1" in review.screen)
        typed(review, "slash", "ctrl+u", *"flag:html", "enter", "x")
        await review.until(lambda: "flag:htmlx" in review.screen)
        assert review.place.columns.filter.typing
        assert "! No pair has the flag 'html" in review.screen
        await review.press("enter")
        assert review.place.columns.filter.typing
        await review.press("escape")
        await review.until(lambda: "“1000”: 1" in review.screen)
        assert not review.place.columns.filter.typing
        assert many.pairs.counts().decided == 0


async def test_what_is_wrong_with_a_filter_is_gone_with_the_next_one(store: Store) -> None:
    async with Review() as review:
        review.place._view.words = "source:nowhere"
        review.place._reload()
        await review.until(lambda: "No source is called" in review.screen)
        await filtered(review, "k7")
        await review.until(lambda: "“k7”: 4" in review.screen)
        await review.press("enter")
        assert "No source is called" not in review.screen


# Orders


async def test_numbers_are_as_wide_as_the_last_one_also_where_none_is_shown(many: Store) -> None:
    many.pairs.decide([509], Decision.REJECTED)
    async with Review() as review:
        await filtered(review, "nowhere")
        await review.press("enter")
    async with Review() as review:
        assert review.place.rows.count == 0
        await review.press("u")
        assert review.bottom.startswith("undone: rejected 0509")


async def test_orders_by_one_key(store: Store) -> None:
    async with Review() as review:
        await review.press("S")
        assert review.current.id == 9
        assert "riskiest first" in review.screen
        await review.press("a")
        assert review.current.id == 10
        await review.press("u")
        assert review.current.id == 9
        await review.press("S")
        assert "longest first" in review.screen
        assert review.current.id == 2
    async with Review() as review:
        assert "longest first" in review.screen
        await review.press("S", "S")
        assert "at random" in review.screen
        await review.press("S")
        assert "at random" not in review.screen
        assert list(review.place._view.ids) == list(range(1, 11))


# All that a filter shows


async def test_all_of_a_filter_are_decided_in_one_step(store: Store) -> None:
    decide(store, p1=Decision.ACCEPTED)
    async with Review() as review:
        await filtered(review, "k7")
        await review.press("enter", "ctrl+d")
        assert "Reject 3 pending pairs of those shown?" in review.screen
        await review.press("y")
        assert review.decisions() == "✓··✗✗····✗"
        assert review.bottom.startswith("rejected 3 pending pairs · u undo")
        await review.press("u")
        assert review.decisions() == "✓·········"


async def test_decided_pairs_are_meant_where_the_filter_says_so(store: Store) -> None:
    decide(store, p1=Decision.ACCEPTED, p4=Decision.ACCEPTED)
    async with Review() as review:
        await filtered(review, "is:accepted")
        await review.press("enter", "ctrl+d")
        assert "Reject 2 pairs of those shown?" in review.screen
        await review.press("y")
        assert review.decisions() == "✗··✗······"
        await review.press("ctrl+d")
        assert review.bottom.startswith("all of these are rejected already")


async def test_many_are_decided_undone_and_redone_beside_the_screen(many: Store) -> None:
    async with Review() as review:
        await review.press("a", "ctrl+d")
        assert isinstance(review.app.screen, AskScreen)
        assert f"Reject {MANY - 1:,} pending pairs?" in review.screen
        await review.press("y")
        assert review.bottom.startswith(f"rejected {MANY - 1:,} pending pairs · u undo")
        assert many.pairs.counts().rejected == MANY - 1
        await review.press("u")
        assert review.bottom.startswith(f"undone: rejected {MANY - 1:,} pairs · ctrl+r redo")
        assert many.pairs.counts().pending == MANY - 1
        await review.press("ctrl+r")
        assert many.pairs.counts().rejected == MANY - 1
        assert many.pairs.counts().accepted == 1


async def test_a_large_step_shows_how_far_it_is_and_can_be_stopped(many: Store) -> None:
    gate, ends = Event(), list[bool]()

    def steps(store: Store) -> Iterator[BulkProgress]:
        with closing(store.pairs.deciding(store.pairs.ids(), Decision.ACCEPTED)) as progress:  # type: ignore[type-var]
            for step in progress:
                yield step
                gate.wait(10)

    async with Review() as review:
        review.place._bulk.start("accepting", steps, lambda last, stopped: ends.append(stopped))
        await review.until(lambda: f"accepting 2,000 of {MANY:,} pairs" in review.screen)
        await review.pilot.press("ctrl+a")
        assert "ctrl+x stops that" in review.bottom
        await review.pilot.press("ctrl+x")
        gate.set()
        await review.until(lambda: bool(ends))
        assert ends[0]
        assert many.pairs.counts().accepted == 0
        await review.until(lambda: "accepting" not in review.screen)


# What a row is, and what did not become one


async def test_flags_and_near_duplicates_beside_the_list(store: Store) -> None:
    async with Review() as review:
        await review.press("G")
        await review.until(lambda: "stands for 1 duplicate" in review.screen)
        assert "lumora.example/lid · " in review.screen, "where it is comes first, and of that the end"
        assert "·!010 Is the lid" in review.screen
        await review.press("k")
        await review.until(lambda: "! short: the answer has 1 word" in review.screen)
        assert "! residue: it holds &nbsp;" in review.screen
        assert "· 008 " in review.screen


async def test_what_did_not_become_a_pair(store: Store) -> None:
    store.pairs.replace_dropped(
        [
            NewDropped(1, "https://lumora.example/a", "too short", "3 words", "Call us now"),
            NewDropped(1, "https://lumora.example/b", "exact duplicate", "of 002", "What does E4 mean?"),
        ]
    )
    async with Review() as review:
        await filtered(review, "dropped:short")
        assert "“dropped:short”: 1" in review.screen
        await review.press("enter")
        assert "Call us now" in review.screen
        await review.until(lambda: "3 words" in review.screen)
        await review.press("a")
        assert review.bottom.startswith("these did not become pairs")
        assert review.decisions() == "·" * 10
        await review.press("escape")
        assert review.current.id == 1


async def test_a_stop_that_comes_too_late_says_what_was_done(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Review() as review:
        usual = Pairs.deciding

        def stopped_at_its_end(pairs: Pairs, *values: Any) -> Iterator[BulkProgress]:
            yield from usual(pairs, *values)
            review.place._bulk.stop()

        monkeypatch.setattr(Pairs, "deciding", stopped_at_its_end)
        await review.press("ctrl+d", "y")
        await review.until(lambda: review.bottom.startswith(f"rejected {MANY:,} pending pairs · u undo"))
        assert many.pairs.counts().rejected == MANY


async def test_esc_out_of_a_filter_goes_back_to_where_it_began(store: Store) -> None:
    async with Review() as review:
        await review.press("j", "j", "slash")
        await review.type("K7")
        before = review.place.rows.count
        await review.press("escape")
        assert review.place.rows.count > before
        assert review.current.id == 3


async def test_the_keys_are_those_of_the_rows_that_are_shown(store: Store) -> None:
    store.pairs.replace_dropped([NewDropped(1, "u", "too short", "", "")])
    async with Review() as review:
        await filtered(review, "dropped")
        await review.press("enter")
        assert "e edit" not in review.screen
        await review.press("escape")
        await review.until(lambda: "e edit" in review.screen)
