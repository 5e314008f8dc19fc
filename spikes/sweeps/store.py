"""Results of a study: one SQLite file, a row for every finished simulation of a cell and for every prediction."""

from __future__ import annotations

import difflib
import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from spikes.runtime.files import whole_file
from spikes.runtime.versions import package_versions
from spikes.sweeps.study import Point, Study, as_study
from theory.statement.problem import described_fields

__all__ = [
    "APPLICATION_ID",
    "SCHEMA_VERSION",
    "Condition",
    "Results",
    "StudyChanged",
    "Writer",
    "open_results",
    "open_writer",
]

APPLICATION_ID = 0x53504B53
"""``SPKS``, in the header of every results file."""

SCHEMA_VERSION = 1
"""``user_version`` in the header; it changes with the tables."""

_COLUMN = {bool: "INTEGER", int: "INTEGER", float: "REAL", str: "TEXT"}
_DESCRIBED = described_fields()


@dataclass(frozen=True)
class Condition:
    """What cells have to meet, as the right side of a WHERE with its values; it names columns of ``cells`` alone.

    Attributes
    ----------
    sql : str
    values : tuple
        Of the question marks.
    """

    sql: str = "1"
    values: tuple[float | str, ...] = ()


_EVERY = Condition()


class StudyChanged(ValueError):
    """The study is not the one that a results file was begun with; `difference` shows where, line by line."""

    def __init__(self, message: str, difference: str) -> None:
        super().__init__(message)
        self.difference = difference


class Writer:
    """A results file that is locked and open for writing; made by `open_writer`.

    Every method that writes commits one transaction: after it the rows survive whatever happens to the process.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, session: int) -> None:
        self.path = path
        self._connection = connection
        self._session = session

    def finished(self) -> set[tuple[int, int]]:
        """Cell and seed of every simulation in the file."""
        return set(self._connection.execute("SELECT cell, seed FROM runs"))

    def predicted(self) -> set[int]:
        """Cells with a prediction in the file."""
        return {cell for (cell,) in self._connection.execute("SELECT cell FROM theory")}

    def add_runs(self, point: Point, seed: int, rows: Sequence[Mapping[str, float | None]], seconds: float) -> None:
        """Write one simulation: a row for each cell of the point, in the order of its penalties."""
        self._insert("runs", [(cell, seed) for cell in point.cells], ("cell", "seed"), rows, (seconds,), ("seconds",))

    def add_theory(self, point: Point, rows: Sequence[Mapping[str, float | None]], remark: str | None) -> None:
        """Write the predictions of a point; a remark says why there are none."""
        self._insert("theory", [(cell,) for cell in point.cells], ("cell",), rows, (remark,), ("remark",))

    def _insert(
        self,
        table: str,
        keys: Sequence[tuple],
        key_names: tuple[str, ...],
        rows: Sequence[Mapping[str, float | None]],
        tail: tuple,
        tail_names: tuple[str, ...],
    ) -> None:
        columns = tuple(rows[0])
        names = (*key_names, *columns, *tail_names, "session", "finished")
        statement = f"INSERT INTO {table} ({_names(names)}) VALUES ({', '.join('?' * len(names))})"
        now = datetime.now(UTC).isoformat(timespec="seconds")
        values = [
            (*key, *(row[c] for c in columns), *tail, self._session, now) for key, row in zip(keys, rows, strict=True)
        ]
        with _writing(self.path), self._connection:
            self._connection.executemany(statement, values)


@contextmanager
def open_writer(path: str | os.PathLike[str], study: Study, *, resume: bool = False) -> Iterator[Writer]:
    """Lock a results file and open it for a study, made anew where there is none.

    Parameters
    ----------
    path : path
    study : Study
    resume : bool
        Go on with a file that exists.

    Returns
    -------
    iterator of Writer

    Raises
    ------
    ValueError
        If the file exists and `resume` is not asked for, or is no results file of this version; it stays untouched.
    StudyChanged
        If the file was begun with another text.
    BlockingIOError
        If another sweep is writing to the file.
    OSError
        If the file cannot be written.
    """
    path = Path(path)
    with _locked(path):
        if path.exists():
            existing = open_results(path)
            if existing.study.text != study.text:
                raise StudyChanged(
                    f"{path} was begun with another study; take another `output`, or the study as it was",
                    _difference(existing.study.text, study.text),
                )
            if not resume:
                raise ValueError(f"{path} exists with {existing.progress()}; `resume` goes on with it")
        else:
            with _writing(path), whole_file(path) as temporary:
                _create(temporary, study)
        with _writing(path):
            connection = sqlite3.connect(path, timeout=60.0, check_same_thread=False)
        with closing(connection):
            with _writing(path):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA wal_autocheckpoint = 100")  # small rows: the log stays below half a MB
                with connection:
                    session = connection.execute(
                        "INSERT INTO sessions (started, host, versions, provenance) VALUES (?, ?, ?, ?)",
                        (
                            datetime.now(UTC).isoformat(timespec="seconds"),
                            platform.node(),
                            json.dumps(package_versions()),
                            _provenance(),
                        ),
                    ).lastrowid
            assert session is not None  # sqlite3 gives every row that it inserts its number
            yield Writer(path, connection, session)
            # At rest one plain file, which reads from a folder that cannot be written; a reader may be in the way.
            connection.execute("PRAGMA busy_timeout = 1000")
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = DELETE")


@dataclass(frozen=True)
class Results:
    """A results file, read when asked; a sweep may be writing to it meanwhile.

    Attributes
    ----------
    path : Path
    study : Study
    """

    path: Path
    study: Study

    def progress(self) -> str:
        """How much is there, in words."""
        runs = self._count("runs")
        text = f"{runs} of {self.study.cells * self.study.seeds} rows"
        return text + (f", {self._count('theory')} of {self.study.cells} predictions" if self.study.theory else "")

    def complete(self) -> bool:
        """Whether every row of the study is there."""
        predictions = self.study.cells if self.study.theory else 0
        return self._count("runs") == self.study.cells * self.study.seeds and self._count("theory") == predictions

    def cells(self, where: Condition = _EVERY) -> list[dict[str, Any]]:
        """Fields of the cells in order, ``cell`` and the point's ``digest`` included."""
        with self._reading() as connection:
            found = _rows(connection, f"SELECT * FROM cells WHERE {where.sql} ORDER BY cell", where.values)
        switches = [name for name, what in _DESCRIBED.items() if what.kind is bool]
        return [row | {name: bool(row[name]) for name in switches if name in row} for row in found]

    def runs(self, where: Condition = _EVERY) -> list[dict[str, Any]]:
        """The finished simulations of cells: ``cell``, ``seed``, the kept columns, ``seconds``, ``session``."""
        with self._reading() as connection:
            return _rows(connection, f"SELECT * FROM runs WHERE {_within(where)} ORDER BY cell, seed", where.values)

    def theory(self, where: Condition = _EVERY) -> list[dict[str, Any]]:
        """The predictions of cells: ``cell``, the kept columns (None where the theory has none), ``remark``."""
        with self._reading() as connection:
            return _rows(connection, f"SELECT * FROM theory WHERE {_within(where)} ORDER BY cell", where.values)

    def sessions(self) -> list[dict[str, Any]]:
        """Every sweep that wrote to the file: when it started, host, package versions, ``git describe``."""
        with self._reading() as connection:
            found = _rows(connection, "SELECT * FROM sessions ORDER BY session")
        return [row | {"versions": json.loads(row["versions"])} for row in found]

    def _count(self, table: str) -> int:
        with self._reading() as connection:
            return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with _reading(self.path) as connection:
            yield connection


def open_results(path: str | os.PathLike[str]) -> Results:
    """Open a results file for reading, every page checked.

    Parameters
    ----------
    path : path

    Returns
    -------
    Results

    Raises
    ------
    ValueError
        If it cannot be read, is no results file of this version, or is damaged. The file is only read.
    """
    path = Path(path)
    try:  # the header as bytes: SQLite itself may write to a file that it opens
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if header[:16] != b"SQLite format 3\0" or int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ValueError(f"{path} must be a results file of `spikes sweep`; it is something else")
    found = int.from_bytes(header[60:64], "big")
    if found != SCHEMA_VERSION:
        raise ValueError(
            f"{path} must have schema version {SCHEMA_VERSION}; it has {found}, of another version of spikes"
        )
    with _reading(path) as connection:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise ValueError(f"{path} must be intact; it is damaged: {' '.join(verdict.split())}")
        text = connection.execute("SELECT value FROM study WHERE key = 'text'").fetchone()
    if text is None:
        raise ValueError(f"{path} must be intact; it is damaged: no study in it")
    return Results(path, as_study(text[0]))


def _create(path: str, study: Study) -> None:
    """Tables with the study and its cells, as one file beside which nothing is left."""
    columns = "".join(f', "{name}" REAL' for name in study.columns)
    fields = "".join(f', "{name}" {_COLUMN[what.kind]}' for name, what in _DESCRIBED.items())
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"""
            PRAGMA journal_mode = MEMORY;
            PRAGMA application_id = {APPLICATION_ID};
            PRAGMA user_version = {SCHEMA_VERSION};
            CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
            CREATE TABLE sessions (
                session INTEGER PRIMARY KEY, started TEXT NOT NULL, host TEXT, versions TEXT NOT NULL, provenance TEXT);
            CREATE TABLE cells (cell INTEGER PRIMARY KEY, digest TEXT NOT NULL{fields});
            CREATE TABLE runs (
                cell INTEGER NOT NULL REFERENCES cells, seed INTEGER NOT NULL{columns}, seconds REAL,
                session INTEGER NOT NULL REFERENCES sessions, finished TEXT NOT NULL, PRIMARY KEY (cell, seed))
                WITHOUT ROWID;
            CREATE TABLE theory (
                cell INTEGER PRIMARY KEY REFERENCES cells{columns}, remark TEXT,
                session INTEGER NOT NULL REFERENCES sessions, finished TEXT NOT NULL);
            """
        )
        with connection:
            connection.execute("INSERT INTO study VALUES ('text', ?)", (study.text,))
            connection.executemany(
                f"INSERT INTO cells VALUES ({', '.join('?' * (2 + len(_DESCRIBED)))})",
                (
                    (cell, point.digest, *((point.fields | {"ridge": ridge})[name] for name in _DESCRIBED))
                    for point in study.points()
                    for cell, ridge in zip(point.cells, point.ridges, strict=True)
                ),
            )


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(_connect_to_read(path)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise OSError(f"cannot read {path}: {error}") from None
        raise ValueError(f"{path} must be intact; it is damaged: {error}") from None


def _connect_to_read(path: Path) -> sqlite3.Connection:
    address = path.resolve().as_uri()
    connection = sqlite3.connect(f"{address}?mode=ro", uri=True, timeout=60.0)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except sqlite3.OperationalError:
        connection.close()
        # In a folder that cannot be written SQLite reads a write-ahead database only when told that none is written.
        if Path(f"{path}-wal").exists():
            raise
        connection = sqlite3.connect(f"{address}?immutable=1", uri=True)
    return connection


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"cannot write to {path}: {error}; the rows written before are intact") from None
    except OSError as error:
        raise OSError(f"cannot write to {path}: {error.strerror or error}") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock ``PATH.lock``; the system gives it back when the process ends, however it ends."""
    lock = FileLock(f"{path}.lock", timeout=0)
    busy = False
    with _writing(Path(lock.lock_file)):
        path.parent.stat()  # the lock would make a folder that is not there
        try:
            lock.acquire()
        except Timeout:
            busy = True
    if busy:
        raise BlockingIOError(f"another sweep is writing to {path}")
    try:
        yield
    finally:
        with suppress(OSError):  # where an open file cannot be removed it stays, and is nobody's lock
            os.unlink(lock.lock_file)
        lock.release()


def _names(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _within(where: Condition) -> str:
    return "1" if where == _EVERY else f"cell IN (SELECT cell FROM cells WHERE {where.sql})"


def _rows(connection: sqlite3.Connection, query: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _difference(before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), "study of the file", "study given", n=1
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def _provenance() -> str | None:
    """``git describe`` of the checkout that the package is run from; None where it is installed."""
    folder = Path(__file__).parent
    try:
        for arguments in (
            ["ls-files", "--error-unmatch", Path(__file__).name],
            ["describe", "--always", "--dirty", "--tags"],
        ):
            done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=20)
            if done.returncode:
                return None
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip()
