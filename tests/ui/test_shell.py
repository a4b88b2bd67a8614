"""The shell: first start, places, where one was, errors, help, projects, themes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from textual.widgets import Input

from ftui import paths, settings, worker
from ftui.errors import NetworkError
from ftui.events import Progress, Record
from ftui.store import Store, create_project
from ftui.ui import app, clock
from ftui.ui.session import Session
from ftui.ui.widgets.rows import RowList
from ui.conftest import NOON
from ui.drive import Driver
from ui.screen import golden

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


def new_project(name: str = "lumora") -> Store:
    create_project(name)
    return Store(name)


@SIZES
async def test_the_first_start_offers_three_ways(size: tuple[int, int]) -> None:
    async with Driver(None, size) as driver:
        await golden(driver.app, f"first-{size[0]}x{size[1]}")


async def test_a_key_leads_to_connect_and_data_to_collect() -> None:
    async with Driver(None) as driver:
        await driver.press("k")
        await driver.until_shown("Providers and sources")
        assert driver.app.store.name == "first"
        assert driver.app.place is not None
        assert driver.app.place.number == 1


async def test_data_leads_to_collect() -> None:
    async with Driver(None) as driver:
        await driver.press("f")
        await driver.until_shown("adds the first one")


async def test_number_keys_go_to_places_but_not_from_a_text_field() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.press("2")
        assert "Sources" in driver.screen
        await driver.press("1", "n", "2", "3")
        assert driver.app.screen.query_one("#name", Input).value == "23"
        await driver.press("escape", "2")
        assert driver.app.place is not None
        assert driver.app.place.number == 2


async def test_a_form_keeps_what_was_typed_but_no_secret() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.press("1", "n")
        await driver.fill(name="box", base_url="http://127.0.0.1:1/v1", key="a-secret-of-mine")
        await driver.press("escape", "n")
        form = driver.app.screen
        assert form.query_one("#name", Input).value == "box"
        assert form.query_one("#base_url", Input).value == "http://127.0.0.1:1/v1"
        assert form.query_one("#key", Input).value == ""


async def test_the_next_start_goes_on_at_the_place_and_the_row() -> None:
    store = new_project()
    for number in range(5):
        store.sources.add(f"source {number}", "files", {"paths": [f"/{number}"]})
    store.close()
    async with Driver() as driver:
        await driver.press("2", "j", "j", "j")
    async with Driver(None) as driver:
        assert driver.app.store.name == "lumora"
        assert driver.app.place is not None
        assert driver.app.place.number == 2
        assert driver.app.place.memory() == {"row": 3}


async def test_where_one_was_is_written_while_the_app_runs() -> None:
    """A killed app has no time to write anything."""
    new_project().close()
    async with Driver() as driver:
        await driver.press("2")
        driver.app.remember()
        assert settings.state()["projects"]["lumora"]["place"] == 2


async def test_while_you_were_away(monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_project()
    source = store.sources.add("support pages", "files", {"paths": ["/x"]})
    session = Session("lumora")
    session.save(2, {})
    session.store.close()
    task = store.tasks.add("collect", "support pages", {"source": source.id}, source.id)
    store.tasks.start(task)
    store.tasks.save_progress(task, Progress(48, 48, "records"))
    store.tasks.finish(task, "done", result={})
    with store.database.write() as connection:
        connection.execute("UPDATE tasks SET finished = ?", (NOON + 1800,))
    store.close()
    monkeypatch.setattr(clock, "now", lambda: NOON + 3600)
    async with Driver() as driver:
        await driver.until_shown("while you were away: 48 records came from support pages")


async def test_a_damaged_state_file_starts_at_the_first_place() -> None:
    new_project().close()
    (paths.config_dir() / "state.toml").write_text('project = "lumora"\n[projects]\nlumora = "x"\n')
    async with Driver(None) as driver:
        assert driver.app.place is not None
        assert driver.app.place.number == 1


async def test_a_damaged_project_is_told_and_the_file_kept() -> None:
    new_project().close()
    file = paths.project_dir("lumora") / "project.db"
    for extra in file.parent.glob("project.db-*"):
        extra.unlink()
    file.write_bytes(b"this is not a database" * 100)
    async with Driver() as driver:
        assert "project.db is not a project's file" in driver.screen
        assert "Traceback" not in driver.screen
    assert file.read_bytes().startswith(b"this is not")


async def test_a_broken_config_is_told_and_the_app_starts() -> None:
    new_project().close()
    (paths.config_dir() / "config.toml").write_text("theme = [broken")
    async with Driver() as driver:
        assert "config.toml cannot be read" in driver.screen


async def test_an_error_has_three_lines_until_escape() -> None:
    new_project().close()
    async with Driver() as driver:
        driver.app.fail(NetworkError("The page did not answer", "it took 20 s", "Try again"))
        await driver.pilot.pause()
        assert [line.strip() for line in driver.lines[-4:-1]] == [
            "✗ The page did not answer",
            "it took 20 s",
            "→ Try again",
        ]
        await driver.press("escape")
        assert "did not answer" not in driver.screen


async def test_an_unforeseen_error_is_shown_and_logged_and_the_app_goes_on() -> None:
    new_project().close()
    async with Driver() as driver:
        with driver.app.trying():
            print(1 / len(driver.app.drafts))
        await driver.pilot.pause()
        assert "did not foresee" in driver.screen
        await driver.press("escape", "2")
        assert "Sources" in driver.screen
    assert "ZeroDivisionError" in (paths.log_dir() / "ui.log").read_text()


async def test_a_key_that_cannot_work_says_why() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.press("2", "z")
        assert driver.bottom.startswith("There is no source yet · n adds one")
        assert "pause" not in driver.lines[-1]


async def test_a_sentence_gets_old(monkeypatch: pytest.MonkeyPatch) -> None:
    new_project().close()
    async with Driver() as driver:
        driver.app.say("done · u undo")
        await driver.pilot.pause()
        assert driver.bottom.startswith("done · u undo")
        monkeypatch.setattr(clock, "now", lambda: NOON + 9)
        await driver.until(lambda: not driver.bottom.startswith("done"))


async def test_help_searches_and_presses() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.press("2", "question_mark")
        assert "new source" in driver.screen
        await driver.press(*"collect", "space", *"pairs")
        assert "new source" not in driver.screen
        assert "make pairs" in driver.screen
        await driver.press("enter")
        assert driver.bottom.startswith("There are no records to make pairs from")


async def test_the_help_is_read_by_the_page() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.press("2", "question_mark")
        rows = driver.app.screen.query_one(RowList)
        await driver.press("end")
        assert rows.cursor == rows.count - 1
        await driver.press("pageup")
        assert rows.cursor < rows.count - 2
        await driver.press("home")
        assert rows.cursor == 0
        await driver.press("pagedown")
        assert rows.cursor > 1


async def test_projects_are_made_and_switched() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.press("o")
        assert "lumora" in driver.screen
        await driver.press("n")
        await driver.fill(name="Not a name!")
        await driver.press("enter")
        assert "cannot be a project's name" in driver.screen
        await driver.fill(name="kettle")
        await driver.press("enter")
        await driver.until(lambda: driver.app.store.name == "kettle")
        await driver.until_shown("kettle")
        await driver.press("o", "j", "enter")
        await driver.until(lambda: driver.app.store.name == "lumora")
    assert settings.state()["project"] == "lumora"


async def test_the_palette_goes_to_places() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.press("ctrl+p", *"Collect")
        await driver.pilot.pause(0.3)
        await driver.press("enter")
        await driver.until(lambda: driver.app.place is not None and driver.app.place.number == 2)


async def test_the_palette_finds_what_the_keys_of_a_place_do() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.press("3", "ctrl+p", *"recipe")
        await driver.pilot.pause(0.3)
        await driver.press("enter")
        await driver.until_shown("recipe.toml")


async def test_the_keymap_of_the_config() -> None:
    new_project().close()
    settings.save_config({"keymap": {"app.projects": "ctrl+o"}})
    async with Driver() as driver:
        await driver.press("o")
        assert "new project" not in driver.screen
        await driver.press("ctrl+o")
        assert "new project" in driver.screen


@pytest.mark.parametrize("theme", ["calm", "calm-light", "ansi-dark", "textual-dark"])
async def test_themes(theme: str) -> None:
    new_project().close()
    settings.save_config({"theme": theme})
    async with Driver() as driver:
        assert driver.app.theme == theme
        assert "Providers and sources" in driver.screen
        colours = {
            segment.style.color
            for strip in driver.app.query_one("Header").render_lines(driver.app.query_one("Header").size.region)
            for segment in strip
            if segment.style
        }
        assert len(colours) > 1


async def test_a_theme_that_was_chosen_is_there_at_the_next_start_from_the_first_picture_on() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.press("ctrl+p", *"theme")
        await driver.until(lambda: "Change the colours" in driver.screen)
        await driver.press("enter")
        await driver.until(lambda: "Search for themes" in driver.screen)
        await driver.press(*"calm-light")
        await driver.until(lambda: "gruvbox" not in driver.screen)
        await driver.press("enter")
        await driver.until(lambda: driver.app.theme == "calm-light")
        await driver.until(lambda: "theme" in settings.state())
    async with Driver() as driver:
        assert driver.app.theme == "calm-light"
        assert driver.app.has_class("-light-mode")
        assert not driver.app.has_class("-dark-mode")
    # What is chosen later in the file holds, and a theme that is gone does no harm.
    for config, kept, wanted in (
        ({"theme": "nord"}, {"name": "calm-light", "instead_of": "calm"}, "nord"),
        ({"theme": "nord"}, {"name": "gone", "instead_of": "nord"}, "nord"),
        ({"theme": "nord"}, "calm-light", "nord"),
        ({"theme": "gone"}, {"name": "calm-light", "instead_of": "gone"}, "calm-light"),
        ({}, {"name": 7}, "calm"),
    ):
        settings.save_config(config)
        settings.save_state(theme=kept)
        async with Driver() as driver:
            assert driver.app.theme == wanted


async def test_without_colour_the_place_and_the_row_still_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    new_project().close()
    async with Driver() as driver:
        assert "▌" in driver.screen


async def test_the_header_tells_what_the_worker_does() -> None:
    store = new_project()
    async with Driver() as driver:
        assert "worker idle" in driver.lines[0]
        store.leases.take(worker.fingerprint())
        task = store.tasks.add("collect", "support pages", {})
        store.tasks.start(task)
        store.tasks.save_progress(task, Progress(312, 480, "pages"))
        await driver.until(lambda: "collecting 65 %" in driver.lines[0])
        store.leases.release()
        await driver.until(lambda: "worker stopped" in driver.lines[0])
        store.tasks.finish(task, "done")
        await driver.until(lambda: "worker idle" in driver.lines[0])
    store.close()


async def test_a_worker_that_was_killed_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "WORKER_SECONDS", 0.1)
    store = new_project()
    async with Driver() as driver:
        # As the killed one left it: running, and nobody holds the lease.
        task = store.tasks.add("prepare", "make pairs", {})
        store.tasks.start(task)
        await driver.until(lambda: not store.tasks.get(task).open, 60)
        lease = store.leases.live()
        assert lease is not None
        os.kill(lease.pid, signal.SIGTERM)
        await driver.until(lambda: store.leases.live() is None)
    store.close()


async def test_p_makes_pairs_from_every_place() -> None:
    store = new_project()
    store.leases.take(worker.fingerprint())
    source = store.sources.add("support", "crawl", {"start": ["https://lumora.example/"]})
    async with Driver() as driver:
        await driver.press("1", "p")
        assert driver.bottom.startswith("there are no records to make pairs from · 2 collects some")
        store.records.put(source.id, [Record("a", "https://lumora.example/a", "A", {"markdown": "# A"})])
        await driver.press("p")
        assert driver.bottom.startswith("pairs are being made · 3 shows them")
        await driver.press("6", "p")
        assert driver.bottom.startswith("pairs are being made already")
        assert [task.kind for task in store.tasks.all()] == ["prepare"]
    store.close()


async def test_a_store_that_cannot_be_read_is_told_of_and_ends_nothing() -> None:
    store = new_project()
    async with Driver() as driver:
        await driver.press("5")
        with store.database.write() as connection:
            connection.execute("DROP TABLE tasks")
        await driver.press("n", "2")
        await driver.until_shown("file cannot be used")
        assert driver.app.is_running
    store.close()


async def test_an_error_that_ends_the_app_leaves_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    new_project().close()

    def handler() -> None:
        secret = "sk-never-to-be-seen"
        raise ZeroDivisionError(f"nobody thought of {len(secret)}")

    with pytest.raises(ZeroDivisionError):
        async with Driver() as driver:
            driver.app.call_next(handler)
            await driver.until(lambda: not driver.app.is_running)
    said = capsys.readouterr().err
    assert "did not foresee" in said
    assert "All that was decided is kept" in said
    assert "sk-never" not in said
    assert "test_shell.py" not in said
    assert "nobody thought of 19" in (paths.log_dir() / "ui.log").read_text()


async def test_the_header_tells_the_money() -> None:
    store = new_project()
    store.money.reserve("a job", "r1", 0.42)
    async with Driver() as driver:
        assert "$0.42 of $5.00" in driver.lines[0]
        store.money.settle("r1", 0.1)
        await driver.until(lambda: "$0.10 of $5.00" in driver.lines[0])
    store.close()


async def test_a_click_on_the_header_and_the_footer() -> None:
    new_project().close()
    async with Driver() as driver:
        await driver.pilot.click("Header", offset=(driver.lines[0].index("2 Collect") + 2, 0))
        await driver.until(lambda: driver.app.place is not None and driver.app.place.number == 2)
        await driver.pilot.click("Footer", offset=(driver.lines[-1].index("new source"), 0))
        await driver.until_shown("a website")


def test_the_first_picture_needs_no_service_library(ui_home: Path) -> None:
    """What talks to services is imported after the first picture, or the start takes twice as long."""
    code = (
        "import sys, ftui.ui.app, ftui.ui.places.connect, ftui.ui.places.collect\n"
        "print([m for m in ('openai', 'httpx', 'httpx2', 'trafilatura', 'torch', 'textual.widgets._text_area',"
        " 'ftui.queue', 'ftui.engine.install') if m in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert seen.stdout.strip() == "[]"
