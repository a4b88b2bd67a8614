"""Which of a folder's files hold the weights that transformers loads from it.

Many folders hold them twice, in another layout under another name: those are neither fetched nor counted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ftui.engine.layout import read_json

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def names(folder: Path, has: Callable[[str], bool] | None = None) -> list[str]:
    """The files of the weights of the model in `folder`, by their names in it; none where there are no safetensors.

    Those that an index names may be missing.

    Args:
        has: whether the model has a file of this name, where not all of them are in `folder`: but for the weights
            they must be.
    """
    has = has or (lambda name: (folder / name).is_file())
    # A model's own description goes before the usual names, and one file before several.
    wanted = (read_json(folder / "config.json") or {}).get("transformers_weights")
    found = next((name for name in (wanted, SINGLE, INDEX) if isinstance(name, str) and has(name)), None)
    if found is None or not found.endswith(".index.json"):
        return [found] if found else []
    parts = (read_json(folder / found) or {}).get("weight_map")
    return sorted({str(part) for part in parts.values()}) if isinstance(parts, dict) else []
