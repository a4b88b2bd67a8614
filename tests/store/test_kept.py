"""Pairs that stay although the recipe no longer makes them: which, why, and for how long that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftui.store import Store, create_project, kept, schema
from ftui.store.pairs import Decision, Dropped, Filter, NewDropped, NewPair, StandIn
from store.pair_data import assert_sound, filled, make


def prepare(store: Store, made: list[NewPair], dropped: list[NewDropped] | None = None) -> int:
    with store.pairs.replacing() as replacing:
        replacing.put(made)
        replacing.drop(dropped or [])
        return replacing.finish()


def why(store: Store) -> dict[int, str | None]:
    pairs = store.pairs.page(store.pairs.view_ids(Filter("is:kept")))
    assert len(pairs) == store.pairs.kept()
    return {number: pair.kept for number, pair in pairs.items()}


def test_pairs_that_stay_say_why_the_recipe_no_longer_makes_them() -> None:
    of = {number: make(number, record=10 + number, source=1) for number in range(1, 7)}
    with filled(0) as store:
        prepare(store, list(of.values()))
        assert why(store) == {}
        store.pairs.decide([1, 2, 3, 4], Decision.ACCEPTED)
        store.pairs.add(make(20, question="typed in a chat"))
        store.pairs.decide([7], Decision.ACCEPTED)
        dropped = [
            NewDropped(11, "u", "too short", "3 words", source=1),
            NewDropped(11, "u", "no heading", source=1),
            NewDropped(12, "u", "too short", source=1),
            NewDropped(15, "u", "too long", source=1),
        ]
        assert prepare(store, [of[4], make(21, record=12, source=1)], dropped) == 2, "of 5 and 6"
        assert why(store) == {1: "too short", 2: kept.OTHERS, 3: ""}, "a pair of a chat was never made by the recipe"
        [fourth] = store.pairs.page([4]).values()
        assert fourth.kept is None
        rows = store.pairs.dropped_page(store.pairs.view_ids(Filter("dropped"))).values()
        assert [store.pairs.kept_of(row) for row in rows] == [[1], [1], [2], []]
        assert list(store.pairs.view_ids(Filter("q1 is:kept"))) == [1]
        assert list(store.pairs.view_ids(Filter("-is:kept"))) == [4, 7, 8]


def test_what_is_kept_is_said_until_the_next_preparation_comes_to_its_end() -> None:
    with filled(0) as store:
        first, second = make(1, record=11), make(2, record=12)
        prepare(store, [first, second])
        store.pairs.decide([1, 2], Decision.ACCEPTED)
        prepare(store, [], [NewDropped(11, "u", "too short")])
        assert why(store) == {1: "too short", 2: ""}
        store.pairs.edit(1, [{"role": "user", "content": "mine"}, {"role": "assistant", "content": "own words"}])
        assert why(store) == {1: "too short", 2: ""}
        with pytest.raises(KeyboardInterrupt), store.pairs.replacing() as replacing:
            replacing.put([first])
            replacing.drop([NewDropped(12, "u", "too long")])
            raise KeyboardInterrupt
        assert why(store) == {1: "too short", 2: ""}
        prepare(store, [first], [NewDropped(12, "u", "too long")])
        assert why(store) == {2: "too long"}
        prepare(store, [first, second])
        assert why(store) == {}
        assert_sound(store)


def test_many_are_kept_in_small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "AT_ONCE", 4)
    monkeypatch.setattr(kept, "_PAUSE", 0)
    made = [make(number, record=number) for number in range(1, 12)]
    with filled(0) as store:
        prepare(store, made)
        store.pairs.decide(range(1, 12), Decision.REJECTED)
        prepare(store, [])
        assert list(why(store)) == list(range(1, 12))
        prepare(store, made[:10])
        assert list(why(store)) == [11]


def test_a_file_from_before_knows_neither_of_these_nor_of_what_stands_for_a_duplicate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path))
    before = schema.PROJECT.index(schema.schema_pairs.KEPT)
    with monkeypatch.context() as older:
        older.setattr(schema, "PROJECT", schema.PROJECT[:before])
        create_project("old")
        with Store("old") as store:
            with store.pairs.replacing() as replacing:
                replacing.put([make(1, record=1), make(2, record=2)])
            store.pairs.decide([1], Decision.ACCEPTED)
            connection = store.database.connection
            connection.execute("INSERT INTO stand_ins VALUES (NULL, 1, 7, 'u7', 'q7', 0.9)")
            connection.execute("INSERT INTO dropped (record, url, reason, detail) VALUES (7, 'u7', 'no text', 'd')")
    with Store("old") as store:
        assert why(store) == {}
        assert store.pairs.stand_ins(1) == [StandIn(7, "u7", "q7", 0.9)]
        assert store.pairs.dropped_page([1]) == {1: Dropped(7, "u7", "no text", "d", id=1)}
        prepare(store, [make(2, record=2)])
        assert why(store) == {1: ""}
