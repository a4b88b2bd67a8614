"""One SQLite connection to a project: pragmas, migrations, transactions."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ftui.errors import BusyError, FtuiError, InputError, SettingsError
from ftui.store import folding, pair, schema

_NETWORK_MOUNTS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "lustre",
    "gpfs",
    "beegfs",
    "fuse.sshfs",
    "9p",
}
BUSY_SECONDS = 10.0
"""How long a write waits for its turn."""
_TURN = 0.001
"""Seconds between two looks whether it has come. SQLite's own waiting looks ever less often: beside
a bulk step, which lets others in for a moment after each of its transactions, it can miss all of them."""
OLDEST = (3, 33, 0)
"""The first SQLite that knows all that is asked of it: `UPDATE … FROM`."""
BULK_PAGE = 16384
BULK_CACHE = 32 * 1024
"""KB at most, taken as it is needed: the index over a million keys in no order."""
_MAKES = re.compile(r"(CREATE (TABLE|INDEX)|ALTER TABLE|INSERT INTO) ")


class Database:
    """A connection to `project.db` with `records.db` attached as `bulk`.

    Attributes:
        patience: seconds that a write waits for its turn before it is a `BusyError`.
        refused: what every write is answered with, None where writing is allowed.

    Not thread-safe: one per thread. Reads go through `connection`, every write
    through `write()` or `write_records()`.
    """

    def __init__(self, project: Path, bulk: Path) -> None:
        self.path = project
        self._within = ""
        self.own_writes = 0
        self.patience = BUSY_SECONDS
        self.refused: FtuiError | None = None
        if sqlite3.sqlite_version_info < OLDEST:
            raise SettingsError(
                f"SQLite {sqlite3.sqlite_version} is too old",
                f"this Python came with it, and ftui needs {'.'.join(map(str, OLDEST[:2]))} or later",
                "Run ftui with a newer Python",
            )
        journal = "TRUNCATE" if on_network(project) or on_network(bulk) else "WAL"
        try:
            self.connection = sqlite3.connect(
                project, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=True
            )
        except sqlite3.DatabaseError as error:
            raise explain(error, project) from error
        try:
            self.connection.row_factory = sqlite3.Row
            self.connection.execute("ATTACH DATABASE ? AS bulk", (str(bulk),))
            # For a new file. A record of some KB fills little more than half of a page of the usual 4 KB.
            self.connection.execute(f"PRAGMA bulk.page_size = {BULK_PAGE}")
            self.connection.execute(f"PRAGMA bulk.cache_size = -{BULK_CACHE}")
            for name in ("main", "bulk"):
                self.connection.execute(f"PRAGMA {name}.journal_mode = {journal}")
                self.connection.execute(f"PRAGMA {name}.synchronous = NORMAL")
            self.connection.execute("PRAGMA foreign_keys = ON")
            self._migrate("main", project, schema.PROJECT)
            self._migrate("bulk", bulk, schema.BULK)
            for path in (project, bulk):
                os.chmod(path, 0o600)
        except BaseException as error:
            self.connection.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise explain(error, project) from error
            raise

    def _migrate(self, name: str, path: Path, migrations: Sequence[str]) -> None:
        version = self._version(name)
        if version > len(migrations):
            raise SettingsError(
                f"{path.name} is from a newer ftui",
                f"the file has format {version}, this program knows up to {len(migrations)}",
                "Upgrade ftui; the file was not touched",
            )
        if version == len(migrations):
            return
        self.connection.create_function("fold", 1, folding.fold, deterministic=True)
        self.connection.create_function("search_text", 1, pair.search_text_of_json, deterministic=True)
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have migrated while this one waited for the lock.
            for number in range(self._version(name), len(migrations)):
                for statement in _statements(migrations[number]):
                    self.connection.execute(_in_schema(statement, name))
                self.connection.execute(f"PRAGMA {name}.user_version = {number + 1}")
            self.connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        # A full disk makes SQLite roll back by itself.
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def _version(self, name: str) -> int:
        return int(self.connection.execute(f"PRAGMA {name}.user_version").fetchone()[0])

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction on the project's file: committed at the end of the block, rolled back by an exception.

        Args:
            durable: survives a power cut too (fsync at commit); for what spends money.
        """
        assert self._within != "records", "who holds the records' file must not wait for the project's"
        with self._transaction("project", "UPDATE main.meta SET value = value WHERE 0", durable):
            yield self.connection

    @contextmanager
    def write_records(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction on the records' file alone: a decision, which goes into the other, does not wait for it.

        Args:
            durable: as for `write`.
        """
        with self._transaction("records", "UPDATE bulk.totals SET records = records WHERE 0", durable):
            yield self.connection

    @contextmanager
    def _transaction(self, file: str, lock: str, durable: bool) -> Iterator[None]:
        if self._within:
            yield
            return
        if self.refused is not None:
            raise self.refused
        schema = "bulk" if file == "records" else "main"
        try:
            if durable:
                self.connection.execute(f"PRAGMA {schema}.synchronous = FULL")
            self._begin(lock)
            self._within = file
            try:
                yield
                self.connection.execute("COMMIT")
                self.own_writes += 1
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._within = ""
                if durable:
                    self.connection.execute(f"PRAGMA {schema}.synchronous = NORMAL")
        except sqlite3.DatabaseError as error:
            raise explain(error, self.path, self.patience) from error

    def _begin(self, lock: str) -> None:
        """Open a transaction that holds the write lock of one file.

        BEGIN IMMEDIATE would lock both files; an update of nothing locks its own.
        """
        deadline = time.monotonic() + self.patience
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                self.connection.execute("BEGIN")
                try:
                    self.connection.execute(lock)
                    return
                except sqlite3.OperationalError as error:
                    # A new BEGIN each time: one that has read cannot write what another has changed since.
                    self._roll_back()
                    if "locked" not in str(error) or time.monotonic() >= deadline:
                        raise
                time.sleep(_TURN)
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {int(self.patience * 1000)}")

    def stamp(self) -> tuple[int, int, int]:
        """Differs from the last one when anybody has committed anything since."""
        main = self.connection.execute("PRAGMA main.data_version").fetchone()[0]
        bulk = self.connection.execute("PRAGMA bulk.data_version").fetchone()[0]
        return int(main), int(bulk), self.own_writes

    def interrupt(self) -> None:
        """End what is being read; the only thing that another thread may call."""
        self.connection.interrupt()

    def close(self) -> None:
        self.connection.close()


def on_network(path: Path) -> bool:
    """Whether `path` is on a mount where SQLite's WAL would corrupt the file.

    Linux says it in /proc/mounts; elsewhere the answer is no.
    """
    try:
        mounts = Path("/proc/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    real = path.resolve()
    best, kind = "", ""
    for line in mounts:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = fields[1].encode().decode("unicode_escape")
        if len(mount) >= len(best) and real.is_relative_to(mount):
            best, kind = mount, fields[2]
    return kind in _NETWORK_MOUNTS


def _statements(script: str) -> Iterator[str]:
    """The single statements of a script, each ending with its line; `executescript` would commit."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _in_schema(statement: str, name: str) -> str:
    if name == "main":
        return statement
    return _MAKES.sub(rf"\g<0>{name}.", statement, count=1)


def explain(error: sqlite3.DatabaseError, path: Path, patience: float = BUSY_SECONDS) -> Exception:
    """The error in words a person can act on, or itself where nothing is known about it.

    Args:
        patience: seconds that the program waited for its turn.
    """
    text = str(error)
    if "locked" in text or "busy" in text:
        return BusyError(
            "The project is busy", f"another program held its file for {patience:g} seconds", "Try again in a moment"
        )
    if "full" in text:
        return SettingsError(
            "The disk is full",
            f"{path.name} could not be written",
            "Free some space; nothing that was saved is lost",
        )
    if "not a database" in text or "malformed" in text:
        return InputError(
            f"{path.name} is not a project's file",
            "it is damaged, or another program wrote it",
            f"Move {path} away, or restore it from a backup",
        )
    if "readonly" in text or "unable to open" in text:
        return SettingsError(f"{path.name} cannot be written", text, f"Check who owns {path.parent}")
    return error
