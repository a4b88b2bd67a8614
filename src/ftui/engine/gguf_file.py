"""Write a model of the Llama architecture as GGUF, which llama.cpp, Ollama and LM Studio run.

Only for models whose tokenizer llama.cpp knows under a name that can be told from the
model itself: the embedded SmolLM2 family. For others llama.cpp's own converter is used,
which knows all of them.

Runs in the engine's environment.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import torch

from ftui.engine.gguf_rules import PRE

TYPES = {
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}


def write(model: Any, tokenizer: Any, file: Path, kind: str, name: str) -> None:
    """Write `model` with its tokenizer and chat template.

    Args:
        model: in memory, with its adapter merged in.
        kind: "f16" or "q8_0", of the matrices; what is small stays float32.
        name: what the file says that the model is called.
    """
    kept, file_type = TYPES[kind]
    writer = gguf.GGUFWriter(file, "llama")
    _describe(writer, model.config, name, file_type)
    _add_tokenizer(writer, tokenizer, model.config)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, model.config.num_hidden_layers)
    for old, tensor in model.state_dict().items():
        if old == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        new = names.get_name(old, try_suffixes=(".weight",))
        if new is None:
            raise ValueError(f"no place in GGUF for {old}")
        data = _in_order(old, tensor, model.config).to(torch.float32).numpy()
        how = kept if data.ndim > 1 else gguf.GGMLQuantizationType.F32
        if data.shape[-1] % gguf.GGML_QUANT_SIZES[how][0]:
            # Its rows are no whole number of the blocks that share a scale.
            how = gguf.GGMLQuantizationType.F16
        packed = data if how == gguf.GGMLQuantizationType.F32 else gguf.quants.quantize(data, how)
        writer.add_tensor(new, packed, raw_dtype=how)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: Any, config: Any, name: str, file_type: Any) -> None:
    writer.add_name(name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(float(_rope(config)["rope_theta"]))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(file_type)


def _rope(config: Any) -> dict[str, Any]:
    return dict(config.rope_parameters)


def _add_tokenizer(writer: Any, tokenizer: Any, config: Any) -> None:
    backend = tokenizer.backend_tokenizer
    words = {number: word for word, number in backend.get_vocab(with_added_tokens=True).items()}
    added = backend.get_added_tokens_decoder()
    texts, types = [], []
    for number in range(config.vocab_size):
        texts.append(words.get(number, f"[PAD{number}]"))
        if number in added:
            kind = gguf.TokenType.CONTROL if added[number].special else gguf.TokenType.USER_DEFINED
        else:
            kind = gguf.TokenType.NORMAL if number in words else gguf.TokenType.UNUSED
        types.append(kind)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE[config.vocab_size])
    writer.add_token_list(texts)
    writer.add_token_types(types)
    writer.add_token_merges(_merges(backend))
    for add, number in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ):
        if number is not None:
            add(number)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.get_chat_template())


def _merges(backend: Any) -> list[str]:
    merges = json.loads(backend.to_str())["model"]["merges"]
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]


def _in_order(name: str, tensor: Any, config: Any) -> Any:
    """Queries and keys with the halves of each head interleaved, as llama.cpp turns them."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    count = next((number for part, number in heads.items() if part in name), None)
    if count is None:
        return tensor
    rows, columns = tensor.shape
    return tensor.reshape(count, 2, rows // count // 2, columns).swapaxes(1, 2).reshape(rows, columns)
