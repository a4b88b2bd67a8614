"""The recipe's file of a project, and what is tried on some of its records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui.errors import InputError
from ftui.events import Record
from ftui.prepare import prepare, project, starter
from ftui.prepare import recipe as recipes
from ftui.prepare.project import Trial
from ftui.prepare.recipe import Messages, Recipe
from ftui.store import Store, create_project

MENU = "\n\nDelivery to all countries takes three to five working days and is free of charge."


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    create_project("kettle")
    with Store("kettle") as opened:
        yield opened


def add(store: Store, name: str, count: int, tail: str = "") -> None:
    source = store.sources.add(name, "files", {"paths": ["x"]})
    store.records.put(source.id, [_record(name, number, tail) for number in range(count)])


def _record(name: str, number: int, tail: str) -> Record:
    text = f"# Kettle\n\n## How hot does {name} {number} get?\n\n{name} {number} gets {number + 60} degrees hot.{tail}"
    return Record(f"{name}{number}", f"http://{name}.test/{number}", f"{name} {number}", {"markdown": text})


# The file


@pytest.mark.parametrize("template", recipes.TEMPLATES)
def test_a_recipe_to_begin_with_is_the_default_of_its_template(template: str) -> None:
    text = starter.text(template)
    found = recipes.parse(text)
    if template == recipes.OWN:
        assert "{{ title }}" in found.messages.user
        found = Recipe(template=template, messages=Messages())
    assert found == Recipe(template=template, messages=found.messages)
    assert starter.is_untouched(text)
    assert not starter.is_untouched(text.replace("seed = 0", "seed = 1"))
    settings = [line for line in text.splitlines() if "=" in line and not line.startswith(("#", "seed", "template"))]
    lines = text.splitlines()
    for line in settings:
        if template != recipes.OWN:
            assert lines[lines.index(line) - 1].startswith("# "), f"{line} is not explained"


def test_a_recipe_of_a_persons_own_is_kept_when_another_one_is_begun(store: Store) -> None:
    assert project.start(store, recipes.STYLE) is None, "the default is no loss"
    assert project.start(store, recipes.SUMMARY) is None, "nor is another one to begin with"
    mine = starter.text(recipes.SUMMARY) + "\n# mine, über alles\n"
    store.recipe_path.write_text(mine, "utf-8")
    kept = project.start(store, recipes.STYLE)
    assert kept is not None
    assert kept.read_text("utf-8") == mine
    assert project.load(store).template == recipes.STYLE
    store.recipe_path.write_bytes(b"\xff\xfe not a text")
    kept = project.start(store, recipes.STYLE)
    assert kept is not None
    assert kept.read_bytes() == b"\xff\xfe not a text"
    assert project.load(store).template == recipes.STYLE


def test_every_setting_of_a_recipe_to_begin_with_exists() -> None:
    for template in recipes.TEMPLATES:
        for table, (_, _, settings) in starter._TABLES.items():
            assert set(settings) <= {*recipes._TABLES[table].__dataclass_fields__}, (template, table)


def test_where_there_is_none_the_first_is_written_down(store: Store) -> None:
    assert project.load(store) == Recipe()
    assert store.recipe_path.read_text("utf-8") == starter.text(recipes.QUESTIONS)
    assert store.recipe_stamp() != (0, 0)


def test_a_second_ftui_writes_none(store: Store) -> None:
    store.database.refused = InputError("only reading")
    with store.beside() as beside:
        for each in (store, beside):
            assert project.load(each) == Recipe()
            assert not store.recipe_path.exists()
            assert store.recipe_stamp() == (0, 0)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"seed = 1 # \xff\xfe", "it is not UTF-8 text"),
        (b"seed = 1 # \0\0", "it is not a text"),
        (b"# more\n" * 800_000, "it has 5,600,000 bytes"),
    ],
)
def test_what_can_be_no_recipe_is_refused_before_it_is_read_into_anything(
    store: Store, content: bytes, why: str
) -> None:
    store.recipe_path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        project.load(store)
    assert caught.value.why.startswith(why)


def test_a_folder_or_a_pipe_in_its_place_is_refused(store: Store) -> None:
    store.recipe_path.mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        project.load(store)
    store.recipe_path.rmdir()
    os.mkfifo(store.recipe_path)
    with pytest.raises(InputError, match="not a file"):
        project.load(store)


def test_a_recipe_that_may_not_be_read(store: Store) -> None:
    store.recipe_path.write_text("seed = 1\n")
    store.recipe_path.chmod(0)
    mine = os.geteuid()
    try:
        if not mine:
            # Root may read everything; nobody may not.
            os.seteuid(65534)
        with pytest.raises(InputError, match="Permission denied"):
            project.load(store)
    finally:
        os.seteuid(mine)


# The records


def test_records_come_from_all_sources_and_from_all_over_them(store: Store) -> None:
    add(store, "big", 300)
    add(store, "small", 3)
    add(store, "none", 0)
    titles = [record["title"] for record in project.some_records(store, 4)]
    assert titles == ["big 0", "big 100", "big 200", "small 0"]
    others = [record["title"] for record in project.some_records(store, 4, turn=1)]
    assert others == ["big 1", "big 101", "big 201", "small 1"]
    assert [record["title"] for record in project.some_records(store, 4)] == titles


@pytest.mark.parametrize(("sizes", "count"), [([5], 9), ([1, 1, 1], 2), ([1, 1000, 1], 12), ([], 3), ([7, 7], 1)])
def test_as_many_as_wanted_and_none_twice(store: Store, sizes: list[int], count: int) -> None:
    for number, size in enumerate(sizes):
        add(store, f"s{number}", size)
    found = [record["id"] for record in project.some_records(store, count)]
    assert len(found) == len(set(found)) == min(count, sum(sizes))


# A trial


def test_a_trial_leaves_out_what_a_run_leaves_out(store: Store) -> None:
    add(store, "pages", 12, MENU)
    trial = Trial(3)
    recipe = Recipe()
    first = list(trial.run(store, recipe))
    assert trial.learnt == 12
    assert [each.record is not None for each in first] == [True, True, True, False]
    assert [dropped.reason for dropped in first[-1].dropped] == ["boilerplate"]
    answers = {pair.messages[-1]["content"] for each in first for pair in each.pairs}
    assert answers == {f"pages {number} gets {number + 60} degrees hot." for number in (0, 4, 8)}
    cleaner = project.Cleaner(recipe)
    for record in store.records.iterate():
        cleaner.learn(record)
    run = prepare(store.records.iterate(), recipe, cleaner=cleaner)
    assert answers < {item.messages[-1]["content"] for item in run if hasattr(item, "messages")}
    again = list(trial.run(store, recipe))
    assert [each.dropped for each in again] == [each.dropped for each in first], "the second time as the first"
    without = Recipe(cleaning=recipes.Cleaning(boilerplate=0.0))
    told = [pair.messages[-1]["content"] for each in trial.run(store, without) for pair in each.pairs]
    assert all("Delivery" in answer for answer in told)
    assert trial.learnt == 0


def test_a_trial_that_is_given_up_goes_to_no_other_record(store: Store) -> None:
    add(store, "pages", 12)
    asked = 0

    def going() -> bool:
        nonlocal asked
        asked += 1
        return asked < 2

    recipe = Recipe(cleaning=recipes.Cleaning(boilerplate=0.0))
    made = list(Trial(12).run(store, recipe, going=going))
    assert [bool(each.pairs) for each in made].count(True) == 1
