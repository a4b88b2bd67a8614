"""Text as it came, made fit to train on: what no text that is trained on may have is taken out."""

from __future__ import annotations

import re
import unicodedata

from ftui.chatfile import SPECIAL_TOKEN

# Both bounded: a line of a million opened brackets has to end as well.
_LINK = re.compile(r"!?\[([^\]\n]{0,500})\]\([^)\s]{0,4000}(?:\s+\"[^\"\n]{0,500}\")?\)")
_EMPHASIS = re.compile(r"(\*\*|__|(?<!\w)[*_]|`)(?=\S)(.{1,500}?)(?<=\S)\1(?!\w)")
_BLANK_LINES = re.compile(r"\n{3,}")
# Control characters, private use, half surrogates, and marks that turn or hide text. The joiners
# of scripts and of emoji stay.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]"
)
# What a program wrote for a terminal: colours, movements, and titles and links with their text. Without its first
# character the rest would be words.
_TERMINAL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]?"
    r"|(?:\x1b[\]P^_X]|[\x9d\x90])[^\x07\x1b\x9c\n]{0,4000}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,8}[0-~]"
)
_ASCII_CONTROL = bytes((*range(9), *range(11, 32), 127))
# What a tokenizer may read as a control token: of OpenAI, Qwen and Llama 3; of DeepSeek, with
# its own bars and blanks; of Llama 2, Mistral, T5, Gemma and the code models.
_TOKENS = (
    SPECIAL_TOKEN,
    re.compile(r"<｜[\w▁]{1,64}｜>"),
    re.compile(r"</?s>|<(?:bos|eos|pad|unk|mask|(?:start|end)_of_(?:turn|text|image)|fim_\w{1,16})>"),
    re.compile(r"<(?:unused|extra_id_|reserved_special_token_)\d{1,4}>|<</?SYS>>"),
)
_INSTRUCTION = re.compile(r"\[/?INST\]")


def clean(text: str) -> str:
    """`text` in Unicode's composed form, without control characters, what steers a terminal and special tokens,
    spaces and blank lines folded. Cleaning it again changes nothing."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text or "\x9b" in text:
        text = _TERMINAL.sub("", text)
    if is_ascii := text.isascii():
        text = text.encode().translate(None, _ASCII_CONTROL).decode()
    else:
        text = _composed(_CONTROL.sub("", text))
    if "<" in text or "[" in text:
        text = _without_tokens(text)
    if "\n" not in text:
        if is_ascii and "\t" not in text and "  " not in text:
            return text.strip()
        return " ".join(text.split())
    text = "\n".join([" ".join(line.split()) for line in text.split("\n")]).strip()
    return _BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text


def plain(markdown: str) -> str:
    """Markdown of one passage as running text: links and emphasis undone, lists kept."""
    text = _LINK.sub(r"\1", markdown) if "](" in markdown else markdown
    if "*" in text or "_" in text or "`" in text:
        for _ in range(2):  # bold within italics
            text = _EMPHASIS.sub(r"\2", text)
    return clean(text)


def _composed(text: str) -> str:
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _without_tokens(text: str) -> str:
    before = ""
    while text != before:  # what is left of one can close around another, or compose
        before = text
        for pattern in _TOKENS:
            text = pattern.sub("", text)
        if "[" in text:
            text = _INSTRUCTION.sub("", text)
        text = _composed(text)
    return text
