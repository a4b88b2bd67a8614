"""The Models place: where a model came from, the alias that can be moved back, deleting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui.store import Store
from ui.drive import Driver
from ui.loop_data import add_job, add_version, compare, freeze_time, new_store, succeed
from ui.screen import golden


@pytest.fixture
def store(ui_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    freeze_time(monkeypatch)
    with new_store() as opened:
        yield opened


def at_models(size: tuple[int, int] = (120, 40)) -> Driver:
    """The app in its Models place."""
    return Driver("lumora", size, keys="6")


def two_models(store: Store) -> None:
    version = add_version(store)
    for _ in range(2):
        compare(store, succeed(store, add_job(store), version))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "narrow"])
async def test_goldens(store: Store, size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"
    async with at_models(size) as place:
        await golden(place.app, f"models-empty-{name}")
    two_models(store)
    store.models.set_alias("production", store.models.find("lumora-1").id)
    async with at_models(size) as place:
        await golden(place.app, f"models-{name}")
        await place.press("j", "d")
        await golden(place.app, f"models-delete-{name}")


async def test_production_is_set_moved_and_moved_back(store: Store) -> None:
    two_models(store)
    async with at_models() as place:
        await place.press("u")
        assert "nothing is in production" in place.bottom
        await place.press("j", "P")
        assert store.models.find("production").name == "lumora-1"
        await place.press("P")
        assert "lumora-1 is in production already" in place.bottom
        await place.press("k", "P")
        assert "lumora-2 is in production · u moves it back" in place.bottom
        await place.press("u")
        assert "lumora-1 is in production again" in place.bottom
        assert store.models.find("production").name == "lumora-1"
        await place.press("u")
        assert "nothing is in production again" in place.bottom
        assert store.models.aliases() == {}


async def test_delete_asks_and_moves_the_alias_back(store: Store) -> None:
    two_models(store)
    for name in ("lumora-1", "lumora-2"):
        store.models.set_alias("production", store.models.find(name).id)
    async with at_models() as place:
        await place.press("d", "enter")
        assert len(store.models.all()) == 2, "n is the default"
        await place.press("d", "y")
        assert [model.name for model in store.models.all()] == ["lumora-1"]
        assert store.models.find("production").name == "lumora-1"
        assert "lumora-2 is deleted" in place.bottom


async def test_chat_opens_on_the_model_under_the_cursor(store: Store) -> None:
    two_models(store)
    async with at_models() as place:
        await place.press("j", "c")
        await place.until(lambda: "Chat · lumora-1 " in place.screen)


async def test_without_models_the_keys_say_why(store: Store) -> None:
    async with at_models() as place:
        for key in ("c", "P", "d"):
            await place.press(key)
            assert "there is no model yet" in place.bottom
