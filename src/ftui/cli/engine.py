"""`ftui engine`"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from urllib.parse import urlsplit

from ftui import paths
from ftui.cli.common import ProgressLine, confirm, print_json
from ftui.engine import install, local
from ftui.engine.address import instance
from ftui.errors import EngineError
from ftui.events import Note, Progress


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_status, json=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    setup = actions.add_parser("install", help="install the engine's environment and base model")
    setup.add_argument("--yes", action="store_true", help="do not ask")
    setup.set_defaults(run=_install)
    serve = actions.add_parser("serve", help="run the server in this terminal")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=0, help="default: a free one")
    serve.add_argument("--token-file", metavar="FILE", help="use the token in this file")
    serve.set_defaults(run=_serve)
    start = actions.add_parser("start", help="run the server in the background, until it is idle for long")
    start.add_argument("--json", action="store_true", help="print its port and token, as `ftui connect` needs them")
    start.set_defaults(run=_start)
    status = actions.add_parser("status", help="whether it is installed and runs")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(run=_status)
    actions.add_parser("stop", help="end the server; a job that trains goes on").set_defaults(run=_stop)


def _install(options: argparse.Namespace) -> int:
    home = paths.engine_home()
    if install.installed(home):
        print("the engine is installed")
        return 0
    for what, megabytes in install.sizes():
        print(f"  {what:<40} {megabytes:>6,} MB")
    confirm(f"Install {sum(size for _, size in install.sizes()):,} MB below {home}?", yes=options.yes)
    asyncio.run(_show_install())
    print("the engine is installed")
    return 0


async def _show_install() -> None:
    line = ProgressLine()
    async for event in install.install(paths.engine_home()):
        if isinstance(event, Progress):
            line.show(event.text)
        elif isinstance(event, Note):
            print(event.text, file=sys.stderr)
    line.end()


def _serve(options: argparse.Namespace) -> int:
    home = paths.engine_home()
    if not install.installed(home):
        raise EngineError("The engine is not installed", "it has an environment of its own", "ftui engine install")
    command = local.serve_command(home, host=options.host, port=options.port, token_file=options.token_file)
    os.execve(command.arguments[0], command.arguments, command.environment)


def _start(options: argparse.Namespace) -> int:
    address = local.ensure(paths.engine_home())
    if options.json:
        # The only place that shows the token: for the ssh connection of its owner.
        parts = urlsplit(address.base_url)
        name = instance(parts.hostname or "", parts.port or 0)
        print_json({"port": parts.port, "token": address.token, "instance": name})
        return 0
    print(f"the engine answers at {address.base_url}")
    return 0


def _status(options: argparse.Namespace) -> int:
    home = paths.engine_home()
    installed, address = install.installed(home), local.find(home)
    if options.json:
        server = {"base_url": address.base_url, "pid": address.pid} if address else None
        print_json({"installed": installed, "server": server, "folder": str(home)})
        return 0
    print(f"installed  {'yes' if installed else 'no (ftui engine install)'}")
    print(f"server     {f'{address.base_url}, process {address.pid}' if address else 'not running'}")
    print(f"folder     {home}")
    return 0


def _stop(_: argparse.Namespace) -> int:
    print("stopped" if local.stop(paths.engine_home()) else "it was not running")
    return 0
