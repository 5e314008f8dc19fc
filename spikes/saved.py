"""Answers read back from their files, and run again."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from spikes.agreement import Row, conclusion
from spikes.presentation.row_table import RowTable
from spikes.record import decoded, differences, modules_named, read_answer
from spikes.runtime.versions import package_versions

__all__ = ["Rerun", "Saved", "check_imports", "laid_beside", "load", "study_of"]


class Rerun(NamedTuple):
    """An answer that was run again.

    Attributes
    ----------
    answer : object
        What the run gives now.
    differences : list of str
        Where it is not the same to the bit, a line each; empty where every number is.
    """

    answer: Any
    differences: list[str]


@dataclass(frozen=True, eq=False, repr=False)
class Saved(RowTable):
    """An answer from its file.

    Attributes
    ----------
    content : dict
        The file: the JSON contract, and under ``run`` what made it.
    """

    content: dict[str, Any]

    @property
    def run(self) -> dict[str, Any] | None:
        """The call that made it: its name, its arguments, and the versions that it ran with."""
        run = self.content.get("run")
        return run if isinstance(run, dict) else None

    def rows(self) -> list[Row]:
        """Every quantity that was predicted and measured."""
        return [Row.from_dict(entry) for entry in self.content["agreement"] or ()]

    def remark(self) -> str:
        """How theory and simulation compare."""
        return conclusion(self.rows())

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""
        return {key: value for key, value in self.content.items() if key != "run"}

    def rerun(self, *, imports: Collection[str] = (), **given: Any) -> Rerun:
        """Run again what made the answer, in this process.

        Parameters
        ----------
        imports : collection of str
            Modules that may be imported for functions of your own that the file names: importing runs their code.
        **given
            Arguments in place of those in the file: needed for what it does not hold, as a matrix or a lambda.

        Returns
        -------
        Rerun

        Raises
        ------
        ValueError
            If the file does not say what made it, names modules that are not allowed, or lacks an argument.
        """
        run = self.run
        if run is not None and "command" in run:
            raise ValueError(f"`spikes rerun` runs files of the command line; this one is of `spikes {run['command']}`")
        study = study_of(run)
        arguments = {name: value for name, value in run["arguments"].items() if name not in given} if run else {}
        check_imports(arguments, imports)
        answer = study(**{name: decoded(name, value) for name, value in arguments.items()}, **given)
        return Rerun(answer, laid_beside(self.content, answer.answer()))

    def __repr__(self) -> str:
        made = "" if self.run is None else f" of {self.run.get('command') or self.run.get('function')}"
        return f"Saved answer{made}: {len(self.rows())} rows; {self.remark()}".rstrip("; ")


def load(path: str | os.PathLike[str]) -> Saved:
    """Read an answer that `save` or the option ``--json`` of a command has written.

    Nothing in the file is executed, and no module is imported for it.

    Parameters
    ----------
    path : path

    Returns
    -------
    Saved
        With `rows`, `remark`, `to_frame`, `to_latex` and `rerun`.

    Raises
    ------
    ValueError
        If the file is too large, no JSON, or of another schema.

    Examples
    --------
    >>> import tempfile
    >>> from spikes import compare
    >>> from theory import Problem
    >>> result = compare(Problem(n=100, d=50, width=75), seeds=2, workers=1, test_samples=512)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result.save(f"{folder}/result.json")
    ...     saved = load(f"{folder}/result.json")
    >>> saved.rows() == result.rows(), saved.rerun(workers=1).differences
    (True, [])
    """
    return Saved(read_answer(path))


def check_imports(arguments: Any, allowed: Collection[str]) -> None:
    """Refuse modules that a file names and nobody has allowed.

    Parameters
    ----------
    arguments : object
        Of a run, as the file has them.
    allowed : collection of str

    Raises
    ------
    ValueError
        Naming the modules.
    """
    if missing := sorted(modules_named(arguments) - set(allowed)):
        raise ValueError(
            f"`imports` must allow the modules of functions that the file names, {', '.join(missing)}: "
            "importing them runs their code, so name them yourself"
        )


def laid_beside(before: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """Where an answer differs from the one in a file, to the bit; versions that differ stand last, if anything does.

    Parameters
    ----------
    before : mapping
        The file.
    answer : mapping
        The JSON contract.

    Returns
    -------
    list of str
    """
    after = json.loads(json.dumps(answer))
    found = differences({key: value for key, value in before.items() if key != "run"}, after)
    written = (before.get("run") or {}).get("versions", {})
    changed = differences(written, {**written, **package_versions()}) if found else []
    return [*found, *(f"made with {line}" for line in changed)]


def study_of(run: Mapping[str, Any] | None) -> Any:
    """The function of `spikes` that a file records: one of those that are recorded, and no other.

    Parameters
    ----------
    run : mapping, optional
        Of a file.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If it records none.
    """
    import spikes

    name = None if run is None else run.get("function")
    study = getattr(spikes, name, None) if isinstance(name, str) and name in dir(spikes) else None
    if run is None or not getattr(study, "__recorded__", False) or not isinstance(run.get("arguments"), Mapping):
        raise ValueError(f"`run` must say what made the answer, which this file does not; got {name!r}")
    return study
