"""Write a model in a form that other programs take: `python -m ftui.engine.export EXPORT`.

EXPORT is a folder with `export.json`, which says what is wanted; the files come into
`files/` below it, whole or not at all, and `export.json` says how it ended. A process
of its own, because a model in memory and the server do not belong together.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from ftui.engine import failure, memory, templates
from ftui.engine.gguf_rules import can_write
from ftui.engine.layout import Lock, read_json, sync_folder, write_json
from ftui.engine.vllm import most_rank

FORMATS = ("adapter", "merged", "gguf-f16", "gguf-q8_0")
_REASONS = {
    "disk_full": "The disk is full; free some space, then ask for the export again",
    "out_of_memory": "The memory was not enough for the model",
}
LOCK = "lock"
STATE = "export.json"
TURN = ".turn"
"""Lock beside the exports' folders: whoever holds it may have a model in memory."""
_WEIGHT_BYTES = 4.2
"""Of memory for each weight, as measured: it is a float32, and one matrix is worked on at a time."""
_LIBRARIES = 0.7 * memory.LIBRARIES
"""Without those for training."""


class Refused(Exception):
    """This model cannot be written in that form; the message says why, and what can be done."""

    def __init__(self, message: str, code: str = "format_not_available") -> None:
        super().__init__(message)
        self.code = code


def write(base: Path, adapter: Path | None, form: str, folder: Path, name: str) -> None:
    """Write the model into the new `folder`.

    Args:
        adapter: None for a base model itself.
        form: one of `FORMATS`.
        name: the model's id, for what a person reads.

    Raises:
        Refused: it cannot be done.
    """
    folder.mkdir()
    if form == "adapter":
        if adapter is None:
            raise Refused("A base model has no adapter; take another format")
        # Not the card that the library writes beside it: it names a folder of this machine and nothing else.
        for file in adapter.glob("adapter_*"):
            shutil.copyfile(file, folder / file.name)
        hub_id, rank = _point_at_hub(folder, base)
        more = _NO_THOUGHTS * _knows_thoughts(base)
        command = _VLLM_LORA.format(base=hub_id, name=_short(name), rank=most_rank(rank), more=more)
        (folder / "vllm.sh").write_text(command, "utf-8")
        return
    if form == "merged":
        model, tokenizer = _merge(base, adapter)
        more = _NO_THOUGHTS * (not templates.quiet(tokenizer, always=False))
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "vllm.sh").write_text(_VLLM.format(name=_short(name), more=more), "utf-8")
        return
    _gguf(base, adapter, form.removeprefix("gguf-"), folder, name)


def _fits(base: Path) -> None:
    """Refuse what would not fit, before anything is loaded."""
    needed, free = _WEIGHT_BYTES * memory.shape(base).parameters + _LIBRARIES, memory.free()
    if needed > free:
        numbers = f"needs about {memory.said(needed)} of memory, {memory.said(free)} are free"
        raise Refused(f"The model does not fit: writing it {numbers}", "out_of_memory")


def _knows_thoughts(base: Path) -> bool:
    """Whether the template of the model in `base` can ask for thoughts."""
    files = [base / name for name in ("chat_template.jinja", "tokenizer_config.json")]
    return any("enable_thinking" in file.read_text("utf-8") for file in files if file.is_file())


def _merge(base: Path, adapter: Path | None) -> tuple[Any, Any]:
    _fits(base)
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # Added up in float32 and rounded once: the sum of two bf16 numbers would be rounded at every layer's merge.
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return model.to(torch.bfloat16), AutoTokenizer.from_pretrained(base)


def _gguf(base: Path, adapter: Path | None, kind: str, folder: Path, name: str) -> None:
    file = folder / f"{_short(name)}-{kind}.gguf"
    config = read_json(base / "config.json") or {}
    ours = can_write(config)
    converter = "" if ours else _converter(str(config.get("model_type")))
    model, tokenizer = _merge(base, adapter)
    if not templates.quiet(tokenizer, always=True):
        said = "In training its chat template was asked for no thoughts: `enable_thinking` was false.\n"
        (folder / "README.md").write_text(said, "utf-8")
    ends = _ends(model, tokenizer)
    if ours:
        from ftui.engine import gguf_file

        gguf_file.write(model, tokenizer, file, kind, name)
    else:
        _with_llama_cpp(converter, model, tokenizer, file, kind)
    (folder / "Modelfile").write_text(templates.modelfile(tokenizer, file.name, ends), "utf-8")


def _ends(model: Any, tokenizer: Any) -> list[str]:
    """The words that end an answer."""
    known = model.generation_config.eos_token_id if model.generation_config else None
    numbers = known if isinstance(known, list) else [known] * (known is not None)
    words = [tokenizer.eos_token, *tokenizer.convert_ids_to_tokens(numbers)]
    return list(dict.fromkeys(word for word in words if word))


def _converter(family: str) -> str:
    """llama.cpp's converter, which knows every architecture; it comes with llama.cpp and not with this engine."""
    for name in ("convert_hf_to_gguf.py", "convert-hf-to-gguf"):
        if found := shutil.which(name):
            return found
    raise Refused(
        f"This engine writes no GGUF of {family} models by itself, and llama.cpp's"
        " convert_hf_to_gguf.py is not on its PATH; export `merged` and convert that"
    )


def _with_llama_cpp(converter: str, model: Any, tokenizer: Any, file: Path, kind: str) -> None:
    merged = file.parent / ".merged"
    model.save_pretrained(merged)
    tokenizer.save_pretrained(merged)
    del model
    started = [sys.executable, converter] if converter.endswith(".py") else [converter]
    done = subprocess.run(
        [*started, str(merged), "--outtype", kind, "--outfile", str(file)], capture_output=True, text=True
    )
    shutil.rmtree(merged)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Refused(f"llama.cpp's converter failed: {lines[-1][:300] if lines else done.returncode}")


# Its template would ask for thoughts, which the model was not trained with.
_NO_THOUGHTS = """ --default-chat-template-kwargs '{"enable_thinking": false}'"""
_VLLM = """#!/bin/sh
# On a machine with a GPU and vLLM (https://docs.vllm.ai): serves this folder with OpenAI's API on port 8000.
exec vllm serve "$(dirname "$0")" --served-model-name {name}{more} "$@"
"""
_VLLM_LORA = """#!/bin/sh
# On a machine with a GPU and vLLM: one base model serves many adapters. BASE is its folder or id.
exec vllm serve "${{BASE:-{base}}}" --enable-lora --max-lora-rank {rank} \\
    --lora-modules {name}="$(dirname "$0")"{more} "$@"
"""


def _short(name: str) -> str:
    """A model's id as part of a file's name."""
    return "".join(character if character.isalnum() or character in "-._" else "-" for character in name)[:100]


def _point_at_hub(folder: Path, base: Path) -> tuple[str, int]:
    """A folder of this machine means nothing elsewhere: the adapter names its base by its own name.

    Gives that name and the adapter's rank.
    """
    settings = read_json(folder / "adapter_config.json") or {}
    # The way back of `hub.folder_name`.
    name = base.name.replace("--", "/", 1)
    write_json(folder / "adapter_config.json", settings | {"base_model_name_or_path": name})
    return name, int(settings.get("r", 0))


def main(export: Path) -> int:
    wanted = read_json(export / STATE)
    lock = Lock(export / LOCK)
    if wanted is None or not lock.try_acquire():
        return 1
    if wanted["format"] != "adapter":
        Lock(export.parent / TURN).wait()
    fresh = export / ".files"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        adapter = Path(wanted["adapter"]) if wanted["adapter"] else None
        write(Path(wanted["base"]), adapter, wanted["format"], fresh, wanted["model"])
        for file in fresh.iterdir():
            file.chmod(0o600)
        sync_folder(fresh)
        os.replace(fresh, export / "files")
        wanted |= {"status": "succeeded"}
    except Refused as refused:
        wanted |= {"status": "failed", "error": {"code": refused.code, "message": str(refused)}}
    except Exception as error:
        traceback.print_exc()
        code = failure.of_exception(error)["code"]
        told = _REASONS.get(code) or failure.clean(f"The export failed: {type(error).__name__}: {error}")
        wanted |= {"status": "failed", "error": {"code": code, "message": told}}
    if export.is_dir():
        shutil.rmtree(fresh, ignore_errors=True)
        write_json(export / STATE, wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
