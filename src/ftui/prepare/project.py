"""The recipe of a project, and what it makes of some of the project's records."""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui import paths
from ftui.errors import InputError
from ftui.prepare import recipe as recipes
from ftui.prepare import starter
from ftui.prepare.cleaner import Cleaner
from ftui.prepare.preview import Shown, always, preview
from ftui.prepare.recipe import Cleaning, Recipe
from ftui.prepare.recipe_text import with_rule, without_rule
from ftui.prepare.shelf import Shelf
from ftui.store import Store

LONGEST = 200_000
"""Bytes of a recipe file. A person's own has a few thousand."""
BEFORE = "recipe.before.toml"
"""Beside the recipe: the one that it took the place of as a whole; later ones are `recipe.before-2.toml` and so on."""
SAMPLE = 400
"""Records from which a preview learns what a site repeats."""

Records = Sequence[Mapping[str, Any]]


def read(store: Store) -> str:
    """The text of the project's recipe with all its comments; a first one is written down where there is none.

    Raises:
        InputError: it is no text file that could be a recipe.
    """
    # Who took a rule back, or put it in, may have been killed before the file was written. One that
    # cannot be changed is read as it is.
    with contextlib.suppress(InputError, OSError):
        settle(store)
    return _text(store)


def settle(store: Store) -> None:
    """Bring the recipe up to what the journal says of its rules; what is in it already stays as it is.

    Raises:
        InputError: the recipe cannot be followed as it is now, and what is due stays due.
    """
    if store.database.refused is not None or not store.rules.due():
        return
    # The file is written under the lock and before the commit: cut off in between, it is found as it has to be.
    with store.database.write():
        before = text = _text(store)
        for rule, wanted in store.rules.due().items():
            text = with_rule(text, rule) if wanted else without_rule(text, rule)
        if text != before:
            paths.write_atomic(store.recipe_path, text)
        store.rules.paid()


def _text(store: Store) -> str:
    path = store.recipe_path
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError("recipe.toml cannot be read", "it is not a file", f"Move {path} away")
        if found.st_size > LONGEST:
            size = f"it has {found.st_size:,} bytes, and a recipe has a few thousand"
            raise InputError("recipe.toml cannot be read", size, f"Move {path} away")
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        text = starter.text(recipes.QUESTIONS)
        if store.database.refused is None:
            paths.write_atomic(path, text)
    except UnicodeDecodeError as error:
        raise InputError("recipe.toml cannot be read", "it is not UTF-8 text", f"Move {path} away") from error
    except OSError as error:
        raise InputError("recipe.toml cannot be read", error.strerror or "", f"Check who may read {path}") from error
    if "\0" in text:
        raise InputError("recipe.toml cannot be read", "it is not a text", f"Move {path} away")
    return text


def load(store: Store) -> Recipe:
    """The project's recipe; the default is written down first where there is none.

    Raises:
        InputError: the file cannot be followed, with the line.
    """
    return recipes.parse(read(store))


def written(store: Store, recipe: Recipe) -> Shelf:
    """What models wrote for the project so far: its `get` is what `prepare` takes as `written`."""
    return Shelf.of((), store.tasks.written() if recipe.asks else ())


def learnt(store: Store, recipe: Recipe) -> Cleaner:
    """A cleaner that has learnt from all records of the domain what a site repeats: reads them all."""
    cleaner = Cleaner(recipe)
    if cleaner.learns:
        for record in records(store):
            cleaner.learn(record)
    return cleaner


def records(store: Store, tag: str = "domain") -> Iterator[dict[str, Any]]:
    """All records of the sources with a tag."""
    tags = {source.id: source.tag for source in store.sources.all()}
    return (record for record in store.records.iterate() if tags.get(record["source"], "domain") == tag)


def start(store: Store, template: str) -> Path | None:
    """Replace the project's recipe by one to begin with; gives where the one of before is kept, if it is."""
    try:
        read(store)
        kept = set_aside(store)
    except InputError:
        kept = set_aside(store, readable=False)
    paths.write_atomic(store.recipe_path, starter.text(template))
    return kept


def set_aside(store: Store, *, readable: bool = True) -> Path | None:
    """Keep a recipe that is about to be replaced as a whole; None where it is only one to begin with, or none.

    Args:
        readable: whether the file is one that `read` takes; another one is moved as it is.
    """
    path = store.recipe_path
    if not path.exists():
        return None
    if not readable:
        before = next(place for place in _beside(path) if not os.path.lexists(place))
        os.replace(path, before)
        return before
    raw = path.read_bytes()
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n")
    return None if starter.is_untouched(text) else keep_beside(store, raw)


def keep_beside(store: Store, text: bytes) -> Path:
    """Keep a text beside the recipe; gives where. What was kept there before stays as it is."""
    names = _beside(store.recipe_path)
    place = next(name for name in names if not os.path.lexists(name) or _holds(name, text))
    if not os.path.lexists(place):
        paths.write_atomic(place, text)
    return place


def _holds(path: Path, text: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(text) and path.read_bytes() == text


def _beside(path: Path) -> Iterator[Path]:
    """The names that what was before may have, the first one first."""
    name, ending = os.path.splitext(BEFORE)
    yield path.with_name(BEFORE)
    yield from (path.with_name(f"{name}-{number}{ending}") for number in itertools.count(2))


def some_records(store: Store, count: int, turn: int = 0) -> Iterator[dict[str, Any]]:
    """At most `count` records of the project's own domain, from all over each of its sources.

    Args:
        turn: another number gives other records, the same number the same ones.
    """
    sources = [store.records.ids(source.id) for source in store.sources.all() if source.tag == "domain"]
    sources = [ids for ids in sources if ids]
    for ids, share in zip(sources, _shares(list(map(len, sources)), count), strict=True):
        for place in range(share):
            record = store.records.get(ids[(place * len(ids) // share + turn) % len(ids)])
            if record is not None:
                yield record


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many of `count` fall to each size: by size, and at least one each as long as there are enough."""
    shares = [0] * len(sizes)
    rest = sum(sizes)
    left = min(count, rest)
    # The small ones first, so that their one is not rounded away.
    for place in sorted(range(len(sizes)), key=sizes.__getitem__):
        shares[place] = min(max(round(left * sizes[place] / rest), 1), left, sizes[place])
        left, rest = left - shares[place], rest - sizes[place]
    return shares


class Trial:
    """Follows recipes over some records of one project, as often as the recipe changes.

    Keeps the records, and what it has learnt from a sample about what a site repeats: a run
    learns that from all records, and so does a trial where a model is asked about what is left.
    Reads only; for a thread with a store of its own.

    Args:
        count: records that are shown.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._records: tuple[int, Records] | None = None
        self._learnt: tuple[tuple[Cleaning, bool], Cleaner] | None = None
        self.learnt = 0
        """Records from which was learnt what a site repeats; 0 where the recipe does not ask for that."""
        self.sources = 0
        """Sources that the records are of."""

    def run(self, store: Store, recipe: Recipe, turn: int = 0, going: Callable[[], bool] = always) -> Iterator[Shown]:
        """The records with what comes of them.

        Args:
            turn: as for `some_records`.
            going: asked before each record; where it says no, the rest is left out.

        Raises:
            InputError: a template of the recipe's own that cannot be used.
        """
        if self._records is None or self._records[0] != turn:
            self._records = (turn, list(some_records(store, self._count, turn)))
        some = self._records[1]
        self.sources = len({record.get("source") for record in some})
        cleaner = self._cleaner(store, recipe, going)
        yield from preview(some, recipe, self._count, written(store, recipe).get, cleaner, going)

    def _cleaner(self, store: Store, recipe: Recipe, going: Callable[[], bool]) -> Cleaner:
        wanted = recipe.cleaning, recipe.asks
        if self._learnt is None or self._learnt[0] != wanted:
            cleaner, self.learnt = Cleaner(recipe), 0
            if cleaner.learns:
                for record in records(store) if recipe.asks else some_records(store, SAMPLE):
                    if not going():
                        return cleaner
                    cleaner.learn(record)
                    self.learnt += 1
            self._learnt = (wanted, cleaner)
        # A run also keeps in mind what it has seen once already: each begins with an open mind.
        return copy.deepcopy(self._learnt[1])
