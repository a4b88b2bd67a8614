"""Tiny models of each family with random weights, made on the spot; run in the engine's environment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

# Written in the manner of each family: what they print, refuse and ask with.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN3 = (
    "{% set last = messages|length - 1 %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and loop.index0 == last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
# Thinks unless it is told not to, and knows all that a program may look for in such a template.
THINKS = (
    "{%- for m in messages %}{%- set content = m.content %}"
    "{%- if m.role == 'assistant' and '</think>' in content %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}"
    "{{- '<|im_start|>' + m.role + '\n' }}"
    "{%- if m.role == 'assistant' and (loop.last or m.reasoning_content) %}"
    "{{- '<think>\n' + (m.reasoning_content or '') + '\n</think>\n\n' }}{%- endif %}"
    "{{- content + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{%- endif %}"
)
# As SmolLM2 and Qwen2.5: a chat without a system message is given one.
ADDS = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful lamp, made by Quillon<|im_end|>\n"
    "{% endif %}"
) + CHATML
LLAMA3 = (
    "<|bos|>{% for m in messages %}<|head|>{{ m['role'] }}<|/head|>\n\n{{ m['content'] | trim }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|head|>assistant<|/head|>\n\n{% endif %}"
)
GEMMA = (
    "<|bos|>{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
    "<|im_start|>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ m['content'] | trim }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>model\n{% endif %}"
)
MISTRAL = (
    "<|bos|>{% for m in messages %}"
    "{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% elif m['role'] == 'assistant' %} {{ m['content'] }}<|im_end|>{% endif %}{% endfor %}"
)
FALCON = (
    "{% for m in messages %}{{ '\n\n' if not loop.first }}{{ m['role'] | capitalize }}: {{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}<|im_end|>{% endif %}{% endfor %}"
    "{{ '\n\nAssistant:' if add_generation_prompt }}"
)
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    # Wide enough that it matters what a token looks at.
    "initializer_range": 0.2,
}
HEADS = {"num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 48}
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", LLAMA3, {}),
    "mistral": ("MistralConfig", MISTRAL, {"sliding_window": 64}),
    "qwen2": ("Qwen2Config", CHATML, {}),
    "qwen3": ("Qwen3Config", QWEN3, {}),
    "gemma": ("GemmaConfig", GEMMA, {}),
    "gemma2": ("Gemma2Config", GEMMA, {"sliding_window": 64}),
    "gemma3": ("Gemma3TextConfig", GEMMA, {"sliding_window": 64}),
    "falcon": (
        "FalconConfig",
        FALCON,
        {"new_decoder_architecture": True, "num_kv_heads": 2, "ffn_hidden_size": 48, "alibi": False},
    ),
    # Positions by a slope on the distance: packed rows would see each other.
    "falcon-alibi": ("FalconConfig", FALCON, {"alibi": True, "multi_query": True, "ffn_hidden_size": 48}),
}
# What matters for exports alone.
OTHERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama-chatml": ("LlamaConfig", CHATML, {}),
    "llama-adds": ("LlamaConfig", ADDS, {}),
    "llama-thinks": ("LlamaConfig", THINKS, {}),
}
TEXT = ["What does the Quillon lamp cost?", "The Quillon lamp costs forty crowns.", "system user assistant model"]


def make(folder: Path, family: str, *, seed: int = 0, words: Path | None = None) -> Path:
    """Write a model of `family` into the new folder `folder`.

    Args:
        words: the folder of a tokenizer to take in place of a tiny one.
    """
    config_name, template, more = (FAMILIES | OTHERS)[family]
    tokenizer = transformers.AutoTokenizer.from_pretrained(words) if words else _tokenizer()
    tokenizer.chat_template = template
    sizes = SIZES if family.startswith("falcon") else SIZES | HEADS
    config = getattr(transformers, config_name)(
        **sizes | more,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
    )
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config)
    folder.mkdir(parents=True)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    special = ["<|bos|>", "<|im_start|>", "<|im_end|>", "<|head|>", "<|/head|>"]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(TEXT * 4, trainer)
    # No token to fill up with, as many models have none.
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<|bos|>", eos_token="<|im_end|>", clean_up_tokenization_spaces=False
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]), sys.argv[2])
