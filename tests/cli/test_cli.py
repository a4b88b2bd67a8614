"""The command line as a script sees it: output, exit codes, one clear sentence for every error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftui import cli
from ftui.store import Store
from projects import add_provider, project_with_pairs
from servers.provider import Provider, failing
from servers.serve import refused_port, serve


def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A real process, as a script starts it."""
    return subprocess.run(
        [sys.executable, "-m", "ftui", *words], input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


def fails(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One sentence on standard error, the right exit code, no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ftui: ")
    for word in words:
        assert word in last


def rows(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        cli.main([verb, "--help"])
    assert done.value.code == 0
    assert f"ftui {verb}" in capsys.readouterr().out


def test_projects() -> None:
    assert "ftui projects new" in run("projects").stdout
    assert run("projects", "new", "kettle").returncode == 0
    assert rows(run("projects", "--json").stdout)[0][0]["name"] == "kettle"  # type: ignore[index]
    fails(run("projects", "new", "kettle"), 7, "already")
    fails(run("projects", "new", "../evil"), 7, "cannot be a project's name")
    fails(run("projects", "delete", "kettle"), 7, "--yes")
    assert run("projects", "delete", "kettle", "--yes").returncode == 0
    fails(run("status"), 7, "No project is chosen")


def test_without_records_or_accepted_pairs_it_is_said_what_comes_first(tmp_path: Path) -> None:
    assert run("projects", "new", "kettle").returncode == 0
    said = run("prepare").stdout.splitlines()
    assert "kettle: 0 records, 0 pairs, 0 accepted" in said
    assert said[-1].startswith("next: ftui collect")
    exported = run("export", str(tmp_path / "out"))
    fails(exported, 7, "There is too little to train on", "0 pairs are accepted", "at least 10", "3 and a accepts")
    assert not (tmp_path / "out").exists()


def test_files_become_pairs(tmp_path: Path) -> None:
    file = tmp_path / "faq.jsonl"
    lines = [
        json.dumps({"url": f"u{n}", "title": f"Kettle {n}", "brand": "Brand", "features": ["steel"],
                    "description": f"The kettle number {n} boils a litre of water in {n + 2} minutes."})
        for n in range(12)
    ]  # fmt: skip
    file.write_text("\n".join([*lines, '{"broken": ', lines[0]]))
    assert run("projects", "new", "kettle").returncode == 0
    collected = run("collect", "files", str(file), "--json")
    assert collected.returncode == 0, collected.stderr
    assert rows(collected.stdout)[-1]["event"] == "done"
    assert any(row["event"] == "failed" for row in rows(collected.stdout)), "the broken line is counted"
    prepared = run("prepare", "--template", "product-description", "--accept-all", "--json")
    assert prepared.returncode == 0, prepared.stderr
    last = rows(prepared.stdout)[-1]
    assert (last["total"], last["accepted"]) == (12, 12), "the exact duplicate is no pair"
    said = run("prepare").stdout
    assert "exact duplicate" in said
    assert " tokens, " in said
    assert "at 2,048 tokens: packing saves " in said
    assert "(1 row instead of 12)" in said
    assert 'template = "product-description"' in run("prepare", "--show-recipe").stdout
    status = json.loads(run("status", "--json").stdout)
    assert status["records"] == 13


def test_train_watch_chat_and_models_against_a_provider() -> None:
    provider = Provider()
    with serve(provider.app) as address:
        add_provider(address)
        project_with_pairs().close()
        words = ("train", "--provider", "loopback", "--epochs", "2")
        fails(run(*words), 8, "--max-cost")
        fails(run(*words, "--max-cost", "1"), 8, "not known")
        assert provider.count("POST /v1/fine_tuning/jobs") == 0
        _price(3.0)
        fails(run(*words, "--max-cost", "0.0001"), 8, "the limit is")
        dry = json.loads(run(*words, "--dry-run", "--json").stdout)
        assert dry["cost_at_most"] == pytest.approx(24 * 30 * 2 * 3 / 1e6)
        trained = run(*words, "--max-cost", "1", "--json")
        assert trained.returncode == 0, trained.stderr
        steps = [row["step"] for row in rows(trained.stdout) if row["event"] == "metrics"]
        assert steps == list(range(1, 11))
        assert "kettle-1: succeeded" in run("watch").stdout
        answer = run("chat", "-m", "hello\x1b[31m", "--json")
        assert rows(answer.stdout)[0]["answer"] == "You said: hello\x1b[31m"
        shown = run("chat", "-m", "hello\x1b[31m").stdout
        assert "\x1b" not in shown, "a model's text must not steer the terminal"
        compared = run("compare", "--json")
        assert compared.returncode == 0, compared.stderr
        assert next(row for row in rows(compared.stdout) if row["event"] == "score")["of"] == 6
        assert run("models", "alias", "production", "kettle-1").returncode == 0
        assert "production" in run("models").stdout
        assert "points at nothing" in run("models", "rollback", "production").stdout


def _price(dollars: float) -> None:
    from ftui import settings

    config = settings.config()
    settings.save_config({**config, "prices": {"gpt-4o-mini-2024-07-18": {"train": dollars}}})


def test_a_job_that_fails_has_an_exit_code_and_a_reason() -> None:
    provider = Provider(script=failing("invalid_file_format", "Example 3 cannot be parsed."))
    with serve(provider.app) as address:
        add_provider(address)
        _price(1.0)
        project_with_pairs().close()
        fails(run("train", "--provider", "loopback", "--max-cost", "1"), 6, "Example 3 cannot be parsed")


def test_keys_are_checked_masked_and_bound_to_their_address(home: Path) -> None:
    provider = Provider()
    with serve(provider.app) as address:
        add_provider(address, key="")
        fails(run("connect", "key", "loopback", stdin="sk-wrong-key-000000\n"), 4, "refuses the key")
        saved = run("connect", "key", "loopback", stdin=f"{provider.key}\n")
        assert saved.returncode == 0, saved.stderr
        assert provider.key not in saved.stdout + saved.stderr
        listed = run("connect").stdout
        assert provider.key not in listed
        assert provider.key[:3] + "…" + provider.key[-4:] in listed
        assert run("connect", "check", "loopback").stdout.startswith("ready")
        file = home / "config" / "credentials.toml"
        assert file.stat().st_mode & 0o077 == 0
        # The same name at another address: the key stays at home.
        add_provider(f"http://127.0.0.1:{refused_port()}", key="")
        fails(run("connect", "check", "loopback"), 4, "no key")
        file.chmod(0o644)
        fails(run("connect"), 4, "chmod 600")


def test_no_network() -> None:
    add_provider(f"http://127.0.0.1:{refused_port()}")
    fails(run("connect", "check", "loopback"), 5, "cannot be reached")


def test_the_app_needs_a_terminal() -> None:
    fails(run(), 7, "needs a terminal")


def test_a_pipe_that_closes_is_no_error() -> None:
    project_with_pairs().close()
    done = subprocess.run(
        f"{sys.executable} -m ftui status | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("project")
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_said_in_one_sentence() -> None:
    if not os.access("/dev/full", os.W_OK):
        return
    project_with_pairs().close()
    done = subprocess.run(
        f"{sys.executable} -m ftui status --json > /dev/full", shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "The disk is full" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_status_names_the_next_step() -> None:
    with project_with_pairs() as store:
        store.records.count()
    assert "ftui collect crawl URL" in run("status").stdout
    with Store("kettle") as store:
        source = store.sources.add("s", "files", {})
        from ftui.events import Record

        store.records.put(source.id, [Record("k", "", "", {})])
    assert "ftui train" in run("status").stdout
