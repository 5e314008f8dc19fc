"""Long runs that can be stopped and continued: a file of the units finished so far, written whole after each."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spikes.runtime.files import check_writable, whole_file
from spikes.runtime.tasks import run_tasks

__all__ = ["run_units"]

_FORMAT = "spikes-checkpoint/1"


def run_units(
    function: Callable[..., dict[str, Any]],
    units: Sequence[tuple[str, tuple]],
    *,
    statement: dict[str, Any],
    checkpoint: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    label: str = "runs",
) -> list[dict[str, np.ndarray]]:
    """``[function(*task) for name, task in units]``, those that a checkpoint holds taken from there.

    Parameters
    ----------
    function : callable
        Returns a dict of arrays or numbers.
    units : sequence of (str, tuple)
        Names, unique within the run, and arguments.
    statement : dict
        What the units are units of, as JSON values: a checkpoint of anything else is refused.
    checkpoint : path, optional
        Created, or continued if it exists. It is rewritten whole after each unit: a run that is killed loses the units
        it was working on, and nothing else.
    workers : int, optional
        Processes; as many as processors by default.
    label : str
        Beside the progress bar.

    Returns
    -------
    list of dict

    Raises
    ------
    ValueError
        If the checkpoint cannot be written, is not one, or belongs to another statement.
    """
    done: dict[str, Any] = {}
    if checkpoint is not None:
        check_writable("checkpoint", os.fspath(checkpoint))
        done = _read(Path(checkpoint), statement)
    left = [(name, task) for name, task in units if name not in done]
    fresh: dict[str, dict[str, np.ndarray]] = {}

    def finished(i: int, result: dict[str, Any]) -> None:
        name = left[i][0]
        fresh[name] = {key: np.asarray(value) for key, value in result.items()}
        if checkpoint is not None:
            done[name] = {key: value.tolist() for key, value in fresh[name].items()}
            with whole_file(checkpoint) as temporary:
                content = {"format": _FORMAT, "statement": statement, "units": done}
                Path(temporary).write_text(json.dumps(content) + "\n")

    run_tasks(function, [task for _, task in left], workers=workers, label=label, finished=finished)
    return [
        fresh[name] if name in fresh else {key: np.asarray(value) for key, value in done[name].items()}
        for name, _ in units
    ]


def _read(path: Path, statement: dict[str, Any]) -> dict[str, Any]:
    if not path.exists() or path.stat().st_size == 0:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = content["format"] == _FORMAT
        theirs, units = content["statement"], content["units"]
        known &= isinstance(theirs, dict) and isinstance(units, dict)
        known = known and all(isinstance(unit, dict) for unit in units.values())
    except (ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise ValueError(f"`checkpoint` must be a new file or one written by an earlier run; {str(path)!r} is neither")
    ours, written = _flat(statement), _flat(theirs)
    for way, mine in ours.items():
        other = written.get(way)
        if other != mine:
            alone = sum(name[-1] == way[-1] for name in ours) == 1
            key = way[-1] if alone else ".".join(way)
            raise ValueError(
                f"`checkpoint` must belong to the same run; {str(path)!r} was written with {key} = {other!r}, "
                f"this run has {mine!r}"
            )
    return units


def _flat(content: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    """One level of nesting undone, every value under the whole way to it: two parts may have keys of one name."""
    flat: dict[tuple[str, ...], Any] = {}
    for key, value in content.items():
        flat |= {(key, name): one for name, one in value.items()} if isinstance(value, dict) else {(key,): value}
    return flat
