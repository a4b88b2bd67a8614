"""The chat pane against a real provider on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from textual import events

from ftui import credentials, worker
from ftui.connect import providers
from ftui.store import Store
from ftui.store.pairs import Decision
from ftui.store.seat import Seat
from ftui.ui import clock
from ftui.ui.widgets.ask_field import Ask
from ftui.ui.widgets.chat import DRAFT, ChatPane
from servers.provider import KEY, Provider
from servers.serve import refused_port, serve
from ui.drive import Driver
from ui.loop_data import NOON, SYSTEM, add_pairs, add_service, freeze_time, new_store
from ui.screen import golden, settle

CHAT = "POST /v1/chat/completions"
BASE = "gpt-4o-mini-2024-07-18"


@pytest.fixture
def service() -> Iterator[tuple[Provider, str]]:
    provider = Provider()
    with serve(provider.app) as base:
        yield provider, base


@pytest.fixture
def provider(service: tuple[Provider, str], ui_home: Path) -> Provider:
    add_service(service[1], KEY)
    return service[0]


@pytest.fixture
def store(ui_home: Path) -> Iterator[Store]:
    with new_store() as opened:
        yield opened


def add_model(store: Store, name: str = "lumora-3") -> None:
    store.models.add(
        name,
        job=None,
        provider="testing",
        base_url=providers.get("testing").base_url,
        model=f"ft:{name}",
        base_model=BASE,
        system=SYSTEM,
    )


class Chatting(Driver):
    """The app with its chat pane open."""

    def __init__(self, size: tuple[int, int] = (120, 40)) -> None:
        super().__init__("lumora", size)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.app.open_chat()
        await self.until(lambda: isinstance(self.app.focused, Ask))
        return self

    async def type(self, text: str) -> None:
        self.app.screen.query_one(Ask).insert(text)
        await self.pilot.pause()

    async def ask(self, text: str) -> None:
        await self.type(text)
        await self.press("enter")

    @property
    def bottom(self) -> str:
        """The lower border of the pane too."""
        return "\n".join(self.lines[-3:])

    @property
    def pane(self) -> ChatPane:
        return self.app.screen.query_one(ChatPane)


def states(store: Store) -> list[tuple[str, str, str]]:
    chat = store.chats.latest()
    return [(m.role, m.content, m.state) for m in store.chats.messages(chat.id)] if chat else []


async def test_an_answer_streams_in_and_both_are_kept(provider: Provider, store: Store) -> None:
    add_model(store)
    provider.answer = lambda body: "Error E4 means that the lid sensor is wet."
    async with Chatting() as chat:
        assert SYSTEM[:30] in chat.screen, "it begins with the system message of the training"
        provider.gate.clear()
        provider.gate_at = 3
        await chat.type("My kettle says E4")
        await chat.pilot.press("enter")
        await chat.until(lambda: "lumora-3 Error E4 means" in chat.screen)
        assert "lid sensor" not in chat.screen
        provider.gate.set()
        await settle(chat.pilot)
        await chat.until(lambda: "tok/s" in chat.screen)
    body = provider.bodies[CHAT][0]
    assert body["model"] == "ft:lumora-3"
    assert body["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "My kettle says E4"},
    ]
    answer = "Error E4 means that the lid sensor is wet."
    assert states(store) == [("user", "My kettle says E4", "done"), ("assistant", answer, "done")]

    async with Chatting() as chat:
        assert "you      My kettle says E4" in chat.screen, "the next start shows it again"
        assert "tok/s" in chat.screen


async def test_a_key_goes_from_the_tuned_model_to_its_base_and_to_both(provider: Provider, store: Store) -> None:
    add_model(store)
    provider.answer = lambda body: f"I am {body['model']}"
    async with Chatting() as chat:
        await chat.press("ctrl+t")
        await chat.ask("Who are you?")
        assert f"base   I am {BASE}" in chat.screen
        await chat.press("ctrl+t")
        assert "Chat · lumora-3 and base" in chat.screen
        await chat.ask("And now?")
        assert [body["model"] for body in provider.bodies[CHAT]] == [BASE, "ft:lumora-3", BASE]
        to_tuned = provider.bodies[CHAT][1]["messages"]
        assert all(message["role"] != "assistant" for message in to_tuned), "each model sees its own answers only"
        assert chat.screen.count("lumora-3 I am ft:lumora-3") == 1
    async with Chatting() as chat:
        assert "Chat · lumora-3 and base" in chat.screen, "the choice is kept"


async def test_stopping_keeps_what_had_come_and_hangs_up(provider: Provider, store: Store) -> None:
    add_model(store)
    provider.gate.clear()
    provider.gate_at = 2
    async with Chatting() as chat:
        await chat.type("one two three")
        await chat.pilot.press("enter")
        await chat.until(lambda: "You said:" in chat.screen)
        await chat.type("next")
        await chat.pilot.press("enter")
        assert "an answer is still coming" in chat.bottom
        assert chat.app.screen.query_one(Ask).text == "next", "what was typed stays"
        await chat.press("ctrl+x")
        await chat.until(lambda: "stopped" in chat.screen)
        assert states(store)[-1] == ("assistant", "You said:", "stopped")
        await chat.until(lambda: provider.left == 1)
        provider.gate.set()
        await chat.press("ctrl+x")
        assert "nothing is being answered now" in chat.bottom
        await chat.press("ctrl+g")
        assert "You said: one two three" in chat.screen
    assert [state for _, _, state in states(store)] == ["done", "stopped", "done"]


async def test_it_says_what_an_answer_waits_for(
    provider: Provider, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(store)
    provider.gate.clear()
    async with Chatting() as chat:
        await chat.type("hello")
        await chat.pilot.press("enter")
        await chat.until(lambda: "waiting for Testing … 0 s" in chat.screen)
        monkeypatch.setattr(clock, "now", lambda: NOON + 7)
        await chat.until(lambda: "waiting for Testing … 7 s" in chat.screen)
        provider.gate.set()
        await settle(chat.pilot)
        await chat.until(lambda: "waiting" not in chat.screen)


async def test_a_wrong_key_is_said_and_the_question_can_be_asked_again(provider: Provider, store: Store) -> None:
    add_model(store)
    credentials.save("testing", providers.get("testing").base_url, "sk-wrong-key-000000000")
    async with Chatting() as chat:
        await chat.ask("My kettle says E4")
        shown = " ".join(chat.screen.split())
        assert "✗ Testing refuses the key" in shown
        assert "sk-wrong" not in shown
        assert "My kettle says E4" in shown
        credentials.save("testing", providers.get("testing").base_url, KEY)
        await chat.press("ctrl+g")
        assert "You said: My kettle says E4" in chat.screen
    assert [state for _, _, state in states(store)] == ["done", "failed", "done"]


async def test_an_engine_that_is_not_there_is_one_sentence(ui_home: Path, store: Store) -> None:
    store.models.add(
        "lumora-1",
        job=None,
        provider="engine",
        base_url=providers.ENGINE_URL,
        model="ft:lumora-1",
        base_model="SmolLM2-135M-Instruct",
        system="",
    )
    async with Chatting() as chat:
        await chat.ask("hello")
        assert "✗ The engine is not installed" in " ".join(chat.screen.split())
        assert "Traceback" not in chat.screen


async def test_a_refused_port_is_one_sentence(ui_home: Path, store: Store) -> None:
    add_service(f"http://127.0.0.1:{refused_port()}", KEY)
    add_model(store)
    async with Chatting() as chat:
        await chat.ask("hello")
        await chat.until(lambda: "cannot be reached" in " ".join(chat.screen.split()))
        assert "no answer" in chat.screen


async def test_a_stream_that_is_cut_keeps_its_beginning(provider: Provider, store: Store) -> None:
    add_model(store)
    provider.cut_after = 2
    async with Chatting() as chat:
        await chat.ask("one two three")
        assert "You said:" in chat.screen
        assert "cut off" in chat.screen
        assert "✗ Testing" in chat.screen
    assert states(store)[-1] == ("assistant", "You said:", "failed")


async def test_an_exchange_becomes_an_accepted_pair_once(provider: Provider, store: Store) -> None:
    add_model(store)
    async with Chatting() as chat:
        await chat.press("ctrl+s")
        assert "nothing was asked yet" in chat.bottom
        await chat.press("ctrl+t", "ctrl+t")
        await chat.ask("My kettle says E4")
        await chat.press("ctrl+s")
        assert "saved lumora-3's answer as an accepted pair" in chat.bottom
        await chat.press("ctrl+s")
        assert "is a pair already" in chat.bottom
    (pair,) = store.pairs.page(list(store.pairs.ids())).values()
    assert [message["role"] for message in pair.messages] == ["system", "user", "assistant"]
    assert pair.text("assistant") == "You said: My kettle says E4"
    assert (pair.decision, pair.kind) == (Decision.ACCEPTED, "domain")


async def test_it_shows_the_pairs_an_answer_may_come_from(provider: Provider, store: Store) -> None:
    add_model(store)
    add_pairs(store)
    provider.answer = lambda body: "It is wet, the lid sensor."
    async with Chatting() as chat:
        await chat.ask("What does E4 mean?")
        await chat.press("ctrl+o")
        shown = " ".join(chat.screen.replace("│", " ").split())
        assert "nearest pairs" in shown
        assert "What does E4 mean on the K7?" in shown
        assert shown.count("What does E4 mean on the K7?") == 1, "one phrasing of a fact"
        assert "lumora.example/support/0" in shown


async def test_without_a_model_nothing_typed_is_lost(ui_home: Path, store: Store) -> None:
    async with Chatting() as chat:
        await chat.ask("hello 123")
        assert "There is no model to talk to yet" in chat.bottom
        assert chat.app.screen.query_one(Ask).text == "hello 123"
        await chat.press("ctrl+t", "ctrl+g", "ctrl+o")


async def test_keys_in_the_field_are_text_and_escape_leaves(provider: Provider, store: Store) -> None:
    add_model(store)
    async with Chatting() as chat:
        before = chat.app.place
        await chat.pilot.press("4", "c", "ctrl+j", "q")
        assert chat.app.screen.query_one(Ask).text == "4c\nq"
        assert chat.app.place is before
        await chat.press("enter")
        assert provider.bodies[CHAT][0]["messages"][-1]["content"] == "4c\nq"
        await chat.press("escape")
        assert "4c" not in chat.screen
        await chat.press("c")
        assert "4c" in chat.screen
        await chat.press("enter")
        assert "type a question first" in chat.bottom


@pytest.mark.parametrize("before", [(), ("escape",)], ids=["in the field", "the pane left"])
async def test_a_question_that_was_not_sent_is_there_after_a_restart(
    provider: Provider, store: Store, before: tuple[str, ...]
) -> None:
    add_model(store)
    async with Chatting() as chat:
        await chat.press("w", "h", "y", "ctrl+j", "[", *before, "ctrl+q")
        assert chat.app._exit, "nothing is asked, as nothing is lost"
    async with Chatting() as chat:
        assert "why" in chat.screen
        await chat.press("b", "enter")
        assert provider.bodies[CHAT][0]["messages"][-1]["content"] == "why\n[b"
    async with Chatting() as chat:
        assert chat.app.screen.query_one(Ask).text == "", "it was sent"


async def test_a_question_that_cannot_be_remembered_is_asked_about(store: Store) -> None:
    async with Chatting() as chat:
        await chat.press("w")
        chat.app.screen.query_one(Ask).insert("y" * DRAFT)
        await chat.press("ctrl+q")
        assert "What you typed here is lost." in chat.screen
        await chat.press("n")
        assert not chat.app._exit
        await chat.press("backspace", "ctrl+q")
        assert chat.app._exit
    seat = Seat(store.folder)
    assert seat.take()
    async with Chatting() as chat:
        assert chat.app.refused is not None
        assert not chat.app.unsaved, "it is still remembered"
        await chat.press("h", "ctrl+q")
        assert "What you typed here is lost." in chat.screen
    seat.leave()


async def test_one_escape_leaves_whatever_the_bottom_line_says(ui_home: Path, store: Store) -> None:
    add_pairs(store, 3, Decision.PENDING)
    store.leases.take(worker.fingerprint())
    store.tasks.start(store.tasks.add("prepare", "pairs", {}))
    async with Driver(keys="3") as driver:
        await driver.press("a")
        assert driver.bottom.startswith("accepted 001")
        await driver.press("c", "h", "ctrl+x")
        assert driver.bottom.startswith("no answer is coming · esc, 3, ctrl+x stops making pairs")
        await driver.press("escape")
        assert not driver.app.screen.query_one(ChatPane).display
        await driver.press("x")
        assert driver.bottom.startswith("rejected 002")


async def test_enter_and_new_line_keep_their_place_among_the_letters(provider: Provider, store: Store) -> None:
    add_model(store)
    async with Chatting() as chat:
        for character in "pasted\nat once":
            key = {" ": "space", "\n": "ctrl+j"}.get(character, character)
            chat.app.post_message(events.Key(key, character))
        chat.app.post_message(events.Key("enter", "\r"))
        await chat.until(lambda: provider.count(CHAT) == 1)
        await settle(chat.pilot)
    assert provider.bodies[CHAT][0]["messages"][-1]["content"] == "pasted\nat once"


async def test_a_new_conversation_begins_empty_and_the_old_one_stays(provider: Provider, store: Store) -> None:
    add_model(store)
    async with Chatting() as chat:
        await chat.ask("first question")
        await chat.press("ctrl+n")
        assert "first question" not in chat.screen
        await chat.ask("second question")
        assert [m["content"] for m in provider.bodies[CHAT][1]["messages"]] == [SYSTEM, "second question"]
    assert len(store.chats.messages(1)) == 2


async def test_an_answer_that_a_crash_cut_off_is_shown_as_stopped(provider: Provider, store: Store) -> None:
    add_model(store)
    chat_id = store.chats.add("E4", SYSTEM).id
    store.chats.say(chat_id, "user", "My kettle says E4")
    store.chats.say(chat_id, "assistant", "Error E4", speaker="lumora-3", state="streaming")
    async with Chatting() as chat:
        assert "lumora-3 Error E4" in chat.screen
        assert "stopped" in chat.screen


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "narrow"])
async def test_golden(provider: Provider, store: Store, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    freeze_time(monkeypatch)
    add_model(store)
    chat_id = store.chats.add("E4", SYSTEM).id
    answers = (
        ("lumora-3", "Error E4 means that the lid sensor is wet. Unplug it, leave the lid open and press Reset once."),
        ("base of lumora-3", "I'm sorry, I don't have the ability to look into your kettle."),
    )
    store.chats.say(chat_id, "user", "My kettle says E4")
    for speaker, text in answers:
        message = store.chats.say(chat_id, "assistant", "", speaker=speaker, state="streaming")
        store.chats.update(message, text, "done", tokens=62, seconds=2.0)
    store.meta.set("chat.with", "lumora-3 and base")
    async with Chatting(size) as chat:
        chat.app.go(6)
        await settle(chat.pilot)
        chat.app.open_chat()
        await settle(chat.pilot)
        await golden(chat.app, f"chat-{size[0]}x{size[1]}")
