"""A problem and a seed in, measured quantities out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from spikes.agreement import LEADING
from spikes.runtime.memory import check_memory
from spikes.simulation.feature_stream import FeatureStream
from spikes.simulation.features import feature_matrix, squared_errors
from spikes.simulation.fresh_errors import FreshPoints, fresh_errors
from spikes.simulation.gradient import BLOCK, gradient, overflow, rank_one_share
from spikes.simulation.how import ALONE, HERE, How, Place
from spikes.simulation.kernels import ActivationKernels, problem_kernels
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.optimizers import moved_along, update
from spikes.simulation.ridge import RidgePath, ridge_path, ridge_path_of_moments
from spikes.simulation.row_sums import sums_at_once
from spikes.simulation.samples import LabelledRows, Samples
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.simulation.spectra import (
    GramSpectrum,
    check_amplitudes,
    direct_spectrum,
    gram_spectrum,
    hermite_alignment,
    hidden_below,
    left_vectors,
    separated,
)
from spikes.simulation.tridiagonal import tridiagonal
from theory.statement.arguments import integer
from theory.statement.problem import Problem

__all__ = [
    "Batches",
    "Fit",
    "Simulation",
    "check_range",
    "check_size",
    "simulate",
    "simulate_on",
    "simulate_steps",
]


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """The features of one first layer: their spectrum, and ridge regression of the labels on them.

    Attributes
    ----------
    eigenvalues : ndarray, shape (min(n, N),)
        Eigenvalues of FFᵀ/n that are not zero by dimension, in decreasing order.
    alignment : ndarray, shape (K, 5)
        ⟨û_i, h_k⟩ of the K leading left singular vectors, k = 0 … 4, with h_k = He_k(u)/√(k! n) orthonormalised on the
        sample (:func:`spikes.simulation.spectra.hermite_alignment`), each vector signed to
        make its largest entry positive.
    ridge, objective, train_error, test_error : ndarray, shape (L,)
        Penalties λ, the minima of (1/n)‖y − Fa‖² + λ‖a‖², their first terms, and estimates from fresh points.
    dtype : str
        In which the features were computed.
    method : str
        How the spectrum was found, which is not what was asked for where that could not resolve the penalty.

    Raises
    ------
    ArithmeticError
        If a number is not finite, an eigenvalue or an error is negative, or an amplitude of a unit vector exceeds 1.
    """

    eigenvalues: np.ndarray
    alignment: np.ndarray
    ridge: np.ndarray
    objective: np.ndarray
    train_error: np.ndarray
    test_error: np.ndarray
    dtype: str = "float64"
    method: str = "gram"

    def __repr__(self) -> str:
        values = ", ".join(f"{s:.4g}" for s in self.singular_values[:3])
        return f"<Fit: {len(self.eigenvalues)} singular values {values}, …; {len(self.ridge)} penalties>"

    def __post_init__(self) -> None:
        for name in ("eigenvalues", "alignment", "objective", "train_error", "test_error"):
            values = getattr(self, name)
            if not np.isfinite(values).all():
                raise overflow(name.replace("_", " "), self.dtype)
            if name != "alignment" and (values < 0.0).any():
                raise ArithmeticError(f"{name.replace('_', ' ')} came out negative: {values.min():.3g}")
        check_amplitudes(self.alignment, self.eigenvalues[: len(self.alignment)], self.dtype)

    @property
    def singular_values(self) -> np.ndarray:
        """Singular values of F/√n in decreasing order."""
        return np.sqrt(self.eigenvalues)

    @property
    def outliers(self) -> int:
        """Number of leading singular values that stand apart from the rest, judged from them alone."""
        return separated(self.singular_values)

    @property
    def rank(self) -> int:
        """Number of eigenvalues above rounding."""
        return rank_of(self.eigenvalues, self.dtype, self.method)


def rank_of(eigenvalues: np.ndarray, dtype: str, method: str) -> int:
    """Number of eigenvalues above rounding, which the singular value decomposition has on singular values alone."""
    rounding = 1e-12 if dtype == "float64" else 1e-6
    return int(np.sum(eigenvalues > (rounding**2 if method == "svd" else rounding) * eigenvalues[0]))


@dataclass(frozen=True, eq=False, repr=False)
class Simulation:
    """Measured quantities of one run.

    Attributes
    ----------
    problem : Problem
    before, after : Fit
        Of the first layer before the step and after it, on the same data.
    beta_norm2 : float
        ‖β‖² of the realised β = X₀ᵀy₀/n₀, or ‖Σ^(1/2)β‖² where the inputs have a covariance.
    overlap : ndarray, shape (k,)
        Correlation of ⟨x, β⟩ with the target's latents: overlap of β̂ with its directions for isotropic inputs, and of
        the direction along which the step moves all neurons where that is another, as with ``sign``.
    gradient_share : float
        Share of the gradient's squared Frobenius norm that its largest singular value carries.
    label_power : float
        Mean of y² over the fitted samples.
    test_samples : int
        Fresh points that the test errors are means over.
    method : str
        That was asked for; each fit says which one found its spectrum.
    """

    problem: Problem
    before: Fit
    after: Fit
    beta_norm2: float
    overlap: np.ndarray
    gradient_share: float
    label_power: float
    test_samples: int
    method: str = "gram"

    def __repr__(self) -> str:
        p, values = self.problem, ", ".join(f"{s:.4g}" for s in self.after.singular_values[:3])
        errors = ", ".join(f"{e:.4g} (λ = {x:g})" for e, x in zip(self.after.test_error[:3], p.ridges, strict=False))
        return (
            f"<Simulation: n = {p.n}, n₀ = {p.n0}, d = {p.d}, N = {p.width}, η = {p.step_size:.4g}>\n"
            f"singular values {values}, …; test error {errors}"
        )


def simulate(
    problem: Problem,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    *,
    test_samples: int = 8192,
    antisymmetric: bool = False,
    threads: int = 1,
    dtype: str = "float64",
    method: str = "gram",
    place: Place = HERE,
) -> Simulation:
    """Take one giant gradient step, build the features, decompose them and fit the ridge, once.

    Everything is drawn afresh: the network, n₀ samples for the step, n for the features, points for the test error. The
    same seed gives the same bits, whatever else runs beside it.

    Parameters
    ----------
    problem : Problem
    seed : int, SeedSequence or Generator
    test_samples : int
        Fresh points on which the test error is evaluated. Eight of them share the matrix products of one, label noise
        enters exactly, and polynomials of known mean are control variates: :mod:`spikes.simulation.fresh_errors`.
    antisymmetric : bool
        Start from paired neurons of opposite a, so that f is exactly 0 before the step. The features of a pair differ
        by the step alone, which the theory does not describe.
    threads : int
        Threads that share blocks of rows and the dense linear algebra. Sums may round differently on another number.
    dtype : {"float64", "float32"}
        Of the network, the samples and the linear algebra. The random numbers are the same.
    method : {"gram", "svd", "streamed"}
        How the spectrum is found. By the smaller Gram matrix, squared singular values below 1e-16 of the largest
        (1e-7 in float32) are rounding; by the singular value decomposition of F singular values keep that many digits,
        five times slower, and it takes the place of "gram" where rounding hides the penalty: see ``run.after.method``;
        "streamed" forms FᵀF/n from rows that are never stored and takes N², not nN, numbers.
    place : Place
        Where ranges of rows of the gradient and of a streamed FᵀF are summed; any place gives the bits of one thread.

    Returns
    -------
    Simulation

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the matrices do not fit in memory.
    ArithmeticError
        If rounding hides the smallest penalty, or numbers leave the range of their type.

    Examples
    --------
    >>> from theory import Problem
    >>> problem = Problem(n=100, d=50, width=75)
    >>> run = simulate(problem, 7, test_samples=512)
    >>> again = simulate(problem, 7, test_samples=512)
    >>> bool((run.after.eigenvalues == again.after.eigenvalues).all())  # the same seed, the same bits
    True
    """
    return simulate_steps(
        (problem,),
        seed,
        test_samples=test_samples,
        antisymmetric=antisymmetric,
        how=How(dtype, method, threads, place),
    )[0]


def simulate_steps(
    problems: Sequence[Problem],
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
    *,
    test_samples: int = 8192,
    antisymmetric: bool = False,
    how: How = ALONE,
) -> tuple[Simulation, ...]:
    """Run `simulate` for problems that differ in the size of the step alone, on the same random numbers.

    The gradient and the fit before the step, which they share, are found once. Each result has the same bits as alone.

    Parameters
    ----------
    problems : sequence of Problem
        Equal but for α, c and η.
    seed, test_samples, antisymmetric
        As in `simulate`.
    how : How

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the matrices do not fit in memory.
    """
    problem = problems[0]
    if any(other.replace(alpha=problem.alpha, scale=problem.scale, eta=problem.eta) != problem for other in problems):
        raise ValueError("`problems` must differ in `alpha`, `scale` and `eta` alone")
    sequence = as_seed_sequence(seed)
    step, fit, test = (derived_sequence(sequence, i) for i in (2, 3, 4))
    points = integer("test_samples", test_samples, 2)
    # blocks of coordinates are alike, and their signs may be turned, where the inputs are isotropic
    fresh = FreshPoints(problem, test, points) if problem.law_of_x is None else Samples(problem, test, points)
    batches = Batches(Samples(problem, step, problem.n0), Samples(problem, fit, problem.n), fresh)
    return simulate_on(batches, problems, sequence, antisymmetric=antisymmetric, how=how)


class Batches(NamedTuple):
    """Samples for the step, the fit and the test error, independent of each other; points where their law is known."""

    step: LabelledRows
    fit: LabelledRows
    test: LabelledRows | FreshPoints


def simulate_on(
    batches: Batches,
    problems: Sequence[Problem],
    sequence: np.random.SeedSequence,
    *,
    antisymmetric: bool = False,
    how: How = ALONE,
) -> tuple[Simulation, ...]:
    """As `simulate_steps`, on given samples; the sequence draws the network.

    Parameters
    ----------
    batches : Batches
        Of n₀ and n rows and any number for the test, which is what tells whether the law of the inputs is known.
    problems : sequence of Problem
        Equal but for α, c and η; their target and noise are not looked at.
    sequence : SeedSequence
    antisymmetric : bool
        As in `simulate`.
    how : How

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the matrices do not fit in memory.
    ArithmeticError
        If X₀ᵀy₀/n₀ vanishes, rounding hides the smallest penalty, or numbers leave the range of their type.
    """
    problem = problems[0]
    check_range(problems, how.numbers)
    check_size(problem, how=how, steps=len(problems))
    run = _Run(problem, batches, sequence, problem_kernels(problem), how)
    # what overflows becomes infinite or nan and is refused by its name where a result would take it up
    with threadpool_limits(how.threads), np.errstate(over="ignore", invalid="ignore"):
        return run.simulate(problems, antisymmetric)


class _Fitted(NamedTuple):
    """A fit whose test error is still to be measured."""

    eigenvalues: np.ndarray
    path: RidgePath
    alignment: np.ndarray
    power: float
    method: str

    def with_test_error(self, ridges: tuple[float, ...], test_error: np.ndarray, how: How) -> Fit:
        return Fit(
            eigenvalues=self.eigenvalues.astype(float, copy=False),
            alignment=self.alignment.astype(float, copy=False),
            ridge=np.array(ridges),
            objective=self.path.objective,
            train_error=self.path.train_error,
            test_error=test_error,
            dtype=how.dtype,
            method=self.method,
        )


@dataclass(frozen=True, eq=False)
class _Run:
    """One simulation's settings; `simulate` takes it through its stages."""

    problem: Problem
    batches: Batches
    sequence: np.random.SeedSequence
    kernels: ActivationKernels
    how: How

    def fit(self, layer: Layer, direction: np.ndarray, F: np.ndarray | None) -> _Fitted:
        """Spectrum, ridge path and alignments of a layer's features on the fitted samples; they are written to F."""
        if self.how.method == "streamed":
            return self._fit_streamed(layer, direction)
        ridges, how = np.array(self.problem.ridges), self.how
        made = feature_matrix(layer, self.batches.fit, direction, how=how, out=F)
        # row by row: the rounding of one long sum is seen below
        square = float(np.einsum("ij,ij->i", made.F, made.F).sum(dtype=float)) / self.problem.n
        if not math.isfinite(square):
            raise overflow("features", how.dtype)
        spectrum, method = self._spectrum(made.F, ridges)
        total = float(spectrum.eigenvalues.sum())
        if abs(total - square) > 1e4 * np.finfo(how.numbers).eps * square:
            raise ArithmeticError(f"eigenvalues of FFᵀ/n came out with the sum {total:.6g}, not ‖F‖²/n = {square:.6g}")
        leading = min(LEADING, rank_of(spectrum.eigenvalues, how.dtype, method))
        path = ridge_path(made.F, made.y, spectrum, ridges)
        return _Fitted(
            spectrum.eigenvalues,
            path,
            hermite_alignment(left_vectors(made.F, spectrum, leading), made.u),
            float(made.y @ made.y) / self.problem.n,
            method,
        )

    def _spectrum(self, F: np.ndarray, ridges: np.ndarray) -> tuple[GramSpectrum, str]:
        """The spectrum of F with the method that found it, by which no penalty is hidden."""
        how = self.how
        if how.method == "gram":
            spectrum = gram_spectrum(F)
            if hidden_below(spectrum.eigenvalues, how.numbers) <= ridges.min() + spectrum.eigenvalues[-1]:
                return spectrum, how.method
            check_size(self.problem, how=replace(how, method="svd"))
        spectrum = direct_spectrum(F)
        _check_resolved(spectrum.eigenvalues, ridges, how, direct=True)
        return spectrum, "svd"

    def _fit_streamed(self, layer: Layer, direction: np.ndarray) -> _Fitted:
        problem, how, ridges = self.problem, self.how, np.array(self.problem.ridges)
        collected = FeatureStream(layer, self.batches.fit, how).normal_equations(direction)
        if not np.isfinite(np.trace(collected.gram)):
            raise overflow("features", how.dtype)
        basis = tridiagonal(collected.gram)
        values = basis.eigenvalues()
        _check_resolved(values, ridges, how, direct=False)
        kept = min(problem.n, problem.width)
        path = ridge_path_of_moments(basis, collected.moment, collected.power, ridges)
        lost = path.lost_digits(collected.power)
        if lost.any():
            ((train, _),) = squared_errors([(layer, path.readouts[:, lost])], self.batches.fit, how=how)
            path = path.with_train_error(lost, train, ridges)
        leading = min(LEADING, rank_of(values[:kept], how.dtype, how.method))
        alignment = collected.hermite.alignment(values[:leading], basis.leading(leading))
        return _Fitted(values[:kept], path, alignment, collected.power, how.method)

    def test_errors(
        self, layers: Sequence[tuple[Layer, np.ndarray]], direction: np.ndarray
    ) -> tuple[list[np.ndarray], int]:
        """Of every layer with its readouts, and the number of points that they are means over."""
        test, how = self.batches.test, self.how
        if isinstance(test, FreshPoints):
            return [mean for mean, _ in fresh_errors(layers, test, direction, how=how)], test.count
        return [mean for mean, _ in squared_errors(layers, test, how=how)], test.rows

    def simulate(self, problems: Sequence[Problem], antisymmetric: bool) -> tuple[Simulation, ...]:
        how = self.how
        start = initial_network(self.problem, self.sequence, antisymmetric=antisymmetric, dtype=how.numbers)
        made = gradient(start, self.kernels, self.batches.step, how=how)
        share = rank_one_share(made.rows)
        given = not isinstance(self.batches.step, Samples)
        moved = update(self.problem, made, start, self.sequence, given=given)
        direction, norm2, overlap = moved_along(self.problem, made.beta, moved)
        F = None if how.method == "streamed" else np.empty((self.problem.n, self.problem.width), how.numbers)
        initial = Layer(start.W, self.kernels)
        first = self.fit(initial, direction, F)
        layers, fits = [(initial, first.path.readouts)], []
        rows = moved.rows
        del made, moved
        for problem in problems:
            # the last step is written where the gradient was
            W = np.multiply(problem.step_size, rows, out=rows if problem is problems[-1] else None)
            W += start.W
            layer = Layer(W, self.kernels)
            fit = self.fit(layer, direction, F)
            layers.append((layer, fit.path.readouts))
            fits.append(fit)
        del F
        (test_before, *tests), points = self.test_errors(layers, direction)
        before = first.with_test_error(self.problem.ridges, test_before, how)
        return tuple(
            Simulation(
                problem=problem,
                before=before,
                after=fit.with_test_error(problem.ridges, test, how),
                beta_norm2=norm2,
                overlap=overlap,
                gradient_share=share,
                label_power=fit.power,
                test_samples=points,
                method=how.method,
            )
            for problem, fit, test in zip(problems, fits, tests, strict=True)
        )


def check_range(problems: Sequence[Problem], dtype: np.dtype) -> None:
    """Refuse a noise or a step size whose powers leave the range of a floating-point type.

    Parameters
    ----------
    problems : sequence of Problem
    dtype : dtype
        In which the features are computed.

    Raises
    ------
    ValueError
        Naming the value and the largest.
    """
    largest = float(np.finfo(dtype).max) ** 0.25
    for problem in problems:
        name = "scale" if problem.eta is None else "eta"
        for argument, value in (("noise", problem.noise), (name, problem.step_size)):
            if value > largest:
                raise ValueError(f"`{argument}` must keep within {largest:.1g} in {dtype}; got {value:g}")


def _check_resolved(eigenvalues: np.ndarray, ridges: np.ndarray, how: How, *, direct: bool) -> None:
    """Refuse penalties that rounding of the spectrum hides."""
    hidden, smallest = hidden_below(eigenvalues, how.numbers, direct=direct), ridges.min()
    if hidden > smallest + eigenvalues[-1]:
        remedy = "" if direct else "; `method` svd keeps twice the digits"
        remedy += "; `dtype` float64 has more of them" if how.dtype == "float32" else ""
        raise ArithmeticError(
            f"the penalty {smallest:.3g} is hidden by rounding: the largest singular value of F/√n is "
            f"{math.sqrt(eigenvalues[0]):.3g}, and λ must be at least {hidden:.2g}{remedy}"
        )


def check_size(
    problem: Problem,
    copies: int = 1,
    *,
    how: How | None = None,
    matrices: int = 1,
    steps: int = 1,
) -> None:
    """Refuse a problem whose matrices do not fit in the memory that is free.

    Parameters
    ----------
    problem : Problem
    copies : int
        Runs at once.
    how : How, optional
        Left out where the caller has only the method that holds F, in float64.
    matrices : int
        Matrices of n×N that a run holds, where that is not the method's to say.
    steps : int
        Sizes of the step in a run.

    Raises
    ------
    ValueError
        Naming the GiB needed and available.
    """
    n, d, N = problem.n, problem.d, problem.width
    streamed = how is not None and how.method == "streamed"
    small = N if streamed else min(n, N)
    method = "gram" if how is None else how.method
    # features, and what their decomposition takes beside them: a Gram matrix is reduced in its place; factorisations
    # have copies of theirs, an svd copies, factors and work space
    stored, squares = {"streamed": (0, sums_at_once(n)), "svd": (4, 7), "gram": (matrices, 1)}[method]
    weights = 1 + max(steps, sums_at_once(problem.n0))
    entries = stored * n * N + squares * small**2 + weights * N * d + 3 * BLOCK * (d + N)
    remedy = f"`method` streamed takes about {8 * sums_at_once(n) * N**2 / 2**30:.3g} GiB"
    check_memory(
        f"`n`, `d` and `width` must fit in memory: n = {n}, d = {d}, width = {N}",
        entries,
        copies=copies,
        remedy="" if streamed or how is None or n <= N else remedy,
        itemsize=(how or ALONE).numbers.itemsize,
    )
