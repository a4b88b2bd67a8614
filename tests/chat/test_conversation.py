"""A conversation: streamed, stored while it streams, kept when it is cut or stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ftui.chat.conversation import Conversation, Speaker, speakers
from ftui.errors import CredentialError, InputError, NetworkError
from ftui.store import Store, create_project
from projects import add_provider
from servers.provider import Provider
from servers.serve import refused_port, serve

CHAT = "POST /v1/chat/completions"
TUNED = Speaker("kettle-1", "ft:base:kettle", "loopback", "Be brief.")
BASE = Speaker("base of kettle-1", "base", "loopback", "Be brief.", base=True)


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    with serve(provider.app) as address:
        add_provider(address)
        yield provider


@pytest.fixture
def store(home: object) -> Iterator[Store]:
    create_project("kettle")
    with Store("kettle") as store:
        yield store


async def ask(conversation: Conversation, text: str, speaker: Speaker = TUNED, **options: bool) -> str:
    return "".join([piece async for piece in conversation.ask(text, speaker, **options)])  # type: ignore[arg-type]


async def test_it_begins_with_the_system_message_of_the_training(provider: Provider, store: Store) -> None:
    conversation = Conversation(store)
    assert await ask(conversation, "hello") == "You said: hello"
    await ask(conversation, "again")
    first, second = provider.bodies[CHAT]
    assert first["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    assert [m["role"] for m in second["messages"]] == ["system", "user", "assistant", "user"]
    stored = Conversation(store).messages()
    assert [(m.role, m.state) for m in stored] == [("user", "done"), ("assistant", "done")] * 2
    assert stored[1].speaker == "kettle-1"
    assert stored[1].tokens == 3


async def test_each_speaker_sees_only_its_own_answers(provider: Provider, store: Store) -> None:
    conversation = Conversation(store)
    await ask(conversation, "one", TUNED)
    await ask(conversation, "two", BASE)
    sent = provider.bodies[CHAT][1]["messages"]
    assert [m["content"] for m in sent] == ["Be brief.", "two"], "an answer of another model is no history of this one"


async def test_asking_again_replaces_nothing(provider: Provider, store: Store) -> None:
    conversation = Conversation(store)
    await ask(conversation, "one")
    await ask(conversation, "", again=True)
    assert provider.bodies[CHAT][1]["messages"][-1]["content"] == "one"
    assert [m.role for m in conversation.messages()] == ["user", "assistant", "assistant"]


async def test_a_cut_stream_keeps_what_had_come(provider: Provider, store: Store) -> None:
    provider.cut_after = 2
    conversation = Conversation(store)
    with pytest.raises(NetworkError, match="middle of the answer"):
        await ask(conversation, "hello")
    answer = conversation.messages()[-1]
    assert answer.state == "failed"
    assert "You said:" in answer.content


async def test_stopping_keeps_what_had_come_and_lets_the_provider_go(provider: Provider, store: Store) -> None:
    provider.gate.clear()
    provider.gate_at = 2
    conversation = Conversation(store)
    come = asyncio.Event()

    async def listen() -> None:
        async for _ in conversation.ask("hello", TUNED):
            come.set()

    task = asyncio.create_task(listen())
    await come.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answer = conversation.messages()[-1]
    assert answer.state == "stopped"
    assert answer.content
    provider.gate.set()


async def test_a_wrong_key_keeps_the_question(provider: Provider, store: Store) -> None:
    provider.key = "another"
    conversation = Conversation(store)
    with pytest.raises(CredentialError):
        await ask(conversation, "hello")
    assert conversation.messages()[0].content == "hello"


async def test_a_provider_that_was_removed_leaves_no_half_answer(store: Store) -> None:
    conversation = Conversation(store)
    with pytest.raises(InputError, match="no provider 'loopback'"):
        await ask(conversation, "one")
    assert [(m.role, m.content) for m in conversation.messages()] == [("user", "one")]


async def test_a_refused_port(store: Store) -> None:
    add_provider(f"http://127.0.0.1:{refused_port()}")
    with pytest.raises(NetworkError, match="cannot be reached"):
        await ask(Conversation(store), "hello")


def test_the_newest_model_speaks_first_and_each_base_once(store: Store) -> None:
    for number in (1, 2):
        store.models.add(
            f"kettle-{number}",
            job=None,
            provider="loopback",
            base_url="u",
            model=f"ft:{number}",
            base_model="base",
            system="s",
        )
    assert [s.name for s in speakers(store)] == ["kettle-2", "kettle-1", "base of kettle-2"]
