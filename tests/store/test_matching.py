"""A filter says the same of a pair before it is in the store as the store's view says of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.errors import InputError
from ftui.store import Store, create_project, schema
from ftui.store.filters import Filter, Term, parse, rule, write
from ftui.store.matching import Matcher, first_fit
from ftui.store.pair import Decision, NewPair
from store.pair_data import make

WORDS = [
    "kettle",
    "Lid sensor",
    "Straße",
    "ЧАЙНИК",
    "чайник кипит",
    "猫は好き",
    "हिन्दी",
    "50 % off [x]",
    "a*b?",
    'say "no"',
]
FLAGS = ["short", "long", "near-duplicate"]
SOURCES = {1: "support pages", 2: "Shop"}


@dataclass(frozen=True)
class Case:
    """What `make` is given, with an origin."""

    question: str
    answer: str
    tokens: int
    flags: frozenset[str]
    source: int | None
    kind: str
    fact: str
    template: str
    phrasing: str


def texts() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)


cases = st.builds(
    Case,
    texts(),
    texts(),
    st.integers(0, 30),
    st.frozensets(st.sampled_from(FLAGS)),
    st.sampled_from([None, *SOURCES]),
    st.sampled_from(["domain", "general"]),
    st.sampled_from(["", "e4", "b2"]),
    st.sampled_from(["question-and-answer", "Ünusual"]),
    st.sampled_from(["site", "noise"]),
)
values = st.one_of(
    st.tuples(st.just(""), st.one_of(texts(), st.text(max_size=2))),
    st.tuples(st.just("is"), st.sampled_from(["domain", "general", "flagged", "pending", "edited"])),
    st.tuples(st.just("flag"), st.sampled_from([*FLAGS, "SHORT"])),
    st.tuples(
        st.just("tokens"),
        st.builds("{}{}".format, st.sampled_from(["", "<", ">", "<=", ">=", "="]), st.integers(0, 31)),
    ),
    st.tuples(st.just("source"), st.sampled_from(["1", "2", "support", "SHOP", "p"])),
    st.tuples(st.just("fact"), st.sampled_from(["e4", "b2", "e"])),
    st.tuples(st.just("made"), st.sampled_from(["noise", "SITE", "question-and-answer", "ünusual", "no"])),
)
KNOWN = [
    Case("kettle", "lid", 5, frozenset(FLAGS), 1, "domain", "e4", "Ünusual", "site"),
    Case("kettle", "lid", 5, frozenset(), 2, "domain", "b2", "Ünusual", "site"),
]
"""What no pair has cannot be filtered by, so that there are always pairs that have all flags and facts."""
filters = st.lists(st.builds(lambda value, wanted: Term(*value, wanted), values, st.booleans()), min_size=1, max_size=3)


def new(number: int, case: Case) -> NewPair:
    return make(
        number,
        case.question,
        case.answer,
        tokens=case.tokens,
        flags=dict.fromkeys(case.flags, "so"),
        source=case.source,
        kind=case.kind,
        fact=case.fact,
        origin={"template": case.template, "phrasing": case.phrasing},
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTUI_HOME", str(tmp_path_factory.mktemp("home")))
        create_project("kettle")
        with Store("kettle") as opened:
            for name in SOURCES.values():
                opened.sources.add(name, "files", {})
            yield opened


@settings(max_examples=150, deadline=None)
@given(st.lists(cases, min_size=1, max_size=8), st.lists(filters, min_size=1, max_size=6))
def test_the_view_and_the_pair_itself_agree(store: Store, made: list[Case], asked: list[list[Term]]) -> None:
    with store.pairs.replacing() as replacing:
        replacing.finish()
    with store.pairs.replacing() as replacing:
        replacing.put([new(number, case) for number, case in enumerate([*KNOWN, *made])])
    ids = list(store.pairs.ids())
    # `judged` reads pairs as filters look at them, once they are decided on by hand.
    store.pairs.decide(ids, Decision.ACCEPTED)
    subjects = {each.id: each for each in store.pairs.judged(100)}
    store.pairs.undo()
    assert sorted(subjects) == ids
    for terms in asked:
        # Pending in the store, accepted as it was read: that is not what is compared here.
        terms = [term for term in terms if term.value != "pending"]
        matcher = Matcher(tuple(terms))
        assert list(store.pairs.view_ids(Filter(also=tuple(terms)))) == [i for i in ids if matcher.fits(subjects[i])]


@given(filters)
def test_terms_are_written_as_they_are_read(terms: list[Term]) -> None:
    assert list(parse(write(terms))) == terms


@pytest.mark.parametrize("text", ["is:pending", "-is:rejected", "edited", "dropped", "dropped:short", "", "is:odd"])
def test_a_rule_asks_only_for_what_a_new_pair_has(text: str) -> None:
    with pytest.raises(InputError):
        rule(text)


def test_the_first_rule_that_fits_is_named(store: Store) -> None:
    store.pairs.add(make(900, "first", "kettle", flags={"short": "so"}))
    [number] = store.pairs.view_ids(Filter("first kettle"))
    store.pairs.decide([number], Decision.REJECTED)
    [subject] = store.pairs.judged(1)
    named = [(text, Matcher(rule(text))) for text in ("flag:long", "kettle -flag:short", "flag:short", "kettle")]
    assert first_fit(named, subject) == "flag:short"
    assert first_fit(named[:2], subject) is None


def test_steps_over_a_filter_do_not_count_as_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path))
    with monkeypatch.context() as older:
        older.setattr(schema, "PROJECT", schema.PROJECT[:3])
        create_project("old")
        with Store("old") as store:
            with store.pairs.replacing() as replacing:
                replacing.put([make(number) for number in range(1, 9)])
            store.pairs.decide([1, 2], Decision.REJECTED)
            assert store.database.connection.execute("PRAGMA user_version").fetchone()[0] == 3
    with Store("old") as store:
        pairs = store.pairs
        assert store.database.connection.execute("PRAGMA user_version").fetchone()[0] == len(schema.PROJECT)
        assert pairs.rejected_by_hand() == 2, "what an older file says is by hand where it is small"
        list(pairs.deciding([3, 4], Decision.REJECTED))
        pairs.decide([5], Decision.ACCEPTED)
        pairs.decide([2], Decision.ACCEPTED)
        pairs.decide([6], Decision.REJECTED)
        pairs.undo()
        assert pairs.rejected_by_hand() == 2
        assert [(each.id, each.decision.symbol) for each in pairs.judged(9)] == [(2, "✓"), (5, "✓"), (1, "✗")]
        assert [each.id for each in pairs.judged(2)] == [2, 5]
        assert sum(size for _, size in pairs.steps_by_hand(0)) == 4
