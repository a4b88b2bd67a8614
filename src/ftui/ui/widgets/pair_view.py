"""What the list of pairs looks at: an array of ids, pages of pairs by id, a filter, the pace."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ftui.store.filters import ORDERS, Filter, Term
from ftui.store.pairs import Decision, Dropped, Pair, Pairs
from ftui.ui.widgets.pair_leads import Leads

SHOWN = ("all", "pending", "accepted", "rejected")
"""What a filter can keep."""
ORDER_WORDS = {"risk": "riskiest first", "length": "longest first", "source": "by source", "random": "at random"}

_PAGE = 64
_PAGES = 32


class PairView:
    """The pairs that pass a filter, in an order. Holds their ids, and the pages that were looked at last.

    A pair that gets another decision stays in the view until other ids are taken: a row
    that goes away under the cursor would move all rows below it.
    """

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._pages: OrderedDict[int, dict[int, Pair] | dict[int, Dropped]] = OrderedDict()
        self._leads: dict[int, Leads] = {}
        self.where = "all"
        self.words = ""
        self.order = ORDERS[0]
        self.seed = 0
        self.ids: range | array[int] = array("q")
        self._taken = Filter()
        """What the ids were asked for with."""

    @property
    def filtered(self) -> bool:
        return self.where != "all" or bool(self.words)

    @property
    def wanted(self) -> Filter:
        """What the store is to be asked for.

        Raises:
            InputError: the words are not in the filter's language.
        """
        wanted = Filter(self.words, self.order, self.seed)
        if self.where == "all" or wanted.dropped:
            return wanted
        return Filter(self.words, self.order, self.seed, (Term("is", self.where),))

    @property
    def dropped(self) -> bool:
        """Whether the rows are those of what did not become a pair."""
        return self._taken.dropped

    @property
    def decided(self) -> bool:
        """Whether the filter asks for pairs that are decided on."""
        decided = ("accepted", "rejected")
        return any(term.key == "is" and term.wanted and term.value in decided for term in self._taken.terms())

    def reload(self) -> None:
        """Ask the store anew which pairs pass the filter, and wait for it."""
        wanted = self.wanted
        self.take(self._pairs.view_ids(wanted), wanted)

    def at_once(self) -> bool:
        """`reload` where the answer is a single range, whatever the number of pairs; False where it is not."""
        wanted = self.wanted
        first = next(iter(self._pairs.view(wanted)), None) if wanted.plain else None
        if isinstance(first, range):
            self.take(first, wanted)
        return isinstance(first, range)

    def take(self, ids: range | array[int], wanted: Filter) -> None:
        """Show what `wanted` was answered with."""
        self.ids, self._taken = ids, wanted
        self.forget()

    def shows(self, wanted: Filter) -> bool:
        """Whether the ids are what `wanted` was answered with, be it some time ago."""
        return wanted == self._taken and bool(self.ids)

    def reaches(self, identifier: int) -> bool:
        """Whether the place of a pair is known, also where only the first ids are there yet."""
        if self._taken.order != ORDERS[0] or self.dropped:
            return self.dropped or self.find(identifier) is not None
        return bool(self.ids) and self.ids[-1] >= identifier

    def step_back(self) -> None:
        """Want again what is shown, after something that the store could not answer."""
        taken = self._taken
        self.words, self.order, self.seed = taken.text, taken.order, taken.seed
        self.where = taken.also[0].value if taken.also else SHOWN[0]

    def forget(self, ids: Sequence[int] | None = None) -> None:
        """Read pairs from the store again when they are looked at next; a few of them at once, where named."""
        self._leads.clear()
        if ids is None or self.dropped or len(ids) > _PAGE:
            self._pages.clear()
            return
        found = self._pairs.page(ids)
        for page in self._pages.values():
            for identifier in page.keys() & set(ids):
                del page[identifier]
                if identifier in found:
                    page[identifier] = found[identifier]  # type: ignore[assignment]

    def decided_now(self, ids: Sequence[int], decision: Decision) -> None:
        """These pairs have this decision in the store by now."""
        if self.dropped or len(ids) > _PAGE:
            self._pages.clear()
            return
        for page in self._pages.values():
            for identifier in page.keys() & set(ids):
                pair = page[identifier]
                assert isinstance(pair, Pair)
                page[identifier] = replace(pair, decision=decision)  # type: ignore[assignment]

    def pair(self, index: int) -> Pair | None:
        """The pair at `index`; None when it was removed since, or is no pair."""
        found = self.row(index)
        return found if isinstance(found, Pair) else None

    def row(self, index: int) -> Pair | Dropped | None:
        """What is at `index`, be it a pair or what did not become one."""
        number = index // _PAGE
        page = self._pages.get(number)
        if page is None:
            part = self.ids[number * _PAGE : (number + 1) * _PAGE]
            page = self._pairs.dropped_page(part) if self.dropped else self._pairs.page(part)
            self._pages[number] = page
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        return page.get(self.ids[index])

    def lead(self, index: int) -> int:
        """Characters of a question that rows near it begin with as well: see `Leads`."""
        number = index // _PAGE
        leads = self._leads.get(number)
        if leads is None:
            self.row(index)
            if len(self._leads) >= _PAGES:
                self._leads.clear()
            part = self.ids[number * _PAGE : (number + 1) * _PAGE]
            leads = self._leads[number] = Leads(part, self._pages[number])
        return leads.of(index % _PAGE)

    def place(self, identifier: int) -> int:
        """The index of a pair, or of the first one behind it."""
        if self._taken.order != ORDERS[0]:
            return self.find(identifier) or 0
        return min(bisect_left(self.ids, identifier), max(len(self.ids) - 1, 0))

    def find(self, identifier: int) -> int | None:
        """The index of a pair, None where it is not shown; looks through all ids where the list is sorted."""
        if self._taken.order != ORDERS[0]:
            # What was decided on last is mostly on a page that was looked at last.
            for number, page in self._pages.items():
                if identifier in page:
                    return number * _PAGE + self.ids[number * _PAGE : (number + 1) * _PAGE].index(identifier)
            try:
                return self.ids.index(identifier)
            except ValueError:
                return None
        index = bisect_left(self.ids, identifier)
        return index if index < len(self.ids) and self.ids[index] == identifier else None

    def next_pending(self, index: int) -> int | None:
        """The index of the first pending pair behind `index`, from the start again.

        None when there is none; `FAR` when looking for it takes a while: see `NextPending`.
        """
        if self.dropped or self.decided or not self.ids:
            return None
        if self._taken.plain:
            found = self._pairs.next_pending(self.ids[index])
            return None if found is None else self.place(found)
        return self._pairs.near_pending(self.ids, index)


def read_parts(pairs: Pairs, wanted: Filter) -> Iterator[tuple[range | array[int], bool]]:
    """What passes a filter so far, after the first part and at the end, with whether that is all of it.

    For a thread with a store of its own.
    """
    found: array[int] = array("q")
    for part in pairs.view(wanted):
        if isinstance(part, range):
            yield part, True
            return
        found.extend(part)
        if len(found) == len(part):
            yield found[:], False
    yield found, True


class Pace:
    """How fast decisions are made, over the last minutes of work.

    The figure is taken anew every few seconds only: one that changes at every key
    is hard to read, and dear over SSH.
    """

    WINDOW = 180.0
    FRESH = 10.0
    LEAST = 5
    REST = 30.0

    def __init__(self) -> None:
        self._made: deque[tuple[float, int]] = deque()
        self._taken = -self.FRESH
        self._figure: float | None = None

    def recall(self, made: Iterable[tuple[float, int]], now: float) -> None:
        """Go on from the decisions of a run before: (when, how many), the earliest first."""
        self._made = deque(each for each in made if now - self.WINDOW <= each[0] <= now)

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
        # Who stopped to read, or went away, has not become slower.
        seconds = min(now, made[-1][0] + self.REST) - made[0][0] if made else 0.0
        return total * 60 / seconds if total >= self.LEAST and seconds >= 1 else None
