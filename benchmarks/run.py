"""Benchmarks: python benchmarks/run.py [ROOM ...] [--quick] [--json]

One script a room. Each figure stands beside what it was measured against in the
same run, because machines are shared and noisy: the ratio counts, not the seconds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from typing import Protocol

from measure import Figure

ROOMS = ("loop", "collect", "pairs", "engine")


class Room(Protocol):
    def figures(self, *, quick: bool) -> Iterator[Figure]: ...


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"default: {' '.join(ROOMS)}")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="smaller sizes, about a minute a room: for a look, the targets are those of the full sizes",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    for name in options.rooms:
        if name not in ROOMS:
            parser.error(f"there is no room {name!r}, only {', '.join(ROOMS)}")
    missed = 0
    for name in options.rooms or ROOMS:
        room: Room = importlib.import_module(name)  # type: ignore[assignment]
        for figure in room.figures(quick=options.quick):
            missed += not figure.ok
            print(json.dumps(figure.as_dict()) if options.json else figure, flush=True)
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
