"""Crawls that go on after they were cut off, that run a second time, and that try failures again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from collect.gather import Said, listen
from ftui.collect.crawl import Crawl, crawl
from ftui.collect.past import Past
from ftui.events import Entry, Record
from servers.serve import serve
from servers.website import Reply, Website, moved, page

# Long enough for a page: below 250 characters the reader tries harder, and each test would wait for it.
TEXT = " ".join(["The Tavrik kettle boils a litre in three minutes."] * 6)


@pytest.fixture
def site() -> Iterator[tuple[Website, str]]:
    website = Website({})
    with serve(website) as base_url:
        yield website, base_url


def settings(base_url: str, **more: Any) -> Crawl:
    return Crawl(**{"start": (base_url,), "backoff": 0.01, "timeout": 10.0, **more})


def known(records: Mapping[str, Record]) -> Past:
    return Past(known=lambda key: records[key].data if key in records else None)


async def test_a_crawl_that_is_cut_off_after_any_entry_ends_the_same(site: tuple[Website, str]) -> None:
    website, url = site
    links = [f"/{n}" for n in range(8)]
    website.replies = {
        "/robots.txt": Reply(f"User-agent: *\nDisallow: /private\nSitemap: {url}/map.xml", kind="text/plain"),
        "/map.xml": Reply(f"<urlset><url><loc>{url}/deep</loc></url></urlset>"),
        "/": page("Home", TEXT, [*links, "/gone", "/old", "/private"]),
        "/old": moved("/older"),
        "/older": moved("/new"),
        **{path: page(path, TEXT, links) for path in (*links, "/deep", "/new")},
    }
    whole = await listen(crawl(settings(url)))
    assert len(whole.records) == 11
    for stop in range(1, len(whole.ledger) + 1, 4):
        website.hits.clear()
        said = Said()
        events = crawl(settings(url, concurrency=2))
        async for event in events:
            said.take(event)
            if isinstance(event, Entry) and len(said.ledger) >= stop:
                break
        await events.aclose()
        rest = await listen(crawl(settings(url, concurrency=2), Past(ledger=said.ledger)))
        assert not said.records.keys() & rest.records.keys()
        assert {**said.records, **rest.records}.keys() == whole.records.keys()
        assert {**said.reasons, **rest.reasons} == whole.reasons
        assert rest.results == whole.results
        pages = [count for path, count in website.hits.items() if path != "/robots.txt"]
        # Only what was under way when it was cut off is fetched a second time.
        assert sum(pages) - len(pages) <= 2


async def test_the_ledger_names_each_address_twice_and_no_more(site: tuple[Website, str]) -> None:
    website, url = site
    links = [f"/a-page-with-a-rather-long-address-{n:04}" for n in range(300)]
    website.replies = {"/": page("Home", TEXT, links)}
    said = await listen(crawl(settings(url, max_pages=500, concurrency=8)))
    assert len(json.dumps(said.ledger)) < 3 * sum(len(url + link) for link in links)


async def test_a_crawl_that_came_to_nothing_begins_anew(site: tuple[Website, str]) -> None:
    website, url = site
    said = Said()
    with pytest.raises(Exception, match="404 not found"):
        await listen(crawl(settings(url)), said)
    website.replies = {"/": page("Home", TEXT, ["/a"]), "/a": page("A", TEXT)}
    again = Said()
    async for event in (events := crawl(settings(url), Past(ledger=said.ledger))):
        again.take(event)
        if again.records:
            break
    await events.aclose()
    rest = await listen(crawl(settings(url), Past(ledger=[*said.ledger, *again.ledger])))
    assert {**again.records, **rest.records}.keys() == {f"{url}/", f"{url}/a"}
    assert rest.results[0]["failed"] == 0


async def test_a_second_run_asks_only_for_what_changed(site: tuple[Website, str]) -> None:
    website, url = site
    date = "Tue, 03 Nov 2026 10:00:00 GMT"
    website.replies = {
        "/": page("Home", TEXT, ["/a", "/b", "/c"]).with_headers(etag='"1"'),
        "/a": page("A", TEXT, ["/a/deep"]).with_headers(**{"last-modified": date}),
        "/a/deep": page("Deep", TEXT),
        "/b": page("B", TEXT),
        "/c": page("C", TEXT).with_headers(etag='"old"'),
    }
    first = await listen(crawl(settings(url)))
    assert len(first.records) == 5
    assert first.records[f"{url}/"].data["etag"] == '"1"'
    assert first.records[f"{url}/a"].data["last_modified"] == date

    website.hits.clear()
    website.replies["/"] = Reply(status=304)
    website.replies["/a"] = Reply(status=304)
    website.replies["/c"] = page("C", TEXT + " It is new.").with_headers(etag='"new"')
    website.replies["/b"] = page("B", TEXT + " And blue.")
    second = await listen(crawl(settings(url), known(first.records)))
    # Nothing at all is asked for twice, and the links of an unchanged page are followed.
    assert website.hits == dict.fromkeys(("/robots.txt", "/", "/a", "/a/deep", "/b", "/c"), 1)
    assert website.asked["/"]["if-none-match"] == '"1"'
    assert website.asked["/a"]["if-modified-since"] == date
    assert "if-none-match" not in website.asked["/b"]
    assert set(second.records) == {f"{url}/b", f"{url}/c"}
    assert second.reasons == dict.fromkeys((f"{url}/", f"{url}/a", f"{url}/a/deep"), "unchanged")
    assert {failure.kind for failure in second.failures} == {"skipped"}
    # What was left as it is has been looked at all the same.
    last = second.progress[-1]
    assert (last.done, last.total, last.skipped) == (5, 5, 0)
    assert second.results[0] | {"bytes": 0} == {
        "done": 2,
        "failed": 0,
        "skipped": 3,
        "unchanged": 3,
        "bytes": 0,
        "waiting": 0,
    }


async def test_a_second_run_of_an_unchanged_site_is_no_error(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/": page("Home", TEXT)}
    first = await listen(crawl(settings(url)))
    second = await listen(crawl(settings(url), known(first.records)))
    assert second.records == {}
    assert second.results[0]["unchanged"] == 1


async def test_304_without_having_asked_is_a_failure(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/": page("Home", TEXT, ["/a"]), "/a": Reply(status=304)}
    said = await listen(crawl(settings(url)))
    assert said.reasons == {f"{url}/a": "304 not modified"}


async def test_only_failures_are_tried_again_and_what_they_lead_to(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {
        "/robots.txt": Reply(f"Sitemap: {url}/map.xml", kind="text/plain"),
        "/map.xml": Reply("", status=404),
        "/": page("Home", TEXT, ["/a", "/b"]),
        "/a": Reply("", status=500),
        "/b": Reply("", status=404),
    }
    first = await listen(crawl(settings(url, retries=0)))
    assert set(first.reasons) == {f"{url}/map.xml", f"{url}/a", f"{url}/b"}

    website.hits.clear()
    website.replies["/map.xml"] = Reply(f"<urlset><url><loc>{url}/mapped</loc></url></urlset>")
    website.replies["/a"] = page("A", TEXT, ["/", "/new"])
    website.replies["/new"] = website.replies["/mapped"] = page("New", TEXT, ["/"])
    looked: list[str] = []

    def look(key: str) -> Mapping[str, Any] | None:
        looked.append(key)
        return known(first.records).known(key)

    past = Past(known=look, only=(f"{url}/map.xml", f"{url}/a"))
    again = await listen(crawl(settings(url, retries=0), past))
    assert set(again.records) == {f"{url}/a", f"{url}/new", f"{url}/mapped"}
    assert website.hits == dict.fromkeys(("/robots.txt", "/map.xml", "/mapped", "/a", "/new"), 1)
    assert looked.count(f"{url}/") == 1

    past = Past(known=known(first.records).known, only=(f"{url}/b",))
    still = await listen(crawl(settings(url), past))
    assert still.reasons == {f"{url}/b": "404 not found"}
    assert still.results[0]["failed"] == 1
