"""What the panes of the Pairs place show, and where it is read: at once, or in a thread where that takes long.

What makes pairs and what trains on them is imported when it is needed first, and
in a thread: the first picture does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.widget import Widget

from ftui.errors import FtuiError, describe
from ftui.store import Store
from ftui.store.pairs import Dropped, Pair
from ftui.ui.flow import wrap
from ftui.ui.reading import Reader
from ftui.ui.text import Row, Span
from ftui.ui.widgets.pair_pane import Beside, Fill
from ftui.ui.widgets.pair_rows import Extra, source_of

if TYPE_CHECKING:
    from ftui.prepare.seen import Seen
    from ftui.train.target import Target

_AT_ONCE = 20_000
"""Characters of a pair that are tokenized without a thread, once the tokenizer is loaded."""


class PairSides:
    """Args:
    place: what the panes belong to.
    again: shows the pair again, when more is known.
    """

    def __init__(self, place: Widget, again: Callable[[], None]) -> None:
        self._again = again
        self._reader = Reader(place, "seen")
        self._finder = Reader(place, "target")
        self._target: Target | None = None
        self._job = -1
        self._warm: Target | None = None
        self._last: tuple[object, Seen | FtuiError] | None = None

    def target(self, store: Store) -> Target | None:
        """Whom the pairs are for; looked up again when there is another job, None until it is known."""
        newest = store.jobs.newest()
        if self._job != newest:
            self._job = newest
            self._finder.read(_find_target, self._found)
        return self._target

    def _found(self, target: Target) -> None:
        if self._target != target:
            self._target = target
            self._again()

    def beside(self, pair: Pair, store: Store) -> Beside:
        """All that is to know about a pair besides itself."""
        target = self.target(store)
        record = store.records.get(pair.record) if pair.record else None
        if record and pair.source not in (None, record["source"]):
            record = None  # Of another source: its number was free again.
        source = pair.source or (record["source"] if record else 0)
        return Beside(
            record=record,
            fact_size=len(store.pairs.fact_ids(pair.fact)) if pair.fact else 1,
            stand_ins=store.pairs.stand_ins(pair.id) if pair.stands_for else (),
            original=store.pairs.original(pair.id) if pair.edited else None,
            cost=cost_words(target, pair.tokens) if target else "",
            source=store.sources.name(source) if source else "",
            key=_own_key(record["key"], pair.url, record["url"]) if record else "",
        )

    def seen(self, pair: Pair, store: Store, then: Callable[[object, Fill], None]) -> None:
        """Give what the model will see of a pair, now or when it is known.

        Args:
            then: gets what tells one view from another, and its rows.
        """
        target, what = self.target(store), ("seen", pair.id)
        key = (pair.id, pair.messages, target)
        if target is None:
            then(what, _waiting)
        elif self._last is not None and self._last[0] == key:
            then(what, _filling(self._last[1], target))
        elif self._warm == target and _size(pair) <= _AT_ONCE:
            self._reader.stop()
            self._last = key, _look(pair, target)
            then(what, _filling(self._last[1], target))
        else:

            def show(found: Seen | FtuiError) -> None:
                self._last, self._warm = (key, found), target
                then(what, _filling(found, target))

            then(what, _waiting)
            self._reader.read(lambda _: _look(pair, target), show)


def beside_dropped(dropped: Dropped, store: Store) -> Beside:
    """What something comes from that did not become a pair."""
    record = store.records.get(dropped.record) if dropped.record else None
    if record and dropped.source not in (None, record["source"]):
        record = None  # Of another source: its number was free again.
    source = dropped.source or (record["source"] if record else source_of(dropped.url))
    key = _own_key(record["key"], dropped.url, record["url"]) if record else ""
    kept = store.pairs.kept_of(dropped) if dropped.record else ()
    return Beside(record=record, source=store.sources.name(source) if source else "", key=key, kept=kept)


def _own_key(key: str, *addresses: str) -> str:
    """A record's key where it is not an address that is shown."""
    return "" if any(address and key.startswith(address) for address in addresses) else key


def extra(store: Store) -> Extra:
    """What rows of the list can show besides."""
    sources = {source.id: source.name for source in store.sources.all()}
    return Extra(sources if len(sources) > 1 else {}, store.pairs.any_flags())


def seen_title(target: Target | None) -> str:
    """Of the pane with what the model will see."""
    return f"What {target.model or target.provider.title} sees" if target else "What the model sees"


def _find_target(store: Store) -> Target:
    from ftui.train import target

    return target.of(store)


def _look(pair: Pair, target: Target) -> Seen | FtuiError:
    from ftui.prepare.pair import beside
    from ftui.prepare.seen import see

    try:
        return see(pair.messages, beside(pair.origin), target.folder, target.length)
    except Exception as error:
        return error if isinstance(error, FtuiError) else describe(error)


def cost_words(target: Target, tokens: int) -> str:
    """`$0.00`, `$0.0041 for 10 epochs at most`, "" where the price is not known."""
    dollars = target.cost(tokens)
    if dollars is None:
        return ""
    return f"${dollars:,.4f} for {target.epochs} epochs at most" if dollars else "$0.00"


def _waiting(width: int, most: int | None) -> list[Row]:
    return [(Span("… ", "accent"), Span("the model's template is being applied", "dim"))]


def _filling(found: Seen | FtuiError, target: Target) -> Fill:
    from ftui.ui.widgets.pair_seen import seen_rows

    def fill(width: int, most: int | None) -> list[Row]:
        if not isinstance(found, FtuiError):
            return seen_rows(found, target, width, most)
        first, *more = wrap(found.what, width - 2)
        rows: list[Row] = [(Span("✗ ", "bad"), Span(first, "bold")), *((Span(f"  {line}", "bold"),) for line in more)]
        return rows + [
            (Span("  "), Span(line)) for text in (found.why, found.do) if text for line in wrap(text, width - 2)
        ]

    return fill


def _size(pair: Pair) -> int:
    return sum(len(str(message.get("content") or "")) for message in pair.messages)
