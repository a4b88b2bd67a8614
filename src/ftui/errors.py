"""The error tree. Every error that can reach a person says three things.

    FtuiError
    ├── SettingsError      a file of ftui's own that cannot be read or written
    ├── CredentialError    a key that is missing, wrong or readable by others
    ├── NetworkError       no connection, a refused port, a time-out
    ├── ServiceError       a service answered, and the answer is no
    ├── InputError         a file, an address or a recipe of the person's own
    ├── MoneyError         the price is not known, above the limit, or not confirmed
    ├── BusyError          another ftui holds what is needed
    └── EngineError        the engine, its environment or its trainer

The command line maps each class to an exit code (`exit_code`), the screens show
`what`, `why` and `do` on lines of their own.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping


class FtuiError(Exception):
    """Something a person can act on.

    Args:
        what: what happened, one short sentence without a full stop.
        why: the cause as far as it is known.
        do: what to do next.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.do = do

    def __str__(self) -> str:
        """One line: `what: why. do.`"""
        line = f"{self.what}: {self.why}" if self.why else self.what
        line = line.rstrip(".")
        return f"{line}. {self.do.rstrip('.')}." if self.do else f"{line}."

    def as_dict(self) -> dict[str, str]:
        """The form in which the store keeps an error."""
        return {"kind": type(self).__name__, "what": self.what, "why": self.why, "do": self.do}

    @staticmethod
    def from_dict(data: Mapping[str, str]) -> FtuiError:
        """The error that `as_dict` described, of its own class again."""
        kinds = {kind.__name__: kind for kind in FtuiError.__subclasses__()}
        kind = kinds.get(data.get("kind", ""), FtuiError)
        return kind(data.get("what", "unknown error"), data.get("why", ""), data.get("do", ""))


class SettingsError(FtuiError):
    exit_code = 3


class CredentialError(FtuiError):
    exit_code = 4


class NetworkError(FtuiError):
    exit_code = 5


class ServiceError(FtuiError):
    exit_code = 6


class InputError(FtuiError):
    exit_code = 7


class MoneyError(FtuiError):
    exit_code = 8


class BusyError(FtuiError):
    exit_code = 9


class EngineError(FtuiError):
    exit_code = 10


def describe(error: BaseException) -> FtuiError:
    """Any exception as an `FtuiError`; what ftui did not foresee is named, never hidden."""
    if isinstance(error, FtuiError):
        return error
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        why = f"{error.strerror or error}{where}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            do = "Free some space, then start it again; nothing that was saved is lost"
            return FtuiError("The disk is full", why, do)
        return FtuiError("The system refused", why, "Check that the file or folder is there and yours to write")
    if type(error).__module__ == "sqlite3":
        do = "Check the disk; where the file is damaged, restore it from a backup"
        return FtuiError("The project's file cannot be used", str(error), do)
    return FtuiError(
        "An error that ftui did not foresee",
        f"{type(error).__name__}: {error}",
        "The log has the details: `ftui status` names it",
    )
