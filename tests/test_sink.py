"""What a task says reaches the store in transactions that hold together."""

from __future__ import annotations

import math

import pytest

from ftui.events import Batch, Entry, Failure, Record
from ftui.runners import sink
from ftui.store import Store, create_project


def test_records_and_the_entries_that_count_on_them_are_seen_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "FLUSH_SECONDS", math.inf)
    create_project("kettle")
    with Store("kettle") as store, Store("kettle") as other:
        source = store.sources.add("shop", "brightdata", {}).id
        task = store.tasks.add("collect", "shop", {"source": source}, source)
        writer = sink.Sink(store, store.tasks.get(task))

        def seen() -> tuple[int, int, int]:
            failures = other.tasks.failures(task)
            return other.records.count(source), len(other.tasks.ledger(task)), failures[0][2] if failures else 0

        writer.take(Batch([Record("a", "", "A", {"n": 1}), Failure("b", "gone")]))
        writer.take(Entry({"rows": 2}, at_once=False))
        assert seen() == (0, 0, 0)
        writer.take(Record("c", "", "C", {"n": 3}))
        writer.take(Entry({"rows": 3}))
        assert seen() == (2, 2, 1), "what is to be there at once brings all that came before it"


def test_what_is_too_large_to_be_held_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "FLUSH_SECONDS", math.inf)
    create_project("kettle")
    with Store("kettle") as store, Store("kettle") as other:
        source = store.sources.add("shop", "brightdata", {}).id
        writer = sink.Sink(store, store.tasks.get(store.tasks.add("collect", "shop", {"source": source}, source)))
        half = "x" * (sink.LARGEST // 2)
        writer.take(Batch([Record("a", "", "A", {"text": half})]))
        assert other.records.count(source) == 0
        writer.take(Batch([Record("b", "", "B", {"text": half})]))
        assert other.records.count(source) == 2
