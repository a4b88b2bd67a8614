"""`ftui engine`"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import time
from collections import Counter, deque
from pathlib import Path
from urllib.parse import urlsplit

from ftui import paths, settings
from ftui.cli.common import ProgressLine, confirm, one_line, open_store, print_json, print_table
from ftui.connect import providers
from ftui.engine import bases, bundle, disk, install, local, serving
from ftui.engine.address import instance
from ftui.engine.fitting import SHARDS
from ftui.engine.layout import Home
from ftui.errors import EngineError, InputError
from ftui.events import Note, Progress
from ftui.units import duration, size

_MOVING = ("validating_files", "queued", "running")


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
    serve.add_argument(
        "--chat",
        choices=serving.KINDS,
        help="which program answers chats (default: engine.chat in config.toml, or auto)",
    )
    serve.add_argument(
        "--processes", type=int, metavar="N", help="that train one job together (default: one for each GPU)"
    )
    serve.add_argument(
        "--shard", choices=SHARDS, default="auto", help="shard a model over them (default: where it does not fit one)"
    )
    serve.set_defaults(run=_serve)
    start = actions.add_parser("start", help="run the server in the background, until it is idle for long")
    start.add_argument("--json", action="store_true", help="print its port and token, as `ftui connect` needs them")
    start.set_defaults(run=_start)
    status = actions.add_parser("status", help="whether it is installed and runs")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(run=_status)
    add = actions.add_parser("add", help="tune a model of yours: a folder in the Hugging Face format")
    add.add_argument("folder")
    add.set_defaults(run=_add)
    pack = actions.add_parser("bundle", help="write a job as a folder that trains on another machine or a cluster")
    pack.add_argument("job", help="its name in the project, or its id at the engine (ftjob-…)")
    pack.add_argument("--to", metavar="FOLDER", help="a new folder (default: named after the job)")
    pack.set_defaults(run=_bundle)
    back = actions.add_parser("bring-back", help="bring what was trained in a bundle back into its job")
    back.add_argument("folder")
    back.set_defaults(run=_bring_back)
    log = actions.add_parser("log", help="the last lines of the server's log, or of a job's")
    log.add_argument("job", nargs="?", help="a job's id at the engine (ftjob-…)")
    log.add_argument("-n", type=int, default=40, metavar="LINES", help="how many (default: 40)")
    log.add_argument("-f", "--follow", action="store_true", help="go on as lines come, until ctrl+c")
    log.set_defaults(run=_log)
    clean = actions.add_parser("clean", help="remove old uploads and checkpoints; tuned models stay")
    clean.add_argument("--days", type=float, default=30.0, help="what was used within so many days stays (default: 30)")
    clean.add_argument("--yes", action="store_true", help="do not ask")
    clean.set_defaults(run=_clean)
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
    command = local.serve_command(
        home, host=options.host, port=options.port, token_file=options.token_file,
        wish=serving.wish(settings.config(), options.chat), processes=options.processes, shard=options.shard,
    )  # fmt: skip
    os.execve(command.arguments[0], command.arguments, command.environment)


def _start(options: argparse.Namespace) -> int:
    address = local.ensure(paths.engine_home(), wish=serving.wish(settings.config()))
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
    counted, used = Counter(disk.jobs(home)), disk.usage(home)
    by, instead = serving.state(home, settings.config(), running=address is not None)
    if options.json:
        server = {"base_url": address.base_url, "pid": address.pid} if address else None
        where = {"folder": str(home), "bytes": dict(used)}
        chat = {"by": by, "instead": instead}
        print_json({"installed": installed, "server": server, "chat": chat, "jobs": counted, **where})
        return 0
    print(f"installed  {'yes' if installed else 'no (ftui engine install)'}")
    print(f"server     {f'{address.base_url}, process {address.pid}' if address else 'not running'}")
    print(f"chat       {by}")
    for model, why in instead.items():
        print(f"           transformers for {one_line(model)}: {one_line(why)}")
    said = ", ".join(f"{number} {state}" for state, number in counted.most_common())
    print(f"jobs       {said or 'none'}")
    print(f"folder     {home}")
    print_table([["", size(number), what] for what, number in used if number], right=(1,))
    print(f"disk       {size(shutil.disk_usage(home).free)} free")
    return 0


def _add(options: argparse.Namespace) -> int:
    name = bases.register(Home(paths.engine_home()), Path(options.folder))
    print(f"added {name}: ftui train --provider engine --model {name}")
    return 0


def _bundle(options: argparse.Namespace) -> int:
    name = str(options.job)
    if not name.startswith("ftjob-"):
        with open_store(options) as store:
            name = store.jobs.find(name).remote or ""
        if not name:
            raise InputError(f"{options.job} is not at the engine yet", "it has no id there", "See: ftui status")
    asyncio.run(_pause(name))
    folder = Path(options.to or f"bundle-{options.job}").resolve()
    receipt = bundle.write(paths.engine_home(), name, folder)
    print(f"wrote {folder}: {receipt['fine_tuned_model']}, {len(receipt['sha256'])} files of pairs")
    print("there: ./run.sh   or: sbatch job.sbatch   or: sky launch sky.yaml")
    print(f"then:  ftui engine bring-back {folder}")
    return 0


async def _pause(job: str) -> None:
    """Let a job rest that waits or trains here; it keeps its last checkpoint."""
    import openai

    from ftui.connect.explain import explain

    engine = providers.get(providers.ENGINE)
    async with await providers.client(engine) as client:
        try:
            while (state := (await client.fine_tuning.jobs.retrieve(job)).status) in _MOVING:
                if state in ("queued", "running"):
                    await client.fine_tuning.jobs.pause(job)
                await asyncio.sleep(0.2)
        except openai.OpenAIError as error:
            raise explain(error, engine) from error


def _bring_back(options: argparse.Namespace) -> int:
    there = bundle.bring_back(paths.engine_home(), Path(options.folder).resolve())
    if there["state"] == "waiting":
        print("nothing to bring back: it was not started there yet")
        return 0
    step = f", step {there['step']} of {there['total_steps']}" * (there["step"] is not None)
    heard = f", heard of {duration(time.time() - there['heard'])} ago" * (there["heard"] is not None)
    print(f"brought back: the job is {there['state']} there{step}{heard}")
    return 0


def _log(options: argparse.Namespace) -> int:
    file = disk.log_file(paths.engine_home(), options.job)
    with file.open("rb") as lines:
        for line in deque(lines, maxlen=max(options.n, 0)):
            print(one_line(line.decode("utf-8", "replace")))
        while options.follow:
            if line := lines.readline():
                print(one_line(line.decode("utf-8", "replace")), flush=True)
            else:
                time.sleep(0.3)
    return 0


def _clean(options: argparse.Namespace) -> int:
    home = paths.engine_home()
    found = disk.leftovers(home, options.days)
    if not found:
        print("nothing can go")
        return 0
    print_table([[size(each.size), duration(each.age), each.what, each.path.name] for each in found], right=(0,))
    confirm(f"Remove these, {size(sum(each.size for each in found))}?", yes=options.yes)
    # While a person thought about it, some of it may have come into use.
    still = {each.path for each in disk.leftovers(home, options.days)}
    gone = [each for each in found if each.path in still]
    for each in gone:
        disk.remove(each)
    print(f"removed {size(sum(each.size for each in gone))}")
    return 0


def _stop(_: argparse.Namespace) -> int:
    print("stopped" if local.stop(paths.engine_home()) else "it was not running")
    return 0
