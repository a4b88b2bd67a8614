"""The rows of a job as token ids, and what a person should know about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ftui.engine.failure import Stop
from ftui.engine.report import Report
from ftui.engine.rows import IGNORED, Unusable, encode, encode_preference, takes_system

Row = dict[str, list[int]]


def load_rows(path: Path, tokenizer: Any, max_tokens: int, *, pairs: bool, report: Report) -> list[Row]:
    """The rows in `path` that something can be learned from; says what was cut, left out or changed.

    Raises:
        Stop: the model's template refuses a row.
    """
    if not path.exists():
        return []
    what = "training" if path.name == "train.jsonl" else "validation"
    rows: list[Row] = []
    cut = empty = missed = folded = number = 0
    with path.open("rb") as lines:
        for line in lines:
            if not line.strip():
                continue
            number += 1
            given = json.loads(line)
            messages = given["input"]["messages"] if pairs else given["messages"]
            if any(message["role"] in ("system", "developer") for message in messages):
                folded += not takes_system(tokenizer)
            try:
                if pairs:
                    pair = encode_preference(tokenizer, given, max_tokens)
                    row = {name: getattr(pair, name) for name in ("prompt_ids", "chosen_ids", "rejected_ids")}
                    tokens, learned = pair.tokens, bool(pair.chosen_ids and pair.rejected_ids)
                else:
                    example = encode(tokenizer, given, max_tokens)
                    tokens, missed = example.tokens, missed + example.missed
                    row = {"input_ids": example.input_ids, "labels": example.labels}
                    # A row that was cut before its answer has nothing to learn.
                    learned = any(label != IGNORED for label in example.labels)
            except Unusable as error:
                raise Stop(f"invalid_{what}_file", f"Example {number} cannot be used: {error}") from None
            cut += tokens > max_tokens
            empty += not learned
            rows += [row] * learned
    notes = {
        f"{cut} {what} example(s) cut to {max_tokens:,} tokens": cut,
        f"{empty} {what} example(s) left out: no answer within {max_tokens:,} tokens": empty,
        f"{missed} answer(s) of the {what} file are not learned: the model's template hides where they stand": missed,
    }
    for note, count in notes.items():
        if count:
            report.say(note, level="warn")
    if folded:
        report.say(
            "The model's template has no place for a system message: "
            f"those of {folded} {what} example(s) are put in front of the user's message"
        )
    return rows
