"""`ftui models`"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from ftui.cli.common import open_store, print_json, print_table


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    alias = actions.add_parser("alias", help="point an alias, such as production, at a model")
    alias.add_argument("alias")
    alias.add_argument("model")
    alias.set_defaults(run=_alias)
    back = actions.add_parser("rollback", help="point an alias at where it pointed before")
    back.add_argument("alias")
    back.set_defaults(run=_rollback)


def _list(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        models = store.models.all()
        if options.json:
            print_json([asdict(model) for model in models])
            return 0
        if not models:
            print("No model yet. Tune one: ftui train")
            return 0
        rows = [("model", "alias", "base", "provider", "made", "id")]
        rows += [
            (
                model.name,
                ", ".join(model.aliases),
                model.base_model,
                model.provider,
                time.strftime("%Y-%m-%d %H:%M", time.localtime(model.created)),
                model.model,
            )
            for model in models
        ]
        print_table(rows)
    return 0


def _alias(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        model = store.models.find(options.model)
        store.models.set_alias(options.alias, model.id)
        print(f"{options.alias} is {model.name}; back: ftui models rollback {options.alias}")
    return 0


def _rollback(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        model = store.models.roll_back(options.alias)
        print(f"{options.alias} is {model.name}" if model else f"{options.alias} points at nothing now")
    return 0
