"""Which pairs are trained on and which are kept to check on.

Whatever a pair is kept with stays on its side: its fact, its page, and the facts that nearly
say the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Any, Protocol

from ftui.chatfile import text_of
from ftui.prepare.near import Index
from ftui.prepare.recipe import Recipe
from ftui.units import percent, plural

_NEAR = 0.85


class Example(Protocol):
    """An accepted pair, as far as freezing it needs to know."""

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def fact(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def origin(self) -> Mapping[str, Any]: ...


def split(pairs: Mapping[str, Example], recipe: Recipe, seed: int) -> tuple[dict[str, list[str]], list[str]]:
    """The pairs to train on, by fact, and those to check on.

    Args:
        pairs: by their digest.
        seed: of the choice of facts or pages.
    """
    if recipe.split.by == "wording":
        return _by_wording(pairs)
    held = _groups_held(pairs, recipe, seed)
    facts: dict[str, list[str]] = defaultdict(list)
    for key, pair in pairs.items():
        if key not in held:
            facts[pair.fact].append(key)
    return facts, sorted(held)


def why_none(pairs: Mapping[str, Example], recipe: Recipe) -> str:
    """Why `split` keeps nothing to check on, where it does not."""
    by, share = recipe.split.by, recipe.split.share
    whole = 'by = "fact" under [split] in the recipe holds whole facts back'
    if by == "wording":
        if not recipe.split.held:
            return f"the recipe holds no wording back: held = 0 under [split]; {whole}"
        if not any(pair.origin.get("held") for pair in pairs.values()):
            return f"the recipe splits by wording, and no accepted pair is a wording that was held back; {whole}"
        return f"the recipe splits by wording, and no held one stands beside another of its fact; {whole}"
    domain = sum(pair.kind != "general" for pair in pairs.values())
    if not domain:
        return "all accepted pairs are general, and those are always trained on"
    if not share:
        return "the recipe holds nothing back: share = 0 under [split]"
    room = int(share * domain)
    few = f"{percent(share)} of {plural(domain, 'pair')}"
    if not room:
        return f"{few} is less than one: accept more, or raise share under [split] in the recipe"
    return (
        f"{few} is {room:,}, and no {by} has so few together with what nearly says the same:"
        " accept more, or raise share under [split] in the recipe"
    )


def _by_wording(pairs: Mapping[str, Example]) -> tuple[dict[str, list[str]], list[str]]:
    """A held wording is checked on if its fact has another one to train on."""
    facts: dict[str, list[str]] = defaultdict(list)
    for key, pair in pairs.items():
        if not pair.origin.get("held"):
            facts[pair.fact].append(key)
    held = [key for key, pair in pairs.items() if pair.origin.get("held") and facts.get(pair.fact)]
    for key, pair in pairs.items():
        if pair.origin.get("held") and pair.fact not in facts:
            facts[pair.fact] = [key]
    return facts, sorted(held)


def _groups_held(pairs: Mapping[str, Example], recipe: Recipe, seed: int) -> set[str]:
    """The pairs of the groups that are held back: at most the recipe's share of all.

    General pairs are always trained on: they are there against forgetting.
    """
    groups = _Groups()
    domain = sorted(key for key, pair in pairs.items() if pair.kind != "general")
    for key in domain:
        pair = pairs[key]
        groups.join(key, f"fact {pair.fact}")
        if recipe.split.by == "page" and pair.url:
            groups.join(key, f"page {pair.url}")
    for one, other in _near(pairs, domain, recipe):
        groups.join(one, other)
    members: dict[str, list[str]] = defaultdict(list)
    for key in domain:
        members[groups.of(key)].append(key)
    room = recipe.split.share * len(domain)
    held = set[str]()
    # A group is drawn by its first pair, so that the draw is the same in whatever order they come.
    for keys in sorted(members.values(), key=lambda keys: sha256(f"{seed} {keys[0]}".encode()).digest()):
        if len(held) + len(keys) <= room:
            held.update(keys)
    return held


def _near(pairs: Mapping[str, Example], keys: Iterable[str], recipe: Recipe) -> Iterable[tuple[str, str]]:
    """Facts that are near-duplicates, each named by one of its pairs."""
    leaders: dict[str, str] = {}
    for key in keys:
        fact = pairs[key].fact
        if fact not in leaders or pairs[leaders[fact]].origin.get("phrasing") != "site":
            leaders[fact] = key if pairs[key].origin.get("phrasing") == "site" else leaders.get(fact, key)
    names = sorted(leaders.values())

    def text(number: int) -> str:
        messages = pairs[names[number]].messages
        return "\n".join(text_of(each) for each in messages if each["role"] in ("user", "assistant"))

    with closing(Index(recipe.duplicates.near or _NEAR, numbers=recipe.duplicates.numbers)) as index:
        for number in range(len(names)):
            index.add(text(number))
        for one, other in index.links(text):
            yield names[one], names[other]


class _Groups:
    """Names that belong together, by what joins them."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The name that stands for the group of `name`."""
        root = name
        while (above := self._above.get(root, root)) != root:
            root = above
        while name != root:
            self._above[name], name = root, self._above.get(name, root)
        return root

    def join(self, one: str, other: str) -> None:
        first, second = self.of(one), self.of(other)
        if first != second:
            self._above[second] = first
