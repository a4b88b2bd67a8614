"""`ftui demo`: one key confirms the downloads, then the worker has everything to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ftui import worker
from ftui.demo import loop
from ftui.store import Store
from ui.drive import Driver


@pytest.fixture
def store() -> Iterator[Store]:
    """The demo's project; this process holds the worker's lease, so that nothing is downloaded."""
    loop.create()
    with Store(loop.PROJECT) as opened:
        opened.leases.take(worker.fingerprint())
        yield opened


async def test_the_sizes_come_first_and_y_queues_all(store: Store) -> None:
    async with Driver("lumora", demo=True) as driver:
        await driver.until_shown("Install the engine")
        assert "PyTorch" in driver.screen
        assert "together" in driver.screen
        assert store.tasks.all() == []
        await driver.press("y")
        await driver.until(lambda: len(store.tasks.all()) == 3)
        assert sorted(task.kind for task in store.tasks.all()) == ["collect", "collect", "install"]
        assert "sample site" in driver.screen


@pytest.mark.parametrize("size", [(80, 24)], ids=["80x24"])
async def test_n_downloads_nothing_and_the_palette_asks_again(store: Store, size: tuple[int, int]) -> None:
    async with Driver("lumora", size, demo=True) as driver:
        await driver.until_shown("Install the engine")
        await driver.press("enter")
        assert driver.bottom.startswith("nothing was downloaded")
        assert store.tasks.all() == []
        await driver.press("ctrl+p", *"Demo")
        await driver.pilot.pause(0.3)
        await driver.press("enter")
        await driver.until_shown("Install the engine")


async def test_d_on_the_first_start_opens_the_demo() -> None:
    async with Driver(None) as driver:
        await driver.press("d")
        await driver.until_shown("Install the engine")
        assert driver.app.store.name == loop.PROJECT
        await driver.press("n")


async def test_a_second_start_asks_nothing_while_the_installation_runs(store: Store) -> None:
    loop.start(store)
    async with Driver("lumora", demo=True) as driver:
        await driver.pilot.pause(0.3)
        assert "Install the engine" not in driver.screen
        assert len(store.tasks.all()) == 3
