"""Decisions, the journal, and what a new preparation leaves alone."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftui.errors import InputError
from ftui.store import Store, create_project
from ftui.store.pairs import Decision, Filter, NewPair, check_messages
from store.pair_data import filled


def make(number: int, fact: str = "") -> NewPair:
    messages = [{"role": "user", "content": f"q{number}"}, {"role": "assistant", "content": f"a{number}"}]
    return NewPair(messages, f"digest{number}", fact=fact, tokens=10)


@pytest.fixture
def store(home: object) -> Store:
    create_project("kettle")
    store = Store("kettle")
    with store.pairs.replacing() as replacing:
        replacing.put([make(number, f"fact{number // 3}") for number in range(9)])
    return store


def decisions(store: Store) -> list[Decision]:
    return [pair.decision for pair in store.pairs.page(store.pairs.ids()).values()]


def test_a_decision_can_be_undone_and_redone_after_a_restart(store: Store) -> None:
    ids = list(store.pairs.ids())
    assert store.pairs.decide(ids[:2], Decision.ACCEPTED) == 2
    assert store.pairs.decide([ids[2]], Decision.REJECTED) == 1
    store.close()
    with Store("kettle") as again:
        assert again.pairs.undo() == ("rejected", [ids[2]])
        assert again.pairs.undo() == ("accepted", ids[:2])
        assert again.pairs.undo() is None
        assert again.pairs.counts().pending == 9
        assert again.pairs.redo() == ("accepted", ids[:2])
        assert again.pairs.redo() == ("rejected", [ids[2]])
        assert again.pairs.redo() is None
        assert (again.pairs.counts().accepted, again.pairs.counts().rejected) == (2, 1)


def test_a_new_decision_ends_what_could_be_redone(store: Store) -> None:
    first, second = store.pairs.ids()[:2]
    store.pairs.decide([first], Decision.ACCEPTED)
    store.pairs.undo()
    store.pairs.decide([second], Decision.ACCEPTED)
    assert store.pairs.redo() is None


def test_deciding_the_same_again_is_no_step(store: Store) -> None:
    first = store.pairs.ids()[0]
    store.pairs.decide([first], Decision.ACCEPTED)
    assert store.pairs.decide([first], Decision.ACCEPTED) == 0
    store.pairs.undo()
    assert store.pairs.undo() is None


def test_an_edit_is_undone_with_its_mark(store: Store) -> None:
    first = store.pairs.ids()[0]
    changed = [{"role": "user", "content": "new"}, {"role": "assistant", "content": "newer"}]
    store.pairs.edit(first, changed)
    pair = store.pairs.get(first)
    assert pair is not None
    assert pair.edited
    assert pair.text("user") == "new"
    store.pairs.undo()
    pair = store.pairs.get(first)
    assert pair is not None
    assert not pair.edited
    assert pair.text("user") == "q0"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["accept", "reject", "undo", "redo"]), st.integers(0, 8)), max_size=25))
def test_undo_and_redo_follow_a_plain_history(store: Store, steps: list[tuple[str, int]]) -> None:
    """Whatever is pressed, the pairs are as a list of whole states says."""
    while store.pairs.undo():
        pass
    with store.database.write() as connection:  # what an earlier example could redo
        connection.execute("DELETE FROM journal")
    ids = list(store.pairs.ids())
    history, place = [decisions(store)], 0
    for action, number in steps:
        if action == "undo":
            store.pairs.undo()
            place = max(place - 1, 0)
        elif action == "redo":
            store.pairs.redo()
            place = min(place + 1, len(history) - 1)
        else:
            wanted = Decision.ACCEPTED if action == "accept" else Decision.REJECTED
            if store.pairs.decide([ids[number]], wanted):
                state = list(history[place])
                state[number] = wanted
                history, place = [*history[: place + 1], state], place + 1
        assert decisions(store) == history[place]


def test_preparing_again_keeps_decisions_edits_and_ids(store: Store) -> None:
    ids = list(store.pairs.ids())
    store.pairs.decide([ids[0]], Decision.ACCEPTED)
    store.pairs.decide([ids[8]], Decision.REJECTED)
    with store.pairs.replacing() as replacing:
        assert replacing.put([make(number) for number in (0, 1, 100)]) == 1
        assert replacing.finish() == 6
    left = list(store.pairs.ids())
    assert left[:2] == ids[:2]
    assert ids[8] in left, "a decided pair stays although the recipe no longer makes it"
    assert decisions(store)[0] is Decision.ACCEPTED
    assert len(left) == 4


def test_a_preparation_that_is_cut_off_removes_nothing(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.pairs.replacing() as replacing:
        replacing.put([make(100)])
        raise KeyboardInterrupt
    assert store.pairs.counts().total == 10


def test_next_pending_wraps_around(store: Store) -> None:
    ids = list(store.pairs.ids())
    store.pairs.decide(ids[4:], Decision.ACCEPTED)
    assert store.pairs.next_pending(ids[2]) == ids[3]
    assert store.pairs.next_pending(ids[6]) == ids[0]
    store.pairs.decide(ids, Decision.REJECTED)
    assert store.pairs.next_pending(0) is None


def test_the_phrasings_of_a_fact(store: Store) -> None:
    assert len(store.pairs.fact_ids("fact1")) == 3


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": "q"}],
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": " "}],
        [{"role": "user", "content": ""}, {"role": "assistant", "content": "a"}],
    ],
)
def test_messages_that_no_provider_takes_are_refused(messages: list[dict[str, str]]) -> None:
    with pytest.raises(InputError):
        check_messages(messages)


def test_the_next_pending_pair_is_found_however_far_away_it_is() -> None:
    with filled(3000) as store:
        pairs = store.pairs
        ids = pairs.view_ids(Filter(order="random", seed=3))
        pairs.decide([pair for pair in ids[:2000] if pair != ids[40]], Decision.ACCEPTED)
        pairs.decide([pair for pair in ids[2000:] if pair not in (ids[2900], ids[1900])], Decision.REJECTED)
        for after, expected in ((0, 40), (39, 40), (40, 2900), (1500, 2900), (2899, 2900), (2900, 40), (2999, 40)):
            assert pairs.next_pending_of(ids, after) == expected
        pairs.decide([ids[40], ids[2900]], Decision.ACCEPTED)
        assert pairs.next_pending_of(ids, 7) is None
