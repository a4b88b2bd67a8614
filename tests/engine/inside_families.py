"""Exports of tiny models of each family, and what they say: `python inside_families.py FOLDER BASE`; prints JSON.

Those of `tiny.OTHERS` have the tokenizer of BASE, for which this engine writes GGUF by itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import inside_adapter
import tiny
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftui.engine import export
from ftui.engine.gguf_rules import can_write
from ftui.engine.layout import read_json
from ftui.engine.rows import load_tokenizer, render

ASKED = {"role": "user", "content": "What does lamp 3 cost?"}
CHATS: list[list[dict[str, str]]] = [
    [ASKED],
    [{"role": "system", "content": "Be brief."}, ASKED],
    [ASKED, {"role": "assistant", "content": "It costs 43 crowns."}, {"role": "user", "content": "And lamp 4?"}],
]


def scores(model: Any, tokenizer: Any, texts: list[str]) -> list[torch.Tensor]:
    """Of every token, what it has behind each text."""
    rows = [torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]]) for text in texts]
    with torch.inference_mode():
        return [model(ids).logits[0, -1] for ids in rows]


def apart(here: list[torch.Tensor], there: list[torch.Tensor]) -> float:
    """How far two models' scores are from one another, where 1 is how far those of one text are."""
    return max(float((a - b).abs().max() / a.std()) for a, b in zip(here, there, strict=True))


def shown(tokenizer: Any) -> list[str | None]:
    """The chats as a program renders them that was told nothing, None for what is refused."""
    found: list[str | None] = []
    for chat in CHATS:
        try:
            found.append(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))
        except Exception:
            found.append(None)
    return found


def of_family(home: Path, family: str, words: Path | None) -> dict[str, Any]:
    base = tiny.make(home / family, family, words=words)
    adapter = home / f"ft-{family}"
    inside_adapter.make(base, adapter, family)
    here = load_tokenizer(base)
    texts = [render(here, chat, ask=True) for chat in CHATS]
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    bare = scores(model, here, texts)
    tuned = scores(PeftModel.from_pretrained(model, adapter).eval(), here, texts)
    found: dict[str, Any] = {
        "texts": texts,
        "tokens": [here(text, add_special_tokens=False)["input_ids"] for text in texts],
        "first": [int(one.argmax()) for one in tuned],
        "moved": apart(bare, tuned),
        "own": shown(here),
        "gguf": can_write(read_json(base / "config.json") or {}),
    }
    del model
    for form in export.FORMATS:
        folder = home / f"{family}-{form}"
        try:
            export.write(base, adapter, form, folder, family)
        except export.Refused as refused:
            found[form] = {"refused": str(refused), "code": refused.code}
            continue
        # What is in a GGUF takes six seconds to come out here: llama.cpp is asked.
        found[form] = of_export(folder, texts, tuned) if form == "merged" else {}
        for file in folder.iterdir():
            if file.suffix == ".gguf":
                found[form]["file"] = str(file)
            elif file.name in ("vllm.sh", "Modelfile", "README.md"):
                found[form][file.name] = file.read_text("utf-8")
    return found


def of_export(folder: Path, texts: list[str], tuned: list[torch.Tensor]) -> dict[str, Any]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    there = scores(model, tokenizer, texts)
    return {
        "shown": shown(tokenizer),
        "tokens": [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts],
        "first": [int(one.argmax()) for one in there],
        "apart": apart(tuned, there),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    place, whole = Path(sys.argv[1]), Path(sys.argv[2])
    results = {family: of_family(place, family, None) for family in tiny.FAMILIES}
    print(json.dumps(results | {family: of_family(place, family, whole) for family in tiny.OTHERS}))
