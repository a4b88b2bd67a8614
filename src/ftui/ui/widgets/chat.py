"""The chat pane: ask the tuned model, its base or both, beside whatever is shown.

Chat is the one piece of long work that the app does itself: an async task of the
pane, saved once a second, so that closing the app loses at most that second.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.worker import Worker

from ftui.chat.conversation import Conversation, Speaker, speakers
from ftui.connect import providers
from ftui.errors import FtuiError, describe
from ftui.store import Store
from ftui.store.chats import ChatMessage
from ftui.store.pairs import Decision, NewPair
from ftui.ui.keys import focus_now
from ftui.ui.messages import StoreChanged
from ftui.ui.text import plain
from ftui.ui.widgets.answers import label, say_waiting, speed, tone, turn_of
from ftui.ui.widgets.ask_field import Ask
from ftui.ui.widgets.rows import entitle
from ftui.ui.widgets.transcript import Transcript, Turn

if TYPE_CHECKING:
    from ftui.ui.app import FtuiApp

CHOSEN = "chat.with"
"""Key of the store's meta values: the name of the choice that was made last."""
_EMPTY = "Ask the model you tuned, its base, or both at once. The first answer takes a few seconds longer."
_NOT_ASKED = "nothing was asked yet: type a question, enter sends it"
_ANSWERING = "an answer is still coming · ctrl+x stops it"
DRAFT = 20_000
"""Characters of a question that was not sent that are remembered to the next start."""
_NO_MODEL = "There is no model to talk to yet · 3 accepts pairs, 4 then n trains one"


@dataclass(frozen=True, slots=True)
class Choice:
    """Who answers: one model, or a tuned one and its base one after the other."""

    name: str
    speakers: tuple[Speaker, ...]


def choices(store: Store) -> list[Choice]:
    """What `ctrl+t` goes through: the newest model, its base, both; then the older models."""
    known = speakers(store)
    result = list[Choice]()
    for tuned in (speaker for speaker in known if not speaker.base):
        result.append(Choice(tuned.name, (tuned,)))
        if len(result) > 1:
            continue
        base_model = store.models.find(tuned.name).base_model
        for base in (s for s in known if s.base and (s.model, s.provider) == (base_model, tuned.provider)):
            result += [Choice(base.name, (base,)), Choice(f"{tuned.name} and base", (tuned, base))]
    return result


def talk_to(app: FtuiApp, name: str) -> None:
    """Open the chat pane on a model by its name; "" leaves the choice as it is."""
    if name:
        app.store.meta.set(CHOSEN, name)
    app.open_chat()


class ChatPane(Vertical):
    """A conversation with its text field; hidden and shown by the app."""

    DEFAULT_CSS = """
    ChatPane {
        border: round $border-blurred; border-title-color: $text-muted; border-subtitle-color: $text-muted;
        border-title-align: left; border-subtitle-align: right;
        &:focus-within { border: round $accent; border-title-color: $foreground; }
        & #ask { height: auto; padding: 0 1; border-top: solid $border-blurred; }
        & #ask:focus-within { border-top: solid $accent; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "send", id="chat.send"),
        Binding("ctrl+t", "other", "model", id="chat.model"),
        Binding("ctrl+x", "stop", "stop", id="chat.stop"),
        Binding("ctrl+s", "save_pair", "to pair", id="chat.pair"),
        Binding("escape", "app.leave", "back", id="chat.leave"),
        Binding("ctrl+g", "again", "again", id="chat.again"),
        Binding("ctrl+o", "origin", "where from", id="chat.origin"),
        Binding("ctrl+j", "new_line", "new line", id="chat.new_line"),
        Binding("ctrl+n", "new_chat", "new chat", id="chat.new"),
    ]

    if TYPE_CHECKING:
        app = getters.app(FtuiApp)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._choices: list[Choice] = []
        self._answering: Worker[None] | None = None
        self._recalled = ""

    def compose(self) -> ComposeResult:
        yield Transcript()
        with Vertical(id="ask"):
            yield Ask(self.action_send)

    def on_mount(self) -> None:
        self._conversation = Conversation(self.app.store)
        self._show_title()
        self._show_conversation()

    def focus_first(self) -> None:
        """Put the focus in the text field."""
        focus_now(self.query_one(Ask))

    @property
    def draft(self) -> str:
        """What was typed and not sent."""
        return self.query_one(Ask).text

    @property
    def changed(self) -> bool:
        """Whether a question was typed that is lost with the app: too long to be remembered, or nothing is."""
        kept = self._recalled if self.app.refused is not None else self.memory().get("draft")
        return bool(self.draft.strip()) and self.draft != kept

    def memory(self) -> dict[str, str]:
        """What to find again at the next start."""
        return {"draft": self.draft} if len(self.draft) <= DRAFT else {}

    def recall(self, memory: Mapping[str, object]) -> None:
        """Go on with the question that was begun before; called once, before anything can be typed."""
        draft, field = memory.get("draft"), self.query_one(Ask)
        if isinstance(draft, str):
            self._recalled = draft
            field.load_text(draft)
            field.move_cursor(field.document.end)

    def on_store_changed(self, event: StoreChanged) -> None:
        self._show_title()

    # Who answers

    def choose(self, name: str) -> None:
        """Talk to a model by its name from the next question on."""
        self.app.store.meta.set(CHOSEN, name)
        self._show_title()

    @property
    def choice(self) -> Choice | None:
        """Who would answer now, None while there is no model."""
        chosen = self.app.store.meta.get(CHOSEN)
        return next((c for c in self._choices if c.name == chosen), next(iter(self._choices), None))

    def _show_title(self) -> None:
        self._choices = choices(self.app.store)
        choice, following = self.choice, self._next_choice()
        self.query_one(Transcript).explain(_EMPTY if choice else _NO_MODEL)
        width = max(self.size.width - 12, 24)
        entitle(self, f"Chat · {plain(choice.name, width)}" if choice else "Chat")
        subtitle = Content(f"ctrl+t {plain(following.name, width)}" if following else "")
        if (self.border_subtitle or "") != subtitle.markup:
            self.border_subtitle = subtitle

    def _next_choice(self) -> Choice | None:
        if self.choice is None or len(self._choices) < 2:
            return None
        return self._choices[(self._choices.index(self.choice) + 1) % len(self._choices)]

    def action_other(self) -> None:
        following = self._next_choice()
        if not self._can("other") or following is None:
            return
        self.choose(following.name)
        self.app.say(f"{following.name} answers from now on · ctrl+g asks the last question again")

    # What was said

    def _show_conversation(self) -> None:
        chat, choice = self._conversation.chat, self.choice
        system = chat.system if chat else choice.speakers[0].system if choice else ""
        shown = [Turn("system", system, "note")] if system else []
        for message in self._conversation.messages():
            shown.append(turn_of(message))
        self.query_one(Transcript).show(shown)

    def action_new_chat(self) -> None:
        if self._refuse_while_answering():
            return
        self._conversation.new()
        self._show_conversation()
        self.app.say("a new conversation · the old one is kept")

    # What works now

    def refusal(self, action: str) -> str:
        """Why a key cannot work now, one sentence; "" when it can. The footer leaves such keys out."""
        if action in ("send", "other") and self.choice is None:
            return _NO_MODEL
        if action == "other" and len(self._choices) < 2:
            return "there is only this model"
        if action == "stop" and self._answering is None:
            return "nothing is being answered now"
        if action in ("again", "save_pair", "origin"):
            if not any(turn.tone == "you" for turn in self.query_one(Transcript).blocks):
                return _NOT_ASKED
            if action != "origin" and self._answering is not None:
                return _ANSWERING
        return ""

    def _can(self, action: str) -> bool:
        why = self.refusal(action)
        if why:
            self.app.say(why)
        return not why

    # Asking

    def action_send(self) -> None:
        field = self.query_one(Ask)
        text = field.text.strip()
        if not text:
            self.app.say("type a question first")
        elif self._can("send") and not self._refuse_while_answering():
            field.clear()
            self._ask(text)

    def action_again(self) -> None:
        if self._can("again") and self._can("send"):
            self._ask("")

    def action_new_line(self) -> None:
        self.query_one(Ask).insert("\n")

    def action_stop(self) -> None:
        if self._answering is None:
            from ftui import guide

            # The header says that something is at work: who presses this may mean that.
            elsewhere = guide.where_to_stop(self.app.store)
            self.app.say(f"no answer is coming · {elsewhere}" if elsewhere else self.refusal("stop"))
            return
        self._answering.cancel()
        self.app.say("stopped, what had come is kept · ctrl+g asks again")

    def _refuse_while_answering(self) -> bool:
        if self._answering is not None:
            self.app.say(_ANSWERING)
        return self._answering is not None

    def _ask(self, text: str) -> None:
        """Ask `text`, or the last question again when it is empty."""
        assert self.choice is not None
        if text:
            self.query_one(Transcript).add(Turn("you", text, "you"))
        self._answering = self._answer(text, self.choice)
        self.app.look_again()

    @work(exclusive=True, exit_on_error=False, group="chat")
    async def _answer(self, text: str, choice: Choice) -> None:
        try:
            for number, speaker in enumerate(choice.speakers):
                await self._answer_of(speaker, text, again=not text or number > 0)
        except FtuiError as error:
            self.query_one(Transcript).add(Turn("", f"✗ {error}", "error"))
        finally:
            self._answering = None
            self.app.look_again()

    async def _answer_of(self, speaker: Speaker, text: str, *, again: bool) -> None:
        """Let one model answer the last question.

        Raises:
            FtuiError: it did not, or only in part; the question stays.
        """
        said = self.query_one(Transcript)
        place = said.add(Turn(label(speaker.name), "", tone(speaker.name)))
        content, foot = "", "cut off"
        waiting: asyncio.Task[None] | None = None
        try:
            waiting = asyncio.create_task(say_waiting(said, place, providers.get(speaker.provider)))
            # Most of the time it has been imported after the first picture.
            await asyncio.to_thread(importlib.import_module, "openai")
            async for piece in self._conversation.ask(text, speaker, again=again):
                waiting.cancel()
                content += piece
                said.grow(place, content)
            message = self._conversation.messages()[-1]
            content, foot = message.content, speed(message) or "an empty answer"
        except asyncio.CancelledError:
            foot = "stopped"
            raise
        except Exception as error:
            foot = foot if content else "no answer"
            raise describe(error) from error
        finally:
            if waiting is not None:
                waiting.cancel()
            said.grow(place, content, foot=foot)

    # What to do with an answer

    def action_save_pair(self) -> None:
        """Keep the last question with its answer as an accepted pair."""
        if not self._can("save_pair"):
            return
        question, answer = self._last_exchange()
        if question is None or answer is None:
            self.app.say("there is no finished answer to save yet")
            return
        chat = self._conversation.chat
        system = chat.system if chat else ""
        messages = [{"role": "system", "content": system}] if system else []
        messages += [{"role": "user", "content": question.content}, {"role": "assistant", "content": answer.content}]
        self._keep_pair(messages, answer.speaker)

    @work(exit_on_error=False, group="pair")
    async def _keep_pair(self, messages: list[dict[str, str]], speaker: str) -> None:
        from ftui.prepare import tokens
        from ftui.prepare.pair import digest

        with self.app.trying():
            # The first count loads a vocabulary, which takes half a second.
            count = await asyncio.to_thread(tokens.count_messages, messages)
            pairs, origin = self.app.store.pairs, {"template": "chat", "model": speaker}
            pair = pairs.add(NewPair(messages, digest(messages), origin=origin, tokens=count))
            if pair is None:
                self.app.say("this exchange is a pair already · 3 shows it")
                return
            # Accepted at once: preparing again clears away pairs that nobody decided on.
            pairs.decide([pair], Decision.ACCEPTED)
            self.app.say(f"saved {label(speaker)}'s answer as an accepted pair · 3, then u takes it back")

    def _last_exchange(self) -> tuple[ChatMessage | None, ChatMessage | None]:
        """The last question and its finished answer; the tuned model's where several answered."""
        question: ChatMessage | None = None
        answers: list[ChatMessage] = []
        for message in self._conversation.messages():
            if message.role == "user":
                question, answers = message, []
            elif message.state == "done" and message.content.strip():
                answers.append(message)
        tuned = [message for message in answers if tone(message.speaker) == "tuned"]
        best = tuned or answers
        return question, best[-1] if best else None

    def action_origin(self) -> None:
        """Show the accepted pairs that are nearest to the last exchange."""
        from ftui.chat.nearest import nearest

        question, answer = self._last_exchange()
        if not self._can("origin") or question is None:
            return
        found = nearest(self.app.store, f"{question.content} {answer.content if answer else ''}")
        if not found:
            self.app.say("no accepted pair shares a telling word with this exchange")
            return
        said = self.query_one(Transcript)
        said.add(Turn("", "nearest pairs it was trained on:", "note"))
        for pair in found:
            where = f" ({pair.url})" if pair.url else ""
            said.add(Turn("", f"· {pair.text('user')} → {pair.text('assistant')}{where}", "note"))
