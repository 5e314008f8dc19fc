"""Entries that are not small beside their row and column: what a large step leaves of saturated features.

Where tanh is saturated, what a feature varies by given latent and code is as good as exp(−2κZ): a few entries hold the
mean square of all, and no polynomial in Z is near to the others. Let X be what is left of a feature beside its resolved
degrees. An entry that is large in the medium of all others counts as one eigenvalue and no more, however large it is:
in the fixed point

Σ_sb nω⁰_s N_b E log(1 + X²r_b/(nw_s)) takes the place of Σ_sb nω⁰_s N_b r_b E X²/(nw_s),

that is E X²/(1 + X²r_b/(nw_s)) that of B_sb = E X². The two are one where X²r_b ≪ nw_s.

Coefficients that are means, m = E σ and A_k = E he_k σ, belong to the few large entries there. The bulk does not know
what is of finite rank, so that m may be anything, and a degree is whatever most entries have of it: m and A_k are those
that make E log(1 + X²y) least, at the y at which a row of entries misses a few, E X²y/(1 + X²y) = 4/min(n, N).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.hermite import hermite_polynomials

__all__ = ["FittedParts", "LargeEntries", "fitted_parts"]

_MISSED = 4.0  # entries of a row that a fit may miss; one or sixteen move the count of eigenvalues by .005 N
_REACH, _STEP = 7.0, 0.15  # of the trapezoid rule in Z; the latter over κ/3 where that is more
_FITS = 8
_HALVINGS = 20
_WIDEST = 42.0  # of log y above the least that it can be
_LEAST, _NOTHING = 1e-30, 1e-200  # variance, of the mean square or at all, that is none
_GROUPS = 14
_TO_A_DECADE = 2.0  # of the probability that an entry is larger


@dataclass(frozen=True, eq=False)
class LargeEntries:
    """The law of X², the square of what is left of a feature, given latent and code.

    Attributes
    ----------
    squares, shares : ndarray, shape (J, S, Q)
        Nodes from the smallest to the largest; shares sum to one.
    """

    squares: np.ndarray
    shares: np.ndarray

    def met(self, y: np.ndarray) -> np.ndarray:
        """E X²/(1 + X²y).

        Parameters
        ----------
        y : ndarray, shape (P, S, Q)

        Returns
        -------
        ndarray, shape (P, S, Q)
        """
        met = np.zeros_like(y)
        for square, share in zip(self.squares, self.shares, strict=True):
            met += share * square / (1.0 + square * y)
        return met

    def parts(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """E X²/(1 + X²y)² and E X⁴y/(1 + X²y)², which add up to E X²/(1 + X²y): what is left of it and what y takes.

        Parameters
        ----------
        y : ndarray, shape (P, S, Q)

        Returns
        -------
        left, taken : ndarray, shape (P, S, Q)
        """
        left, taken = np.zeros_like(y), np.zeros_like(y)
        for square, share in zip(self.squares, self.shares, strict=True):
            part = 1.0 / (1.0 + square * y)
            part *= part
            left += share * square * part
            taken += share * square**2 * part
        return left, taken * y

    def phase(self, r: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Im E log(1 + X²r/w) for r and w of the closed upper half plane.

        Parameters
        ----------
        r : ndarray, shape (P, 1, Q)
        w : ndarray, shape (P, S, 1)

        Returns
        -------
        ndarray, shape (P, S, Q)
        """
        turned = np.zeros(np.broadcast_shapes(r.shape, w.shape))
        for square, share in zip(self.squares, self.shares, strict=True):
            turned += share * _argument(w + square * r)
        return turned - _argument(w)


def _argument(value: np.ndarray) -> np.ndarray:
    """In [0, π] whatever the sign of a zero imaginary part."""
    return np.abs(np.angle(value))


@dataclass(frozen=True, eq=False)
class FittedParts:
    """What most entries have of each degree given latent and code.

    Attributes
    ----------
    m : ndarray, shape (S, Q)
    A : ndarray, shape (K, S, Q)
    B : ndarray, shape (S, Q)
        E X².
    entries : LargeEntries
    strength : ndarray, shape (S, Q)
        Σ_k A_k² + E X²/(1 + X²y).
    """

    m: np.ndarray
    A: np.ndarray
    B: np.ndarray
    entries: LargeEntries
    strength: np.ndarray


def fitted_parts(
    sigma: Callable[[np.ndarray], np.ndarray], tau: np.ndarray, kappa: np.ndarray, degree: int, rows: float
) -> FittedParts:
    """m, A_k and X that make E log(1 + X²y) least, X = σ(τ + κZ) − m − Σ_k A_k he_k(Z).

    Parameters
    ----------
    sigma : callable
        The activation, elementwise.
    tau : ndarray, shape (S, Q)
    kappa : ndarray, shape (Q,)
    degree : int
        K.
    rows : float
        min(n, N), the entries of which a few may be missed.

    Returns
    -------
    FittedParts
    """
    step = _STEP / max(1.0, float(kappa.max()) / 3.0)
    half = math.ceil(_REACH / step)
    z = step * np.arange(-half, half + 1)
    weights = np.exp(-0.5 * z**2)
    weights /= weights.sum()
    he = hermite_polynomials(z, degree) / np.sqrt([[float(math.factorial(k))] for k in range(degree + 1)])
    values = sigma(tau[..., None] + kappa[:, None] * z)
    level, seen = _MISSED / rows, np.ones_like(values)
    least = np.maximum(_LEAST * (values**2 @ weights), _NOTHING)
    pairs = (he[:, None] * he[None]).reshape(-1, len(z)).T
    ridge = 1e-12 * np.eye(degree + 1)
    for _ in range(_FITS):
        mass = seen * weights
        gram = (mass @ pairs).reshape(*tau.shape, degree + 1, degree + 1)
        parts = np.linalg.solve(gram + ridge, ((mass * values) @ he.T)[..., None])[..., 0]
        square = (values - parts @ he) ** 2
        variance = np.maximum(square @ weights, least)
        y = _where_missed(square, weights, variance, level)
        seen = 1.0 / (1.0 + square * y[..., None])
    A = np.moveaxis(parts[..., 1:], -1, 0)
    strength = np.sum(A**2, axis=0) + (square * seen) @ weights
    return FittedParts(parts[..., 0], A, square @ weights, _grouped(square, weights), strength)


def _where_missed(square: np.ndarray, weights: np.ndarray, variance: np.ndarray, level: float) -> np.ndarray:
    """y with E X²y/(1 + X²y) = level, by halves of log y."""
    low = np.full(variance.shape, math.log(level))  # E X²y is more
    high = low + _WIDEST
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        sized = square * (np.exp(middle) / variance)[..., None]
        enough = (sized / (1.0 + sized)) @ weights >= level
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.exp(0.5 * (low + high)) / variance


def _grouped(square: np.ndarray, weights: np.ndarray) -> LargeEntries:
    """Means over groups of the probability that an entry is larger, two to a decade: they have the mean of all."""
    order = np.argsort(square, axis=-1)
    square, share = np.take_along_axis(square, order, -1), weights[order]
    larger = 1.0 - np.cumsum(share, axis=-1) + 0.5 * share
    group = np.floor(-_TO_A_DECADE * np.log10(np.maximum(larger, 10.0**-_GROUPS)))
    group = np.clip(group, 0, _GROUPS - 1)
    inside = [share * (group == each) for each in range(_GROUPS)]
    shares = np.array([one.sum(axis=-1) for one in inside])
    sums = np.array([(one * square).sum(axis=-1) for one in inside])
    return LargeEntries(np.divide(sums, shares, out=np.zeros_like(sums), where=shares > 0.0), shares)
