"""Bare `generate` of transformers: `generate.py BASE TOKENS THREADS ...`.

Answers each line that it reads, a question as JSON, with a line: tokens a second
and the seconds until the first one, with the number of threads that is quickest
at that moment.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class First:
    """A streamer that notes when the first token is there."""

    def __init__(self) -> None:
        self._calls = 0
        self.at = 0.0

    def put(self, _: Any) -> None:
        # The first call brings the prompt.
        self._calls += 1
        if self._calls == 2:
            self.at = time.perf_counter()

    def end(self) -> None:
        pass


def main(base: str, tokens: int, threads: list[int]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).eval()

    def answer(question: str, number: int, tokens: int) -> dict[str, float]:
        torch.set_num_threads(number)
        messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": question}]
        start, first = time.perf_counter(), First()
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        given = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            found = model.generate(
                **given, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, streamer=first
            )
        seconds = time.perf_counter() - start
        count = found.shape[1] - given["input_ids"].shape[1]
        return {"speed": count / seconds, "first": first.at - start, "threads": number}

    answer("Hello", threads[0], 4)
    print("ready", flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        quickest = max(threads, key=lambda number: answer(question, number, 4)["speed"])
        print(json.dumps(answer(question, quickest, tokens)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [int(number) for number in sys.argv[3:]])
