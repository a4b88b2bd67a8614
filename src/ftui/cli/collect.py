"""`ftui collect`: start a collection, or let one go on. What it brought: `collect_look`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from ftui import collect, queue
from ftui.cli import collect_look
from ftui.cli.common import add_follow_options, dollars, find_source, follow, one_line, open_store, print_json
from ftui.errors import InputError, MoneyError
from ftui.store import Store
from ftui.units import plural


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    _configure_crawl(actions)
    _configure_brightdata(actions)
    files = actions.add_parser("files", help="files of any kind, and folders of them")
    files.add_argument("paths", nargs="+", metavar="PATH", help="files, folders, patterns; - for standard input")
    _common(files, _files)

    again = actions.add_parser("again", help="collect from a source again, or go on where it was cut off")
    again.add_argument("name", help="the source's name")
    again.add_argument("--failed", action="store_true", help="only what failed the last time")
    again.add_argument("--max-cost", type=dollars, metavar="DOLLARS", help="needed where it costs: at most this much")
    answer = again.add_mutually_exclusive_group()
    answer.add_argument("--started", metavar="ID", help="of a job whose start was not answered: it runs under this id")
    answer.add_argument("--not-started", action="store_true", help="of such a job: it does not run, start it")
    add_follow_options(again)
    again.set_defaults(run=_again)
    collect_look.configure(parser, actions)


def _configure_crawl(actions: Any) -> None:
    crawl = actions.add_parser("crawl", help="follow the links of a site, or its sitemap")
    crawl.add_argument("start", nargs="*", metavar="URL", help="where to start")
    crawl.add_argument("--sitemap", metavar="URL", help="collect the pages that a sitemap lists; 'none' looks for none")
    crawl.add_argument("--no-follow", action="store_true", help="do not follow links")
    crawl.add_argument("--include", action="append", metavar="PATTERN", help="only paths like /support/* (repeatable)")
    crawl.add_argument("--exclude", action="append", metavar="PATTERN", help="no paths like */print/* (repeatable)")
    crawl.add_argument("--max-depth", type=int, metavar="N", help="links away from the start at most")
    crawl.add_argument("--max-pages", type=int, metavar="N", help="stop after N pages")
    crawl.add_argument("--concurrency", type=int, metavar="N", help="requests to one site at a time")
    crawl.add_argument("--delay", type=float, metavar="SECONDS", help="between two requests to one site")
    crawl.add_argument("--unlocker", metavar="ZONE", help="fetch through this zone of Bright Data's Web Unlocker")
    crawl.add_argument("--country", metavar="XX", help="from where the Web Unlocker fetches, two letters")
    crawl.add_argument("--price-per-request", type=dollars, metavar="DOLLARS", help="of the Web Unlocker, by your plan")
    crawl.add_argument("--max-cost", type=dollars, metavar="DOLLARS", help="needed with --unlocker: at most this much")
    _common(crawl, _crawl)


def _configure_brightdata(actions: Any) -> None:
    bright = actions.add_parser("brightdata", help="a Bright Data dataset (gd_…) or collector (c_…)")
    bright.add_argument("inputs", nargs="*", metavar="INPUT", help="what to collect: addresses, keywords")
    bright.add_argument("--dataset", metavar="ID", help="gd_… or c_…, see `datasets`; default: Amazon products")
    bright.add_argument("--discover-by", metavar="KIND", help="how inputs lead to records; 'none': each is a page")
    bright.add_argument("--input-field", metavar="NAME", help="the field that the inputs go in")
    bright.add_argument("--input-file", metavar="FILE", help="inputs with several fields: JSON, JSONL or CSV")
    bright.add_argument("--snapshot", metavar="ID", help="take an earlier snapshot, see `snapshots`; costs nothing")
    bright.add_argument("--limit", type=int, metavar="N", help="records for each input")
    bright.add_argument("--fields", metavar="A,B", help="only these fields of a record")
    bright.add_argument("--sync", action="store_true", help="wait for the answer of up to 20 inputs in one call")
    bright.add_argument("--csv", action="store_true", help="send the inputs as CSV")
    bright.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="another query parameter")
    bright.add_argument("--price-per-record", type=dollars, metavar="DOLLARS", help="where your plan has another")
    bright.add_argument("--max-cost", type=dollars, metavar="DOLLARS", help="needed: what it may cost at most")
    _common(bright, _brightdata)


def _common(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("--name", default="", help="what to call the source")
    parser.add_argument("--general", action="store_true", help="tag the source as general instead of domain")
    add_follow_options(parser)
    parser.set_defaults(run=run)


def _crawl(options: argparse.Namespace) -> int:
    config: dict[str, Any] = {"start": options.start, "sitemap": options.sitemap or ""}
    names = ("include", "exclude", "max_depth", "max_pages", "concurrency", "delay", "unlocker", "country")
    for name in (*names, "price_per_request"):
        if getattr(options, name) is not None:
            config[name] = getattr(options, name)
    if options.no_follow:
        config["follow_links"] = False
    return _collect("crawl", config, options)


def _files(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        paths = [_spooled(store) if path == "-" else path for path in options.paths]
        return _queue(store, "files", {"paths": paths}, options)


def _spooled(store: Store) -> str:
    """Standard input as a file of the project, where the worker can read it, again too."""
    from ftui import paths

    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("There is no standard input", "nothing is piped in", "For example: cat rows.jsonl | ftui …")
    return str(paths.keep_stream(store.data_folder / "imports", sys.stdin.buffer))


def _brightdata(options: argparse.Namespace) -> int:
    return _collect("brightdata", _brightdata_config(options), options)


def _brightdata_config(options: argparse.Namespace) -> dict[str, Any]:
    if options.snapshot:
        if options.inputs or options.input_file:
            raise InputError(
                "An earlier snapshot takes no inputs", "its rows are already there", "Give a snapshot or inputs"
            )
        return {"snapshot_id": options.snapshot} | ({"dataset_id": options.dataset} if options.dataset else {})
    config = collect.brightdata_config(
        options.inputs,
        dataset=options.dataset,
        discover_by=options.discover_by,
        field=options.input_field,
        limit=options.limit,
    )
    if options.input_file:
        config["inputs"] = [*config["inputs"], *asyncio.run(collect.read_inputs(options.input_file))]
        if "limit" in config:
            config["limit"] = (options.limit or 0) * len(config["inputs"])
    if options.fields:
        config["fields"] = [name.strip() for name in options.fields.split(",")]
    if options.sync:
        config["sync"] = True
    if options.csv:
        config["input_format"] = "csv"
    if options.param:
        config["parameters"] = dict(_parameter(text) for text in options.param)
    if options.price_per_record is not None:
        config["price_per_record"] = options.price_per_record
    if options.max_cost is not None and options.limit is None:
        # The limits follow from the money.
        config["max_cost"] = options.max_cost
    return config


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{text!r} is no parameter", "it has no =", "For example: --param country=US")
    return name, value


def _collect(kind: str, config: Mapping[str, Any], options: argparse.Namespace) -> int:
    _bounded(collect.cost_at_most(kind, collect.validate(kind, config)), options)
    with open_store(options) as store:
        return _queue(store, kind, config, options)


def _bounded(cost: float, options: argparse.Namespace) -> None:
    """A script says what it is willing to spend.

    Raises:
        MoneyError: it does not, or it is less than this can cost.
    """
    if not cost:
        return
    if options.max_cost is None:
        why = f"about ${cost:,.2f} at most, and no limit was given"
        raise MoneyError("This collection costs money", why, "Add: --max-cost DOLLARS")
    if cost > options.max_cost:
        why = f"it can cost ${cost:,.2f}; the limit is ${options.max_cost:,.2f}"
        raise MoneyError("This collection could pass the limit", why, "Lower --limit or --max-pages")


def _queue(store: Store, kind: str, config: Mapping[str, Any], options: argparse.Namespace) -> int:
    task = queue.collect(store, kind, config, options.name, "general" if options.general else "domain")
    name = store.tasks.get(task).title
    if options.name and options.name != name:
        print(f"These settings are those of the source {one_line(name)!r}, which keeps its name", file=sys.stderr)
    return _report(store, task, options)


def _again(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        source = find_source(store, options.name)
        latest = store.tasks.latest("collect", source.id)
        if options.started is not None or options.not_started:
            return _report(store, queue.answer_trigger(store, source.id, options.started), options)
        only = queue.failed_in(store, latest)[1] if options.failed and latest else ()
        if options.failed or latest is None or not store.tasks.goes_on(latest):
            # What goes on has its price behind it.
            _bounded(collect.cost_at_most(source.kind, source.config, only), options)
        again = queue.retry_failed if options.failed else queue.collect_again
        return _report(store, again(store, source.id), options)


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
            print(f"  {'✗' if kind == 'failed' else '·'} {one_line(reason)}  {count:,}")
        print(f"{plural(store.records.count(task.source), 'record')} from it in the project; next: ftui prepare")
    return 0 if task.state == "done" else 1
