"""What models wrote, as the ledger of a task has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Written:
    """The end of one request.

    Attributes:
        key: of the request.
        items: as `answer.read` gives them; empty where there is a `problem`.
        cost: US dollars that were or may have been paid for it.
        again: whether it is worth asking again another time: what went wrong was the way, not the answer.
    """

    key: str
    items: Sequence[Mapping[str, Any]] = ()
    problem: str = ""
    cost: float = 0.0
    again: bool = False

    def entry(self) -> Mapping[str, Any]:
        """The line of the ledger for it."""
        kept = {"items": list(self.items)} if self.items else {"problem": self.problem}
        return {"key": self.key, **kept, "cost": self.cost} | ({"again": True} if self.again else {})


def asked(key: str, most: float) -> Mapping[str, Any]:
    """The line of the ledger that comes before a request: what it can cost at most."""
    return {"asked": key, "most": most}


@dataclass(slots=True)
class Shelf:
    """The ledger, read: what is there need not be paid again.

    A request that was sent and has no answer on the ledger may have been paid, so it
    counts with the most that it could cost.

    Attributes:
        spent: US dollars.
    """

    spent: float = 0.0
    _answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _open: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, ledger: Iterable[Mapping[str, Any]], earlier: Iterable[Mapping[str, Any]] = ()) -> Shelf:
        """Read ledgers; those of `earlier` tasks have answers too, but what they spent is not this task's."""
        shelf = cls()
        for entry in earlier:
            shelf._keep(entry)
        for entry in ledger:
            shelf.add(entry)
        return shelf

    def add(self, entry: Mapping[str, Any]) -> None:
        if "asked" in entry:
            self._open[entry["asked"]] = entry["most"]
            self._spend(entry["most"])
        elif "key" in entry:
            self._spend(entry["cost"] - self._open.pop(entry["key"], 0.0))
            self._keep(entry)

    def _spend(self, amount: float) -> None:
        # Of what was added and taken away again a float would keep a trace.
        self.spent = round(self.spent + amount, 12)

    def _keep(self, entry: Mapping[str, Any]) -> None:
        # That it went wrong another time takes no answer away.
        if "key" in entry and not (entry.get("again") and self.settled(entry["key"])):
            self._answers[entry["key"]] = entry

    def get(self, key: str) -> Mapping[str, Any] | None:
        """`items` or `problem` of a request, None where it has no answer: what `prepare` takes as `written`."""
        return self._answers.get(key)

    def settled(self, key: str) -> bool:
        """Whether a request has its answer, so that it need not be sent."""
        answer = self._answers.get(key)
        return answer is not None and not answer.get("again")
