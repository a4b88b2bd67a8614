"""`ftui connect`"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import shlex
import sys

from ftui import credentials
from ftui.cli.common import interactive, print_json, print_table, read_line
from ftui.connect import checks, providers
from ftui.errors import FtuiError


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    key = actions.add_parser("key", help="save a key, read from standard input, after it was checked live")
    key.add_argument("service", help="openai, brightdata or the name of a provider that was added")
    key.add_argument("--no-check", action="store_true", help="save it without asking the service")
    key.set_defaults(run=_key)
    forget = actions.add_parser("forget", help="remove a saved key")
    forget.add_argument("service")
    forget.set_defaults(run=_forget)
    ssh = actions.add_parser("ssh", help="use the engine of another machine; also written: ftui connect user@host")
    ssh.add_argument("machine", metavar="USER@HOST", help="as ssh takes it; its key must work without a question")
    ssh.add_argument("--name", help="what it is called here (default: the host's name)")
    ssh.add_argument("--ssh", default="ssh", metavar="COMMAND", help="the command that connects, with its options")
    ssh.add_argument("--ftui", default="ftui", metavar="COMMAND", help="the command that is ftui over there")
    ssh.set_defaults(run=_ssh)
    add = actions.add_parser("add", help="add a service with OpenAI's fine-tuning API")
    add.add_argument("name")
    add.add_argument("url", help="its base URL, for example https://host/v1")
    add.add_argument("--model", action="append", default=[], help="a base model that it can tune; may be repeated")
    add.set_defaults(run=_add)
    remove = actions.add_parser("remove", help="forget a service that was added, and its key")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)
    check = actions.add_parser("check", help="ask a service whether its key works")
    check.add_argument("service")
    check.set_defaults(run=_check)


def _list(options: argparse.Namespace) -> int:
    lines = []
    for provider in providers.all_providers():
        found = providers.credential(provider)
        lines.append(
            {
                "service": provider.name,
                "title": provider.title,
                "address": provider.base_url,
                "key": found.masked if found else ("not needed" if provider.is_engine else "none yet"),
                "from": found.origin if found else "",
                "notices": list(provider.notices),
            }
        )
    url = checks.brightdata_url()
    found = credentials.find("brightdata", url, url)
    lines.append(
        {
            "service": "brightdata",
            "title": "Bright Data",
            "address": url,
            "key": found.masked if found else "none yet",
            "from": found.origin if found else "",
            "notices": [],
        }
    )
    if options.json:
        print_json(lines)
        return 0
    columns = ("service", "address", "key", "from")
    print_table([columns, *[[line[column] for column in columns] for line in lines]])
    for line in lines:
        for notice in line["notices"]:
            print(f"! {notice}")
    return 0


def _key(options: argparse.Namespace) -> int:
    service = options.service
    url = checks.brightdata_url() if service == "brightdata" else providers.get(service).base_url
    key = credentials.check_key(getpass.getpass(f"Key for {service}: ") if interactive() else read_line())
    if not options.no_check:
        result = _ask(service, key)
        if not result.ok:
            raise result.error or FtuiError(f"{service} could not be checked", result.text)
        print(result.text, file=sys.stderr)
    credentials.save(service, url, key)
    print(f"saved {credentials.mask(key)} for {credentials.origin_of(url)}")
    return 0


def _forget(options: argparse.Namespace) -> int:
    credentials.forget(options.service)
    print(f"no key is saved for {options.service}")
    return 0


def _add(options: argparse.Namespace) -> int:
    provider = providers.add(options.name, options.url, base_models=tuple(options.model))
    print(f"added {provider.name} at {provider.base_url}; next: ftui connect key {provider.name}")
    return 0


def _ssh(options: argparse.Namespace) -> int:
    from ftui.connect import over_ssh

    added = over_ssh.add(
        options.machine, options.name, shlex.split(options.ssh), options.ftui, interactive=interactive()
    )
    print(f"added {added.name}: {', '.join(added.base_models)}")
    print(f"next: ftui train --provider {added.name}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    providers.remove(options.name)
    print(f"removed {options.name}")
    return 0


def _check(options: argparse.Namespace) -> int:
    result = _ask(options.service)
    if not result.ok:
        raise result.error or FtuiError(f"{options.service} is {result.text}")
    print(result.text)
    return 0


def _ask(service: str, key: str | None = None) -> checks.Check:
    if service == "brightdata":
        return asyncio.run(checks.check_brightdata(key))
    return asyncio.run(checks.check(providers.get(service), key))
