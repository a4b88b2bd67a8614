"""`ftui collect` as a script uses it: every kind of source, its events, its money, what came and what failed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.responses import PlainTextResponse

from cli.test_cli import fails, rows, run
from ftui import credentials, settings
from ftui.store import Store, create_project
from servers.brightdata import TOKEN, BrightDataServer, error_row, product
from servers.serve import serve
from servers.website import Reply, Website, page

DATASET = "gd_l7q7dkf244hwjntr0"


@contextmanager
def bright_data(**faults: Any) -> Iterator[BrightDataServer]:
    """A project, a key, and a service on loopback that is looked at every moment."""
    create_project("kettle")
    server = BrightDataServer(**faults)
    with serve(server.app) as address:
        settings.save_config({"brightdata": {"base_url": address}})
        credentials.save("brightdata", address, TOKEN)
        yield server


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_crawl_with_patterns_and_what_failed_again() -> None:
    create_project("kettle")
    links = ["/support/a", "/support/b", "/shop/c"]
    site = Website(
        {
            "/support/": page("Help", "Where to find help with every kettle.", links),
            "/support/a": page("A", "The kettle A boils a litre of water in four minutes."),
            "/support/b": [Reply(status=404), page("B", "The kettle B keeps tea warm for an hour.")],
            "/shop/c": page("C", "Buy the kettle C now and pay later."),
        }
    )
    with serve(site) as url:
        words = ("--include", "/support/*", "--name", "help", "--json")
        done = run("collect", "crawl", f"{url}/support/", *words)
        assert done.returncode == 0, done.stderr
        events = rows(done.stdout)
        assert [row["subject"] for row in events if row["event"] == "failed"] == [f"{url}/support/b"]
        assert (events[-1]["event"], events[-1]["failures"][0]["count"]) == ("done", 1)  # type: ignore[index]
        assert {"per_second", "seconds_left", "bytes", "cost"} <= set(events[0])
        assert site.hits["/shop/c"] == 0
        assert "✗ 404 not found  1" in run("collect", "failures", "help").stdout
        again = run("collect", "again", "--failed", "help")
        assert again.returncode == 0, again.stderr
        assert (site.hits["/support/a"], site.hits["/support/b"]) == (1, 2)
        fails(run("collect", "again", "--failed", "help"), 7, "Nothing failed")
        listed = run("collect", "records", "help", "--json", "--limit", "0")
        assert sorted(str(row["title"]) for row in rows(listed.stdout)) == ["A", "B", "Help"]
        found = run("collect", "records", "help", "--words", "LITRE water").stdout
        assert "1 of 1 records" in found


def test_a_source_of_an_earlier_ftui_is_known_again() -> None:
    create_project("kettle")
    site = Website({"/": page("Help", "The kettle boils a litre of water in four minutes.")})
    with serve(site) as url, Store("kettle") as store:
        store.sources.add("help", "crawl", {"start": [f"{url}/"], "max_pages": 500})
        done = run("collect", "crawl", url)
        assert done.returncode == 0, done.stderr
        assert [source.name for source in store.sources.all()] == ["help"]


def test_standard_input_is_kept_and_read_as_what_it_is() -> None:
    create_project("kettle")
    lines = "".join(json.dumps({"title": f"Kettle {number}", "price": number}) + "\n" for number in range(20))
    done = run("collect", "files", "-", "--name", "piped", stdin=lines)
    assert done.returncode == 0, done.stderr
    again = run("collect", "files", "-", stdin=lines)
    assert again.returncode == 0, again.stderr
    with Store("kettle") as store:
        assert [source.name for source in store.sources.all()] == ["piped"], "the same content is the same source"
        assert store.records.count() == 20
    fields = rows(run("collect", "records", "piped", "--fields", "--json").stdout)
    assert [(row["field"], row["filled"], row["of"]) for row in fields] == [("title", 20, 20), ("price", 20, 20)]
    assert run("collect", "tag", "piped", "general").returncode == 0
    assert rows(run("collect", "list", "--json").stdout)[0][0]["tag"] == "general"  # type: ignore[index]
    fails(run("collect", "again", "--failed", "piped"), 7, "Nothing failed")


def test_bright_data_says_what_it_costs_while_it_runs() -> None:
    made = [*(product(number) for number in range(40)), error_row(1)]
    with bright_data(rows=made, statuses=[{"status": "running", "records": 12}, "ready"]) as server:
        words = ("collect", "brightdata", "https://shop.test/best", "--limit", "50", "--name", "best")
        fails(run(*words), 8, "--max-cost")
        assert server.triggers == 0
        done = run(*words, "--max-cost", "1", "--json")
        assert done.returncode == 0, done.stderr
        events = rows(done.stdout)
        last = [row for row in events if row["event"] == "progress"][-1]
        assert (last["done"], last["failed"], last["cost_at_most"]) == (40, 1, 0.05)
        assert events[-1]["result"]["cost"] == last["cost"]  # type: ignore[index]
        assert TOKEN not in done.stdout + done.stderr
        with Store("kettle") as store:
            assert store.money.spent() == last["cost"]


def test_an_earlier_snapshot_is_listed_and_taken_at_no_cost() -> None:
    with bright_data(rows=[product(number) for number in range(3)], statuses=["ready"]) as server:
        started = server.start(DATASET, [{"url": "https://shop.test/elsewhere"}])
        listed = rows(run("collect", "snapshots", DATASET, "--json").stdout)
        assert [row["id"] for row in listed] == [started.id]
        done = run("collect", "brightdata", "--snapshot", started.id, "--name", "taken")
        assert done.returncode == 0, done.stderr
        assert "3 records" in done.stdout
        assert server.triggers == 1, "nothing was started for it"
        with Store("kettle") as store:
            assert store.money.spent() == 0


def test_a_person_says_what_became_of_a_collector_job() -> None:
    with bright_data(rows=[product(1)], statuses=["ready"], trigger_faults=["lose", "drop"]) as server:
        words = ("--dataset", "c_kettles", "--limit", "5", "--max-cost", "1")
        lost = run("collect", "brightdata", "https://shop.test/a", *words, "--name", "first")
        fails(lost, 6, "not known whether")
        fails(run("collect", "again", "first"), 7, "--started ID")
        assert server.triggers == 1
        fails(run("collect", "again", "first", "--started", ""), 7, "missing")
        fails(run("collect", "again", "first", "--started", "j mistyped"), 7, "not the id")
        done = run("collect", "again", "first", "--started", server.jobs[0].id)
        assert done.returncode == 0, done.stderr
        assert server.triggers == 1
        fails(run("collect", "brightdata", "https://shop.test/b", *words, "--name", "second"), 6, "not known whether")
        assert run("collect", "again", "second", "--not-started").returncode == 0
        assert server.triggers == 2


def test_a_stopped_job_is_cancelled_and_what_came_is_kept() -> None:
    with bright_data(statuses=["running"], rows_when_cancelled=[product(1), product(2)]) as server:
        words = (
            "collect",
            "brightdata",
            "https://shop.test/best",
            "--limit",
            "50",
            "--max-cost",
            "1",
            "--name",
            "best",
        )
        started = run(*words, "--detach")
        task = int(started.stdout)
        with Store("kettle") as store:
            until(lambda: server.hits["progress"] > 0)
            store.tasks.ask(task, "stop")
            until(lambda: store.tasks.get(task).state == "stopped")
            assert server.jobs[0].cancelled
            assert store.records.count() == 2
            assert 0 < store.money.spent() < 0.05, "what came is paid, not the most it could have been"


def test_what_a_service_says_reaches_the_terminal_as_harmless_text() -> None:
    with bright_data(trigger_faults=[PlainTextResponse("No \x1b[2Jkettles", 400)]):
        words = ("collect", "brightdata", "https://shop.test/best", "--limit", "5", "--max-cost", "1")
        refused = run(*words)
        fails(refused, 7, "No [2Jkettles")
        assert "\x1b" not in refused.stderr


def test_datasets_are_found_by_words() -> None:
    create_project("kettle")
    found = run("collect", "datasets", "amazon", "product").stdout
    assert DATASET in found
    assert any(row["id"] == DATASET for row in rows(run("collect", "datasets", "--json").stdout))


def test_inputs_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "inputs.csv"
    file.write_text("url,zipcode\nhttps://shop.test/dp/1,10115\nhttps://shop.test/dp/2,75001\n")
    with bright_data(rows=[product(1), product(2)], statuses=["ready"]) as server:
        words = ("--dataset", DATASET, "--discover-by", "none", "--input-file", str(file), "--max-cost", "1")
        done = run("collect", "brightdata", *words)
        assert done.returncode == 0, done.stderr
        assert [row["zipcode"] for row in server.jobs[0].input] == ["10115", "75001"]
        assert run("collect", "brightdata", *words, "--limit", "3").returncode == 0
        assert server.jobs[1].query["limit_multiple_results"] == "6", "the limit counts for inputs of a file too"
        fails(run("collect", "brightdata", "--snapshot", "s_1", "--input-file", str(file)), 7, "no inputs")
        file.write_text("url,zipcode\nhttps://shop.test/dp/1\n")
        fails(run("collect", "brightdata", *words), 7, "fewer cells")
        assert server.triggers == 2


def test_a_reader_that_stops_reading_is_no_traceback() -> None:
    create_project("kettle")
    lines = "".join(json.dumps({"title": f"Kettle {number}"}) + "\n" for number in range(3000))
    assert run("collect", "files", "-", "--name", "many", stdin=lines).returncode == 0
    command = [sys.executable, "-m", "ftui", "collect", "records", "many", "--limit", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
