"""The Compare place: answers side by side, the score, a comparison as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui.errors import NetworkError
from ftui.events import Progress
from ftui.store import Store
from ui.drive import Driver
from ui.loop_data import (
    add_job,
    add_service,
    add_version,
    compare,
    freeze_time,
    new_store,
    succeed,
    worker_is_here,
)
from ui.screen import golden


@pytest.fixture
def store(ui_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    freeze_time(monkeypatch)
    with new_store() as opened:
        worker_is_here(opened)
        yield opened


def at_compare(size: tuple[int, int] = (120, 40)) -> Driver:
    """The app in its Compare place."""
    return Driver("lumora", size, keys="5")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "narrow"])
async def test_goldens(store: Store, size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"
    async with at_compare(size) as place:
        await golden(place.app, f"compare-empty-{name}")
    compare(store, succeed(store, add_job(store), add_version(store)))
    async with at_compare(size) as place:
        await golden(place.app, f"compare-{name}")
        await place.press("j", "enter")
        await golden(place.app, f"compare-answer-{name}")


async def test_a_comparison_is_shown_while_it_runs(store: Store) -> None:
    model = succeed(store, add_job(store), add_version(store))
    async with at_compare() as place:
        await place.press("n")
        task = store.tasks.latest("compare")
        assert task is not None
        assert task.args == {"model": model.id}
        assert "asking lumora-1 and its base" in place.bottom
        await place.press("n")
        assert "a comparison is running" in place.bottom
        store.tasks.start(task.id)
        compare(store, model, answered=1)
        store.tasks.save_progress(task.id, Progress(2, 10, "answers", text="asking the base model"))
        await place.until(lambda: "2 of 10 answers" in place.screen)
        assert "held out  base   0 of 1" in place.screen
        assert "asking the base model" in place.screen
        await place.press("ctrl+x")
        assert store.tasks.get(task.id).control == "stop"


async def test_what_was_cut_off_says_why_and_goes_on(store: Store) -> None:
    model = succeed(store, add_job(store), add_version(store))
    compare(store, model, answered=2)
    task = store.tasks.add("compare", "lumora-1 and its base", {"model": model.id})
    store.tasks.finish(task, "failed", error=NetworkError("The engine is gone", "no answer", "Start it again"))
    async with at_compare() as place:
        assert "✗ The engine is gone  no answer" in place.screen
        await place.press("r")
        assert store.tasks.get(task).state == "queued"


async def test_the_model_to_compare_can_be_chosen(store: Store) -> None:
    version = add_version(store)
    first = succeed(store, add_job(store), version)
    succeed(store, add_job(store), version)
    async with at_compare() as place:
        await place.press("n")
        assert "Compare which model" in place.screen
        await place.press("2")
    task = store.tasks.latest("compare")
    assert task is not None
    assert task.args == {"model": first.id}


async def test_a_provider_that_may_charge_is_asked_about_first(store: Store) -> None:
    add_service("http://127.0.0.1:9", "sk-test-0123456789")
    succeed(store, add_job(store, provider="testing", base_url="http://127.0.0.1:9/v1"), add_version(store))
    async with at_compare() as place:
        await place.press("n")
        assert "Testing may charge for 10 answers" in place.screen
        await place.press("enter")
        assert store.tasks.latest("compare") is None
        await place.press("n", "y")
        assert store.tasks.latest("compare") is not None


async def test_without_a_model_or_questions_it_says_so(store: Store) -> None:
    async with at_compare() as place:
        await place.press("n")
        assert "there is no model to compare yet" in place.bottom
        await place.press("enter", "r", "ctrl+x")
        assert "no comparison is running" in place.bottom
        version = add_version(store)
        store.versions.set_questions([])
        succeed(store, add_job(store), version)
        await place.press("n")
        assert "There are no held-out questions" in place.screen


async def test_all_questions_one_after_the_other(store: Store) -> None:
    compare(store, succeed(store, add_job(store), add_version(store)), answered=2)
    async with at_compare() as place:
        await place.press("enter")
        assert "held out · 1 of 5" in place.screen
        await place.press("k", "j", "j", "j", "j", "j")
        assert "general · 5 of 5" in place.screen
        assert "not answered yet" in place.screen
        await place.press("escape")
        assert "▌ general: What is the capital" in place.screen
