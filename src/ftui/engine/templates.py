"""What goes with an exported model so that other programs show it a chat as it was trained to see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftui.engine.rows import Unusable, render

_ONE = {"role": "user", "content": "One?"}
_BRIEF = {"role": "system", "content": "Be brief."}
_MORE = [{"role": "assistant", "content": "First."}, {"role": "user", "content": "Two?"}]
_PROBES: tuple[list[dict[str, str]], ...] = ([_ONE], [_ONE, *_MORE], [_BRIEF, _ONE], [_BRIEF, _ONE, *_MORE])
_OFF = "{%- set enable_thinking = enable_thinking | default(false) %}"
_NEVER = "{%- set enable_thinking = false %}"
_START, _END = "<|im_start|>", "<|im_end|>"
_ROUND = f"{_START}{{{{ .Role }}}}\n{{{{ .Content }}}}{_END}\n"
"""A message of ChatML, in the template language of Go."""


def quiet(tokenizer: Any, *, always: bool) -> bool:
    """Make the template of `tokenizer` ask for no thoughts, as in training, where nothing is said about them.

    Args:
        always: whatever is said. llama.cpp says "think" by itself to a template that knows the word.

    Returns:
        Whether it is so now; a template that it cannot be done for stays as it is.
    """
    before = tokenizer.chat_template
    if "enable_thinking" not in str(before):
        return True
    wanted = _rendered(tokenizer, enable_thinking=False)
    if not always and _rendered(tokenizer) == wanted:
        return True
    line = _NEVER if always else _OFF
    tokenizer.chat_template = (
        {name: line + text for name, text in before.items()} if isinstance(before, dict) else line + before
    )
    said = {"enable_thinking": True} if always else {}
    if _rendered(tokenizer, **said) == wanted:
        return True
    tokenizer.chat_template = before
    return False


def modelfile(tokenizer: Any, file: str, ends: Sequence[str]) -> str:
    """Ollama's recipe for the model in `file`.

    Ollama's template language is not Jinja. Where the model's own template is ChatML it is written out; elsewhere
    Ollama takes the one in the GGUF where it knows it.

    Args:
        ends: words that end an answer.
    """
    lines = [f"FROM ./{file}"]
    if (found := _chatml(tokenizer)) is not None:
        system, ask = found
        lines.append(f'TEMPLATE """{{{{- range .Messages }}}}{_ROUND}{{{{ end }}}}{ask}"""')
        if system:
            lines.append(f'SYSTEM """{system}"""')
        ends = list(dict.fromkeys((_END, *ends)))
    lines += [f'PARAMETER stop "{end}"' for end in ends if '"' not in end and end.isprintable()]
    return "\n".join(lines) + "\n"


def _chatml(tokenizer: Any) -> tuple[str, str] | None:
    """The system message that a template adds where there is none ("" for none), and what it asks with.

    None where it renders anything otherwise than ChatML with that message would.
    """
    # What it adds may be another text tomorrow.
    if "strftime_now" in str(tokenizer.chat_template):
        return None
    try:
        alone = render(tokenizer, [_ONE], ask=True)
        ask = alone.removeprefix(render(tokenizer, [_ONE], ask=False))
        head, _, rest = alone.removeprefix(f"{_START}system\n").partition(f"{_END}\n")
        system = head if rest and alone.startswith(f"{_START}system\n") else ""
        same = all(_written(chat, system) + ask == render(tokenizer, chat, ask=True) for chat in _PROBES)
    except Unusable:
        return None
    # Words that would mean something else in the recipe.
    clear = not any(word in f"{system}{ask}" for word in ('"', "{{", "}}"))
    return (system, ask) if same and clear and ask.startswith(f"{_START}assistant\n") else None


def _written(chat: Sequence[dict[str, str]], system: str) -> str:
    """The chat in ChatML, as Ollama writes it: a system message of the recipe's goes before one that has none."""
    if system and chat[0]["role"] != "system":
        chat = [{"role": "system", "content": system}, *chat]
    return "".join(f"{_START}{message['role']}\n{message['content']}{_END}\n" for message in chat)


def _rendered(tokenizer: Any, **said: Any) -> list[str | None]:
    """Chats as the template renders them, None for what it refuses."""
    from jinja2 import TemplateError

    found: list[str | None] = []
    for chat in _PROBES:
        for ask in (True, False):
            try:
                text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=ask, **said)
            except (TemplateError, TypeError):
                text = None
            found.append(text)
    return found
