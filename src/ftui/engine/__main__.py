"""`python -m ftui.engine serve`, run by the engine's own interpreter."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from ftui.engine.fitting import SHARDS
from ftui.engine.layout import Home
from ftui.engine.local import IDLE_SECONDS
from ftui.engine.serving import KINDS, Wish
from ftui.errors import FtuiError, describe


def processes(text: str) -> int:
    """How many processes train together, from the command line."""
    number = int(text) if text.isdigit() else 0
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 256")
    return number


def main() -> int:
    parser = argparse.ArgumentParser(prog="ftui engine")
    serve = parser.add_subparsers(dest="verb", required=True).add_parser("serve", help="serve the API")
    serve.add_argument("--home", type=Path, required=True, help="the engine's folder")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    serve.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    serve.add_argument("--token-file", type=Path, help="file with the bearer token (default: a new one)")
    serve.add_argument(
        "--idle-exit",
        type=float,
        default=IDLE_SECONDS,
        metavar="SECONDS",
        help="end after so long without work; 0 for never",
    )
    serve.add_argument(
        "--unload",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="free the memory of the chat's model after so long without a question",
    )
    serve.add_argument("--chat", choices=KINDS, default=Wish().chat, help="which program answers chats")
    serve.add_argument("--llama-server", default=Wish().llama, metavar="COMMAND", help="llama.cpp's server")
    serve.add_argument("--vllm", default=Wish().vllm, metavar="COMMAND", help="vLLM")
    serve.add_argument(
        "--processes", type=processes, metavar="N", help="that train together (default: one for each GPU)"
    )
    serve.add_argument(
        "--shard", choices=SHARDS, default="auto", help="shard a model over them (default: where it does not fit one)"
    )
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    from ftui.engine.server import serve as run

    home = Home(args.home.resolve())
    wish = Wish(args.chat, args.llama_server, args.vllm)
    launch = {"processes": args.processes, "shard": args.shard}
    try:
        asyncio.run(run(home, args.host, args.port, args.token_file, args.idle_exit, args.unload, wish, launch))
    except (FtuiError, OSError) as error:
        shown = describe(error)
        print(shown, file=sys.stderr)
        return shown.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
