"""What a client may ask of a new job: names, types and ranges of every field."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from ftui.engine.wire import Fields

FIELDS = (
    "model",
    "training_file",
    "validation_file",
    "method",
    "hyperparameters",
    "suffix",
    "seed",
    "metadata",
    "integrations",
)
METHODS = ("supervised", "dpo")
RANGES: dict[str, tuple[float, float | None, bool]] = {
    "n_epochs": (1, 50, True),
    "batch_size": (1, 256, True),
    "learning_rate_multiplier": (1e-6, 1000, False),
    "beta": (1e-3, 2, False),
    "lora_rank": (1, 512, True),
    "lora_r": (1, 512, True),
    "lora_alpha": (1e-3, 4096, False),
    "lora_dropout": (0, 0.9, False),
    "context_length": (64, 131_072, True),
    "packing": (0, None, False),
    "lora": (0, None, False),
    "early_stop": (1, 1000, True),
    "early_stopping_patience": (1, 1000, True),
}
"""Lowest and highest value of each hyperparameter, and whether it is a whole number.

One without a highest value is true or false. The names beyond OpenAI's are
those of other providers of the same API; some have two.
"""
_SAME = {"lora_r": "lora_rank", "early_stopping_patience": "early_stop"}
_AUTO = ("n_epochs", "batch_size", "learning_rate_multiplier")
_METADATA = re.compile(r"metadata\[(.*)\]", re.DOTALL)


def read_request(body: Fields) -> dict[str, Any]:
    """The fields of a request for a new job, checked; files and model are not looked up yet.

    Hyperparameters have one name each, the one that the trainer knows, and are
    numbers, booleans or "auto".
    """
    body.only(FIELDS)
    if body.data.get("integrations"):
        raise body.wrong("integrations", "none: this engine has no integrations")
    method = body.part("method")
    kind = method.text("type")
    if kind is None and method.data:
        raise method.missing("type")
    kind = kind or "supervised"
    if kind not in METHODS:
        raise method.wrong("type", " or ".join(f"'{name}'" for name in METHODS) + ", the methods of this engine")
    method.only(("type", kind))
    settings = method.part(kind)
    settings.only(("hyperparameters",))
    hyper = _hyperparameters(body.part("hyperparameters"), kind)
    hyper |= _hyperparameters(settings.part("hyperparameters"), kind)
    auto = (*_AUTO, "beta") if kind == "dpo" else _AUTO
    seed = body.whole("seed", 0, 2**31 - 1)
    return {
        "model": body.needed("model"),
        "training_file": body.needed("training_file"),
        "validation_file": body.text("validation_file"),
        "method": kind,
        "hyperparameters": dict.fromkeys(auto, "auto") | hyper,
        "suffix": body.text("suffix", longest=64),
        "seed": secrets.randbelow(2**31) if seed is None else seed,
        "metadata": _metadata(body),
    }


def _hyperparameters(given: Fields, method: str) -> dict[str, Any]:
    given.only(name for name in RANGES if name != "beta" or method == "dpo")
    found: dict[str, Any] = {}
    for name, value in given.data.items():
        if value is None:
            continue
        known = _SAME.get(name, name)
        if known in found:
            raise given.wrong(name, f"only one of {name} and {known}")
        found[known] = "auto" if value == "auto" else _value(given, name)
    if found.pop("lora", True) is False:
        raise given.wrong("lora", "true: this engine trains LoRA adapters")
    return found


def _value(given: Fields, name: str) -> float | bool | None:
    low, high, whole = RANGES[name]
    if high is None:
        return given.flag(name)
    return given.whole(name, int(low), int(high)) if whole else given.number(name, low, high)


def _metadata(body: Fields) -> dict[str, str] | None:
    if body.data.get("metadata") is None:
        return None
    given = body.part("metadata").data
    good = all(len(key) <= 64 and isinstance(value, str) and len(value) <= 512 for key, value in given.items())
    if not good or len(given) > 16:
        raise body.wrong("metadata", "at most 16 pairs of text, keys to 64 and values to 512 characters")
    return dict(given)


class Filter:
    """The jobs that a list is asked for, by their metadata.

    Args:
        query: parameters of the request, `metadata[key]=value` or `metadata=null` among them.
    """

    def __init__(self, query: Mapping[str, str]) -> None:
        self._null = query.get("metadata") == "null"
        self._wanted = {
            found[1]: value for name, value in query.items() if (found := _METADATA.fullmatch(name)) is not None
        }

    def takes(self, metadata: Mapping[str, str] | None) -> bool:
        if self._null:
            return metadata is None
        return self._wanted.items() <= (metadata or {}).items()
