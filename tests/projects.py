"""Projects with something in them, for tests of the rooms further down."""

from __future__ import annotations

import hashlib
import time

from ftui.connect import providers
from ftui.connect.providers import Provider as Profile
from ftui.credentials import save
from ftui.store import Store, create_project
from ftui.store.pairs import Decision, NewPair
from ftui.store.tasks import Task
from servers.provider import KEY

NAME = "kettle"


def project_with_pairs(facts: int = 6, phrasings: int = 4, *, accept: bool = True) -> Store:
    """A project of `facts` x `phrasings` pairs, one phrasing of each fact held out."""
    create_project(NAME)
    store = Store(NAME)
    with store.pairs.replacing() as replacing:
        replacing.put([_pair(fact, phrasing) for fact in range(facts) for phrasing in range(phrasings)])
    if accept:
        store.pairs.decide(store.pairs.ids(), Decision.ACCEPTED)
    return store


def _pair(fact: int, phrasing: int) -> NewPair:
    question, answer = f"Way {phrasing} to ask for part {fact}?", f"Part {fact} weighs {fact + 11} grams."
    return NewPair(
        [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
        hashlib.sha256(question.encode()).hexdigest(),
        fact=f"fact {fact}",
        origin={"template": "question-and-answer", "phrasing": "site", **({"held": True} if phrasing == 3 else {})},
        tokens=30,
    )


def add_provider(address: str, *, name: str = "loopback", key: str = KEY) -> Profile:
    """A custom provider at `address`, with its key saved."""
    profile = providers.add(name, f"{address}/v1", base_models=("gpt-4o-mini-2024-07-18",))
    if key:
        save(name, profile.base_url, key)
    return profile


def wait(store: Store, task_id: int, seconds: float = 60.0) -> Task:
    """The task once it has ended."""
    deadline = time.monotonic() + seconds
    while (task := store.tasks.get(task_id)).open:
        assert time.monotonic() < deadline, f"the task is still {task.state}: {task.progress}"
        time.sleep(0.05)
    return task
