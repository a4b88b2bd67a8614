"""vLLM's server: one base model in the GPU's memory, with every adapter that is asked for beside it.

Written after vLLM's documents and sources and tried against a server that speaks
as they say; the program itself, which needs a GPU, was not at hand.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.engine import upstream
from ftui.engine.layout import read_json
from ftui.engine.programs import Plan, Program
from ftui.engine.upstream import Line, Refused, Unusable, message_of

if TYPE_CHECKING:
    import httpx2

BASE = "base"
# The only ones that vLLM takes.
_RANKS = (16, 32, 64, 128, 256, 320, 512)
_SECONDS = 900.0
# Half of the GPU: a job that trains needs the rest.
_MEMORY = "0.5"


def plan(command: list[str], base: Path, adapters: Iterable[Path]) -> Plan:
    """How vLLM is started for a base model; `command` is its program and options of the person's.

    Args:
        adapters: all that may be asked for: the rank of the largest must be known at the start.
    """
    largest = max((_rank(adapter) for adapter in adapters), default=0)
    rank = most_rank(largest)
    program, *options = command
    ours = ["serve", str(base), "--served-model-name", BASE, "--gpu-memory-utilization", _MEMORY]
    ours += ["--enable-lora", "--max-lora-rank", str(rank), "--max-loras", "4", "--max-cpu-loras", "16"]
    # Otherwise a file in the model's folder changes how tokens are chosen.
    ours += ["--generation-config", "vllm"]
    environment = {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        # It would log what people ask.
        "VLLM_LOGGING_LEVEL": "WARNING",
        "VLLM_NO_USAGE_STATS": "1",
    }
    key = ("vllm", str(base), rank)
    return Plan("vLLM", key, [program, *ours, *options], "VLLM_API_KEY", environment, _SECONDS)


def most_rank(rank: int) -> int:
    """What vLLM has to be started with as the largest rank to take an adapter of `rank`."""
    return next((known for known in _RANKS if known >= rank), _RANKS[-1])


async def load(program: Program, adapter: Path | None, stamp: int) -> str:
    """The name that vLLM has for an adapter, which is loaded where it is not; without one, for the base.

    Args:
        stamp: when it was made: another one may take its place in the same folder.

    Raises:
        Unusable: vLLM does not take it.
    """
    if adapter is None:
        return BASE
    import httpx2

    loaded: dict[tuple[str, int], str] = program.facts.setdefault("loaded", {})
    known = (str(adapter), stamp)
    async with program.lock:
        if known not in loaded:
            # Counted before it is sent: vLLM loads also what nobody waits for any more, and takes no name twice.
            program.facts["named"] = number = program.facts.get("named", 0) + 1
            name = f"adapter-{number}"
            wanted = {"lora_name": name, "lora_path": str(adapter)}
            try:
                answer = await program.client.post("/v1/load_lora_adapter", json=wanted)
            except httpx2.HTTPError as error:
                raise Unusable(f"its connection broke as it loaded the adapter ({type(error).__name__})") from None
            if answer.status_code != 200:
                raise Unusable(f"it does not take the adapter: {_told(answer)}", lasting=True)
            loaded[known] = name
    return loaded[known]


async def ask(client: httpx2.AsyncClient, wanted: dict[str, Any], top: int | None) -> AsyncGenerator[Line]:
    """`upstream.ask`, where an answer that has not all the room it might take begins all the same.

    vLLM refuses a question whose `max_tokens` go beyond the context; without that field an answer ends with it.
    """
    begun = False
    try:
        async with aclosing(upstream.ask(client, wanted, top)) as lines:
            async for line in lines:
                begun = True
                yield line
    except Refused as refused:
        if begun or refused.code != "context_length_exceeded" or "max_tokens" not in wanted:
            raise
    else:
        return
    shorter = {name: value for name, value in wanted.items() if name != "max_tokens"}
    async with aclosing(upstream.ask(client, shorter, top)) as lines:
        async for line in lines:
            yield line


def _told(answer: httpx2.Response) -> str:
    try:
        return message_of(answer.json())
    except ValueError:
        return f"status {answer.status_code}"


def body(request: dict[str, Any], messages: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """A request of `chat_request` as vLLM wants it."""
    wanted = {
        "model": name,
        "messages": messages,
        "max_tokens": request["max_tokens"],
        "temperature": request["temperature"],
        # 0 is no share for vLLM.
        "top_p": max(request["top_p"], 1e-6),
        "stop": request["stop"],
        "chat_template_kwargs": {"enable_thinking": False},
    }
    return wanted if request["seed"] is None else wanted | {"seed": request["seed"]}


async def rendered(client: httpx2.AsyncClient, messages: list[dict[str, Any]]) -> str:
    """The text of a chat as the model would see it; "" where the template refuses it."""
    found = await client.post("/tokenize", json={"model": BASE, "messages": messages})
    if found.status_code in (400, 500):
        return ""
    tokens = found.raise_for_status().json()["tokens"]
    found = await client.post("/detokenize", json={"model": BASE, "tokens": tokens})
    return str(found.raise_for_status().json()["prompt"])


def _rank(adapter: Path) -> int:
    known = (read_json(adapter / "adapter_config.json") or {}).get("r", 0)
    return known if isinstance(known, int) else 0
