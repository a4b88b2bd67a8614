"""Why a training ended: the true reason, in words that hold no path and no secret."""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Sequence

from ftui.engine import team

_FULL = re.compile(r"No space left on device|os error 28|Disk quota exceeded|File too large|os error 27")
_MEMORY = re.compile(r"can't allocate memory|Cannot allocate memory|CUDA out of memory|std::bad_alloc|os error 12")
_PATH = re.compile(r"(?<![\w.:/])/(?:[^\s'\",:;()]+/)*([^\s'\",:;()]+)")
_SECRET = re.compile(r"\b(?:hf_|sk-)\w{6,}|Bearer\s+\S+")
# How torchrun tells of a process that a signal ended.
_SIGNALLED = re.compile(r"Signal (\d+) \(SIG\w+\) received by PID")
# How one process of a team learns that another one is gone.
_ALONE = re.compile(r"Connection (?:reset|closed) by peer|Broken pipe|NCCL .*(?:remote|peer)|Connection refused")
LOST = "Another process of this training ended"
_FULL_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Reason = dict[str, str]


class Stop(Exception):
    """The job cannot be trained; `code` and the message go to the job's error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def clean(text: str) -> str:
    """`text` with the last name in place of each path, and without anything that looks like a key."""
    return _PATH.sub(r"\1", _SECRET.sub("[secret]", text))[:500]


def of_exception(error: BaseException) -> Reason:
    """The job's error for what the trainer could not go on with."""
    if isinstance(error, Stop):
        return {"code": error.code, "message": str(error)}
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    if any(isinstance(e, OSError) and e.errno in _FULL_NUMBERS for e in chain) or _told(chain, _FULL):
        return {"code": "disk_full", "message": "The disk is full; free some space, then resume the job"}
    if any(isinstance(e, MemoryError) or type(e).__name__ == "OutOfMemoryError" for e in chain) or _told(
        chain, _MEMORY
    ):
        return {"code": "out_of_memory", "message": "The memory was not enough: a smaller batch or context may fit"}
    if team.size() > 1 and _told(chain, _ALONE):
        return {"code": "server_error", "message": LOST}
    return {"code": "server_error", "message": clean(f"The trainer failed: {type(error).__name__}: {error}")}


def of_exit(code: int, lines: Sequence[str], *, ran_out: bool | None) -> Reason:
    """The job's error for a trainer that ended without a word.

    Args:
        code: its exit code, negative for a signal.
        lines: the last lines it printed.
        ran_out: whether the system ended processes for want of memory meanwhile; None where it does not say.
    """
    text = "\n".join(lines)
    signalled = _SIGNALLED.findall(text)
    number = -code if code < 0 else int(signalled[-1]) if signalled else 0
    if number == signal.SIGKILL and ran_out:
        return {
            "code": "out_of_memory",
            "message": "The system ended the trainer because memory ran out (killed by SIGKILL)",
        }
    if number == signal.SIGBUS and _FULL.search(text):
        return {"code": "disk_full", "message": "The disk is full; free some space, then resume the job"}
    if _MEMORY.search(text):
        return {"code": "out_of_memory", "message": "The memory was not enough: a smaller batch or context may fit"}
    if number:
        hint = "; the system does this when memory runs out" if number == signal.SIGKILL and ran_out is None else ""
        return {"code": "server_error", "message": f"The trainer was killed by {_name(number)}{hint}"}
    said = clean(lines[-1]) if lines else ""
    return {"code": "server_error", "message": f"The trainer ended with exit code {code}" + f": {said}" * bool(said)}


def _told(chain: Sequence[BaseException], pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(str(error)) for error in chain)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
