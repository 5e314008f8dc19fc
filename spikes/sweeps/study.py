"""A study: fields of a problem that run over lists or ranges, seeds, and the quantities to keep, stated in TOML."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from spikes.agreement import LEADING, quantities
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from theory.statement.arguments import integer
from theory.statement.problem import Problem, described_fields
from theory.statement.target import Target, as_target

__all__ = ["LIMIT", "Point", "Study", "as_study", "kept_columns", "load_study"]

LIMIT = 1_000_000
"""Rows, that is cells times seeds, past which a study has to be confirmed."""

_DESCRIBED = described_fields()
_FIELDS = tuple(_DESCRIBED)
_SILENT = tuple(name for name, what in _DESCRIBED.items() if what.silent)
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Problem)}
_REQUIRED = tuple(name for name in _FIELDS if _DEFAULTS[name] is dataclasses.MISSING)


def kept_columns() -> dict[str, tuple[str, ...]]:
    """What a study may keep, and the columns of each: an alignment has one for each function 1, He1 ... He4.

    Returns
    -------
    dict of str to tuple of str
    """
    kept: dict[str, tuple[str, ...]] = {}
    for q in quantities("penalty"):
        kept |= q.kept()
    kept |= {f"{q.name}_before": (f"{q.name}_before",) for q in quantities("penalty")}
    for per in ("run", "latent", "spike"):
        for q in quantities(per):
            kept |= q.kept()
    return kept


@dataclass(frozen=True)
class Point:
    """One problem of a study with all of its penalties: what one simulation answers.

    Attributes
    ----------
    fields : dict
        Every field of the problem as plain values, but for the penalty.
    ridges : tuple of float
    cells : tuple of int
        Number of the cell that each penalty makes, counted over the study from 0.
    """

    fields: dict[str, Any]
    ridges: tuple[float, ...]
    cells: tuple[int, ...]

    @property
    def problem(self) -> Problem:
        """The problem with its penalties as a grid."""
        return Problem(**(self.fields | {"target": _target(self.fields["target"])}), ridge=self.ridges)

    @property
    def digest(self) -> str:
        """SHA-256 of the fields without the penalties, in hexadecimal: the point's part of its seeds."""
        said = {name: value for name, value in self.fields.items() if name not in _SILENT or value != _DEFAULTS[name]}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Study:
    """A validated study; made by `load_study` and `as_study`.

    A *cell* is one value of every field, a *point* the cells that differ in the penalty alone and share a simulation.

    Attributes
    ----------
    text : str
        The study as it was written.
    fixed : dict
        Fields of the problem with one value, defaults included.
    axes : dict of str to tuple
        Values of the fields that vary, in the order of the text.
    zip : tuple of str
        Fields that vary together; the others are combined as a product.
    seeds, seed : int
        Simulations of each cell, and the source of all their seeds.
    keep : tuple of str
        Names out of `kept_columns`.
    theory : bool
        Whether predictions are kept beside the simulations.
    gradient_order, test_samples : int
    """

    text: str
    fixed: dict[str, Any]
    axes: dict[str, tuple]
    zip: tuple[str, ...]
    seeds: int
    seed: int
    keep: tuple[str, ...]
    theory: bool
    gradient_order: int
    test_samples: int

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(len(values) for names in self._groups() for values in [self.axes[names[0]]])

    @property
    def rows(self) -> int:
        """Number of cells times seeds."""
        return self.cells * max(self.seeds, 1)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the quantities to keep."""
        return tuple(column for name in self.keep for column in kept_columns()[name])

    @property
    def problem(self) -> dict[str, Any]:
        """Every field as plain JSON values, those that vary as lists."""
        return {name: list(self.axes[name]) if name in self.axes else self.fixed[name] for name in _FIELDS}

    def assignments(self) -> Iterator[dict[str, Any]]:
        """Fields of every cell in order, the last field of the text running fastest."""
        groups = self._groups()
        ranges = [list(zip(*(self.axes[name] for name in names), strict=True)) for names in groups]
        for choice in itertools.product(*ranges):
            cell = dict(self.fixed)
            for names, values in zip(groups, choice, strict=True):
                cell |= dict(zip(names, values, strict=True))
            yield {name: cell[name] for name in _FIELDS}

    def points(self) -> list[Point]:
        """The points in the order of their first cells.

        Raises
        ------
        ValueError
            If a cell is no valid problem.
        """
        found: dict[tuple, tuple[dict[str, Any], list[float], list[int]]] = {}
        for cell, fields in enumerate(self.assignments()):
            ridge = fields.pop("ridge")
            _, ridges, cells = found.setdefault(tuple(fields.values()), (fields, [], []))
            ridges.append(ridge)
            cells.append(cell)
        points = [Point(fields, tuple(ridges), tuple(cells)) for fields, ridges, cells in found.values()]
        for point in points:
            _in_problem(lambda point=point: point.problem)
        return points

    def sequence(self, point: Point, index: int) -> np.random.SeedSequence:
        """Seed sequence of one simulation: from the study's seed, the point's own content and the index of the seed.

        It depends neither on the order of the cells nor on which others there are: a longer list keeps the numbers of
        the shorter one.
        """
        words = (int(point.digest[i : i + 8], 16) for i in range(0, 64, 8))
        return derived_sequence(as_seed_sequence(self.seed), *words, index)

    def _groups(self) -> list[tuple[str, ...]]:
        """Fields that run together, in the order of the text."""
        groups: list[tuple[str, ...]] = []
        for name in self.axes:
            if name not in self.zip:
                groups.append((name,))
            elif self.zip not in groups:
                groups.append(self.zip)
        return groups


def load_study(path: str | os.PathLike[str]) -> Study:
    """Read a study from a TOML file.

    Parameters
    ----------
    path : path

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        If the file cannot be read, is no UTF-8 text or no TOML, or the study breaks a rule; the message begins with the
        path.
    """
    try:
        return as_study(Path(path).read_bytes().decode().replace("\r\n", "\n"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: study must be TOML in UTF-8; byte {error.start} is none of it") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def as_study(source: str | Mapping[str, Any]) -> Study:
    """The study that a TOML text or a mapping of the same form states.

    Parameters
    ----------
    source : str or mapping
        ``problem``: every field of `theory.Problem` may be a value, a list, or a range ``{start, stop, num}`` or
        ``{start, stop, step}`` with ``scale = "log"`` for equal ratios. Range ends are included; values are rounded to
        12 digits, and to whole numbers where the field is one. ``zip``: fields that vary together. ``seeds``, ``seed``,
        ``keep``, ``theory``, ``gradient_order``, ``test_samples``: as in `Study`.

    Returns
    -------
    Study

    Raises
    ------
    ValueError
        Naming the key, the rule it breaks and the value given.

    Examples
    --------
    >>> fields = {"n": [100, 200], "d": 50, "width": 60, "ridge": [0.1, 1.0]}
    >>> study = as_study({"problem": fields, "seeds": 3})
    >>> study.cells, study.rows
    (4, 12)
    """
    if isinstance(source, str):
        text = source
        try:  # JSON is what a mapping is kept as
            content = json.loads(text) if text.startswith("{") else tomllib.loads(text)
        except ValueError as error:
            raise ValueError(f"study must be TOML: {error}") from None
        except RecursionError:
            raise ValueError("study must be TOML; it is nested too deep") from None
    else:
        content = dict(source)
        try:
            text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise ValueError(f"study must hold plain values: {error}") from None
    known = ("problem", "zip", "seeds", "seed", "keep", "theory", "gradient_order", "test_samples")
    _check_keys("study", content, known)
    problem = content.get("problem")
    if not isinstance(problem, Mapping):
        raise ValueError(f"study must have a table [problem]; got {problem!r}")
    _check_keys("[problem]", problem, _FIELDS)
    missing = [name for name in _REQUIRED if name not in problem]
    if missing:
        raise ValueError(f"[problem] must give {', '.join(_REQUIRED)}; {', '.join(missing)} not found")
    axes, fixed = {}, {}
    for name, value in problem.items():
        if isinstance(value, list | tuple | Mapping):
            axes[name] = _values(name, value)
        else:
            fixed[name] = _value(name, value)
    for name in _FIELDS:
        if name not in axes:
            fixed.setdefault(name, _DEFAULTS[name])
    study = Study(
        text=text,
        fixed=fixed,
        axes=axes,
        zip=_zip(content.get("zip", []), axes),
        seeds=_integer("seeds", content.get("seeds", 8), 0),
        seed=_integer("seed", content.get("seed", 0), 0),
        keep=_keep(content.get("keep", [q.name for q in quantities("penalty")])),
        theory=_boolean("theory", content.get("theory", True)),
        gradient_order=_integer("gradient_order", content.get("gradient_order", 2), 1, maximum=2),
        test_samples=_integer("test_samples", content.get("test_samples", 8192), 2),
    )
    if study.seeds == 0 and not study.theory:
        raise ValueError("seeds must be at least 1 without theory; got 0")
    return study


def _check_keys(where: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            raise ValueError(f"{where} must use the keys {', '.join(known)}; got {key!r}")


def _value(name: str, value: Any) -> Any:
    """One value of a field as the problem will hold it; each field has its rule in `theory.Problem`."""
    what = _DESCRIBED[name]
    if not what.alone and what.rule is not None and isinstance(value, what.kind):
        rule = what.rule
        _in_problem(lambda: rule(name, value))
        return value
    others = {name: _DESCRIBED[name].example for name in _REQUIRED} | {"target": _target("z")}
    checked = _in_problem(lambda: Problem(**(others | {name: value})))
    kept = getattr(checked, name)
    if not isinstance(kept, bool | int | float | str):
        raise ValueError(f"[problem] {name} must be a value, a list or a range; got {value!r}")
    return kept


def _in_problem(check: Any) -> Any:
    """Run a check whose complaint names a field, and say that the field is one of the study's problem."""
    try:
        return check()
    except ValueError as error:
        raise ValueError(re.sub(r"^`(\w+)`", r"[problem] \1", str(error))) from None


def _values(name: str, given: Any) -> tuple:
    listed: Sequence[Any] = _range(name, given) if isinstance(given, Mapping) else list(given)
    if not listed:
        raise ValueError(f"[problem] {name} must hold at least one value; got an empty list")
    values = tuple(_value(name, value) for value in listed)
    seen = set()
    for value in values:
        if value in seen:
            raise ValueError(f"[problem] {name} must hold every value once; got {value!r} twice")
        seen.add(value)
    return values


def _range(name: str, given: Mapping[str, Any]) -> list[float] | list[int]:
    where = f"[problem] {name}"
    if _DESCRIBED[name].kind not in (int, float):
        raise ValueError(f"{where} must be a value or a list: it has no range; got {dict(given)!r}")
    _check_keys(where, given, ("start", "stop", "num", "step", "scale"))
    scale = given.get("scale", "linear")
    if scale not in ("linear", "log"):
        raise ValueError(f'{where}.scale must be "linear" or "log"; got {scale!r}')
    if not {"start", "stop"} <= set(given) or ("num" in given) == ("step" in given):
        raise ValueError(f"{where} must have start, stop and either num or step; got {dict(given)!r}")
    for key in given.keys() - {"scale"}:
        value = given[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{where}.{key} must be a finite number; got {value!r}")
    start, stop = given["start"], given["stop"]
    if scale == "log" and not (start > 0 and stop > 0):
        raise ValueError(f"{where} must have positive ends on a log scale; got {start!r} to {stop!r}")
    if "num" in given:
        num = _integer(f"{where}.num", given["num"], 1, maximum=LIMIT)
        grid = np.geomspace(start, stop, num) if scale == "log" else np.linspace(start, stop, num)
    else:
        step = given["step"]
        if scale == "log":
            raise ValueError(f"{where} must have num, not step, on a log scale; got step = {step!r}")
        if step == 0 or (stop - start) / step < 0:
            raise ValueError(f"{where} must be a range with a value in it; got {start!r} to {stop!r} by {step!r}")
        count = (stop - start) / step
        if count >= LIMIT:
            raise ValueError(f"{where} must have at most {LIMIT} values; got {start!r} to {stop!r} by {step!r}")
        grid = start + step * np.arange(math.floor(count + 1e-9) + 1)
    if _DESCRIBED[name].kind is int:
        return [round(x) for x in grid.tolist()]
    return [float(f"{x:.12g}") for x in grid.tolist()]  # 0.3, not 0.30000000000000004


def _zip(given: Any, axes: dict[str, tuple]) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        raise ValueError(f"zip must be a list of fields; got {given!r}")
    if len(set(given)) != len(given) or len(given) == 1:
        raise ValueError(f"zip must name two or more different fields; got {given!r}")
    for name in given:
        if name not in axes:
            raise ValueError(f"zip must name fields that are lists or ranges; got {name!r}")
    lengths = {name: len(axes[name]) for name in given}
    if len(set(lengths.values())) > 1:
        sizes = ", ".join(f"{name} has {count}" for name, count in lengths.items())
        raise ValueError(f"zip must name fields of equally many values; {sizes}")
    return tuple(given)


def _keep(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not given:
        raise ValueError(f"keep must be a list of quantities; got {given!r}")
    for name in given:
        if not isinstance(name, str) or name not in kept_columns():
            known = [n for n in kept_columns() if not n[-1].isdigit()]
            numbered = f"overlap_1 ... 3, singular_value_1 ... {LEADING}, alignment_1 ... {LEADING}"
            raise ValueError(f"keep must name {', '.join(known)}, {numbered}; got {name!r}")
    if len(set(given)) != len(given):
        raise ValueError(f"keep must name every quantity once; got {list(given)!r}")
    return tuple(given)


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false; got {value!r}")
    return value


def _integer(name: str, value: Any, minimum: int, maximum: int = 10**18) -> int:
    """The rule of every integer, in the words of a file, where names have no ticks."""
    try:
        return integer(name, value, minimum, maximum)
    except ValueError as error:
        raise ValueError(str(error).replace("`", "", 2)) from None


@lru_cache(maxsize=256)
def _target(expression: str) -> Target:
    return as_target(expression)
