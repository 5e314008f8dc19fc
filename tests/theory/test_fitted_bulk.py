"""Bulks fitted to eigenvalues: their level, null directions, the room that signals take, and colour."""

import math

import numpy as np
import pytest

from theory.deformed_edge import deformed_edge
from theory.fitted_bulk import coloured_bulk, extrapolated, fitted_bulk, most_outliers


def eigenvalues(x: np.ndarray) -> np.ndarray:
    return np.linalg.svd(x, compute_uv=False) ** 2 / len(x)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(20, 20), (60, 20), (20, 60)])
def test_white_noise_is_called_more_at_the_level(shape):
    rng = np.random.default_rng(5)
    p = np.array([fitted_bulk(eigenvalues(rng.standard_normal(shape)), shape).p_values[0] for _ in range(250)])
    for level in (0.2, 0.05):
        # three binomial deviations, and m^(−2/3) of Tracy and Widom's limit, relative
        bound = 3.0 * math.sqrt(level * (1.0 - level) / 250) + level * 20 ** (-2.0 / 3.0)
        assert np.mean(p <= level) == pytest.approx(level, abs=bound)


@pytest.mark.parametrize("empty", [50, 100, 150, 300])
def test_empty_columns_are_left_out_and_counted(empty):
    x = np.random.default_rng(0).standard_normal((500, 350))
    x[:, :empty] = 0.0
    values = np.maximum(np.linalg.eigvalsh(x.T @ x)[::-1], 0.0) / 500  # rounding, not zeros
    fit = fitted_bulk(values, (500, 350))
    assert (fit.outliers, fit.null_directions) == (0, empty)
    # mean of (n − 0)(350 − empty) squares of variance 1, four standard errors
    assert fit.law.variance == pytest.approx(1.0, abs=4.0 * math.sqrt(2.0 / (500 * (350 - empty))))
    assert fit.law.gamma == (350 - empty) / 500
    assert fit.holds


@pytest.mark.parametrize("k", [20, 40])
def test_signals_take_rows_and_columns(k):
    rng = np.random.default_rng(1)
    u, v = (np.linalg.qr(rng.standard_normal((size, k)))[0] for size in (200, 100))
    x = rng.standard_normal((200, 100)) + 300.0 * u @ v.T
    fit = fitted_bulk(eigenvalues(x), (200, 100))
    assert fit.outliers == k
    # the noise that is left has (200 − k)(100 − k) squares; its law is of XᵀX/200, hence the factor
    sem = math.sqrt(2.0 / ((200 - k) * (100 - k)))
    assert fit.law.variance * 200 / (200 - k) == pytest.approx(1.0, abs=4.0 * sem + 0.01)


def test_complex_noise():
    rng = np.random.default_rng(2)
    x = [rng.standard_normal((20, 30)) + 1j * rng.standard_normal((20, 30)) for _ in range(100)]
    rate = np.mean([fitted_bulk(eigenvalues(m), (20, 30), beta=2).p_values[0] <= 0.1 for m in x])
    assert rate == pytest.approx(0.1, abs=3.0 * math.sqrt(0.09 / 100))


def test_coloured_noise_has_no_outliers_and_its_edge_is_found():
    rng = np.random.default_rng(3)
    t = np.linspace(0.3, 2.0, 100) ** 2
    found, edges = [], []
    for _ in range(20):
        fit = coloured_bulk(eigenvalues(rng.standard_normal((300, 100)) * np.sqrt(t)), (300, 100), level=0.01)
        found.append(fit.outliers)
        edges.append(deformed_edge(fit.law.population, 300, 100)[0])  # of the fit along columns, as the noise is
    assert sum(k > 0 for k in found) <= 2  # binomial of mean 0.2
    centre, scale = deformed_edge(t, 300, 100)
    # 2.6 K^(−1/3) scales of scatter, K = 10: four standard errors of 20, and half a scale of bias
    assert np.mean(edges) == pytest.approx(centre, abs=(4.0 * 1.2 / math.sqrt(20) + 0.5) * scale)


def test_outliers_of_coloured_noise():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((300, 100)) * np.linspace(0.3, 2.0, 100)
    u, v = (np.linalg.qr(rng.standard_normal((size, 5)))[0] for size in (300, 100))
    fit = coloured_bulk(eigenvalues(x + (np.linspace(60.0, 90.0, 5) * u) @ v.T), (300, 100), level=0.01)
    assert fit.outliers == 5
    assert (fit.p_values[:5] < 1e-3).all()
    assert fit.set_aside == most_outliers(100) == 10


def test_extrapolation_puts_noise_where_it_is():
    values = eigenvalues(np.random.default_rng(6).standard_normal((2000, 1000)))
    # within a few n^(−2/3) of the edge's position, 2.9 here
    np.testing.assert_allclose(extrapolated(values, 20)[:20], values[:20], atol=5.0 * 2000 ** (-2.0 / 3.0))


def test_bad_input():
    with pytest.raises(ValueError, match="`level` must be between 0 and 1; got 1"):
        fitted_bulk(np.ones(20), (20, 20), level=1)
    with pytest.raises(ValueError, match="`eigenvalues` must have at least two that differ from 0; got 1"):
        fitted_bulk(np.array([1.0, 0.0]), (2, 2))
    with pytest.raises(ValueError, match="`eigenvalues` must have at least 12 that differ from 0"):
        coloured_bulk(np.ones(5), (5, 5))
