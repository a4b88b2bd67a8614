"""Templates rendered: those built in here, a person's own in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakSet

import jinja2
import orjson
from jinja2 import nodes
from jinja2.runtime import Context

from ftui.errors import InputError
from ftui.prepare import sandbox

SECONDS = 2.0
"""Of processor time for one rendering."""
MEMORY = 512 * 2**20
PATIENCE = 3
"""Records on which a template may run into a limit before it is given up as a whole."""
_KEPT = ("PATH", "HOME", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")


_running: WeakSet[subprocess.Popen[bytes]] = WeakSet()


def give_up() -> None:
    """End at once what templates of this program are rendered in, whichever thread waits for it.

    The record that is being rendered fails; the next one begins a new process.
    """
    for process in list(_running):
        process.kill()


class NotRendered(Exception):
    """One record that a template does not fit.

    Attributes:
        reason: short, one of a few.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Rendering(Protocol):
    """Attributes:
    broken: why a record ended the process of a template, one for each that did.
    """

    broken: list[str]

    def __call__(self, values: Mapping[str, Any]) -> Mapping[str, str]:
        """The texts of one record, by the name of their template.

        Raises:
            NotRendered: nothing comes of this record.
            InputError: the template cannot be used at all.
        """

    def close(self) -> None: ...


class BuiltIn:
    """Templates that come with ftui, rendered where they are needed."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._templates = {name: _compiled(text) for name, text in texts.items()}
        self._environment = _environment()
        self.broken = list[str]()

    def __call__(self, values: Mapping[str, Any]) -> Mapping[str, str]:
        # As `render` does it, without the globals, which take longer than all the rest and are not used,
        # and with one context for all, since none of them sets anything.
        context = Context(self._environment, dict(values), None, {})
        return {name: "".join(template.root_render_func(context)) for name, template in self._templates.items()}

    def close(self) -> None:
        return None


class Own:
    """Templates of a person's own. One that never ends, or wants all memory, ends itself alone."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._used = _names(texts)
        self._process: subprocess.Popen[bytes] | None = None
        self.broken = list[str]()

    def __call__(self, values: Mapping[str, Any]) -> Mapping[str, str]:
        # A page's HTML need not travel for a template that speaks of the title only.
        needed = {name: value for name, value in values.items() if name in self._used}
        answer = self._ask(needed)
        if "texts" in answer:
            texts: Mapping[str, str] = answer["texts"]
            return texts
        if "missing" in answer:
            raise NotRendered("a field is missing", _missing(answer["missing"], values))
        if "refused" in answer:
            raise _unusable(answer)
        # Which of the texts a process was at when it was ended, nobody knows.
        where = f"[messages] {answer['name']}" if answer.get("name") else "[messages]"
        raise NotRendered("the template fails", f"{answer['failed']} ({where})")

    def close(self) -> None:
        self._end()

    def _ask(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if self._process is None:
            self._start()
        answer = self._exchange(values)
        if answer is not None:
            return answer
        why = self._end()
        self.broken.append(why)
        check_patience(self.broken)
        return {"failed": why}

    def _start(self) -> None:
        # No key of the environment goes along.
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = subprocess.Popen(
            # -P: the modules beside it are not to be mistaken for those of the library.
            [sys.executable, "-P", str(Path(sandbox.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        _running.add(self._process)
        answer = self._exchange({"texts": self._texts, "seconds": SECONDS, "memory": MEMORY})
        if answer is None:
            answer = {"refused": self._end(), "line": 0}
        if answer:
            self._end()
            raise _unusable(answer)

    def _exchange(self, message: Mapping[str, Any]) -> dict[str, Any] | None:
        """One line there and one back, None when the process ended over it."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = orjson.dumps(message, default=str)
        except (TypeError, orjson.JSONEncodeError) as error:  # half a surrogate, a number beyond 64 bits
            return {"failed": f"the record cannot be written as JSON ({error})"}
        try:
            process.stdin.write(line + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return None
        line = process.stdout.readline()
        return orjson.loads(line) if line.endswith(b"\n") else None

    def _end(self) -> str:
        """End the process; gives why it had ended already."""
        process, self._process = self._process, None
        if process is None:
            return ""
        process.kill()
        # What is still in the pipe is of no use to anybody.
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        code = process.wait()
        if code == -signal.SIGPROF:
            return f"it took more than {SECONDS:g} seconds"
        return f"it ended its process ({code})"


def check_patience(broken: Sequence[str]) -> None:
    """Give a template up that has run into a limit too often.

    Raises:
        InputError: it has.
    """
    if len(broken) >= PATIENCE:
        raise InputError(
            "The template of the recipe cannot be used",
            f"{broken[PATIENCE - 1]}, and so it did on {PATIENCE - 1} records before",
            "Correct [messages] in the recipe",
        )


def syntax(text: str) -> str:
    """What is wrong with the wording of a template, "" where nothing is. Nothing of it is run."""
    try:
        sandbox.environment().parse(text.strip())
    except jinja2.TemplateError as error:
        line = getattr(error, "lineno", None)
        return f"line {line}: {error}" if line else str(error)
    except RecursionError:
        return "it is nested too deep"
    return ""


def _names(texts: Mapping[str, str]) -> set[str]:
    """The variables that templates speak of."""
    found = set[str]()
    for name, text in texts.items():
        if problem := syntax(text):
            raise InputError(
                "The template of the recipe cannot be used", f"{name}, {problem}", "Correct [messages] in the recipe"
            )
        found |= {node.name for node in sandbox.environment().parse(text.strip()).find_all(nodes.Name)}
    return found


def _unusable(answer: Mapping[str, Any]) -> InputError:
    line = f", line {answer['line']}" if answer.get("line") else ""
    where = f"{answer['name']}{line}: " if answer.get("name") else ""
    return InputError(
        "The template of the recipe cannot be used", f"{where}{answer['refused']}", "Correct [messages] in the recipe"
    )


def _missing(what: str, values: Mapping[str, Any]) -> str:
    """What is missing, and what there is in its place."""
    data = values.get("data")
    there = ", ".join(str(name) for name in list(data)[:20]) if isinstance(data, Mapping) else ""
    # Jinja calls a record by its Python type.
    what = what.replace("'dict object' has no attribute", "there is no")
    return f"{what}; data has {there}" if there else what


@cache
def _compiled(text: str) -> jinja2.Template:
    return _environment().from_string(text.strip())


@cache
def _environment() -> jinja2.Environment:
    return sandbox.environment()
