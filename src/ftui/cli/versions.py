"""`ftui versions`"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import asdict
from typing import Any

from ftui.cli.common import one_line, open_store, print_json, print_table
from ftui.errors import InputError
from ftui.store import Store
from ftui.store.versions import Version

_SHOWN = 20
_WIDE = 90


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    diff = actions.add_parser("diff", help="what is different between two versions, row by row")
    diff.add_argument("old", help="number of a version, or the beginning of its digest")
    diff.add_argument("new", nargs="?", help="the newest, where none is named")
    diff.add_argument("--rows", type=int, default=_SHOWN, metavar="N", help=f"rows to show ({_SHOWN}); 0 for all")
    diff.add_argument("--json", action="store_true", help="print every row that is different as JSON, one a line")
    diff.set_defaults(run=_diff)


def find(store: Store, name: str) -> Version:
    """A version by its number or by the beginning of its digest.

    Raises:
        InputError: there is none, or several begin like this.
    """
    versions = store.versions.all()
    found = [each for each in versions if name == str(each.id)]
    if not found and len(name) >= 4:
        found = [each for each in versions if each.digest.startswith(name.lower())]
    if len(found) == 1:
        return found[0]
    why = "several begin like this" if found else "none has this number or this digest"
    raise InputError(f"There is no dataset version {name!r}", why, "See: ftui versions")


def _list(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        versions = store.versions.all()
        if options.json:
            print_json([asdict(version) for version in versions])
            return 0
        if not versions:
            print("No dataset version yet. Freeze what is accepted: ftui export FOLDER, or: ftui train")
            return 0
        jobs = Counter[int | None](job.version for job in store.jobs.all())
        rows: list[tuple[Any, ...]] = [("no.", "digest", "train", "validation", "tokens", "jobs", "frozen")]
        rows += [
            (
                version.id,
                version.short,
                f"{version.train_rows:,}",
                f"{version.validation_rows:,}",
                f"{version.train_tokens:,}",
                jobs[version.id],
                time.strftime("%Y-%m-%d %H:%M", time.localtime(version.created)),
            )
            for version in versions
        ]
        print_table(rows, right=(0, 2, 3, 4, 5))
    return 0


def _diff(options: argparse.Namespace) -> int:
    from ftui.prepare import diff

    with open_store(options) as store:
        old = find(store, options.old)
        new = find(store, options.new) if options.new else store.versions.all()[0]
    counts = Counter[str]()
    for change in diff.diff(diff.Files(old.train, old.validation), diff.Files(new.train, new.validation)):
        counts[change.kind] += 1
        if options.json:
            print_json(asdict(change))
        elif not options.rows or counts.total() <= options.rows:
            _show(change)
    if options.json:
        return 0
    if (more := counts.total() - options.rows) > 0 and options.rows:
        print(f"  … and {more:,} more (--rows 0 shows all)")
    told = ", ".join(f"{counts[kind]:,} {kind}" for kind in diff.SIGNS if counts[kind])
    print(f"{old.id} ({old.short}) to {new.id} ({new.short}): {told or 'the same rows'}")
    return 0


def _show(change: Any) -> None:
    from ftui.prepare.diff import SIGNS
    from ftui.prepare.pair import last_text

    row = (change.new or change.old)["messages"]
    place = change.after or change.before
    print(f"{SIGNS[change.kind]} {place.file} {place.line}  {_short(last_text(row, 'user'))}")
    if change.kind == "changed":
        print(f"    was: {_short(last_text(change.old['messages'], 'assistant'))}")
        print(f"    now: {_short(last_text(row, 'assistant'))}")
    elif change.kind == "moved":
        print(f"    from {change.before.file}")


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _WIDE else line[: _WIDE - 1] + "…"
