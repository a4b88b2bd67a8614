"""The recipe of a project: its `recipe.toml`, made from a template where there is none."""

from __future__ import annotations

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


def save(store: Store, recipe: Recipe) -> None:
    """Replace the project's recipe, every setting written out."""
    paths.write_atomic(store.recipe_path, recipes.dump(recipe))
