"""There is always a next step, and somebody who was away is told what happened."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ftui import guide
from ftui.errors import NetworkError
from ftui.events import Progress, Record
from ftui.store import Store, create_project
from ftui.store.pairs import Decision, NewPair
from ftui.store.versions import Question


@pytest.fixture
def store(home: object) -> Iterator[Store]:
    create_project("kettle")
    with Store("kettle") as store:
        yield store


def test_every_state_of_a_project_has_a_next_step(store: Store) -> None:
    assert "2 then n" in guide.next_step(store).key

    source = store.sources.add("site", "crawl", {})
    task = store.tasks.add("collect", "site", {"source": source.id}, source.id)
    store.tasks.start(task)
    store.tasks.save_progress(task, Progress(3, 10, "pages"))
    assert "3 of 10 pages" in str(guide.next_step(store))
    store.tasks.finish(task, "failed", error=NetworkError("The site cannot be reached"))
    assert "cannot be reached" in str(guide.next_step(store))
    assert "r tries again" in str(guide.next_step(store))

    store.records.put(source.id, [Record("a", "", "", {})])
    assert guide.next_step(store).command == "ftui prepare"

    with store.pairs.replacing() as replacing:
        replacing.put([NewPair([], str(n)) for n in range(12)])
    assert "12 pairs to review" in guide.next_step(store).text
    store.pairs.decide(store.pairs.ids(), Decision.ACCEPTED)
    assert "4 then n trains" in str(guide.next_step(store))

    job = store.jobs.add(
        "kettle-1", provider="engine", base_url="", base_model="b", version=None, hyperparameters={}, cost_at_most=0
    )
    store.tasks.start(store.tasks.add("train", "kettle-1", {"job": job.id}))
    store.jobs.update(job.id, state="running", step=5, total_steps=10)
    assert "50 %" in guide.next_step(store).text
    store.jobs.update(job.id, state="succeeded", fine_tuned_model="ft:b")
    model = store.models.add("kettle-1", job=job.id, provider="e", base_url="", model="ft:b", base_model="b", system="")
    assert "c chats" in guide.next_step(store).key
    comparison = store.comparisons.add(model.id, [Question("heldout", "q", "e", ("k",))])
    store.comparisons.save_answer(comparison.id, 1, "base", "x", False)
    store.comparisons.save_answer(comparison.id, 1, "tuned", "k", True)
    assert "1 of 1 unseen" in guide.next_step(store).text


def test_the_progress_of_a_collection_in_one_line(store: Store) -> None:
    task = store.tasks.add("collect", "best", {})
    store.tasks.start(task)
    said = Progress(50, 100, "records", failed=3, bytes=2_100_000, text="downloading", cost=0.05, cost_at_most=0.1)
    store.tasks.save_progress(task, said)
    now = store.tasks.get(task)
    assert guide.progress(now, (now.started or 0) + 5) == (
        "50 of 100 records, 3 failed, 2.1 MB, 10/s, 5 s left, $0.05 of at most $0.10, downloading"
    )


def test_what_happened_meanwhile(store: Store) -> None:
    before = time.time() - 1
    assert guide.away(store, before) == []
    task = store.tasks.add("collect", "site", {})
    store.tasks.start(task)
    store.tasks.save_progress(task, Progress(1020, 1020, "records"))
    store.tasks.finish(task, "done", result={})
    assert guide.away(store, before) == ["1,020 records came from site"]
    assert guide.away(store, time.time() + 1) == []
