"""What is said to a rule: a step like any other, in the journal and in the recipe, whatever comes between."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ftui.errors import BusyError, InputError
from ftui.prepare import project, proposals
from ftui.store import Store, bulk, create_project, schema
from ftui.store.pairs import Decision, NewPair

RULE = "flag:short"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path))
    create_project("kettle")


@pytest.fixture
def store() -> Iterator[Store]:
    """Fifty of a hundred pairs are short; thirty of these are rejected by hand, and thirty others accepted."""
    with Store("kettle") as opened:
        plain = [NewPair(_messages(f"a{n}"), f"d{n}") for n in range(100)]
        with opened.pairs.replacing() as replacing:
            replacing.put([replace(pair, flags={"short": "so"} if n < 50 else {}) for n, pair in enumerate(plain)])
            replacing.finish()
        for number in range(1, 31):
            opened.pairs.decide([number], Decision.REJECTED)
            opened.pairs.decide([number + 50], Decision.ACCEPTED)
        yield opened


def _messages(answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}]


def offered(store: Store) -> str | None:
    offer = proposals.propose(store).offer
    return offer.rule.text if offer else None


def follow(store: Store) -> Iterator[object]:
    ids = store.pairs.view_ids(proposals.fitting(RULE))
    return store.pairs.deciding(ids, Decision.REJECTED, Decision.PENDING, RULE)


def replay(store: Store, way: proposals.Way = "undo") -> None:
    step = store.pairs.next_step(way)
    assert step is not None
    proposals.replay(store, step, way)


def in_recipe(store: Store) -> bool:
    return RULE in project.load(store).rules.reject


def test_a_rule_is_followed_as_long_as_its_step_is_done(store: Store) -> None:
    assert offered(store) == RULE
    list(follow(store))
    assert offered(store) is None
    with Store("kettle") as later:
        assert later.pairs.undo() == ("rejected", list(range(31, 51)))
        assert offered(later) == RULE
    assert store.pairs.redo() is not None
    assert store.rules.answers() == {RULE: "followed"}
    assert offered(store) is None
    store.pairs.undo()
    store.pairs.decide([99], Decision.REJECTED)
    assert store.rules.answers() == {}, "what cannot be done again is forgotten"
    assert offered(store) == RULE


def test_a_rule_whose_step_is_stopped_or_cut_off_can_be_proposed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 4)
    running = follow(store)
    next(running)
    assert store.rules.answers() == {RULE: "followed"}, "from its first transaction on"
    running.close()  # type: ignore[attr-defined]
    assert (store.rules.answers(), offered(store)) == ({}, RULE)
    script = f"""
import os, signal
from ftui.prepare import proposals
from ftui.store import Store, bulk
from ftui.store.pairs import Decision
bulk.AT_ONCE = 4
with Store("kettle") as store:
    ids = store.pairs.view_ids(proposals.fitting({RULE!r}))
    next(store.pairs.deciding(ids, Decision.REJECTED, Decision.PENDING, {RULE!r}))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert killed(script)
    with Store("kettle") as later:
        assert later.pairs.counts().rejected == 30
        assert (later.rules.answers(), offered(later)) == ({}, RULE)


def test_what_is_followed_cannot_be_declined(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 4)
    running = follow(store)
    next(running)
    with Store("kettle") as other:
        assert proposals.decline(other, RULE) is False
    list(running)
    assert proposals.decline(store, RULE) is False
    assert store.rules.answers() == {RULE: "followed"}
    store.pairs.undo()
    assert proposals.decline(store, RULE) is True
    assert store.rules.answers() == {RULE: "declined"}


def test_the_last_of_its_pairs_by_hand_follow_a_rule_as_well(store: Store) -> None:
    store.pairs.decide(range(31, 51), Decision.ACCEPTED)
    store.rules.follow(RULE)
    assert store.rules.answers() == {RULE: "followed"}
    store.pairs.undo()
    assert store.rules.answers() == {}


def test_undo_takes_nothing_back_that_was_not_shown(store: Store) -> None:
    """Another process decides between the look and the key."""
    proposals.put_into_recipe(store, RULE)
    step = store.pairs.next_step("undo")
    assert step is not None
    assert (step.size, step.rule, step.said) == (0, RULE, "in recipe")
    with Store("kettle") as other:
        assert proposals.decline(other, "words") is True
    with pytest.raises(BusyError, match="undo would take back now: rule declined: words"):
        proposals.replay(store, step, "undo")
    assert in_recipe(store)
    assert store.rules.answers() == {RULE: "in recipe", "words": "declined"}
    hand = store.pairs.next_step("undo")
    assert hand is not None
    store.pairs.decide([99], Decision.ACCEPTED)
    with pytest.raises(BusyError, match="undo would take back now: accepted 1 pair"):
        store.pairs.undo(hand)


def test_whoever_undoes_it_the_recipe_follows(store: Store) -> None:
    proposals.put_into_recipe(store, RULE)
    store.pairs.undo()
    assert not in_recipe(store)
    store.pairs.redo()
    store.pairs.undo()
    store.pairs.redo()
    assert in_recipe(store)
    text = store.recipe_path.read_text("utf-8")
    assert project.read(store) == text
    assert store.rules.due() == {}


def test_a_recipe_that_broke_meanwhile_gets_the_rule_once_it_can_be_followed(store: Store) -> None:
    proposals.put_into_recipe(store, RULE)
    good = store.recipe_path.read_text("utf-8")
    store.pairs.undo()
    store.recipe_path.write_text("seed = oops\n", "utf-8")
    assert project.read(store) == "seed = oops\n"
    with pytest.raises(InputError):
        replay(store, "redo")
    assert store.pairs.next_step("undo") != store.pairs.next_step("redo")
    store.recipe_path.write_text(good, "utf-8")
    assert not in_recipe(store)


KILLED = """
import os, signal
from ftui import paths
from ftui.prepare import proposals
from ftui.store import Store

write = paths.write_atomic

def die(path, text):
    if {after}:
        write(path, text)
    os.kill(os.getpid(), signal.SIGKILL)

with Store("kettle") as store:
    paths.write_atomic = die
    {what}
"""


@pytest.mark.parametrize("after", [False, True], ids=["before the file", "behind the file"])
@pytest.mark.parametrize("what", ["put", "undo", "redo"])
def test_killed_while_the_recipe_is_written_recipe_and_journal_agree(store: Store, what: str, after: bool) -> None:
    project.read(store)
    if what != "put":
        proposals.put_into_recipe(store, RULE)
    if what == "redo":
        replay(store)
    call = f"proposals.put_into_recipe(store, {RULE!r})"
    if what != "put":
        call = f"proposals.replay(store, store.pairs.next_step({what!r}), {what!r})"
    assert killed(KILLED.format(after=after, what=call))
    with Store("kettle") as later:
        assert in_recipe(later) == (what != "undo") == (later.rules.answers() == {RULE: "in recipe"})
        assert later.rules.due() == {}
        replay(later, "redo" if what == "undo" else "undo")
        assert in_recipe(later) == (what == "undo") == (later.rules.answers() == {RULE: "in recipe"})


def killed(script: str) -> bool:
    """Run a program; whether it was killed as it should be."""
    done = subprocess.run([sys.executable, "-c", script], env=os.environ, timeout=60, check=False)
    return done.returncode == -signal.SIGKILL


def test_what_was_said_to_an_earlier_ftui_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(schema, "PROJECT", schema.PROJECT[:5])
        create_project("old")
    file = Path(os.environ["FTUI_HOME"]) / "config" / "projects" / "old" / "project.db"
    connection = sqlite3.connect(file)
    said = '{"flag:short": "used", "words": "declined", "tokens:>9": "used"}'
    connection.execute("INSERT INTO meta VALUES ('rules', ?)", (said,))
    for label, state in (("rule put into the recipe: flag:short", 0), ("rule declined: words", 0), ("accepted", 0)):
        connection.execute(
            "INSERT INTO journal (label, time, size, state) VALUES (?, 1, ?, ?)", (label, label == "accepted", state)
        )
    connection.commit()
    connection.close()
    with Store("old") as opened:
        assert opened.rules.answers() == {"flag:short": "in recipe", "words": "declined", "tokens:>9": "followed"}
        opened.pairs.undo()
        assert opened.pairs.undo() == ("rule declined: words", [])
        assert opened.rules.answers() == {"flag:short": "in recipe", "tokens:>9": "followed"}
        opened.pairs.undo()
        assert opened.rules.due() == {"flag:short": False}
        assert opened.rules.answers() == {"tokens:>9": "followed"}
