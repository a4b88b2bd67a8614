"""The same crawl with Scrapy: the same extraction, the same links, the same robots.txt, its items in a JSON lines feed.

python scrapy_crawl.py START CONCURRENCY FEED    prints the Unix time at which all was kept
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import scrapy
from scrapy.crawler import CrawlerProcess

from ftui.collect.http import USER_AGENT
from ftui.collect.page import read_page
from ftui.collect.site import normalise, site_of


class Spider(scrapy.Spider):
    name = "bench"

    def __init__(self, start: str) -> None:
        super().__init__()
        self.start_urls = [start]
        self.site = site_of(start)

    def parse(self, response: Any) -> Iterator[Any]:
        page = read_page(response.body, response.url, "utf-8")
        for link in page.links:
            address = normalise(link)
            if address and site_of(address) == self.site:
                yield scrapy.Request(address)
        yield {
            "url": response.url,
            "markdown": page.markdown,
            "title": page.title,
            "description": page.description,
            "lang": page.lang,
            "jsonld": page.jsonld,
            "links": page.links,
            "status": response.status,
        }


def main() -> None:
    start, concurrency, feed = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    process = CrawlerProcess(
        {
            "USER_AGENT": USER_AGENT,
            "ROBOTSTXT_OBEY": True,
            "CONCURRENT_REQUESTS": concurrency,
            "CONCURRENT_REQUESTS_PER_DOMAIN": concurrency,
            "DOWNLOAD_DELAY": 0,
            "AUTOTHROTTLE_ENABLED": False,
            "COOKIES_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "WARNING",
            "FEEDS": {feed: {"format": "jsonlines"}},
        }
    )
    process.crawl(Spider, start=start)
    process.start()
    print(time.time())


main()
