"""Renders templates of a person's own, in a process that has nothing to lose.

Jinja's sandbox keeps a template from Python's internals. It does not keep it from
running for ever or from filling the memory; what bounds those is the process: it
ends when one rendering takes too long, and gets no more memory than it needs.

This file is run by its path and imports nothing of ftui, so that it starts quickly.
JSON lines come in, the templates first and then the values of one record each; a JSON
line goes out for each:

    {"texts": {NAME: TEMPLATE}, "seconds": 2, "memory": 5e8}   ->   {} or {"refused": WHY, "name": NAME, "line": 3}
    {"title": "…"}   ->   {"texts": {NAME: TEXT}}, {"missing": WHAT}, {"failed": WHY} or {"refused": WHY}
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Mapping
from typing import Any

import jinja2
import orjson
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 1_000_000
"""Characters of a rendered text. What is longer is no training example."""
_LONGEST_REASON = 300


def environment() -> jinja2.Environment:
    """Templates may do nothing but turn a record into text, and into the same text each time."""
    made = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
    for name in ("lipsum", "cycler"):
        made.globals.pop(name, None)
    made.filters.pop("random", None)
    return made


def main() -> None:
    lines = sys.stdin.buffer
    setting = orjson.loads(lines.readline())
    _bound(int(setting["memory"]))
    templates: dict[str, jinja2.Template] = {}
    answer: dict[str, Any] = {}
    made = environment()
    for name, text in setting["texts"].items():
        with _in_time(setting["seconds"]):
            try:
                # Constant expressions are worked out here already.
                templates[name] = made.from_string(text.strip())
            except Exception as error:
                answer = {"refused": _reason(error), "name": name, "line": getattr(error, "lineno", None) or 0}
                break
    _say(answer)
    for line in lines:
        values = orjson.loads(line)
        with _in_time(setting["seconds"]):
            answer = _rendered(templates, values)
        _say(answer)


def _rendered(templates: Mapping[str, jinja2.Template], values: Mapping[str, Any]) -> dict[str, Any]:
    texts = {}
    name = ""
    try:
        for name, template in templates.items():
            texts[name] = template.render(values)
            if len(texts[name]) > LONGEST:
                return {"failed": f"the text has more than {LONGEST:,} characters", "name": name}
    except SecurityError as error:
        return {"refused": _reason(error), "name": name, "line": 0}
    except jinja2.UndefinedError as error:
        return {"missing": _reason(error), "name": name}
    except Exception as error:  # A template can fail in any way that Python can.
        return {"failed": _reason(error), "name": name}
    return {"texts": texts}


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it needs too much memory"
    if isinstance(error, RecursionError):
        return "it calls itself without end"
    return (str(error) or type(error).__name__)[:_LONGEST_REASON]


def _say(answer: Mapping[str, Any]) -> None:
    try:
        line = orjson.dumps(answer)
    except TypeError:  # Half a surrogate, which is no text.
        line = orjson.dumps({"failed": "what comes out is no text"})
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


@contextlib.contextmanager
def _in_time(seconds: float) -> Any:
    """End the process after `seconds` of processor time, even in the middle of one operation."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _bound(memory: int) -> None:
    import resource

    # Not every system knows each limit.
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    main()
