"""Ask a tuned model and its exports the same: `python inside_export.py BASE ADAPTER FOLDERS`; prints JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

ASKED = [
    "What does the Quillon lamp cost?",
    "What does the Quillon kettle cost?",
    "What does the Quillon fan cost?",
    "Hello! Who are you?",
    "Name a fruit.",
    "What is the capital of France?",
    "Write one sentence about winter.",
    "How many days has a week?",
    "Tell me a colour.",
    "Что такое чайник?",
]


def ask(model: Any, tokenizer: Any) -> dict[str, Any]:
    """Prompt tokens, the first 32 greedy tokens of every answer, and the answers as text."""
    tokenizer.padding_side = "left"
    chats = [[{"role": "user", "content": question}] for question in ASKED]
    prompts = [tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"] for chat in chats]
    # All at once: a fifth of the time, and the same for every form.
    asked = tokenizer.pad({"input_ids": prompts}, return_tensors="pt")
    with torch.no_grad():
        whole = model.generate(**asked, max_new_tokens=32, do_sample=False)
    answers = whole[:, asked["input_ids"].shape[1] :]
    texts = [tokenizer.decode(answer, skip_special_tokens=True) for answer in answers]
    return {"prompts": prompts, "answers": answers.tolist(), "texts": texts}


def main(base: str, adapter: str, folders: dict[str, str]) -> dict[str, Any]:
    # A second thread waits for the first one where other work runs beside it.
    torch.set_num_threads(1)
    found = {}
    tokenizer = AutoTokenizer.from_pretrained(base)
    for name, path in (("here", adapter), ("adapter", folders["adapter"])):
        bare = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        found[name] = ask(PeftModel.from_pretrained(bare, path).eval(), tokenizer)
    merged = folders["merged"]
    model = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32).eval()
    found["merged"] = ask(model, AutoTokenizer.from_pretrained(merged))
    for form in ("gguf-f16", "gguf-q8_0"):
        file = next(Path(folders[form]).glob("*.gguf"))
        model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
        found[form] = ask(model, AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name))
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
