"""How answers read on the screen: who says them, how fast they came, what they wait for."""

from __future__ import annotations

import asyncio

from ftui import paths
from ftui.connect.providers import Provider
from ftui.engine import local
from ftui.store.chats import ChatMessage
from ftui.ui import clock
from ftui.ui.widgets.transcript import Transcript, Turn
from ftui.units import duration


async def say_waiting(said: Transcript, place: int, provider: Provider) -> None:
    """Say what the answer at `place` waits for, and for how long, until the task is cancelled."""
    since, what = clock.now(), f"waiting for {provider.title}"
    while True:
        if provider.kind == "engine":
            # In a thread: it asks over HTTP whether an engine is there.
            running = await asyncio.to_thread(local.find, paths.engine_home())
            what = "loading the model" if running else "starting the engine"
        said.grow(place, "", foot=f"{what} … {duration(clock.now() - since)}")
        await asyncio.sleep(1.0)


def turn_of(message: ChatMessage) -> Turn:
    """A stored message as it is shown."""
    if message.role == "user":
        return Turn("you", message.content, "you")
    who, how = label(message.speaker), tone(message.speaker)
    if message.state == "done":
        return Turn(who, message.content, how, speed(message) or "an empty answer")
    if message.state == "failed":
        return Turn(who, message.content, how, "cut off" if message.content else "no answer · ctrl+g asks again")
    return Turn(who, message.content, how, "stopped")


def label(name: str) -> str:
    """What stands before an answer: the model's name, "base" for any base."""
    return "base" if tone(name) == "base" else name


def tone(name: str) -> str:
    """Whether it was the "tuned" model or its "base", by the name of the speaker."""
    return "base" if name.startswith("base of ") else "tuned"


def speed(message: ChatMessage) -> str:
    """`31 tok/s`, "" for an answer without a word."""
    if not message.content.strip():
        return ""
    return f"{message.tokens / message.seconds:.0f} tok/s" if message.tokens and message.seconds else "done"
