"""The Train place: jobs, the monitor, the new-job screen and its price."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input, Select

from ftui import settings
from ftui.errors import NetworkError
from ftui.store import Store
from ftui.store.jobs import JobEvent
from ftui.ui.screens.ask import AskScreen
from ftui.ui.screens.job import JobScreen
from ftui.ui.widgets.monitor import Monitor, at_most
from ui.drive import Driver
from ui.loop_data import (
    NOON,
    add_job,
    add_pairs,
    add_service,
    add_version,
    fail,
    freeze_time,
    new_store,
    run_to,
    succeed,
    task_of,
    worker_is_here,
)
from ui.screen import golden, settle

KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def store(ui_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    freeze_time(monkeypatch)
    JobScreen.draft.clear()
    with new_store() as opened:
        worker_is_here(opened)
        yield opened


def at_train(size: tuple[int, int] = (120, 40)) -> Driver:
    """The app in its Train place."""
    return Driver("lumora", size, keys="4")


def three_jobs(store: Store) -> None:
    version = add_version(store)
    add_pairs(store)
    fail(store, add_job(store))
    succeed(store, add_job(store), version)
    run_to(store, add_job(store), 99)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "narrow"])
async def test_goldens(store: Store, size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"
    async with at_train(size) as train:
        await golden(train.app, f"train-empty-{name}")
    three_jobs(store)
    async with at_train(size) as train:
        await golden(train.app, f"train-running-{name}")
        await train.press("j")
        await golden(train.app, f"train-succeeded-{name}")
        await train.press("j", "l")
        await golden(train.app, f"train-failed-{name}")
        await train.press("n")
        await golden(train.app, f"train-new-{name}")
        train.app.screen.query_one("#provider", Select).value = "openai"
        await settle(train.pilot)
        await golden(train.app, f"train-new-openai-{name}")


async def test_the_monitor_follows_what_the_worker_writes(store: Store) -> None:
    job = add_job(store)
    async with at_train() as train:
        assert "queued" in train.screen
        run_to(store, job, 40)
        await train.until(lambda: "step 40 of 160" in train.screen)
        assert "epoch 2 of 6" in train.screen
        assert "1 m 20 s left" in train.screen
        store.jobs.add_events(job.id, [JobEvent("x", NOON, "warn", "message", "\x1b[31m[b]odd[/b] event")])
        await train.until(lambda: "! ␛[31m[b]odd[/b] event" in train.screen)
        store.jobs.update(job.id, state="a_new_state")
        await train.until(lambda: "a new state" in train.screen)


async def test_a_job_that_nobody_follows_is_told_and_looked_at_again(store: Store) -> None:
    job = add_job(store)
    run_to(store, job, 40)
    store.tasks.finish(
        task_of(store, job), "failed", error=NetworkError("The provider cannot be reached", "no route", "Try later")
    )
    async with at_train() as train:
        assert "nobody follows this job now" in train.screen
        assert "✗ The provider cannot be reached" in train.screen
        await train.press("r")
        assert store.tasks.get(task_of(store, job)).state == "queued"
        assert "looking at lumora-1 again" in train.bottom


async def test_cancel_asks_and_no_is_the_default(store: Store) -> None:
    job = add_job(store)
    run_to(store, job, 40)
    task = task_of(store, job)
    async with at_train() as train:
        await train.press("ctrl+x")
        assert "Cancel lumora-1?" in train.screen
        await train.press("enter")
        assert store.tasks.get(task).control is None
        await train.press("ctrl+x", "y")
        assert store.tasks.get(task).control == "stop"
        assert "lumora-1 is being cancelled" in train.bottom


async def test_pause_and_go_on(store: Store) -> None:
    job = add_job(store)
    run_to(store, job, 40)
    task = task_of(store, job)
    async with at_train() as train:
        await train.press("z")
        assert store.tasks.get(task).control == "pause"
        assert "pausing 25 %" in train.screen
        await train.press("z")
        assert store.tasks.get(task).control == "resume", "the wish that nobody has read yet is taken back"
        # As the worker does when the provider has paused it.
        store.tasks.set_control(task, None)
        store.jobs.update(job.id, state="paused")
        await train.until(lambda: "paused 25 %" in train.screen)
        await train.press("z")
        assert store.tasks.get(task).control == "resume"


async def test_a_key_that_cannot_work_says_why_and_is_not_in_the_footer(store: Store) -> None:
    async with at_train() as train:
        assert "cancel" not in train.footer
        await train.press("ctrl+x")
        assert "there is no job yet" in train.bottom
        succeed(store, add_job(store), add_version(store))
        await train.until(lambda: "succeeded" in train.screen)
        await train.press("ctrl+x")
        assert "lumora-1 has succeeded already" in train.bottom
        await train.press("z")
        assert "lumora-1 has succeeded already" in train.bottom


async def test_the_cursor_stays_on_its_job_when_another_comes(store: Store) -> None:
    add_job(store)
    async with at_train() as train:
        add_job(store)
        await train.until(lambda: "lumora-2" in train.screen)
        assert str(train.app.screen.query_one(Monitor).border_title).startswith("lumora-1")


async def test_smoothing_and_log_scale(store: Store) -> None:
    run_to(store, add_job(store), 99)
    async with at_train() as train:
        plot = train.app.screen.query_one(Monitor).plot
        await train.press("plus", "plus")
        assert plot.smoothing > 0.6
        assert "smoothing 0.8" in train.screen
        await train.press("minus", "minus", "l")
        assert plot.smoothing == 0
        assert "log scale" in train.screen


async def test_chat_with_the_model_of_the_job(store: Store) -> None:
    version = add_version(store)
    succeed(store, add_job(store), version)
    succeed(store, add_job(store), version)
    async with at_train() as train:
        await train.press("j", "c")
        await train.until(lambda: "Chat · lumora-1 " in train.screen)


async def test_a_job_that_costs_money_starts_only_after_a_yes(store: Store) -> None:
    add_pairs(store)
    add_service("http://127.0.0.1:9", KEY)
    config = settings.config()
    settings.save_config(config | {"prices": {"gpt-4o-mini-2024-07-18": {"train": 300.0}}})
    async with at_train() as train:
        await train.press("n")
        train.app.screen.query_one("#provider", Select).value = "testing"
        await settle(train.pilot)
        field = train.app.screen.query_one("#n_epochs", Input)
        field.value = "3"
        field.focus()
        await settle(train.pilot)
        assert "24 pairs · 960 tokens · 3 epochs make 2,880" in train.screen
        assert "costs at most $0.87" in train.screen
        await train.press("enter")
        assert isinstance(train.app.screen, AskScreen)
        assert "Start a job at Testing for at most $0.87?" in train.screen
        await train.press("enter")
        assert store.jobs.all() == [], "n is the default"
        assert "3 epochs" in train.screen, "what was chosen is still there"
        await train.press("enter", "y")
        (job,) = store.jobs.all()
        assert (job.provider, job.hyperparameters) == ("testing", {"n_epochs": 3})
        assert store.money.spent() == pytest.approx(0.864)
        assert store.tasks.get(task_of(store, job)).state == "queued"
        assert "lumora-1 is on its way" in train.bottom


async def test_a_job_above_the_budget_is_refused_in_the_form(store: Store) -> None:
    add_pairs(store)
    add_service("http://127.0.0.1:9", KEY)
    settings.save_config(settings.config() | {"prices": {"gpt-4o-mini-2024-07-18": {"train": 30_000.0}}})
    async with at_train() as train:
        await train.press("n")
        train.app.screen.query_one("#provider", Select).value = "testing"
        await settle(train.pilot)
        await train.press("enter", "y")
        assert isinstance(train.app.screen, JobScreen)
        assert "could cost $288.00" in train.screen
    assert store.jobs.all() == []


async def test_a_price_that_nobody_knows_is_asked_about(store: Store) -> None:
    add_pairs(store)
    add_service("http://127.0.0.1:9", KEY)
    async with at_train() as train:
        await train.press("n")
        train.app.screen.query_one("#provider", Select).value = "testing"
        await settle(train.pilot)
        assert "the price of this base model is not known" in train.screen
        await train.press("enter")
        assert "without knowing its price?" in train.screen
        await train.press("n")
    assert store.jobs.all() == []


async def test_what_cannot_start_says_why_and_what_was_typed_is_kept(store: Store) -> None:
    async with at_train() as train:
        await train.press("n")
        field = train.app.screen.query_one("#n_epochs", Input)
        field.value = "many"
        await settle(train.pilot)
        assert "a whole number from 1 to 50, or auto" in train.screen
        await train.press("enter")
        assert isinstance(train.app.screen, JobScreen)
        await train.press("escape", "n")
        assert train.app.screen.query_one("#n_epochs", Input).value == "many"
        train.app.screen.query_one("#n_epochs", Input).value = "auto"
        await settle(train.pilot)
        await train.press("enter")
        assert "✗ This job cannot start yet" in train.screen
        assert "0 pairs are accepted" in train.screen


async def test_more_settings_of_the_engine_are_closed_until_they_are_asked_for(store: Store) -> None:
    add_pairs(store)
    add_service("http://127.0.0.1:9", KEY)
    async with at_train((80, 24)) as train:
        await train.press("n")
        await train.until_shown("at 2,048 tokens: packing saves")
        assert "▸ More settings" in train.screen
        assert "LoRA rank" not in train.screen
        screen = train.app.screen
        assert isinstance(screen, JobScreen)
        assert screen._hyperparameters() == {}
        screen.query_one("#learning_rate_multiplier").focus()
        await train.press("down", "enter")
        assert "LoRA rank" in train.screen
        await train.fill(lora_rank="16", lora_dropout="0", context_length="64", early_stop="3")
        screen.query_one("#packing", Select).value = "yes"
        await train.until_shown("at 64 tokens: packing ")
        assert screen._hyperparameters() == {
            "lora_rank": 16,
            "lora_dropout": 0,
            "context_length": 64,
            "early_stop": 3,
            "packing": True,
        }
        await golden(train.app, "train-new-more-80x24")
        assert screen._plan is not None
        assert not [problem for problem in screen._plan.problems if "lora" in problem]
        await train.fill(lora_rank="1000")
        assert "a whole number from 1 to 512, or auto" in train.screen
        await train.press("escape", "n")
        assert train.app.screen.query_one("#lora_rank", Input).value == "1000"
        train.app.screen.query_one("#provider", Select).value = "testing"
        await settle(train.pilot)
        assert "More settings" not in train.screen
        assert "packing" not in train.screen
        screen = train.app.screen
        assert isinstance(screen, JobScreen)
        assert screen._hyperparameters() == {}
        screen.query_one("#provider", Select).value = "engine"
        await settle(train.pilot)
        screen.query_one("_Head").focus()
        await train.press("enter")
        assert "LoRA rank" not in train.screen
        assert screen._hyperparameters() == {}, "what is closed is not sent"


def test_a_price_is_never_rounded_down() -> None:
    assert [at_most(cost) for cost in (0.0001, 0.01, 0.8640, 1.0)] == ["$0.01", "$0.01", "$0.87", "$1.00"]
