"""Writing results: whole files or none, and no work lost to a path that cannot be written."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["check_writable", "whole_file", "write_json"]


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
        If the folder does not exist or cannot be written to, the path is a folder, or the suffix is unknown.
    """
    if path is None or (path == "-" and not suffixes):
        return
    target = Path(path)
    if suffixes and target.suffix.lower() not in suffixes:
        raise ValueError(f"`{name}` must end in {', '.join(suffixes)}; got {path!r}")
    if target.is_dir():
        raise ValueError(f"`{name}` must be a file; {path!r} is a folder")
    try:
        handle, probe = tempfile.mkstemp(dir=target.parent, prefix=".spikes-")
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise ValueError(f"`{name}` must be writable; {path!r}: {error.strerror}") from None


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[str]:
    """A temporary name beside `path` that takes its place when the block succeeds, and is removed when it does not.

    Parameters
    ----------
    path : path

    Returns
    -------
    iterator of str
    """
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".spikes-", suffix=target.suffix)
    os.close(handle)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    with whole_file(path) as temporary:
        Path(temporary).write_text(text)
