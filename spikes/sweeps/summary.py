"""A study's results as means with standard errors beside their predictions, filtered, as curves, and as tables."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spikes.agreement import Row, contract, row
from spikes.estimates import Estimate, estimate, mean_amplitudes
from spikes.runtime.files import whole_file
from spikes.sweeps.store import Condition, Results
from spikes.sweeps.study import kept_columns
from theory.statement.problem import described_fields

__all__ = ["Curve", "Summary", "curves", "frame", "records", "summarise", "to_dict", "write_csv", "write_parquet"]

_DESCRIBED = described_fields()


@dataclass(frozen=True)
class Summary:
    """One cell of a study.

    Attributes
    ----------
    cell : int
    fields : dict
        Every field of the problem.
    measured : dict of str to Estimate
        Mean over the finished seeds of every kept column; those without a value are left out.
    predicted : dict of str to float
        The same for the theory.
    remark : str or None
        Why there is no prediction.
    """

    cell: int
    fields: dict[str, Any]
    measured: dict[str, Estimate]
    predicted: dict[str, float]
    remark: str | None

    def rows(self, columns: Sequence[str], varying: Sequence[str]) -> list[Row]:
        """Theory beside simulation for the columns that have both, named by the fields that vary."""
        where = ", ".join(f"{name}={_text(self.fields[name])}" for name in varying)
        both = [name for name in columns if name in self.measured and name in self.predicted]
        return [row(f"{name}[{where}]", self.predicted[name], self.measured[name]) for name in both]


@dataclass(frozen=True, eq=False)
class Curve:
    """One line of a plot: a quantity against a field.

    Attributes
    ----------
    label : str
        The fields that tell the curve from others, empty for a single curve.
    x : ndarray, shape (P,)
        In increasing order.
    measured : list of Estimate or None
    predicted : ndarray, shape (P,)
        nan where there is no prediction.
    """

    label: dict[str, Any]
    x: np.ndarray
    measured: list[Estimate | None]
    predicted: np.ndarray


def summarise(results: Results, where: str = "") -> list[Summary]:
    """Means over seeds with their standard errors, and predictions, of the cells that meet some conditions.

    Parameters
    ----------
    results : Results
    where : str
        Conditions on fields of the problem, as ``alpha=0.3, d>=500``: = != < <= > >= between a field and a value,
        separated by commas or "and". Numbers are equal to 9 digits.

    Returns
    -------
    list of Summary

    Raises
    ------
    ValueError
        If a condition cannot be read, or no cell meets them.
    """
    condition = _condition(where)
    runs: dict[int, list[dict[str, Any]]] = {}
    for run in results.runs(condition):
        runs.setdefault(run["cell"], []).append(run)
    theory = {prediction["cell"]: prediction for prediction in results.theory(condition)}
    summaries = []
    for cell in _cells(results, condition, where):
        number = cell["cell"]
        prediction = theory.get(number, {})
        summaries.append(
            Summary(
                cell=number,
                fields={name: value for name, value in cell.items() if name not in ("cell", "digest")},
                measured=_means(results.study.keep, runs.get(number, [])),
                predicted={n: prediction[n] for n in results.study.columns if prediction.get(n) is not None},
                remark=prediction.get("remark"),
            )
        )
    return summaries


def _means(keep: Sequence[str], runs: Sequence[dict[str, Any]]) -> dict[str, Estimate]:
    means: dict[str, Estimate] = {}
    if not runs:
        return means
    known = kept_columns()
    for name in keep:
        columns = known[name]
        values = [[run[c] for c in columns] for run in runs]
        if any(value is None for line in values for value in line):
            continue  # a latent or singular value that the problem does not have
        table = np.array(values)
        found = mean_amplitudes(table) if len(columns) > 1 else [estimate(table[:, 0])]
        means |= dict(zip(columns, found, strict=True))
    return means


def _cells(results: Results, condition: Condition, where: str) -> list[dict[str, Any]]:
    cells = results.cells(condition)
    if not cells:
        raise ValueError(f"`where` must leave at least one cell; got {where!r}")
    return cells


def _condition(where: str) -> Condition:
    """Conditions in words as one of the store: their names out of a list, their values as parameters."""
    if not where.strip():
        return Condition()
    parts = [_comparison(part) for part in re.split(r",|\band\b", where)]
    return Condition(
        " AND ".join(f"({part.sql})" for part in parts), tuple(value for part in parts for value in part.values)
    )


def _comparison(text: str) -> Condition:
    found = re.fullmatch(r"\s*(\w+)\s*(<=|>=|!=|=|<|>)\s*(.+?)\s*", text)
    if not found:
        raise ValueError(f"`where` must hold conditions like alpha=0.3, d>=500; got {text!r}")
    name, sign, given = found.groups()
    if name not in _DESCRIBED:
        raise ValueError(f"`where` must name one of {', '.join(_DESCRIBED)}; got {name!r}")
    column, kind = f'"{name}"', _DESCRIBED[name].kind
    if kind is str:
        if sign not in ("=", "!="):
            raise ValueError(f"`where` must compare {name} by = or !=; got {text!r}")
        return Condition(f"{column} {sign} ?", (given.strip("'\""),))
    if kind is bool:
        if sign not in ("=", "!=") or given not in ("true", "false"):
            raise ValueError(f"`where` must compare {name} by = or != with true or false; got {text!r}")
        return Condition(f"{column} {sign} ?", (float(given == "true"),))
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise ValueError(f"`where` must compare {name} with a number; got {text!r}")
    if math.isinf(value):  # nothing is near it
        return Condition(f"{column} {sign} ?", (value,))
    # Two numbers that agree to 9 digits are one; a column without a value meets no condition.
    near, values = f"abs({column} - ?) <= 1e-9 * max(abs({column}), abs(?))", (value, value)
    if sign in ("=", "!="):
        return Condition(near if sign == "=" else f"NOT {near}", values)
    return Condition(
        f"{near} OR {column} {sign} ?" if "=" in sign else f"NOT {near} AND {column} {sign} ?", (*values, value)
    )


def curves(summaries: Sequence[Summary], x: str, y: str, by: Sequence[str] = ()) -> list[Curve]:
    """A quantity against a field, one curve for each value of the fields in `by`.

    Parameters
    ----------
    summaries : sequence of Summary
    x, y : str
        Names of the field and of the quantity.
    by : sequence of str
        Fields of which each value makes a curve.

    Returns
    -------
    list of Curve

    Raises
    ------
    ValueError
        If a name is unknown, the field is no number, or another field varies along a curve.
    """
    fields = summaries[0].fields
    for option, name in (("x", x), *(("by", name) for name in by)):
        if name not in fields:
            raise ValueError(f"`{option}` must be one of {', '.join(fields)}; got {name!r}")
    if any(isinstance(s.fields[x], bool | str | None) for s in summaries):
        raise ValueError(f"`x` must be a field that holds numbers in every cell; got {x!r}")
    known = sorted({name for s in summaries for name in (*s.measured, *s.predicted)})
    if y not in known:
        raise ValueError(f"`y` must be one of {', '.join(known)}, which the file holds; got {y!r}")
    groups: dict[tuple, dict[float, Summary]] = {}
    for s in summaries:
        group = groups.setdefault(tuple(s.fields[name] for name in by), {})
        other = group.setdefault(s.fields[x], s)
        if other is not s:
            differ = [name for name in fields if s.fields[name] != other.fields[name]]
            raise ValueError(
                f"`where` must fix {', '.join(differ)}, or `by` name it: it varies along the curve; "
                f"for example {differ[0]}={_text(s.fields[differ[0]])}"
            )
    found = []
    for values, group in groups.items():
        ordered = [group[position] for position in sorted(group)]
        found.append(
            Curve(
                label=dict(zip(by, values, strict=True)),
                x=np.array(sorted(group), dtype=float),
                measured=[s.measured.get(y) for s in ordered],
                predicted=np.array([s.predicted.get(y, math.nan) for s in ordered]),
            )
        )
    return found


def to_dict(results: Results, summaries: Sequence[Summary]) -> dict[str, Any]:
    """The JSON contract, with ``cells`` in the theory and in the simulation, and lists where a field varies.

    Parameters
    ----------
    results : Results
    summaries : sequence of Summary

    Returns
    -------
    dict
    """
    study = results.study
    varying = tuple(study.axes)

    def cells(values: Any) -> list[dict[str, Any]]:
        return [{"cell": s.cell} | {name: s.fields[name] for name in varying} | values(s) for s in summaries]

    def measured(s: Summary) -> dict[str, Any]:
        counts = {e.seeds for e in s.measured.values()}
        return {"seeds": max(counts, default=0)} | {name: e.to_dict() for name, e in s.measured.items()}

    theory = {
        "gradient_order": study.gradient_order,
        "cells": cells(lambda s: {c: s.predicted.get(c) for c in study.columns} | {"remark": s.remark}),
    }
    simulation = {
        "seeds": study.seeds,
        "seed": study.seed,
        "test_samples": study.test_samples,
        "complete": results.complete(),
        "cells": cells(measured),
        "sessions": results.sessions(),
    }
    rows = [r for s in summaries for r in s.rows(study.columns, varying)]
    return contract(study.problem, theory if study.theory else None, simulation if study.seeds else None, rows)


def records(results: Results, where: str = "") -> list[dict[str, Any]]:
    """Every simulation of the chosen cells with the fields of its problem and ``theory_`` columns, exact.

    A cell without simulations has one record, with None for the seed and what was measured.

    Parameters
    ----------
    results : Results
    where : str
        Condition on the fields; see `summarise`.

    Returns
    -------
    list of dict
    """
    runs: dict[int, list[dict[str, Any]]] = {}
    condition = _condition(where)
    for run in results.runs(condition):
        runs.setdefault(run["cell"], []).append(run)
    theory = {prediction["cell"]: prediction for prediction in results.theory(condition)}
    columns = results.study.columns
    found = []
    for cell in _cells(results, condition, where):
        prediction = theory.get(cell["cell"], {})
        beside = {f"theory_{name}": prediction.get(name) for name in columns} if results.study.theory else {}
        for run in runs.get(cell["cell"], [{}]):
            measured = {name: run.get(name) for name in ("seed", *columns, "seconds", "session", "finished")}
            found.append({name: cell[name] for name in cell if name != "digest"} | measured | beside)
    return found


def write_csv(path: str, content: Sequence[dict[str, Any]]) -> None:
    """Write records as CSV, every number with all of its digits, nothing for None.

    A text that a spreadsheet would take for a formula, which begins with one of = + - @, goes out behind an apostrophe.

    Parameters
    ----------
    path : str
    content : sequence of dict
        As `records` gives.
    """
    with whole_file(path) as temporary, Path(temporary).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(content[0]))
        writer.writeheader()
        writer.writerows({name: _defused(value) for name, value in record.items()} for record in content)


def _defused(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.lstrip()[:1] in ("=", "+", "-", "@") and value else value


def frame(content: Sequence[dict[str, Any]]) -> Any:
    """Records as a `pandas.DataFrame`.

    Parameters
    ----------
    content : sequence of dict
        As `records` gives.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ModuleNotFoundError
        If pandas is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError:
        raise ModuleNotFoundError("pandas is an optional extra: pip install 'spikes-rmt[pandas]'") from None
    return pandas.DataFrame(list(content))


def write_parquet(path: str, content: Sequence[dict[str, Any]]) -> None:
    """Write records as Parquet.

    Parameters
    ----------
    path : str
    content : sequence of dict
        As `records` gives.

    Raises
    ------
    ModuleNotFoundError
        If pandas or pyarrow is not installed.
    """
    table = frame(content)
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError:
        raise ModuleNotFoundError("Parquet needs an optional extra: pip install 'spikes-rmt[pandas]'") from None
    with whole_file(path) as temporary:
        table.to_parquet(temporary, engine="pyarrow", index=False)


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
