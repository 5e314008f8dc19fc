"""What an optimizer makes of the first gradient: its sign, or a power of its singular values.

The sign knows the axes of the inputs. Samples have the target's directions along the first coordinates, so where a
problem's directions are others the sign is taken in a basis that is turned by one reflection for each latent, in the
same pass over the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from spikes.simulation.gradient import Gradient, StepDirection, step_direction
from spikes.simulation.network import Network
from spikes.simulation.seeds import derived_sequence
from spikes.simulation.vector_functions import cached_njit
from theory.statement.problem import Problem

__all__ = [
    "NEWTON_SCHULZ",
    "Update",
    "moved_along",
    "newton_schulz",
    "reflections",
    "sign_rows",
    "spectral_power",
    "target_directions",
    "update",
]

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of Muon's quintic iteration X ← aX + bXXᵀX + c(XXᵀ)²X."""

_DIRECTIONS = 6  # stream of the seed that draws the target's directions
_RESOLVED = 1e-12  # eigenvalues of the Gram matrix below this share of the largest are rounding


@dataclass(frozen=True, eq=False)
class Update:
    """The step of an optimizer per unit of η.

    Attributes
    ----------
    rows : ndarray, shape (N, d)
        The step moves W by η times this.
    common : ndarray, shape (d,)
        Unit vector along which it moves all neurons: β̂, or for the sign the mean of sign(a_j) sign(G_j) over neurons.
    """

    rows: np.ndarray
    common: np.ndarray

    def step(self, network: Network, eta: float) -> Network:
        """The network after a step of size η; the rows are overwritten by its first layer."""
        W = self.rows
        W *= eta
        W += network.W
        return Network(W, network.a)


def update(
    problem: Problem, made: Gradient, network: Network, sequence: np.random.SeedSequence, *, given: bool = False
) -> Update:
    """The step of a problem's optimizer from the gradient, whose rows are overwritten.

    Parameters
    ----------
    problem : Problem
    made : Gradient
    network : Network
        At the start.
    sequence : SeedSequence
        Of the run: it draws the target's directions, where an optimizer sees them.
    given : bool
        Whether the samples are given, axes and all, and not drawn with the target along the first coordinates.

    Returns
    -------
    Update

    Raises
    ------
    ArithmeticError
        If X₀ᵀy₀/n₀ vanishes, or rounding hides singular values that a power below one needs.
    """
    norm2 = float(made.beta @ made.beta)
    if norm2 == 0.0:
        raise ArithmeticError("the direction of the step, the mean of y x over its samples, vanishes")
    rows, rule = made.rows, problem.update
    if rule.kind == "gd" or rule.power == 1.0:
        return Update(rows, made.beta / np.sqrt(norm2))
    factor = rule.factor(*rows.shape)
    if rule.kind == "spectral":
        rows[...] = factor * spectral_power(rows, rule.power, rank=problem.n0)
        return Update(rows, made.beta / np.sqrt(norm2))
    directions = None if given else target_directions(problem, sequence)
    sign_rows(rows, factor, directions)
    common = np.sign(network.a) @ rows
    return Update(rows, common / math.sqrt(float(common @ common)))


def moved_along(problem: Problem, beta: np.ndarray, moved: Update) -> StepDirection:
    """The direction along which the step moves all neurons, ‖β‖² and its overlap with the target's latents.

    Parameters
    ----------
    problem : Problem
    beta : ndarray, shape (d,)
        X₀ᵀy₀/n₀.
    moved : Update

    Returns
    -------
    StepDirection
        That of β, but for ``sign`` of what the signs have in common.

    Raises
    ------
    ArithmeticError
        If β vanishes.
    """
    of_beta = step_direction(problem, beta)
    if problem.update.kind != "sign":
        return of_beta
    return StepDirection(moved.common, of_beta.norm2, moved.common[: problem.teacher.k].copy())


def target_directions(problem: Problem, sequence: np.random.SeedSequence) -> np.ndarray:
    """The target's directions in the axes that the optimizer sees: uniformly random, or sparse.

    Parameters
    ----------
    problem : Problem
    sequence : SeedSequence

    Returns
    -------
    ndarray, shape (k, d)
        Orthonormal.
    """
    k, d, s = problem.teacher.k, problem.d, problem.sparsity
    generator = np.random.Generator(np.random.SFC64(derived_sequence(sequence, _DIRECTIONS)))
    if s is None:
        return np.ascontiguousarray(np.linalg.qr(generator.standard_normal((d, k)))[0].T)
    directions = np.zeros((k, d))
    for c in range(k):
        directions[c, c * s : (c + 1) * s] = (1.0 - 2.0 * generator.integers(0, 2, size=s)) / math.sqrt(s)
    return directions


def reflections(directions: np.ndarray) -> np.ndarray:
    """Unit vectors v_1 … v_k with H_1 ⋯ H_k e_c = t_c for the rows t_c of `directions`, H_i = I − 2v_iv_iᵀ.

    Parameters
    ----------
    directions : ndarray, shape (k, d)
        Orthonormal rows.

    Returns
    -------
    ndarray, shape (k, d)
        A row of zeros where nothing has to be turned.
    """
    left = np.array(directions, dtype=float)
    vectors = np.zeros_like(left)
    for c in range(len(left)):
        v = -left[c]
        v[c] += 1.0
        size = math.sqrt(float(v @ v))
        if size > 1e-12:
            vectors[c] = v / size
        # the rest has to be reached from what H_c makes of it
        left -= 2.0 * np.outer(left @ vectors[c], vectors[c])
    return vectors


def sign_rows(rows: np.ndarray, factor: float, directions: np.ndarray | None = None) -> None:
    """Overwrite rows g by `factor` sign(g), in the basis in which the first coordinates are `directions`.

    Parameters
    ----------
    rows : ndarray, shape (N, d)
    factor : float
    directions : ndarray, shape (k, d), optional
        Orthonormal; the rows' own basis where left out.
    """
    vectors = np.zeros((0, rows.shape[1])) if directions is None else reflections(directions)
    _sign_rows(rows, vectors[np.any(vectors != 0.0, axis=1)], factor)


@cached_njit(nogil=True, fastmath={"contract", "reassoc"}, error_model="numpy")
def _sign_rows(rows, vectors, factor):
    k, d = vectors.shape
    row = np.empty(d)
    for j in range(rows.shape[0]):
        for c in range(d):
            row[c] = rows[j, c]
        # the axes' basis is H_1 ⋯ H_k times that of the samples
        for i in range(k - 1, -1, -1):
            _reflect(row, vectors[i])
        for c in range(d):
            row[c] = factor * np.sign(row[c])
        for i in range(k):
            _reflect(row, vectors[i])
        for c in range(d):
            rows[j, c] = row[c]


@cached_njit(nogil=True, fastmath={"contract", "reassoc"}, error_model="numpy")
def _reflect(row, v):
    total = 0.0
    for c in range(len(row)):
        total += row[c] * v[c]
    for c in range(len(row)):
        row[c] -= 2.0 * total * v[c]


def spectral_power(G: np.ndarray, power: float, *, rank: int | None = None) -> np.ndarray:
    """U Σ^p Vᵀ of G = U Σ Vᵀ from the smaller Gram matrix: G (GᵀG)^((p−1)/2), zero where Σ is zero by its rank.

    Parameters
    ----------
    G : ndarray, shape (N, d)
    power : float
        p in [0, 1]; the polar factor of G at 0.
    rank : int, optional
        Of G at most; what is beyond is rounding and left at zero.

    Returns
    -------
    ndarray, shape (N, d)

    Raises
    ------
    ArithmeticError
        If singular values within the rank are below 1e-6 of the largest, which the Gram matrix does not resolve.
    """
    wide = G.shape[0] < G.shape[1]
    exact = np.asarray(G, dtype=np.float64)
    gram = exact @ exact.T if wide else exact.T @ exact
    values, vectors = eigh(gram, overwrite_a=True, check_finite=False, driver="evd")
    kept = min(len(values), len(values) if rank is None else rank)
    values, vectors = values[len(values) - kept :], vectors[:, len(vectors) - kept :]
    if not values[0] > _RESOLVED * values[-1]:
        raise ArithmeticError(
            f"singular values of the gradient come down to {math.sqrt(max(values[0], 0.0) / values[-1]):.2g} of the "
            "largest, below what its Gram matrix resolves, 1e-06: bring `width`, `d` and `n_step` apart, or take "
            "`optimizer` gd"
        )
    root = vectors * values ** (0.25 * (power - 1.0))
    middle = root @ root.T
    return (middle @ exact if wide else exact @ middle).astype(G.dtype, copy=False)


def newton_schulz(
    G: np.ndarray, steps: int = 5, *, coefficients: tuple[float, float, float] = NEWTON_SCHULZ
) -> np.ndarray:
    """Muon's approximate polar factor: the quintic iteration from G/‖G‖, as its optimizer runs it.

    It does not converge: singular values above about 1e-3 of the norm end between .7 and 1.2, smaller ones below.

    Parameters
    ----------
    G : ndarray, shape (N, d)
    steps : int
    coefficients : tuple of float

    Returns
    -------
    ndarray, shape (N, d)

    Examples
    --------
    >>> values = np.linalg.svd(newton_schulz(np.diag([3.0, 1.0, 0.1])), compute_uv=False)
    >>> bool((values > 0.65).all() and (values < 1.25).all())
    True
    """
    a, b, c = coefficients
    X = G.T if G.shape[0] > G.shape[1] else G
    X = X / (math.sqrt(float(np.vdot(X, X))) + 1e-7)
    for _ in range(steps):
        A = X @ X.T
        X = a * X + (b * A + c * (A @ A)) @ X
    return X.T if G.shape[0] > G.shape[1] else X
