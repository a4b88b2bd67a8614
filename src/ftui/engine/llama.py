"""llama.cpp's own server, with a model that was written as GGUF.

16-bit weights: what is compared and judged is the model that was trained, not a
coarser copy of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.engine.programs import Plan

if TYPE_CHECKING:
    import httpx2

FORM = "gguf-f16"
TOGETHER = 8


def plan(command: list[str], gguf: Path) -> Plan:
    """How llama-server is started for the model in `gguf`; `command` is its program and options of the person's."""
    program, *options = command
    ours = ["--model", str(gguf), "--alias", "model", "--offline", "--no-webui"]
    # One memory for all answers, each as long as the model's context; what does not fit is refused, not forgotten.
    ours += ["--parallel", str(TOGETHER), "--kv-unified", "--ctx-size", "0", "--no-context-shift"]
    # The chat template that the model was trained with, and all of the answer as its content.
    ours += ["--jinja", "--reasoning-format", "none"]
    return Plan("llama.cpp", ("llama", str(gguf)), [program, *ours, *options], "LLAMA_API_KEY", seconds=300.0)


def body(request: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    """A request of `chat_request` as llama-server wants it: nothing of its own is added to how tokens are chosen."""
    seed = request["seed"]
    return {
        "model": "model",
        "messages": messages,
        "max_tokens": request["max_tokens"],
        "temperature": request["temperature"],
        "top_p": request["top_p"],
        "samplers": ["temperature", "top_p"],
        "stop": request["stop"],
        # The largest number means any seed at all.
        "seed": 0xFFFFFFFF if seed is None else seed % 0xFFFFFFFF,
        # A prompt that is read from memory gives scores that differ in their last digits.
        "cache_prompt": seed is None,
        "chat_template_kwargs": {"enable_thinking": False},
    }


async def rendered(client: httpx2.AsyncClient, messages: list[dict[str, Any]]) -> str:
    """The text of a chat as the model would see it; "" where the template refuses it."""
    found = await client.post("/apply-template", json={"messages": messages})
    if found.status_code in (400, 500):
        return ""
    found.raise_for_status()
    return str(found.json()["prompt"])
