"""`predict`: everything that the conditional equivalent says of a problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.conditional_equivalent.covariance import CovarianceTerms
from theory.conditional_equivalent.data_spikes import parted_bulk, spikes_after_step, step_spikes
from theory.conditional_equivalent.fixed_point import solve_between
from theory.conditional_equivalent.latent_functions import RidgeErrors, errors_along
from theory.conditional_equivalent.outliers import Outlier, find_outliers
from theory.conditional_equivalent.resolution import (
    Resolution,
    end_points,
    features_of,
    resolve,
    spectral_features,
    spike_terms,
)
from theory.conditional_equivalent.spectral_density import density, density_curve
from theory.conditional_equivalent.spectrum import bulk
from theory.conditional_equivalent.validity import validity
from theory.statement.problem import Problem, require_problem

__all__ = ["Prediction", "predict", "predict_errors"]


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """Asymptotic theory of one problem at its actual n.

    Numbers alone: ``spikes.predict`` gives the same with ``save``, ``plot`` and what a notebook shows.

    Attributes
    ----------
    problem : Problem
    gradient_order : int
    beta_norm2 : float
        ‖β‖² of the direction β = X₀ᵀy₀/n₀, or ‖Σ^(1/2)β‖² where the inputs have a covariance.
    overlap : ndarray, shape (k,)
        Overlap of β̂ with the rows of W⋆, that is the correlation of ⟨x, β̂⟩ with the target's latents.
    bulk_edges : tuple of (float, float)
        Bands of the bulk of the eigenvalues of FFᵀ/n.
    mass_at_zero : float
        Mass of the eigenvalue 0 of FFᵀ/n.
    density_x, density : ndarray, shape (P,)
        Density of the eigenvalues of FFᵀ/n; with the atom at zero it has mass 1.
    spikes : tuple of Outlier
        Singular values of F/√n beyond the bulk, largest first, the alignment of their left singular vectors, and what
        makes them: the step or, where the inputs have a covariance, an isolated eigenvalue of it. Also called
        `outliers`.
    ridge, objective, train_error, test_error : ndarray, shape (L,)
        One entry for each penalty λ; the errors include the label noise.
    resolution : Resolution
        The terms of the law that were kept, and how much those left out would have mattered.
    validity : tuple of str
        Why the problem lies outside what the law was compared with, a sentence each; empty inside.
    large_entries : bool
        Whether the bulk counts large entries of saturated features one by one, as it may with a covariance.
    """

    problem: Problem
    gradient_order: int
    beta_norm2: float
    overlap: np.ndarray
    bulk_edges: tuple[tuple[float, float], ...]
    mass_at_zero: float
    density_x: np.ndarray
    density: np.ndarray
    spikes: tuple[Outlier, ...]
    ridge: np.ndarray
    objective: np.ndarray
    train_error: np.ndarray
    test_error: np.ndarray
    resolution: Resolution
    validity: tuple[str, ...]
    large_entries: bool = False

    @property
    def outliers(self) -> tuple[Outlier, ...]:
        """The spikes, by their other name."""
        return self.spikes

    def __repr__(self) -> str:
        p = self.problem
        at = ", ".join(f"{s.singular_value:.4g}" for s in self.spikes[:4]) + (", …" if len(self.spikes) > 4 else "")
        bulk = ", ".join(f"[{low:.4g}, {high:.4g}]" for low, high in self.bulk_edges)
        errors = ", ".join(f"{e:.4g} (λ = {x:g})" for e, x in zip(self.test_error[:3], self.ridge[:3], strict=True))
        lines = [
            f"<Prediction: n = {p.n}, n₀ = {p.n0}, d = {p.d}, N = {p.width}, η = {p.step_size:.4g}>",
            f"bulk of FFᵀ/n {bulk}; {f'spikes at s = {at}' if at else 'no spike'}",
            f"test error {errors}{', …' if len(self.ridge) > 3 else ''}",
        ]
        return "\n".join([*lines, *(["outside what was checked: see `validity`"] if self.validity else [])])

    def to_dict(self) -> dict[str, Any]:
        """The ``theory`` part of the JSON contract."""
        terms = self.resolution.terms.to_dict()
        if self.problem.law_of_x is not None:
            terms["large_entries"] = self.large_entries
        return {
            "gradient_order": self.gradient_order,
            "step": {"beta_norm2": self.beta_norm2, "overlap": self.overlap.tolist()},
            "bulk": {"edges": [list(band) for band in self.bulk_edges], "mass_at_zero": self.mass_at_zero},
            "density": {"x": self.density_x.tolist(), "density": self.density.tolist()},
            "outliers": [outlier.to_dict() | self._source(outlier) for outlier in self.spikes],
            "ridge": self.ridge.tolist(),
            "test_error": self.test_error.tolist(),
            "train_error": self.train_error.tolist(),
            "objective": self.objective.tolist(),
            "terms": {
                **terms,
                "dropped": dict(self.resolution.dropped),
                "quadrature": self.resolution.unresolved,
                "batches": max((abs(x - 1.0) for _, of in self.resolution.batches for x in of), default=0.0),
            },
            "validity": list(self.validity),
        }

    def _source(self, outlier: Outlier) -> dict[str, Any]:
        """What made an outlier, where that is a question."""
        return {} if self.problem.law_of_x is None else {"source": outlier.source}


def predict(
    problem: Problem,
    gradient_order: int = 2,
    *,
    density_at: Sequence[float] | None = None,
    _leading: bool = False,
) -> Prediction:
    """Predict spectrum, outliers, alignments and ridge errors of a problem at its actual n.

    The features conditioned on each sample's latent u = ⟨x, β̂⟩ and each neuron's code g = √N a are Gaussian with mean
    m(u, g), a linear part A(u, g)⟨w, x⟩ and a variance B(u, g); one fixed point over nodes of u and g gives everything.
    Random features (η = 0) and the spike regimes of n^α steps (arXiv 2310.07891) are special cases; constant second
    layers are treated in arXiv 2402.04980.

    Parameters
    ----------
    problem : Problem
        n, n₀, d and N comparable; the step size may be anything from 0 to O(√n).
    gradient_order : {1, 2}
        2 includes the matrix term of the gradient, which matters for activations that are not odd.
    density_at : sequence of float, optional
        Points x > 0 for the density; by default 400 points over the bulk, closest together near its edges.

    Returns
    -------
    Prediction

    Raises
    ------
    ValueError
        If α lies outside [0, 1/2] (with `eta` not given), or an argument breaks its rule.
    ArithmeticError
        If a fixed point is not reached to 1e-10; the message names the residual and a remedy.

    Notes
    -----
    One law from n ~ d to n ~ d²: the step's noise has the covariance of the batch, the norm of a sample is a latent,
    features are resolved up to the degree that matters, and eigenvectors of X₀ᵀ diag(y₀) X₀/n₀ that the step amplifies
    are latents beside ⟨x, β̂⟩. A term that changes no error by a thousandth is left out (`Prediction.resolution`);
    where the problem lies outside what was compared with simulation, `Prediction.validity` says why. With a gaussian
    second layer the bulk has no true right edge, nor any after a step a true left one; the edge reported is then the
    point that has mass 1/n outside it.

    Examples
    --------
    >>> from theory import Problem
    >>> theory = predict(Problem(n=2000, d=1000, width=1500, alpha=0.36))
    >>> [f"{spike.singular_value:.2f}" for spike in theory.spikes]
    ['5.39', '1.98']
    >>> print(f"{theory.test_error[0]:.3f}")
    1.183
    """
    x = None
    if density_at is not None:
        x = np.asarray(density_at, dtype=float).ravel()
        if not (np.isfinite(x).all() and (x > 0.0).all()):
            raise ValueError(f"`density_at` must be positive and finite; got {x[~(np.isfinite(x) & (x > 0))][0]}")
    resolution = _resolution(problem, gradient_order, _leading)
    eq = features_of(problem, resolution)
    seen, moved = spectral_features(problem, resolution)
    law = bulk(seen)
    if moved is None:
        outliers = find_outliers(seen, law)
    else:
        law, of_data = parted_bulk(seen, law)
        of_step = step_spikes(moved)
        terms = resolution.terms
        if isinstance(terms, CovarianceTerms) and terms.overlaps:
            of_data = spikes_after_step(problem, spike_terms(problem, terms), of_data, of_step)
        outliers = tuple(sorted((*of_step, *of_data), key=lambda spike: -spike.singular_value))
    if x is None:
        x, rho = density_curve(seen, law)
    else:
        rho = density(seen, law, x)
    errors = _path(problem, resolution)
    return Prediction(
        problem=problem,
        gradient_order=gradient_order,
        beta_norm2=eq.step.beta_norm2,
        overlap=eq.step.overlap,
        bulk_edges=law.edges,
        mass_at_zero=law.mass_at_zero,
        density_x=x,
        density=rho,
        spikes=outliers,
        ridge=np.array(problem.ridges),
        objective=np.array([e.objective for e in errors]),
        train_error=np.array([e.train_error for e in errors]),
        test_error=np.array([e.test_error for e in errors]),
        resolution=resolution,
        validity=validity(problem, resolution),
        large_entries=seen.entries is not None,
    )


def predict_errors(problem: Problem, gradient_order: int = 2, *, _leading: bool = False) -> tuple[RidgeErrors, ...]:
    """Objective, train and test error of a problem at each of its penalties; the part of `predict` that costs least.

    Parameters, validity and exceptions are those of `predict`.

    Parameters
    ----------
    problem : Problem
    gradient_order : {1, 2}
        As in `predict`, whose validity and exceptions are those of this function.

    Returns
    -------
    tuple of RidgeErrors
        One for each penalty of the problem, in its order.

    Examples
    --------
    >>> from theory import Problem
    >>> after = Problem(n=2000, d=1000, width=1500, alpha=0.36)
    >>> before = after.replace(eta=0.0)
    >>> [f"{predict_errors(p)[0].test_error:.3f}" for p in (before, after)]
    ['1.530', '1.183']
    """
    resolution = _resolution(problem, gradient_order, _leading)
    return _path(problem, resolution)


def _resolution(problem: Problem, gradient_order: int, leading: bool) -> Resolution:
    require_problem(problem)
    if gradient_order not in (1, 2) or isinstance(gradient_order, bool):
        raise ValueError(f"`gradient_order` must be 1 or 2; got {gradient_order!r}")
    if problem.eta is None and problem.alpha > 0.5:
        raise ValueError(f"`alpha` must be in [0, 0.5] for the theory; got {problem.alpha}")
    return resolve(problem, gradient_order, leading=leading)


def _path(problem: Problem, resolution: Resolution) -> tuple[RidgeErrors, ...]:
    """Errors at each λ, between those at the ends, which are known."""
    ends, at_ends = end_points(problem, resolution)
    lams = sorted(set(problem.ridges))
    if len(lams) <= len(at_ends):
        errors = dict(zip(lams, at_ends, strict=True))
    else:
        eq = features_of(problem, resolution)
        points = solve_between(eq, ends, lams)
        errors = dict(zip(lams, errors_along(eq, points), strict=True))
    return tuple(resolution.over_batches(errors[lam]) for lam in problem.ridges)
