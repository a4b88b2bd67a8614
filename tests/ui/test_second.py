"""A second ftui on a project: it reads, says so, and writes when the first has ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.binding import Binding

from ftui import settings
from ftui.store import Store
from ftui.store.pairs import Decision
from ftui.store.seat import Seat
from ui.drive import Driver
from ui.pair_data import Review, new_store
from ui.terminal import Terminal


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as opened:
        yield opened


@pytest.fixture
def taken(store: Store) -> Iterator[Seat]:
    """The seat of another ftui."""
    seat = Seat(store.folder)
    assert seat.take()
    yield seat
    seat.leave()


def test_one_seat_for_one(store: Store) -> None:
    first, second = Seat(store.folder), Seat(store.folder)
    assert first.take()
    assert first.take(), "taking it twice changes nothing"
    assert not second.take()
    sitter = second.sitter()
    assert sitter is not None
    assert sitter.pid == os.getpid()
    first.leave()
    assert second.take()
    second.leave()


def test_a_sitter_that_cannot_be_read_is_none(store: Store) -> None:
    (store.folder / "screen.lock").write_text("[1")
    assert Seat(store.folder).sitter() is None
    seat = Seat(store.folder)
    assert seat.take(), "what a killed ftui left does not matter"
    seat.leave()


async def test_the_second_says_that_it_reads_only_and_writes_nothing(store: Store, taken: Seat) -> None:
    async with Review((80, 24)) as review:
        assert "read only" in review.screen.splitlines()[0]
        assert f"read only: ftui runs in another terminal (pid {os.getpid()}, since" in review.bottom
        stamp = store.stamp()
        for key in ("a", "x", "A", "X", "u", "ctrl+r", "e", "E", "ctrl+a", "ctrl+d", "p", "r", "ctrl+x"):
            review.app.say("")
            await review.press(key)
            assert len(review.app.screen_stack) == 1, key
            assert review.bottom.startswith("read only: ftui runs in another terminal"), key
        await review.press("j", "s", "space")
        assert store.stamp() == stamp
        assert review.decisions() == "·" * 8
        assert "accept" not in review.screen.splitlines()[-1]


async def test_no_key_of_any_place_writes(store: Store, taken: Seat) -> None:
    store.money.budget = 3.0
    async with Driver(size=(120, 40)) as driver:
        stamp = store.stamp()
        for number in "23456":
            await driver.press(number)
            place = driver.app.place
            assert place is not None
            for binding in place.BINDINGS:
                assert isinstance(binding, Binding)
                await driver.press(number, binding.key.partition(",")[0])
                while len(driver.app.screen_stack) > 1:
                    driver.app.pop_screen()
        assert store.stamp() == stamp


async def test_what_is_not_known_to_write_is_refused_by_the_store(store: Store, taken: Seat) -> None:
    async with Review() as review:
        with review.app.trying():
            review.app.store.pairs.decide([1], Decision.ACCEPTED)
        await review.press()
        assert "✗ This one only reads" in review.screen
        assert "→ It writes as soon as the other one has ended" in review.screen
    assert store.pairs.counts().accepted == 0


async def test_what_the_first_has_still_to_write_into_the_recipe_is_left_to_it(store: Store, taken: Seat) -> None:
    store.recipe_path.write_text("[rules\n", "utf-8")
    store.pairs.note("rule put into the recipe: flag:short", "flag:short", "in recipe")
    async with Review() as review:
        await review.until(lambda: "recipe.toml" in review.screen)
        store.recipe_path.write_text("seed = 3\n", "utf-8")
        await review.until(lambda: "recipe.toml" not in review.screen)
        assert store.recipe_path.read_text("utf-8") == "seed = 3\n"
        assert store.rules.due() == {"flag:short": True}


async def test_the_second_takes_over_when_the_first_ends(store: Store, taken: Seat) -> None:
    async with Review() as review:
        await review.press("a")
        assert review.decisions() == "·" * 8
        taken.leave()
        await review.until(lambda: review.app.refused is None)
        await review.press()
        assert "the other ftui has ended · this one writes now" in review.bottom
        await review.press("a")
        assert review.decisions() == "✓" + "·" * 7
        assert "read only" not in review.screen


async def test_where_the_first_was_is_not_overwritten(store: Store, taken: Seat) -> None:
    settings.save_state(project="lumora", projects={"lumora": {"place": 3, "places": {"pairs": {"pair": 5}}}})
    before = settings.state()
    async with Review() as review:
        await review.press("j", "j", "4")
        review.app.remember()
    assert settings.state() == before


async def test_a_project_that_is_opened_again_is_ones_own(store: Store) -> None:
    async with Driver(keys="3") as driver:
        driver.app.open_project("lumora")
        await driver.press("3", "a")
        assert driver.app.refused is None
    assert store.pairs.counts().accepted == 1


def test_two_processes_and_the_first_is_killed(store: Store, ui_home: Path) -> None:
    first = Terminal(ui_home)
    first.until("worker idle")
    second = Terminal(ui_home)
    try:
        second.until(f"read only: ftui runs in another terminal (pid {first.process.pid}")
        second.press("3")
        second.until("What does E4 mean")
        first.kill()
        second.until("this one writes now")
        second.press("a")
        second.until("accepted 001 · u undo")
    finally:
        second.kill()
        if first.process.poll() is None:
            first.kill()
    assert store.pairs.counts().accepted == 1
