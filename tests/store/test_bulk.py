"""Steps over more pairs than fit a transaction: one undo, others in between, cut off at any moment."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from array import array
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftui.errors import BusyError
from ftui.store import Store, bulk, summary
from ftui.store.pairs import Decision, Filter
from store.pair_data import assert_sound, decisions, filled


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four pairs a transaction, and everything above is a bulk step."""
    monkeypatch.setattr(bulk, "AT_ONCE", 4)
    monkeypatch.setattr(bulk, "PAUSE", 0)
    monkeypatch.setattr("ftui.store.pairs.AT_ONCE", 4)


def test_a_bulk_step_is_one_undo_and_one_redo(small: None) -> None:
    with filled(10) as store:
        assert store.pairs.decide([1], Decision.REJECTED) == 1
        said = [(p.done, p.total, p.changed) for p in store.pairs.deciding(range(1, 11), Decision.REJECTED)]
        assert said == [(4, 10, 3), (8, 10, 7), (10, 10, 9)]
        step = store.pairs.next_step("undo")
        assert step is not None
        assert (step.label, step.size) == ("rejected", 9)
        assert [p.done for p in store.pairs.replaying("undo")] == [4, 8, 9]
        assert decisions(store) == "✗" + "·" * 9
        assert store.pairs.redo() == ("rejected", array("q", range(2, 11)))
        assert decisions(store) == "✗" * 10
        assert store.pairs.undo() == ("rejected", store.pairs.ids("pending"))
        assert store.pairs.undo() == ("rejected", [1])
        assert store.pairs.counts().pending == 10
        assert_sound(store)


def test_an_edit_is_undone_by_the_same_call_as_a_bulk_step(small: None) -> None:
    with filled(6) as store:
        store.pairs.edit(2, [{"role": "user", "content": "new"}, {"role": "assistant", "content": "newer"}])
        assert [p.changed for p in store.pairs.replaying("undo")] == [1]
        pair = store.pairs.get(2)
        assert pair is not None
        assert (pair.text("user"), pair.edited) == ("q2", False)
        assert list(store.pairs.replaying("undo")) == []


def test_deciding_what_is_decided_already_is_no_step(small: None) -> None:
    with filled(6) as store:
        assert store.pairs.decide(range(1, 7), Decision.PENDING) == 0
        assert store.pairs.next_step("undo") is None
        assert_sound(store)


def test_while_a_bulk_step_runs_single_decisions_land_and_hold(small: None) -> None:
    with filled(10) as store, Store("kettle") as other:
        for progress in store.pairs.deciding(range(1, 11), Decision.ACCEPTED):
            if progress.done == 4:
                other.pairs.decide([2], Decision.REJECTED)
                other.pairs.decide([9], Decision.REJECTED)
                other.pairs.decide([10], Decision.REJECTED)
                assert other.pairs.undo() == ("rejected", [10])
                with pytest.raises(BusyError, match="being decided"):
                    next(other.pairs.deciding([1, 2, 3, 4, 5], Decision.REJECTED))
        assert decisions(store) == "✓✗✓✓✓✓✓✓✗✓"
        assert store.pairs.redo() == ("rejected", [10]), "it was undone while the large step ran"
        for pair in (10, 9, 2):
            assert store.pairs.undo() == ("rejected", [pair])
        assert decisions(store) == "✓" * 10, "what was before is what the large step says"
        store.pairs.undo()
        assert decisions(store) == "·" * 10
        assert_sound(store)


def test_a_step_for_pending_pairs_leaves_alone_what_was_decided_since(small: None) -> None:
    with filled(10) as store, Store("kettle") as other:
        ids = store.pairs.view_ids(Filter("is:pending"))
        other.pairs.decide([2], Decision.REJECTED)
        for progress in store.pairs.deciding(ids, Decision.ACCEPTED, only=Decision.PENDING):
            if progress.done == 4:
                other.pairs.decide([1, 9], Decision.REJECTED)
        assert decisions(store) == "✗✗✓✓✓✓✓✓✗✓"
        assert store.pairs.decide([1, 2, 3], Decision.PENDING, only=Decision.ACCEPTED) == 1
        assert [store.pairs.undo() for _ in range(2)] == [("pending", [3]), ("rejected", [1, 9])]
        assert decisions(store) == "✓✗✓✓✓✓✓✓✓✓"
        assert_sound(store)


def test_what_came_before_a_running_step_cannot_be_undone(small: None) -> None:
    with filled(10) as store, Store("kettle") as other:
        store.pairs.decide([1], Decision.ACCEPTED)
        running = store.pairs.deciding(range(1, 11), Decision.REJECTED)
        next(running)
        with pytest.raises(BusyError, match="being decided"):
            other.pairs.undo()
        assert not other.pairs.cut_off, "whose process lives is left alone"
        list(running)
        assert other.pairs.undo() is not None
        assert decisions(store) == "✓" + "·" * 9


def test_a_step_that_is_stopped_is_taken_back(small: None) -> None:
    with filled(10) as store:
        store.pairs.decide([1], Decision.ACCEPTED)
        running = store.pairs.deciding(range(1, 11), Decision.REJECTED)
        next(running)
        assert decisions(store) == "✗✗✗✗······"
        running.close()  # type: ignore[attr-defined]
        assert decisions(store) == "✓" + "·" * 9
        assert store.pairs.undo() == ("accepted", [1])
        assert store.pairs.redo() == ("accepted", [1])
        assert store.pairs.redo() is None
        assert_sound(store)


def test_a_decision_that_the_step_had_just_made_holds_where_the_step_is_stopped(small: None) -> None:
    with filled(10) as store, Store("kettle") as other:
        steps = store.pairs.deciding(range(1, 11), Decision.REJECTED)
        next(steps)
        assert other.pairs.decide([2], Decision.REJECTED) == 1
        assert other.pairs.decide([2], Decision.REJECTED) == 0
        steps.close()  # type: ignore[attr-defined]
        assert decisions(store) == "·✗········"
        assert store.pairs.undo() == ("rejected", [2])
        assert decisions(store) == "·" * 10
        assert store.pairs.undo() is None
        assert store.pairs.redo() == ("rejected", [2])
        assert decisions(store) == "·✗········"
        assert_sound(store)


def test_an_undo_that_is_stopped_comes_to_its_end(small: None) -> None:
    with filled(10) as store:
        store.pairs.decide(range(1, 11), Decision.REJECTED)
        running = store.pairs.replaying("undo")
        next(running)
        running.close()  # type: ignore[attr-defined]
        assert decisions(store) == "·" * 10
        assert store.pairs.redo() is not None
        assert decisions(store) == "✗" * 10
        assert_sound(store)


def test_a_new_decision_while_an_undo_runs_ends_what_could_be_redone(small: None) -> None:
    with filled(10) as store, Store("kettle") as other:
        store.pairs.decide(range(1, 11), Decision.REJECTED)
        for progress in store.pairs.replaying("undo"):
            if progress.done == 4:
                other.pairs.decide([1, 9], Decision.ACCEPTED)
        assert decisions(store) == "✓·······✓·"
        assert store.pairs.redo() is None
        assert store.pairs.undo() == ("accepted", [1, 9])
        assert decisions(store) == "·" * 10
        assert_sound(store)


ACTIONS = st.tuples(st.sampled_from(["accept", "reject", "undo", "redo"]), st.integers(1, 10))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(ACTIONS, max_size=5),
    wanted=st.sampled_from([Decision.ACCEPTED, Decision.REJECTED]),
    ids=st.permutations(range(1, 11)),
    during=st.lists(st.lists(ACTIONS, max_size=3), min_size=3, max_size=3),
)
def test_whatever_lands_meanwhile_the_history_is_as_if_it_came_afterwards(
    small: None,
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[str, int]],
    wanted: Decision,
    ids: list[int],
    during: list[list[tuple[str, int]]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTUI_HOME", str(tmp_path_factory.mktemp("home")))
        with filled(10) as store, Store("kettle") as other:
            for action in before:
                press(other, action)
            start = decisions(store)
            for progress, actions in zip(store.pairs.deciding(ids, wanted), during, strict=False):
                assert progress.total == 10
                for action in actions:
                    press(other, action)
            steps = []
            final = decisions(store)
            while True:
                step = store.pairs.next_step("undo")
                state = decisions(store)
                if step is None or store.pairs.undo() is None:
                    break
                steps.append((step, state))
            assert decisions(store) == "·" * 10
            assert any(state == wanted.symbol * 10 for _, state in steps) or start == wanted.symbol * 10
            while store.pairs.redo():
                pass
            if not any(word == "undo" for actions in during for word, _ in actions):
                assert decisions(store) == final
            assert_sound(store)


def press(store: Store, action: tuple[str, int]) -> None:
    word, pair = action
    try:
        if word in ("undo", "redo"):
            _: object = store.pairs.undo() if word == "undo" else store.pairs.redo()
        else:
            store.pairs.decide([pair], Decision.ACCEPTED if word == "accept" else Decision.REJECTED)
    except BusyError:
        pass


SCRIPT = """
import itertools, random, threading, time
from ftui.store import Store
from ftui.store.pairs import Decision, Filter

def review():
    with Store('kettle') as mine:
        for number in itertools.count(random.randrange(5000)):
            pair = number % 5000 * 4 + 1
            mine.pairs.decide([pair], Decision.REJECTED)
            print(pair, flush=True)
            time.sleep(0.002)

with Store('kettle') as store:
    print('ready', flush=True)
    threading.Thread(target=review, daemon=True).start()
    for decision in itertools.cycle([Decision.ACCEPTED, Decision.REJECTED, Decision.PENDING]):
        pending = [i for i in store.pairs.view_ids(Filter('is:pending')) if i % 4 == 1]
        list(store.pairs.deciding(pending, Decision.ACCEPTED, only=Decision.PENDING))
        list(store.pairs.deciding(range(3, 20001, 4), decision))
        list(store.pairs.deciding(range(2, 20001, 2), decision))
        step = store.pairs.next_step('undo')
        if step.size > 1:
            list(store.pairs.replaying('undo'))
        print('round', flush=True)
"""
"""Pairs 1, 5, 9 ... are rejected one by one, and those of them that are pending are accepted in large steps.
Pairs 3, 7, 11 ... are decided on together, and so are the even ones."""


def test_killed_at_any_moment_no_decision_is_lost_and_no_step_is_half(home: Path) -> None:
    filled(20_000).close()
    moments = random.Random(4)
    confirmed: set[int] = set()
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, env=os.environ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            for _ in range(moments.randrange(1, 120)):
                line = process.stdout.readline().strip()
                if line.isdigit():
                    confirmed.add(int(line))
            process.kill()
            confirmed |= {int(line) for line in process.stdout.read().split(b"\n")[:-1] if line.isdigit()}
        with Store("kettle") as store:
            assert store.pairs.counts().total == 20_000
            assert_sound(store)
            shown = decisions(store)
            assert confirmed
            assert {shown[pair - 1] for pair in confirmed} == {"✗"}
            assert len(set(shown[1::2])) == 1
            assert len(set(shown[2::4])) == 1
            step = store.pairs.next_step("undo")
            assert step is not None
            store.pairs.undo()
            assert decisions(store) != shown
            store.pairs.redo()
            assert decisions(store) == shown
            assert_sound(store)


def test_who_is_late_is_told_what_undo_would_take_now() -> None:
    with filled(5) as store, Store("kettle") as other:
        store.pairs.decide([1], Decision.ACCEPTED)
        step = store.pairs.next_step("undo")
        assert step is not None
        other.pairs.decide([2, 3], Decision.REJECTED)
        with pytest.raises(BusyError, match=r"meanwhile: undo would take back now: rejected 2 pairs\. Try again if"):
            store.pairs.undo(step)
        with pytest.raises(BusyError, match="undo would take back now: rejected 2 pairs"):
            list(store.pairs.replaying("undo", step))
        with pytest.raises(BusyError, match="meanwhile: nothing is left to redo"):
            store.pairs.redo(step)
        assert decisions(store) == "✓✗✗··"


CUT_OFF = """
import os
from ftui.store import Store, bulk
from ftui.store.pairs import Decision
bulk.AT_ONCE = 4
store = Store('kettle')
steps = store.pairs.deciding(range(1, 11), Decision.ACCEPTED)
next(steps)
os._exit(0)
"""


def test_a_list_of_projects_does_not_mend_what_was_cut_off(home: Path) -> None:
    filled(10).close()
    subprocess.run([sys.executable, "-c", CUT_OFF], env=os.environ, check=True)
    assert summary("kettle").accepted == 4
    with Store("kettle", recover=False) as store:
        assert store.pairs.cut_off == "decision"


def test_views_and_bulk_steps_fit_together(small: None) -> None:
    with filled(30) as store:
        store.pairs.decide([7], Decision.ACCEPTED)
        ids = store.pairs.view_ids(Filter("is:pending", order="random", seed=5))
        assert store.pairs.decide(ids, Decision.REJECTED) == 29
        assert store.pairs.next_pending_of(ids, 3) is None
        store.pairs.undo()
        assert store.pairs.next_pending_of(ids, 28) == 0
        assert store.pairs.next_pending_of(ids, 3) == 4


def test_a_step_that_is_taken_back_leaves_what_can_be_done_again(small: None) -> None:
    with filled(10) as store:
        store.pairs.decide([7], Decision.ACCEPTED)
        store.pairs.undo()
        cut_off = store.pairs.deciding(range(1, 11), Decision.REJECTED)
        next(cut_off)
        cut_off.close()
        assert store.pairs.redo() == ("accepted", [7])
        store.pairs.undo()
        for _ in store.pairs.deciding(range(1, 11), Decision.REJECTED):
            pass
        assert store.pairs.redo() is None
        assert_sound(store)
