"""The same crawl through the Web Unlocker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from collect.gather import Said, listen
from ftui.collect import wind_up
from ftui.collect.crawl import Crawl, crawl
from ftui.collect.past import Past
from ftui.errors import CredentialError, InputError, MoneyError
from ftui.events import Entry
from servers.serve import serve
from servers.unlocker import TOKEN, ZONE, UnlockerServer
from servers.website import Reply, Website, page

# Long enough for a page: below 250 characters the reader tries harder, and each test would wait for it.
TEXT = " ".join(["The Tavrik kettle boils a litre in three minutes."] * 6)
SITE = "https://shop.test"


@pytest.fixture
def unlocker() -> Iterator[tuple[UnlockerServer, str]]:
    links = [f"/{n}" for n in range(6)]
    website = Website({"/": page("Home", TEXT, [*links, "/private/x"]), **{link: page(link, TEXT) for link in links}})
    website.replies["/robots.txt"] = Reply("User-agent: *\nDisallow: /private", kind="text/plain")
    server = UnlockerServer(website)
    with serve(server) as base_url:
        yield server, base_url


def settings(**more: Any) -> Crawl:
    fixed = {"start": (SITE,), "backoff": 0.01, "retries": 1, "unlocker": ZONE, "price_per_request": 0.0015}
    return Crawl(**{**fixed, **more})


async def test_pages_come_through_it_and_cost_what_succeeds(unlocker: tuple[UnlockerServer, str]) -> None:
    server, base_url = unlocker
    server.blocked["/3"] = "client_10010: request blocked"
    said = await listen(crawl(settings(country="DE"), token=TOKEN, base_url=base_url))
    assert set(said.records) == {f"{SITE}/", *(f"{SITE}/{n}" for n in (0, 1, 2, 4, 5))}
    assert said.reasons == {
        f"{SITE}/3": "unlocker: client_10010: request blocked",
        f"{SITE}/private/x": "robots.txt",
    }
    assert server.requests[1] == {"zone": ZONE, "url": f"{SITE}/", "format": "raw", "country": "de"}
    assert sum(request["url"] == f"{SITE}/3" for request in server.requests) == 2
    last = said.progress[-1]
    assert last.cost == pytest.approx(0.0015 * server.charged) == pytest.approx(0.0015 * 7)
    assert last.cost_at_most == settings().cost_at_most()
    assert said.results[0]["cost"] == last.cost
    # The key goes to the service alone, and the pages see ftui's own name for itself.
    assert TOKEN not in str(said.order)


async def test_the_cost_is_bounded_and_known_beforehand(unlocker: tuple[UnlockerServer, str]) -> None:
    server, base_url = unlocker
    config = settings(max_pages=3, sitemap="none")
    said = await listen(crawl(config, token=TOKEN, base_url=base_url))
    assert len(said.records) == 3
    assert 0.0015 * server.charged <= config.cost_at_most() == pytest.approx(0.0015 * 5)
    assert Crawl(start=(SITE,)).cost_at_most() == 0.0
    with pytest.raises(MoneyError):
        settings(price_per_request=0).cost_at_most()


async def test_what_was_paid_before_a_crash_counts(unlocker: tuple[UnlockerServer, str]) -> None:
    _, base_url = unlocker
    said = Said()
    events = crawl(settings(concurrency=1), token=TOKEN, base_url=base_url)
    async for event in events:
        said.take(event)
        if isinstance(event, Entry) and len(said.records) == 4:
            break
    await events.aclose()
    paid = sum(entry.get("paid", 0) for entry in said.ledger)
    assert paid == 5
    rest = await listen(crawl(settings(), Past(ledger=said.ledger), token=TOKEN, base_url=base_url))
    # The three pages that were left, and robots.txt a second time.
    assert rest.results[0]["cost"] == pytest.approx(0.0015 * (5 + 4))


async def test_a_crawl_that_is_stopped_has_a_bill(unlocker: tuple[UnlockerServer, str]) -> None:
    server, base_url = unlocker
    config = settings(concurrency=2)
    said = Said()
    events = crawl(config, token=TOKEN, base_url=base_url)
    async for event in events:
        said.take(event)
        if isinstance(event, Entry) and len(said.records) >= 3:
            break
    await events.aclose()
    wound_up = wind_up("crawl", config.to_dict(), Past(ledger=said.ledger), credentials={"brightdata": TOKEN})
    (result,) = (await listen(wound_up)).results
    assert 0.0015 * server.charged <= result["cost"] <= 0.0015 * (server.charged + 2)


@pytest.mark.parametrize(
    ("token", "zone", "error", "words"),
    [
        ("", ZONE, CredentialError, "no key"),
        ("wrong", ZONE, CredentialError, "Invalid credentials"),
        (TOKEN, "other", InputError, "zone 'other'"),
    ],
)
async def test_a_wrong_key_or_zone_stops_at_once(
    unlocker: tuple[UnlockerServer, str], token: str, zone: str, error: type[Exception], words: str
) -> None:
    server, base_url = unlocker
    with pytest.raises(error, match=words) as raised:
        await listen(crawl(settings(unlocker=zone), token=token, base_url=base_url))
    assert len(server.requests) == (1 if token else 0)
    assert TOKEN not in str(raised.value)


async def test_a_page_that_refuses_is_a_page_that_failed(unlocker: tuple[UnlockerServer, str]) -> None:
    server, base_url = unlocker
    server.website.replies["/2"] = Reply("members only", status=401)
    said = await listen(crawl(settings(), token=TOKEN, base_url=base_url))
    assert said.reasons[f"{SITE}/2"] == "401 unauthorized"
    assert len(said.records) == 6


async def test_an_unchanged_page_is_seen_by_its_text(unlocker: tuple[UnlockerServer, str]) -> None:
    server, base_url = unlocker
    first = await listen(crawl(settings(), token=TOKEN, base_url=base_url))
    server.website.replies["/4"] = page("/4", TEXT + " Now in blue.")
    past = Past(known=lambda key: first.records[key].data if key in first.records else None)
    second = await listen(crawl(settings(), past, token=TOKEN, base_url=base_url))
    assert set(second.records) == {f"{SITE}/4"}
    assert second.results[0]["unchanged"] == 6
