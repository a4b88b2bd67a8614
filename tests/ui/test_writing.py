"""A model that writes, from the screen: its price first, then what it does, then the pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftui import worker
from ftui.events import Progress
from ftui.store import Store
from ftui.ui.screens.writing import WritingScreen
from projects import NAME
from ui.drive import Driver
from ui.screen import golden
from writing import CHAT, at_most, made, planned, writing_project

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


async def asked(drive: Driver) -> None:
    """`p` in Pairs, until the question is there."""
    await drive.press("3", "p")
    await drive.until(lambda: isinstance(drive.app.screen, WritingScreen))
    await drive.until_shown("not now")


@SIZES
async def test_the_question_looks_like_this(ui_home: Path, size: tuple[int, int]) -> None:
    with writing_project(12) as (_, provider):
        async with Driver(NAME, size=size) as drive:
            await asked(drive)
            await golden(drive.app, f"writing-{size[0]}x{size[1]}")
            assert provider.count(CHAT) == 0


@pytest.mark.parametrize("key", ["n", "escape", "enter"])
async def test_no_is_the_default(ui_home: Path, key: str) -> None:
    with writing_project(3) as (store, provider):
        async with Driver(NAME) as drive:
            await asked(drive)
            await drive.press(key)
            assert "nothing was asked" in drive.bottom
            assert store.tasks.all() == []
            assert provider.count(CHAT) == 0


async def test_yes_lets_the_model_write_and_makes_the_pairs(ui_home: Path) -> None:
    with writing_project(6) as (store, provider):
        most = at_most(store)
        async with Driver(NAME) as drive:
            await asked(drive)
            await drive.press("y")
            [task] = store.tasks.all()
            assert task.args == {"at_most": pytest.approx(most)}
            await drive.until(lambda: store.tasks.get(task.id).state == "done", 60)
            await drive.until_shown("6 requests to a model")
            assert len(made(store)) == 6
            # All is written: the next time there is nothing to ask a person.
            await drive.press("p")
            await drive.until(lambda: len(store.tasks.all()) == 2)
            await drive.until(lambda: store.tasks.all()[0].state == "done", 60)
            assert provider.count(CHAT) == 6


async def test_w_makes_pairs_of_what_is_written_and_spends_nothing(ui_home: Path) -> None:
    with writing_project(4, price=None) as (store, provider):
        async with Driver(NAME) as drive:
            await asked(drive)
            assert "The price of writer is not known" in drive.screen
            assert 'prices."writer"' in drive.screen
            await drive.press("y")
            assert isinstance(drive.app.screen, WritingScreen), "nothing can be said yes to"
            await drive.press("w")
            await drive.until(lambda: bool(store.tasks.all()) and store.tasks.all()[0].state == "done", 60)
            assert provider.count(CHAT) == 0
            assert dict(store.pairs.dropped()) == {"not written yet": 4}


async def test_no_more_than_the_budget_can_be_said_yes_to(ui_home: Path) -> None:
    with writing_project(6) as (store, _):
        store.money.budget = at_most(store) / 2
        async with Driver(NAME) as drive:
            await asked(drive)
            assert "The budget may not reach" in drive.screen
            await drive.press("y")
            [task] = store.tasks.all()
            assert 0 < task.args["at_most"] <= store.money.budget
            await drive.until(lambda: store.tasks.get(task.id).state == "done", 60)
            assert store.money.spent() <= store.money.budget


async def test_a_budget_that_is_used_up(ui_home: Path) -> None:
    with writing_project(6) as (store, _):
        store.money.budget = 0.0
        async with Driver(NAME) as drive:
            await asked(drive)
            assert "The budget is used up" in drive.screen
            assert "ask it" not in drive.screen
            await drive.press("y")
            assert isinstance(drive.app.screen, WritingScreen)


async def test_what_costs_nothing_says_so(ui_home: Path) -> None:
    with writing_project(6, price=0.0) as (store, _):
        assert planned(store).free
        async with Driver(NAME) as drive:
            await asked(drive)
            assert "nothing" in drive.screen
            assert "Budget" not in drive.screen


@SIZES
async def test_pausing_and_going_on_by_a_key(ui_home: Path, size: tuple[int, int]) -> None:
    with writing_project(30) as (store, provider):
        provider.answer_delay = 0.1
        async with Driver(NAME, size=size) as drive:
            await asked(drive)
            await drive.press("y")
            await drive.until(lambda: provider.count(CHAT) > 6)
            await drive.until_shown(" of 30 requests · $0.")
            await drive.press("z")
            await drive.until(lambda: store.tasks.all()[0].state == "paused")
            await drive.until_shown("making pairs is paused")
            await drive.until_shown("z go on")
            await drive.until_shown("making pairs is paused · 3 then z goes on")
            provider.answer_delay = 0.0
            await drive.press("z")
            await drive.until(lambda: store.tasks.all()[0].state == "done", 60)
            assert len(made(store)) == 30


async def test_every_place_asks_before_it_spends(ui_home: Path) -> None:
    with writing_project(3) as (store, provider):
        async with Driver(NAME) as drive:
            await drive.press("2", "p")
            await drive.until(lambda: isinstance(drive.app.screen, WritingScreen))
            await drive.press("n")
            await drive.press("4", "p")
            await drive.until(lambda: isinstance(drive.app.screen, WritingScreen))
            await drive.press("n")
            assert store.tasks.all() == []
            assert provider.count(CHAT) == 0


@SIZES
async def test_its_progress_fits_on_a_line(ui_home: Path, size: tuple[int, int]) -> None:
    with writing_project(3) as (_, _):
        with Store(NAME) as store:
            # No other worker starts, and goes on with it.
            store.leases.take(worker.fingerprint())
            task = store.tasks.add("prepare", "make pairs", {})
            store.tasks.start(task)
            progress = Progress(312, 480, "requests", text="a model writes", cost=0.0412, cost_at_most=0.31)
            store.tasks.save_progress(task, progress)
            async with Driver(NAME, size=size) as drive:
                await drive.press("3")
                await drive.until_shown("312 of 480 requests · $0.0412 of at most $0.31")
                store.tasks.ask(task, "pause")
                store.tasks.finish(task, "paused")
                await drive.until_shown("! paused  312 of 480 requests · $0.0412 of at most $0.31   z go on")
                store.tasks.ask(task, "stop")
