"""`ftui prepare`"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ftui import queue
from ftui.cli.common import add_follow_options, follow, open_store, print_json
from ftui.prepare import project
from ftui.prepare import recipe as recipes
from ftui.store import Store
from ftui.store.pairs import Decision


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--template",
        choices=(recipes.QUESTIONS, recipes.PRODUCTS),
        help="begin a new recipe from this template before preparing",
    )
    parser.add_argument("--show-recipe", action="store_true", help="print the recipe and its path, prepare nothing")
    parser.add_argument("--accept-all", action="store_true", help="accept every pair that is pending afterwards")
    add_follow_options(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        if options.template:
            project.save(store, recipes.Recipe(template=options.template))
        if options.show_recipe:
            print(f"# {store.recipe_path}")
            print(recipes.dump(project.load(store)), end="")
            return 0
        # A mistake in the recipe is told here, not in the worker's log.
        project.load(store)
        task_id = queue.prepare(store)
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
        print(f"{result.get('records', 0):,} records, {counts.total:,} pairs, {counts.accepted:,} accepted")
        for reason, count in store.pairs.dropped():
            print(f"  · {reason}  {count:,}")
        print("next: ftui (3 reviews them), or: ftui train" if counts.accepted else "next: ftui, then 3 and a accepts")
    return 0


def accept_all(store: Store) -> int:
    """Accept what is pending, as one step that can be undone; gives how many."""
    return store.pairs.decide(store.pairs.ids("pending"), Decision.ACCEPTED)
