"""`ftui projects`"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from ftui import settings, store
from ftui.cli.common import confirm, dollars, open_store, print_json, print_table
from ftui.units import plural


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    new = actions.add_parser("new", help="make a project and use it from now on")
    new.add_argument("name")
    new.set_defaults(run=_new)
    use = actions.add_parser("use", help="use a project from now on")
    use.add_argument("name")
    use.set_defaults(run=_use)
    delete = actions.add_parser("delete", help="remove a project with all it holds")
    delete.add_argument("name")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.set_defaults(run=_delete)
    budget = actions.add_parser("budget", help="show or set what the project may spend")
    budget.add_argument("dollars", type=dollars, nargs="?")
    budget.set_defaults(run=_budget)


def _list(options: argparse.Namespace) -> int:
    summaries = [store.summary(name) for name in store.list_projects()]
    if options.json:
        print_json([asdict(summary) for summary in summaries])
        return 0
    if not summaries:
        print("No project yet. Make one: ftui projects new NAME, or try: ftui demo")
        return 0
    rows = [("project", "records", "pairs", "accepted", "models", "changed")]
    rows += [
        (s.name, f"{s.records:,}", f"{s.pairs:,}", f"{s.accepted:,}", f"{s.models}", _when(s.changed))
        for s in summaries
    ]
    print_table(rows, right=(1, 2, 3, 4))
    for s in summaries:
        if s.problem:
            print(f"! {s.name}: {s.problem}")
    return 0


def _new(options: argparse.Namespace) -> int:
    store.create_project(options.name)
    settings.save_state(project=options.name)
    print(f"made {options.name}; next: ftui collect crawl URL")
    return 0


def _use(options: argparse.Namespace) -> int:
    store.Store(options.name).close()
    settings.save_state(project=options.name)
    print(f"using {options.name}")
    return 0


def _delete(options: argparse.Namespace) -> int:
    summary = store.summary(options.name)
    confirm(
        f"Delete {summary.name} with {plural(summary.records, 'record')}, {plural(summary.pairs, 'pair')} "
        f"and {plural(summary.models, 'model')}?",
        yes=options.yes,
    )
    store.delete_project(options.name)
    if settings.state().get("project") == options.name:
        settings.save_state(project=None)
    print(f"deleted {options.name}")
    return 0


def _budget(options: argparse.Namespace) -> int:
    with open_store(options) as project:
        if options.dollars is not None:
            project.money.budget = options.dollars
        print(f"${project.money.spent():,.2f} of ${project.money.budget:,.2f} spent")
    return 0


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
