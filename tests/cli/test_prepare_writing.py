"""`ftui prepare` where the recipe lets a model write: its price is said, a limit is asked for, answers are kept."""

from __future__ import annotations

import json

from cli.test_cli import fails, rows, run
from ftui.events import Record
from writing import CHAT, at_most, good, made, writing_project


def test_without_a_limit_the_price_is_told_and_nothing_is_asked() -> None:
    with writing_project(5) as (store, provider):
        done = run("prepare")
        fails(done, 8, "5 requests to writer of loopback cost $0.11 at most", "--max-cost DOLLARS")
        assert store.tasks.all() == []
        assert provider.count(CHAT) == 0


def test_within_a_limit_the_model_writes_and_the_numbers_add_up() -> None:
    with writing_project(5) as (store, provider):
        provider.answer = lambda body: (
            "I like kettles." if "Zorbel 3 " in body["messages"][1]["content"] else good(body)
        )
        done = run("prepare", "--max-cost", "1")
        assert done.returncode == 0, done.stderr
        assert "the limit is $1.00" in done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].startswith("5 requests: 4 answered, 1 without use, $0.0")
        assert lines[1] == "kettle: 5 records, 8 pairs, 0 accepted"
        assert lines[2] == "  · the model wrote nothing usable  1"
        assert provider.count(CHAT) == 6, "what could not be used was asked once more"
        assert store.money.spent() < at_most(store) + 1
        # What is written costs nothing any more, and needs no limit.
        assert run("prepare").returncode == 0
        assert provider.count(CHAT) == 6


def test_events_as_json() -> None:
    with writing_project(5) as (_, provider):
        done = run("prepare", "--max-cost", "1", "--json")
        assert done.returncode == 0, done.stderr
        events = rows(done.stdout)
        [ended] = [event for event in events if event["event"] == "done"]
        assert ended["result"]["written"]["requests"] == 5  # type: ignore[index]
        assert events[-1]["event"] == "pairs"
        assert provider.count(CHAT) == 5


def test_a_limit_that_reaches_for_a_part() -> None:
    with writing_project(9) as (store, provider):
        provider.reply = lambda body: {"usage": None}
        done = run("prepare", "--max-cost", f"{at_most(store) / 3:.4f}")
        assert done.returncode == 0, done.stderr
        assert "of which as many are sent as that pays for" in done.stderr
        assert "the limit was reached" in done.stdout
        written = len(made(store))
        assert 0 < written < 9
        assert f"not written yet  {9 - written}" in done.stdout


def test_beyond_the_budget_of_the_project() -> None:
    with writing_project(5) as (store, provider):
        store.money.budget = 0.01
        fails(run("prepare", "--max-cost", "1"), 8, "budget", "ftui projects budget")
        assert provider.count(CHAT) == 0
        assert run("prepare", "--max-cost", "0").returncode == 0
        assert provider.count(CHAT) == 0


def test_a_price_that_nobody_knows() -> None:
    with writing_project(5, price=None) as (_, provider):
        fails(run("prepare", "--max-cost", "1"), 8, "The price of writer is not known", 'prices."writer"')
        assert provider.count(CHAT) == 0


def test_pause_go_on_and_stop() -> None:
    with writing_project(30) as (store, provider):
        fails(run("prepare", "--stop"), 7, "No pairs are being made")
        provider.gate.clear()
        task = int(run("prepare", "--max-cost", "4", "--detach").stdout)
        assert run("prepare", "--pause").returncode == 0
        fails(run("prepare", "--max-cost", "4"), 9, "already")
        provider.gate.set()
        went_on = run("prepare", "--go-on")
        assert went_on.returncode == 0, went_on.stderr
        assert store.tasks.get(task).state == "done"
        assert len(made(store)) == 30
        fails(run("prepare", "--go-on"), 7)


def test_a_preview_asks_only_with_a_limit() -> None:
    with writing_project(8) as (store, provider):
        shown = run("prepare", "--preview", "2").stdout
        assert shown.count("~ a model would be asked: questions") == 2
        assert shown.count("You write examples from which a language model learns.") == 1, "each kind is told once"
        assert "user    The Zorbel 0 weighs 100 grams." in shown
        assert provider.count(CHAT) == 0
        done = run("prepare", "--preview", "2", "--max-cost", "1")
        assert done.returncode == 0, done.stderr
        assert "2 requests: 2 answered" in done.stderr
        assert "  ? How heavy is the Zorbel 0?" in done.stdout
        assert "would be asked" not in done.stdout
        assert provider.count(CHAT) == 2
        assert store.pairs.counts().total == 0
        again = run("prepare", "--preview", "2", "--json").stdout
        assert [len(json.loads(line)["requests"]) for line in again.splitlines()] == [0, 0]
        assert provider.count(CHAT) == 2


def test_what_a_site_repeats_is_left_out_of_the_same_requests_everywhere() -> None:
    """The preview, the plan and the run agree on the text that is asked about."""
    with writing_project(12) as (store, provider):
        text = store.recipe_path.read_text().replace("boilerplate = 0.0", "boilerplate = 0.3")
        store.recipe_path.write_text(text)
        foot = "Our shop in the harbour street is open from nine to six, and closed on every Sunday of the year."
        named = [
            "heron",
            "otter",
            "lynx",
            "marten",
            "beaver",
            "badger",
            "falcon",
            "salmon",
            "turtle",
            "squirrel",
            "hedgehog",
            "weasel",
        ]
        texts = [f"The Zorbel {n} weighs {n + 100} grams and is called the {name}." for n, name in enumerate(named)]
        addresses = [f"http://x.test/{n}" for n in range(12)]
        records = [
            Record(url, url, "", {"markdown": f"{text}\n\n{foot}"}) for url, text in zip(addresses, texts, strict=True)
        ]
        source = store.sources.all()[0].id
        store.records.put(source, records)
        assert run("prepare", "--max-cost", "4").returncode == 0
        assert not any("harbour" in str(body) for body in provider.bodies[CHAT])
        assert provider.count(CHAT) == 12
        assert at_most(store) == 0
        assert "would be asked" not in run("prepare", "--preview", "12").stdout
        assert len(made(store)) == 12
