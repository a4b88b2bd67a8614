"""What sites do wrong, by accident or on purpose: each bad page is counted with its reason, the good ones go on."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from collect.gather import Said, listen
from ftui.collect.crawl import Crawl, crawl
from ftui.collect.fetch import Fetcher, NotFetched
from ftui.collect.site import Site
from ftui.errors import NetworkError
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
    return Crawl(**{"start": (base_url,), "backoff": 0.01, "timeout": 10.0, "retries": 1, **more})


def packed(text: str) -> bytes:
    return gzip.compress(text.encode())


async def test_bodies_that_cannot_be_used(site: tuple[Website, str]) -> None:
    website, url = site
    good = str(page("Good", TEXT).body)
    bad = {
        "/bomb": Reply(gzip.compress(bytes(64 * 2**20)), headers={"content-encoding": "gzip"}),
        "/short": Reply(packed(good)[:-20], headers={"content-encoding": "gzip"}),
        "/noise": Reply(b"\x1f\x8bnoise", headers={"content-encoding": "gzip"}),
        "/strange": Reply(b"x", headers={"content-encoding": "zpaq"}),
        "/large": Reply(b"<p>" + b"x" * (50 * 2**20)),
        "/cut": Reply("<html><body><p>Half", cut=True),
        "/drip": Reply("a" * 1000, drip=0.05),
        "/nothing": Reply(""),
        "/endless": Reply("", status=302, headers={"location": "/endless/1"}),
    }
    website.otherwise = lambda path: moved(f"{path}1") if path.startswith("/endless/") else None
    fine = {
        "/nul": Reply(good.replace("Tavrik", "Tav\0rik")),
        "/utf-16": Reply(good.encode("utf-16"), kind="text/html"),
        "/gzip": Reply(packed(good), headers={"content-encoding": "gzip"}),
        "/deflate": Reply(zlib.compress(good.encode()), headers={"content-encoding": "deflate"}),
        "/lies": Reply(good, kind="text/html; charset=no-such-thing"),
    }
    website.replies = {"/": page("Home", TEXT, [*bad, *fine]), **bad, **fine}
    said = await listen(crawl(settings(url, timeout=2.0, concurrency=8)))
    assert {subject.removeprefix(url): reason for subject, reason in said.reasons.items()} == {
        "/bomb": "larger than 10 MB",
        "/short": "broken compression",
        "/noise": "broken compression",
        "/strange": "unknown compression: zpaq",
        "/large": "larger than 10 MB",
        "/cut": "connection cut",
        "/drip": "timeout",
        "/nothing": "no text on page",
        "/endless/11111": "too many redirects",
    }
    for path in fine:
        assert said.records[url + path].data["markdown"] == f"# Good\n\n{TEXT}", path
    # A page that drips is not asked for again: it would not become faster.
    assert website.hits["/drip"] == 1
    assert website.hits["/cut"] == 2
    assert said.results[0]["done"] == 6
    assert said.results[0]["failed"] == 9


async def test_addresses_that_lead_nowhere(site: tuple[Website, str]) -> None:
    website, url = site
    port = url.rpartition(":")[2]
    links = [
        "/a b",
        "/a%20b",
        "/größe",
        "?b=1&a=2",
        "?a=2&b=1&utm_source=mail",
        "/long/" + "x" * 10_000,
        "file:///etc/passwd",
        "ftp://x.test/",
        "javascript:alert(1)",
        "data:text/html,x",
        "tel:1",
        "http://",
        "http://[::1",
        "http://x.test:99999/",
        f"http://127.0.0.1:{port}0/",
        "http://exämple.test/",
        "//",
        "http:///x",
        "\x00\x01",
        "/%zz%",
        "?" + "&".join("=" * 9),
    ]
    website.replies = {"/": page("Home", TEXT, links)}
    website.otherwise = lambda path: page(path, TEXT) if "robots" not in path else None
    said = await listen(crawl(settings(url)))
    fetched = {key.removeprefix(url) for key in said.records}
    assert {"/", "/a%20b", "/gr%C3%B6%C3%9Fe", "/?a=2&b=1"} <= fetched
    assert not any("utm" in path or "passwd" in path for path in website.hits)
    assert website.hits["/a b"] == 1
    assert [(failure.reason, failure.kind, len(failure.subject)) for failure in said.failures] == [
        ("address too long", "skipped", 201)
    ]


@pytest.mark.parametrize("target", ["http://[", "http://a[b]/", "http://x\u2100y/", "//a:b/", "mailto:x"])
async def test_a_redirect_to_no_address_is_lost_alone(site: tuple[Website, str], target: str) -> None:
    website, url = site
    website.replies = {
        "/robots.txt": moved(target),
        "/": page("Home", TEXT, ["/bad", "/good"]),
        "/bad": moved(target),
        "/good": page("Good", TEXT),
    }
    said = await listen(crawl(settings(url)))
    assert set(said.records) == {f"{url}/", f"{url}/good"}
    assert said.reasons == {f"{url}/bad": "redirect to no web address"}
    assert website.hits["/bad"] == 1


async def test_private_networks_are_left_alone(site: tuple[Website, str]) -> None:
    website, url = site
    inside = [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00::1]/",
        "http://[::ffff:10.1.1.1]/",
    ]
    website.replies = {
        "/": page("Home", TEXT, [*inside, "http://192.168.1.1/", "http://localhost:1/", "/out"]),
        "/out": moved("http://192.168.1.1/admin"),
        "/robots.txt": Reply(f"Sitemap: {url}/map.xml", kind="text/plain"),
        "/map.xml": Reply("<urlset><url><loc>http://172.16.0.1/</loc></url></urlset>"),
    }
    said = await listen(crawl(settings(url)))
    expected = [*inside, "http://192.168.1.1/", f"{url}/out", "http://172.16.0.1/"]
    # The site is on this machine itself, so its other ports are other sites and nothing more.
    assert said.reasons == dict.fromkeys(expected, "private network")
    assert {failure.kind for failure in said.failures} == {"skipped"}


async def test_a_public_site_whose_name_turns_to_this_machine_is_not_asked(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/": page("Home", TEXT)}
    public = Site(url, network="")
    async with Fetcher(5.0, 1, 0.01, "x") as fetcher:
        with pytest.raises(NotFetched) as error:
            await fetcher.get(public, f"{url}/")
        assert error.value.reason == "private network"
        assert website.hits == {}
        new = Site(url)
        assert (await fetcher.get(new, f"{url}/")).status == 200
        assert new.network == "127.0.0.0/8"


async def test_an_endless_calendar_ends_at_the_limit(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/robots.txt": Reply("", status=404)}

    def day(path: str) -> Reply:
        number = int(path.rpartition("=")[2]) if "=" in path else 0
        return page(f"Day {number}", TEXT, [f"/day?d={number + step}" for step in range(1, 40)])

    website.otherwise = day
    said = await listen(crawl(settings(url, max_pages=25, concurrency=8)))
    assert len(said.records) == 25
    assert sum(website.hits.values()) == 26
    assert said.progress[-1].total == 25
    assert "limit of 25 pages" in said.notes[0]


async def test_what_is_remembered_is_bounded(site: tuple[Website, str]) -> None:
    website, url = site
    website.otherwise = lambda path: (
        page(path, TEXT, [f"{path}{n}" for n in range(6000)]) if path != "/robots.txt" else None
    )
    said = await listen(crawl(settings(url, max_pages=3)))
    assert sum(len(entry.get("new", ())) for entry in said.ledger) == 20 * 3 + 10_000
    assert said.notes == ["The limit of 3 pages is reached; more than 10,057 more are known"]


async def test_a_site_that_falls_silent_stops_the_crawl_which_can_go_on(site: tuple[Website, str]) -> None:
    website, url = site
    links = [f"/{n}" for n in range(12)]
    website.replies = {"/": page("Home", TEXT, links), **{link: Reply("late", wait=5) for link in links}}
    said = Said()
    with pytest.raises(NetworkError, match="timeout"):
        await listen(crawl(settings(url, timeout=1.0, retries=0, concurrency=8)), said)
    assert said.failures == []
    assert set(said.records) == {f"{url}/"}
