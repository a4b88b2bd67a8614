"""What a pair carries beside its texts, its first messages, the counts, and a file of the format before."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from array import array
from pathlib import Path
from typing import Any

import pytest

from ftui.chatfile import plain
from ftui.errors import InputError
from ftui.store import Store, create_project, schema
from ftui.store.journal import Way
from ftui.store.pairs import AT_ONCE, Counts, Decision, Filter, Marks, NewDropped, NewPair, StandIn, check_messages
from store.pair_data import assert_sound, decisions, filled, make

OTHERS = (StandIn(7, "u7", "what is E4", 0.91), StandIn(None, "", "E4?", 0.97))
TOOLS: list[dict[str, Any]] = [
    {"role": "user", "content": "which belt?"},
    {
        "role": "assistant",
        "content": None,
        "weight": 0,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}],
    },
    {"role": "tool", "content": "LB-118", "tool_call_id": "1"},
    {"role": "assistant", "content": "The LB-118."},
    {"role": "user", "content": "and for the M5?"},
    {"role": "assistant", "content": "The LB-120.", "weight": 1},
]


def test_flags_and_near_duplicates_come_back_and_follow_a_new_preparation() -> None:
    with filled(3) as store:
        flagged = make(1, flags={"short": "2 words", "cut": "no full stop"}, risk=0.7, stand_ins=OTHERS)
        with store.pairs.replacing() as replacing:
            assert replacing.put([flagged, make(2), make(3, stands_for=40), make(3)]) == 0
            replacing.finish()
        pair = store.pairs.get(1)
        assert pair is not None
        assert pair.flags == {"short": "2 words", "cut": "no full stop"}
        assert (pair.risk, pair.stands_for) == (0.7, 2)
        assert store.pairs.stand_ins(1) == [OTHERS[1], OTHERS[0]]
        assert store.pairs.flags() == [("cut", 1), ("short", 1)]
        with store.pairs.replacing() as replacing:
            replacing.put([make(1), make(2), make(3)])
            replacing.finish()
        pair = store.pairs.get(1)
        assert pair is not None
        assert (pair.flags, pair.risk, pair.stands_for) == ({}, 0.0, 0)
        assert (store.pairs.flags(), store.pairs.stand_ins(1)) == ([], [])


def test_a_pair_that_is_made_again_is_of_the_record_that_it_is_made_from_now() -> None:
    def place(store: Store, number: int) -> tuple[object, ...]:
        pair = store.pairs.get(number)
        assert pair is not None
        return pair.source, pair.record, pair.url, pair.fact, pair.kind, pair.origin

    of_first = {"source": 1, "record": 7, "url": "u7", "fact": "f7", "origin": {"heading": "h", "held": True}}
    of_second = {"source": 2, "record": 9, "url": "u9", "fact": "f9", "origin": {"heading": "h"}, "kind": "general"}
    now = (2, 9, "u9", "f9", "general", {"heading": "h"})
    new = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]
    with filled(0) as store, store.pairs.replacing() as replacing:
        replacing.put([make(number, **of_first, flags={"short": "first"}) for number in (1, 2)])
        store.pairs.edit(2, new, 3, Marks({"long": "of the edit"}, 0.2))
        replacing.put([make(number, **of_second, flags={"short": "second"}) for number in (1, 2)])
        assert [place(store, 1), place(store, 2)] == [now, now]
        assert store.pairs.fact_ids("f9") == [1, 2]
        edited = store.pairs.get(2)
        assert edited is not None
        assert (edited.flags, edited.risk, edited.edited) == ({"long": "of the edit"}, 0.2, True)
        store.pairs.undo()
        made = store.pairs.get(2)
        assert made is not None
        assert (made.text("assistant"), made.flags) == ("a2", {"short": "second"})
        assert [place(store, 1), place(store, 2)] == [now, now]
        assert_sound(store)


def test_what_goes_leaves_nothing_behind() -> None:
    with filled(3) as store:
        with store.pairs.replacing() as replacing:
            replacing.put([make(1, flags={"short": "x"}, stand_ins=OTHERS), make(4, flags={"short": "x"})])
            assert replacing.finish() == 2
        with store.pairs.replacing() as replacing:
            replacing.put([make(9)])
            assert replacing.finish() == 2
        for table in ("pair_texts", "pair_words"):
            rows = store.database.connection.execute(f"SELECT pair FROM {table}").fetchall()
            assert [row[0] for row in rows] == list(store.pairs.ids()) == [5]
        for table in ("pair_flags", "stand_ins"):
            assert store.database.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
        assert_sound(store)


def test_a_text_in_parts_is_what_is_trained_on() -> None:
    parts = [{"type": "text", "text": "what does "}, {"type": "text", "text": "it cost?"}]
    asked = {"role": "user", "content": parts}
    with filled(0) as store:
        store.pairs.add(NewPair([asked, {"role": "assistant", "content": "Four euros."}], "d1"))
        pair = store.pairs.get(1)
        assert pair is not None
        assert pair.text("user") == plain([asked])[0]["content"] == "what does it cost?"
        assert list(store.pairs.ids(words="does it")) == [1]


def test_a_pair_that_is_gone_is_neither_decided_on_nor_edited() -> None:
    with filled(3) as store:
        with store.pairs.replacing() as replacing:
            replacing.put([make(1)])
            assert replacing.finish() == 2
        with pytest.raises(InputError, match="Pair 2 is not there any more"):
            store.pairs.edit(2, TOOLS)
        with pytest.raises(InputError, match="Pair 2 is not there any more"):
            store.pairs.revert(2)
        with pytest.raises(InputError, match="Pair 2 is not there any more"):
            store.pairs.decide([2], Decision.ACCEPTED)
        with pytest.raises(InputError, match="The pairs are not there any more"):
            store.pairs.decide([2, 3], Decision.REJECTED)
        assert store.pairs.next_step("undo") is None
        assert store.pairs.decide([1, 2], Decision.ACCEPTED) == 1, "one of them is there"
        assert store.pairs.decide([1, 2], Decision.ACCEPTED) == 0
        assert store.pairs.decide([], Decision.ACCEPTED) == 0
        assert_sound(store)


def test_a_pair_that_is_there_already_is_left_as_it_is() -> None:
    with filled(0) as store:
        made = make(1, flags={"short": "2 words"}, risk=0.7, stand_ins=OTHERS, source=1, record=7, url="u")
        store.pairs.add(made)
        before = store.pairs.get(1)
        assert store.pairs.add(make(1)) is None
        assert store.pairs.get(1) == before


def test_a_number_is_never_given_twice() -> None:
    """Redoing a step must not decide on another pair that got the number of one that is gone."""
    many = AT_ONCE + 1
    with filled(many) as store:
        store.pairs.decide(range(1, many + 1), Decision.ACCEPTED)
        store.pairs.undo()
        with store.pairs.replacing() as replacing:
            replacing.put([make(1)])
            replacing.finish()
        assert store.pairs.add(make(many + 1)) == many + 1
        store.pairs.redo()
        assert decisions(store) == "✓·"
        assert_sound(store)


def test_what_was_done_to_a_few_pairs_can_be_undone_and_redone_whatever_is_prepared() -> None:
    with filled(5) as store:
        store.pairs.edit(2, [{"role": "user", "content": "mine"}, {"role": "assistant", "content": "own words"}])
        store.pairs.decide([2, 3], Decision.ACCEPTED)
        store.pairs.undo()
        store.pairs.undo()
        with store.pairs.replacing() as replacing:
            replacing.put([make(1)])
            assert replacing.finish() == 2, "nothing was done to 4 and 5"
        assert store.pairs.redo() == ("edited", [2])
        assert store.pairs.redo() == ("accepted", [2, 3])
        pair = store.pairs.get(2)
        assert pair is not None
        assert (pair.text("assistant"), pair.edited, pair.decision) == ("own words", True, Decision.ACCEPTED)
        store.pairs.undo()
        store.pairs.decide([1], Decision.REJECTED)
        with store.pairs.replacing() as replacing:
            replacing.put([make(1)])
            assert replacing.finish() == 1, "what was undone of 3 cannot be done again any more"
        assert list(store.pairs.ids()) == [1, 2]
        assert_sound(store)


def test_a_step_that_is_undone_while_a_preparation_ends_keeps_its_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    last = AT_ONCE + 3
    with filled(last) as store:

        def undone_between(_: float) -> None:
            if store.pairs.counts().total < last:
                monkeypatch.undo()
                store.pairs.decide([last], Decision.ACCEPTED)
                store.pairs.undo()

        monkeypatch.setattr(time, "sleep", undone_between)
        with store.pairs.replacing() as replacing:
            replacing.put([make(1)])
            assert replacing.finish() == AT_ONCE + 1
        assert store.pairs.redo() == ("accepted", [last])
        assert decisions(store) == "·✓"


def test_undo_of_many_pairs_counts_those_that_are_gone() -> None:
    many = AT_ONCE + 10
    with filled(many) as store:
        store.pairs.decide([5], Decision.ACCEPTED)
        store.pairs.decide(range(1, many + 1), Decision.REJECTED)
        store.pairs.decide([7], Decision.ACCEPTED)
        store.pairs.undo()
        assert [(p.changed, p.gone) for p in store.pairs.replaying("undo")][-1] == (many, 0)
        with store.pairs.replacing() as replacing:
            replacing.put([make(number) for number in range(1, 41)])
            replacing.finish()
        assert [(p.changed, p.gone) for p in store.pairs.replaying("redo")][-1] == (40, many - 40)
        store.pairs.decide([3], Decision.ACCEPTED)
        store.pairs.undo()
        assert store.pairs.undo() == ("rejected", array("q", range(1, 41)))
        assert decisions(store) == "····✓" + "·" * 35
        assert_sound(store)


def test_messages_of_any_kind_come_back_as_they_were() -> None:
    with filled(0) as store:
        store.pairs.add(NewPair(TOOLS, "d1"))
        odd = [{"role": "user", "content": "half \ud800"}, {"role": "assistant", "content": "fine"}]
        store.pairs.add(NewPair(odd, "d2"))
        first, second = store.pairs.page([1, 2]).values()
        assert list(first.messages) == TOOLS
        assert (first.text("assistant"), first.text("system")) == ("The LB-120.", "")
        assert list(second.messages) == odd
        assert NewPair(TOOLS[:2], "x").messages[1]["content"] is None
        check_messages(TOOLS)
        check_messages(TOOLS[:2])


def test_an_edited_pair_can_be_reverted_as_one_step() -> None:
    with filled(1) as store:
        pairs = store.pairs
        assert pairs.original(1) is None
        assert pairs.revert(1) is False
        for words, tokens in (("new", 3), ("newer", 5)):
            pairs.edit(1, [{"role": "user", "content": words}, {"role": "assistant", "content": "a"}], tokens)
        before = pairs.original(1)
        assert before is not None
        assert before[0]["content"] == "q1"
        assert list(pairs.view_ids(Filter("newer edited tokens:5"))) == [1]
        assert pairs.revert(1) is True
        assert pairs.revert(1) is False
        assert list(pairs.view_ids(Filter("q1 -edited tokens:10"))) == [1]
        assert pairs.original(1) is None
        assert_sound(store)
        assert pairs.undo() == ("reverted", [1])
        assert list(pairs.view_ids(Filter("newer edited tokens:5"))) == [1]
        assert [pairs.undo(), pairs.undo(), pairs.undo()] == [("edited", [1]), ("edited", [1]), None]
        assert list(pairs.view_ids(Filter("q1 -edited"))) == [1]
        assert_sound(store)


def test_flags_of_an_edit_are_part_of_its_step_and_those_it_was_made_with_come_back() -> None:
    with filled(0) as store:
        pairs = store.pairs
        made = make(1, flags={"short": "2 words", "unsupported": "42"}, risk=0.7)
        pairs.add(made)

        def marked() -> tuple[dict[str, str], float]:
            pair = pairs.get(1)
            assert pair is not None
            return dict(pair.flags), pair.risk

        new = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a longer answer"}]
        pairs.edit(1, new, 20, Marks({"unsupported": "42"}, 0.5))
        assert marked() == ({"unsupported": "42"}, 0.5)
        assert "short" not in dict(pairs.flags())
        pairs.edit(1, [*new[:1], {"role": "assistant", "content": "x"}], 3, Marks({"short": "1 letter"}, 0.2))
        assert pairs.undo() == ("edited", [1])
        assert marked() == ({"unsupported": "42"}, 0.5)
        assert pairs.redo() == ("edited", [1])
        assert marked() == ({"short": "1 letter"}, 0.2)
        with pairs.replacing() as replacing:
            replacing.put([make(1, flags={"long": "9 words"}, risk=0.3, stand_ins=OTHERS), make(2)])
            replacing.finish()
        assert marked() == ({"short": "1 letter"}, 0.2), "an edit keeps its flags when pairs are made again"
        assert len(pairs.stand_ins(1)) == 2
        assert pairs.revert(1) is True
        assert marked() == ({"long": "9 words"}, 0.3)
        assert [pairs.undo(), pairs.undo(), pairs.undo()] == [("reverted", [1]), ("edited", [1]), ("edited", [1])]
        assert marked() == ({"long": "9 words"}, 0.3), "it is as it was made, and as it was prepared last"
        with pairs.replacing() as replacing:
            replacing.put([make(1, flags={"cut": "…"}, risk=0.1)])
            replacing.finish()
        pairs.edit(1, new, 20, Marks({}, 0.0))
        assert pairs.revert(1) is True
        assert marked() == ({"cut": "…"}, 0.1)
        assert_sound(store)


def test_undo_and_redo_of_an_edit_across_a_preparation_give_the_flags_of_now() -> None:
    with filled(0) as store:
        pairs = store.pairs
        pairs.add(make(1, flags={"short": "made first"}, risk=0.7))

        def prepare(reason: str, risk: float) -> None:
            with pairs.replacing() as replacing:
                replacing.put([make(1, flags={"short": reason}, risk=risk)])
                replacing.finish()

        def marked() -> tuple[dict[str, str], float]:
            pair = pairs.get(1)
            assert pair is not None
            return dict(pair.flags), pair.risk

        def go(way: Way, marks: Marks | None = None) -> tuple[dict[str, str], float]:
            step = pairs.next_step(way)
            assert step is not None
            list(pairs.replaying(way, step, marks))
            return marked()

        def outdated(way: Way) -> tuple[str, str, dict[str, str]] | None:
            step = pairs.next_step(way)
            found = step and pairs.outdated(step, way)
            return found and (found[0].text("assistant"), found[1][-1]["content"], dict(found[0].flags))

        first = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]
        second = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "c"}]
        pairs.edit(1, first, 3, Marks({"cut": "of the first edit"}, 0.2))
        pairs.edit(1, second, 3, Marks({"cut": "of the second edit"}, 0.4))
        assert outdated("undo") is None, "nothing was prepared since"
        prepare("made second", 0.5)
        assert outdated("undo") == ("a1", "b", {"short": "made second"}), "judged by what it was made with"
        assert go("undo", Marks({"long": "now"}, 0.1)) == ({"long": "now"}, 0.1)
        assert outdated("undo") is None, "what was made is not worked out"
        assert go("undo") == ({"short": "made second"}, 0.5)
        prepare("made third", 0.6)
        assert outdated("redo") == ("a1", "b", {"short": "made third"})
        assert go("redo", Marks({"long": "later"}, 0.3)) == ({"long": "later"}, 0.3)
        assert go("undo") == ({"short": "made third"}, 0.6)
        go("redo")
        assert pairs.revert(1) is True
        assert marked() == ({"short": "made third"}, 0.6)
        prepare("made fourth", 0.8)
        assert outdated("undo") == ("a1", "b", {"short": "made fourth"})
        assert go("undo", Marks({}, 0.0)) == ({}, 0.0)
        assert go("redo") == ({"short": "made fourth"}, 0.8)
        prepare("made fifth", 0.9)
        assert pairs.revert(1) is False, "it is as it was made"
        assert marked() == ({"short": "made fifth"}, 0.9)
        assert_sound(store)


def test_a_pair_that_was_edited_before_edits_had_flags_keeps_those_it_has() -> None:
    create_project("old")
    file = Path(os.environ["FTUI_HOME"]) / "config" / "projects" / "old" / "project.db"
    file.unlink()
    connection = sqlite3.connect(file, isolation_level=None)
    for name in ("search_text", "fold"):
        connection.create_function(name, 1, str)
    for part in schema.PROJECT[:4]:
        connection.executescript(part)
    connection.execute("PRAGMA user_version = 4")
    connection.execute("INSERT INTO pairs (id, tokens, edited) VALUES (1, 5, 1)")
    connection.execute("INSERT INTO pair_totals VALUES (0, 1, 5) ON CONFLICT DO UPDATE SET pairs = 1, tokens = 5")
    connection.execute(
        "INSERT INTO pair_texts VALUES (1, '', '', 'digest1', ?, '{}')", (_messages("q", "a long answer"),)
    )
    connection.execute("INSERT INTO pair_words VALUES (1, 'q a long answer')")
    connection.execute("INSERT INTO pair_originals VALUES (1, ?, 4)", (_messages("q", "a"),))
    connection.execute("INSERT INTO pair_flags VALUES (1, 'short', '1 letter')")
    connection.close()
    with Store("old") as store:
        assert store.pairs.revert(1) is True
        pair = store.pairs.get(1)
        assert pair is not None
        assert (pair.text("assistant"), pair.tokens, dict(pair.flags)) == ("a", 4, {"short": "1 letter"})
        assert store.pairs.undo() == ("reverted", [1])
        with store.pairs.replacing() as replacing:
            replacing.put([make(1, flags={"long": "9"})])
            replacing.finish()
        pair = store.pairs.get(1)
        assert pair is not None
        assert dict(pair.flags) == {"long": "9"}
        store.pairs.edit(
            1, [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}], 4, Marks({}, 0.0)
        )
        assert store.pairs.revert(1) is True
        pair = store.pairs.get(1)
        assert pair is not None
        assert (pair.text("assistant"), dict(pair.flags)) == ("a", {"long": "9"})
        assert_sound(store)


def test_counts_and_the_pace_follow_every_change() -> None:
    with filled(100) as store:
        pairs = store.pairs
        assert pairs.counts().accepted_share is None
        start = time.time() - 1
        pairs.decide([1, 2, 3], Decision.ACCEPTED)
        pairs.decide([4], Decision.REJECTED)
        assert pairs.counts() == Counts(100, 96, 3, 1)
        assert pairs.counts().accepted_share == 0.75
        assert pairs.accepted_size() == (3, 30)
        pairs.edit(1, [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], 25)
        assert pairs.accepted_size() == (3, 45)
        pairs.decide(range(5, 101), Decision.REJECTED)
        assert (pairs.decided_since(start), sum(size for _, size in pairs.steps_by_hand(start))) == (100, 4)
        assert pairs.decided_since(time.time() + 1) == 0
        for _ in range(3):
            pairs.undo()
        assert (pairs.decided_since(start), sum(size for _, size in pairs.steps_by_hand(start))) == (3, 3)
        pairs.decide([1], Decision.PENDING)
        assert pairs.decided_since(start) == 2
        assert_sound(store)


def test_pairs_of_the_format_before_are_taken_over() -> None:
    create_project("old")
    file = Path(os.environ["FTUI_HOME"]) / "config" / "projects" / "old" / "project.db"
    file.unlink()
    connection = sqlite3.connect(file)
    connection.executescript(schema.PROJECT[0] + schema.PROJECT[1])
    edited = {"messages": _messages("Straße", "new"), "edited": 1, "tokens": 9}
    rows = [
        (
            3,
            1,
            11,
            "u",
            "f",
            "domain",
            _messages("Wie heißt die STRASSE?", "so"),
            '{"heading": "h"}',
            "d3",
            8,
            1,
            0,
            50.0,
        ),
        (5, None, None, "", "f", "general", edited["messages"], "{}", "d5", 9, 2, 1, 60.0),
        (6, None, None, "", "", "domain", _messages("q", "a"), "{}", "d6", 7, 0, 0, 70.0),
    ]
    connection.executemany("INSERT INTO pairs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    before = {"messages": _messages("old", "older"), "edited": 0, "tokens": 4}
    steps: list[tuple[int, str, float, int, list[tuple[int, dict[str, Any], dict[str, Any]]]]] = [
        (1, "accepted", 50.0, 0, [(3, {"decision": 0}, {"decision": 1})]),
        (2, "edited", 55.0, 0, [(5, before, edited)]),
        (4, "rejected", 60.0, 0, [(5, {"decision": 1}, {"decision": 2})]),
        (5, "accepted", 70.0, 1, [(6, {"decision": 0}, {"decision": 1})]),
    ]
    for step, label, moment, undone, changes in steps:
        connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", (step, label, moment, undone))
        for pair, was, became in changes:
            values = (step, pair, json.dumps(was), json.dumps(became))
            connection.execute("INSERT INTO journal_rows VALUES (?, ?, ?, ?)", values)
    connection.execute("INSERT INTO dropped VALUES (1, 11, 'u', 'empty answer', 'No WORDS')")
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.close()
    with Store("old") as store:
        pairs = store.pairs
        assert_sound(store)
        assert list(pairs.ids()) == [3, 5, 6]
        assert decisions(store) == "✓✗·"
        first = pairs.get(3)
        assert first is not None
        assert (first.source, first.record, first.url, first.fact, first.origin) == (1, 11, "u", "f", {"heading": "h"})
        assert list(pairs.view_ids(Filter("strasse"))) == [3, 5]
        assert pairs.fact_ids("f") == [3, 5]
        assert pairs.decided_since(40) == 2, "what was undone has not been decided"
        assert list(pairs.dropped_page(pairs.view_ids(Filter("dropped words")))) == [1]
        assert pairs.dropped() == [("empty answer", 1)]
        original = pairs.original(5)
        assert original is not None
        assert original[0]["content"] == "old"
        assert pairs.redo() == ("accepted", [6])
        assert [pairs.undo() for _ in range(4)] == [
            ("accepted", [6]),
            ("rejected", [5]),
            ("edited", [5]),
            ("accepted", [3]),
        ]
        assert decisions(store) == "·✓·"
        assert list(pairs.view_ids(Filter("older -edited tokens:4"))) == [5]
        assert pairs.add(make(9)) == 7
        assert store.sources.add("new", "files", {}).id == 2, "a pair is of a source 1 that is gone"
        assert_sound(store)


def _messages(question: str, answer: str) -> str:
    rows = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps(rows, ensure_ascii=False)


def test_a_preparation_that_is_cut_off_shows_what_was_dropped_before() -> None:
    with filled(1) as store:
        store.pairs.replace_dropped([(1, "u", "empty answer", ""), NewDropped(2, "u", "too long", text="words")])
        with pytest.raises(KeyboardInterrupt), store.pairs.replacing() as replacing:
            replacing.drop([NewDropped(3, "u", "exact duplicate")])
            raise KeyboardInterrupt
        assert store.pairs.dropped() == [("empty answer", 1), ("too long", 1)]
        with store.pairs.replacing() as replacing:
            replacing.put([make(1)])
            replacing.drop([NewDropped(3, "u", "exact duplicate")])
            replacing.finish()
        assert store.pairs.dropped() == [("exact duplicate", 1)]
        assert store.database.connection.execute("SELECT count(*) FROM dropped").fetchone()[0] == 1
