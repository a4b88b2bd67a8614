"""Crawls of a real site on loopback."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from collect.gather import Said, listen
from ftui.collect.crawl import Crawl, crawl
from ftui.collect.past import Past
from ftui.errors import InputError, NetworkError, ServiceError
from servers.serve import refused_port, serve
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


async def test_links_are_followed_on_the_same_site_and_each_page_is_fetched_once(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {
        "/": page("Home", TEXT, ["/a", "/b#part", "b", "https://elsewhere.test/x", "mailto:me@x.test", "http://["]),
        "/a": page("A", TEXT, ["/", "/b"]),
        "/b": page("B", TEXT, ["/a"]),
    }
    said = await listen(crawl(settings(url)))
    assert set(said.records) == {f"{url}/", f"{url}/a", f"{url}/b"}
    assert website.hits == {"/robots.txt": 1, "/": 1, "/a": 1, "/b": 1}
    assert said.failures == []
    record = said.records[f"{url}/a"]
    assert (record.url, record.title) == (f"{url}/a", "A")
    assert record.data["markdown"] == f"# A\n\n{TEXT}"
    assert record.data["lang"] == "en"
    assert record.data["status"] == 200
    assert said.progress[-1].done == said.progress[-1].total == 3
    assert said.results[0]["done"] == 3
    assert all(agent.startswith("ftui/") for agent in website.agents)


async def test_without_following_only_what_was_named_is_fetched(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/": page("Home", TEXT, ["/a"]), "/a": page("A", TEXT)}
    said = await listen(crawl(settings(url, follow_links=False)))
    assert set(said.records) == {f"{url}/"}


async def test_robots_txt_is_obeyed_and_its_sitemaps_are_read(site: tuple[Website, str]) -> None:
    website, url = site
    inner = f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>{url}/deep</loc></url></urlset>"
    index = f"<sitemapindex><sitemap><loc>{url}/inner.xml.gz</loc></sitemap></sitemapindex>"
    website.replies = {
        "/robots.txt": Reply(
            f"User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /private/\nSitemap: {url}/map.xml",
            kind="text/plain",
        ),
        "/map.xml": Reply(index, kind="application/xml"),
        "/inner.xml.gz": Reply(gzip.compress(inner.encode()), kind="application/gzip"),
        "/": page("Home", TEXT, ["/private/plans", "/open"]),
        "/open": page("Open", TEXT),
        "/deep": page("Deep", TEXT),
        "/private/plans": page("Plans", TEXT),
    }
    said = await listen(crawl(settings(url)))
    assert set(said.records) == {f"{url}/", f"{url}/open", f"{url}/deep"}
    assert website.hits["/private/plans"] == 0
    assert [(f.subject, f.reason, f.kind) for f in said.failures] == [(f"{url}/private/plans", "robots.txt", "skipped")]
    assert said.progress[-1].skipped == 1


async def test_a_sitemap_alone_is_enough(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {
        "/sitemap.xml": Reply(f"<urlset><url><loc>{url}/a</loc></url><url><loc>https://x.test/</loc></url></urlset>"),
        "/a": page("A", TEXT, ["/b"]),
        "/b": page("B", TEXT),
    }
    said = await listen(crawl(Crawl(sitemap=f"{url}/sitemap.xml", follow_links=False)))
    assert set(said.records) == {f"{url}/a"}


async def test_sitemaps_can_be_left_out(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {
        "/robots.txt": Reply(f"Sitemap: {url}/map.xml", kind="text/plain"),
        "/map.xml": Reply(f"<urlset><url><loc>{url}/a</loc></url></urlset>"),
        "/": page("Home", TEXT),
        "/a": page("A", TEXT),
    }
    assert len((await listen(crawl(settings(url, sitemap="none")))).records) == 1
    assert len((await listen(crawl(settings(url)))).records) == 2


async def test_a_broken_sitemap_is_a_failure_and_the_crawl_goes_on(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/": page("Home", TEXT), "/map.xml": Reply("<urlset><url>")}
    said = await listen(crawl(settings(url, sitemap=f"{url}/map.xml")))
    assert set(said.records) == {f"{url}/"}
    assert said.reasons == {f"{url}/map.xml": "sitemap: not XML"}


async def test_crawl_delay_keeps_requests_apart_and_concurrency_bounds_them(site: tuple[Website, str]) -> None:
    website, url = site
    links = [f"/{n}" for n in range(12)]
    website.replies = {"/": page("Home", TEXT, links)}
    for link in links:
        reply = page(link, TEXT)
        website.replies[link] = Reply(reply.body, wait=0.02)
    await listen(crawl(settings(url, concurrency=3)))
    assert 2 <= website.most_at_once <= 3

    website.most_at_once = 0
    website.replies["/robots.txt"] = Reply("User-agent: *\nCrawl-delay: 0.04", kind="text/plain")
    said = await listen(crawl(settings(url, concurrency=3, max_pages=4)))
    assert website.most_at_once == 1
    assert said.notes[0].endswith("asks for 0.04 s between two pages")


async def test_the_limit_counts_pages_and_says_what_is_left(site: tuple[Website, str]) -> None:
    website, url = site
    links = [f"/{n}" for n in range(9)]
    website.replies = {"/": page("Home", TEXT, links), **{link: page(link, TEXT) for link in links}}
    said = await listen(crawl(settings(url, max_pages=4)))
    assert len(said.records) == 4
    assert sum(website.hits.values()) == 5  # with robots.txt
    assert said.notes == ["The limit of 4 pages is reached; 6 more are known"]


async def test_each_kind_of_failure_has_its_reason(site: tuple[Website, str]) -> None:
    website, url = site
    paths = [
        "/gone",
        "/empty",
        "/image.png",
        "/broken",
        "/loop",
        "/far",
        "/away",
        "/slow",
        "/drip",
        "/cut",
        "/flaky",
        "/huge",
    ]
    website.replies = {
        "/": page("Home", TEXT, paths),
        "/empty": Reply("<html><head><title>Empty</title></head><body><h1>Only a heading</h1></body></html>"),
        "/image.png": Reply(b"\x89PNG", kind="image/png"),
        "/broken": Reply("", status=500),
        "/loop": moved("/loop2"),
        "/loop2": moved("/loop"),
        "/far": moved("/far1"),
        **{f"/far{n}": moved(f"/far{n + 1}") for n in range(1, 9)},
        "/away": moved("https://elsewhere.test/"),
        "/slow": Reply("late", wait=5),
        "/drip": Reply("a" * 1000, drip=0.1),
        "/cut": Reply("<html><body><p>Half a page", cut=True),
        "/flaky": [Reply("", status=500), Reply("", status=503, headers={"retry-after": "0"}), page("Flaky", TEXT)],
        "/huge": Reply(b"x" * (11 * 2**20)),
    }
    said = await listen(crawl(settings(url, timeout=0.5, retries=2)))
    assert set(said.records) == {f"{url}/", f"{url}/flaky"}
    assert {subject.removeprefix(url): reason for subject, reason in said.reasons.items()} == {
        "/gone": "404 not found",
        "/empty": "no text on page",
        "/image.png": "not a page: image/png",
        "/broken": "500 internal server error",
        "/loop2": "redirect loop",
        "/far5": "too many redirects",
        "/away": "redirect to another site",
        "/slow": "timeout",
        "/drip": "timeout",
        "/cut": "connection cut",
        "/huge": "larger than 10 MB",
    }
    assert {f.subject.removeprefix(url) for f in said.failures if f.kind == "skipped"} == {"/image.png", "/away"}
    assert website.hits["/broken"] == 3
    assert website.hits["/gone"] == 1
    assert said.progress[-1].failed == 9
    assert said.progress[-1].skipped == 2


async def test_a_redirect_gives_the_page_its_last_address_once(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/": page("Home", TEXT, ["/old", "/new"]), "/old": moved("/new#top"), "/new": page("New", TEXT)}
    said = await listen(crawl(settings(url)))
    assert set(said.records) == {f"{url}/", f"{url}/new"}
    assert website.hits["/new"] == 1
    assert said.failures == []


@pytest.mark.parametrize(
    ("encoding", "head", "kind"),
    [
        ("utf-8-sig", "", "text/html"),
        ("cp1252", "", "text/html; charset=windows-1252"),
        ("iso-8859-15", '<meta charset="iso-8859-15">', "text/html"),
        ("utf-16", "", ""),
    ],
    ids=["mark", "header", "meta", "utf-16"],
)
async def test_charsets(site: tuple[Website, str], encoding: str, head: str, kind: str) -> None:
    website, url = site
    text = "Größe: übersichtlich, 5 €."
    body = f"<html><head>{head}</head><body><main><p>{text}</p></main></body></html>"
    website.replies = {"/": Reply(body.encode(encoding), kind=kind)}
    said = await listen(crawl(settings(url)))
    assert said.records[f"{url}/"].data["markdown"] == text


async def test_a_storm_of_429_stops_the_crawl_and_keeps_the_pages_for_later(site: tuple[Website, str]) -> None:
    website, url = site
    links = [f"/{n}" for n in range(20)]
    website.replies = {"/": page("Home", TEXT, links)}
    for link in links:
        website.replies[link] = Reply("slow down", status=429, headers={"retry-after": "0"})
    said = Said()
    with pytest.raises(ServiceError) as error:
        await listen(crawl(settings(url, retries=1, concurrency=2)), said)
    assert "429 too many requests" in str(error.value)
    assert sum(website.hits[link] for link in links) < 16
    assert said.failures == []

    website.replies.update({link: page(link, TEXT) for link in links})
    again = await listen(crawl(settings(url, retries=1), past=Past(ledger=said.ledger)))
    assert {key.removeprefix(url) for key in again.records} == set(links)
    assert website.hits["/"] == 1


async def test_a_long_retry_after_is_not_waited_for(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {
        "/": page("Home", TEXT, ["/busy"]),
        "/busy": Reply("", status=503, headers={"retry-after": "7200"}),
    }
    said = await listen(crawl(settings(url)))
    assert said.reasons == {f"{url}/busy": "503 service unavailable"}
    assert website.hits["/busy"] == 1


async def test_no_answer_at_all_is_a_network_error() -> None:
    with pytest.raises(NetworkError) as error:
        await listen(crawl(settings(f"http://127.0.0.1:{refused_port()}", retries=1)))
    assert error.value.what.startswith("No answer from 127.0.0.1:")
    assert error.value.do


async def test_robots_txt_that_cannot_be_read_forbids_the_site(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/": page("Home", TEXT), "/robots.txt": Reply("", status=503)}
    with pytest.raises(ServiceError):
        await listen(crawl(settings(url, retries=1)))
    assert website.hits["/"] == 0


async def test_one_dead_site_does_not_stop_the_others(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/": page("Home", TEXT)}
    dead = f"http://127.0.0.1:{refused_port()}/"
    said = await listen(crawl(settings(url, start=(url, dead), retries=0)))
    assert set(said.records) == {f"{url}/"}
    assert said.reasons == {dead: "no connection"}


async def test_a_start_page_that_is_missing_is_an_error_and_can_be_tried_again(site: tuple[Website, str]) -> None:
    website, url = site
    said = Said()
    with pytest.raises(InputError) as error:
        await listen(crawl(settings(url)), said)
    assert "404 not found" in error.value.why
    website.replies = {"/": page("Home", TEXT)}
    again = await listen(crawl(settings(url), past=Past(ledger=said.ledger)))
    assert set(again.records) == {f"{url}/"}


def test_settings_are_checked_and_survive_json() -> None:
    config = Crawl(start=("Example.com/Docs#top", "http://example.com:80"), max_pages=20)
    assert config.start == ("https://example.com/Docs", "http://example.com/")
    assert Crawl.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.describe() == "crawl of example.com, at most 20 pages"
    assert config.name() == "example.com"
    for bad in (
        {},
        {"start": ["ftp://x.test/"]},
        {"start": ["x.test"], "max_pages": 0},
        {"start": ["x.test"], "max_pages": "many"},
        {"start": ["x.test"], "colour": "blue"},
        {"start": ["x.test"], "follow_links": 1},
        {"start": 5},
    ):
        with pytest.raises(InputError) as error:
            Crawl.from_dict(bad)
        assert error.value.what
        assert error.value.do


async def test_rules_for_this_crawler_win_and_proxies_are_not_asked_on_loopback(
    site: tuple[Website, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{refused_port()}")
    website, url = site
    website.replies = {
        "/robots.txt": Reply("User-agent: ftui\nDisallow: /a\n\nUser-agent: *\nDisallow: /b\n", kind="text/plain"),
        "/": page("Home", TEXT, ["/a", "/b"]),
        "/a": page("A", TEXT),
        "/b": page("B", TEXT),
    }
    said = await listen(crawl(settings(url)))
    assert set(said.records) == {f"{url}/", f"{url}/b"}
