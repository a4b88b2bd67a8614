"""Invented content for the benchmarks of collecting: rows of products, and a site of product and help pages.

All of it follows from a number, so that two runs see the same.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

ROBOTS = "User-agent: *\nDisallow: /internal/\nDisallow: /*?print=\nAllow: /internal/open/\n"
"""What the site's robots.txt says; `disallowed` says the same of a path."""

_SECTIONS = ("kettles", "toasters", "grinders", "scales", "help", "returns", "warranty", "recipes")
_CHILDREN = 8
_TALK = (
    "kettle lid handle litre minute water filter button light steel glass base cord switch boil keep warm pour"
    " spout rinse descale vinegar lemon week morning tea coffee leaf temperature degree sound quiet fast heavy"
    " safe child lock dry empty clean brush warranty return shop parcel order invoice repair part seal ring"
)
_WORDS = _TALK.split()


def disallowed(path: str) -> bool:
    return (path.startswith("/internal/") and not path.startswith("/internal/open/")) or "?print=" in path


# Rows


def write_rows(path: Path, size: int) -> array[int]:
    """Write a snapshot of about `size` bytes of JSON lines; gives where each row begins, and the end."""
    starts, at = array("Q", [0]), 0
    with path.open("wb", buffering=2**20) as file:
        for line in _lines():
            file.write(line)
            at += len(line)
            starts.append(at)
            if at >= size:
                return starts
    raise AssertionError("unreachable")


def write_number_of_rows(path: Path, number: int) -> array[int]:
    """The same, for a number of rows."""
    starts, at = array("Q", [0]), 0
    with path.open("wb", buffering=2**20) as file:
        for line, _ in zip(_lines(), range(number), strict=False):
            file.write(line)
            at += len(line)
            starts.append(at)
    return starts


def _lines() -> Iterator[bytes]:
    source = random.Random(7)
    texts = [_text(source, 40) for _ in range(2000)]
    number = 0
    while True:
        number += 1
        yield orjson.dumps(_row(number, source, texts), option=orjson.OPT_APPEND_NEWLINE)


def _row(number: int, source: random.Random, texts: list[str]) -> dict[str, Any]:
    """About 2 KB with the field names of a product row of the Web Scraper API."""
    # Each id once and in no order, as they come: an index over them is written all over.
    asin, price = f"B{number * 618_033_989 % 10**9:09}", source.randrange(500, 90000) / 100
    url = f"https://shop.test/dp/{asin}"
    one, two, three, four, five = source.choices(texts, k=5)
    return {
        "title": f"Lumora {one[:60]} {number}",
        "asin": asin,
        "parent_asin": asin,
        "input_asin": asin,
        "brand": "Lumora",
        "seller_name": f"Seller {number % 97}",
        "description": f"{one} {two}",
        "initial_price": round(price * 1.2, 2),
        "final_price": price if number % 9 else None,
        "currency": ("EUR", "USD", "GBP")[number % 3],
        "availability": "In stock" if number % 7 else None,
        "reviews_count": number % 5000,
        "rating": round(1 + number % 40 / 10, 1),
        "categories": ["Kitchen", "Small appliances", _SECTIONS[number % 8]],
        "features": [three[:120], four[:90], five[:140]],
        "top_review": five,
        "domain": "https://shop.test/",
        "url": url,
        "image_url": f"{url}/1.jpg",
        "images": [f"{url}/{image}.jpg" for image in range(1, 4)],
        "product_details": [
            {"type": "Colour", "value": "Köln blue"},
            {"type": "Weight", "value": f"{number % 3000} g"},
        ],
        "product_rating_object": {"five_star": number % 70, "four_star": 20, "three_star": 5},
        "prices_breakdown": {"deal_type": None, "list_price": None, "typical_price": price},
        "delivery": ["Free delivery Tomorrow", "Or fastest delivery Today"],
        "buybox_prices": {"final_price": price, "unit_price": None},
        "bs_category": "Kettles",
        "bs_rank": number % 100,
        "discount": None,
        "variations": [],
        "timestamp": "2026-11-20T10:00:00.000Z",
        "input": {"url": url},
        "discovery_input": {"category_url": "https://shop.test/kettles"},
    }


# Pages


def site(pages: int, *, small: bool = False) -> dict[str, bytes]:
    """A site by path (with query). From `/`, links lead to every page, and to some that must not be fetched.

    Args:
        pages: how many can be fetched and hold text.
        small: short ones, for tests of the crawl itself and not of the extraction.
    """
    source = random.Random(11)
    texts = [_text(source, 60) for _ in range(500)]
    make = _small_page if small else _page
    return {path_of(number): make(number, pages, source, texts).encode() for number in range(pages)}


def path_of(number: int) -> str:
    """Where the page of that number is."""
    return f"/{_SECTIONS[number % 8]}/{_WORDS[number % len(_WORDS)]}-{number}" if number else "/"


def _links(number: int, pages: int, source: random.Random) -> list[str]:
    """Children first, which make a tree of the site; then what else a page points at."""
    children = range(number * _CHILDREN + 1, min(number * _CHILDREN + 1 + _CHILDREN, pages))
    others = [path_of(source.randrange(pages)) for _ in range(4)]
    return [*(path_of(child) for child in children), *others, f"{path_of(number)}#reviews"]


def _small_page(number: int, pages: int, source: random.Random, texts: list[str]) -> str:
    links = "".join(f'<li><a href="{link}">{link}</a></li>' for link in _links(number, pages, source))
    return (
        f'<!doctype html><html lang="en"><head><title>Part {number}</title></head><body><nav><ul>{links}</ul></nav>'
        f"<main><h1>Part {number}</h1><p>{texts[number % len(texts)]}</p></main></body></html>"
    )


def _page(number: int, pages: int, source: random.Random, texts: list[str]) -> str:
    """A product or help page of some KB: navigation, text, a table, questions, metadata, a footer."""
    menu = "".join(f'<li><a href="{path_of(head)}">{_SECTIONS[head % 8]}</a></li>' for head in range(1, min(9, pages)))
    related = "".join(
        f'<li class="card"><a href="{link}"><img src="/images/{at}.jpg" alt=""><span>{link}</span></a></li>'
        for at, link in enumerate(_links(number, pages, source))
    )
    paragraphs = "".join(
        f"<h2>{text[:30]}</h2><p>{text}</p><p>{texts[(number + at) % len(texts)]}</p>"
        for at, text in enumerate(source.choices(texts, k=4))
    )
    questions = "".join(f"<dt>{text[:40]}?</dt><dd>{text}</dd>" for text in source.choices(texts, k=3))
    table = "".join(
        f"<tr><th>{word}</th><td>{source.randrange(900)} mm</td></tr>" for word in source.choices(_WORDS, k=8)
    )
    about = orjson.dumps({"@type": "Product", "name": f"Part {number}", "sku": f"L-{number}"}).decode()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Part {number} – Lumora</title>'
        f'<meta name="description" content="All about part {number}">'
        f'<script type="application/ld+json">{about}</script>'
        "<style>.card{display:flex}.card img{width:6em}</style><script>window.shop={cart:[]}</script></head><body>"
        f'<header><a href="/">Lumora</a><nav><ul class="menu">{menu}</ul></nav></header>'
        f'<div class="crumbs"><a href="/">Home</a> › <a href="{path_of(number // _CHILDREN)}">Up</a></div>'
        f"<main><h1>Part {number}</h1>{paragraphs}<table>{table}</table><dl>{questions}</dl></main>"
        f"<aside><h2>See also</h2><ul>{related}</ul></aside><footer><p>Lumora, {_SECTIONS[number % 8]}</p><ul>"
        f'<li><a href="{path_of(number)}?print=1">Print</a></li><li><a href="/internal/stock-{number}">Stock</a></li>'
        f'<li><a href="https://partner.example/{number}">Partner</a></li><li><a href="mailto:a@shop.test">Mail</a></li>'
        f'<li><a href="/gone-{number % 20}">Old notice</a></li></ul></footer></body></html>'
    )


def _text(source: random.Random, words: int) -> str:
    return (" ".join(source.choices(_WORDS, k=words)) + ".").capitalize()
