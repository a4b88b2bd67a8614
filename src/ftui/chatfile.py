"""The rules of a chat training file, row by row.

A training file is JSONL: UTF-8, one JSON object a line. For supervised
fine-tuning each has `messages` and at most the keys named in `ROW_KEYS`; for
preferences (DPO) it has an `input` with messages that end with a question, and
two answers to it, `preferred_output` and `non_preferred_output`. The codes and
the wording of the messages follow what providers of the fine-tuning API answer,
so that a file refused here would have been refused there, for the same reason.

`prepare` checks what it exports with this, the engine what it receives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from ftui.errors import InputError

Code = Literal["invalid_file_format", "invalid_n_examples", "file_too_large"]
Kind = Literal["chat", "preference"]

MIN_ROWS = 10
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_ROW_BYTES = 8 * 1024 * 1024
MAX_PROBLEMS = 100
_SHORT = MAX_ROW_BYTES // 100
"""Characters of a text by which no row comes near the limit."""

ROW_KEYS = frozenset({"messages", "tools", "parallel_tool_calls", "functions"})
PREFERENCE_KEYS = frozenset({"input", "preferred_output", "non_preferred_output"})
INPUT_KEYS = frozenset({"messages", "tools", "parallel_tool_calls"})
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
MESSAGE_KEYS = {
    "assistant": frozenset({"role", "content", "name", "weight", "tool_calls", "function_call", "refusal", "audio"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
_TALKING = ("system", "user", "assistant")
PLAIN_KEYS = frozenset({"role", "content", "name"})
_KEPT = ("name", "tool_calls", "tool_call_id", "function_call")
"""Besides role and content, what a chat template is given of a message."""

# A tokenizer would read these as control tokens instead of text.
SPECIAL_TOKEN = re.compile(r"<\|[A-Za-z0-9_]{1,64}\|>")
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file.

    Attributes:
        row: the line it is on, from 1; 0 when it is about the whole file.
        code: what a provider would answer in `error.code`.
        message: one sentence for a person.
    """

    row: int
    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found.

    Attributes:
        rows: examples in the file, good or bad (blank lines are not rows).
        problems: the first `MAX_PROBLEMS` problems, in file order.
        bytes: size of the file.
        more: problems that were found beyond those listed.
    """

    rows: int
    problems: list[Problem] = field(default_factory=list)
    bytes: int = 0
    more: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems

    def raise_for_problems(self, name: str) -> None:
        """Raise `InputError` with the first problem of the file called `name`, if there is one."""
        if self.problems:
            first = self.problems[0]
            where = f"{name} line {first.row}" if first.row else name
            others = len(self.problems) + self.more - 1
            why = first.message if not others else f"{first.message} (and {others} more)"
            raise InputError(f"{where} cannot be trained on", why, "Correct the file, then try again")


def check(lines: Iterable[bytes], kind: Kind = "chat", *, most_bytes: int | None = None) -> Report:
    """Check a training file given as its lines, for one from elsewhere those of `lines_of`.

    Nothing is kept but the problems, so a file of any size can be checked.
    Blank lines are ignored, as providers do.

    Args:
        kind: "chat" for supervised fine-tuning, "preference" for DPO.
        most_bytes: how large the file may be; `MAX_FILE_BYTES` where nothing is said.
    """
    most_bytes = MAX_FILE_BYTES if most_bytes is None else most_bytes
    problems: list[Problem] = []
    rows = more = size = 0

    def note(row: int, code: Code, message: str) -> None:
        nonlocal more
        if len(problems) < MAX_PROBLEMS:
            problems.append(Problem(row, code, message))
        else:
            more += 1

    for number, line in enumerate(lines, start=1):
        size += len(line)
        if not line.strip():
            continue
        rows += 1
        for message in _row_problems(line, kind):
            note(number, "invalid_file_format", f"Example {rows}{message}")
    if size > most_bytes:
        note(0, "file_too_large", f"The file has {size:,} bytes, but may have at most {most_bytes:,}")
    if rows < MIN_ROWS:
        note(0, "invalid_n_examples", f"The file has {rows} example(s), but must have at least {MIN_ROWS}")
    return Report(rows, problems, size, more)


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file; of one that is too long for a row as much as shows that, and not all in memory."""
    while line := file.readline(MAX_ROW_BYTES + 1):
        yield line
        while len(line) > MAX_ROW_BYTES and not line.endswith(b"\n"):
            if not (rest := file.readline(MAX_ROW_BYTES)) or rest.endswith(b"\n"):
                break


def text_of(message: Mapping[str, Any]) -> str:
    """What a message says in words, the texts of its parts one after the other; "" for one that only calls tools."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def other_parts(message: Mapping[str, Any]) -> list[Any]:
    """The parts of a message that are no text, such as images."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return [part for part in parts if not (isinstance(part, Mapping) and isinstance(part.get("text"), str))]


def kind_of(part: Any) -> str:
    """What kind of part it is, as the file calls it."""
    kind = part.get("type") if isinstance(part, Mapping) else None
    return kind if isinstance(kind, str) and kind else "unknown"


def content_with(message: Mapping[str, Any], text: str) -> str | list[Any]:
    """The content of a message that is to say `text`: parts of it that are no text stay, behind the text."""
    others = other_parts(message)
    said = [{"type": "text", "text": text}] if text.strip() else []
    return [*said, *others] if others else text


def plain(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages as chat templates of open models want them: text content, known roles."""
    found = []
    for message in messages:
        role = "system" if message["role"] == "developer" else message["role"]
        kept = {name: message[name] for name in _KEPT if message.get(name)}
        found.append({"role": role, "content": text_of(message), **kept})
    return found


def _row_problems(line: bytes, kind: Kind = "chat") -> Iterator[str]:
    """What is wrong with one line, as the end of a sentence that begins with "Example N"."""
    if len(line) > MAX_ROW_BYTES:
        yield f" has more than the {MAX_ROW_BYTES:,} bytes that it may have"
        return
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        yield f" is not UTF-8 (byte {error.start + 1})"
        return
    except (ValueError, RecursionError) as error:
        yield f" cannot be parsed as JSON ({error})"
        return
    if not isinstance(row, dict):
        yield " is not a JSON object"
        return
    yield from _object_problems(row) if kind == "chat" else _preference_problems(row)


def row_problem(row: Mapping[str, Any]) -> str:
    """The first thing that is wrong with one row, in a few words; "" when nothing is."""
    if _is_plain(row):
        return ""
    problem = next(_object_problems(row), "")
    if not problem and (len(row) > 1 or any(map(_is_long, row["messages"]))):
        # Of plain short texts this need not be asked, and it takes longer than all the rest.
        try:
            line = json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, TypeError, RecursionError) as error:
            return f"cannot be written as JSON ({error})"
        problem = next(_row_problems(line), "")
    return problem.removeprefix(",").strip()


def _is_plain(row: Mapping[str, Any]) -> bool:
    """Whether a row is what nearly all are: a few short texts in turns, with nothing wrong. Told in no time."""
    messages = row.get("messages")
    if len(row) != 1 or not isinstance(messages, list) or not messages:
        return False
    for message in messages:
        if not isinstance(message, dict) or len(message) != 2 or message.get("role") not in _TALKING:
            return False
        text = message.get("content")
        if not isinstance(text, str) or not text or text.isspace() or len(text) > _SHORT:
            return False
        if "<|" in text or (not text.isascii() and _HALF.search(text)):
            return False
    return bool(messages[-1]["role"] == "assistant")


def _is_long(message: Mapping[str, Any]) -> bool:
    """Whether a message is more than a text of ordinary length."""
    content = message.get("content")
    return len(message) > 2 or not isinstance(content, str) or len(content) > _SHORT


def _object_problems(row: Mapping[str, Any]) -> Iterator[str]:
    yield from _extra(row, ROW_KEYS)
    yield from _tool_problems(row)
    messages = row.get("messages")
    if not isinstance(messages, list):
        yield ' has no list of "messages"'
        return
    if not messages:
        yield " has no messages"
        return
    yield from _all_messages(messages, "message")
    answers = [m for m in messages if isinstance(m, dict) and m.get("role") == "assistant"]
    if not answers or answers[-1] is not messages[-1]:
        yield " does not end with a message of the assistant"
    elif all(answer.get("weight") == 0 for answer in answers):
        yield ' has nothing to learn: every message of the assistant has "weight" 0'


def _preference_problems(row: Mapping[str, Any]) -> Iterator[str]:
    yield from _extra(row, PREFERENCE_KEYS)
    asked = row.get("input")
    if not isinstance(asked, dict):
        yield ' has no object "input"'
    else:
        for problem in (*_extra(asked, INPUT_KEYS), *_tool_problems(asked)):
            yield f', "input"{problem}'
        messages = asked.get("messages")
        if not isinstance(messages, list) or not messages:
            yield ', "input" has no list of "messages"'
        else:
            yield from _all_messages(messages, "message")
            last = messages[-1]
            if isinstance(last, dict) and last.get("role") == "assistant":
                yield ', "input" ends with a message of the assistant'
    for name in ("preferred_output", "non_preferred_output"):
        answers = row.get(name)
        if not isinstance(answers, list) or len(answers) != 1:
            yield f' has no list "{name}" with one message'
            continue
        yield from _all_messages(answers, f'"{name}" message')
        role = answers[0].get("role") if isinstance(answers[0], dict) else None
        if isinstance(role, str) and role in ROLES - {"assistant"}:
            yield f', "{name}" is not a message of the assistant'


def _extra(row: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    for key in sorted(row.keys() - known):
        yield f" contains an extra {json.dumps(key)}"


def _tool_problems(row: Mapping[str, Any]) -> Iterator[str]:
    for name in ("tools", "functions"):
        if row.get(name) is not None and not _is_objects(row[name]):
            yield f' has "{name}" that are not a list of objects'
    if row.get("parallel_tool_calls") is not None and not isinstance(row["parallel_tool_calls"], bool):
        yield ' has a "parallel_tool_calls" that is neither true nor false'


def _is_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _all_messages(messages: list[Any], called: str) -> Iterator[str]:
    for position, message in enumerate(messages, start=1):
        for problem in _message_problems(message):
            yield f", {called} {position} {problem}"


def _message_problems(message: Any) -> Iterator[str]:
    if not isinstance(message, dict):
        yield "is not a JSON object"
        return
    role = message.get("role")
    if not isinstance(role, str):
        yield 'has no "role"'
        return
    if role not in ROLES:
        yield f"has the unknown role {json.dumps(role)}"
        return
    for key in sorted(message.keys() - MESSAGE_KEYS.get(role, PLAIN_KEYS)):
        yield f"contains an extra {json.dumps(key)}"
    if "weight" in message and role == "assistant" and not _is_weight(message["weight"]):
        yield 'has a "weight" that is neither 0 nor 1'
    if message.get("tool_calls") is not None and not _is_objects(message["tool_calls"]):
        yield 'has "tool_calls" that are not a list of objects'
    for name in ("name", "tool_call_id"):
        if message.get(name) is not None and not isinstance(message[name], str):
            yield f'has a "{name}" that is not text'
    yield from _content_problems(role, message)


def _is_weight(value: Any) -> bool:
    return type(value) is int and value in (0, 1)


def _content_problems(role: str, message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    calls = role == "assistant" and bool(message.get("tool_calls") or message.get("function_call"))
    if content is None:
        if not calls:
            yield 'has no "content"'
        return
    texts: list[str] = []
    if isinstance(content, str):
        texts.append(content)
    elif isinstance(content, list) and content:
        for part in content:
            kind = part.get("type") if isinstance(part, dict) else None
            if kind == "text" and isinstance(part.get("text"), str):
                texts.append(part["text"])
            elif kind != "image_url" or role != "user":
                yield f'has a part of "content" that a message of the {role} cannot have'
    else:
        yield 'has a "content" that is neither text nor a list of parts'
        return
    if isinstance(content, str) and not content.strip() and not calls:
        yield 'has an empty "content"'
    for text in texts:
        token = SPECIAL_TOKEN.search(text)
        if token:
            yield f"contains an invalid token: {token.group()}"
        if not text.isascii() and _HALF.search(text):
            yield "contains half a surrogate pair, which is not text"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
