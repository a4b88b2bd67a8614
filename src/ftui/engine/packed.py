"""A model's matrices in the order in which a processor reads them, arranged once instead of with every token."""

from __future__ import annotations

from typing import Any

import torch

from ftui.engine.memory import free

# The arranged matrices are copies; what they leave is for the answers and for other programs.
SHARE = 0.5


class _Product:
    """What a linear layer computes, from its arranged matrix: the same numbers, bit by bit."""

    def __init__(self, layer: Any) -> None:
        self._matrix = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), 1)
        self._bias = None if layer.bias is None else layer.bias.detach()

    def __call__(self, given: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(given, self._matrix, self._bias, "none", [], "")
        return found


def pack(model: Any) -> int:
    """Arrange the matrices of a model that answers on the processor; returns of how many layers.

    None are where the processor or the library has no such order, or where the
    copies would crowd the memory. The plain weights stay where they were, most
    often in their file: an adapter may ask for them, and nobody else reads them.
    """
    layers = [part for part in model.modules() if _fits(part)] if _possible() else []
    if sum(layer.weight.nbytes for layer in layers) > SHARE * free():
        return 0
    with torch.inference_mode():
        for layer in layers:
            layer.forward = _Product(layer)
    return len(layers)


def _possible() -> bool:
    try:
        # Both are made for torch's own compiler, which may rename them.
        _ = torch.ops.mkldnn._reorder_linear_weight, torch.ops.mkldnn._linear_pointwise
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def _fits(part: Any) -> bool:
    return type(part) is torch.nn.Linear and part.weight.dtype == torch.bfloat16 and part.weight.device.type == "cpu"
