"""What a stopped, paused or failed collection costs: nothing runs on unseen, nothing stays reserved in vain."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from cli.test_cli import fails, run
from cli.test_collect import DATASET, bright_data, until
from ftui import collect, credentials, queue, settings, worker
from ftui.store import Store, create_project
from servers import unlocker
from servers.brightdata import BrightDataServer, error_row, product
from servers.serve import serve
from servers.website import Reply, Website, page

WORDS = ("collect", "brightdata", "https://shop.test/best", "--limit", "50", "--max-cost", "1", "--name", "best")


def stopped(store: Store, task: int) -> bool:
    return store.tasks.get(task).state == "stopped"


def test_a_paused_job_that_is_stopped_is_cancelled() -> None:
    with bright_data(statuses=["running"], rows_when_cancelled=[product(1)]) as server, Store("kettle") as store:
        task = int(run(*WORDS, "--detach").stdout)
        until(lambda: server.hits["progress"] > 0)
        queue.pause(store, task)
        until(lambda: store.tasks.get(task).state == "paused")
        assert server.hits["cancel"] == 0
        queue.stop(store, task)
        until(lambda: stopped(store, task))
        assert server.hits["cancel"] == 1
        assert 0 < store.money.spent() < 0.05


@pytest.mark.parametrize("dataset", [DATASET, "c_kettles"])
def test_stopped_while_it_is_started_its_answer_is_heard_out(dataset: str) -> None:
    with bright_data(statuses=["running"], trigger_faults=["late"], not_ready=99) as server, Store("kettle") as store:
        task = int(run(*WORDS, "--dataset", dataset, "--discover-by", "none", "--detach").stdout)
        until(lambda: server.triggers > 0)
        queue.pause(store, task)
        until(lambda: store.tasks.get(task).state == "paused")
        assert store.tasks.get(task).checkpoint["snapshot_id"] == server.jobs[0].id


def left_behind(store: Store, server: BrightDataServer, **checkpoint: Any) -> int:
    """A collection that a person has stopped, but whose worker was killed before it did anything about it."""
    config = collect.brightdata_config(["https://shop.test/best"], limit=50)
    source = store.sources.add("best", "brightdata", collect.validate("brightdata", config))
    task = store.tasks.add("collect", source.name, {"source": source.id}, source.id)
    store.tasks.start(task)
    if checkpoint:
        store.money.reserve("Collecting best", f"collect-{task}", 0.05)
        store.tasks.save_checkpoint(task, checkpoint)
    store.tasks.ask(task, "stop")
    assert server.hits.total() == 0
    worker.ensure(store)
    until(lambda: stopped(store, task))
    return task


def test_what_was_stopped_before_its_worker_died_is_not_begun_by_the_next() -> None:
    with bright_data() as server, Store("kettle") as store:
        left_behind(store, server)
        assert server.hits.total() == 0
        assert store.money.spent() == 0


def test_a_worker_killed_while_it_cancels_leaves_that_to_the_next() -> None:
    with bright_data(statuses=["running"], rows_when_cancelled=[product(1), product(2)]) as server:
        job = server.start(collect.brightdata_config(["x"])["dataset_id"], [{"url": "x"}])
        job.cancelled = True
        with Store("kettle") as store:
            left_behind(store, server, snapshot_id=job.id)
            assert (server.triggers, server.hits["progress"]) == (1, 0), "only what is left to do is done"
            assert store.records.count() == 2
            assert store.money.spent() == 0.002


def test_stopped_before_anything_was_asked_for_it_costs_nothing() -> None:
    with bright_data(retry_after="60") as server, Store("kettle") as store:
        server.refusals["snapshots"] = 1
        task = int(run(*WORDS, "--detach").stdout)
        until(lambda: server.hits["snapshots"] > 0)
        assert store.money.spent() == 0.05
        queue.stop(store, task)
        until(lambda: stopped(store, task))
        assert server.triggers == 0
        assert store.money.spent() == 0


def test_a_crawl_through_the_web_unlocker_that_fails_costs_what_it_fetched() -> None:
    create_project("kettle")
    website = Website({"/": page("Home", "", ["/a", "/b"]), "/a": page("A", ""), "/b": page("B", "")})
    website.replies["/robots.txt"] = Reply("User-agent: *", kind="text/plain")
    server = unlocker.UnlockerServer(website)
    with serve(server) as address:
        settings.save_config({"brightdata": {"base_url": address}})
        credentials.save("brightdata", address, unlocker.TOKEN)
        words = ("--sitemap", "none", "--concurrency", "1", "--unlocker", unlocker.ZONE, "--price-per-request", "0.01")
        fails(run("collect", "crawl", "https://shop.test", *words, "--max-pages", "99", "--max-cost", "5"), 7, "text")
    with Store("kettle") as store:
        assert 0.01 * server.charged <= store.money.spent() <= 0.01 * (server.charged + 1)


def test_only_what_came_to_its_end_has_failures_to_retry() -> None:
    gone = [error_row(1), error_row(2)]
    pages = [row["input"]["url"] for row in gone]
    with bright_data(rows=[product(1), *gone], statuses=["ready"]) as server, Store("kettle") as store:
        words = ("collect", "brightdata", *pages, "--dataset", DATASET, "--discover-by", "none", "--name", "pages")
        server.bodies = [PlainTextResponse("Invalid credentials", 401)]
        fails(run(*words, "--max-cost", "1"), 4, "Invalid credentials")
        fails(run("collect", "again", "pages", "--failed", "--max-cost", "1"), 7, "go on first")
        assert run("collect", "again", "pages").returncode == 0
        assert server.triggers == 1

        # A retry that is refused has tried nothing; the next one still knows what there is to try.
        server.trigger_faults = [PlainTextResponse("Balance is empty", 402)]
        again = ("collect", "again", "pages", "--failed", "--max-cost", "0.001")
        fails(run(*again), 8, "could pass the limit")
        again = (*again[:-1], "1")
        fails(run(*again), 8, "Balance")
        server.rows = [product(2), product(3)]
        done = run(*again)
        assert done.returncode == 0, done.stderr
        assert [row["url"] for row in server.jobs[1].input] == pages
        assert store.records.count() == 3
        fails(run(*again), 7, "Nothing failed")
