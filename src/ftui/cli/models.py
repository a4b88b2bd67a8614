"""`ftui models`"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftui.cli.common import ProgressLine, open_store, print_json, print_table
from ftui.connect import providers
from ftui.errors import EngineError
from ftui.events import Progress, Result
from ftui.store.models import Model
from ftui.train import take
from ftui.train.take import FORMATS
from ftui.units import size


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    alias = actions.add_parser("alias", help="point an alias, such as production, at a model")
    alias.add_argument("alias")
    alias.add_argument("model")
    alias.set_defaults(run=_alias)
    export = actions.add_parser("export", help="take a model of the engine away, for other programs")
    export.add_argument("model", help="its name, an alias, or an id at the provider")
    export.add_argument("--format", choices=list(FORMATS), default="gguf-q8_0", help=_formats())
    export.add_argument("--to", metavar="FOLDER", help="where to (default: a folder named after the model)")
    export.add_argument("--json", action="store_true", help="print JSON")
    export.set_defaults(run=_export)
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


def _formats() -> str:
    return "; ".join(f"{name}: {text}" for name, text in FORMATS.items()) + " (default: gguf-q8_0)"


def _export(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        model = store.models.find(options.model)
    folder = Path(options.to or f"{model.name}-{options.format}").resolve()
    done = asyncio.run(_fetch(model, options.format, folder))
    if options.json:
        print_json(done)
        return 0
    for name in done["files"]:
        print(folder / name)
    if "Modelfile" in done["files"]:
        print(f"next: ollama create {model.name} -f {folder / 'Modelfile'}")
    return 0


async def _fetch(model: Model, form: str, folder: Path) -> dict[str, Any]:
    line = ProgressLine()
    provider = providers.get(model.provider)
    async with await providers.client(provider) as client:
        async for event in take.take(client, provider, model.model, form, folder):
            if isinstance(event, Progress):
                of = f"  {size(event.done)} of {size(event.total)}" if event.total else ""
                line.show(f"{event.text}{of}")
            elif isinstance(event, Result):
                line.end()
                return dict(event.data)
    raise EngineError("The export did not come to an end", "", "Try again")


def _rollback(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        model = store.models.roll_back(options.alias)
        print(f"{options.alias} is {model.name}" if model else f"{options.alias} points at nothing now")
    return 0
