"""Checks that need torch, run by the engine's interpreter: `python inside.py BASE`; prints JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import made
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from ftui.engine.answers import token_bytes
from ftui.engine.decode import Batch, Choice
from ftui.engine.loading import load_rows
from ftui.engine.packed import pack
from ftui.engine.report import Report
from ftui.engine.rows import IGNORED, encode, encode_preference, render
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


def decoded(model: Any, tokenizer: Any) -> dict[str, Any]:
    """Greedy answers of rows that join and leave a batch at different times, and those of `generate`."""
    questions = ["What is red?", "Tell me, please, in a few words, what the capital of France is.", "Hi"]
    texts = [render(tokenizer, [{"role": "user", "content": question}], ask=True) for question in questions]
    prompts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    choice = Choice(0.0, 1.0, None, 2)
    found: list[list[int]] = [[], [], []]
    with torch.inference_mode():
        batch, rows = Batch(model), []
        for step in range(12):
            if rows:
                scores = batch.step([found[row][-1] for row in rows])
                for row, one in zip(rows, scores, strict=True):
                    found[row].append(choice.take(one))
            # The first comes alone, the others together, one of them shorter and one longer than it.
            fresh = {0: [0], 3: [1, 2]}.get(step, [])
            if fresh:
                for row, one in zip(fresh, batch.join([prompts[row] for row in fresh]), strict=True):
                    found[row].append(choice.take(one))
                rows += fresh
            if step in (6, 8):
                # First the longest prompt goes, then the row that came first.
                gone = 1 if step == 6 else 0
                batch.keep([place for place, row in enumerate(rows) if row != gone])
                rows.remove(gone)
        alone = [
            model.generate(
                torch.tensor([prompt]), max_new_tokens=len(tokens), min_new_tokens=len(tokens), do_sample=False
            )
            for prompt, tokens in zip(prompts, found, strict=True)
        ]
        scores = torch.tensor([0.0, 3.0, 1.0, 2.0])
        told = choice.told(scores, 2)
        drawn = [
            [Choice(1.0, 1.0, seed, None).take(scores) for seed in range(40)],
            [Choice(1.0, 0.7, seed, None).take(scores) for seed in range(40)],
        ]
    return {
        "grown": found,
        "generated": [row[0, len(prompt) :].tolist() for row, prompt in zip(alone, prompts, strict=True)],
        "told": told,
        "drawn": [sorted(set(tokens)) for tokens in drawn],
        "bytes": [
            b"".join(token_bytes(tokenizer, token) for token in tokenizer(text)["input_ids"]).decode()
            for text in ("größer ☃ 价格 🙂\n  x", "")
        ],
    }


def pieces() -> list[list[str]]:
    """The bytes of pieces in the manner of SentencePiece, then of GPT-2, as hexadecimal numbers."""
    words = ["<unk>", "é", "▁caf", "ÿ", "Ã©", "<0xC3>", "<0xA9>"]
    text = Tokenizer(models.Unigram([(word, -1.0) for word in words], 0, True))
    text.pre_tokenizer = pre_tokenizers.Metaspace()
    text.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    letters = Tokenizer(models.BPE({"Ã": 0, "©": 1, "Ã©": 2, "Ġ": 3, "<0xC3>": 4}, [("Ã", "©")]))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    letters.add_tokens(["日本"])
    found = []
    for backend in (text, letters):
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
        found.append([token_bytes(tokenizer, token).hex() for token in range(backend.get_vocab_size())])
    return found


def cuts(tokenizer: Any) -> dict[str, str]:
    """What is said of rows that are as long as may be, and one token longer."""
    said = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for pairs, row in ((False, ROW), (True, made.pair(1))):
            (folder / "train.jsonl").write_text(json.dumps(row))
            tokens = (encode_preference if pairs else encode)(tokenizer, row, 2048).tokens
            for more in (0, -1):
                job = folder / f"{pairs}{more}"
                job.mkdir()
                load_rows(folder / "train.jsonl", tokenizer, tokens + more, pairs=pairs, report=Report(job, 1))
                said[job.name] = made.said(job) if (job / "events.jsonl").exists() else ""
            said[f"tokens {pairs}"] = str(tokens)
    return said


def packed(base: str) -> dict[str, Any]:
    """How far scores are from those before, for several rows, and with an adapter; and of how many layers."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).eval()
    torch.manual_seed(1)
    adapter = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    adapted = get_peft_model(model, adapter).eval()
    rows = [torch.randint(0, 1000, shape) for shape in ((1, 1), (1, 40), (3, 5))]

    def scores() -> list[torch.Tensor]:
        with torch.inference_mode():
            found = [adapted(input_ids=row).logits for row in rows]
            with adapted.disable_adapter():
                return found + [adapted(input_ids=row).logits for row in rows]

    before = scores()
    layers = pack(model)
    return {
        "layers": layers,
        "apart": [float((a - b).abs().max()) for a, b in zip(before, scores(), strict=True)],
        "again": pack(model.to(torch.float32)),
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
        "decoded": decoded(model, tokenizer),
        "packed": packed(base),
        "pieces": pieces(),
        "cuts": cuts(tokenizer),
        "labelled": [count, sum(1 for row in rows for label in row.labels if label != IGNORED)],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
