"""Who answers a chat: the program that is meant to, or transformers where that cannot.

Nothing is passed over in silence: whatever makes transformers take a question over
is written to the log and told by `ftui engine status`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

from ftui.chatfile import plain
from ftui.engine import llama, serving, vllm
from ftui.engine.chat_child import ChatProcess
from ftui.engine.exports import Exports, NotExported
from ftui.engine.layout import Home, write_json
from ftui.engine.models import Model, Models
from ftui.engine.programs import RETRY_SECONDS, Pool, Program
from ftui.engine.rows import PROBE, fold
from ftui.engine.upstream import Line, Refused, Unusable, ask

PAUSE_SECONDS = 60.0
"""A program that failed a question is left alone for so long."""
_log = logging.getLogger("ftui.engine")


class Chat:
    """Answers to chats. See `chat_process` for the lines that they are made of."""

    def __init__(self, home: Home, models: Models, exports: Exports, wish: serving.Wish, unload_seconds: float) -> None:
        self.found = serving.find(wish, home.env)
        self._state = home.run / serving.STATE
        self._models = models
        self._exports = exports
        self._unload_seconds = unload_seconds
        self._child = ChatProcess(home.logs / "chat.log", unload_seconds)
        # A GPU has room for one; of llama.cpp two, so that a model and its base can be compared.
        kept = 1 if self.found.kind == "vllm" else 2
        self._pool = Pool(home.logs / f"{self.found.kind}.log", kept)
        self._told: dict[str, str] = {}
        self._failed: dict[Model, tuple[float, str]] = {}

    def begin(self) -> None:
        """Say who answers."""
        _log.warning("chats are answered by %s", self.found)
        self._write()

    async def ask(self, request: dict[str, Any]) -> AsyncGenerator[Line]:
        """The lines of the answer to a request of `chat_request`; closing the iterator early stops it."""
        model: Model = request["model"]
        kind = self.found.kind
        why = serving.unfit(kind, model.base, model.adapter)
        if kind != "transformers" and not why:
            begun = False
            try:
                async with aclosing(self._through(kind, model, request)) as lines:
                    async for line in lines:
                        begun = True
                        yield line
                self._tell(model, "")
                return
            except Refused as refused:
                yield {"error": str(refused), "code": refused.code}
                return
            except Unusable as reason:
                why = str(reason)
                if model not in self._failed or time.monotonic() > self._failed[model][0]:
                    pause = RETRY_SECONDS if reason.lasting else PAUSE_SECONDS
                    self._failed[model] = (time.monotonic() + pause, why)
            if begun:
                _log.warning("%s broke off an answer of %s: %s", serving.NAMES[kind], model.id, why)
                yield {"error": f"{serving.NAMES[kind]} broke the answer off", "code": "server_error"}
                return
        if why:
            self._tell(model, why)
        async with aclosing(self._child.ask(request)) as lines:
            async for line in lines:
                yield line

    async def unload_when_idle(self) -> None:
        """Free the memory of what nobody has asked for a while."""
        await self._child.unload_when_idle()
        await self._pool.unload(self._unload_seconds)

    async def close(self) -> None:
        await self._child.close()
        await self._pool.close()

    async def _through(self, kind: str, model: Model, request: dict[str, Any]) -> AsyncGenerator[Line]:
        """The answer of the other program."""
        until, reason = self._failed.get(model, (0.0, ""))
        if time.monotonic() < until:
            raise Unusable(reason)
        async with AsyncExitStack() as stack:
            if kind == "llama":
                plan = llama.plan(self.found.command, await self._gguf(model))
            else:
                plan = vllm.plan(self.found.command, model.base, self._adapters(model))
            program = await stack.enter_async_context(self._pool.use(plan))
            messages = await self._messages(program, kind, plain(request["messages"]))
            lines: AsyncGenerator[Line]
            if kind == "llama":
                lines = ask(program.client, llama.body(request, messages), request["top"])
            else:
                name = await vllm.load(program, model.adapter, model.created)
                lines = vllm.ask(program.client, vllm.body(request, messages, name), request["top"])
            async with aclosing(lines):
                async for line in lines:
                    yield line

    async def _gguf(self, model: Model) -> Path:
        """The model as GGUF, written where it is not."""
        try:
            folder = await self._exports.ready(model, llama.FORM)
            return next(folder.glob("*.gguf"))
        except (NotExported, StopIteration, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error) or "its file is gone"
            raise Unusable(f"the model could not be written as GGUF: {why}", lasting=True) from None

    def _adapters(self, model: Model) -> list[Path]:
        others = [one.adapter for one in self._models.all() if one.base == model.base]
        return [adapter for adapter in (*others, model.adapter) if adapter is not None]

    async def _messages(self, program: Program, kind: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The chat as the model was trained to see it: a system message has its place, or the user's."""
        if not any(message["role"] == "system" for message in messages):
            return messages
        if "system" not in program.facts:
            import httpx2

            probe = [{"role": "system", "content": PROBE}, {"role": "user", "content": "Hello"}]
            rendered = llama.rendered if kind == "llama" else vllm.rendered
            try:
                program.facts["system"] = PROBE in await rendered(program.client, probe)
            except (httpx2.HTTPError, ValueError, KeyError) as error:
                raise Unusable(f"it does not show how it reads a chat ({type(error).__name__})") from None
        return messages if program.facts["system"] else fold(messages)

    def _tell(self, model: Model, why: str) -> None:
        """Say once why a model is answered by transformers; "" for that it is not any more."""
        if self._told.get(model.id, "") == why:
            return
        if why:
            self._told[model.id] = why
            _log.warning(
                "transformers answers for %s in place of %s: %s", model.id, serving.NAMES[self.found.kind], why
            )
        else:
            del self._told[model.id]
            _log.warning("%s answers for %s again", serving.NAMES[self.found.kind], model.id)
        self._write()

    def _write(self) -> None:
        state = {"by": str(self.found), "instead": self._told}
        write_json(self._state, state)
