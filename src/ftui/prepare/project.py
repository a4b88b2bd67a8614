"""The recipe of a project: its `recipe.toml`, made from a template where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftui import paths
from ftui.prepare import recipe as recipes
from ftui.prepare.recipe import Recipe
from ftui.store import Store


def load(store: Store) -> Recipe:
    """The project's recipe; the default is written down first where there is none.

    Raises:
        InputError: the file cannot be followed, with the line.
    """
    if not store.recipe_path.exists():
        save(store, Recipe())
    return recipes.load(store.recipe_path)


def some_records(store: Store, count: int) -> Iterator[dict[str, Any]]:
    """At most `count` records of the project's own domain, from all over its sources; the same ones each time."""
    identifiers = [store.records.ids(source.id) for source in store.sources.all() if source.tag == "domain"]
    total = sum(map(len, identifiers))
    for place in range(min(count, total)):
        at = place * total // min(count, total)
        for some in identifiers:
            if at < len(some):
                record = store.records.get(some[at])
                if record is not None:
                    yield record
                break
            at -= len(some)


def save(store: Store, recipe: Recipe) -> None:
    """Replace the project's recipe, every setting written out."""
    paths.write_atomic(store.recipe_path, recipes.dump(recipe))
