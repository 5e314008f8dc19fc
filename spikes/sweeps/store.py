"""Results of a study: one SQLite file, a row for every finished simulation of a cell and for every prediction."""

from __future__ import annotations

import difflib
import hashlib
import json
import logging
import math
import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from spikes.runtime.files import whole_file
from spikes.runtime.memory import ROWS, check_memory
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

log = logging.getLogger("spikes")

SCHEMA_VERSION = 3
"""``user_version`` in the header; it changes with the tables."""

_AS_ROWS = 8.0
"""Bytes that a row takes in memory over those that it takes in the file."""

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


_SECONDS, _BYTES_A_SECOND = 30.0, 1e6
"""Time that one connection may read: so long, and the longer the larger the file."""


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
        self._file = os.stat(path)

    def finished(self) -> set[tuple[int, int]]:
        """Cell and seed of every simulation in the file."""
        return set(self._connection.execute("SELECT cell, seed FROM runs"))

    def predicted(self) -> set[int]:
        """Cells with a prediction in the file."""
        return {cell for (cell,) in self._connection.execute("SELECT cell FROM theory")}

    def check_in_place(self) -> None:
        """Refuse to go on when the path leads to another file than the one that is written.

        Raises
        ------
        OSError
            If the file was moved, removed or replaced meanwhile.
        """
        try:
            same = os.path.samestat(os.stat(self.path), self._file)
        except FileNotFoundError:
            same = False
        if not same:
            raise OSError(
                f"{self.path} was moved or replaced while the sweep was writing to it; the rows written before are in "
                "the file that was there"
            )

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
        self.check_in_place()
        columns = tuple(rows[0])
        names = (*key_names, *columns, *tail_names, "session", "finished")
        # Of a simulation some rows may be there: those of other penalties than the one that was lost.
        statement = (
            f"INSERT INTO {table} ({_names((*names, 'checksum'))}) VALUES ({', '.join('?' * (len(names) + 1))}) "
            f"ON CONFLICT ({_names(key_names)}) DO NOTHING"
        )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        values = []
        for key, row in zip(keys, rows, strict=True):
            line = (*key, *(row[c] for c in columns), *tail, self._session, now)
            values.append((*line, _checksum(table, dict(zip(names, line, strict=True)))))
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
        Go on with a file that exists. Rows that are damaged are named in the log and taken out, so that they count as
        missing; package versions other than those of the rows that are there are named too.

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
        existing = None
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
                if existing is not None:
                    _say_other_versions(path, existing.sessions())
                    _take_out_damaged(path, connection, study)
                session = _begin_session(connection)
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
            chosen = {cell for (cell,) in connection.execute(f"SELECT cell FROM cells WHERE {where.sql}", where.values)}
            found = _rows(connection, "SELECT * FROM cells ORDER BY cell")
        # The text of the study says what they have to be, those that are not asked for too: they might be others.
        number = 0
        for number, (row, fields) in enumerate(zip(found, self.study.assignments(), strict=False), start=1):
            stated = {"cell": number - 1, "digest": _digest(fields)} | fields
            if any(row[name] != stated.get(name) for name in row):
                raise ValueError(f"{self.path} must be intact; cell {number - 1} is not the one that its study states")
        if not number == len(found) == self.study.cells:
            raise ValueError(f"{self.path} must be intact; it holds {len(found)} of {self.study.cells} cells")
        switches = [name for name, what in _DESCRIBED.items() if what.kind is bool]
        return [
            row | {name: bool(row[name]) for name in switches if name in row} for row in found if row["cell"] in chosen
        ]

    def runs(self, where: Condition = _EVERY) -> list[dict[str, Any]]:
        """The finished simulations of cells: ``cell``, ``seed``, the kept columns, ``seconds``, ``session``."""
        return self._intact("runs", "cell, seed", where)

    def theory(self, where: Condition = _EVERY) -> list[dict[str, Any]]:
        """The predictions of cells: ``cell``, the kept columns (None where the theory has none), ``remark``."""
        return self._intact("theory", "cell", where)

    def sessions(self) -> list[dict[str, Any]]:
        """Every sweep that wrote to the file: when it started, host, package versions, ``git describe``."""
        with self._reading() as connection:
            found = _rows(connection, "SELECT * FROM sessions ORDER BY session")
        sessions = []
        for row in found:
            checksum = row.pop("checksum")
            if checksum != _checksum("sessions", row):
                raise ValueError(f"{self.path} must be intact; session {row['session']} is damaged")
            sessions.append(row | {"versions": json.loads(row["versions"])})
        return sessions

    def _intact(self, table: str, order: str, where: Condition) -> list[dict[str, Any]]:
        """Rows of some cells without their checksums; refused if a row of any is damaged: it might be one of theirs."""
        with self._reading() as connection:
            intact, damaged = _sorted_out(connection, table, order, self.study)
        if damaged:
            raise ValueError(
                f"{self.path} must be intact; damaged: {_named(table, damaged)}; `resume` of the sweep computes again "
                "what is damaged"
            )
        if where == _EVERY:
            return intact
        chosen = {cell["cell"] for cell in self.cells(where)}
        return [row for row in intact if row["cell"] in chosen]

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
        tables = {
            (kind, name): sql for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_schema")
        }
        if tables.get(("table", "study")) != _tables(())["study"]:
            raise ValueError(f"{path} must be intact; it holds other tables than a sweep makes")
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        rule = f"{path} must fit in memory: its rows"
        check_memory(rule, _AS_ROWS * pages * size, process=ROWS, itemsize=1.0)
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise ValueError(f"{path} must be intact; it is damaged: {' '.join(verdict.split())}")
        stated = dict(connection.execute("SELECT key, value FROM study"))
    text = stated.get("text")
    if not isinstance(text, str) or stated.get("checksum") != _checksum("study", {"text": text}):
        raise ValueError(f"{path} must be intact; it is damaged: its study is not as it was written")
    study = as_study(text)
    if tables != {("table", name): sql for name, sql in _tables(study.columns).items()}:
        raise ValueError(f"{path} must be intact; it holds other tables than a sweep makes")
    return Results(path, study)


def _tables(columns: Sequence[str]) -> dict[str, str]:
    """The statement that makes each table, for some columns of quantities."""
    quantities = "".join(f', "{name}" REAL' for name in columns)
    fields = "".join(f', "{name}" {_COLUMN[what.kind]}' for name, what in _DESCRIBED.items())
    kept = "session INTEGER NOT NULL REFERENCES sessions, finished TEXT NOT NULL, checksum TEXT NOT NULL"
    return {
        "study": "CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "sessions": "CREATE TABLE sessions (session INTEGER PRIMARY KEY, started TEXT NOT NULL, host TEXT, "
        "versions TEXT NOT NULL, provenance TEXT, checksum TEXT NOT NULL)",
        "cells": f"CREATE TABLE cells (cell INTEGER PRIMARY KEY, digest TEXT NOT NULL{fields})",
        "runs": f"CREATE TABLE runs (cell INTEGER NOT NULL REFERENCES cells, seed INTEGER NOT NULL{quantities}, "
        f"seconds REAL, {kept}, PRIMARY KEY (cell, seed)) WITHOUT ROWID",
        "theory": f"CREATE TABLE theory (cell INTEGER PRIMARY KEY REFERENCES cells{quantities}, remark TEXT, {kept})",
    }


def _checksum(table: str, row: Mapping[str, Any]) -> str:
    """64 bits of BLAKE2 of a row's names and values, numbers to their last bit."""
    parts = [table]
    for name, value in row.items():
        number = float(value).hex() if isinstance(value, int | float) else None
        parts.append(f"{name}={'' if value is None else number if number is not None else repr(value)}")
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _digest(fields: Mapping[str, Any]) -> str:
    return Point({name: value for name, value in fields.items() if name != "ridge"}, (), ()).digest


def _sorted_out(
    connection: sqlite3.Connection, table: str, order: str, study: Study
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows that are as they were written, without their checksums, and the others."""
    intact, damaged, seen = [], [], set()
    for row in _rows(connection, f"SELECT * FROM {table} ORDER BY {order}"):
        checksum = row.pop("checksum")
        key = (row["cell"], row.get("seed", 0))
        if checksum == _checksum(table, row) and key not in seen and _plausible(row, study):
            intact.append(row)
            seen.add(key)
        else:
            damaged.append(row)
    return intact, damaged


def _plausible(row: Mapping[str, Any], study: Study) -> bool:
    """Whether values are of the kinds that a sweep writes: a checksum says nothing of who wrote it."""
    cell, seed = row["cell"], row.get("seed", 0)
    if not (isinstance(cell, int) and isinstance(seed, int)):
        return False
    numbers = [row[name] for name in study.columns] + [row.get("seconds")]
    return (
        0 <= cell < study.cells
        and 0 <= seed < max(study.seeds, 1)
        and all(value is None or (isinstance(value, float) and math.isfinite(value)) for value in numbers)
        and isinstance(row["session"], int)
        and isinstance(row["finished"], str)
        and isinstance(row.get("remark"), str | None)
    )


def _named(table: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Some rows by cell and seed, as far as a line takes them."""
    names = [
        f"cell {row['cell']!r}, " + ("prediction" if table == "theory" else f"seed {row['seed']!r}") for row in rows[:3]
    ]
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return "; ".join(names) + more


def _take_out_damaged(path: Path, connection: sqlite3.Connection, study: Study) -> None:
    """Remove damaged rows and name them; the others are written anew, as a damaged key may hide its row."""
    for table, order in (("runs", "cell, seed"), ("theory", "cell")):
        intact, damaged = _sorted_out(connection, table, order, study)
        if not damaged:
            continue
        log.warning("%s: damaged, and computed again: %s", path, _named(table, damaged))
        with connection:
            connection.execute(f"DELETE FROM {table}")
            for row in intact:
                line = row | {"checksum": _checksum(table, row)}
                connection.execute(
                    f"INSERT INTO {table} ({_names(tuple(line))}) VALUES ({', '.join('?' * len(line))})",
                    tuple(line.values()),
                )


def _say_other_versions(path: Path, sessions: Sequence[Mapping[str, Any]]) -> None:
    """Name package versions that differ from those of earlier sessions: on them the same seed may give other bits."""
    here = package_versions()
    for session in reversed(sessions):
        other = [f"{k} {session['versions'].get(k)}" for k in here if session["versions"].get(k) != here[k]]
        if other:
            now = ", ".join(f"{name} {here[name]}" for name in here if session["versions"].get(name) != here[name])
            log.warning("%s: rows of %s were computed with %s; now %s", path, session["started"], ", ".join(other), now)
            return


def _begin_session(connection: sqlite3.Connection) -> int:
    with connection:
        number = connection.execute("SELECT coalesce(max(session), 0) + 1 FROM sessions").fetchone()[0]
        row = {
            "session": number,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": platform.node(),
            "versions": json.dumps(package_versions()),
            "provenance": _provenance(),
        }
        connection.execute(
            "INSERT INTO sessions (session, started, host, versions, provenance, checksum) VALUES (?, ?, ?, ?, ?, ?)",
            (*row.values(), _checksum("sessions", row)),
        )
    return number


def _create(path: str, study: Study) -> None:
    """Tables with the study and its cells, as one file beside which nothing is left."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        for statement in _tables(study.columns).values():
            connection.execute(statement)
        with connection:
            connection.executemany(
                "INSERT INTO study VALUES (?, ?)",
                [("text", study.text), ("checksum", _checksum("study", {"text": study.text}))],
            )
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
    connection = _limited(sqlite3.connect(f"{address}?mode=ro", uri=True, timeout=60.0), path)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except sqlite3.OperationalError:
        connection.close()
        # In a folder that cannot be written SQLite reads a write-ahead database only when told that none is written.
        if Path(f"{path}-wal").exists():
            raise
        connection = _limited(sqlite3.connect(f"{address}?immutable=1", uri=True), path)
    return connection


def _limited(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Bounds on what a file from anywhere can make a reader do: lengths, depth, and time by the size of the file."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10**8)
    connection.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 50)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0)
    end = time.monotonic() + _SECONDS + os.stat(path).st_size / _BYTES_A_SECOND
    connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
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
