"""The website of Lumora, an invented maker of kitchen appliances, served on loopback.

The texts are in `content/`, the HTML around them in `templates/`. The site has
what real ones have: navigation on every page, structured data, a sitemap, and
a robots.txt with an area that must not be collected.
"""

from __future__ import annotations

import asyncio
import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import jinja2

HTML = "text/html; charset=utf-8"
FORBIDDEN = "/private/"
_MAX_REQUEST = 16 * 1024
_REQUEST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered for one path."""

    content_type: str
    body: bytes


@cache
def content() -> dict[str, Any]:
    """The texts of the site: `products`, `articles` and `company` (with `faq` and `page`)."""
    folder = files(__package__) / "content"

    def read(name: str) -> dict[str, Any]:
        return tomllib.loads((folder / name).read_text("utf-8"))

    return {
        "products": read("products.toml")["product"],
        "articles": read("support.toml")["article"],
        "company": read("company.toml"),
    }


def facts() -> list[dict[str, Any]]:
    """The facts that the site answers questions on: `question`, `answer`, `also`."""
    texts = content()
    asked = [fact for product in texts["products"] for fact in product.get("questions", [])]
    return [
        {key: fact[key] for key in ("question", "answer", "also")}
        for fact in [*asked, *texts["articles"], *texts["company"]["faq"]]
    ]


def pages(base: str = "") -> dict[str, Page]:
    """The whole site by path, as it is served at the address `base` (no slash at its end)."""
    texts = content()
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__ or "ftui.demo", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    footer = [page for page in texts["company"]["page"] if not page["path"].startswith("/journal/")]
    shared = {"company": texts["company"], "products": texts["products"], "base": base, "footer": footer}
    site = {
        path: Page(HTML, templates.get_template(name).render(shared | {"path": path} | values).encode())
        for path, name, values in _layout(texts)
    }
    public = [path for path in site if not path.startswith(FORBIDDEN)]
    locations = "\n".join(f"  <url><loc>{base}{path}</loc></url>" for path in public)
    sitemap = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{locations}\n</urlset>\n'
    )
    robots = f"User-agent: *\nDisallow: {FORBIDDEN}\n\nSitemap: {base}/sitemap.xml\n"
    site["/sitemap.xml"] = Page("application/xml", sitemap.encode())
    site["/robots.txt"] = Page("text/plain; charset=utf-8", robots.encode())
    return site


def _layout(texts: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each page as its path, its template and the values that only it has."""
    products, articles, company = texts["products"], texts["articles"], texts["company"]

    def entry(path: str, title: str, text: str) -> dict[str, str]:
        return {"path": path, "title": title, "text": text}

    def listing(path: str, title: str, text: str, entries: list[dict[str, str]]) -> tuple[str, str, Any]:
        return path, "list.html", {"title": title, "description": text, "jsonld": None, "entries": entries}

    shop = [entry(f"/products/{p['slug']}/", f"{p['name']} {p['kind']}", p["line"]) for p in products]
    help_ = [entry(f"/support/{a['slug']}/", a["title"], a["intro"]) for a in articles]
    diary = [p for p in company["page"] if p["path"].startswith("/journal/") and p["path"] != "/journal/"]
    notes = [entry(p["path"], p["title"], p["lines"][0]) for p in diary]

    yield listing("/", company["claim"], "Twelve appliances, made slowly, for people who cook.", shop[:4])
    yield listing("/products/", "Appliances", "Everything that we make, on one page.", shop)
    for product in products:
        values = {"title": f"{product['name']} {product['kind']}", "description": product["line"]}
        product = {"questions": [], **product}
        jsonld = _product_data(company["name"], product)
        path = f"/products/{product['slug']}/"
        yield path, "product.html", values | {"jsonld": jsonld, "product": product}
    yield listing("/support/", "Support", "Short articles, one for each appliance.", help_)
    for article in articles:
        values = {"title": article["title"], "description": article["intro"], "jsonld": None}
        yield f"/support/{article['slug']}/", "article.html", values | {"article": article}
    title, text = "Questions about the house", "What people ask before they buy, and after."
    facts_data = _faq_data(company["faq"])
    values = {"title": title, "description": text, "jsonld": facts_data, "facts": company["faq"]}
    yield "/faq/", "faq.html", values
    for page in company["page"]:
        values = {"title": page["title"], "description": page["lines"][0], "jsonld": None}
        if page["path"] == "/journal/":
            yield listing(page["path"], page["title"], page["lines"][0], notes)
        else:
            yield page["path"], "page.html", values | {"lines": page["lines"]}


def _product_data(brand: str, product: Mapping[str, Any]) -> dict[str, Any]:
    features = [{"@type": "PropertyValue", "name": "feature", "value": each} for each in product["features"]]
    return {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": f"{product['name']} {product['kind']}",
        "brand": {"@type": "Brand", "name": brand},
        "description": product["text"],
        "additionalProperty": features,
        "offers": {"@type": "Offer", "price": f"{product['price']}.00", "priceCurrency": "EUR"},
    }


def _faq_data(faq: list[dict[str, Any]]) -> dict[str, Any]:
    questions = [
        {
            "@type": "Question",
            "name": fact["question"],
            "alternateName": fact["also"],
            "acceptedAnswer": {"@type": "Answer", "text": fact["answer"]},
        }
        for fact in faq
    ]
    return {"@context": "https://schema.org", "@type": "FAQPage", "mainEntity": questions}


class SampleSite:
    """Serves the site while it is entered.

        async with SampleSite() as site:
            ... crawl site.url ...

    Attributes:
        url: address of the site, without a slash at its end; known once entered.
        fetched: the paths that were asked for, in order.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.url = ""
        self.fetched: list[str] = []
        self._host = host
        self._port = port
        self._pages: dict[str, Page] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, self._host, self._port, limit=_MAX_REQUEST)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{self._host}:{port}"
        self._pages = pages(self.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and hang up."""
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # Whoever asked went away or does not speak HTTP: there is nobody to tell.
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.decode("latin-1").partition(" ")
        path = unquote(urlsplit(rest.partition(" ")[0]).path) or "/"
        if method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", Page("text/plain", b"Only GET and HEAD.\n"), method)
        self.fetched.append(path)
        page = self._pages.get(path)
        if page is None:
            return _response("404 Not Found", Page("text/plain", b"No such page.\n"), method)
        return _response("200 OK", page, method)


def _response(status: str, page: Page, method: str) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {page.content_type}\r\n"
        f"Content-Length: {len(page.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (b"" if method == "HEAD" else page.body)
