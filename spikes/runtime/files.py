"""Writing results: whole files or none, nothing else overwritten, and no work lost to a path that cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["check_apart", "check_regular", "check_writable", "whole_file", "write_json"]

Paths = Sequence[tuple[str, str | os.PathLike[str] | None]]
"""Names of arguments with the paths they were given."""


def check_writable(name: str, path: str | None, suffixes: tuple[str, ...] = ()) -> None:
    """Refuse a path that cannot be written, before any work is done for it.

    Parameters
    ----------
    name : str
        Argument that the complaint names.
    path : str, optional
        ``-`` is standard output.
    suffixes : tuple of str
        Suffixes allowed; any if empty.

    Raises
    ------
    ValueError
        If the folder does not exist or cannot be written to, the path is a folder or read-only, or the suffix is
        unknown.
    """
    if path is None or (path == "-" and not suffixes):
        return
    if not path or not _can_be_named(path):
        raise ValueError(f"`{name}` must name a file; got {path!r}")
    if suffixes and Path(path).suffix.lower() not in suffixes:
        raise ValueError(f"`{name}` must end in {', '.join(suffixes)}; got {path!r}")
    try:
        present = _status(path)
        if present is not None and stat.S_ISDIR(present.st_mode):
            raise ValueError(f"`{name}` must be a file; {path!r} is a folder")
        if present is not None and stat.S_ISSOCK(present.st_mode):
            raise ValueError(f"`{name}` must be a file; {path!r} is a socket")
        if _descriptor(path) is not None:
            return
        if present is not None and not _allows_writing(path, present):
            raise ValueError(f"`{name}` must be writable; {path!r} is read-only")
        if present is None or (stat.S_ISREG(present.st_mode) and not os.access(path, os.W_OK)):
            _probe(os.path.dirname(os.path.realpath(path)))
    except OSError as error:
        raise ValueError(f"`{name}` must be writable; {path!r}: {error.strerror}") from None


def check_regular(name: str, path: str | os.PathLike[str] | None) -> None:
    """Refuse to read what is there and no regular file: a pipe or a device may have no end.

    Parameters
    ----------
    name : str
        Argument that the complaint names.
    path : path, optional

    Raises
    ------
    ValueError
        If the path leads to a folder, a pipe or a device, or no file can have it.
    """
    if path is not None and not _can_be_named(path):
        raise ValueError(f"`{name}` must name a file; got {str(path)!r}")
    try:
        present = None if path is None else _status(path)
    except OSError as error:
        raise ValueError(f"`{name}` must be readable; {str(path)!r}: {error.strerror}") from None
    if present is not None and not stat.S_ISREG(present.st_mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(present.st_mode), "a device")
        raise ValueError(f"`{name}` must be a regular file; {str(path)!r} is {kind}")


def check_apart(outputs: Paths, inputs: Paths = ()) -> None:
    """Refuse outputs that would overwrite each other or an input, whatever the spelling of their paths.

    Links, ``./``, hard links and, for files that are not there yet, case and Unicode forms are seen through. Several
    outputs may share what is no regular file.

    Parameters
    ----------
    outputs, inputs : sequence of (str, path or None)
        Names of the arguments with their paths; ``-`` and None are left out.

    Raises
    ------
    ValueError
        Naming both arguments and the path.
    """
    alike: dict[tuple, list[tuple[str, str]]] = {}
    for name, path in inputs:
        if path is not None and _status(path) is not None:
            for key in _keys(os.fspath(path)):
                alike.setdefault(key, []).append((name, os.fspath(path)))
    for name, path in outputs:
        if path is None or path == "-":
            continue
        mine, keys = os.fspath(path), _keys(os.fspath(path))
        for other, theirs in (pair for key in keys for pair in alike.get(key, ())):
            if _same(mine, theirs):
                raise ValueError(f"`{name}` must be another file than `{other}`; got {mine!r} and {theirs!r}")
        for key in keys:
            alike.setdefault(key, []).append((name, mine))


def _keys(path: str) -> tuple[tuple, ...]:
    """What paths that may lead to one file have in common: the folded name, or the file itself where it is there."""
    present = _status(path)
    names = (_folded(os.path.basename(os.path.realpath(path))),)
    return (names,) if present is None else (names, (present.st_dev, present.st_ino))


def _same(one: str, two: str) -> bool:
    first, second = _status(one), _status(two)
    if first is not None and second is not None:
        return os.path.samestat(first, second) and stat.S_ISREG(first.st_mode)
    # One at least is not there yet: a file system may take names for one that differ in case or form alone.
    (folder, name), (other_folder, other_name) = (os.path.split(os.path.realpath(path)) for path in (one, two))
    here, there = _status(folder), _status(other_folder)
    same_folder = os.path.samestat(here, there) if here is not None and there is not None else folder == other_folder
    return same_folder and _folded(name) == _folded(other_name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _can_be_named(path: str | os.PathLike[str]) -> bool:
    """Whether file systems know such names: neither a null character nor what the encoding of names cannot say."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def _status(path: str | os.PathLike[str]) -> os.stat_result | None:
    """What a path leads to, links followed; None where nothing is there."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last of a path that no system has
        return None


def _allows_writing(path: str, present: os.stat_result) -> bool:
    """Whether the mode lets anyone write at all, which holds for the superuser too, and the system lets us."""
    if not present.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        return False
    return os.access(path, os.W_OK)


def _probe(folder: str) -> None:
    """Raise what a new file in a folder would raise."""
    handle, probe = tempfile.mkstemp(dir=folder, prefix=".spikes-")
    os.close(handle)
    os.unlink(probe)


def _descriptor(path: str | os.PathLike[str]) -> int | None:
    """The open file of this process that a path like /dev/stdout or /dev/fd/3 means."""
    target = os.path.abspath(path)
    for _ in range(40):
        folder, name = os.path.split(target)
        if name.isdigit() and os.path.realpath(folder) in (f"/proc/{os.getpid()}/fd", "/dev/fd"):
            return int(name)
        if not os.path.islink(target):
            return None
        target = os.path.normpath(os.path.join(os.path.realpath(folder), os.readlink(target)))
    return None


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[str]:
    """A temporary name whose content becomes that of `path` when the block succeeds; it is removed when it does not.

    A regular file is replaced in one step, through links, and keeps its mode. What exists and is none, as a pipe, a
    device or an open file of this process, is written in place, and so is a file in a folder that takes no new ones.

    Parameters
    ----------
    path : path

    Returns
    -------
    iterator of str

    Raises
    ------
    PermissionError
        If the file is read-only.
    """
    present = _status(path)
    if present is not None and not _allows_writing(os.fspath(path), present) and _descriptor(path) is None:
        raise PermissionError(f"cannot write to {os.fspath(path)}: it is read-only")
    target = os.path.realpath(path)
    in_place = present is not None and (not stat.S_ISREG(present.st_mode) or _descriptor(path) is not None)
    suffix = Path(path).suffix
    try:
        handle, temporary = tempfile.mkstemp(
            dir=None if in_place else os.path.dirname(target), prefix=".spikes-", suffix=suffix
        )
    except PermissionError:
        if present is None:
            raise
        in_place = True
        handle, temporary = tempfile.mkstemp(prefix=".spikes-", suffix=suffix)
    os.close(handle)
    try:
        yield temporary
        if in_place:
            _pour(temporary, path)
        else:
            if present is not None and hasattr(os, "chown"):
                with suppress(OSError):
                    os.chown(temporary, present.st_uid, present.st_gid)
            os.chmod(temporary, 0o666 & ~_umask() if present is None else stat.S_IMODE(present.st_mode))
            os.replace(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _pour(source: str, path: str | os.PathLike[str]) -> None:
    """Write the content of a file into one that stays what it is."""
    number = _descriptor(path)
    if number is not None and sys.stdout is not None:
        sys.stdout.flush()  # what was printed before stands before
    target = os.open(path, os.O_WRONLY | os.O_TRUNC) if number is None else os.dup(number)
    with open(source, "rb") as content, open(target, "wb") as file:
        shutil.copyfileobj(content, file)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: str, content: dict[str, Any]) -> None:
    """Write JSON to a file, or to standard output for ``-``; numbers that are not finite are refused.

    Parameters
    ----------
    path : str
    content : dict

    Raises
    ------
    OSError
        If the file cannot be written, or standard output is closed.
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    if path == "-":
        if sys.stdout is None:
            raise OSError("standard output is closed")
        sys.stdout.write(text)
        return
    with whole_file(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
