"""The command line: every room without a screen, for scripts and for SSH lines that are too thin.

    ftui                     the app
    ftui demo                the whole loop on a sample site, no account needed
    ftui collect … prepare … rules … export … versions … train … watch … compare … chat … models … status … engine …

Results go to standard output, progress and errors to standard error. Exit codes
are those of `ftui.errors`; 2 is a wrong command line, 130 an interruption.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from ftui import __version__
from ftui.errors import FtuiError, describe

VERBS = {
    "projects": "make, list, open and delete projects; set the budget",
    "connect": "providers and keys",
    "collect": "collect records from the web, Bright Data or files",
    "prepare": "make pairs from the records by the recipe",
    "rules": "learn from what was rejected by hand which pairs to leave out",
    "export": "freeze the accepted pairs and write them as files",
    "versions": "list dataset versions, or show what is different between two",
    "train": "freeze the accepted pairs and fine-tune a model on them",
    "watch": "follow a job until it ends",
    "compare": "ask a model and its base the held-out questions",
    "chat": "talk to a model",
    "models": "list models, move an alias, roll it back",
    "status": "what is there, what runs, what to do next",
    "engine": "the fine-tuning server for open models on this machine",
    "demo": "the whole loop on a sample site, with no account",
}


def main(arguments: Sequence[str]) -> int:
    """Run one command line; gives the exit code and never shows a traceback."""
    arguments = _written_out(arguments)
    parser = _parser(_verb(arguments))
    options = parser.parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = options.run
        code = run(options)
        if sys.stdout is not None:
            # What cannot be written is said here, not by the interpreter as it ends.
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("\ninterrupted; what the worker does goes on (ftui status)", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _fail(describe(error), error)


def _fail(error: FtuiError, cause: BaseException) -> int:
    from ftui.cli.common import one_line

    # Its words may come from a service or a file.
    print(f"ftui: {one_line(error)}", file=sys.stderr)
    if os.environ.get("FTUI_DEBUG"):
        import traceback

        from ftui import credentials

        print(credentials.hide("".join(traceback.format_exception(cause)), credentials.known()), file=sys.stderr)
    return error.exit_code


def _written_out(arguments: Sequence[str]) -> list[str]:
    """`connect user@host` is short for `connect ssh user@host`."""
    words = list(arguments)
    if _verb(words) == "connect":
        after = words.index("connect") + 1
        if after < len(words) and ("@" in words[after] or words[after].startswith("ssh://")):
            words.insert(after, "ssh")
    return words


def _verb(arguments: Sequence[str]) -> str | None:
    """The verb of a command line, which may stand behind --project NAME."""
    rest = iter(arguments)
    for word in rest:
        if word == "--project":
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def _parser(used: str | None) -> argparse.ArgumentParser:
    """The parser; only the module of the verb that is used is imported."""
    parser = argparse.ArgumentParser(
        prog="ftui",
        description="Fine-tune a language model from a terminal. Without a verb, the app starts.",
        epilog="Each verb has a --help of its own.",
    )
    parser.add_argument("--version", action="version", version=f"ftui {__version__}")
    parser.add_argument("--project", metavar="NAME", help="the project to work on (default: the one last used)")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.set_defaults(run=_app)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for name, text in VERBS.items():
        child = verbs.add_parser(name, help=text, description=f"ftui {name}: {text}.")
        child.add_argument("--project", metavar="NAME", default=argparse.SUPPRESS, help="the project to work on")
        if name == used:
            import_module(f"ftui.cli.{name}").configure(child)
    return parser


def _app(options: argparse.Namespace) -> int:
    from ftui.cli.screen import run_app

    return run_app(options.project, mouse=not options.no_mouse)
