"""What the worker hands on from prepare to the store: flags, near-duplicates, what was dropped, what a site repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from ftui.events import Event, Progress, Record, Result
from ftui.prepare import recipe as recipes
from ftui.prepare.recipe import PRODUCTS, Answers, Duplicates, Mixture, Questions, Recipe
from ftui.runners.preparing import prepare_pairs
from ftui.store import Store, create_project
from ftui.store.filters import Filter
from ftui.store.pairs import Standing

FOOT = "Our shop in the harbour street is open from nine to six, and closed on every Sunday of the year."


@pytest.fixture
def store(home: object) -> Iterator[Store]:
    create_project("kettle")
    with Store("kettle") as store:
        recipe = Recipe(questions=Questions(presentations=1), mixture=Mixture(general=0.0))
        save(store, recipe)
        yield store


def save(store: Store, recipe: Recipe) -> None:
    store.recipe_path.write_text(recipes.dump(recipe), "utf-8")


def page(number: int, text: str) -> Record:
    url = f"https://lumora.test/help/{number}"
    return Record(url, url, f"Help {number}", {"markdown": text, "title": f"Help {number}"})


async def prepared(store: Store) -> list[Event]:
    task = store.tasks.get(store.tasks.add("prepare", "make pairs", {}))
    return [event async for event in prepare_pairs(store, task)]


async def test_what_a_site_repeats_is_in_no_pair_and_is_told(store: Store) -> None:
    source = store.sources.add("site", "crawl", {}).id
    animals = ("heron", "otter", "lynx", "marten", "beaver", "badger", "falcon", "salmon", "turtle", "squirrel")
    answers = [f"The {name} model needs {number + 3} minutes for a litre." for number, name in enumerate(animals)]
    store.records.put(
        source,
        [page(n, f"# How fast is the {animals[n]}?\n\n{answer}\n\n{FOOT}") for n, answer in enumerate(answers)],
    )
    await prepared(store)
    texts = [pair.text("assistant") for pair in store.pairs.page(store.pairs.ids()).values()]
    assert len(texts) == 10
    assert not any("harbour" in text for text in texts)
    assert dict(store.pairs.dropped())["boilerplate"] >= 1


async def test_flags_risk_and_near_duplicates_reach_the_store(store: Store) -> None:
    source = store.sources.add("site", "crawl", {}).id
    text = (
        "Fill the tank with cold water up to the line, add two spoons of citric acid, wait for twenty minutes,"
        " pour everything out and rinse the tank with clear water until no smell of the acid is left in it"
    )
    store.records.put(
        source,
        [
            page(1, f"# How do I descale it?\n\n{text}."),
            page(2, f"# How do I descale it?\n\n{text} please."),
            page(3, "# Whom do I ask?\n\nWrite a letter to anna.berg@lumora.test and wait for her answer."),
        ],
    )
    await prepared(store)
    pairs = {pair.text("user"): pair for pair in store.pairs.page(store.pairs.ids()).values()}
    assert len(pairs) == 2
    asked = next(pair for question, pair in pairs.items() if "Whom" in question)
    assert "personal" in asked.flags
    assert asked.risk > 0
    other = next(pair for question, pair in pairs.items() if "descale" in question)
    assert other.stands_for == 1
    assert "descale" in store.pairs.stand_ins(other.id)[0].question
    assert dict(store.pairs.dropped())["near-duplicate"] == 1


async def test_a_row_that_the_projects_model_cuts_is_flagged_and_counts_add_up(store: Store) -> None:
    save(store, Recipe(answers=Answers(most=90_000), questions=Questions(presentations=1)))
    source = store.sources.add("site", "crawl", {}).id
    words = " ".join(f"word{number}" for number in range(1500))
    store.records.put(
        source,
        [page(1, f"# What is long?\n\n{words}."), page(2, "# What is short?\n\nA kettle that is short."), page(3, "")],
    )
    events = await prepared(store)
    pairs = {pair.text("user"): pair for pair in store.pairs.page(store.pairs.ids()).values()}
    # Without the engine its tokenizer is not there.
    assert pairs["What is long?"].flags["cut"].endswith("”, as OpenAI counts")
    assert "cut" not in pairs["What is short?"].flags
    [result] = [event.data for event in events if isinstance(event, Result)]
    assert (result["records"], result["with_pairs"], result["dropped"]) == (3, 2, {"no text": 1})


async def test_the_report_adds_up_and_every_reason_is_a_filter(store: Store) -> None:
    source = store.sources.add("site", "crawl", {}).id
    rows = [
        page(n, f"# How hot does kettle {n} get?\n\nKettle {n} gets {n + 60} degrees hot. {FOOT}") for n in range(12)
    ]
    rows += [page(50 + n, f"# How hot?\n\n{n}") for n in range(3)]
    rows += [page(60, ""), Record("e", "https://lumora.test/e", "", {"error": "timeout"})]
    # The same page twice: nothing of the second becomes a pair.
    rows += [page(70, "# How hot does kettle 3 get?\n\nKettle 3 gets 63 degrees hot.")]
    store.records.put(source, rows)
    general = store.sources.add("general", "files", {}, "general").id
    store.records.put(
        general, [Record("g", "", "", {"question": "What is red?", "answer": "Blood and roses are red."})]
    )
    save(store, Recipe(questions=Questions(presentations=2), mixture=Mixture(general=0.1)))

    async def result() -> dict[str, Any]:
        last = (await prepared(store))[-1]
        assert isinstance(last, Result)
        return dict(last.data)

    first = await result()
    assert first["with_pairs"] + sum(first["dropped"].values()) == first["records"] == len(rows) + 1
    assert first["made"] == first["new"] == first["pairs"] == store.pairs.counts().total
    assert first["removed"] == 0
    told = Counter(first["dropped"]) + Counter(first["parts"])
    assert dict(store.pairs.dropped()) == dict(told)
    assert set(first["dropped"]) >= {"too short", "error row", "no text"}
    for reason, number in told.items():
        assert len(store.pairs.view_ids(Filter(f'dropped:"{reason}"'))) == number
    save(store, Recipe(questions=Questions(presentations=1), mixture=Mixture(general=0.0)))
    second = await result()
    assert (second["new"], second["made"]) == (0, second["pairs"])
    assert second["removed"] == first["pairs"] - second["pairs"] > 0
    assert second["with_pairs"] == first["with_pairs"] - 1, "nothing general is mixed in"


async def test_what_was_dropped_is_found_by_its_source(store: Store) -> None:
    site = store.sources.add("site", "crawl", {}).id
    chat = store.sources.add("chat", "files", {}).id
    general = store.sources.add("general", "files", {}, "general").id
    long = "The lid is held by two springs that are made of steel and by a ring that is made of brass"
    store.records.put(
        site,
        [
            *(
                page(n, f"# How hot does kettle {n} get?\n\nKettle {n} gets {n + 60} degrees hot. {FOOT}")
                for n in range(9)
            ),
            page(10, "# How hot?\n\n10"),
            page(11, ""),
            page(12, f"# What holds the lid?\n\n{long}."),
            page(13, f"# What holds the lid?\n\n{long} again."),
            page(14, "# How hot does kettle 3 get?\n\nKettle 3 gets 63 degrees hot."),
            Record("e", "https://lumora.test/e", "", {"error": "timeout"}),
        ],
    )
    turns = [{"role": "user", "content": "Red?"}, {"role": "assistant", "content": "Blood is."}]
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
    chats: list[Any] = [turns[:1], turns, turns, "none", [image, turns[1]], [*turns, {"role": "?", "content": "!"}]]
    store.records.put(chat, [Record(f"c.jsonl:{n}", "", "", {"messages": rows}) for n, rows in enumerate(chats, 1)])
    rows = [{"question": f"What is {n}?", "answer": f"It is {n}."} for n in range(9)] + [{"question": "What?"}]
    store.records.put(general, [Record(f"g{n}", "", "", row) for n, row in enumerate(rows)])
    save(store, Recipe(questions=Questions(presentations=1), mixture=Mixture(general=0.1), duplicates=Duplicates(0.8)))
    await prepared(store)
    of = {record["id"]: record["source"] for record in store.records.iterate()}
    dropped = store.pairs.dropped_page(store.pairs.view_ids(Filter("dropped"))).values()
    assert {row.reason for row in dropped} >= {"too short", "no text", "error row", "near-duplicate", "boilerplate"}
    assert {row.reason for row in dropped} >= {"no answer", "exact duplicate", "not a conversation", "not only text"}
    assert all(row.source == of[row.record] for row in dropped if row.record is not None)
    for name, number in (("site", 5), ("chat", 5)):
        assert len(store.pairs.view_ids(Filter(f"dropped source:{name}"))) == number
    assert len(store.pairs.view_ids(Filter("dropped source:general"))) > 5


async def test_duplicates_name_the_pair_that_stands_for_them(store: Store) -> None:
    source = store.sources.add("shop", "files", {}).id
    long = "A kettle of steel that boils a litre of water in three minutes and keeps it hot for an hour at least"
    rows = [("K9308", f"{long}, says its maker."), ("K9307", f"{long}, says its maker"), ("K1", "A lamp. It is warm.")]
    rows.append(rows[0])
    store.records.put(
        source,
        [
            Record(f"shop.jsonl:{n}", "", "", {"title": f"Kettle {name}", "description": text})
            for n, (name, text) in enumerate(rows, 1)
        ],
    )
    alike = Duplicates(0.6, numbers=True)
    save(store, Recipe(template=PRODUCTS, mixture=Mixture(general=0.0), duplicates=alike))
    await prepared(store)
    numbers = {pair.text("user"): pair for pair in store.pairs.page(store.pairs.ids()).values()}
    [kept] = [pair for question, pair in numbers.items() if "K9308" in question]
    dropped = store.pairs.dropped_page(store.pairs.view_ids(Filter("dropped"))).values()
    near, exact = sorted(dropped, key=lambda row: row.reason, reverse=True)
    assert (near.reason, near.key) == ("near-duplicate", "shop.jsonl:2")
    assert (exact.reason, exact.key) == ("exact duplicate", "shop.jsonl:4")
    assert near.standing == exact.standing == Standing(kept.id, "shop.jsonl:1", kept.text("user"))
    assert near.alike is not None
    assert 0.6 < near.alike < 1
    assert exact.alike is None
    assert {other.where for other in store.pairs.stand_ins(kept.id)} == {"shop.jsonl:2", "shop.jsonl:4"}
    store.sources.delete(source)
    new = store.sources.add("other", "files", {}).id
    store.records.put(new, [Record(f"other.jsonl:{n}", "", "", {"title": "x"}) for n in range(4)])
    again = store.pairs.dropped_page(store.pairs.view_ids(Filter("dropped"))).values()
    assert {row.standing.where for row in again if row.standing} == {""}
    assert {row.key for row in again} == {other.where for other in store.pairs.stand_ins(kept.id)} == {""}


@pytest.mark.parametrize("near", [0.85, 0.0])
async def test_all_passes_over_the_records_are_on_one_scale(store: Store, near: float) -> None:
    recipe = Recipe(questions=Questions(presentations=1), mixture=Mixture(0.0), duplicates=Duplicates(near))
    save(store, recipe)
    source = store.sources.add("site", "crawl", {}).id
    store.records.put(source, [page(n, f"# How fast is number {n}?\n\nIt needs {n} minutes.") for n in range(900)])
    told = [event for event in await prepared(store) if isinstance(event, Progress)]
    done = [each.done for each in told]
    assert done == sorted(done)
    assert (done[-1], {each.total for each in told}) == (900, {900})
    by_text = {each.text: each.done for each in told}
    assert 0 < by_text["looking for what a site repeats"] < by_text["making pairs"] < 900
    assert len([each for each in done if 0 < each < 900]) >= 5
