"""Pairs written by a model: what is asked, what is paid, what faults cost, what a kill costs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from ftui.connect import providers
from ftui.connect.prices import FREE, Price
from ftui.connect.providers import Provider as Profile
from ftui.engine.chat_request import read_request
from ftui.engine.models import Models
from ftui.engine.wire import Fields
from ftui.errors import CredentialError, FtuiError, MoneyError, NetworkError, ServiceError
from ftui.events import Entry, Event, Failure, Note, Progress, Result
from ftui.prepare import Cleaner, Dropped, Pair, prepare
from ftui.prepare.generate import HOPELESS, Plan, about, generate, plan
from ftui.prepare.recipe import Mixture, Model, Questions, Recipe
from ftui.prepare.shelf import Shelf
from projects import add_provider
from servers.provider import Provider
from servers.serve import refused_port, serve

CHAT = "POST /v1/chat/completions"
PRICE = Price(1.0, 4.0)
RECIPE = Recipe(
    questions=Questions(presentations=3),
    mixture=Mixture(0.0),
    model=Model("loopback", "writer", pairs=2, wordings=0),
)
TEXT = "The Zorbel {} weighs {} grams. Press both ears of it at the same time and its lid opens with a sigh."


def page(number: int) -> dict[str, Any]:
    data = {"markdown": TEXT.format(number, number + 100)}
    return {"id": number, "source": 1, "url": f"http://x.test/{number}", "title": "", "data": data}


def good(body: Mapping[str, Any]) -> str:
    """The answer of a model that does as it is told."""
    text = body["messages"][1]["content"]
    number, weight = text.split()[2], text.split()[4]
    pair = {
        "question": f"How heavy is the Zorbel {number}?",
        "also": [],
        "answer": f"The Zorbel {number} weighs {weight} grams.",
        "quote": f"the zorbel {number}  weighs {weight} grams",
    }
    return json.dumps({"pairs": [pair]})


class Site:
    """A provider, a client for it, and a run of `generate` at it."""

    def __init__(self, provider: Provider, profile: Profile, client: AsyncOpenAI) -> None:
        self.provider, self.profile, self.client = provider, profile, client

    def events(
        self,
        records: Iterable[Mapping[str, Any]],
        recipe: Recipe = RECIPE,
        *,
        price: Price | None = FREE,
        budget: float = 100.0,
        ledger: Iterable[Mapping[str, Any]] = (),
        at_once: int = 4,
    ) -> AsyncGenerator[Event, None]:
        asks = about(records, recipe, Cleaner(recipe))
        shelf, model = Shelf.of(ledger), recipe.model.name
        return generate(
            asks, shelf, self.client, self.profile, model, price=price, budget=budget, at_once=at_once, wait=0.01
        )

    def plan(self, records: Iterable[Mapping[str, Any]], price: Price | None = PRICE) -> Plan:
        return plan(about(records, RECIPE, Cleaner(RECIPE)), Shelf(), self.profile, "writer", price)

    async def run(self, records: Iterable[Mapping[str, Any]], recipe: Recipe = RECIPE, **options: Any) -> list[Event]:
        return [event async for event in self.events(records, recipe, **options)]

    @property
    def sent(self) -> list[Any]:
        return self.provider.bodies.get(CHAT, [])


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    provider = Provider(answer=good)
    with serve(provider.app) as address:
        profile = add_provider(address)
        async with await providers.client(profile) as client:
            yield Site(provider, profile, client)


def ledger(events: Iterable[Event]) -> list[Mapping[str, Any]]:
    return [event.data for event in events if isinstance(event, Entry)]


def failures(events: Iterable[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, Failure)]


def result(events: list[Event]) -> Mapping[str, Any]:
    assert isinstance(events[-1], Result)
    return events[-1].data


def sequence(*answers: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """One answer after the other, then the last one for ever."""
    left = list(answers)
    return lambda body: (left.pop(0) if len(left) > 1 else left[0])(body)


# What comes of it


async def test_a_model_is_asked_and_its_answers_become_pairs(site: Site) -> None:
    records = [page(n) for n in range(5)]
    events = await site.run(records)
    assert result(events) == {"requests": 5, "failed": 0, "items": 5, "cost": 0.0, "stopped": ""}
    body = site.sent[0]
    assert body["model"] == "writer"
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["max_tokens"] > 100
    shelf = Shelf.of(ledger(events))
    pairs = [item for item in prepare(records, RECIPE, written=shelf.get) if isinstance(item, Pair)]
    assert {pair.record for pair in pairs} == {0, 1, 2, 3, 4}
    first = pairs[0]
    assert first.messages[-2]["content"] == "How heavy is the Zorbel 0?"
    assert first.messages[-1]["content"] == "The Zorbel 0 weighs 100 grams."
    assert first.origin["passage"] == "The Zorbel 0 weighs 100 grams"
    assert first.origin["model"] == "loopback writer"
    assert "unsupported" not in first.flags


async def test_without_an_answer_a_record_says_so() -> None:
    [dropped] = prepare([page(1)], RECIPE)
    assert isinstance(dropped, Dropped)
    assert (dropped.reason, dropped.scope) == ("not written yet", "record")


async def test_a_claim_that_the_source_does_not_hold_is_flagged(site: Site) -> None:
    answers = {
        "made up": {"answer": "The Zorbel 1 weighs 950 grams.", "quote": "weighs 101 grams"},
        "no quote": {"answer": "The Zorbel 1 weighs 101 grams.", "quote": "it is as light as a feather"},
    }
    wrong = [{"question": f"What of {name}?", "also": [], **each} for name, each in answers.items()]
    site.provider.answer = lambda body: json.dumps({"pairs": wrong})
    shelf = Shelf.of(ledger(await site.run([page(1)])))
    pairs = [item for item in prepare([page(1)], RECIPE, written=shelf.get) if isinstance(item, Pair)]
    flags = {pair.origin["heading"]: pair.flags["unsupported"] for pair in pairs}
    assert flags == {
        "What of made up?": "not in the source: 950",
        "What of no quote?": "what it quotes is not in the source",
    }


async def test_json_in_text_where_there_are_no_structured_outputs(site: Site) -> None:
    site.provider.structured = False
    site.provider.answer = lambda body: f"Sure! Here it is:\n```json\n{good(body)}\n```\nAnything else?"
    events = await site.run([page(n) for n in range(6)], at_once=1)
    assert result(events)["items"] == 6
    assert site.provider.count(CHAT) == 7, "the form is asked for once"


async def test_the_engine_takes_what_is_asked_of_it(site: Site, tmp_path: Path) -> None:
    """What is sent to this machine's engine is read by the engine's own code."""
    (tmp_path / "models" / "writer").mkdir(parents=True)
    (tmp_path / "models" / "writer" / "config.json").write_text("{}")
    engine = providers.get("engine")
    recipe = replace(RECIPE, model=Model("engine", "writer", pairs=2, wordings=0))
    asks = about([page(1)], recipe, Cleaner(recipe))
    events = [e async for e in generate(asks, Shelf(), site.client, engine, "writer", price=FREE, budget=0.0)]
    assert result(events)["items"] == 1
    read = read_request(Fields(site.sent[0]), Models(tmp_path / "models", tmp_path))
    assert read["messages"] == site.sent[0]["messages"]
    assert (read["temperature"], read["max_tokens"]) == (0.3, site.sent[0]["max_tokens"])


# Money


async def test_nothing_is_asked_at_a_price_that_nobody_knows(site: Site) -> None:
    with pytest.raises(MoneyError) as caught:
        await site.run([page(1)], price=None)
    assert '[prices."writer"]' in caught.value.do
    with pytest.raises(MoneyError):
        site.plan([page(1)], None)
    assert site.sent == []


async def test_the_budget_is_never_passed(site: Site) -> None:
    records = [page(n) for n in range(50)]
    one = site.plan(records[:1])
    budget = one.cost_at_most * 2.5
    site.provider.reply = lambda body: {"usage": None}
    events = await site.run(records, price=PRICE, budget=budget)
    spent = [event.cost for event in events if isinstance(event, Progress)]
    assert 0 < result(events)["cost"] <= budget
    assert all(cost is not None and cost <= budget for cost in spent)
    assert result(events)["stopped"] == "budget"
    assert [event.level for event in events if isinstance(event, Note)] == ["warn"]
    assert result(events)["requests"] == len(site.sent) == 4, "an answer without figures costs the most that one can"
    assert (await site.run(records, price=PRICE, budget=budget, ledger=ledger(events)))[-1] == events[-1].__class__(
        {"requests": 0, "failed": 0, "items": 0, "cost": result(events)["cost"], "stopped": "budget"}
    )
    assert len(site.sent) == 4


async def test_what_is_paid_is_what_the_service_counts(site: Site) -> None:
    site.provider.reply = lambda body: {"usage": {"prompt_tokens": 200, "completion_tokens": 50, "total_tokens": 250}}
    events = await site.run([page(n) for n in range(3)], price=PRICE)
    assert result(events)["cost"] == pytest.approx(3 * (200 * 1.0 + 50 * 4.0) / 1e6)
    planned = site.plan([page(n) for n in range(3)])
    assert planned.requests == planned.records == 3
    assert result(events)["cost"] < planned.cost < planned.cost_at_most


async def test_what_is_there_is_not_paid_again(site: Site) -> None:
    first = await site.run([page(n) for n in range(4)], price=PRICE)
    again = await site.run([page(n) for n in range(6)], price=PRICE, ledger=ledger(first))
    assert (len(site.sent), result(again)["requests"]) == (6, 2)
    await site.run([page(9), {**page(9), "id": 77}])
    assert len(site.sent) == 7, "the same text is asked about once"


async def _all_sent(site: Site) -> int:
    """Requests that have reached the service, once those that were under way have too."""
    count, still = -1, 0
    while still < 5:
        await asyncio.sleep(0.1)
        still = still + 1 if len(site.sent) == count else 0
        count = len(site.sent)
    return count


@pytest.mark.parametrize("kept", range(0, 24, 3))
async def test_a_kill_costs_no_more_than_what_was_in_flight(site: Site, kept: int) -> None:
    """Whatever of the events was committed: nothing that was answered then is asked again."""
    records = [page(n) for n in range(6)]
    at_once, seen = 3, list[Event]()
    events = site.events(records, price=PRICE, at_once=at_once)
    async for event in events:
        seen.append(event)
        if len(seen) > kept:
            break
    await events.aclose()
    committed = ledger(seen[:kept])
    settled = sum("key" in entry for entry in committed)
    asked = sum("asked" in entry for entry in committed)
    before = await _all_sent(site)
    assert before - settled <= at_once
    rest = await site.run(records, price=PRICE, ledger=committed)
    assert len(site.sent) - before == 6 - settled
    shelf = Shelf.of([*committed, *ledger(rest)])
    pairs = [item for item in prepare(records, RECIPE, written=shelf.get) if isinstance(item, Pair)]
    assert {pair.record for pair in pairs} == set(range(6))
    alone = await site.run(records, price=PRICE)
    lost = asked - settled
    assert (shelf.spent > Shelf.of(ledger(alone)).spent) == (lost > 0), "what may have been paid counts"


async def test_no_more_than_so_many_are_in_flight(site: Site) -> None:
    site.provider.answer_delay = 0.02
    await site.run([page(n) for n in range(12)], at_once=3)
    assert site.provider.most_at_once == 3


# Faults


@pytest.mark.parametrize(
    "bad", ["No.", "", "{", '{"pairs": []}', '{"pairs": "x"}', "[" * 5000, '{"pairs": [{"a": 1}]}']
)
async def test_what_cannot_be_used_is_asked_once_more(site: Site, bad: str) -> None:
    site.provider.answer = sequence(lambda body: bad, good)
    events = await site.run([page(1)])
    assert (result(events)["items"], len(site.sent)) == (1, 2)
    assert [message["role"] for message in site.sent[1]["messages"]] == ["system", "user", "assistant", "user"]
    site.provider.answer = lambda body: bad
    events = await site.run([page(2)])
    assert len(site.sent) == 4
    assert "JSON" in failures(events)[0]
    await site.run([page(2)], ledger=ledger(events))
    assert len(site.sent) == 4, "it would be no better another time"
    [dropped] = prepare([page(2)], RECIPE, written=Shelf.of(ledger(events)).get)
    assert isinstance(dropped, Dropped)
    assert dropped.reason == "the model wrote nothing usable"


async def test_of_an_answer_that_was_cut_off_the_whole_pairs_are_kept(site: Site) -> None:
    site.provider.answer = lambda body: good(body)[:-1] + ', {"question": "And what el'
    site.provider.reply = lambda body: {"finish_reason": "length"}
    events = await site.run([page(1)])
    assert (result(events)["items"], len(site.sent)) == (1, 1)


async def test_a_refusal_is_taken_as_one(site: Site) -> None:
    site.provider.reply = lambda body: {"refusal": "I cannot help with that.", "content": None}
    events = await site.run([page(1), page(2)])
    assert failures(events) == ["it refuses: I cannot help with that."] * 2
    assert len(site.sent) == 2


async def test_a_busy_service_is_waited_for(site: Site) -> None:
    site.provider.refuse(CHAT, 429, "rate_limit_exceeded", "Slow down.", times=3, headers={"retry-after": "0"})
    assert result(await site.run([page(1), page(2)], price=PRICE))["items"] == 2
    site.provider.refuse(CHAT, 500, "server_error", "Oops.", times=2)
    assert result(await site.run([page(3)], price=PRICE))["items"] == 1
    site.provider.refuse(CHAT, 503, "overloaded", "Too much.")
    events = await site.run([page(4)], price=PRICE)
    assert "Too much." in failures(events)[0]
    assert result(events)["cost"] == 0.0
    site.provider.allow(CHAT)
    assert result(await site.run([page(4)], ledger=ledger(events)))["items"] == 1, "another time it is asked again"


async def test_an_answer_that_is_lost_counts_as_paid(site: Site) -> None:
    site.provider.lose(CHAT, times=1)
    events = await site.run([page(1)], price=PRICE)
    assert result(events)["items"] == 1
    alone = site.plan([page(1)]).cost
    assert alone < result(events)["cost"] < 2 * alone
    site.provider.lose(CHAT, times=2)
    events = await site.run([page(2)], price=PRICE)
    assert "cannot be reached" in failures(events)[0]
    assert result(events)["cost"] == pytest.approx(site.plan([page(2)]).cost_at_most)


async def test_one_request_that_is_too_large_does_not_stop_the_others(site: Site) -> None:
    site.provider.answer = sequence(good, good)
    first = await site.run([page(1)])
    site.provider.refuse(CHAT, 400, "context_length_exceeded", "Too long.", times=1)
    events = await site.run([page(2), page(3)], at_once=1, ledger=ledger(first))
    assert result(events)["items"] + len(failures(events)) == 2


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, "invalid_api_key", CredentialError),
        (404, "model_not_found", ServiceError),
        (429, "insufficient_quota", ServiceError),
    ],
)
async def test_what_no_request_can_pass_ends_the_run(
    site: Site, status: int, code: str, error: type[FtuiError]
) -> None:
    first = await site.run([page(1)])
    site.provider.refuse(CHAT, status, code, "No.")
    seen = []
    with pytest.raises(error):
        async for event in site.events([page(n) for n in range(100)], ledger=ledger(first), at_once=3):
            seen.append(event)
    assert site.provider.count(CHAT) <= 4
    site.provider.allow(CHAT)
    events = await site.run([page(n) for n in range(5)], ledger=[*ledger(first), *ledger(seen)])
    assert result(events)["items"] == 4


async def test_a_model_that_cannot_do_it_is_given_up(site: Site) -> None:
    site.provider.answer = lambda body: "I like kettles."
    with pytest.raises(ServiceError) as caught:
        await site.run([page(n) for n in range(1000)], at_once=1)
    assert "no JSON" in caught.value.why
    assert len(site.sent) == 2 * HOPELESS


async def test_a_service_that_is_not_there(home: object) -> None:
    profile = add_provider(f"http://127.0.0.1:{refused_port()}")
    async with await providers.client(profile) as client:
        with pytest.raises(NetworkError):
            await Site(Provider(), profile, client).run([page(1)], price=PRICE)
