"""A crawl as a good guest: robots.txt, sitemaps, what pages ask for, and what the person asks for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from collect.gather import listen
from ftui.collect.crawl import Crawl, crawl
from ftui.errors import InputError, ServiceError
from servers.serve import serve
from servers.website import Reply, Website, moved, page

# Long enough for a page: below 250 characters the reader tries harder, and each test would wait for it.
TEXT = " ".join(["The Tavrik kettle boils a litre in three minutes."] * 6)
PLAIN = "text/plain"


@pytest.fixture
def site() -> Iterator[tuple[Website, str]]:
    website = Website({})
    with serve(website) as base_url:
        yield website, base_url


def settings(base_url: str, **more: Any) -> Crawl:
    return Crawl(**{"start": (base_url,), "backoff": 0.01, "timeout": 10.0, "retries": 1, **more})


def urlset(*urls: str) -> str:
    return f"<urlset>{''.join(f'<url><loc>{url}</loc></url>' for url in urls)}</urlset>"


def with_head(title: str, head: str, links: tuple[str, ...] = ()) -> Reply:
    plain = page(title, TEXT, links)
    return Reply(str(plain.body).replace("</head>", f"{head}</head>"))


@pytest.mark.parametrize("status", [403, 404])
async def test_without_robots_txt_everything_is_open(site: tuple[Website, str], status: int) -> None:
    website, url = site
    website.replies = {"/robots.txt": Reply("User-agent: *\nDisallow: /", status=status), "/": page("Home", TEXT)}
    assert set((await listen(crawl(settings(url)))).records) == {f"{url}/"}


@pytest.mark.parametrize("status", [429, 599])
async def test_robots_txt_that_cannot_be_had_forbids_the_site(site: tuple[Website, str], status: int) -> None:
    website, url = site
    website.replies = {"/robots.txt": Reply("", status=status), "/": page("Home", TEXT)}
    with pytest.raises(ServiceError, match="refuses to be read"):
        await listen(crawl(settings(url)))
    assert website.hits["/"] == 0


async def test_robots_txt_may_be_elsewhere_and_long(site: tuple[Website, str]) -> None:
    website, url = site
    rules = "User-agent: *\nDisallow: /secret\n"
    other = Website({"/r": Reply(rules + "#" * 600_000 + "\nDisallow: /", kind=PLAIN)})
    with serve(other) as elsewhere:
        website.replies = {"/robots.txt": moved(f"{elsewhere}/r"), "/": page("Home", TEXT, ["/secret", "/open"])}
        website.replies["/open"] = page("Open", TEXT)
        said = await listen(crawl(settings(url)))
    assert set(said.records) == {f"{url}/", f"{url}/open"}
    assert said.reasons == {f"{url}/secret": "robots.txt"}


async def test_the_rate_that_robots_txt_asks_for(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {
        "/robots.txt": Reply("User-agent: *\nRequest-rate: 10/1", kind=PLAIN),
        "/": page("Home", TEXT, ["/a"]),
        "/a": page("A", TEXT),
    }
    said = await listen(crawl(settings(url)))
    assert said.notes == [f"{url} asks for 0.1 s between two pages"]
    assert website.most_at_once == 1


@pytest.mark.parametrize("more", [{"delay": 0.05}, {"retries": 0, "concurrency": 1}], ids=["waiting", "given up"])
async def test_retry_after_holds_for_every_page_of_the_site(site: tuple[Website, str], more: dict[str, Any]) -> None:
    website, url = site
    links = [f"/{n}" for n in range(6)]
    website.replies = {"/": page("Home", TEXT, links), **{link: page(link, TEXT) for link in links}}
    website.replies["/0"] = [Reply("", status=429, headers={"retry-after": "1"}), page("0", TEXT)]
    await listen(crawl(settings(url, **more)))
    asked = [moment for path, moment in website.moments if path in links]
    # The first of these was told to wait, and nothing was sent until then.
    assert asked[1] - asked[0] >= 0.9


async def test_a_site_that_wants_a_day_between_two_pages_is_left_alone(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {"/robots.txt": Reply("User-agent: *\nCrawl-delay: 86400", kind=PLAIN), "/": page("Home", TEXT)}
    with pytest.raises(ServiceError, match="asks for 86400 s between two pages"):
        await listen(crawl(settings(url)))
    assert website.hits["/"] == 0


async def test_sitemaps_of_every_kind(site: tuple[Website, str]) -> None:
    website, url = site
    names = ("index", "index2", "plain.txt", "packed", "packed.txt", "rss", "atom", "bom", "bad", "cut", "bomb", "gone")
    index = "".join(f"<sitemap><loc>{url}/{name}</loc></sitemap>" for name in names)
    whole = urlset(*(f"{url}/cut{n}" for n in range(50)))
    website.replies = {
        "/robots.txt": Reply(f"Sitemap: {url}/index\nSitemap: {url}/index", kind=PLAIN),
        "/index": Reply(f"<sitemapindex xmlns='x'>{index}</sitemapindex>"),
        "/index2": Reply(f"<sitemapindex><sitemap><loc>{url}/index</loc></sitemap></sitemapindex>"),
        "/plain.txt": Reply(f"{url}/p1\n\n  {url}/p2\nnot an address\n", kind=PLAIN),
        "/packed": Reply(gzip.compress(urlset(f"{url}/z1").encode())),
        "/packed.txt": Reply(gzip.compress(f"{url}/z2".encode()), headers={"content-encoding": "gzip"}),
        "/rss": Reply(f"<rss><channel><link>{url}/no</link><item><link>{url}/r1</link></item></channel></rss>"),
        "/atom": Reply(f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><link href='{url}/a1'/></entry></feed>"),
        "/bom": Reply("\ufeff<?xml version='1.0'?>\n" + urlset(f"{url}/b1")),
        "/bad": Reply("<html><p>Not found<br></html>"),
        "/cut": Reply(gzip.compress(whole.encode())[:-30]),
        "/bomb": Reply(gzip.compress(b" " * (60 * 2**20))),
        **{f"/{name}": page(name, TEXT) for name in ("", "p1", "p2", "z1", "z2", "r1", "a1", "b1", "cut0")},
    }
    said = await listen(crawl(settings(url, follow_links=False)))
    assert {key.removeprefix(url) for key in said.records} == {
        "/", "/p1", "/p2", "/z1", "/z2", "/r1", "/a1", "/b1", "/cut0",
    }  # fmt: skip
    sitemaps = {subject.removeprefix(url): reason for subject, reason in said.reasons.items() if "sitemap" in reason}
    assert sitemaps == {
        "/bad": "sitemap: not XML",
        "/cut": "sitemap: cut off or broken",
        "/bomb": "sitemap: larger than 50 MB",
        "/gone": "sitemap: 404 not found",
    }
    assert website.hits["/index"] == 1


async def test_entities_of_a_sitemap_do_not_grow(site: tuple[Website, str]) -> None:
    website, url = site
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    website.replies = {
        "/": page("Home", TEXT),
        "/map": Reply(f'<!DOCTYPE x [<!ENTITY e0 "lol">{entities}]><urlset><url><loc>&e11;</loc></url></urlset>'),
    }
    said = await listen(crawl(settings(url, sitemap=f"{url}/map")))
    assert said.reasons == {f"{url}/map": "sitemap: not XML"}


async def test_no_more_sitemaps_are_read_than_the_limit_needs(site: tuple[Website, str]) -> None:
    website, url = site
    index = "".join(f"<sitemap><loc>{url}/map{n}</loc></sitemap>" for n in range(60))
    website.replies = {"/": page("Home", TEXT), "/index": Reply(f"<sitemapindex>{index}</sitemapindex>")}
    website.otherwise = lambda path: (
        page(path, TEXT) if path.endswith("/page") else Reply(urlset(f"{url}{path}/page")) if "/map" in path else None
    )
    few = await listen(crawl(settings(url, sitemap=f"{url}/index", max_pages=4, follow_links=False)))
    assert sum(count for path, count in website.hits.items() if path.startswith("/map") and "page" not in path) == 3
    assert few.results[0]["failed"] == 0
    website.hits.clear()
    await listen(crawl(settings(url, sitemap=f"{url}/index", max_pages=400, follow_links=False, concurrency=16)))
    assert sum(count for path, count in website.hits.items() if path.startswith("/map") and "page" not in path) == 49


async def test_patterns_choose_and_say_when_they_match_nothing(site: tuple[Website, str]) -> None:
    website, url = site
    links = ["/docs/a", "/docs/old/b", "/docs/a?print=1", "/blog/c", "/docs"]
    website.replies = {"/": page("Home", TEXT, links), **{link: page(link, TEXT) for link in links}}
    website.replies["/docs/a"] = page("A", TEXT, ["/docs/d/e", "/blog/f"])
    website.replies["/docs/d/e"] = page("E", TEXT)
    config = settings(url, include=("docs/**", "/news/*"), exclude=("*/old/*", "*?print=*", "/x*y*z"))
    assert config.include == ("/docs/*", "/news/*")
    said = await listen(crawl(config))
    assert {key.removeprefix(url) for key in said.records} == {"/", "/docs/a", "/docs/d/e"}
    assert said.notes == ["No address matched /news/*", "No address matched /x*y*z"]
    assert said.failures == []


async def test_a_redirect_leads_beyond_what_is_included_but_not_into_what_is_excluded(
    site: tuple[Website, str],
) -> None:
    website, url = site
    website.replies = {
        "/": page("Home", TEXT, ["/docs/a", "/docs/b"]),
        "/docs/a": moved("/help/a"),
        "/docs/b": moved("/login?to=b"),
        "/help/a": page("A", TEXT),
        "/login?to=b": page("Log in", TEXT),
    }
    said = await listen(crawl(settings(url, include=("/docs/*",), exclude=("/login",))))
    assert {key.removeprefix(url) for key in said.records} == {"/", "/help/a"}
    assert said.reasons == {f"{url}/docs/b": "redirect to an excluded address"}
    assert website.hits["/login?to=b"] == 0


@pytest.mark.parametrize(("depth", "found"), [(0, {"", "s"}), (1, {"", "s", "1"}), (2, {"", "s", "1", "2"})])
async def test_depth_is_the_shortest_way(site: tuple[Website, str], depth: int, found: set[str]) -> None:
    website, url = site
    website.replies = {
        "/robots.txt": Reply(f"Sitemap: {url}/map", kind=PLAIN),
        "/map": Reply(urlset(f"{url}/s")),
        "/": page("Home", TEXT, ["/1"]),
        "/s": page("S", TEXT),
        # Behind a redirect, and slower than the way that is longer.
        "/1": Reply("", status=302, headers={"location": "/one"}, wait=0.1),
        "/one": page("1", TEXT, ["/2"]),
        "/2": page("2", TEXT, ["/3"]),
        "/3": page("3", TEXT, ["/1"]),
    }
    said = await listen(crawl(settings(url, max_depth=depth)))
    names = {"one" if name == "1" else name for name in found}
    assert {key.removeprefix(f"{url}/") for key in said.records} == names


async def test_what_a_page_asks_of_its_guests(site: tuple[Website, str]) -> None:
    website, url = site
    head = {
        "/noindex": '<meta name="robots" content="NoIndex, follow">',
        "/nofollow": '<meta name="robots" content="nofollow">',
        "/none": '<meta name="ROBOTS" content="none">',
        "/noai": '<meta name="robots" content="noai, noimageai">',
    }
    website.replies = {
        "/": page("Home", TEXT, [*head, "/header", "/other"]),
        **{path: with_head(path, text, (f"{path}/link",)) for path, text in head.items()},
        "/header": page("Header", TEXT, ["/header/link"]).with_headers(**{"x-robots-tag": "noindex, nofollow"}),
        "/other": page("Other", TEXT).with_headers(**{"x-robots-tag": "otherbot: noindex"}),
        "/noindex/link": page("Linked", TEXT),
        "/noai/link": page("Linked", TEXT),
    }
    body = str(website.replies["/"].body)  # type: ignore[union-attr]
    website.replies["/"] = Reply(body.replace("</main>", '<a rel="ugc nofollow" href="/hidden">x</a></main>'))
    said = await listen(crawl(settings(url)))
    assert {key.removeprefix(url) for key in said.records} == {
        "/",
        "/nofollow",
        "/other",
        "/noindex/link",
        "/noai/link",
    }
    assert {subject.removeprefix(url): reason for subject, reason in said.reasons.items()} == {
        "/noindex": "noindex",
        "/none": "noindex",
        "/header": "noindex",
        "/noai": "noai",
    }
    assert website.hits["/hidden"] == 0


async def test_a_canonical_address_stands_for_its_twins(site: tuple[Website, str]) -> None:
    website, url = site
    website.replies = {
        "/": page("Home", TEXT, ["/p?colour=red", "/p?colour=blue", "/wrong", "/self?page=2", "/far"]),
        "/p?colour=red": with_head("Red", '<link rel="canonical" href="/p">', ("/red",)),
        "/p?colour=blue": with_head("Blue", f'<link rel="canonical" href="{url}/p">'),
        "/p": with_head("All", '<link rel="canonical" href="/p">'),
        "/wrong": with_head("Wrong", '<link rel="canonical" href="/">'),
        "/self?page=2": with_head("Self", '<link rel="canonical" href="?page=2">'),
        "/far": with_head("Far", '<link rel="canonical" href="https://elsewhere.test/far">'),
        "/red": page("Linked", TEXT),
    }
    said = await listen(crawl(settings(url)))
    assert {key.removeprefix(url) for key in said.records} == {"/", "/p", "/wrong", "/self?page=2", "/far", "/red"}
    assert set(said.reasons.values()) == {"canonical address is another"}
    assert said.records[f"{url}/wrong"].data["canonical"] == f"{url}/"


async def test_cookies_are_kept_but_not_without_end(site: tuple[Website, str]) -> None:
    website, url = site
    links = [f"/{n}" for n in range(150)]
    website.replies = {"/": page("Home", TEXT, ["/a", *links]).with_headers(**{"set-cookie": "kept=yes"})}
    website.replies |= {link: page("X", TEXT).with_headers(**{"set-cookie": f"c{link[1:]}=1"}) for link in links}
    website.replies["/a"] = page("A", TEXT)
    await listen(crawl(settings(url, concurrency=8)))
    assert website.asked["/a"]["cookie"] == "kept=yes"
    assert max(asked.get("cookie", "").count("=") for asked in website.asked.values()) in range(50, 110)


async def test_many_sites_share_the_limits_and_keep_their_own_manners(site: tuple[Website, str]) -> None:
    website, url = site
    other = Website({"/": page("Other", TEXT, ["/x"]), "/x": page("X", TEXT)})
    with serve(other) as elsewhere:
        website.replies = {"/": page("Home", TEXT, [f"{elsewhere}/x", "/y"]), "/y": page("Y", TEXT)}
        other.replies["/robots.txt"] = Reply("User-agent: *\nDisallow: /x", kind=PLAIN)
        said = await listen(crawl(settings(url, start=(url, elsewhere))))
    assert set(said.records) == {f"{url}/", f"{url}/y", f"{elsewhere}/"}
    assert said.reasons == {f"{elsewhere}/x": "robots.txt"}


def test_new_settings_have_defaults_and_are_checked() -> None:
    old = {"start": ["https://x.test/"], "max_pages": 5}
    config = Crawl.from_dict(old)
    assert (config.max_depth, config.include, config.unlocker) == (-1, (), "")
    assert Crawl.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    for bad in ({"max_depth": -2}, {"include": [5]}, {"country": "deu"}, {"price_per_request": -1}):
        with pytest.raises(InputError):
            Crawl.from_dict({**old, **bad})
