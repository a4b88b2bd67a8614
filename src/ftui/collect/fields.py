"""Settings of a source: checked when they are made, plain JSON when they are kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from ftui.errors import InputError

T = TypeVar("T", bound="Settings")


class Settings:
    """Base of the frozen dataclasses that describe a source.

    A subclass checks and normalises its fields in `__post_init__`, so that an object
    that exists is valid.
    """

    def to_dict(self) -> dict[str, Any]:
        """JSON values only; `from_dict` gives the same settings back."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()  # type: ignore[call-overload]
        }

    @classmethod
    def from_dict(cls: type[T], data: Mapping[str, Any]) -> T:
        """Settings from JSON.

        Raises:
            InputError: a name that is not known, a value of another kind or out of range.
        """
        known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        for name in data:
            if name not in known:
                raise InputError(
                    f"The setting {name!r} is not known", f"this source knows {', '.join(known)}", "Correct the name"
                )
        return cls(**data)

    def _set(self, name: str, value: Any) -> None:
        """Put a normalised value in place while the object is made."""
        object.__setattr__(self, name, value)


def text(name: str, value: Any) -> str:
    """A string without spaces around it."""
    if not isinstance(value, str):
        raise _wrong(name, value, "text")
    return value.strip()


def texts(name: str, value: Any) -> tuple[str, ...]:
    """One string or several; empty ones and repeats are dropped."""
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, Iterable) or isinstance(several, Mapping):
        raise _wrong(name, value, "a list of texts")
    return tuple(dict.fromkeys(item for one in several if (item := text(name, one))))


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _wrong(name, value, f"a whole number from {low:,} to {high:,}")
    return value


def number(name: str, value: Any, low: float, high: float) -> float:
    """A number from `low` to `high`, both included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(name, value, "a number")
    if not low <= value <= high:
        raise _wrong(name, value, f"a number from {low:g} to {high:g}")
    return float(value)


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


def _wrong(name: str, value: Any, wanted: str) -> InputError:
    return InputError(f"The setting {name!r} cannot be used", f"{value!r} is not {wanted}", f"Give {wanted}")
