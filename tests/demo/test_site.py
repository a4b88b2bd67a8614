"""The sample site: what is served, and what must not be fetched."""

from __future__ import annotations

import asyncio
import json
import re
from xml.etree import ElementTree

import httpx
import pytest
import trafilatura
from protego import Protego

from ftui.demo.site import FORBIDDEN, HTML, SampleSite, facts, pages


async def test_every_page_is_served_as_it_was_made() -> None:
    async with SampleSite() as site, httpx.AsyncClient(base_url=site.url, trust_env=False) as client:
        made = pages(site.url)
        for path, page in made.items():
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, page.content_type)
            assert answer.content == page.body
        assert site.fetched == list(made)


async def test_what_is_not_there_and_what_is_not_asked_right() -> None:
    async with SampleSite() as site, httpx.AsyncClient(base_url=site.url, trust_env=False) as client:
        assert (await client.get("/nothing/")).status_code == 404
        assert (await client.post("/faq/")).status_code == 405
        assert (await client.get("/faq/?page=2")).status_code == 200
        head = await client.head("/faq/")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 1000


@pytest.mark.parametrize("request_bytes", [b"", b"\r\n\r\n", b"nonsense", b"GET " + b"x" * 40_000])
async def test_nonsense_does_not_stop_the_site(request_bytes: bytes) -> None:
    async with SampleSite() as site, httpx.AsyncClient(base_url=site.url, trust_env=False) as client:
        port = int(site.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes)
        writer.close()
        assert (await client.get("/")).status_code == 200


async def test_the_port_is_free_again_afterwards() -> None:
    async with SampleSite() as site:
        url = site.url
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


def test_robots_and_sitemap_agree() -> None:
    site = pages("http://lumora.test")
    robots = Protego.parse(site["/robots.txt"].body.decode())
    tree = ElementTree.fromstring(site["/sitemap.xml"].body)
    listed = [element.text or "" for element in tree.findall(".//{*}loc")]
    html = [path for path, page in site.items() if page.content_type == HTML]
    public = [path for path in html if not path.startswith(FORBIDDEN)]
    assert len(html) > len(public) >= 43
    assert listed == [f"http://lumora.test{path}" for path in public]
    assert all(robots.can_fetch(url, "ftui") for url in listed)
    assert not any(robots.can_fetch(f"http://lumora.test{path}", "ftui") for path in set(html) - set(public))
    assert list(robots.sitemaps) == ["http://lumora.test/sitemap.xml"]


def test_no_link_is_dead_and_every_page_is_linked() -> None:
    site = pages()
    html = {path: page.body.decode() for path, page in site.items() if page.content_type == HTML}
    linked = {link for text in html.values() for link in re.findall(r'href="(/[^"]*)"', text)}
    assert linked <= set(html)
    assert set(html) <= linked
    assert any(link.startswith(FORBIDDEN) for link in linked), "the forbidden area has to be tempting"


def test_what_stands_on_the_pages_survives_extraction() -> None:
    """Every fact with all its questions, and nothing of the navigation."""
    site = pages("http://lumora.test")
    texts = {}
    for path, page in site.items():
        if page.content_type == HTML:
            texts[path] = trafilatura.extract(page.body.decode(), output_format="markdown") or ""
    everything = "\n".join(texts.values())
    for fact in facts():
        assert f"## {fact['question']}\n\n{fact['answer']}\n" in everything
        assert all(f"\n- {other}" in everything for other in fact["also"])
    assert not any("cookies" in text or "In the house" in text for text in texts.values())


def test_structured_data_can_be_read() -> None:
    kinds: dict[str, int] = {}
    for page in pages().values():
        for block in re.findall(rb'<script type="application/ld\+json">(.*?)</script>', page.body, re.S):
            data = json.loads(block)
            kinds[data["@type"]] = kinds.get(data["@type"], 0) + 1
    assert kinds == {"Product": 12, "FAQPage": 1}
