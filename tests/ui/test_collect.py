"""Collect: sources and their progress, new sources, stop, pause, retry, records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ftui import credentials, guide, settings
from ftui.store import Store, create_project
from servers.brightdata import TOKEN, BrightDataServer
from servers.serve import refused_port, serve
from servers.website import Reply, Website, page
from ui.conftest import NOON
from ui.drive import Driver
from ui.screen import golden

TEXT = "The kettle boils a litre in four minutes and keeps it warm for an hour. " * 4
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


@pytest.fixture
def store() -> Iterator[Store]:
    create_project("lumora")
    with Store("lumora") as opened:
        yield opened


def site(pages: int = 4, wait: float = 0.0) -> Website:
    """A start page that links to others, one of which is missing."""
    links = [f"/p{number}" for number in range(pages)]
    replies: dict[str, Reply | list[Reply]] = {"/": page("Start", TEXT, [*links, "/gone"])}
    for number, link in enumerate(links):
        made = page(f"Page {number}", f"{TEXT} Number {number}.")
        replies[link] = Reply(made.body, wait=wait)
    return Website(replies)


@SIZES
async def test_progress_rate_time_left_and_reasons(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    import fixed_data

    monkeypatch.setattr(guide, "time", SimpleNamespace(time=lambda: NOON))
    fixed_data.make()
    async with Driver(size=size) as driver:
        await driver.press("2")
        for text in ("312 of 480 pages", "18/s", "9 s left", "404 not found"):
            assert text in driver.screen
        await golden(driver.app, f"collect-{size[0]}x{size[1]}")
        await driver.press("s", "enter")
        assert "127.0.0.1:8765/old/2" in driver.screen
        await driver.press("escape", "escape", "j", "j", "enter")
        assert "transcripts · 48 records" in driver.screen
        await driver.press("enter")
        assert '"text": "Hello"' in driver.screen


@SIZES
async def test_an_empty_place_says_what_it_is_for(store: Store, size: tuple[int, int]) -> None:
    async with Driver(size=size) as driver:
        await driver.press("2")
        await golden(driver.app, f"collect-empty-{size[0]}x{size[1]}")


async def test_a_website_is_crawled_by_the_worker(store: Store) -> None:
    with serve(site()) as address:
        async with Driver() as driver:
            await driver.press("2", "n", "c")
            await driver.fill(start=f"{address}/")
            await driver.press("enter")
            await driver.until_shown("done in")
            await driver.until_shown("5 records")
            assert "404" in driver.screen
            await driver.until(lambda: "r again" in driver.lines[-1] and "ctrl+x" not in driver.lines[-1])
            assert [source.kind for source in store.sources.all()] == ["crawl"]
            await driver.press("enter")
            assert "Page 3" in driver.screen


async def test_stop_keeps_what_came_and_r_goes_on(store: Store) -> None:
    with serve(site(pages=30, wait=0.3)) as address:
        async with Driver() as driver:
            await driver.press("2", "n", "c")
            await driver.fill(start=f"{address}/")
            await driver.press("enter")
            await driver.until(lambda: store.records.count() >= 2)
            await driver.press("ctrl+x")
            await driver.until_shown("stopped · r goes on")
            kept = store.records.count()
            assert 2 <= kept < 31
            await driver.press("r")
            await driver.until_shown("done in")
            assert store.records.count() == 31


async def test_pause_and_go_on(store: Store) -> None:
    with serve(site(pages=20, wait=0.3)) as address:
        async with Driver() as driver:
            await driver.press("2", "n", "c")
            await driver.fill(start=f"{address}/")
            await driver.press("enter")
            await driver.until(lambda: store.records.count() >= 1)
            await driver.press("z")
            await driver.until_shown("paused · z goes on")
            await driver.press("z")
            await driver.until_shown("done in")
            assert store.records.count() == 21


async def test_a_refused_address_fails_in_words(store: Store) -> None:
    async with Driver() as driver:
        await driver.press("2", "n", "c")
        await driver.fill(start=f"http://127.0.0.1:{refused_port()}/")
        await driver.press("enter")
        await driver.until(lambda: bool(store.tasks.all()) and not store.tasks.all()[0].open)
        await driver.until(lambda: "✗" in driver.screen)
        assert "Traceback" not in driver.screen


async def test_settings_that_cannot_be_used_stay_in_the_form(store: Store) -> None:
    async with Driver() as driver:
        await driver.press("2", "n", "c")
        await driver.fill(start="ftp://somewhere/", max_pages="many")
        await driver.press("enter")
        await driver.until_shown("'many' is not a number of pages")
        await driver.fill(max_pages="5")
        await driver.press("enter")
        await driver.until(lambda: "is not a number" not in driver.screen and "✗" in driver.screen)
    assert store.sources.all() == []


async def test_files(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "my calls.jsonl"
    file.write_text("".join(json.dumps({"question": f"Q{n}", "answer": f"A{n}"}) + "\n" for n in range(7)))
    async with Driver() as driver:
        await driver.press("2", "n", "f")
        await driver.fill(paths=f"'{file}'")
        await driver.press("enter")
        await driver.until_shown("7 records")


async def test_bright_data_starts_only_after_the_cost_is_confirmed(store: Store) -> None:
    server = BrightDataServer()
    with serve(server.app) as address:
        settings.save_config({"brightdata": {"base_url": address}})
        credentials.save("brightdata", address, TOKEN)
        async with Driver() as driver:
            await driver.press("2", "n", "b")
            await driver.fill(inputs="https://shop.test/best-sellers/kettles", limit="40")
            await driver.press("enter")
            await driver.until_shown("at most")
            assert "left of budget" in driver.screen
            await driver.press("enter")
            assert store.tasks.all() == []
            await driver.press("n", "b", "enter")
            await driver.until_shown("at most")
            await driver.press("y")
            await driver.until(lambda: bool(store.tasks.all()) and store.tasks.all()[0].state == "running")
            assert "best_sellers_url" in json.dumps(dict(store.sources.all()[0].config))
            await driver.press("ctrl+x")
            await driver.until(lambda: not store.tasks.all()[0].open)


async def test_a_source_is_deleted_only_after_y(store: Store) -> None:
    store.sources.add("old files", "files", {"paths": ["/old"]})
    async with Driver() as driver:
        await driver.press("2", "d", "enter")
        assert len(store.sources.all()) == 1
        await driver.press("d", "y")
        assert driver.bottom.startswith("deleted old files")
    assert store.sources.all() == []


async def test_what_a_page_calls_itself_is_only_text(store: Store) -> None:
    from ftui.events import Record

    source = store.sources.add("[red]odd[/red]\x1b[31m", "files", {"paths": ["/x"]})
    store.records.put(source.id, [Record("1", "", "[b]bold?[/b]\x1b]0;title\x07", {"text": "[link=x]y[/link]"})])
    async with Driver() as driver:
        await driver.press("2")
        assert "[red]odd[/red]␛[31m" in driver.screen
        await driver.press("enter")
        assert "[b]bold?[/b]␛]0;title␇" in driver.screen
        await driver.press("enter")
        assert "[link=x]y[/link]" in driver.screen
