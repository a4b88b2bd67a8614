"""A model writes in the worker: what it costs, what survives a kill, what faults do, what comes of it."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ftui import queue, worker
from ftui.errors import BusyError, MoneyError
from ftui.events import Record
from ftui.prepare.generate import AT_ONCE
from ftui.prepare.shelf import Shelf
from ftui.store import Store
from ftui.store.tasks import Task
from projects import wait
from writing import CHAT, RECIPE, at_most, good, made, number_in, pages, planned, writing_project


def run(store: Store, money: float | None = None) -> Task:
    return wait(store, queue.prepare(store, at_most(store) if money is None else money))


def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def paid(store: Store, task: int) -> float:
    return Shelf.of(store.tasks.ledger(task)).spent


def test_what_a_model_writes_becomes_pairs_and_is_paid_once() -> None:
    with writing_project(9) as (store, provider):
        most = at_most(store)
        first = run(store)
        assert first.state == "done"
        assert first.result is not None
        assert first.result["written"] == {
            "requests": 9, "failed": 0, "items": 9, "cost": pytest.approx(paid(store, first.id)), "stopped": ""
        }  # fmt: skip
        assert set(made(store)) == {f"How heavy is the Zorbel {n}?" for n in range(9)}
        assert not any("unsupported" in flags for flags in made(store).values())
        assert store.pairs.dropped() == []
        spent = store.money.spent()
        assert 0 < spent < most, "what was reserved beyond that is given back"
        assert spent == pytest.approx(paid(store, first.id))

        assert at_most(store) == 0
        assert planned(store).plan.there == 9
        run(store)
        assert (provider.count(CHAT), store.money.spent()) == (9, spent)

        store.records.put(store.sources.all()[0].id, pages(20, 21))
        assert planned(store).plan.requests == 2
        run(store)
        assert provider.count(CHAT) == 11
        assert len(made(store)) == 11
        assert store.money.spent() > spent


def test_killed_again_and_again_it_pays_only_what_was_in_flight_once_more() -> None:
    count, kills, moments = 120, 5, random.Random(4)
    with writing_project(count) as (store, provider):
        provider.answer_delay = 0.03
        most = at_most(store)
        store.money.budget = 100.0
        # With room for what the kills lose: that counts as paid.
        task = queue.prepare(store, 2 * most)
        settled = []
        for _ in range(kills):
            target = provider.count(CHAT) + moments.randint(1, 24)
            until(lambda target=target: provider.count(CHAT) >= target)
            time.sleep(moments.uniform(0.0, 0.03))
            lease = store.leases.live()
            assert lease is not None
            os.kill(lease.pid, signal.SIGKILL)
            until(lambda: store.leases.live() is None)
            settled.append(sum("key" in entry for entry in store.tasks.ledger(task)))
            worker.ensure(store)
        ended = wait(store, task)
        assert ended.state == "done"
        assert settled == sorted(settled)
        assert settled[0] < settled[-1]
        assert count <= provider.count(CHAT) <= count + kills * AT_ONCE
        asked = [number_in(body) for body in provider.bodies[CHAT]]
        answered = len(asked) - len(set(asked))
        assert answered <= kills * AT_ONCE, "nothing that had been written down was asked again"
        assert len(made(store)) == count
        assert store.money.spent() == pytest.approx(paid(store, task))
        assert store.money.spent() <= 2 * most
        # Each answer costs at least what the service counts; what was lost counts with the most that it can cost.
        assert paid(store, task) >= Shelf.of(e for e in store.tasks.ledger(task) if "key" in e).spent
        assert (ended.progress.unit, ended.progress.done) == ("records", count)


def test_who_asks_again_after_a_kill_spends_what_is_allowed_now() -> None:
    with writing_project(30) as (store, provider):
        provider.answer_delay = 0.05
        most = at_most(store)
        store.money.budget = 1.5 * most
        task = queue.prepare(store, most)
        until(lambda: provider.count(CHAT) > 8)
        lease = store.leases.live()
        assert lease is not None
        os.kill(lease.pid, signal.SIGKILL)
        until(lambda: store.leases.live() is None)
        before, sent = paid(store, task), provider.count(CHAT)
        assert queue.prepare(store) == task, "the same one goes on"
        ended = wait(store, task)
        assert ended.state == "done"
        assert provider.count(CHAT) == sent, "nothing may be spent"
        assert store.money.spent() == pytest.approx(before)
        assert run(store).state == "done"
        assert len(made(store)) == 30


def test_stopped_it_gives_the_rest_of_the_money_back_and_a_later_run_asks_the_rest() -> None:
    with writing_project(40) as (store, provider):
        provider.answer_delay = 0.05
        most = at_most(store)
        task = queue.prepare(store, most)
        until(lambda: provider.count(CHAT) > 8)
        assert store.money.spent() == pytest.approx(most), "reserved before the first request"
        queue.stop(store, task)
        until(lambda: store.tasks.get(task).state == "stopped")
        until(lambda: store.money.spent() < most)
        assert store.money.spent() == pytest.approx(paid(store, task))
        sent = provider.count(CHAT)
        assert sent < 40
        provider.answer_delay = 0.0
        assert run(store).state == "done"
        assert provider.count(CHAT) <= 40 + AT_ONCE
        assert len(made(store)) == 40


def test_paused_it_goes_on_where_it_was() -> None:
    with writing_project(40) as (store, provider):
        provider.answer_delay = 0.05
        task = queue.prepare(store, 2 * at_most(store))
        until(lambda: provider.count(CHAT) > 8)
        queue.pause(store, task)
        until(lambda: store.tasks.get(task).state == "paused")
        before = store.tasks.get(task).progress
        assert (before.unit, before.total) == ("requests", 40)
        assert 0 < before.done < 40
        assert before.cost is not None
        with pytest.raises(BusyError):
            queue.write(store, [1], 0.1)
        provider.answer_delay = 0.0
        queue.resume(store, task)
        assert wait(store, task).state == "done"
        assert provider.count(CHAT) <= 40 + AT_ONCE
        assert len(made(store)) == 40


def test_stopped_after_a_kill_nothing_stays_reserved() -> None:
    with writing_project(30) as (store, provider):
        provider.gate.clear()
        most = at_most(store)
        task = queue.prepare(store, most)
        until(lambda: provider.count(CHAT) == AT_ONCE)
        lease = store.leases.live()
        assert lease is not None
        os.kill(lease.pid, signal.SIGKILL)
        until(lambda: store.leases.live() is None)
        provider.gate.set()
        assert store.money.spent() == pytest.approx(most)
        queue.stop(store, task)
        worker.ensure(store)
        until(lambda: store.tasks.get(task).state == "stopped")
        until(lambda: store.money.spent() < most)
        assert store.money.spent() == pytest.approx(paid(store, task))
        assert provider.count(CHAT) == AT_ONCE, "what a person has stopped is not begun again"


# Money


def test_without_a_yes_nothing_that_costs_is_asked() -> None:
    with writing_project(5) as (store, provider):
        task = wait(store, queue.prepare(store))
        assert task.state == "done"
        assert provider.count(CHAT) == 0
        assert store.pairs.dropped() == [("not written yet", 5)]
        assert any("no money was given" in text for _, _, text in store.tasks.notes(task.id))


def test_what_costs_nothing_is_asked_at_once() -> None:
    with writing_project(5, price=0.0) as (store, provider):
        assert planned(store).free
        assert wait(store, queue.prepare(store)).state == "done"
        assert provider.count(CHAT) == 5
        assert store.money.spent() == 0


def test_a_limit_below_the_price_asks_as_much_as_it_reaches_for() -> None:
    with writing_project(20) as (store, provider):
        provider.reply = lambda body: {"usage": None}
        limit = at_most(store) / 4
        task = run(store, limit)
        assert task.result is not None
        assert task.result["written"]["stopped"] == "budget"
        assert 0 < provider.count(CHAT) < 20
        assert 0 < store.money.spent() <= limit
        assert dict(store.pairs.dropped())["not written yet"] == 20 - len(made(store))


def test_the_budget_of_the_project_comes_first() -> None:
    with writing_project(20) as (store, provider):
        most = at_most(store)
        store.money.budget = most / 2
        with pytest.raises(MoneyError) as caught:
            queue.prepare(store, most)
        assert "budget" in caught.value.do
        # What was taken meanwhile by something else is noticed before the first request.
        store.money.budget = 2 * most
        task = store.tasks.add("prepare", "make pairs", {"at_most": most})
        store.money.reserve("Job x", "x", 1.5 * most)
        worker.ensure(store)
        ended = wait(store, task)
        assert isinstance(ended.error, MoneyError)
        assert provider.count(CHAT) == 0


def test_a_price_that_nobody_knows_is_said() -> None:
    with writing_project(3, price=None) as (store, provider):
        with pytest.raises(MoneyError) as caught:
            planned(store)
        assert '[prices."writer"]' in caught.value.do
        assert wait(store, queue.prepare(store)).state == "done"
        assert provider.count(CHAT) == 0


# Faults


def test_a_wrong_key_ends_it_and_costs_nothing_and_r_goes_on() -> None:
    with writing_project(6) as (store, provider):
        provider.refuse(CHAT, 401, "invalid_api_key", "Incorrect API key provided.")
        task = run(store)
        assert task.state == "failed"
        assert task.error is not None
        assert store.money.spent() == 0
        provider.allow(CHAT)
        queue.resume(store, task.id)
        assert wait(store, task.id).state == "done"
        assert len(made(store)) == 6


def test_whatever_a_model_answers_the_rest_is_made() -> None:
    """Busy, garbage, half an answer, a lost one, a refusal, what is made up: each has its reason or its flag."""

    def answer(body: Mapping[str, Any]) -> str:
        match number_in(body):
            case 1:
                return "I like kettles."
            case 2:
                return good(body)[:-1] + ', {"question": "And what el'
            case 3:
                invented = {"question": "Is the Zorbel 3 safe?", "also": [], "answer": "It explodes at 900 degrees."}
                return json.dumps({"pairs": [{**invented, "quote": "it explodes without warning"}]})
            case 4:
                return json.dumps({"pairs": [{"question": 4, "answer": None}, *json.loads(good(body))["pairs"]]})
            case _:
                return good(body)

    def reply(body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"refusal": "I will not.", "content": None} if number_in(body) == 5 else {}

    with writing_project(12) as (store, provider):
        provider.answer, provider.reply = answer, reply
        provider.refuse(CHAT, 429, "rate_limit_exceeded", "Slow down.", times=2, headers={"retry-after": "0"})
        provider.lose(CHAT, times=1)
        task = run(store)
        assert task.state == "done"
        found = made(store)
        assert len(found) == 10
        assert found["Is the Zorbel 3 safe?"]["unsupported"] == "what it quotes is not in the source"
        assert [question for question, flags in found.items() if "unsupported" in flags] == ["Is the Zorbel 3 safe?"]
        assert store.pairs.dropped() == [("the model wrote nothing usable", 2)]
        reasons = {reason.split(":")[0] for _, reason, _ in store.tasks.failures(task.id)}
        assert reasons == {"there is no JSON in it", "it refuses"}


# Templates that need a model's words


ARTICLE = (
    "The harbour of Lumora was closed for three days in March. A crane had sunk a barge with nine tons of salt,"
    " and divers had to lift it piece by piece. The harbour master, Ilse Brandt, says that no fish were harmed."
)


def one_record(store: Store, data: Mapping[str, Any]) -> None:
    store.records.put(store.sources.all()[0].id, [Record("a", "http://x.test/a", str(data["title"]), data)])


def test_articles_become_summaries() -> None:
    recipe = RECIPE.replace("[questions]", 'template = "article-to-summary"\n\n[questions]', 1)
    with writing_project(0, recipe) as (store, provider):
        summary = "Lumora's harbour was closed for three days in March after a barge with nine tons of salt sank."
        provider.answer = lambda body: json.dumps({"summary": summary})
        one_record(store, {"title": "Harbour closed", "markdown": ARTICLE})
        store.records.put(
            store.sources.all()[0].id,
            [
                Record(
                    "b", "", "Own", {"title": "Own", "markdown": ARTICLE * 2, "summary": "It says so itself, in short."}
                )
            ],
        )
        assert planned(store).plan.requests == 1, "one has a summary of its own"
        assert run(store).state == "done"
        pairs = {pair.text("assistant"): pair for pair in store.pairs.page(store.pairs.ids()).values()}
        assert set(pairs) == {summary, "It says so itself, in short."}
        assert pairs[summary].text("user").startswith("Summarise this article.\n\nHarbour closed\n\nThe harbour of")
        assert pairs[summary].origin["model"] == "loopback writer"
        assert "unsupported" not in pairs[summary].flags


def test_a_house_style_is_learnt_from_plain_words() -> None:
    recipe = RECIPE.replace("[questions]", 'template = "house-style"\n\n[questions]', 1)
    with writing_project(0, recipe) as (store, provider):
        plain = (
            "Harbour closed 3 days in March; crane sank barge with salt; divers lifted it; Ilse Brandt: fish fine; 77."
        )
        provider.answer = lambda body: json.dumps({"plain": plain})
        one_record(store, {"title": "Harbour closed", "markdown": ARTICLE})
        assert run(store).state == "done"
        [pair] = store.pairs.page(store.pairs.ids()).values()
        assert pair.text("user") == f"Rewrite this in our style.\n\n{plain}"
        assert pair.text("assistant") == ARTICLE
        assert provider.count(CHAT) == 1


# Replay


def test_general_questions_are_answered_by_the_model_that_is_to_be_tuned() -> None:
    recipe = RECIPE.replace("general = 0.0", "general = 0.5") + '\n[replay]\nprovider = "loopback"\nname = "base"\n'
    with writing_project(6, recipe, price=0.0) as (store, provider):
        from ftui import settings

        config = settings.config()
        config["prices"]["base"] = {"input": 0.0, "output": 0.0}
        settings.save_config(config)

        def answer(body: Mapping[str, Any]) -> str:
            return good(body) if body["model"] == "writer" else f"As I see it: {body['messages'][-1]['content']}"

        provider.answer = answer
        general = store.sources.add("talk", "files", {"paths": ["y"]}, "general")
        questions = [f"What is number {n}?" for n in range(5)]
        rows = [Record(q, "", "", {"question": q, "answer": "by a person"}) for q in questions]
        store.records.put(general.id, rows)
        assert planned(store).plan.requests == 11
        assert run(store).state == "done"
        pairs = store.pairs.page(store.pairs.ids()).values()
        mixed = [pair for pair in pairs if pair.kind == "general"]
        assert len(mixed) == len(list(pairs)) - len(mixed) == 12
        assert {pair.text("assistant") for pair in mixed} == {f"As I see it: {q}" for q in questions}
        assert {pair.origin["model"] for pair in mixed} == {"loopback base"}
        replays = [body for body in provider.bodies[CHAT] if body["model"] == "base"]
        assert len(replays) == 5
        assert not any("response_format" in body for body in replays)
        run(store)
        assert provider.count(CHAT) == 11, "they are kept as well"


def test_a_write_about_some_records_is_there_for_the_rest() -> None:
    with writing_project(6) as (store, provider):
        some = list(store.records.ids(store.sources.all()[0].id))[:2]
        task = wait(store, queue.write(store, some, at_most(store)))
        assert task.state == "done"
        assert provider.count(CHAT) == 2
        assert store.pairs.counts().total == 0
        run(store)
        assert provider.count(CHAT) == 6
