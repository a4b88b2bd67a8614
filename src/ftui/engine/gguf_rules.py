"""Which models this engine writes as GGUF by itself. No torch is needed to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRE = {49152: "smollm"}
"""What llama.cpp calls the rules that cut text before the byte pairs, by the size of the vocabulary."""


def can_write(config: Mapping[str, Any]) -> bool:
    """Whether `gguf_file` writes the model with this `config.json`."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    plain = rope.get("rope_type", rope.get("type", "default")) == "default"
    # Other makers' models with a vocabulary of that size have these, and cut text otherwise.
    plain = plain and not (config.get("attention_bias") or config.get("mlp_bias"))
    return config.get("model_type") == "llama" and config.get("vocab_size") in PRE and plain
