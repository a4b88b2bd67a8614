"""Take a model away from an engine: ask for an export, wait for it, fetch its files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ftui.connect.explain import explain
from ftui.connect.providers import Provider
from ftui.errors import EngineError, InputError, ServiceError
from ftui.events import Event, Progress, Result

if TYPE_CHECKING:
    from openai import AsyncOpenAI

FORMATS = {
    "adapter": "the LoRA adapter alone, for vLLM and PEFT",
    "merged": "base and adapter in one, as safetensors",
    "gguf-f16": "one GGUF file in 16 bits, for llama.cpp, Ollama and LM Studio, with a Modelfile",
    "gguf-q8_0": "as gguf-f16 in 8 bits: half as large",
}
_LOOK_SECONDS = 0.5
_BLOCK = 1 << 20


async def take(client: AsyncOpenAI, provider: Provider, model: str, form: str, folder: Path) -> AsyncIterator[Event]:
    """Put the files of `model` into `folder`, which is made where it is missing; ends with a `Result`.

    What is there already in its full size is not fetched again.

    Args:
        model: the provider's id.
        form: one of `FORMATS`.

    Raises:
        InputError: a provider that gives no models away, or no such format.
        EngineError: it cannot be written in that form.
        ServiceError, NetworkError: the engine says no, or does not answer.
    """
    import openai

    if not provider.is_engine:
        why = "only ftui's engine writes its models in these forms"
        raise InputError(f"{provider.title} does not give its models away here", why, f"Look at {provider.base_url}")
    try:
        made = _object(await client.post(f"/models/{quote(model)}/exports", cast_to=object, body={"format": form}))
        while made["status"] == "running":
            yield Progress(0, None, "bytes", text=f"writing {form}")
            await asyncio.sleep(_LOOK_SECONDS)
            made = _object(await client.get(f"/exports/{made['id']}", cast_to=object))
        if made["status"] != "succeeded":
            raise EngineError(f"{model} could not be exported", made["error"]["message"], "See: ftui engine log")
        total, done = sum(int(file["bytes"]) for file in made["files"]), 0
        folder.mkdir(parents=True, exist_ok=True)
        for file in made["files"]:
            async for size in _fetch(client, file, folder):
                done += size
                yield Progress(done, total, "bytes", text=str(file["filename"]))
    except openai.OpenAIError as error:
        raise explain(error, provider) from error
    except OSError as error:
        raise InputError(f"{folder} cannot be written", error.strerror or "", "Choose another folder: --to") from error
    yield Result({"folder": str(folder), "files": [file["filename"] for file in made["files"]], "bytes": total})


def _object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ServiceError("The engine gave an odd answer", "it is no JSON object", "Is it ftui's engine?")
    return answer


async def _fetch(client: AsyncOpenAI, file: dict[str, Any], folder: Path) -> AsyncIterator[int]:
    """Fetch one file; gives the sizes of its blocks."""
    name = str(file["filename"])
    # A name from the other side must not lead out of the folder.
    if Path(name).name != name or name in ("", ".", "..") or "\\" in name:
        raise ServiceError(f"The engine names a file {name[:80]!r}", "this is no file's name", "Nothing was written")
    # Also where there is one of the same size: another model's weights have that too.
    target, part = folder / name, folder / f".{name}.part"
    async with client.files.with_streaming_response.content(str(file["id"])) as answer:
        with part.open("wb") as output:
            async for block in answer.iter_bytes(_BLOCK):
                output.write(block)
                yield len(block)
            output.flush()
            os.fsync(output.fileno())
    os.replace(part, target)
