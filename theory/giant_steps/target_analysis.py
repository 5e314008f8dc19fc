"""What a target offers to gradient descent: information exponent, leap, and the staircase of directions it reveals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import qr

from theory.giant_steps.activation_moments import visible_degrees
from theory.giant_steps.hermite_moments import (
    QUADRATURE_LATENTS,
    compositions,
    conditional_coefficients,
    contraction_weights,
    quadrature_orders,
)
from theory.giant_steps.replicas import Replicas, check_samples
from theory.statement.activation import Activation
from theory.statement.arguments import integer
from theory.statement.target import Target, as_target

__all__ = ["METHODS", "Dropped", "Stair", "Staircase", "TargetAnalysis", "analyse_target", "visible_staircase"]

METHODS = ("auto", "quadrature", "monte-carlo")

_THRESHOLD = 1e-8  # of Var(g) j!: the smallest eigenvalue of A_j that counts as a direction
_SAFETY = 4.0  # errors of quadrature are this many differences between two orders
_ROUNDING = 1e-20  # of Var(g) j!: eigenvalues below it are rounding, those from here to the threshold are reported
_SIGNIFICANT = 6.0  # standard errors that a Monte Carlo eigenvalue must exceed
_SUSPECT = 4.0  # standard errors from which one that does not is reported
_LEFT_OVER = 0.01  # share of the variance that replicas need not explain
_MANY_LATENTS = 4  # beyond, grids have few nodes and tensors many entries
_MAX_DEGREE = {"quadrature": 8, "many latents": 4, "monte-carlo": 4}
_KNOWN_DEGREE = 12  # highest degree in the latents already learned that the visible staircase looks at


@dataclass(frozen=True, eq=False)
class Stair:
    """One step of a staircase.

    Attributes
    ----------
    degree : int
        The jump j: the smallest degree whose A_j is not zero.
    directions : ndarray, shape (k, r)
        New directions in latent space, orthonormal columns.
    eigenvalues, errors : ndarray, shape (r,)
        Of A_j on the complement, in decreasing order, and the numerical error of each.
    """

    degree: int
    directions: np.ndarray
    eigenvalues: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True, eq=False)
class Dropped:
    """Directions that some A_j holds, and that were taken for nothing because they are small.

    Attributes
    ----------
    known : int
        Dimension of the subspace learned when they were met.
    degree : int
        j.
    directions : ndarray, shape (k, r)
        In latent space, orthonormal columns.
    eigenvalues : ndarray, shape (r,)
        Of A_j on the complement, in decreasing order.
    threshold : float
        What they would have had to exceed.
    """

    known: int
    degree: int
    directions: np.ndarray
    eigenvalues: np.ndarray
    threshold: float


@dataclass(frozen=True, eq=False)
class Staircase:
    """Directions learned one step after the other.

    Attributes
    ----------
    max_leap : int
        Largest jump allowed: n = O(d^max_leap) samples for each step.
    stairs : tuple of Stair
    complete : bool
        Whether the target depends on nothing else than the directions learned, but for what was dropped.
    dropped : tuple of Dropped
        What was passed over as small at degrees below those taken, each direction of a degree once.
    """

    max_leap: int
    stairs: tuple[Stair, ...]
    complete: bool
    dropped: tuple[Dropped, ...]

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Dimension of the learned subspace after each step."""
        return tuple(np.cumsum([stair.directions.shape[1] for stair in self.stairs], dtype=int).tolist())

    def subspace(self, steps: int | None = None) -> np.ndarray:
        """Orthonormal columns spanning what `steps` steps learn, all by default; (k, r), or (0, 0) for nothing."""
        taken = [stair.directions for stair in self.stairs[:steps]]
        return np.concatenate(taken, axis=1) if taken else np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class TargetAnalysis:
    """Hermite energies, exponents and staircase of a target.

    Attributes
    ----------
    target : Target
    method : str
        ``quadrature`` or ``monte-carlo``.
    mean, variance : float
        E g(z) and Var g(z).
    energies, energy_errors : ndarray, shape (J + 1,)
        E_j, the energy of degree j, with Σ_j E_j = E g²; and the error of each.
    information_exponent : int
        Smallest j ≥ 1 with C_j ≠ 0 (the leap index of arXiv 2305.18270), up to what `dropped` lists.
    leap : int
        Largest jump of the recursion until the target is exhausted, likewise.
    staircase : Staircase
        With the `max_leap` asked for.
    full_staircase : Staircase
        With jumps of any size; its first stair is all that one step of n = O(d^ℓ), ℓ ≥ information exponent, learns.
    """

    target: Target
    method: str
    mean: float
    variance: float
    energies: np.ndarray
    energy_errors: np.ndarray
    information_exponent: int
    leap: int
    staircase: Staircase
    full_staircase: Staircase

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """What the exponent and the leap pass over as small."""
        return self.full_staircase.dropped


class _UndecidedError(ArithmeticError):
    """The error of quadrature does not tell an eigenvalue from zero."""


# A_j and the variance left, given what is learned, with an error: by quadrature or from replicas ----------------------


class _Quadrature:
    """Second moments of the conditional Hermite tensors on a tensor grid of two orders."""

    method = "quadrature"

    def __init__(self, target: Target, max_degree: int, orders: tuple[int, int]) -> None:
        self.target, self.max_degree, self.orders = target, max_degree, orders
        self.known_degree = min(_KNOWN_DEGREE, min(orders) - 1)  # a rule knows no He_j of its order or more
        nothing = np.eye(target.k)
        tables = [conditional_coefficients(target, nothing, 0, (max_degree, None), order)[0][0] for order in orders]
        self.energies, coarse = (_energies(table, max_degree) for table in tables)
        self.energy_errors = np.abs(self.energies - coarse)
        power, self.power_error = self._power()
        self.mean = float(tables[0].flat[0])
        self.variance = power - self.mean**2
        self._kept: dict[tuple, list] = {}

    def _power(self) -> tuple[float, float]:
        values = []
        for order in self.orders:
            nodes, weights = conditional_coefficients(
                self.target, np.eye(self.target.k), self.target.k, (0, None), order
            )
            values.append(float(weights @ np.ravel(nodes) ** 2))
        return values[0], abs(values[0] - values[1])

    def moment(
        self, frame: np.ndarray, known: int, degree: int, visible: np.ndarray | None
    ) -> tuple[np.ndarray, float]:
        """A_j on the complement and a bound on its error in spectral norm."""
        fine, coarse = (self._moment(table, degree, known, visible) for table in self._tables(frame, known, visible))
        return fine, _SAFETY * float(np.linalg.norm(fine - coarse, 2))

    def _tables(self, frame: np.ndarray, known: int, visible: np.ndarray | None) -> list:
        key = (known, frame[:, :known].tobytes(), visible is None)
        if key not in self._kept:
            degrees = (self.max_degree, None if visible is None else self.known_degree)
            self._kept = {
                key: [conditional_coefficients(self.target, frame, known, degrees, order) for order in self.orders]
            }
        return self._kept[key]

    def _moment(self, table: tuple, degree: int, known: int, visible: np.ndarray | None) -> np.ndarray:
        coefficients, weights = table
        if visible is not None:
            total = np.indices((self.known_degree + 1,) * known).sum(axis=0).ravel() if known else np.zeros(1, int)
            weights = weights * _seen(visible, total, degree)
        rows = contraction_weights(coefficients, degree)
        return np.einsum("r,rbi,rbj->ij", weights, rows, rows)

    def threshold(self, error: float, degree: int) -> float:
        return _THRESHOLD * self.variance * math.factorial(degree)

    def floor(self, error: float, degree: int) -> float:
        """Above it an eigenvalue is not the numerical error of a zero."""
        return max(10.0 * error, _ROUNDING * self.variance * math.factorial(degree))

    def select(self, values: np.ndarray, error: float, degree: int) -> np.ndarray:
        threshold = self.threshold(error, degree)
        keep = values > threshold + error
        if np.any(~keep & (values > threshold - error) & (error > 1e-3 * threshold)):
            raise _UndecidedError(
                f"`target` must be smooth enough for quadrature: an eigenvalue of A_{degree} is "
                f"{np.max(values[~keep]):.3g} ± {error:.2g}, the threshold {threshold:.2g}; use replica Monte Carlo"
            )
        return keep

    def is_exhausted(self, frame: np.ndarray, known: int) -> bool:
        left = []
        for order in self.orders:
            table, weights = conditional_coefficients(self.target, frame, known, (0, None), order)
            left.append(self.variance + self.mean**2 - float(weights @ np.ravel(table) ** 2))
        error = _SAFETY * (abs(left[0] - left[1]) + self.power_error)
        return left[0] < _THRESHOLD * self.variance + error


class _Sampled:
    """The same from replicas that share the latents already learned."""

    method = "monte-carlo"

    def __init__(self, target: Target, max_degree: int, samples: int, seed: int) -> None:
        self.replicas = Replicas(target, samples, seed)
        self.max_degree = max_degree
        self.mean, self.variance = self.replicas.mean, self.replicas.variance
        self.energies, self.energy_errors = self.replicas.energies(max_degree)

    def moment(
        self, frame: np.ndarray, known: int, degree: int, visible: np.ndarray | None
    ) -> tuple[np.ndarray, float]:
        seen = None if visible is None else _seen(visible, np.arange(_KNOWN_DEGREE + 1), degree)
        mean, se = self.replicas.moment(frame, known, degree, seen)
        return mean, float(np.linalg.norm(se))

    def threshold(self, error: float, degree: int) -> float:
        return _SIGNIFICANT * error

    def floor(self, error: float, degree: int) -> float:
        return _SUSPECT * error

    def select(self, values: np.ndarray, error: float, degree: int) -> np.ndarray:
        return values > self.threshold(error, degree)

    def is_exhausted(self, frame: np.ndarray, known: int) -> bool:
        """Directions known to O(ε) leave variance O(ε²) behind: a hundredth of it counts as nothing."""
        left, se = self.replicas.variance_given(frame, known)
        return left < _LEFT_OVER * self.variance + 3.0 * se


def _seen(visible: np.ndarray, known_degree: np.ndarray, degree: int) -> np.ndarray:
    """Whether the parts of C_j(u) of these degrees in u reach the weights: c_{b + j} ≠ 0."""
    index = known_degree + degree
    return np.where(known_degree <= _KNOWN_DEGREE, visible[np.minimum(index, len(visible) - 1)], False)


def _energies(table: np.ndarray, max_degree: int) -> np.ndarray:
    k = table.ndim
    return np.array(
        [
            sum(table[alpha] ** 2 / math.prod(map(math.factorial, alpha)) for alpha in compositions(j, k))
            for j in range(max_degree + 1)
        ]
    )


# The recursion --------------------------------------------------------------------------------------------------------


def _climb(moments: _Quadrature | _Sampled, k: int, max_leap: int, visible: np.ndarray | None = None) -> Staircase:
    """U_{t+1} = U_t + range(A_j) for the smallest j ≤ max_leap with A_j ≠ 0, until there is none."""
    learned, stairs = np.zeros((k, 0)), []
    dropped: list[Dropped] = []
    while learned.shape[1] < k:
        known = learned.shape[1]
        frame = np.concatenate([learned, _complement(learned)], axis=1)
        small = []
        for degree in range(1, max_leap + 1):
            matrix, error = moments.moment(frame, known, degree, visible)
            values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
            keep = moments.select(values, error, degree)
            if keep.any():
                values, vectors = values[keep][::-1], _separate(values[keep][::-1], vectors[:, keep][:, ::-1])
                directions = _sign(frame[:, known:] @ vectors)
                stairs.append(Stair(degree, directions, values, np.full(len(values), error)))
                learned = np.linalg.qr(np.concatenate([learned, directions], axis=1))[0]
                break
            seen = values > max(moments.floor(error, degree), 1e-14 * float(np.linalg.norm(matrix, 2)))
            if seen.any():
                values, vectors = values[seen][::-1], _separate(values[seen][::-1], vectors[:, seen][:, ::-1])
                small.append(
                    Dropped(known, degree, _sign(frame[:, known:] @ vectors), values, moments.threshold(error, degree))
                )
        dropped += [piece for piece in small if not _is_listed(piece, dropped)]
        if learned.shape[1] == known:
            break
    frame = np.concatenate([learned, _complement(learned)], axis=1)
    complete = learned.shape[1] == k or moments.is_exhausted(frame, learned.shape[1])
    return Staircase(max_leap, tuple(stairs), complete, tuple(dropped))


def _is_listed(piece: Dropped, listed: list[Dropped]) -> bool:
    """Whether directions of this degree were dropped before: what a step does not learn is met again at the next."""
    earlier = [other.directions for other in listed if other.degree == piece.degree]
    if not earlier:
        return False
    basis = np.linalg.qr(np.concatenate(earlier, axis=1))[0]
    return bool(np.linalg.norm(piece.directions - basis @ (basis.T @ piece.directions)) < 1e-6)


def _complement(learned: np.ndarray) -> np.ndarray:
    """Orthonormal columns of the orthogonal complement, along the axes where they can be."""
    k, known = learned.shape
    if known == 0:
        return np.eye(k)
    return _axes(np.eye(k) - learned @ learned.T, k - known)


def _axes(projector: np.ndarray, rank: int) -> np.ndarray:
    """An orthonormal basis of the range of a projector that picks coordinate axes first."""
    return qr(projector, pivoting=True)[0][:, :rank]


def _separate(values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Eigenvectors, those of equal eigenvalues replaced by the basis of their span nearest to the axes."""
    result = vectors.copy()
    starts = np.flatnonzero(np.diff(values, prepend=np.inf) < -1e-6 * values[0])
    for first, last in zip(starts, [*starts[1:], len(values)], strict=True):
        if last - first > 1:
            span = vectors[:, first:last]
            result[:, first:last] = _axes(span @ span.T, last - first)
    return result


def _sign(directions: np.ndarray) -> np.ndarray:
    """Columns signed to make their largest entries positive, rounding dust removed."""
    first = np.argmax(np.abs(directions) - 1e-9 * np.arange(len(directions))[:, None], axis=0)  # ties: the first
    largest = directions[first, np.arange(directions.shape[1])]
    signed = directions * np.where(largest < 0.0, -1.0, 1.0)
    return np.where(np.abs(signed) < 1e-14, 0.0, signed)


# Public functions -----------------------------------------------------------------------------------------------------


def analyse_target(
    target: str | Callable | Target,
    *,
    max_leap: int = 1,
    max_degree: int | None = None,
    method: str = "auto",
    samples: int = 2**20,
    seed: int = 0,
) -> TargetAnalysis:
    """Information exponent, leap and staircase of a target g.

    With U_0 = {0} and an orthonormal frame [B, P] of latent space, B spanning U_t, let
    C_j(u) = E[g(Bu + Pz_⊥) He_j(z_⊥)] and A_j = E_u[mat₁C_j(u) mat₁C_j(u)ᵀ]. Each step takes the smallest
    j ≤ `max_leap` with A_j ≠ 0 and adds P range(A_j) to U_t. A jump of j needs n = O(d^j) fresh samples; `max_leap=1`
    is n = O(d). For `max_leap` ≥ 2 and t ≥ 1 the recursion is the natural extension of the proven case.

    Parameters
    ----------
    target : str, callable or Target
    max_leap : int
        Largest jump of the `staircase`.
    max_degree : int, optional
        Highest Hermite degree looked at: 8 by quadrature for up to four latents, 4 beyond and by Monte Carlo.
    method : {"auto", "quadrature", "monte-carlo"}
        Quadrature integrates up to six latents on a tensor Gauss-Hermite grid, in two orders whose difference is the
        error; for five and six latents the few nodes are enough for polynomials. An eigenvalue counts when it exceeds
        1e-8 Var(g) j! by more than its error; what is smaller and not zero is listed as dropped. Monte Carlo uses
        replicas that share u, A_j = E[g(u,z)g(u,z′) mat₁He_j(z) mat₁He_j(z′)ᵀ], in 20 batches; an eigenvalue counts
        when it exceeds six standard errors (Frobenius norm), is listed as dropped from four on, and a hundredth of the
        variance may stay unexplained. ``auto`` is quadrature where it decides, and Monte Carlo for more latents or a
        target that is not smooth enough; `TargetAnalysis.method` says which.
    samples : int
        Replicas for Monte Carlo.
    seed : int
        Seed for Monte Carlo.

    Returns
    -------
    TargetAnalysis

    Raises
    ------
    ValueError
        If an argument breaks its rule, the target does not depend on its latents, has more than six of them for
        quadrature, or quadrature asked for by name cannot tell an eigenvalue from zero.
    ArithmeticError
        If the target depends on something that no Hermite tensor up to `max_degree` shows.

    Notes
    -----
    arXiv 2305.18270.

    Examples
    --------
    >>> made = analyse_target("z1 + z1*z2")
    >>> made.information_exponent, made.leap, made.staircase.dimensions
    (1, 1, (1, 2))
    """
    target = as_target(target)

    def build(moments: _Quadrature | _Sampled) -> TargetAnalysis:
        full = _climb(moments, target.k, moments.max_degree)
        if not full.complete:
            raise ArithmeticError(
                f"the target {target.name} depends on more than its Hermite tensors up to degree {moments.max_degree} "
                f"show ({moments.method}): raise `max_degree`"
                + ("" if moments.method == "quadrature" else " or `samples`")
            )
        return TargetAnalysis(
            target=target,
            method=moments.method,
            mean=moments.mean,
            variance=moments.variance,
            energies=moments.energies,
            energy_errors=moments.energy_errors,
            information_exponent=full.stairs[0].degree,
            leap=max(stair.degree for stair in full.stairs),
            staircase=_climb(moments, target.k, max_leap),
            full_staircase=full,
        )

    return _with_moments(target, build, max_leap, method, max_degree, samples, seed)


def visible_staircase(
    target: str | Callable | Target,
    activation: str | Activation,
    *,
    max_leap: int = 1,
    max_degree: int | None = None,
    method: str = "auto",
    samples: int = 2**20,
    seed: int = 0,
) -> Staircase:
    """The staircase that an activation σ can climb.

    Of C_j(u), expanded in the latents u learned before, the part of degree b moves the weights iff
    c_{b+j} = E[σ He_{b+j}] ≠ 0: relu sees b + 1 ∈ {1, 2, 4, 6, …}, an odd σ odd b + 1 only. For j = 1 this is read off
    the gradient; for j > 1 it is its natural extension. Degrees b up to 12 are looked at, up to 9 and 6 for five and
    six latents.

    Parameters
    ----------
    activation : str or Activation
        σ; the coefficients of a user's own are integrated numerically and count as zero within their error.

    Other parameters, exceptions and source are those of `analyse_target`.

    Returns
    -------
    Staircase

    Raises
    ------
    ValueError
        As `analyse_target` raises.

    Examples
    --------
    >>> visible_staircase("z1 + He2(z1)*z2", "relu").dimensions  # z2 is never learned
    (1,)
    """
    target = as_target(target)

    def build(moments: _Quadrature | _Sampled) -> Staircase:
        visible = visible_degrees(activation, _KNOWN_DEGREE + max_leap)
        return _climb(moments, target.k, max_leap, visible)

    return _with_moments(target, build, max_leap, method, max_degree, samples, seed)


def _with_moments(
    target: Target,
    build: Callable[[_Quadrature | _Sampled], Any],
    max_leap: int,
    method: str,
    max_degree: int | None,
    samples: int,
    seed: int,
) -> Any:
    """`build` from the first way of integrating that decides every eigenvalue, once the arguments keep their rules."""
    max_leap, samples, seed = (
        integer("max_leap", max_leap, 1),
        check_samples(samples),
        integer("seed", seed, 0),
    )
    if max_degree is not None:
        max_degree = integer("max_degree", max_degree, 1, 12)
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {', '.join(METHODS)}; got {method!r}")

    def checked(moments: _Quadrature | _Sampled) -> Any:
        _check_dependence(target, moments)
        if max_leap > moments.max_degree:
            raise ValueError(f"`max_leap` must be at most `max_degree`, {moments.max_degree}; got {max_leap}")
        return build(moments)

    if method == "quadrature" or (method == "auto" and target.k <= QUADRATURE_LATENTS):
        orders = quadrature_orders(target)
        highest = max_degree or _MAX_DEGREE["quadrature" if target.k <= _MANY_LATENTS else "many latents"]
        for i, pair in enumerate(orders):
            try:
                return checked(_Quadrature(target, highest, pair))
            except _UndecidedError as error:
                if method == "quadrature" and i == len(orders) - 1:
                    raise ValueError(str(error)) from None
    return checked(_Sampled(target, max_degree or _MAX_DEGREE["monte-carlo"], samples, seed))


def _check_dependence(target: Target, moments: _Quadrature | _Sampled) -> None:
    scale = moments.variance + moments.mean**2
    if not moments.variance > 1e-12 * scale:
        raise ValueError(f"`target` must depend on its latents; {target.name} has variance {moments.variance:.3g}")
