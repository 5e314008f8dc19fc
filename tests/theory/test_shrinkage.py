"""Shrinkage against losses minimised by brute force, the oracle, and simulated covariances."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from theory.laws import Discrete, GeneralisedMarchenkoPastur, MarchenkoPastur
from theory.shrinkage import (
    nonlinear_shrinkage,
    optimal_shrinkage,
    oracle_shrinkage,
    shrunk_eigenvalues,
)
from theory.spiked_models import SpikedCovariance


def spiked_pair(alpha: float, eta: float, cosine2: float) -> tuple[np.ndarray, np.ndarray]:
    """Population and estimate on the plane of the population's and the sample's eigenvector; the identity elsewhere."""
    u = np.array([math.sqrt(cosine2), math.sqrt(1.0 - cosine2)])
    return np.diag([alpha, 1.0]), np.eye(2) + (eta - 1.0) * np.outer(u, u)


LOSS = {
    "frobenius": lambda a, b: float(np.sum((a - b) ** 2)),
    "operator": lambda a, b: float(np.abs(np.linalg.eigvalsh(a - b)).max()),
    "stein": lambda a, b: float(np.trace(np.linalg.solve(a, b)) - np.linalg.slogdet(np.linalg.solve(a, b))[1]),
}


@pytest.mark.parametrize("loss", sorted(LOSS))
@pytest.mark.parametrize("ratio", [0.2, 2.0])
def test_optimal_shrinkage_minimises_its_loss(loss, ratio):
    model = SpikedCovariance(MarchenkoPastur(ratio))
    for alpha in model.threshold * np.array([1.1, 2.0, 6.0]):
        image = model.forward(alpha)

        def value(eta, alpha=alpha, cosine2=float(image.right_cosine2)):
            return LOSS[loss](*spiked_pair(alpha, eta, cosine2))

        best = minimize_scalar(value, bounds=(1.0, 2.0 * alpha), method="bounded", options={"xatol": 1e-9}).fun
        eta = float(optimal_shrinkage(image.eigenvalue, ratio, loss=loss))
        assert value(eta) == pytest.approx(best, rel=1e-6)
        # the same, the variance of the bulk being 3
        scaled = optimal_shrinkage(3.0 * image.eigenvalue, ratio, loss=loss, variance=3.0)
        assert float(scaled) == pytest.approx(3.0 * eta, rel=1e-10)


def test_optimal_shrinkage_flattens_the_bulk():
    values = np.array([0.1, 1.0, 2.9, 3.5, 40.0])
    shrunk = optimal_shrinkage(values, 0.5)
    np.testing.assert_array_equal(shrunk[:3], 1.0)
    assert (shrunk[3:] < values[3:]).all()


def sample(p: int, n: int, seed: int):
    rng = np.random.default_rng(seed)
    t = np.sort(np.repeat([1.0, 3.0, 10.0], [p // 5, 2 * p // 5, p - p // 5 - 2 * p // 5]))
    x = rng.standard_normal((n, p)) * np.sqrt(t)
    return t, x.T @ x / n


@pytest.mark.parametrize(("p", "n"), [(300, 900), (300, 150)])
def test_oracle_and_nonlinear_shrinkage_on_samples(p, n):
    t, covariance = sample(p, n, 4)
    values, vectors = np.linalg.eigh(covariance)
    values[: max(0, p - n)] = 0.0
    best = np.sum(vectors**2 * t[:, None], axis=0)  # uᵀΣu: the best that keeps the sample's eigenvectors
    bulk = GeneralisedMarchenkoPastur(Discrete(t), p / n)
    inside = np.zeros(p, dtype=bool)
    for low, high in bulk.bands:
        inside |= (values > low) & (values < high)
    inside |= values == 0.0
    oracle = oracle_shrinkage(values[inside], bulk)
    # means over blocks of 50 eigenvectors, each of relative variance of order 1/p: 4 standard errors are 4√(2/(50·p)) …
    blocks = np.array_split(np.arange(inside.sum()), 6)
    for block in blocks:
        assert oracle[block].mean() == pytest.approx(best[inside][block].mean(), rel=0.05)
    if p > n:
        assert oracle[0] == pytest.approx(best[: p - n].mean(), rel=0.02)

    def loss(shrunk):
        return np.sum(((vectors * shrunk) @ vectors.T - np.diag(t)) ** 2)

    shrunk = shrunk_eigenvalues(values, n)
    # the share of the possible improvement over the sample covariance, over 0.9 in the published experiments
    assert 1.0 - (loss(shrunk) - loss(best)) / (loss(values) - loss(best)) > 0.9
    np.testing.assert_allclose(nonlinear_shrinkage(covariance, n), (vectors * shrunk) @ vectors.T, atol=1e-9)
    order = np.random.default_rng(0).permutation(p)
    if p <= n:
        np.testing.assert_allclose(shrunk_eigenvalues(values[order], n), shrunk[order], rtol=1e-12)


@pytest.mark.parametrize("spectrum", [[1.0], [1.0, 3.0, 10.0]], ids=["white", "three"])
def test_no_worse_than_the_sample_next_to_p_equal_to_n(spectrum):
    """40 draws at p/n in [0.95, 1.05]; the best that keeps the eigenvectors leaves up to 0.3 of the error."""
    rng, n = np.random.default_rng(37), 120
    for p in np.repeat(np.linspace(0.95 * n, 1.05 * n, 20).round().astype(int), 2):
        t = np.sort(np.resize(spectrum, p))
        x = rng.standard_normal((n, p)) * np.sqrt(t)
        covariance = x.T @ x / n
        error = np.sum((nonlinear_shrinkage(covariance, n) - np.diag(t)) ** 2)
        assert error < 0.5 * np.sum((covariance - np.diag(t)) ** 2)


@pytest.mark.parametrize(("columns", "rows", "each", "all_draws"), [(0.6, 0.6, 1.0, 0.7), (0.9, 0.0, 1.3, 1.0)])
def test_autocorrelation_next_to_p_equal_to_n(columns, rows, each, all_draws):
    """40 draws; where few eigenvalues hold the trace single draws are worse than the sample, all together are not."""
    rng, n = np.random.default_rng(38), 60
    shrunk_errors, sample_errors = [], []
    for p in np.repeat(np.linspace(0.95 * n, 1.05 * n, 20).round().astype(int), 2):
        population = columns ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
        x = rng.standard_normal((n + 40, p))
        for i in range(1, len(x)):
            x[i] = rows * x[i - 1] + math.sqrt(1.0 - rows**2) * x[i]
        x = x[40:] @ np.linalg.cholesky(population).T
        covariance = x.T @ x / n
        shrunk_errors.append(np.sum((nonlinear_shrinkage(covariance, n) - population) ** 2))
        sample_errors.append(np.sum((covariance - population) ** 2))
    assert np.max(np.divide(shrunk_errors, sample_errors)) < each**2
    assert np.sum(shrunk_errors) < all_draws * np.sum(sample_errors)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eigenvalues_as_a_solver_gives_them(dtype):
    """Negative by the rounding of their type, p·ε·largest, they count as 0."""
    rng, n, p = np.random.default_rng(5), 40, 90
    x = rng.standard_normal((n, p)).astype(dtype)
    values = np.linalg.eigvalsh(x.T @ x / n)
    assert values.dtype == dtype
    assert values[0] < 0.0
    exact = np.concatenate([np.zeros(p - n), values[p - n :].astype(float)])
    np.testing.assert_allclose(optimal_shrinkage(values, p / n), optimal_shrinkage(exact, p / n), rtol=1e-5)
    np.testing.assert_allclose(shrunk_eigenvalues(values, n), shrunk_eigenvalues(exact, n), rtol=1e-5)
    nonlinear_shrinkage(x.T @ x / n, n)
    law = GeneralisedMarchenkoPastur(values, 0.5)
    assert abs(law.mass - 1.0) < 1e-9
    bulk = GeneralisedMarchenkoPastur([1.0], p / n)
    assert np.isfinite(oracle_shrinkage(values[: p - n], bulk)).all()
    model = SpikedCovariance(bulk)
    assert not model.inverse(values[: p - n], n).detached.any()
    model.forward(values)


def test_centred_data_have_a_degree_of_freedom_less():
    rng, n, p = np.random.default_rng(6), 30, 50
    x = rng.standard_normal((n, p))
    covariance = np.cov(x, rowvar=False)
    with pytest.raises(ValueError, match=r"min\(n, p\) = 30 positive .* got 29: data of which the mean was"):
        nonlinear_shrinkage(covariance, n)
    assert np.isfinite(nonlinear_shrinkage(covariance, n - 1)).all()


def test_complex_covariances():
    """The estimate of a Hermitian matrix turns with it."""
    rng, n, p = np.random.default_rng(7), 60, 20
    x = rng.standard_normal((n, p)) + 1j * rng.standard_normal((n, p))
    covariance = x.conj().T @ x / n
    phases = np.exp(2j * math.pi * rng.random(p))
    turned = phases[:, None] * covariance * phases.conj()
    expected = phases[:, None] * nonlinear_shrinkage(covariance, n) * phases.conj()
    np.testing.assert_allclose(nonlinear_shrinkage(turned, n), expected, atol=1e-11)


def test_nonlinear_shrinkage_tends_to_the_oracle():
    """Fed with the quantiles of the law instead of a sample, only the error of the kernel is left: it falls with n."""
    bulk, errors = GeneralisedMarchenkoPastur([1.0, 4.0], 0.2), []
    for p in (200, 1600):
        values = bulk.ppf((np.arange(p) + 0.5) / p)
        shrunk, oracle = shrunk_eigenvalues(values, 5 * p), oracle_shrinkage(values, bulk)
        errors.append(float(np.mean(np.abs(shrunk / oracle - 1.0))))
    assert errors[0] < 0.04
    assert errors[1] < 0.6 * errors[0]  # bandwidth 1/2: at least first order in it away from the edges


def test_oracle_preserves_the_trace():
    bulk = GeneralisedMarchenkoPastur(Discrete([1.0, 3.0], [0.6, 0.4]), 1.7)
    x, mass = bulk._panels.nodes, bulk._panels.masses
    null = dict(bulk.atoms)[0.0]
    total = float(mass @ oracle_shrinkage(x, bulk)) + null * float(oracle_shrinkage(0.0, bulk))
    assert total == pytest.approx(1.8, rel=1e-11)  # (1/p) tr Σ


BAD = [
    (lambda: optimal_shrinkage([1.0], 0.5, loss="l1"), "`loss` must be one of frobenius, operator, stein; got 'l1'"),
    (lambda: optimal_shrinkage([-1.0], 0.5), "`eigenvalues` must be non-negative; got -1.0"),
    (lambda: optimal_shrinkage([math.nan], 0.5), "`eigenvalues` must not be NaN"),
    (lambda: optimal_shrinkage([1.0], 0.0), "`gamma` must be positive and finite; got 0.0"),
    (lambda: optimal_shrinkage([1.0], 0.5, variance=0.0), "`variance` must be positive and finite; got 0.0"),
    (
        lambda: oracle_shrinkage([9.0], GeneralisedMarchenkoPastur([1.0], 0.5)),
        "`eigenvalues` must be in the bulk; got 9",
    ),
    (lambda: shrunk_eigenvalues([1.0, 2.0], 1), "`n` must be an integer of at least 2; got 1"),
    (lambda: shrunk_eigenvalues([1.0, 2.0, 3.0], 2), "`n` must be at least the number of positive .* here 3; got 2"),
    (
        lambda: shrunk_eigenvalues([0.0, 2.0], 50),
        r"`eigenvalues` must have min\(n, p\) = 2 positive eigenvalues for `n` = 50; got 1: data of which the mean was",
    ),
    (lambda: nonlinear_shrinkage([[1.0, 2.0], [2.0, 1.0]], 5), "`covariance` must be positive semi-def.* of -1 beside"),
    (lambda: nonlinear_shrinkage(np.empty((0, 0)), 5), r"`covariance` must be a square matrix; got shape \(0, 0\)"),
    (lambda: shrunk_eigenvalues([], 50), r"`eigenvalues` must be a non-empty vector; got shape \(0,\)"),
    (lambda: nonlinear_shrinkage(np.ones((2, 3)), 50), r"`covariance` must be a square matrix; got shape \(2, 3\)"),
    (lambda: nonlinear_shrinkage([[1.0, 2.0], [0.0, 1.0]], 50), "`covariance` must be symmetric"),
    (lambda: nonlinear_shrinkage([[1.0, math.nan], [0.0, 1.0]], 50), "`covariance` must be finite; got a NaN"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
