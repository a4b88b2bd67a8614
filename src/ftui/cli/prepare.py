"""`ftui prepare`"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ftui import queue
from ftui.cli import prepare_lengths, prepare_writing
from ftui.cli.common import add_follow_options, follow, one_line, open_store, print_json
from ftui.errors import InputError
from ftui.prepare import project
from ftui.prepare import recipe as recipes
from ftui.store import Store
from ftui.store.pairs import Counts, Decision
from ftui.units import plural

if TYPE_CHECKING:
    from ftui.prepare.pair import Pair
    from ftui.prepare.preview import Shown

MOST_SHOWN = 1000
LINE = 160
"""Characters of a text on one line."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--template",
        choices=[template for template in recipes.TEMPLATES if template != recipes.OWN],
        help="begin a new recipe from this template before preparing; the one of before is kept beside it",
    )
    parser.add_argument("--show-recipe", action="store_true", help="print the recipe and its path, prepare nothing")
    parser.add_argument(
        "--preview", type=_count, metavar="N", help="show what the recipe makes of N records, prepare nothing"
    )
    parser.add_argument("--accept-all", action="store_true", help="accept every pair that is pending afterwards")
    prepare_writing.configure(parser)
    add_follow_options(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        if options.template and (kept := project.start(store, options.template)):
            print(f"the recipe of before is kept: {kept}", file=sys.stderr)
        if options.show_recipe:
            print(f"# {store.recipe_path}")
            print(recipes.dump(project.load(store)), end="")
            return 0
        if (known := prepare_writing.controlled(store, options)) is not None:
            if not options.go_on:
                print_json({"task": known.id}) if options.json else print(f"{known.title}: {known.state}")
                return 0
            task_id = known.id
        else:
            # A mistake in the recipe is told here, not in the worker's log.
            recipe = project.load(store)
            if options.preview:
                if options.max_cost is not None and recipe.asks:
                    some = [record["id"] for record in project.some_records(store, options.preview)]
                    prepare_writing.ask_about(store, recipe, some, options)
                show_preview(store, options.preview, as_json=options.json)
                return 0
            task_id = queue.prepare(store, prepare_writing.allowed(store, recipe, options))
        if options.detach:
            print_json({"task": task_id}) if options.json else print(task_id)
            return 0
        task = follow(store, task_id, as_json=options.json)
        if task.state != "done":
            return 1
        if options.accept_all:
            accept_all(store)
        counts = store.pairs.counts()
        result = task.result or {}
        if options.json:
            print_json({"event": "pairs", **asdict(counts)})
            return 0
        for line in prepare_writing.report(result.get("written") or {}):
            print(line)
        of = plural(result.get("records", 0), "record")
        print(f"{store.name}: {of}, {plural(counts.total, 'pair')}, {counts.accepted:,} accepted")
        for reason, count in store.pairs.dropped():
            print(f"  · {reason}  {count:,}")
        if kept := result.get("kept"):
            print(
                f"  · kept from before, although the recipe no longer makes them  {kept:,} (in 3, / is:kept shows them)"
            )
        for line in prepare_lengths.report(store, project.load(store)):
            print(line)
        print(f"next: {_next(store, counts)}")
    return 0


def _next(store: Store, counts: Counts) -> str:
    if counts.accepted:
        return "ftui (3 reviews them), or: ftui train"
    if counts.total:
        return "ftui, then 3 and a accepts"
    if store.records.count():
        return "ftui prepare --preview 5 shows what the recipe makes of some records"
    return "ftui collect, which brings records to make pairs from; see: ftui collect --help"


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not 1 <= count <= MOST_SHOWN:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_SHOWN}")
    return count


def show_preview(store: Store, count: int, *, as_json: bool) -> None:
    """What the project's recipe makes of some of its records.

    Raises:
        InputError: the recipe cannot be followed, or there are no records.
    """
    trial = project.Trial(count)
    shown = list(trial.run(store, project.load(store)))
    if not shown:
        raise InputError("There is nothing to show", "the project has no records yet", "See: ftui collect --help")
    told = set[str]()
    for record in shown:
        if as_json:
            print_json({"event": "preview", **_as_json(record)})
        else:
            print("\n".join(_as_text(record, told)), end="\n\n")
    if not as_json:
        pairs, dropped = sum(len(each.pairs) for each in shown), sum(len(each.dropped) for each in shown)
        records = sum(each.record is not None for each in shown)
        print(f"{plural(records, 'record')}, {plural(pairs, 'pair')}, {dropped:,} dropped")


def _as_json(shown: Shown) -> dict[str, Any]:
    return {
        "record": shown.record,
        "url": shown.url,
        "title": shown.title,
        "pairs": [
            {
                "messages": pair.messages,
                "fact": pair.fact,
                "origin": pair.origin,
                "flags": pair.flags,
                "tokens": pair.tokens,
            }
            for pair in shown.pairs
        ],
        "dropped": [{"reason": each.reason, "detail": each.detail, "scope": each.scope} for each in shown.dropped],
        "requests": [{"kind": ask.kind, "subject": ask.subject, "messages": ask.messages} for ask in shown.requests],
    }


def _as_text(shown: Shown, told: set[str]) -> Iterator[str]:
    """A record in some lines: each fact with its first question, how often it is asked, its answer and its flags."""
    from ftui.prepare.pair import last_text

    number = "on many pages:" if shown.record is None else shown.record
    yield f"{number} {one_line(shown.title)} {one_line(shown.url)}"
    facts: dict[str, list[Pair]] = {}
    for pair in shown.pairs:
        facts.setdefault(pair.fact, []).append(pair)
    for pairs in facts.values():
        first, more = pairs[0], len(pairs) - 1
        question, answer = (one_line(last_text(first.messages, role))[:LINE] for role in ("user", "assistant"))
        yield f"  ? {question}" + (f"  (and {more} more)" if more else "")
        yield f"    {answer}"
        yield from (f"    ! {name}: {one_line(reason)}" for name, reason in first.flags.items())
    yield from (f"  · {each.reason}  {one_line(each.detail)[:LINE]}" for each in shown.dropped)
    yield from prepare_writing.requests_as_text(shown.requests, told)


def accept_all(store: Store) -> None:
    """Accept what is pending, as one step that can be undone."""
    # Unread, however few they are: no rule is learnt from it.
    for _ in store.pairs.deciding(store.pairs.ids("pending"), Decision.ACCEPTED):
        pass
