"""Where ftui keeps things.

What a person made lives in the config folder, bulk in the data folder, what can
be fetched again in the cache folder. `FTUI_HOME` moves all of them under one
folder, which is also how tests get a home of their own.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

from ftui.errors import InputError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def _base(kind: str) -> Path:
    home = os.environ.get("FTUI_HOME")
    if home:
        return Path(home).expanduser().resolve() / kind
    import platformdirs

    system = {
        "config": platformdirs.user_config_path,
        "data": platformdirs.user_data_path,
        "cache": platformdirs.user_cache_path,
        "log": platformdirs.user_log_path,
    }[kind]
    # macOS and Windows give one folder for several kinds: the kind's own name
    # below it keeps `projects/` of the config apart from `projects/` of the data.
    return system("ftui", appauthor=False) / kind


def config_dir() -> Path:
    return private_dir(_base("config"))


def data_dir() -> Path:
    return private_dir(_base("data"))


def cache_dir() -> Path:
    return private_dir(_base("cache"))


def log_dir() -> Path:
    return private_dir(_base("log"))


def engine_home() -> Path:
    """The engine's folder: its environment, models, jobs and address file."""
    named = os.environ.get("FTUI_ENGINE_HOME")
    return private_dir(Path(named).expanduser().resolve() if named else data_dir() / "engine")


def projects_dir() -> Path:
    return private_dir(config_dir() / "projects")


def check_project_name(name: str) -> str:
    """`name` when it can be a folder's name everywhere, an `InputError` otherwise."""
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise InputError(
            f"{name!r} cannot be a project's name",
            "a name has 1 to 63 small letters, digits, dots, dashes or underscores, and starts with a letter or digit",
            "Choose another name, for example kettle-support",
        )
    return name


def project_dir(name: str) -> Path:
    return projects_dir() / check_project_name(name)


def project_data_dir(name: str) -> Path:
    return private_dir(data_dir() / "projects" / check_project_name(name))


def private_dir(path: Path) -> Path:
    """`path`, made with mode 0700 where it is missing."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def keep_stream(folder: Path, stream: BinaryIO) -> Path:
    """All of a stream in a file named by its content, so that the same content is the same file."""
    digest = hashlib.blake2b(digest_size=8)
    handle, temporary = tempfile.mkstemp(dir=private_dir(folder), prefix=".stream.")
    try:
        with os.fdopen(handle, "wb") as file:
            while chunk := stream.read(2**20):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        path = folder / f"stdin-{digest.hexdigest()}"
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def write_atomic(path: Path, data: str | bytes, *, mode: int = 0o600) -> None:
    """Write a whole file so that a crash leaves the old one or the new one, never a part."""
    raw = data.encode() if isinstance(data, str) else data
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
