"""The language of the filter, and the views that it makes."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Iterator
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.errors import InputError
from ftui.store import Store, create_project, delete_project, views
from ftui.store.filters import Filter, Term, parse
from ftui.store.folding import fold
from ftui.store.pairs import Decision, NewDropped, NewPair
from store.pair_data import filled, make


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("  kettle  LID ", [Term("", "kettle"), Term("", "LID")]),
        ('"lid sensor" -manual', [Term("", "lid sensor"), Term("", "manual", wanted=False)]),
        ("is:Pending -is:edited", [Term("is", "pending"), Term("is", "edited", wanted=False)]),
        ("edited", [Term("is", "edited")]),
        ("dropped:x -dropped:y", [Term("dropped", "x"), Term("dropped", "y", wanted=False)]),
        ('"edited" "is:pending"', [Term("", "edited"), Term("", "is:pending")]),
        ('source:"support pages" flag:short', [Term("source", "support pages"), Term("flag", "short")]),
        ("tokens:>=1,500", [Term("tokens", ">=1,500")]),
        ("https://x.example note:this 12:30", [Term("", w) for w in ("https://x.example", "note:this", "12:30")]),
        ('"say ""no""" x', [Term("", 'say "no"'), Term("", "x")]),
        ('dropped:"rule: ""the juicer"""', [Term("dropped", 'rule: "the juicer"')]),
        ('"" """', [Term("", ""), Term("", '"')]),
        ('- -"a b" "half open', [Term("", "-"), Term("", "a b", wanted=False), Term("", "half open")]),
        ("dropped kettle", [Term("dropped", ""), Term("", "kettle")]),
    ],
)
def test_what_is_written_is_understood(text: str, terms: list[Term]) -> None:
    assert list(parse(text)) == terms


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("is:", "is: is not known"),
        ("is:maybe", "is:maybe is not known.*pending, accepted"),
        ("tokens:many", "tokens:many is no number.*tokens:>500"),
        ("tokens:>", "no number"),
        ("pair:", "no number of a pair"),
        ("pair:x1", "no number of a pair.*pair:12"),
        ("pair:1 dropped", "pair: does not go with dropped:"),
        ("flag:", "flag: needs something.*flag:short"),
        ("source:", "source: needs"),
        ("fact:", "fact: needs"),
        ("dropped:x is:pending", "is: does not go with dropped:"),
        ("-dropped", "says nothing"),
        ("x" * 1001, "The filter is too long.*1,001 characters.*at most 1,000"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(text)


@given(st.text())
def test_any_text_is_understood_or_explained(text: str) -> None:
    with contextlib.suppress(InputError):
        assert all(term.value or term.key in ("", "dropped") for term in parse(text))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTUI_HOME", str(tmp_path_factory.mktemp("home")))
        create_project("kettle")
        with Store("kettle") as store:
            first = store.sources.add("support pages", "crawl", {}).id
            second = store.sources.add("Shop", "files", {}).id
            pairs = [
                make(1, "What does E4 mean?", "The lid sensor\n is wet.", source=first, fact="e4", tokens=30),
                make(2, "what does e4 mean", "The LID\tsensor is wet.", source=first, fact="e4", tokens=20, risk=0.5),
                make(3, "Große Straße?", "ПРИВЕТ, мир", source=second, flags={"short": "2 words"}, tokens=5, risk=0.9),
                make(4, "猫は好き?", "50 % off [sic] a_b *now*?", kind="general", tokens=600),
                make(5, "cafe\u0301 İstanbul", "lid of a sensor", source=second, flags={"long": "x"}, tokens=500),
                NewPair(
                    [
                        {"role": "system", "content": "be kind"},
                        {"role": "user", "content": [{"type": "text", "text": "in parts"}]},
                        {"role": "assistant", "content": None, "tool_calls": [call("look_up", '{"of": "Belt"}')]},
                        {"role": "tool", "content": "LB-118", "tool_call_id": "1"},
                        {"role": "assistant", "content": "It is the LB-118", "weight": 0},
                    ],
                    "digest6",
                ),
                make(7, "nul\0and \ud800 half", "fine"),
            ]
            with store.pairs.replacing() as replacing:
                replacing.put(pairs)
                replacing.drop(
                    [
                        NewDropped(1, "u1", "empty answer", "the answer has no words", "Is it Großartig?", first),
                        NewDropped(2, "u2", "exact duplicate", "as pair 4", "some text that is longer", second),
                        NewDropped(3, "u3", "near duplicate", "as pair 5"),
                    ]
                )
                replacing.finish()
            store.pairs.decide([1, 4], Decision.ACCEPTED)
            store.pairs.decide([5], Decision.REJECTED)
            store.pairs.edit(
                2, [{"role": "user", "content": "what?"}, {"role": "assistant", "content": "the lid sensor"}]
            )
            yield store


def call(name: str, arguments: str) -> dict[str, object]:
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 3, 4, 5, 6, 7]),
        ("lid SENSOR", [1, 2, 5]),
        ('"lid sensor"', [1, 2]),
        ("lid -sensor", []),
        ("-lid", [3, 4, 6, 7]),
        ("lid -wet", [2, 5]),
        ("STRASSE", [3]),
        ("grosse straße привет", [3]),
        ("Мир", [3]),
        ("猫", [4]),
        ('"% off [SIC]" *now* a_b', [4]),
        ("a?b", []),
        ("[a-z]", []),
        ("café", [5]),
        ("user", []),
        ("assistant", []),
        ("look_up belt", [6]),
        ('"in parts"', [6]),
        ("lb-118 kind", [6]),
        ('"kind in"', []),
        ("nul", [7]),
        ("e4", [1]),
        ("is:pending", [2, 3, 6, 7]),
        ("is:accepted", [1, 4]),
        ("is:rejected lid", [5]),
        ("edited", [2]),
        ("-edited lid", [1, 5]),
        ("is:general", [4]),
        ("is:flagged", [3, 5]),
        ("flag:Short", [3]),
        ("-flag:short is:flagged", [5]),
        ("source:1", [1, 2]),
        ("source:SUPPORT", [1, 2]),
        ('source:"support pages" is:pending', [2]),
        ("-source:shop", [1, 2, 4, 6, 7]),
        ("tokens:>500", [4]),
        ("tokens:>=500", [4, 5]),
        ("tokens:<20", [3, 6, 7]),
        ("tokens:20", [2]),
        ("pair:00004", [4]),
        ("-pair:4 tokens:>500", []),
        ("pair:999", []),
        ("tokens:>99999999999999999999", []),
        ("-tokens:99999999999999999999 is:general", [4]),
        ("e " * 500, [1, 2, 3, 5, 6, 7]),
        ("k" * 1000, []),
        ("-tokens:<=30", [4, 5]),
        ("fact:e4", [1, 2]),
        ('""', [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_a_view_holds_what_its_filter_says(store: Store, text: str, ids: list[int]) -> None:
    assert list(store.pairs.view_ids(Filter(text))) == ids


@pytest.mark.parametrize(
    ("order", "ids"),
    [("risk", [3, 2, 1, 4, 5, 6, 7]), ("length", [4, 5, 1, 2, 7, 3, 6]), ("source", [4, 6, 7, 1, 2, 3, 5])],
)
def test_a_view_has_the_order_that_is_asked_for(
    store: Store, order: str, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(store.pairs.view_ids(Filter(order=order))) == ids
    monkeypatch.setattr(views, "FIRST", 2)
    assert list(store.pairs.view_ids(Filter(order=order))) == ids, "the first few come before the rest"
    lid = [pair for pair in ids if pair in (1, 2, 5)]
    assert list(store.pairs.view_ids(Filter("lid", order))) == lid


def test_a_decision_that_comes_between_two_parts_leaves_no_pair_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "FIRST", 2)
    for decided in (1, 5):
        with filled(6) as store, Store("kettle") as other:
            parts = store.pairs.view(Filter("is:pending", "length"))
            found = list(next(parts))
            other.pairs.decide([decided], Decision.ACCEPTED)
            found += chain.from_iterable(parts)
            assert found == [pair for pair in range(1, 7) if pair != 5 or decided != 5]
        delete_project("kettle")


def test_no_filter_asks_for_what_the_oldest_sqlite_does_not_know(store: Store) -> None:
    used = set[str]()

    def watch(action: int, _: str | None, name: str | None, *__: str | None) -> int:
        if action == sqlite3.SQLITE_FUNCTION:
            used.add(name or "")
        return sqlite3.SQLITE_OK

    texts = ("made:site", "lid -wet", "source:shop", "flag:short", "tokens:>5", "fact:e4", "dropped:near", "is:general")
    store.database.connection.set_authorizer(watch)
    try:
        for text in texts:
            store.pairs.view_ids(Filter(text))
    finally:
        store.database.connection.set_authorizer(None)
    assert "json_extract" in used
    assert not {"->", "->>"} & used


def test_a_random_order_is_the_same_for_the_same_seed() -> None:
    with filled(2000) as store:

        def order(seed: int) -> list[int]:
            return list(store.pairs.view_ids(Filter(order="random", seed=seed)))

        ids = order(1)
        assert sorted(ids) == list(range(1, 2001))
        assert ids == order(1) != order(2)
        # Of a fair sample, about half lies in each half, and about half of the steps go up.
        for seed in range(5):
            ids = order(seed)
            assert 60 <= sum(pair <= 1000 for pair in ids[:200]) <= 140
            assert 900 <= sum(a < b for a, b in pairwise(ids)) <= 1100


def test_what_was_dropped_is_a_view_with_its_text(store: Store) -> None:
    assert store.pairs.dropped() == [("empty answer", 1), ("exact duplicate", 1), ("near duplicate", 1)]

    def found(text: str, order: str = "order") -> list[int]:
        rows = store.pairs.dropped_page(store.pairs.view_ids(Filter(text, order)))
        ids = store.pairs.view_ids(Filter(text, order))
        return [rows[row].record or 0 for row in ids]

    assert found("dropped") == [1, 2, 3]
    assert found("dropped:duplicate") == [2, 3]
    assert found('dropped:"exact duplicate"') == [2]
    assert found("dropped:dup -dropped:near") == [2]
    assert found("dropped GROSSARTIG") == [1]
    assert found("dropped source:shop") == [2]
    assert found("dropped", "length") == [2, 1, 3]
    assert set(found("dropped", "random")) == {1, 2, 3}
    first, *_ = store.pairs.dropped_page(store.pairs.view_ids(Filter("dropped:empty"))).values()
    assert (first.text, first.detail, first.url) == ("Is it Großartig?", "the answer has no words", "u1")


def test_a_source_or_a_reason_that_is_not_there_is_said(store: Store) -> None:
    with pytest.raises(InputError, match="1 support pages, 2 Shop"):
        store.pairs.view_ids(Filter("source:blog"))
    with pytest.raises(InputError, match="the reasons are: empty answer, exact"):
        store.pairs.view_ids(Filter("dropped:blog"))


def test_what_there_is_instead_is_said_as_it_can_be_written(store: Store) -> None:
    with pytest.raises(InputError) as found:
        store.pairs.view_ids(Filter("source:blog"))
    assert found.value.do == 'Write source:"support pages" or source:Shop'
    with pytest.raises(InputError) as found:
        store.pairs.view_ids(Filter("dropped:blog"))
    assert found.value.do == 'Write dropped:"empty answer", dropped:"exact duplicate" or dropped:"near duplicate"'
    with pytest.raises(InputError) as found:
        store.pairs.view_ids(Filter("-flag:blog"))
    assert (found.value.what, found.value.why) == ("No pair has the flag 'blog'", "the flags are: long, short")
    assert found.value.do == "Write flag:long or flag:short"
    with filled(1) as empty:
        for text in ("source:blog", "dropped:blog", "flag:blog"):
            with pytest.raises(InputError, match="there are none"):
                empty.pairs.view_ids(Filter(text))


def test_a_fact_is_found_by_the_beginning_of_its_mark() -> None:
    with filled(1) as store:
        facts = ["1f2e9c04aa", "1f2e9c04aa", "1f2e9c04bb", "1f2e9c04bb", "1f2e", "7d"]
        with store.pairs.replacing() as replacing:
            replacing.put([make(number, fact=fact) for number, fact in enumerate(facts, 1)])
            replacing.finish()
        first = store.pairs.ids()[0] - 1

        def found(text: str) -> list[int]:
            return [pair - first for pair in store.pairs.view_ids(Filter(text))]

        assert found("fact:1f2e9c04a") == found("fact:1f2e9c04aa") == [1, 2]
        assert found("fact:1f2e") == [5], "what is written in full is not another's beginning"
        assert found("-fact:7") == [1, 2, 3, 4, 5]
        with pytest.raises(InputError, match="No fact is marked 'e9'"):
            found("fact:e9")
        with pytest.raises(InputError) as several:
            found("fact:1f2e9")
        assert several.value.what == "Several facts are marked 1f2e9…"
        assert several.value.do == "Write fact:1f2e9c04aa or fact:1f2e9c04bb"


def test_all_pairs_are_a_range_where_no_id_is_missing() -> None:
    with filled(5) as store:
        assert store.pairs.view_ids(Filter()) == range(1, 6)
        with store.pairs.replacing() as replacing:
            replacing.put([make(number) for number in (1, 2, 4, 5)])
            replacing.finish()
        assert list(store.pairs.view_ids(Filter())) == [1, 2, 4, 5]
        store.pairs.add(make(6))
        assert list(store.pairs.view_ids(Filter())) == [1, 2, 4, 5, 6], "the number of one that is gone stays unused"


def test_an_empty_project_has_an_empty_view(home: object) -> None:
    with filled(0) as store:
        assert [list(store.pairs.view_ids(Filter(order=o))) for o in ("order", "risk", "random")] == [[], [], []]


def test_parts_begin_small_and_hold_everything_once() -> None:
    with filled(5000) as store:
        parts = [list(part) for part in store.pairs.view(Filter("q"))]
        assert len(parts[0]) <= views.FIRST < len(parts[-2])
        assert list(chain.from_iterable(parts)) == list(range(1, 5001))


def test_a_view_that_is_no_longer_wanted_can_be_ended_from_another_thread() -> None:
    with filled(20_000):
        seen = threading.Event()
        counts: list[int] = []

        def read() -> None:
            with Store("kettle") as own:
                reading.append(own)
                count = 0
                for part in own.pairs.view(Filter("q", "length")):
                    count += len(part)
                    seen.set()
                    time.sleep(0.05)
                counts.append(count)

        reading: list[Store] = []
        thread = threading.Thread(target=read)
        thread.start()
        assert seen.wait(10)
        while thread.is_alive():
            reading[0].database.interrupt()
            thread.join(0.01)
        assert len(counts) == 1, "it ended without an error"


@given(st.text(), st.text())
def test_a_text_is_found_folded_in_what_it_is_a_part_of(one: str, two: str) -> None:
    assert fold(one).isascii()
    assert fold(one) in fold(f"{one} {two}")
    assert fold(one.strip()) == fold(one)


LETTERS = st.sampled_from("aß猫я𝄞אขक 1*")


@given(st.text(LETTERS), st.text(LETTERS, min_size=1))
def test_a_text_is_found_folded_only_where_it_stands(text: str, word: str) -> None:
    plain, wanted = (" ".join(t.replace("ß", "ss").split()) for t in (text, word))
    assert (fold(word) in fold(text)) == (wanted in plain)


def test_no_two_letters_of_the_same_script_look_alike() -> None:
    letters = [chr(code) for code in chain(range(0x80, 0xD800), range(0xE000, 0x20000))]
    kept = [letter for letter in letters if letter.casefold() == letter == unicodedata.normalize("NFC", letter)]
    folded = {fold(f"x{letter}x") for letter in kept if not letter.isspace()}
    assert len(folded) == sum(not letter.isspace() for letter in kept) > 60_000
