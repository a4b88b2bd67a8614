"""A recipe that was saved is taken back and done again, by whom and after whatever else was done to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui import paths
from ftui.errors import InputError
from ftui.prepare import project, proposals, saving
from ftui.prepare import recipe as recipes
from ftui.store import Store, create_project, schema
from ftui.store.journal import Step, Way


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path))
    create_project("lumora")
    with Store("lumora") as opened:
        yield opened


def step(store: Store, way: Way) -> Step:
    found = store.pairs.next_step(way)
    assert found is not None
    return found


def test_a_rule_that_came_and_went_meanwhile_is_no_change_by_somebody_else(store: Store) -> None:
    before = project.read(store)
    after = before.replace("seed = 0", "seed = 7").rstrip()
    saving.save(store, after)
    proposals.put_into_recipe(store, "flag:short")
    proposals.replay(store, step(store, "undo"), "undo")
    saving.replay(store, step(store, "undo"), "undo")
    assert project.read(store) == before
    saving.replay(store, step(store, "redo"), "redo")
    assert project.read(store) == after


def test_what_was_saved_as_it_is_is_no_step(store: Store) -> None:
    saving.save(store, project.read(store))
    assert store.pairs.next_step("undo") is None


def test_a_change_from_outside_is_kept_whichever_way(store: Store) -> None:
    before = project.read(store)
    saving.save(store, before + "# one\n")
    saving.save(store, before + "# two\n")
    saving.replay(store, step(store, "undo"), "undo")
    store.recipe_path.write_text(before + "# mine\n", "utf-8")
    with pytest.raises(InputError, match="changed by another program"):
        saving.replay(store, step(store, "redo"), "redo")
    assert project.read(store) == before + "# mine\n"
    assert store.recipe_path.with_name(project.BEFORE).read_text("utf-8") == before + "# two\n"
    assert store.pairs.next_step("redo") is None
    store.recipe_path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="changed by another program"):
        saving.replay(store, step(store, "undo"), "undo")
    assert store.recipe_path.read_bytes() == b"\xff"
    assert store.pairs.next_step("undo") is None, "the steps before it can be reached"
    assert not store.database.connection.execute("SELECT count(*) FROM recipe_texts").fetchone()[0]


def test_what_is_kept_beside_a_recipe_stays_whatever_comes_later(store: Store) -> None:
    def beside() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in store.folder.glob("recipe.before*")}

    kept = {}
    for number, name in enumerate(("recipe.before.toml", "recipe.before-2.toml", "recipe.before-3.toml")):
        text = f"seed = {number}\r\n".encode()
        store.recipe_path.write_bytes(text)
        assert saving.save(store, "seed = 9\n", aside=True) == store.folder / name
        kept[name] = text
        assert beside() == kept
    store.recipe_path.write_bytes(kept["recipe.before-2.toml"])
    assert project.start(store, recipes.SUMMARY) == store.folder / "recipe.before-2.toml", "it is there already"
    assert beside() == kept
    store.recipe_path.write_bytes(b"\xff")
    assert saving.save(store, "seed = 9\n", aside=True, readable=False) == store.folder / "recipe.before-4.toml"
    kept["recipe.before-4.toml"] = b"\xff"
    assert beside() == kept
    saving.save(store, "seed = 10\n")
    store.recipe_path.write_text("# mine\n")
    with pytest.raises(InputError) as found:
        saving.replay(store, step(store, "undo"), "undo")
    assert "is in recipe.before-5.toml beside it" in found.value.do
    assert beside() == {**kept, "recipe.before-5.toml": b"seed = 9\n"}


def test_a_file_that_cannot_be_written_leaves_no_step(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = project.read(store)

    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(paths, "write_atomic", full)
        with pytest.raises(OSError, match="No space"):
            saving.save(store, before + "# one\n")
    assert store.pairs.next_step("undo") is None


def test_a_project_of_an_earlier_ftui_gets_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path))
    older = schema.PROJECT.index(schema.schema_pairs.RECIPE_TEXTS)
    with monkeypatch.context() as patched:
        patched.setattr(schema, "PROJECT", schema.PROJECT[:older])
        create_project("old")
        with Store("old") as store:
            store.pairs.note("rule declined: flag:short", "flag:short", "declined")
    with Store("old") as store:
        saving.save(store, project.read(store) + "# one\n")
        saving.replay(store, step(store, "undo"), "undo")
        assert "# one" not in project.read(store)
        assert step(store, "undo").said == "declined"
