"""What the trainer feeds of some rows: `python fed.py BASE MOST < ROWS`, by the engine's interpreter; prints JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from transformers import AutoTokenizer

from ftui.chatfile import plain
from ftui.engine.rows import IGNORED, encode, render


def fed(tokenizer: Any, row: dict[str, Any], most: int) -> dict[str, Any]:
    """The text of a row, and of each token that is fed where it begins and whether it is learned."""
    text = render(tokenizer, plain(row["messages"]), ask=False, tools=row.get("tools"))
    example = encode(tokenizer, row, most)
    whole = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert whole["input_ids"][:most] == example.input_ids
    return {
        "text": text,
        "tokens": len(whole["input_ids"]),
        "starts": [start for start, _ in whole["offset_mapping"]],
        "learned": [label != IGNORED for label in example.labels],
    }


if __name__ == "__main__":
    own = AutoTokenizer.from_pretrained(sys.argv[1])
    print(json.dumps([fed(own, row, int(sys.argv[2])) for row in json.load(sys.stdin)]))
