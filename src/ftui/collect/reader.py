"""The process that takes pages apart: `python -m ftui.collect.reader`, see `readers`.

Reads requests from standard input until it ends, which it also does when the crawl
is killed. A page that takes too long ends the process by an alarm, whatever lxml or
trafilatura are doing at that moment.
"""

from __future__ import annotations

import contextlib
import signal
import sys

import orjson

from ftui.collect.readers import ANSWER, LONGEST_READING, READY, REQUEST


def main() -> None:
    """Answer requests until there are no more."""
    from ftui.collect.page import read_page

    # Ctrl-C in a terminal is for the crawl, which then ends the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    # What a library prints must not get into the answers.
    sys.stdout = sys.stderr
    with contextlib.suppress(BrokenPipeError):
        sink.write(READY)
        sink.flush()
        while len(head := source.read(REQUEST.size)) == REQUEST.size:
            lengths = REQUEST.unpack(head)
            url, charset = orjson.loads(source.read(lengths[0]))
            body = source.read(lengths[1])
            signal.setitimer(signal.ITIMER_REAL, LONGEST_READING)
            try:
                answer = orjson.dumps(read_page(body, url, charset))
            except Exception:  # a page can be broken in ways that neither lxml nor trafilatura foresees
                answer = b"null"
            signal.setitimer(signal.ITIMER_REAL, 0)
            sink.write(ANSWER.pack(len(answer)) + answer)
            sink.flush()


if __name__ == "__main__":
    main()
