"""The tridiagonal reduction against full eigendecompositions: shifts, eigenvectors, ridge paths on both sides."""

import math

import numpy as np
import pytest

from spikes.simulation.ridge import ridge_path, ridge_path_of_moments
from spikes.simulation.spectra import GramSpectrum, gram, gram_spectrum, left_vectors
from spikes.simulation.tridiagonal import Eigenbasis, tridiagonal

# Rounding of sums of 40 products and of solutions whose condition number is at most 1e3.
TOLERANCE = {"float64": 1e-12, "float32": 1e-3}
RIDGES = np.geomspace(1e-3, 10.0, 7)


def spiked(n: int, N: int, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """Features with two spikes over a bulk, and labels."""
    rng = np.random.default_rng(3)
    F = rng.standard_normal((n, N))
    for strength in (9.0, 4.0):
        F += strength / math.sqrt(n + N) * np.outer(rng.standard_normal(n), rng.standard_normal(N))
    return F.astype(dtype), rng.standard_normal(n).astype(dtype)


def by_eigh(F: np.ndarray) -> GramSpectrum:
    """The spectrum with all its vectors."""
    upper = gram(F)
    values, vectors = np.linalg.eigh(np.triu(upper) + np.triu(upper, 1).T)
    return GramSpectrum(values[::-1], Eigenbasis(values[::-1], vectors[:, ::-1]), len(F) < F.shape[1])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_shifted_matrix_is_solved(dtype):
    F, _ = spiked(60, 40, dtype)
    upper = gram(F)
    A = (np.triu(upper) + np.triu(upper, 1).T).astype(float)
    basis, x = tridiagonal(upper), np.random.default_rng(0).standard_normal(40)
    solutions = basis.combined(basis.shifted(basis.coordinates(x), RIDGES))
    assert solutions.dtype == dtype
    for ridge, solution in zip(RIDGES, solutions.T, strict=True):
        expected = np.linalg.solve(A + ridge * np.eye(40), x)
        np.testing.assert_allclose(solution, expected, atol=TOLERANCE[dtype] * np.abs(expected).max())
    np.testing.assert_allclose(basis.eigenvalues(), np.linalg.eigvalsh(A)[::-1], atol=TOLERANCE[dtype])
    vectors = basis.leading(3)
    np.testing.assert_allclose(A @ vectors, vectors * basis.eigenvalues()[:3], atol=20 * TOLERANCE[dtype])
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=20 * TOLERANCE[dtype])
    assert basis.leading(0).shape == (40, 0)


@pytest.mark.parametrize("shape", [(90, 60), (60, 90), (50, 50)])
def test_the_path_is_that_of_all_eigenvectors(shape):
    F, y = spiked(*shape)
    spectrum, expected = gram_spectrum(F), by_eigh(F)
    np.testing.assert_allclose(spectrum.eigenvalues, expected.eigenvalues, rtol=1e-10, atol=1e-13)
    path, direct = ridge_path(F, y, spectrum, RIDGES), ridge_path(F, y, expected, RIDGES)
    for name in ("readouts", "train_error", "objective"):
        np.testing.assert_allclose(getattr(path, name), getattr(direct, name), rtol=1e-10, atol=1e-12)
    mine, theirs = left_vectors(F, spectrum, 8), left_vectors(F, expected, 8)
    np.testing.assert_allclose(np.abs(np.sum(mine * theirs, axis=0)), 1.0, rtol=1e-12)


def test_penalties_below_rounding():
    """Features of rank 5: a penalty above the rounding of the Gram matrix is solved, one far below it refused."""
    rng = np.random.default_rng(1)
    F, y = rng.standard_normal((40, 5)) @ rng.standard_normal((5, 20)), rng.standard_normal(40)
    F *= 10.0
    spectrum = gram_spectrum(F)
    path = ridge_path(F, y, spectrum, np.array([1e-6]))
    a = np.linalg.lstsq(np.vstack([F / math.sqrt(40), 1e-3 * np.eye(20)]), np.append(y / math.sqrt(40), np.zeros(20)))[
        0
    ]
    # rounding 1e-16 s₁² over λ
    bound = 1e-15 * spectrum.eigenvalues[0] / 1e-6 * np.linalg.norm(a)
    np.testing.assert_allclose(path.readouts[:, 0], a, atol=bound)
    basis = tridiagonal(np.asfortranarray(np.diag([1.0, 1.0 - 1e-9, 1.0]) + 1e3 * np.ones((3, 3))))
    with pytest.raises(ArithmeticError, match=r"the penalty -2 is hidden by rounding .* `method` svd"):
        basis.shifted(np.ones(3), [-2.0])


def test_moments_alone():
    F, y = spiked(90, 60)
    power = float(y @ y) / 90
    path = ridge_path_of_moments(tridiagonal(gram(F)), F.T @ y / 90, power, RIDGES)
    for i, ridge in enumerate(RIDGES):
        a = np.linalg.solve(F.T @ F / 90 + ridge * np.eye(60), F.T @ y / 90)
        np.testing.assert_allclose(path.readouts[:, i], a, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(path.train_error[i], np.mean((y - F @ a) ** 2), rtol=1e-11)
        np.testing.assert_allclose(path.objective[i], path.train_error[i] + ridge * a @ a, rtol=1e-11)


def test_another_order_is_refused():
    with pytest.raises(ValueError, match=r"`upper` must be Fortran-ordered of shape \(m, m\); got \(2, 3\)"):
        tridiagonal(np.zeros((2, 3), order="F"))
