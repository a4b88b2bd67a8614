"""What scripts do to a command line: closed streams, odd amounts, two at once, killed workers, echoed keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.test_cli import fails, rows, run
from ftui import credentials, settings
from ftui.store import Store, create_project
from projects import add_provider, project_with_pairs
from servers.brightdata import TOKEN, BrightDataServer
from servers.provider import KEY, Provider, Stage, metrics
from servers.serve import serve


def shell(command: str) -> subprocess.CompletedProcess[str]:
    command = command.replace("ftui", f"{sys.executable} -m ftui", 1)
    return subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=False)


def test_closed_streams_are_no_traceback() -> None:
    create_project("kettle")
    fails(shell("ftui projects delete kettle <&-"), 7, "--yes")
    fails(shell("ftui connect key openai --no-check <&-"), 4, "not a key")
    fails(shell("ftui <&-"), 7, "needs a terminal")
    silent = shell("ftui collect files /nowhere 2>&-")
    assert silent.returncode == 7
    assert shell("ftui status >&-").returncode == 0
    full = shell("ftui projects > /dev/full")
    assert (full.returncode, full.stderr.count("disk is full")) == (1, 1)


@pytest.mark.parametrize("amount", ["nan", "inf", "-1", "much"])
def test_amounts_of_money_are_numbers(amount: str) -> None:
    project_with_pairs().close()
    assert run("projects", "budget", "--", amount).returncode == 2
    assert run("train", f"--max-cost={amount}").returncode == 2
    with Store("kettle") as store:
        assert store.money.budget == 5.0


def test_the_same_source_twice_at_once_is_one_collection(tmp_path: Path) -> None:
    create_project("kettle")
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"title": f"Kettle {n}"}) + "\n" for n in range(3000)))
    command = [sys.executable, "-m", "ftui", "collect", "files", str(file), "--detach", "--json"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    done = [(process.communicate(timeout=60), process.returncode) for process in started]
    with Store("kettle") as store:
        assert len(store.sources.all()) == 1
        assert all(code in (0, 9) for _, code in done), done
        assert any(code == 0 and json.loads(out)["task"] == 1 for (out, _), code in done)


def test_what_a_killed_worker_left_goes_on_with_the_next_verb() -> None:
    provider = Provider(script=(Stage("running", metrics(1, 4, 8)),))
    with serve(provider.app) as address, project_with_pairs() as store:
        add_provider(address)
        settings.save_config({**settings.config(), "prices": {"gpt-4o-mini-2024-07-18": {"train": 1.0}}})
        begun = run("train", "--provider", "loopback", "--max-cost", "1", "--detach", "--json")
        assert rows(begun.stdout.splitlines()[-1]) == [{"job": "kettle-1"}]
        _until_step(store, 4)
        lease = store.leases.live()
        assert lease is not None
        os.kill(lease.pid, signal.SIGKILL)
        while store.leases.live() is not None:
            time.sleep(0.02)
        assert json.loads(run("status", "--json").stdout)["tasks"][0]["state"] in ("queued", "running")
        ended = run("watch", "--cancel", "--json")
        assert ended.returncode == 0
        last = rows(ended.stdout)[-1]
        assert (last["event"], last["job"], last["model"]) == ("cancelled", "kettle-1", None)
        assert store.leases.live() is not None


def _until_step(store: Store, step: int) -> None:
    deadline = time.monotonic() + 30
    while store.jobs.find("kettle-1").step != step:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_damaged_project_does_not_hide_the_others(home: Path) -> None:
    create_project("sound")
    create_project("broken")
    (home / "config" / "projects" / "broken" / "project.db").write_bytes(b"something else entirely" * 100)
    listed = run("projects")
    assert listed.returncode == 0
    assert "sound" in listed.stdout
    assert "! broken: project.db is not a project's file" in listed.stdout
    fails(run("status", "--project", "broken"), 7, "not a project's file")


def test_an_echoed_key_reaches_no_file(home: Path) -> None:
    provider = Provider()
    provider.refuse("POST /v1/files", 400, "bad", f"What is {KEY}?")
    with serve(provider.app) as address:
        add_provider(address)
        settings.save_config({**settings.config(), "prices": {"gpt-4o-mini-2024-07-18": {"train": 1.0}}})
        project_with_pairs().close()
        failed = run("train", "--provider", "loopback", "--max-cost", "1")
        fails(failed, 6, "What is sk-…0001?")
    holding = [file for file in home.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    assert [file.name for file in holding] == ["credentials.toml"]
    assert "refuses the request" in (home / "log" / "worker-kettle.log").read_text()


def test_a_collection_that_was_refused_costs_nothing_and_can_be_started_again() -> None:
    create_project("kettle")
    server = BrightDataServer(trigger_faults=[400], statuses=["ready"])
    with serve(server.app) as address, Store("kettle") as store:
        settings.save_config({"brightdata": {"base_url": address}})
        credentials.save("brightdata", address, TOKEN)
        words = ("collect", "brightdata", "https://shop.test/best", "--limit", "10", "--name", "best")
        fails(run(*words), 8, "--max-cost")
        fails(run(*words, "--max-cost", "1"), 7, "does not accept the job")
        assert (store.money.spent(), server.triggers) == (0, 0)
        fails(run("collect", "again", "best"), 8, "--max-cost")
        again = run("collect", "again", "best", "--max-cost", "1")
        assert again.returncode == 0, again.stderr
        assert server.triggers == 1
        assert 0 < store.money.spent() < 0.01, "the bill, not the most it could have been"
