"""The chat child: holds the model and answers, one JSON line in, JSON lines out.

    in   {"id", "op": "chat", "base", "adapter", "messages", "max_tokens", "temperature",
          "top_p", "stop", "seed", "top"}      or {"id", "op": "cancel"}
    out  {"id", "text"} (with "logprobs" where "top" is a number) as the answer grows, then
         {"id", "done": "stop" | "length", "prompt_tokens", "completion_tokens"} or {"id", "error", "code"}

The server stays small because the model lives here, and a crash here is only a
failed answer there. A question that comes while others are answered joins them
at the next token, whatever its sampling, where it wants the same model.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from ftui.chatfile import plain
from ftui.engine.answers import Answer
from ftui.engine.decode import Batch, Choice
from ftui.engine.packed import pack
from ftui.engine.plan import Threads
from ftui.engine.rows import Unusable, load_tokenizer, render

TOGETHER = 16
# Prompts are read together up to so many tokens: then those that are answered already get their next word.
PROMPT_TOKENS = 1024
KEPT_ADAPTERS = 4
Request = dict[str, Any]


class Refused(Exception):
    """A request that cannot be answered, with the API's code for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Models:
    """The base model in memory, and the adapters used last on top of it."""

    def __init__(self) -> None:
        self._base: str | None = None
        self._model: Any = None
        self._adapters: deque[str] = deque()
        self.tokenizer: Any = None

    def use(self, base: str, adapter: str | None) -> Any:
        """The model with `adapter` switched on, or with none."""
        if base != self._base:
            self._model, self._base = None, None
            self._adapters.clear()
            try:
                self.tokenizer = load_tokenizer(base)
            except Unusable as error:
                raise Refused("unsupported_model", str(error)) from error
            device = "cuda" if torch.cuda.is_available() else "cpu"
            self._model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).to(device).eval()
            pack(self._model)
            self._base = base
        if adapter is None:
            if self._adapters:
                self._model.base_model.disable_adapter_layers()
            return self._model
        # torch takes no dot in the name of a part, and a folder may have one.
        name = f"{Path(adapter).parent.parent.name}-{Path(adapter).name}".replace(".", "_")
        if name not in self._adapters:
            if not self._adapters:
                self._model = PeftModel.from_pretrained(self._model, adapter, adapter_name=name).eval()
            else:
                self._model.load_adapter(adapter, adapter_name=name)
            self._adapters.append(name)
        self._model.base_model.enable_adapter_layers()
        self._model.set_adapter(name)
        self._adapters.remove(name)
        self._adapters.append(name)
        if len(self._adapters) > KEPT_ADAPTERS:
            self._model.delete_adapter(self._adapters.popleft())
        return self._model


class Talk:
    """The answers that grow together, all of one model."""

    def __init__(self, models: Models, kind: tuple[str, str | None]) -> None:
        model = models.use(*kind)
        self.kind = kind
        self._tokenizer = models.tokenizer
        self._room = int(model.config.get_text_config().max_position_embeddings)
        self._ends = _ends(model, self._tokenizer)
        self._batch = Batch(model)
        self.most = TOGETHER if Batch.joinable(model) else 1
        self.answers: list[Answer] = []

    def read(self, request: Request) -> Answer:
        """The answer to a request, still empty.

        Raises:
            Refused: the messages are longer than the model's context, or its template has no place for them.
        """
        try:
            text = render(self._tokenizer, plain(request["messages"]), ask=True)
        except Exception as error:
            # A chat template may refuse what it likes, with errors of its own.
            told = error if isinstance(error, Unusable) else f"the model's chat template refuses them: {error}"
            raise Refused("invalid_value", f"These messages cannot be answered: {told}") from error
        prompt = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(prompt) + 1 > self._room:
            message = f"The model's context is {self._room:,} tokens; the messages have {len(prompt):,}"
            raise Refused("context_length_exceeded", message)
        choice = Choice(request["temperature"], request["top_p"], request["seed"], request["top"])
        return Answer(request, prompt, self._room, self._tokenizer, choice, say)

    def join(self, answers: list[Answer]) -> None:
        """Begin these answers."""
        scores = self._batch.join([answer.prompt for answer in answers])
        self.answers += answers
        self._take(answers, scores)

    def step(self) -> None:
        """One more token for every answer."""
        self._drop()
        if not self.answers:
            return
        self._take(self.answers, self._batch.step([answer.token for answer in self.answers]))

    def _take(self, answers: list[Answer], scores: torch.Tensor) -> None:
        for answer, row in zip(answers, scores, strict=True):
            token = answer.choice.take(row)
            answer.take(token, self._ends, answer.choice.told(row, token))
        self._drop()

    def _drop(self) -> None:
        """Let answers go that are over."""
        for answer in self.answers:
            if answer.finish is not None:
                answer.close()
        kept = [n for n, answer in enumerate(self.answers) if answer.finish is None and not answer.cancelled]
        self._batch.keep(kept)
        self.answers = [self.answers[n] for n in kept]


class Chat:
    """Takes requests and answers them."""

    def __init__(self, threads: Threads) -> None:
        self._incoming: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._waiting: deque[Request] = deque()
        self._models = Models()
        self._talk: Talk | None = None
        self._threads = threads
        self._closed = False

    def run(self) -> None:
        """Answer until the server closes the pipe."""
        threading.Thread(target=self._read, daemon=True).start()
        with torch.inference_mode():
            while not self._closed:
                busy = self._talk is not None and bool(self._talk.answers)
                self._listen(wait=not busy and not self._waiting)
                self._begin()
                self._go_on()

    def _read(self) -> None:
        for line in sys.stdin:
            self._incoming.put(json.loads(line))
        self._incoming.put(None)

    def _listen(self, *, wait: bool) -> None:
        while True:
            try:
                request = self._incoming.get(block=wait)
            except queue.Empty:
                return
            wait = False
            if request is None:
                self._closed = True
                return
            if request["op"] == "chat":
                self._waiting.append(request)
                continue
            for answer in self._talk.answers if self._talk else ():
                answer.cancelled = answer.cancelled or answer.id == request["id"]
            self._waiting = deque(r for r in self._waiting if r["id"] != request["id"])

    def _begin(self) -> None:
        """Let those that wait join, in their order; one that wants another model waits until all are done."""
        fresh: list[Answer] = []
        while self._waiting and not self._closed:
            request = self._waiting[0]
            kind = (request["base"], request["adapter"])
            talk = self._talk
            many = len(fresh) + len(talk.answers) if talk else 0
            if talk is not None and many and (talk.kind != kind or many >= talk.most):
                break
            self._waiting.popleft()
            try:
                if talk is None or talk.kind != kind:
                    self._talk = None
                    self._talk = talk = Talk(self._models, kind)
                answer = talk.read(request)
            except Refused as refused:
                say({"id": request["id"], "error": str(refused), "code": refused.code})
                continue
            except Exception as error:
                self._fail([request["id"]], error)
                continue
            width = max(len(one.prompt) for one in (*fresh, answer))
            if fresh and width * (len(fresh) + 1) > PROMPT_TOKENS:
                self._waiting.appendleft(request)
                break
            fresh.append(answer)
        if fresh and self._talk is not None:
            try:
                self._talk.join(fresh)
            except Exception as error:
                self._fail([answer.id for answer in fresh], error)

    def _go_on(self) -> None:
        talk = self._talk
        if talk is None or not talk.answers:
            return
        try:
            start = time.monotonic()
            torch.set_num_threads(self._threads.choose(start))
            begin = time.monotonic()
            talk.step()
            now = time.monotonic()
            # A step for many rows takes little longer than one for one: steps are compared, not tokens.
            self._threads.note(now, 1, now - begin)
        except Exception as error:
            self._fail([answer.id for answer in talk.answers], error)
            self._talk = None

    def _fail(self, names: list[str], error: Exception) -> None:
        message = f"The model failed: {type(error).__name__}"
        print(f"{message}: {error}", file=sys.stderr, flush=True)
        for name in names:
            say({"id": name, "error": message, "code": "server_error"})


def _ends(model: Any, tokenizer: Any) -> set[int]:
    named = model.generation_config.eos_token_id
    found = {named} if isinstance(named, int) else set(named or ())
    return {token for token in found | {tokenizer.eos_token_id} if token is not None}


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _probe(number: int, limit: float) -> float:
    """Seconds that products of the size of a small model's take with so many threads."""
    torch.set_num_threads(number)
    left, right = torch.ones(1, 1024, dtype=torch.bfloat16), torch.ones(1024, 4096, dtype=torch.bfloat16)
    left @ right
    start = time.perf_counter()
    for _ in range(10):
        left @ right
        if time.perf_counter() - start > limit:
            break
    return time.perf_counter() - start


if __name__ == "__main__":
    Chat(Threads([1, torch.get_num_threads()], _probe)).run()
