"""`ftui chat`"""

from __future__ import annotations

import argparse
import asyncio

from ftui.chat.conversation import Conversation, Speaker, speakers
from ftui.cli.common import interactive, open_store, print_json, read_line
from ftui.errors import InputError
from ftui.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", help="its name or alias (default: the newest)")
    parser.add_argument("-m", "--message", help="ask this and end (default: read questions, one a line)")
    parser.add_argument("--base", action="store_true", help="talk to the model's base instead")
    parser.add_argument("--new", action="store_true", help="begin a new conversation")
    parser.add_argument("--json", action="store_true", help="print each whole answer as JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    with open_store(options) as store:
        speaker = _speaker(store, options.model, base=options.base)
        conversation = Conversation(store)
        if options.new or options.message is not None:
            conversation.new()
        if options.message is not None:
            asyncio.run(_answer(conversation, options.message, speaker, options.json))
            return 0
        while True:
            question = _read(speaker)
            if question is None:
                return 0
            if question.strip():
                asyncio.run(_answer(conversation, question, speaker, options.json))


def _speaker(store: Store, name: str | None, *, base: bool) -> Speaker:
    known = speakers(store)
    if not known:
        raise InputError("There is nobody to talk to", "nothing was tuned in this project", "Start a job: ftui train")
    model = store.models.find(name) if name else store.models.all()[0]
    wanted = model.base_model if base else model.model
    return next(s for s in known if s.model == wanted and s.provider == model.provider)


def _read(speaker: Speaker) -> str | None:
    if not interactive():
        return read_line() or None
    try:
        return input(f"you → {speaker.name}: ")
    except EOFError:
        print()
        return None


async def _answer(conversation: Conversation, question: str, speaker: Speaker, as_json: bool) -> None:
    whole = ""
    async for piece in conversation.ask(question, speaker):
        whole += piece
        if not as_json:
            # A model's text must not steer the terminal.
            print("".join(c if c.isprintable() or c == "\n" else "�" for c in piece), end="", flush=True)
    if as_json:
        print_json({"model": speaker.model, "question": question, "answer": whole})
    else:
        print()
