"""A Gaussian clone of some rows: normal inputs of their covariance, with the labels' law along the rows' direction.

The law of inputs with a covariance (`theory.conditional_equivalent`) says what the clone does; a simulation of the
clone says whether that law holds, and the distance of the rows from their clone how much else there is in them.

Let m rows, less their mean, have the covariance S = UΛUᵀ, and let b = S^(-1)E y x be the least squares direction.

- Σ = U diag(s) Uᵀ: the eigenvalues λ of S spread more than those of Σ by d/m, which quadratic-inverse shrinkage takes
  back (`theory.shrinkage.shrunk_eigenvalues`).
- μ⋆: s_c⟨u_c, b⟩² less the noise of b, s_c v/(mλ_c), v the mean squared residual of b over its degrees of freedom;
  where the difference is negative, neighbouring eigenvalues are taken together until it is not.
- The labels are y = Σ_k a_k he_k(z) + noise. a_1² is the power that b explains, less its noise. The others are measured
  along ẑ, the ridge regression of each row's label on all other rows, with the penalty of least error: a_k is the mean
  of y p_k(ẑ) over ρ^k, p_k the polynomials that are orthonormal over the rows and ρ the correlation of ẑ with z,
  E y p_1(ẑ)/a_1. Those within three standard errors of zero are left to the noise, which has what is left of E y².
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from spikes.runtime.memory import check_memory
from spikes.runtime.one_thread import on_one_thread
from spikes.runtime.running_products import add_gram
from spikes.simulation.dataset import Dataset
from spikes.simulation.ensemble import Ensemble, simulate_ensemble
from spikes.simulation.how import How
from theory.conditional_equivalent import predict_errors
from theory.conditional_equivalent.latent_functions import RidgeErrors
from theory.conditional_equivalent.resolution import resolve
from theory.conditional_equivalent.validity import validity
from theory.shrinkage import shrunk_eigenvalues
from theory.statement.covariance import Covariance
from theory.statement.problem import Problem

__all__ = ["CovarianceLaw", "covariance_law", "gaussian_clone"]

_ROWS = 2048
_DEGREES = 4  # of the labels along the direction
_POINTS = 4096  # fresh inputs for the test error of a clone's run
_NULL = 1e-10  # of the largest eigenvalue: below it a direction is empty
_CENTRED = 0.01  # share of the mean in the inputs' power
_SCALED = 0.02  # of the mean square of a coordinate, from 1
_ROWS_PER_DIRECTION = 2.0
_ODDS = 1e-4  # of a linear part that large where there is none
_ERRORS = 3.0  # standard errors from which on a degree is one
_PENALTIES = np.geomspace(1e-8, 1.0, 33)  # of the largest eigenvalue


@dataclass(frozen=True, eq=False)
class CovarianceLaw:
    """The law of Gaussian inputs with the covariance of some rows, beside runs on such inputs.

    Attributes
    ----------
    problem : Problem
        With the covariance, direction, target and noise of the rows.
    predicted : dict of str to tuple of RidgeErrors
        ``before`` and ``after`` the step, one for each penalty.
    clone : Ensemble
        Runs of the problem.
    validity : tuple of str
        Why the problem lies outside what the law was compared with, after the step; empty inside.
    """

    problem: Problem
    predicted: dict[str, tuple[RidgeErrors, ...]]
    clone: Ensemble
    validity: tuple[str, ...]

    def errors(self, name: str, when: str) -> np.ndarray:
        """``test_error`` or ``train_error`` along the penalties, as predicted."""
        return np.array([getattr(errors, name) for errors in self.predicted[when]])


@dataclass(frozen=True, eq=False)
class _Moments:
    """Rows less their mean x̄, labels less theirs, in the eigenbasis of S.

    Attributes
    ----------
    eigenvalues : ndarray, shape (p,)
        λ, not zero, in decreasing order.
    vectors : ndarray, shape (d, p)
    product : ndarray, shape (p,)
        E y⟨u_c, x⟩.
    mean_x : ndarray, shape (d,)
    mean_y, power : float
        Of the labels as they are, and E y² less their mean squared.
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray
    product: np.ndarray
    mean_x: np.ndarray
    mean_y: float
    power: float


@on_one_thread
def covariance_law(
    problem: Problem, *, seeds: int, sequence: np.random.SeedSequence, workers: int | None, how: How
) -> CovarianceLaw | str:
    """Predict the errors of a clone before and after its step, and simulate it.

    Parameters
    ----------
    problem : Problem
        As of `gaussian_clone`.
    seeds : int
        Runs.
    sequence : SeedSequence
    workers : int, optional
    how : How

    Returns
    -------
    CovarianceLaw or str
        Why there is none where its equations are not solved.
    """
    try:
        predicted = {"before": predict_errors(problem.replace(eta=0.0)), "after": predict_errors(problem)}
        reasons = validity(problem, resolve(problem, 2))
    except ArithmeticError as error:
        return f"its equations were not solved: {error}"
    clone = simulate_ensemble(
        problem, seeds=seeds, seed=sequence, workers=workers, test_samples=_POINTS, dtype=how.dtype, method=how.method
    )
    return CovarianceLaw(problem, predicted, clone, reasons)


def gaussian_clone(data: Dataset, problem: Problem) -> Problem | str:
    """The problem of Gaussian inputs with the covariance of some rows, and labels of one direction.

    Parameters
    ----------
    data : Dataset
    problem : Problem
        The network, the step, the penalties and the sizes, of the data's d.

    Returns
    -------
    Problem or str
        Why there is none where the rows do not say enough, or the problem is none that the law is for.

    Raises
    ------
    ValueError
        If the d × d covariance does not fit in memory.
    """
    m, d = data.rows, data.d
    if problem.update.kind != "gd":
        return f"it is for gradient descent, not for {problem.optimizer}"
    if problem.eta is None and problem.alpha > 0.5:
        return f"it is for steps of an exponent alpha of at most 1/2, not {problem.alpha:g}"
    if m < _ROWS_PER_DIRECTION * d:
        return f"{m} rows of d = {d} say too little of a covariance: it takes {_ROWS_PER_DIRECTION:g} d of them"
    check_memory(f"`data` must have a covariance that fits in memory, d = {d}", 4.0 * d**2 + 3.0 * _ROWS * d)
    found = _moments(data)
    total = float(np.sum(found.eigenvalues) + found.mean_x @ found.mean_x)
    share = float(found.mean_x @ found.mean_x) / total
    if share > _CENTRED:
        return f"it is for inputs of mean zero, and theirs has {100.0 * share:.2g} % of their power: take it away"
    if abs(total / d - 1.0) > _SCALED:
        square = total / d
        return f"it is for coordinates of mean square 1, and theirs is {square:.3g}: divide by {math.sqrt(square):.4g}"
    values, power = found.eigenvalues, found.power
    p, free = len(values), m - len(values) - 1
    explained = float(np.sum(found.product**2 / values))
    residual = max(power - explained, 0.0) * m / free
    odds = float(fdtrc(p, free, explained * m / (p * residual))) if residual > 0.0 else 0.0
    linear = power * m / (m - 1.0) - residual
    s = shrunk_eigenvalues(values, m - 1)
    measured, noise = s * (found.product / values) ** 2, s * residual / (m * values)
    if odds > _ODDS or min(linear, float(np.sum(measured - noise))) <= 0.0:
        return "the labels have no linear part that the rows show, which is what gives their direction"
    weights = np.zeros(d)
    weights[:p] = np.sqrt(_weights(measured, noise) / s)
    spectrum = np.zeros(d)
    spectrum[:p] = s
    coefficients = _degrees(data, found, math.sqrt(linear))
    noise2 = power + found.mean_y**2 - float(np.sum(coefficients**2))
    return problem.replace(
        covariance=Covariance("of the rows", eigenvalues=tuple(spectrum.tolist())),
        direction=weights,
        target=_expression(coefficients),
        # a difference of estimates, which may fall below zero for labels without noise
        noise=math.sqrt(max(noise2, 0.0)),
    )


def _moments(data: Dataset) -> _Moments:
    m, d = data.rows, data.d
    mean_x, mean_y = np.zeros(d), float(np.mean(data.y))
    for start in range(0, m, _ROWS):
        mean_x += np.asarray(data.X[start : start + _ROWS], dtype=float).sum(axis=0)
    mean_x /= m
    scatter, product = np.zeros((d, d), order="F"), np.zeros(d)
    for start in range(0, m, _ROWS):
        block = np.asarray(data.X[start : start + _ROWS], dtype=float) - mean_x
        add_gram(scatter, block)
        product += (data.y[start : start + _ROWS] - mean_y) @ block
    values, vectors = np.linalg.eigh(scatter / m, UPLO="U")
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > _NULL * values[0]
    power = float(np.mean((data.y - mean_y) ** 2))
    return _Moments(values[kept], vectors[:, kept], product @ vectors[:, kept] / m, mean_x, mean_y, power)


def _weights(measured: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """measured − noise, of positive sum; where it is negative, of neighbours together, those far above noise alone."""
    groups: list[tuple[int, float]] = []  # first index and sum
    for i, value in enumerate(measured - noise):
        start = i
        while groups and value <= 0.0:
            start, before = groups.pop()
            value += before
        groups.append((start, float(value)))
    while groups[0][1] <= 0.0:
        start, value = groups.pop(0)
        groups[0] = start, value + groups[0][1]
    weights = np.empty(len(measured))
    for (start, value), stop in zip(groups, [*(start for start, _ in groups[1:]), len(measured)], strict=True):
        part, over = measured[start:stop], np.maximum(measured[start:stop] - noise[start:stop], 0.0)
        share = np.divide(over**2, part, out=np.zeros_like(part), where=part > 0.0)
        weights[start:stop] = value * share / share.sum()
    return weights


def _degrees(data: Dataset, found: _Moments, linear: float) -> np.ndarray:
    """a_0 … a_4 in normalised Hermite polynomials; zero where it is within its errors."""
    z = _left_out_predictions(data, found)
    z = (z - z.mean()) / z.std()
    y = data.y - found.mean_y
    orthogonal, triangle = np.linalg.qr(np.vander(z, _DEGREES + 1, increasing=True))
    products = y[:, None] * orthogonal * np.sign(np.diag(triangle)) * math.sqrt(len(y))
    means, errors = products.mean(axis=0), products.std(axis=0) / math.sqrt(len(y))
    correlation = min(float(means[1]) / linear, 1.0)
    coefficients = np.where(np.abs(means) > _ERRORS * errors, means / correlation ** np.arange(_DEGREES + 1.0), 0.0)
    coefficients[:2] = found.mean_y, linear
    return coefficients


def _left_out_predictions(data: Dataset, found: _Moments) -> np.ndarray:
    """Ridge regression of every row's label on all other rows, with the penalty of least error, shape (m,)."""
    m, values = data.rows, found.eigenvalues
    inverse = 1.0 / (values[:, None] + values[0] * _PENALTIES)
    predicted = np.empty((m, len(_PENALTIES)))
    for start in range(0, m, _ROWS):
        rows = slice(start, min(start + _ROWS, m))
        block = (np.asarray(data.X[rows], dtype=float) - found.mean_x) @ found.vectors
        leverage = (block**2 / m) @ inverse
        y = data.y[rows, None] - found.mean_y
        predicted[rows] = (block @ (found.product[:, None] * inverse) - leverage * y) / (1.0 - leverage)
    best = int(np.argmin(np.mean((data.y[:, None] - found.mean_y - predicted) ** 2, axis=0)))
    return predicted[:, best]


def _expression(coefficients: np.ndarray) -> str:
    """Σ_k a_k he_k(z) as a target's expression."""
    terms = [f"{coefficients[1]:.6g}*z"]
    for k, value in enumerate(coefficients.tolist()):
        if k > 1 and value:
            terms.append(f"{value / math.sqrt(math.factorial(k)):.6g}*He{k}(z)")
    # a mean that is rounding beside the rest says nothing
    if abs(coefficients[0]) > 1e-9 * coefficients[1]:
        terms.insert(0, f"{coefficients[0]:.6g}")
    return " + ".join(terms).replace("+ -", "- ")
