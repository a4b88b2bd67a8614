"""`ftui collect list`, `records`, `failures` …: what there is to collect, and what came of it."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from ftui import collect, credentials
from ftui.cli.common import find_source, one_line, open_store, print_json, print_table
from ftui.connect import checks
from ftui.errors import InputError
from ftui.store.records import TAGS
from ftui.units import percent


def configure(parser: argparse.ArgumentParser, actions: Any) -> None:
    parser.set_defaults(run=_list, json=False)
    _action(actions, "list", "the sources of the project", _list)

    records = _action(actions, "records", "the records of a source", _records)
    records.add_argument("name", help="the source's name")
    records.add_argument("--words", default="", metavar="TEXT", help="only records with all these words")
    records.add_argument("--limit", type=int, default=20, metavar="N", help="records to show (default: 20; 0: all)")
    records.add_argument("--fields", action="store_true", help="its fields instead: how often filled, with what")

    failures = _action(actions, "failures", "what failed in the last collection, and why", _failures)
    failures.add_argument("name", help="the source's name")

    tag = actions.add_parser("tag", help="say what a source is for: the domain, or general talk against forgetting")
    tag.add_argument("name", help="the source's name")
    tag.add_argument("tag", choices=TAGS)
    tag.set_defaults(run=_tag)

    datasets = _action(actions, "datasets", "datasets of Bright Data by name, with what they ask for", _datasets)
    datasets.add_argument("words", nargs="*", metavar="WORD", help="only those with all these words")

    snapshots = _action(actions, "snapshots", "earlier snapshots of a dataset at Bright Data", _snapshots)
    snapshots.add_argument("dataset", metavar="gd_…")


def _action(actions: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def _list(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        lines = []
        for source in store.sources.all():
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


def _records(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        source = find_source(store, options.name)
        if options.fields:
            return _fields(store.records.survey(source.id), options.json)
        ids = store.records.ids(source.id, options.words)
        shown = ids[: options.limit] if options.limit > 0 else ids
        for identifier in shown:
            record = store.records.get(identifier)
            if record is None:
                continue
            if options.json:
                print_json({name: record[name] for name in ("key", "url", "title", "time", "data")})
            else:
                print(f"{record['id']:>8}  {one_line(record['title'])[:60]:<60}  {one_line(record['key'])}")
        if not options.json:
            print(f"{len(shown):,} of {len(ids):,} records; --json prints them whole, --fields what is in them")
    return 0


def _fields(survey: Any, as_json: bool) -> int:
    if as_json:
        for field in survey.fields:
            print_json(
                {
                    "field": field.name,
                    "filled": field.filled,
                    "of": survey.read,
                    "kinds": field.kinds,
                    "distinct": field.distinct,
                    "values": field.values,
                }
            )
        return 0
    rows: list[tuple[str, ...]] = [("field", "filled", "kind", "different", "most often")]
    for field in survey.fields:
        share = percent(field.filled, survey.read) if survey.read else ""
        often = one_line(field.values[0][0])[:40] if field.values else ""
        rows.append((field.name, share, "/".join(field.kinds), f"{field.distinct:,}", often))
    print_table(rows, right=(1, 3))
    print(f"{survey.read:,} of {survey.records:,} records were read for this")
    return 0


def _failures(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        source = find_source(store, options.name)
        latest = store.tasks.latest("collect", source.id)
        if latest is None:
            raise InputError(f"{source.name} was never collected", "so nothing failed", "Collect: ftui collect again")
        for kind, reason, count in store.tasks.failures(latest.id):
            if not options.json:
                print(f"{'✗' if kind == 'failed' else '·'} {one_line(reason)}  {count:,}")
            if kind == "skipped" and not options.json:
                # Thousands of pages can be unchanged.
                continue
            for subject in store.tasks.failed_subjects(latest.id, reason):
                if options.json:
                    print_json({"event": kind, "reason": reason, "subject": subject})
                else:
                    print(f"    {one_line(subject)}")
    return 0


def _tag(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        store.sources.set_tag(find_source(store, options.name).id, options.tag)
    return 0


def _datasets(options: argparse.Namespace) -> int:
    from ftui.collect import datasets

    found = datasets.search(" ".join(options.words))
    if options.json:
        for dataset in found:
            forms = [
                {"discover_by": form.discover_by, "fields": {field.name: field.required for field in form.fields}}
                for form in dataset.forms
            ]
            print_json({"id": dataset.id, "name": dataset.name, "group": dataset.group, "forms": forms})
        return 0
    for dataset in found:
        print(f"{dataset.id:<24}  {dataset.name}")
        # With few of them, what each asks for fits below it.
        for form in dataset.forms if len(found) <= 5 else ():
            names = ", ".join(field.name if field.required else f"[{field.name}]" for field in form.fields)
            print(f"{'':<24}    {form.discover_by or 'each input a page'}: {names}")
    print(f"{len(found):,} datasets; others can be used by their id")
    return 0


def _snapshots(options: argparse.Namespace) -> int:
    from ftui.collect import brightdata

    address = checks.brightdata_url()
    found = credentials.find("brightdata", address, address)
    if found is None:
        raise checks.no_brightdata_token()
    listed = asyncio.run(brightdata.list_snapshots(options.dataset, found.key, base_url=address))
    lines = [
        {
            "id": one.id,
            "created": one.created,
            "status": one.status,
            "records": one.records,
        }
        for one in listed
    ]
    if options.json:
        for line in lines:
            print_json(line)
    elif lines:
        print_table([tuple(lines[0]), *[tuple(line.values()) for line in lines]], right=(3,))
        print("Take one over: ftui collect brightdata --snapshot ID")
    else:
        print(f"No snapshot of {options.dataset} is kept at Bright Data")
    return 0
