"""`ftui export`"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ftui import paths
from ftui.cli.common import one_line, open_store, print_json
from ftui.cli.versions import find
from ftui.errors import InputError
from ftui.prepare.export import Aside
from ftui.store.versions import Version
from ftui.units import plural

_ASIDE_SHOWN = 5


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        help="where to write train.jsonl, validation.jsonl, recipe.toml and version.json; - prints the training file",
    )
    parser.add_argument(
        "--version",
        dest="number",
        metavar="N",
        help="a version that is frozen already, by number or digest (default: what is accepted now)",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from ftui.runners import freezing

    aside, unchecked = tuple[Aside, ...](), ""
    with open_store(options) as store:
        if options.number:
            version = find(store, options.number)
        else:
            version, aside, unchecked = freezing.freeze(store)
    for row in aside[:_ASIDE_SHOWN]:
        print(f"set aside: {one_line(row.question)[:80]} ({row.reason})", file=sys.stderr)
    if len(aside) > _ASIDE_SHOWN:
        print(f"set aside: {len(aside) - _ASIDE_SHOWN:,} more", file=sys.stderr)
    if unchecked:
        print(f"nothing to check on: {unchecked}", file=sys.stderr)
    if options.folder == "-":
        sys.stdout.flush()
        with version.train.open("rb") as file:
            while chunk := file.read(2**20):
                sys.stdout.buffer.write(chunk)
        return 0
    folder = Path(options.folder)
    write(version, folder, force=options.force)
    if options.json:
        print_json({**_manifest(version), "version": version.id, "folder": str(folder), "aside": len(aside)})
        return 0
    rows = f"{plural(version.train_rows, 'row')} to train on, {version.validation_rows:,} to check on"
    print(f"version {version.id} ({version.short}): {rows}")
    print(f"written to {folder}")
    return 0


def write(version: Version, folder: Path, *, force: bool = False) -> None:
    """Write a version's files into a folder, each of them whole or not at all.

    Raises:
        InputError: other files of these names are there and `force` is not given.
    """
    files = {
        "train.jsonl": version.train.read_bytes(),
        "validation.jsonl": version.validation.read_bytes() if version.validation else b"",
        "recipe.toml": version.recipe.encode(),
        "version.json": (json.dumps(_manifest(version), indent=2) + "\n").encode(),
    }
    there = [name for name, data in files.items() if (folder / name).exists() and (folder / name).read_bytes() != data]
    if there and not force:
        raise InputError(
            f"{folder} holds another {there[0]}", "it would be lost", "Choose another folder, or add: --force"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        paths.write_atomic(folder / name, data, mode=0o644)


def _manifest(version: Version) -> dict[str, object]:
    """What a version is, without when and where it was made: the same version is the same bytes."""
    return {
        "digest": version.digest,
        "train_rows": version.train_rows,
        "validation_rows": version.validation_rows,
        "train_tokens": version.train_tokens,
        "system": version.system,
    }
