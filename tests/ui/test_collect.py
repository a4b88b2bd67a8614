"""Collect: sources and their progress, stop, pause, retry, tags."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from ftui import guide, worker
from ftui.errors import ServiceError
from ftui.store import Store, create_project
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
        for text in (
            "312 of 480 pages",
            "18/s",
            "9 s left",
            "127.0.0.1:8765/products/305",
            "17 s ago",
            "404 not found",
        ):
            assert text in driver.screen
        await golden(driver.app, f"collect-{size[0]}x{size[1]}")


async def test_a_reason_opens_what_failed_for_it() -> None:
    import fixed_data

    fixed_data.make()
    async with Driver() as driver:
        await driver.press("2", "s", "j", "enter")
        assert "▸ failed 4, left out 11" in driver.screen
        assert "http://127.0.0.1:8765/empty" in driver.screen
        await driver.press("question_mark", *"raw")
        assert "records" in driver.screen
        await driver.press("escape", "escape", "escape")
        assert "enter records" in driver.footer


@SIZES
async def test_a_snapshot_at_the_vendor_says_its_state_since_when_and_the_money(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    import fixed_data

    monkeypatch.setattr(guide, "time", SimpleNamespace(time=lambda: NOON))
    fixed_data.make()
    async with Driver(size=size) as driver:
        await driver.press("2", "j", "j", "j")
        for text in (
            "Bright Data: running, 340 records so far",
            "s_m4x7c0de at Bright Data",
            "2 m 10 s ago",
            "$0.00 so far, at most $1.20",
        ):
            assert text in driver.screen
        await golden(driver.app, f"collect-vendor-{size[0]}x{size[1]}")
        await driver.press("k")
        assert "the line is cut off" in driver.screen
        assert "r collect again" in driver.footer, "a line that is cut off stays so"
        await driver.press("k")
        assert "$0.05" in driver.screen
        assert "r retry failed" in driver.footer


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
            assert "is being collected" not in driver.screen, "it was so for a moment"
            await driver.until(lambda: "r retry failed" in driver.footer and "ctrl+x" not in driver.footer)
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


async def test_r_retries_only_what_failed_and_then_collects_again(store: Store) -> None:
    website = site()
    with serve(website) as address:
        async with Driver() as driver:
            await driver.press("2", "n", "c")
            await driver.fill(start=f"{address}/")
            await driver.press("enter")
            await driver.until_shown("done in")
            await driver.until(lambda: "r retry failed" in driver.footer)
            before = website.hits.copy()
            website.replies["/gone"] = page("Found", TEXT)
            await driver.press("r")
            await driver.until(lambda: store.records.count() == 6)
            await driver.until(lambda: "r collect again" in driver.footer)
            assert set(website.hits - before) - {"/robots.txt", "/sitemap.xml"} == {"/gone"}


async def test_a_lost_start_of_a_collector_asks_what_became_of_it(store: Store) -> None:
    source = store.sources.add("mine", "brightdata", {"dataset_id": "c_abc", "inputs": [{"url": "https://a.test"}]})
    task = store.tasks.add("collect", "mine", {"source": source.id}, source.id)
    store.tasks.start(task)
    store.tasks.save_checkpoint(task, {"unclear": True})
    store.tasks.finish(task, "failed", error=ServiceError("Nobody knows", "the answer was lost", "Look"))
    store.leases.take(worker.fingerprint())  # no worker: what it would do is not asked here
    async with Driver() as driver:
        await driver.press("2")
        assert "r what became of it" in driver.footer
        await driver.press("r", "escape")
        assert store.tasks.get(task).state == "failed"
        await driver.press("r", "i")
        await driver.fill(job="j_ 1")
        await driver.press("enter")
        await driver.until(lambda: "✗" in driver.screen and "j_ 1" in driver.screen)
        await driver.fill(job="")
        await driver.press("enter")
        await driver.until_shown("The id of the job is missing")
        assert store.tasks.get(task).state == "failed"
        await driver.fill(job="j_m4x7c0de")
        await driver.press("enter")
        await driver.until(lambda: store.tasks.get(task).state == "queued")
        assert store.tasks.get(task).checkpoint["snapshot_id"] == "j_m4x7c0de"
        assert "unclear" not in store.tasks.get(task).checkpoint


async def test_a_source_is_tagged_and_says_so(store: Store) -> None:
    source = store.sources.add("talk", "files", {"paths": ["/talk"]})
    async with Driver() as driver:
        await driver.press("2", "t")
        assert store.sources.get(source.id).tag == "general"
        assert "general" in driver.lines[2]
        assert "t takes it back" in driver.bottom
        await driver.press("t")
        assert store.sources.get(source.id).tag == "domain"


async def test_keys_that_cannot_work_say_why(store: Store) -> None:
    store.sources.add("talk", "files", {"paths": ["/talk"]})
    async with Driver() as driver:
        await driver.press("2", "z")
        assert "not being collected" in driver.bottom
        await driver.press("s")
        assert "Nothing failed" in driver.bottom
        await driver.press("ctrl+g")
        assert "r collects it" in driver.bottom


async def test_a_source_is_deleted_only_after_y(store: Store) -> None:
    store.sources.add("old files", "files", {"paths": ["/old"]})
    async with Driver() as driver:
        await driver.press("2", "d", "enter")
        assert len(store.sources.all()) == 1
        await driver.press("d", "y")
        assert driver.bottom.startswith("deleted old files")
    assert store.sources.all() == []
