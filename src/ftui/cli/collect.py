"""`ftui collect`"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ftui import collect, queue
from ftui.cli.common import add_follow_options, dollars, follow, open_store, print_json, print_table
from ftui.errors import InputError, MoneyError
from ftui.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_list, json=False)
    actions = parser.add_subparsers(title="sources", metavar="SOURCE")

    crawl = actions.add_parser("crawl", help="follow the links of a site, or its sitemap")
    crawl.add_argument("start", nargs="*", metavar="URL", help="where to start")
    crawl.add_argument("--sitemap", default="", metavar="URL", help="collect the pages that a sitemap lists")
    crawl.add_argument("--max-pages", type=int, metavar="N", help="stop after N pages")
    _common(crawl, _crawl)

    files = actions.add_parser("files", help="JSON, JSONL or CSV files, or folders of them")
    files.add_argument("paths", nargs="+", metavar="PATH")
    _common(files, _files)

    bright = actions.add_parser("brightdata", help="a Bright Data dataset")
    bright.add_argument("inputs", nargs="+", metavar="URL", help="what to collect")
    bright.add_argument("--dataset", metavar="gd_…", help="default: Amazon products")
    bright.add_argument(
        "--discover-by", metavar="KIND", help="default: best_sellers_url; 'none' takes the URLs as they are"
    )
    bright.add_argument("--input-field", metavar="NAME", help="the field the URLs go in (default: category_url or url)")
    bright.add_argument("--limit", type=int, metavar="N", help="records for each input")
    bright.add_argument("--max-cost", type=dollars, metavar="DOLLARS", help="needed: what it may cost at most")
    _common(bright, _brightdata)

    again = actions.add_parser("again", help="collect from a source again, or go on where it was cut off")
    again.add_argument("name", help="the source's name")
    add_follow_options(again)
    again.set_defaults(run=_again)
    listing = actions.add_parser("list", help="the sources of the project")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=_list)


def _common(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("--name", default="", help="what to call the source")
    parser.add_argument("--general", action="store_true", help="tag the source as general instead of domain")
    add_follow_options(parser)
    parser.set_defaults(run=run)


def _crawl(options: argparse.Namespace) -> int:
    config: dict[str, Any] = {"start": options.start, "sitemap": options.sitemap}
    if options.max_pages is not None:
        config["max_pages"] = options.max_pages
    return _collect("crawl", config, options)


def _files(options: argparse.Namespace) -> int:
    return _collect("files", {"paths": options.paths}, options)


def _brightdata(options: argparse.Namespace) -> int:
    config = collect.brightdata_config(
        options.inputs,
        dataset=options.dataset,
        discover_by=options.discover_by,
        field=options.input_field,
        limit=options.limit,
    )
    cost = collect.cost_at_most("brightdata", collect.validate("brightdata", config))
    if options.max_cost is None:
        why = f"about ${cost:,.2f} at most, and no limit was given"
        raise MoneyError("This collection costs money", why, "Add: --max-cost DOLLARS")
    if cost > options.max_cost:
        why = f"it can cost ${cost:,.2f}; the limit is ${options.max_cost:,.2f}"
        raise MoneyError("This collection could pass the limit", why, "Lower --limit")
    return _collect("brightdata", config, options)


def _collect(kind: str, config: Mapping[str, Any], options: argparse.Namespace) -> int:
    with open_store(options) as store:
        task = queue.collect(store, kind, config, options.name, "general" if options.general else "domain")
        return _report(store, task, options)


def _again(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        source = next((source for source in store.sources.all() if source.name == options.name), None)
        if source is None:
            raise InputError(f"There is no source {options.name!r}", "this project has none", "See: ftui collect list")
        return _report(store, queue.collect_again(store, source.id), options)


def _report(store: Store, task_id: int, options: argparse.Namespace) -> int:
    if options.detach:
        print_json({"task": task_id}) if options.json else print(task_id)
        return 0
    task = follow(store, task_id, as_json=options.json)
    if not options.json:
        state = task.progress
        ended = "" if task.state == "done" else f"{task.state} after "
        print(f"{task.title}: {ended}{state.done:,} {state.unit}, {state.failed:,} failed, {state.skipped:,} skipped")
        for kind, reason, count in store.tasks.failures(task_id):
            print(f"  {'✗' if kind == 'failed' else '·'} {reason}  {count:,}")
        print(f"{store.records.count(task.source):,} records from it are in the project; next: ftui prepare")
    return 0 if task.state == "done" else 1


def _list(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        sources = store.sources.all()
        lines = []
        for source in sources:
            latest = store.tasks.latest("collect", source.id)
            lines.append(
                {
                    "source": source.name,
                    "kind": source.kind,
                    "tag": source.tag,
                    "records": store.records.count(source.id),
                    "state": latest.state if latest else "new",
                    "from": collect.describe(source.kind, source.config),
                }
            )
        if options.json:
            print_json(lines)
        elif lines:
            print_table([tuple(lines[0]), *[tuple(line.values()) for line in lines]], right=(3,))
        else:
            print("No source yet. Add one: ftui collect crawl URL")
    return 0
