"""llama.cpp called directly, by llama-cpp-python: `llama_direct.py GGUF TOKENS THREADS ...`.

Answers each line that it reads, a question as JSON, with a line: tokens and seconds,
with the number of threads that is quickest at that moment.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import llama_cpp


def main(gguf: str, tokens: int, threads: list[int]) -> None:
    model = llama_cpp.Llama(gguf, n_ctx=2048, n_threads=threads[-1], n_threads_batch=threads[-1], verbose=False)

    def answer(question: str, number: int, tokens: int) -> dict[str, float]:
        llama_cpp.llama_set_n_threads(model.ctx, number, number)
        messages: list[Any] = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": question}]
        start = time.perf_counter()
        found: Any = model.create_chat_completion(messages, max_tokens=tokens, temperature=0.0)
        return {"tokens": found["usage"]["completion_tokens"], "seconds": time.perf_counter() - start}

    answer("Hello", threads[0], 4)
    print("ready", flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        # Of another question: what it has in memory of one makes it quicker.
        quickest = min(threads, key=lambda number: answer("Count to ten.", number, 8)["seconds"])
        print(json.dumps(answer(question, quickest, tokens)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), [int(number) for number in sys.argv[3:]])
