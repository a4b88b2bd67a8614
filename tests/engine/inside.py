"""Checks that need torch, run by the engine's interpreter: `python inside.py BASE`; prints JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from ftui.engine.rows import IGNORED, encode
from ftui.engine.trainers import answer_loss

ROW = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "First answer."},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "Second answer.", "weight": 0},
        {"role": "user", "content": [{"type": "text", "text": "Three?"}]},
        {"role": "assistant", "content": "Third answer."},
    ]
}


def main(base: str) -> dict[str, Any]:
    tokenizer = AutoTokenizer.from_pretrained(base)
    example = encode(tokenizer, ROW, 2048)
    learned = tokenizer.decode([token for token in example.labels if token != IGNORED])

    # Three rows flattened into one must not see each other: their loss is that of the rows alone.
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    chats = [("What is red?", "A colour."), ("And two plus two, do you know?", "Four, I think."), ("Hi", "Hello!")]
    rows = [
        encode(tokenizer, {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}, 2048)
        for q, a in chats
    ]
    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
    with torch.no_grad():
        together, right, count = answer_loss(model, collate([row._asdict() for row in rows]))
        alone = [answer_loss(model, collate([row._asdict()])) for row in rows]
        # The plain way: every score of a row, and the library's own loss.
        plain = [
            model(input_ids=torch.tensor([row.input_ids]), labels=torch.tensor([row.labels])).loss.item()
            for row in rows
        ]
    return {
        "text": tokenizer.decode(example.input_ids),
        "learned": learned,
        "cut": len(encode(tokenizer, ROW, 7).input_ids),
        "together": together.item(),
        "alone": sum(loss.item() * n for loss, _, n in alone) / count,
        "plain": sum(loss * n for loss, (_, _, n) in zip(plain, alone, strict=True)) / count,
        "right": [right, sum(hits for _, hits, _ in alone)],
        "labelled": [count, sum(1 for row in rows for label in row.labels if label != IGNORED)],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
