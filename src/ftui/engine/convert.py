"""Convert the shipped GGUF to a Hugging Face folder in bf16: `python -m ftui.engine.convert GGUF FOLDER`.

Runs once, in the engine's environment; needs about 1.2 GB of memory for the
135M model. The folder can be loaded in well under a second afterwards.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

# SmolLM2's own template puts a system message in front of every chat that has
# none. It costs 24 tokens a chat, and a chat would not be rendered as it was in
# training wherever the two differ in it. This one renders what it is given.
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def convert(gguf: Path, folder: Path) -> None:
    """Write tokenizer, chat template and bf16 weights of `gguf` into the new `folder`."""
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.chat_template = TEMPLATE
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # transformers takes a model that came from a GGUF for a quantized one and refuses to save it.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    folder.mkdir(mode=0o700)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
