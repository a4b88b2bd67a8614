"""`ftui` and `python -m ftui`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line, or without a verb the app. Gives the exit code."""
    from ftui import cli

    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
