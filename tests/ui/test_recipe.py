"""The recipe's screen: begin, edit, try on records, save, run; and everything that can be wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import TextArea

from ftui.prepare import recipe as recipes
from ftui.prepare import rendering, starter
from ftui.prepare.project import BEFORE
from ftui.store import Store
from ftui.store.seat import Seat
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.choose import ChooseScreen
from ftui.ui.screens.recipe import RecipeScreen
from prepare.test_rendering import children
from ui.pair_data import Review, new_store
from ui.screen import golden, text_of

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
OWN = 'template = "own"\n[messages]\nuser = "{user}"\nassistant = "{{{{ text }}}}"\n'


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as opened:
        yield opened


def field(review: Review) -> TextArea:
    return review.app.screen.query_one(TextArea)


async def opened(review: Review) -> RecipeScreen:
    await review.press("R")
    await review.until(lambda: "of 4 of 4 records" in review.screen or "✗" in review.screen)
    screen = review.app.screen
    assert isinstance(screen, RecipeScreen)
    return screen


# Looking and editing


@SIZES
async def test_the_recipe_beside_what_it_makes(store: Store, size: tuple[int, int]) -> None:
    async with Review(size) as review:
        await opened(review)
        await golden(review.app, f"recipe-{size[0]}x{size[1]}")


async def test_opening_it_writes_nothing_into_the_store(store: Store) -> None:
    async with Review() as review:
        await opened(review)
        stamp = store.stamp()
        await review.press("space")
        await review.until(lambda: "these are other records" in review.screen)
        assert store.stamp() == stamp
        assert "── Error E4" in review.screen
        assert "tokens" in review.screen


async def test_a_line_that_cannot_be_followed_is_named_at_once_and_not_saved(store: Store) -> None:
    async with Review() as review:
        await opened(review)
        saved = store.recipe_path.read_text("utf-8")
        line = saved.splitlines().index("seed = 0") + 1
        await review.press("e")
        field(review).text = saved.replace("seed = 0", 'seed = "none"')
        await review.pilot.pause()
        assert f"line {line} cannot be followed: seed has to be a whole number" in review.screen
        assert "of 4 of 4 records" in review.screen, "the last good preview stays"
        await review.press("ctrl+s")
        assert store.recipe_path.read_text("utf-8") == saved
        await review.press("escape", "p")
        assert isinstance(review.app.screen, RecipeScreen)
        await review.press("escape")
        assert isinstance(review.app.screen, AskScreen)
        await review.press("n")
        assert 'seed = "none"' in field(review).text


async def test_text_that_is_no_toml_names_its_line(store: Store) -> None:
    async with Review() as review:
        await opened(review)
        field(review).text = "seed = 1\nsystem = oops\n"
        await review.pilot.pause()
        assert "✗ recipe.toml is not a recipe: Invalid value (at line 2, column 10)" in review.screen


async def test_the_line_that_is_written_in_stays_in_sight(store: Store) -> None:
    """A mistake takes lines at the bottom, which the text has less by then."""
    async with Review(size=(80, 24)) as review:
        await opened(review)
        text = field(review)
        await review.press("e")
        first = text.size.height
        text.move_cursor((first - 1, 0))
        await review.press("x")
        await review.until(lambda: text.size.height < first)
        await review.pilot.pause()
        await review.until(lambda: text.scroll_offset.y + text.size.height >= first)


async def test_a_recipe_that_was_wrong_before_opens_at_its_line(store: Store) -> None:
    store.recipe_path.write_text("# mine\nsed = 0\n", "utf-8")
    async with Review() as review:
        await opened(review)
        assert "✗ recipe.toml line 2 cannot be followed" in review.screen
        assert "e mends the recipe; what it makes is then shown here" in review.screen
        assert field(review).cursor_location == (1, 0)
        await review.press("e", "right", "e")
        await review.until(lambda: "of 4 of 4 records" in review.screen)


async def test_the_preview_follows_what_is_typed(store: Store) -> None:
    async with Review() as review:
        await opened(review)
        field(review).text = field(review).text.replace("presentations = 12", "presentations = 3")
        await review.until(lambda: "12 pairs of 4 of 4 records" in review.screen)
        field(review).text = field(review).text.replace("least = 15", "least = 1000")
        await review.until(lambda: "0 pairs of 4 of 4 records" in review.screen)
        assert "left out: " in review.screen
        assert "left out: 4 too short" in review.screen
        assert "- too short  Warranty: 86 characters" in review.screen


async def test_a_changed_recipe_is_saved_and_run(store: Store) -> None:
    async with Review() as review:
        await opened(review)
        await review.press("e")
        text = "# mine\n" + field(review).text.replace("seed = 0", "seed = 7")
        field(review).text = text
        await review.press("ctrl+s")
        assert store.recipe_path.read_text("utf-8") == text
        await review.press("escape", "p")
        task = store.tasks.latest("prepare")
        assert task is not None
        assert task.state == "queued"
        assert "making pairs is next in the queue" in review.screen


async def test_a_saved_recipe_is_a_step_that_u_takes_back_also_after_a_restart(store: Store) -> None:
    async with Review() as review:
        await review.press("a")
        await opened(review)
        before = field(review).text
        changed = before.replace("seed = 0", "seed = 7")
        await review.press("e")
        field(review).text = changed
        await review.press("ctrl+s", "escape", "escape", "u")
        assert review.bottom.startswith("undone: saved the recipe · R shows it · ctrl+r redo")
        assert store.recipe_path.read_text("utf-8") == before
        await review.press("ctrl+r")
        assert store.recipe_path.read_text("utf-8") == changed
    async with Review() as review:
        await review.press("u")
        assert store.recipe_path.read_text("utf-8") == before
        await review.press("u")
        assert review.bottom.startswith("undone: accepted 001")


async def test_a_template_is_taken_back_too_and_what_another_program_wrote_stays(store: Store) -> None:
    async with Review() as review:
        await review.press("a")
        await opened(review)
        before = field(review).text
        await review.press("n", "4", "ctrl+s", "escape", "u")
        assert store.recipe_path.read_text("utf-8") == before
        await review.press("ctrl+r")
        store.recipe_path.write_text(f"# mine\n{before}", "utf-8")
        await review.press("u")
        assert "The recipe was changed by another program since it was saved" in review.screen
        assert BEFORE in review.screen
        assert store.recipe_path.read_text("utf-8") == f"# mine\n{before}"
        assert store.recipe_path.with_name(BEFORE).read_text("utf-8") == before
        await review.press("u")
        assert review.bottom.startswith("undone: accepted 001")


async def test_what_a_model_would_be_asked_is_shown(store: Store) -> None:
    async with Review() as review:
        await opened(review)
        text = field(review).text.replace('provider = ""', 'provider = "engine"')
        field(review).text = text.replace('name = ""', 'name = "SmolLM2"')
        await review.until(lambda: "a model would be asked 8 times about these" in review.screen)
        assert "~ a model would be asked: questions, " in review.screen
    assert store.tasks.all() == []


# Templates


async def test_nothing_about_a_template_is_cut_in_80_columns(store: Store) -> None:
    async with Review((80, 24)) as review:
        await opened(review)
        await review.press("n")
        for name, does in starter.ABOUT.values():
            assert name in review.screen
            assert f"{does} " in review.screen
        await review.press("2")
        said = review.screen.replace("│", " ").split()
        assert "begun: product description · u brings back what was there · ctrl+s saves" in " ".join(said)


async def test_a_template_is_begun_from_a_list(store: Store) -> None:
    async with Review() as review:
        await opened(review)
        await review.press("n")
        assert isinstance(review.app.screen, ChooseScreen)
        for name, _ in starter.ABOUT.values():
            assert name in review.screen
        await review.press("2")
        assert isinstance(review.app.screen, RecipeScreen), "nothing was written by hand, so nothing is asked"
        assert field(review).text == starter.text(recipes.PRODUCTS)
        assert "begun: product description · u brings back what was there" in review.screen
        assert recipes.QUESTIONS in store.recipe_path.read_text("utf-8"), "the file changes when it is saved"
        await review.press("u")
        assert field(review).text == starter.text(recipes.QUESTIONS)
        await review.press("ctrl+r", "ctrl+s")
        assert store.recipe_path.read_text("utf-8") == starter.text(recipes.PRODUCTS)
        assert not store.recipe_path.with_name(BEFORE).exists()


async def test_what_a_person_wrote_is_asked_about_and_kept(store: Store) -> None:
    mine = starter.text(recipes.QUESTIONS).replace("seed = 0", "seed = 7 # lucky")
    store.recipe_path.write_text(mine)
    async with Review() as review:
        await opened(review)
        await review.press("n", "4")
        assert isinstance(review.app.screen, AskScreen)
        await review.press("n")
        assert field(review).text == mine
        await review.press("n", "4", "y", "ctrl+s")
        assert store.recipe_path.read_text("utf-8") == starter.text(recipes.SUMMARY)
        assert store.recipe_path.with_name(BEFORE).read_text("utf-8") == mine
        assert f"saved, the old one is {BEFORE}" in review.screen
        await review.press("u")
        assert field(review).text == mine


# Templates that do harm


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("{{ colour }}", "'colour' is undefined"),
        ("{{ data.colour }}", "there is no 'colour'; data has title, markdown"),
        ("{{ title.__class__.__mro__ }}", "unsafe"),
        ("{{ ''.__class__.__base__.__subclasses__() }}", "unsafe"),
        ("{{ title | attr('__init__') }}", "unsafe"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{{ 'x' * 10 ** 10 }}", "memory"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "more than 0.2 seconds"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself without end"),
    ],
)
async def test_a_template_that_fails_says_so_where_it_is_and_leaves_no_process(
    store: Store, monkeypatch: pytest.MonkeyPatch, user: str, said: str
) -> None:
    monkeypatch.setattr(rendering, "SECONDS", 0.2)
    async with Review() as review:
        await opened(review)
        field(review).text = OWN.format(user=user)
        await review.until(lambda: any(mark in review.screen for mark in ("✗", "- a field is", "- the template")))
        lines = review.screen.splitlines()
        assert said in " ".join([*(line[58:].strip("│ ") for line in lines), *(line.strip("│ ") for line in lines)])
        await review.until(lambda: not children())
        await review.press("e")
        assert field(review).has_focus


async def test_a_template_without_end_keeps_no_key_waiting(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SECONDS", 60.0)
    async with Review() as review:
        screen = await opened(review)
        endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        field(review).text = OWN.format(user=endless)
        await review.until(lambda: bool(children()))
        ran = children()
        await review.pilot.press("e")
        assert children() == ran, "all this is while it runs"
        await review.pilot.press("a")
        assert field(review).text.startswith("a")
        await review.pilot.press("escape", "escape", "y")
        assert review.app.screen is not screen
        await review.until(lambda: not children())


# The file


async def test_another_program_changes_the_file(store: Store) -> None:
    async with Review() as review:
        await opened(review)
        store.recipe_path.write_text("seed = 3\n")
        await review.until(lambda: field(review).text == "seed = 3\n")
        await review.until(lambda: "another program changed the file" in review.screen)
        field(review).text = "seed = 4\n"
        store.recipe_path.write_text("seed = 55\n")
        await review.until(lambda: "another program changed the file as well: ctrl+s keeps a copy" in review.screen)
        assert field(review).text == "seed = 4\n"
        await review.press("ctrl+s")
        assert store.recipe_path.read_text() == "seed = 4\n"
        assert store.recipe_path.with_name(BEFORE).read_text() == "seed = 55\n"


async def test_a_change_that_nobody_has_looked_at_yet_is_kept_as_well(store: Store) -> None:
    store.recipe_path.write_text("seed = 3\n")
    async with Review() as review:
        await opened(review)
        await review.press("e")
        field(review).text = "seed = 4\n"
        store.recipe_path.write_text("seed = 55\n")
        await review.pilot.press("ctrl+s")
        assert store.recipe_path.read_text() == "seed = 4\n"
        assert store.recipe_path.with_name(BEFORE).read_text() == "seed = 55\n"


async def test_p_follows_a_recipe_that_was_mended_just_now(store: Store) -> None:
    store.recipe_path.write_text("seed = oops\n")
    async with Review() as review:
        await review.until(lambda: "R opens it" in review.screen)
        await review.press("R")
        field(review).text = "seed = 3\n"
        await review.pilot.press("p")
        await review.until(lambda: store.tasks.latest("prepare") is not None)


async def test_the_file_goes_away_and_p_follows_what_is_shown(store: Store) -> None:
    store.recipe_path.write_text("seed = 3\n")
    async with Review() as review:
        await opened(review)
        store.recipe_path.unlink()
        await review.until(lambda: "the file is gone · ctrl+s writes it again" in review.screen)
        await review.press("p")
        assert store.recipe_path.read_text() == "seed = 3\n"
    assert store.tasks.latest("prepare") is not None


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"seed = 1 # \0", b"# more\n" * 800_000, None])
async def test_a_file_that_is_no_recipe_is_said_and_kept(store: Store, content: bytes | None) -> None:
    if content is None:
        store.recipe_path.mkdir()
    else:
        store.recipe_path.write_bytes(content)
    async with Review() as review:
        await opened(review)
        assert "✗ recipe.toml cannot be read" in review.screen
        await review.press("p")
        assert isinstance(review.app.screen, RecipeScreen)
        await review.press("n", "1")
        await review.until(lambda: "of 4 of 4 records" in review.screen)
        await review.press("ctrl+s")
        assert store.recipe_path.read_text() == starter.text(recipes.QUESTIONS)
        before = store.recipe_path.with_name(BEFORE)
        assert before.is_dir() if content is None else before.read_bytes() == content


async def test_a_disk_that_is_full_loses_nothing_that_was_typed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Review() as review:
        await opened(review)
        old = store.recipe_path.read_text("utf-8")
        field(review).text = "seed = 9\n"
        await review.pilot.pause()

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        await review.press("ctrl+s")
        assert "✗ The disk is full: No space left on device" in review.screen
        assert field(review).text == "seed = 9\n"
        assert store.recipe_path.read_text("utf-8") == old
        monkeypatch.undo()


# Reading only


async def test_a_second_ftui_shows_it_and_changes_nothing(store: Store) -> None:
    seat = Seat(store.folder)
    assert seat.take()
    async with Review() as review:
        await opened(review)
        assert not store.recipe_path.exists()
        for key in ("n", "ctrl+s", "p"):
            await review.press(key)
            assert isinstance(review.app.screen, RecipeScreen)
            assert "read only: ftui runs in another terminal" in text_of(review.app)
        await review.press("e", "z")
        assert not field(review).text.startswith("z")
        assert not store.recipe_path.exists()
    seat.leave()
    assert store.tasks.all() == []
