"""What the list of pairs looks at: an array of ids, pages of pairs by id, a filter, the pace."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict, deque
from itertools import chain

from ftui.store.pairs import Decision, Pair, Pairs

SHOWN = ("all", "pending", "accepted", "rejected")
"""What a filter can keep."""

_PAGE = 64
_PAGES = 32


class PairView:
    """The pairs that pass a filter, in order. Holds their ids, and the pages that were looked at last.

    A pair that gets another decision stays in the view until `reload`: a row that
    goes away under the cursor would move all rows below it.
    """

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._pages: OrderedDict[int, dict[int, Pair]] = OrderedDict()
        self.where = "all"
        self.words = ""
        self.ids: range | array[int] = array("q")

    @property
    def filtered(self) -> bool:
        return self.where != "all" or bool(self.words)

    def reload(self) -> None:
        """Ask the store anew which pairs pass the filter."""
        self.ids = self._pairs.ids(self.where, self.words)
        self.forget()

    def forget(self) -> None:
        """Read pairs from the store again when they are looked at next."""
        self._pages.clear()

    def pair(self, index: int) -> Pair | None:
        """The pair at `index`; None when it was removed since `reload`."""
        number = index // _PAGE
        page = self._pages.get(number)
        if page is None:
            page = self._pairs.page(self.ids[number * _PAGE : (number + 1) * _PAGE])
            self._pages[number] = page
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        return page.get(self.ids[index])

    def place(self, identifier: int) -> int:
        """The index of a pair, or of the first one behind it."""
        return min(bisect_left(self.ids, identifier), max(len(self.ids) - 1, 0))

    def holds(self, identifier: int) -> bool:
        index = bisect_left(self.ids, identifier)
        return index < len(self.ids) and self.ids[index] == identifier

    def next_pending(self, index: int) -> int | None:
        """The index of the first pending pair behind `index`, from the start again; None when there is none."""
        if not self.filtered:
            found = self._pairs.next_pending(self.ids[index] if self.ids else 0)
            return None if found is None else self.place(found)
        for candidate in chain(range(index + 1, len(self.ids)), range(min(index + 1, len(self.ids)))):
            pair = self.pair(candidate)
            if pair is not None and pair.decision is Decision.PENDING:
                return candidate
        return None

    def pending(self) -> list[int]:
        """Ids of all pending pairs in the view."""
        if not self.filtered:
            return list(self._pairs.ids("pending"))
        return sorted(set(self.ids) & set(self._pairs.ids("pending")))


class Pace:
    """How fast decisions are made, over the last minutes of work.

    The figure is taken anew every few seconds only: one that changes at every key
    is hard to read, and dear over SSH.
    """

    WINDOW = 180.0
    FRESH = 10.0
    LEAST = 5

    def __init__(self) -> None:
        self._made: deque[tuple[float, int]] = deque()
        self._taken = -self.FRESH
        self._figure: float | None = None

    def add(self, now: float, decisions: int) -> None:
        self._made.append((now, decisions))
        while self._made[0][0] < now - self.WINDOW:
            self._made.popleft()

    def per_minute(self, now: float) -> float | None:
        """Decisions a minute; None before there are enough to say, or after a long break."""
        if now - self._taken >= self.FRESH:
            self._taken, self._figure = now, self._count(now)
        return self._figure

    def _count(self, now: float) -> float | None:
        made = [(moment, decisions) for moment, decisions in self._made if moment >= now - self.WINDOW]
        total = sum(decisions for _, decisions in made[1:])
        seconds = now - made[0][0] if made else 0.0
        return total * 60 / seconds if total >= self.LEAST and seconds >= 1 else None
