"""What a training run needs of a machine's memory, before anything is loaded."""

from __future__ import annotations

import json
import math
import os
import resource
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ftui.engine import weights
from ftui.engine.layout import read_json

LIBRARIES = 700e6
"""Bytes that Python, torch and the libraries around it take by themselves."""
_HOLES = 1.7
"""A process takes so much more than what it keeps between two passes: memory that is freed there lies between
things that stay, and is not used for larger ones. Measured with glibc; 1.3 is for a GPU, whose memory has blocks."""
_HOLES_GPU = 1.3
_CGROUP = Path("/sys/fs/cgroup")
_LIMITS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model that its need of memory follows from.

    Attributes:
        parameters: numbers in all its weights.
        adapted: sum of rows and columns of the matrices that an adapter is put on.
        hidden, inner: numbers a token has between layers, and inside of a layer's widest part.
        context: tokens it can see, 0 where it does not say.
    """

    parameters: int
    adapted: int
    layers: int
    hidden: int
    inner: int
    vocabulary: int
    context: int


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that one process needs to train.

    Attributes:
        fixed: libraries, weights, adapter, its gradients and its optimizer.
        token: for each token that is trained on at a time.
        answer: for each of these that is learned.
        mask: for each two of the tokens, where several rows are taken as one: it says which see each other.
        frozen: what of `fixed` the base's weights are.
    """

    fixed: float
    token: float
    answer: float
    mask: float
    frozen: float

    def of(self, tokens: int, answers: int, rows: int = 1) -> float:
        """Bytes for so many rows at a time with so many tokens and learned tokens in all."""
        mask = tokens * tokens * self.mask if rows > 1 else 0.0
        return self.fixed + tokens * self.token + answers * self.answer + mask


def shape(folder: Path) -> Shape:
    """The sizes of the model in `folder`, from its `config.json` and the heads of its weight files."""
    config = read_json(folder / "config.json") or {}
    config = config.get("text_config") or config
    parameters = adapted = 0
    for name, sizes in _tensors(folder):
        parameters += math.prod(sizes)
        if len(sizes) == 2 and not any(part in name for part in ("embed", "lm_head", "wte", "wpe")):
            adapted += sum(sizes)
    hidden = int(config.get("hidden_size") or config.get("n_embd") or 0)
    return Shape(
        parameters=parameters,
        adapted=adapted,
        layers=int(config.get("num_hidden_layers") or config.get("n_layer") or 0),
        hidden=hidden,
        inner=int(config.get("intermediate_size") or config.get("ffn_hidden_size") or 4 * hidden),
        vocabulary=int(config.get("vocab_size") or 0),
        context=int(config.get("max_position_embeddings") or 0),
    )


def need(
    model: Shape, weight_bytes: int, rank: int, *, recomputed: bool = False, pairs: bool = False, gpu: bool = False
) -> Need:
    """What training an adapter of `rank` needs.

    What is kept of a token was counted in a layer of a Llama; all of it is on the safe side of measured runs.

    Args:
        weight_bytes: of one frozen weight: 2 or 4.
        recomputed: whether activations are computed again instead of kept.
        pairs: whether preferences are learned; tokens are then those of both answers.
        gpu: whether it is a GPU's memory.
    """
    frozen = float(model.parameters * weight_bytes)
    # Weight, gradient and two moments, each four bytes; once more while a checkpoint is written.
    adapter = model.adapted * rank * 20.0
    layer = 8 * model.hidden + 4 * model.inner + 7 * rank
    kept = model.layers * 2 * model.hidden + layer if recomputed else model.layers * layer
    holes = 4.0 * (_HOLES_GPU if gpu else _HOLES)
    # Of each learned token the scores, their gradients and a copy in between.
    answer = model.vocabulary * 4.0 * 3
    # Each layer makes its own of it.
    mask = (1 if recomputed else model.layers) * holes
    return Need(LIBRARIES + frozen + adapter, kept * holes * (1.2 if pairs else 1.0), answer, mask, frozen)


def sharded(model: Shape, whole: Need, weight_bytes: int, processes: int) -> Need:
    """What each of `processes` needs when the base's weights are sharded over them, where one alone needs `whole`.

    The adapter is whole in each. So are, while they are used, the words that scores are computed from and of the
    layers three: one at work, the next one and the room that it comes through.
    """
    used = (model.vocabulary * model.hidden + 3 * model.parameters / max(1, model.layers)) * weight_bytes
    here = min(whole.frozen, used) + whole.frozen / processes
    return replace(whole, fixed=whole.fixed - whole.frozen + here, frozen=here)


def free() -> float:
    """Bytes that this process can still take, by the machine, its container and the limits of the process."""
    found = [_available()]
    for limit, used in _LIMITS:
        if (most := _number(_CGROUP / limit)) is not None:
            found.append(most - (_number(_CGROUP / used) or 0))
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        found.append(soft - _mapped())
    return max(0.0, min(found))


def said(size: float) -> str:
    """A size as a person reads it, such as "3.4 GB"."""
    return f"{size / 1e9:.1f} GB"


def _tensors(folder: Path) -> Iterator[tuple[str, list[int]]]:
    for part in weights.names(folder):
        with (folder / part).open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            head = json.loads(file.read(length))
        for name, tensor in head.items():
            if name != "__metadata__":
                yield name, tensor["shape"]


def _available() -> float:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    except OSError:
        pass
    # Elsewhere the system tells only what there is in all; it can give most of it.
    return 0.8 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _mapped() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def _number(path: Path) -> float | None:
    try:
        text = path.read_text("ascii").strip()
    except OSError:
        return None
    return float(text) if text.isdigit() else None
