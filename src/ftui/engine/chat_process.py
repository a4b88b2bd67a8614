"""The chat child: holds the model and answers, one JSON line in, JSON lines out.

    in   {"id", "op": "chat", "base", "adapter", "messages", "max_tokens", "temperature",
          "top_p", "stop", "seed"}      or {"id", "op": "cancel"}
    out  {"id", "text"} as the answer grows, then
         {"id", "done": "stop" | "length", "prompt_tokens", "completion_tokens"} or {"id", "error", "code"}

The server stays small because the model lives here, and a crash here is only a
failed answer there. Requests that wait are answered together where they want
the same model and the same sampling: eight at once take little longer than one.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteria, StoppingCriteriaList

from ftui.chatfile import plain
from ftui.engine.rows import render

TOGETHER = 12
KEPT_ADAPTERS = 4
Request = dict[str, Any]


class Refused(Exception):
    """A request that cannot be answered, with the API's code for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Answer:
    """One answer while it grows; says what is new of it and knows when it is over."""

    def __init__(self, request: Request, prompt_tokens: int, tokenizer: Any) -> None:
        self.id = str(request["id"])
        self.prompt_tokens = prompt_tokens
        self.cancelled = False
        self.finish: str | None = None
        self._limit = int(request["max_tokens"])
        self._stop: list[str] = request["stop"]
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._said = 0

    def take(self, token: int, ends: set[int]) -> bool:
        """Add the next token; True once nothing more is wanted."""
        if self.finish is not None or self.cancelled:
            return True
        self._tokens.append(token)
        if token in ends:
            self.finish = "stop"
        text = self._tokenizer.decode(self._tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        found = [position for position in (text.find(stop) for stop in self._stop) if position >= 0]
        if found:
            text, self.finish = text[: min(found)], "stop"
        elif self.finish is None and len(self._tokens) >= self._limit:
            self.finish = "length"
        shown = len(text) if self.finish else self._certain(text)
        if shown > self._said:
            say({"id": self.id, "text": text[self._said : shown]})
            self._said = shown
        return self.finish is not None

    def close(self) -> None:
        say(
            {
                "id": self.id,
                "done": self.finish or "stop",
                "prompt_tokens": self.prompt_tokens,
                "completion_tokens": len(self._tokens),
            }
        )

    def _certain(self, text: str) -> int:
        """How much of `text` cannot change any more: half a character or half a stop word may follow."""
        if text.endswith("\ufffd"):
            return self._said
        for length in range(min(len(text), max(map(len, self._stop), default=0)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stop):
                return len(text) - length
        return len(text)


class Follow(StoppingCriteria):  # type: ignore[misc]
    """Sees each new token of a batch: hands it to its answer, and stops the answers that are over."""

    def __init__(self, answers: list[Answer], ends: set[int], listen: Any) -> None:
        self._answers = answers
        self._ends = ends
        self._listen = listen

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        self._listen()
        tokens = input_ids[:, -1].tolist()
        over = [answer.take(token, self._ends) for answer, token in zip(self._answers, tokens, strict=True)]
        return torch.tensor(over, device=input_ids.device)


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
            self.tokenizer = AutoTokenizer.from_pretrained(base)
            self.tokenizer.padding_side = "left"
            device = "cuda" if torch.cuda.is_available() else "cpu"
            self._model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).to(device).eval()
            self._base = base
        if adapter is None:
            if self._adapters:
                self._model.base_model.disable_adapter_layers()
            return self._model
        name = Path(adapter).parent.parent.name + "-" + Path(adapter).name
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


class Chat:
    """Takes requests in turn and answers them."""

    def __init__(self) -> None:
        self._incoming: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._waiting: deque[Request] = deque()
        self._answers: list[Answer] = []
        self._models = Models()
        self._closed = False

    def run(self) -> None:
        """Answer until the server closes the pipe."""
        threading.Thread(target=self._read, daemon=True).start()
        while not self._closed:
            self._listen(wait=not self._waiting)
            if self._waiting:
                self._answer(self._next())

    def _read(self) -> None:
        for line in sys.stdin:
            self._incoming.put(json.loads(line))
        self._incoming.put(None)

    def _listen(self, *, wait: bool = False) -> None:
        while True:
            try:
                request = self._incoming.get(block=wait)
            except queue.Empty:
                return
            wait = False
            if request is None:
                self._closed = True
                for answer in self._answers:
                    answer.cancelled = True
                return
            if request["op"] == "chat":
                self._waiting.append(request)
                continue
            for answer in self._answers:
                answer.cancelled = answer.cancelled or answer.id == request["id"]
            self._waiting = deque(r for r in self._waiting if r["id"] != request["id"])

    def _next(self) -> list[Request]:
        """The request that waits longest, with those behind it that can be answered in the same go."""
        first = self._waiting[0]
        alike = [r for r in self._waiting if _kind(r) == _kind(first)][:TOGETHER]
        if first["seed"] is not None and first["temperature"] > 0:
            # Drawn together, one answer would depend on the others.
            alike = [first]
        self._waiting = deque(r for r in self._waiting if r not in alike)
        return alike

    def _answer(self, requests: list[Request]) -> None:
        try:
            self._generate(requests)
        except Refused as refused:
            for request in requests:
                say({"id": request["id"], "error": str(refused), "code": refused.code})
        except Exception as error:
            message = f"The model failed: {type(error).__name__}"
            print(f"{message}: {error}", file=sys.stderr, flush=True)
            for request in requests:
                say({"id": request["id"], "error": message, "code": "server_error"})
        finally:
            self._answers = []

    def _generate(self, requests: list[Request]) -> None:
        first = requests[0]
        model = self._models.use(first["base"], first["adapter"])
        tokenizer = self._models.tokenizer
        room = int(model.config.max_position_embeddings)
        texts = [render(tokenizer, plain(r["messages"]), ask=True) for r in requests]
        encoded = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt").to(model.device)
        lengths = encoded["attention_mask"].sum(-1).tolist()
        longest = max(r["max_tokens"] for r in requests)
        if max(lengths) + 1 > room:
            if len(requests) > 1:
                for request in requests:
                    self._answer([request])
                return
            message = f"The model's context is {room:,} tokens; the messages have {max(lengths):,}"
            raise Refused("context_length_exceeded", message)
        self._answers = [Answer(r, n, tokenizer) for r, n in zip(requests, lengths, strict=True)]
        answers = self._answers
        sampled = first["temperature"] > 0
        how: dict[str, Any] = {"do_sample": sampled}
        if sampled:
            how |= {"temperature": first["temperature"], "top_p": first["top_p"], "top_k": 0}
            if first["seed"] is not None:
                torch.manual_seed(first["seed"])
        follow = Follow(answers, _ends(model, tokenizer), self._listen)
        with torch.inference_mode():
            model.generate(
                **encoded,
                **how,
                max_new_tokens=min(longest, room - max(lengths)),
                pad_token_id=tokenizer.pad_token_id,
                stopping_criteria=StoppingCriteriaList([follow]),
            )
        for answer in answers:
            # What filled the context first ended for want of room.
            answer.finish = answer.finish or "length"
            answer.close()


def _kind(request: Request) -> tuple[Any, ...]:
    return (request["base"], request["adapter"], request["temperature"], request["top_p"])


def _ends(model: Any, tokenizer: Any) -> set[int]:
    named = model.generation_config.eos_token_id
    found = {named} if isinstance(named, int) else set(named or ())
    return {token for token in found | {tokenizer.eos_token_id} if token is not None}


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # With other work on the cores, one thread decodes several times faster than two.
    torch.set_num_threads(1)
    Chat().run()
