"""What `ftui prepare` says about tokens: in all, a pair, cut, and what packing saves."""

from __future__ import annotations

from collections.abc import Iterator

from ftui.prepare.lengths import Lengths
from ftui.prepare.recipe import Recipe
from ftui.store import Store
from ftui.units import plural


def report(store: Store, recipe: Recipe) -> Iterator[str]:
    """Lines about the pairs that are not rejected, for the model that they are meant for; nothing without pairs."""
    from ftui.train import packing, target

    lengths = Lengths(store.pairs.token_counts())
    if not len(lengths):
        return
    yield f"{plural(lengths.total, 'token')}, {lengths.at(0.5):,} a pair in the middle, {lengths.at(1.0):,} the longest"
    room = recipe.tokens.most or target.of(store).length
    if not room:
        return
    yield packing.told(lengths.packed(room))
