"""How good is a linear readout of these features, with how many labels? Predicted from a pool, measured by splits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from spikes.agreement import Quantity, Row, contract, quantities, row
from spikes.estimates import Estimate, estimate
from spikes.presentation.figure import in_style
from spikes.presentation.numbers import estimate_text, number_text
from spikes.presentation.row_table import RowTable
from spikes.record import recorded
from spikes.runtime.labelled_table import LabelledTable, constant_columns, labelled_table
from spikes.runtime.memory import check_memory
from spikes.runtime.progress import shows_progress
from spikes.simulation.readout import LEAST_TESTED_ROWS, ReadoutSplits, fit_readouts
from spikes.simulation.seeds import as_seed_sequence
from theory.finite_pool import FeaturePool, SampledErrors, feature_pool, jackknife_errors, left_out_pools
from theory.row_weights import EVEN, LONG, QUICK, errors_by_rows, products
from theory.statement.arguments import choice, count, integer, real

__all__ = ["LAWS", "Halving", "ReadoutStudy", "readout", "study_readout"]

LAWS = ("classes", "rows")
"""Of rows in classes of about the same leverage, and of rows with a weight each."""

LEAST_ROWS = 20
"""Rows of a pool: fewer have no law to speak of."""

_MOST_SPLITS = 10_000
_SHARES = (0.05, 0.15, 0.4, 0.8)
_DECADES = np.linspace(-4.0, 2.0, 9)
_CURVE = 30  # sizes along the figure's lines
_FINE = 61  # penalties among which the figure's best one is sought
_FURTHEST = 64.0  # how many times the labels are looked for that halve the error
_NOISY = 1.96

COMPARED = (
    *(q for q in quantities("penalty", compared=True) if q.name != "objective"),
    Quantity(
        "degrees_of_freedom",
        "penalty",
        attrgetter("degrees_of_freedom"),
        attrgetter("degrees_of_freedom"),
        source="errors",
    ),
)
"""What is predicted and measured for every n and λ."""


class Halving(NamedTuple):
    """How many labels halve the test error, each size with its best penalty.

    Attributes
    ----------
    start : int
        Labels to start from.
    error : float
        The predicted test error there.
    labels : float
        Labels with half of it; infinite where none are enough within 64 times as many.
    low, high : float
        Ends of a 95 % interval, over samples of the pool; equal to `labels` within the pool.
    extrapolated : bool
        Whether that is beyond the pool.
    """

    start: int
    error: float
    labels: float
    low: float
    high: float
    extrapolated: bool


@dataclass(frozen=True, eq=False, repr=False)
class ReadoutStudy(RowTable):
    """Ridge regression of labels on given features, for several numbers of labels and penalties.

    Attributes
    ----------
    table : LabelledTable
        The pool.
    n : tuple of int
    ridges : tuple of float
    pool : FeaturePool
        Its eigendecomposition.
    theory : SampledErrors
        The law for every n and λ.
    law : {"classes", "rows"}
        Which one it is within the pool; beyond it is that of classes.
    interval : SampledErrors, optional
        Standard errors over samples of the pool, where an n is beyond it.
    splits : ReadoutSplits
        For those n that leave two rows to test on.
    constant : tuple of str
        Columns that are constant, which centring takes away.
    """

    table: LabelledTable
    n: tuple[int, ...]
    ridges: tuple[float, ...]
    pool: FeaturePool
    theory: SampledErrors
    law: str
    interval: SampledErrors | None
    splits: ReadoutSplits
    constant: tuple[str, ...] = ()

    @property
    def rows_of_pool(self) -> int:
        """m."""
        return self.pool.rows

    @property
    def unevenness(self) -> float:
        """Variance of the rows' leverages over their squared mean, the largest over n and λ."""
        return float(self.theory.unevenness.max())

    def extrapolated(self, n: int) -> bool:
        """Whether n labels are more than the pool has."""
        return n > self.pool.rows

    def measured(self, name: str) -> list[list[Estimate] | None]:
        """``test_error``, ``train_error`` or ``degrees_of_freedom`` by splits, per n and λ; None where not made."""
        found: list[list[Estimate] | None] = []
        for n in self.n:
            if self.splits.splits == 0 or n not in self.splits.n:
                found.append(None)
                continue
            values = getattr(self.splits, name)[:, self.splits.n.index(n)]
            found.append([estimate(column) for column in values.T])
        return found

    def best(self) -> dict[int, tuple[int, float]]:
        """For each n the index of the penalty of least predicted test error, and that error."""
        indices = np.argmin(self.theory.test_error, axis=1)
        return {
            n: (int(j), float(self.theory.test_error[i, j]))
            for i, (n, j) in enumerate(zip(self.n, indices, strict=True))
        }

    def rows(self) -> list[Row]:
        """Test error, train error and degrees of freedom for every n and λ that splits have measured."""
        rows = []
        for q in COMPARED:
            predicted = np.asarray(q.predicted(self.theory))
            for i, (n, values) in enumerate(zip(self.n, self.measured(q.name), strict=True)):
                for j, value in enumerate(values or ()):
                    rows.append(row(f"{q.name}, n = {n}, ridge {self.ridges[j]:g}", float(predicted[i, j]), value))
        return rows

    @cached_property
    def halving(self) -> Halving:
        """How many labels would halve the error that the largest n within the pool has."""
        within = [n for n in self.n if n <= self.pool.rows]
        start = max(within) if within else min(self.n)
        ridges = self.penalties(_FINE)
        labels, error = _labels_for_half(self.pool.errors, start, ridges)
        if not (math.isinf(labels) or labels > self.pool.rows):
            return Halving(start, error, labels, labels, labels, False)
        groups = 8
        found = [
            _labels_for_half(part.errors, start, ridges)[0]
            for part in left_out_pools(self.table.values, self.table.labels, groups=groups)
        ]
        logs = np.log(found)
        if math.isinf(labels) or not np.isfinite(logs).all():
            low = labels if math.isinf(labels) else float(np.min(found))
            return Halving(start, error, labels, low, math.inf, True)
        spread = _NOISY * math.sqrt(groups - 1.0) * float(np.std(logs))
        return Halving(start, error, labels, labels * math.exp(-spread), labels * math.exp(spread), True)

    def penalties(self, points: int) -> np.ndarray:
        """Penalties from the smallest to the largest that were asked for, closer to each other."""
        low, high = min(self.ridges), max(self.ridges)
        return np.array([low]) if low == high else np.geomspace(low, high, points)

    @cached_property
    def curve(self) -> SampledErrors:
        """The law along the figure's lines: 30 sizes from the smallest to the largest n, closer penalties."""
        low, high = min(self.n), max(self.n)
        if low == high:
            low, high = max(2, low // 4), min(4 * high, max(high, self.pool.rows - 1))
        sizes = np.unique(np.round(np.geomspace(low, high, _CURVE)).astype(int))
        return self.pool.errors(sizes, np.union1d(self.penalties(_FINE), self.ridges))

    def note(self) -> str:
        """What was done to the pool."""
        taken = f"features and labels are centred with the means of the pool's {self.pool.rows} rows"
        if self.constant:
            shown = ", ".join(repr(name) for name in self.constant[:3])
            more = f" and {len(self.constant) - 3} more" if len(self.constant) > 3 else ""
            columns = "column" if len(self.constant) == 1 else "columns"
            taken += f"; constant {columns} {shown}{more} left out"
        beyond = [n for n in self.n if self.extrapolated(n)]
        if beyond:
            taken += f"; n = {', '.join(map(str, beyond))} beyond the pool: extrapolated, ± over samples of it"
        if self.law == "rows":
            taken += "; the law has a weight for every row"
        if self.unevenness > EVEN and (beyond or self.law == "classes"):
            taken += (
                f"; leverages are uneven, of relative variance {self.unevenness:.2g}: the law in classes of rows is "
                f"checked up to {EVEN:g}, and was up to 26 % off at 3.5 to 4"
            )
            if self.law == "classes":
                taken += "; take the law `rows`"
        return taken

    def remark(self) -> str:
        """The conclusion in one sentence: error, effective dimension, and how many more labels halve the error."""
        half = self.halving
        n = half.start
        j, error = self.best()[n]
        i = self.n.index(n)
        values = self.measured("test_error")[i]
        by_splits = "" if values is None else f" ({estimate_text(values[j])} by {self.splits.splits} splits)"
        freedom = self.theory.degrees_of_freedom[i, j]
        said = (
            f"{n} labels give a test error of {number_text(error, 3)}{by_splits} at its best ridge {self.ridges[j]:g}, "
            f"with an effective dimension of {freedom:.0f} of {min(self.pool.columns, n)}; "
        )
        if math.isinf(half.labels):
            return (
                f"{said}halving it would take more than {_FURTHEST:.0f} times as many labels, if any number is enough"
            )
        times = half.labels / n
        if not half.extrapolated:
            return f"{said}{half.labels:.0f} labels, {times:.2g} times as many, halve it"
        interval = (
            f"{half.low / n:.2g} to {half.high / n:.2g}" if math.isfinite(half.high) else f"{half.low / n:.2g} at least"
        )
        return (
            f"{said}halving it would take {times:.2g} times as many labels ({interval}, extrapolated beyond the pool)"
        )

    @in_style
    def plot(self, axes: Any = None) -> np.ndarray:
        """Learning curve, best penalty and effective dimension, predicted and by splits.

        Parameters
        ----------
        axes : sequence of three Axes, optional

        Returns
        -------
        ndarray of Axes
        """
        from spikes import studies

        return studies.readout.plot_readout(self, axes)

    def __repr__(self) -> str:
        return f"<{self.pool.rows} × {self.pool.columns}: {self.remark()}>"

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract; the problem is the pool's shape, and ``best`` the penalty of least predicted error."""
        half = self.halving
        theory: dict[str, Any] = {"n": list(self.n), "ridge": list(self.ridges)}
        theory |= {q.name: np.asarray(q.predicted(self.theory)).tolist() for q in COMPARED}
        theory["extrapolated"] = [self.extrapolated(n) for n in self.n]
        theory |= {"law": self.law, "unevenness": self.unevenness}
        theory["sem"] = None
        if self.interval is not None:
            theory["sem"] = [
                row if self.extrapolated(n) else None
                for n, row in zip(self.n, self.interval.test_error.tolist(), strict=True)
            ]
        theory["halving"] = {name: _finite(value) for name, value in half._asdict().items()}
        simulation: dict[str, Any] = {"splits": self.splits.splits, "n": list(self.n), "ridge": list(self.ridges)}
        for q in COMPARED:
            simulation[q.name] = [
                None if values is None else [value.to_dict() for value in values] for values in self.measured(q.name)
            ]
        problem = {
            "rows": self.pool.rows,
            "width": self.pool.columns,
            "centred": True,
            "constant_columns": list(self.constant),
        }
        best = {str(n): {"ridge": self.ridges[j], "test_error": error} for n, (j, error) in self.best().items()}
        answer = contract(problem, theory, simulation, self.rows())
        return answer | {"best": best, "note": self.note(), "remark": self.remark()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _labels_for_half(
    errors: Callable[[np.ndarray, np.ndarray], SampledErrors], start: int, ridges: np.ndarray
) -> tuple[float, float]:
    """Labels that halve the least test error over some penalties, and that error at the start; infinite if none do."""
    sizes = start * 2.0 ** np.arange(0.0, math.log2(_FURTHEST) + 0.25, 0.25)
    least = errors(np.round(sizes).astype(int), ridges).test_error.min(axis=1)
    below = np.flatnonzero(least <= 0.5 * least[0])
    if not len(below):
        return math.inf, float(least[0])
    first = float(least[0])
    i = int(below[0])
    sizes = np.geomspace(sizes[i - 1], sizes[i], 5)
    least = errors(np.round(sizes).astype(int), ridges).test_error.min(axis=1)
    i = max(1, int(np.argmax(least <= 0.5 * first)))
    # between two sizes the error is a power of n
    share = math.log(0.5 * first / least[i - 1]) / math.log(least[i] / least[i - 1])
    return float(sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** share), first


@recorded
@shows_progress
def readout(
    features: Any,
    labels: Any = None,
    *,
    label: str | None = None,
    n: Sequence[int] | int | None = None,
    ridge: Sequence[float] | float | None = None,
    splits: int = 20,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    law: str | None = None,
    progress: bool = True,
) -> ReadoutStudy:
    """Predict and measure ridge regression of labels on features, from whatever network or table they come.

    The law needs no assumption on where features come from: it is that of drawing n of the pool's m rows without
    replacement, from one eigendecomposition (`theory.finite_pool`). Splits draw them. Features and labels are centred
    with the pool's means.

    Parameters
    ----------
    features : array_like or DataFrame, shape (m, N)
        A row a sample; a memory map is read block by block.
    labels : array_like or Series, shape (m,), optional
    label : str, optional
        Column of `features` that holds the labels.
    n : int or sequence of int, optional
        Numbers of labels to train on; 5, 15, 40 and 80 % of the pool by default. More than the pool are extrapolated,
        with standard errors over samples of the pool, and not measured.
    ridge : float or sequence of float, optional
        λ in (1/n)‖y − Fa‖² + λ‖a‖²; nine from 10⁻⁴ to 10² times the features' mean variance by default.
    splits : int
        0 for the law alone.
    seed : int, SeedSequence or Generator
    law : {"classes", "rows"}, optional
        "classes" of rows of about the same leverage, for all n and λ from one eigendecomposition
        (`theory.finite_pool`), or a weight for each of the "rows" at every n and λ (`theory.row_weights`). By default
        rows where that takes a few seconds, or half a minute and leverages are uneven.
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    ReadoutStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule, or entries are missing, no numbers or constant.
    ArithmeticError
        If rounding hides the smallest penalty, or the pool does not tell what is asked of it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> F = rng.standard_normal((500, 20))
    >>> study = readout(F, F[:, 0] + 0.5 * rng.standard_normal(500), n=[50, 200], ridge=0.1, splits=10)
    >>> [f"{r.theory:.2f}, {r.simulation:.2f}" for r in study.rows()[:2]]  # test errors, predicted and measured
    ['0.42, 0.40', '0.31, 0.31']
    """
    table = labelled_table(features, labels, label=label)
    return study_readout(table, n=n, ridge=ridge, splits=splits, seed=seed, law=law)


def study_readout(
    table: LabelledTable,
    *,
    n: Sequence[int] | int | None = None,
    ridge: Sequence[float] | float | None = None,
    splits: int = 20,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    law: str | None = None,
) -> ReadoutStudy:
    """As `readout`, of a table that has been looked through.

    Parameters
    ----------
    table : LabelledTable
    n, ridge, splits, seed, law
        As there.

    Returns
    -------
    ReadoutStudy
    """
    m, columns = len(table.labels), table.values.shape[1]
    if m < LEAST_ROWS:
        raise ValueError(f"`features` must have at least {LEAST_ROWS} rows; got {m}")
    law = None if law is None else choice("law", law, LAWS)
    splits = 0 if splits == 0 else count("splits", splits, 2, _MOST_SPLITS)
    asked = [max(2, int(share * m)) for share in _SHARES] if n is None else _listed(n)
    sizes = tuple(sorted({integer("n", each, 2) for each in asked}))
    if max(sizes) > _FURTHEST * m:
        raise ValueError(f"`n` must be at most {_FURTHEST:.0f} times the pool's {m} rows; got {max(sizes)}")
    constant = constant_columns(table.values)
    if constant.all():
        raise ValueError("`features` must hold something beside constant columns")
    given = None if ridge is None else [real("ridge", each, positive=True) for each in _listed(ridge)]
    sequence = as_seed_sequence(seed)
    small, within = min(m, columns), [size for size in sizes if size <= m]
    work = products(m, columns, len(within) * (len(_DECADES) if given is None else len(set(given))))
    held = math.prod(table.values.shape) if isinstance(table.values, np.ndarray) else 0
    # the Gram matrix, which becomes its eigenvectors, and twice as much for them to be found; with a weight for every
    # row a weighted one, the resolvent and products of both
    matrices = 5.0 if law == "rows" or (law is None and work <= LONG) else 3.0
    check_memory(
        f"`features` must have a Gram matrix that fits in memory: {small} × {small}",
        held + matrices * small**2,
        remedy="take fewer columns or rows",
    )
    pool = feature_pool(table.values, table.labels)
    if given is None:
        variance = float(pool.eigenvalues.sum()) / (m * int(np.sum(~constant)))
        given = [float(f"{variance * 10.0**power:.1g}") for power in _DECADES]
    ridges = tuple(sorted(set(given)))
    theory = pool.errors(sizes, ridges)
    if law is None:
        most = LONG if theory.unevenness.max() > EVEN else QUICK
        law = "rows" if work <= most else "classes"
    law = law if within else "classes"
    if law == "rows":
        theory = _with_rows(theory, errors_by_rows(pool, within, ridges))
    interval = jackknife_errors(table.values, table.labels, sizes, ridges) if max(sizes) > m else None
    measured = [size for size in sizes if size <= m - LEAST_TESTED_ROWS]
    by_splits = fit_readouts(table.values, table.labels, measured, ridges, sequence, splits=splits)
    names = tuple(name for name, flat in zip(table.columns, constant, strict=True) if flat)
    return ReadoutStudy(table, sizes, ridges, pool, theory, law, interval, by_splits, names)


def _with_rows(errors: SampledErrors, rows: SampledErrors) -> SampledErrors:
    """The first sizes of a law from another one."""
    names = [field.name for field in fields(errors) if field.name not in ("n", "ridge")]
    within = len(rows.n)
    numbers = (np.concatenate([getattr(rows, name), getattr(errors, name)[within:]]) for name in names)
    return SampledErrors(errors.n, errors.ridge, *numbers)


def _listed(values: Any) -> list[Any]:
    return np.atleast_1d(values).tolist()
