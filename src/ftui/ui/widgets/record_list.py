"""The records of a source as a list looks at them: an array of ids, and pages of lines by id."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict

from ftui.store.records import RecordLine, Records

_PAGE = 64
_PAGES = 32


class RecordList:
    """The records that have some words, in order. Holds their ids, and the pages looked at last."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._pages: OrderedDict[int, dict[int, RecordLine]] = OrderedDict()
        self.ids: array[int] = array("q")

    def take(self, ids: array[int]) -> None:
        """Show other records from now on."""
        self.ids = ids
        self._pages.clear()

    def line(self, index: int) -> RecordLine | None:
        """The line at `index`; None where the record has been deleted since."""
        number = index // _PAGE
        page = self._pages.get(number)
        if page is None:
            page = {line.id: line for line in self._records.page(self.ids[number * _PAGE : (number + 1) * _PAGE])}
            self._pages[number] = page
            if len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(number)
        return page.get(self.ids[index])

    def place(self, identifier: int) -> int:
        """The index of a record, or of the first one behind it."""
        return min(bisect_left(self.ids, identifier), max(len(self.ids) - 1, 0))
