"""RunDatabase: the SQLite database of a run."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wgan.runs.migrations import database_schema, migrate_database
from wgan.runs.records import RunError, RunTakenOver
from wgan.schema import SCHEMA

MAX_VALUE_BYTES = 16 << 20
"""Maximum length of a stored text, in bytes. This program writes no longer ones."""

SHIPPED_WORDS = (
    "{run} is an example that comes with the app and cannot be changed. Fork it and change the "
    "fork."
)
TAKEN_OVER_WORDS = "Another process is now training run {run}, so it stops here."


class RunDatabase:
    """Opens `run.sqlite`. All errors are raised as RunError with a sentence.

    Args:
        path: The database.
        run: The run's name, for messages.
    """

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run
        self.owner_token: str | None = None
        """The token of this process' lock, after it was written to the database as the fact `owner`."""

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Open the database for one write transaction. It is created or migrated if necessary.

        Raises:
            RunError: The database cannot be written.
            RunTakenOver: Another process has become the owner of the run.
        """
        with self._errors_explained():
            db = sqlite3.connect(self.path.resolve().as_uri(), timeout=10, uri=True)
            with contextlib.closing(db):
                self._refuse_if_shipped(db)
                self._refuse_if_taken_over(db)
                # With write-ahead logging, readers never wait, and kill −9 loses no committed
                # batch.
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                if database_schema(db) < SCHEMA:
                    migrate_database(db)
                with db:
                    yield db

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open the database for one or several queries. Raises RunError."""
        if not self.path.exists():
            raise RunError(f"Run {self.run} has no run.sqlite: its curves are lost.")
        with self._errors_explained(), _opened_to_read(self.path) as db:
            # The file may be foreign: do not run its code, and refuse huge values.
            db.execute("PRAGMA trusted_schema = OFF")
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
            with db:
                yield db

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of one query. Raises RunError."""
        with self.reading() as db:
            return db.execute(query, values).fetchall()

    @contextlib.contextmanager
    def checked(self) -> Iterator[None]:
        """Raise RunError for stored values that do not fit the schema."""
        try:
            yield
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise RunError(f"The records of run {self.run} are damaged: {error}.") from error

    @contextlib.contextmanager
    def _errors_explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RunError(
                f"The curves of run {self.run} cannot be used: {_trouble(error)}."
            ) from error

    def _refuse_if_shipped(self, db: sqlite3.Connection) -> None:
        with contextlib.suppress(sqlite3.OperationalError):  # The database is being made.
            query = "SELECT 1 FROM facts WHERE key = 'status' AND value = 'shipped'"
            if db.execute(query).fetchone():
                raise RunError(SHIPPED_WORDS.format(run=self.run))

    def _refuse_if_taken_over(self, db: sqlite3.Connection) -> None:
        if self.owner_token is None:
            return
        with contextlib.suppress(sqlite3.OperationalError):  # The database is being made.
            row = db.execute("SELECT value FROM facts WHERE key = 'owner'").fetchone()
            if row is not None and row[0] != self.owner_token:
                raise RunTakenOver(TAKEN_OVER_WORDS.format(run=self.run))


@contextlib.contextmanager
def _opened_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading, even if its folder is read-only. Raises sqlite3.Error.

    SQLite creates a file beside the database even for reading, which fails on a full disk and in a
    read-only folder. Then the database and its write-ahead log are copied to a temporary folder. If
    that fails, too, the newest rows, which are only in the log, are missing.
    """
    with contextlib.ExitStack() as stack:
        db = _open_in_place(path)
        if db is None and path.with_name(f"{path.name}-wal").exists():
            db = _open_copy(path, stack)
        if db is None:
            db = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
        stack.callback(db.close)
        yield db


def _open_in_place(path: Path) -> sqlite3.Connection | None:
    """Return a connection to a database; None if SQLite cannot create its file beside it."""
    if not os.access(path.parent, os.W_OK):
        return None
    db = sqlite3.connect(path.resolve().as_uri(), timeout=10, uri=True)
    try:
        db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        if "locked" in str(error):
            raise
        return None
    except sqlite3.Error:
        db.close()
        raise
    return db


def _open_copy(path: Path, stack: contextlib.ExitStack) -> sqlite3.Connection | None:
    """Return a connection to a temporary copy of database and log; None if there is too little space."""
    memory = Path("/dev/shm")
    try:
        folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in (path.name, f"{path.name}-wal"):
            shutil.copyfile(path.with_name(name), folder / name)
        return sqlite3.connect(folder / path.name)
    except (OSError, sqlite3.Error):
        return None


def _trouble(error: sqlite3.Error) -> str:
    """Return an SQLite error as a sentence that says what to do."""
    message = str(error)
    if "disk I/O" in message or "is full" in message:
        return "the disk is full or faulty; free some space"
    if "readonly" in message:
        return "the folder cannot be written"
    return message
