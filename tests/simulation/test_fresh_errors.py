"""Test errors from a few products: their points one by one, populations in closed form, and what their errors say."""

import math

import numpy as np
import pytest

from spikes.simulation.features import squared_errors
from spikes.simulation.fresh_errors import FreshPoints, fresh_errors
from spikes.simulation.how import How
from spikes.simulation.kernels import activation_kernels
from spikes.simulation.label_fit import LinearFit
from spikes.simulation.network import Layer
from spikes.simulation.samples import Samples
from theory.statement.problem import Problem

PROBLEM = Problem(n=40, d=24, width=30, target="z1 + z1*z2", noise=0.3, activation="tanh")


def layer_of(problem: Problem, seed: int = 0, columns: int = 3) -> tuple[Layer, np.ndarray]:
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((problem.width, problem.d)) / math.sqrt(problem.d)
    readouts = rng.standard_normal((problem.width, columns)) / math.sqrt(problem.width)
    return Layer(W, activation_kernels(problem.sigma, 0.1)), readouts


def points_of(points: FreshPoints, row: np.ndarray) -> np.ndarray:
    """The points of one drawn row, spelled out: signs by the parity of common bits."""
    k, d, each = points.problem.teacher.k, points.problem.d, points.each
    made, first = np.zeros((each, d)), 0
    for b, block in enumerate(points.blocks):
        part = row[first : first + len(block)]
        first += len(block)
        for p in range(each):
            sign = -1.0 if (b & p).bit_count() % 2 else 1.0
            made[p, :k] += sign * part[:k] / math.sqrt(each)
            made[p, block[k:]] = sign * part[k:]
    return made


@pytest.mark.parametrize("d", [2, 3, 5, 7, 24])
@pytest.mark.parametrize("fitted", [False, True])
def test_points_one_by_one(d, fitted):
    problem = PROBLEM.replace(d=d)
    fit = LinearFit(0.3, np.random.default_rng(5).standard_normal(d)) if fitted else None
    points = FreshPoints(problem, np.random.SeedSequence(1), 40, fit)
    layer, readouts = layer_of(problem)
    X = np.concatenate([rows.copy() for _, rows, _ in points.samples.blocks(512)])
    x = np.concatenate([points_of(points, row) for row in X])
    assert len(x) == points.count == points.each * points.draws >= 40
    y = problem.teacher(x[:, :2])
    y -= 0.0 if fit is None else fit.intercept + x @ fit.coefficients
    squared = (y[:, None] - (np.tanh(x @ layer.W.T) - 0.1) @ readouts) ** 2
    by_row = squared.reshape(points.draws, points.each, -1).mean(axis=1)
    ((mean, sem),) = fresh_errors([(layer, readouts)], points)  # too few rows for controls
    np.testing.assert_allclose(mean, by_row.mean(axis=0) + 0.09, rtol=1e-12)
    np.testing.assert_allclose(sem, by_row.std(axis=0, ddof=1) / math.sqrt(points.draws), rtol=1e-9)


def test_points_of_a_row_are_independent_in_the_latents():
    points = FreshPoints(PROBLEM, np.random.SeedSequence(1), 8 * 4000)
    X = np.concatenate([rows.copy() for _, rows, _ in points.samples.blocks(512)])
    z = points.at_points(X, np.eye(24)[:, :2])
    correlation = np.corrcoef(z.transpose(0, 2, 1).reshape(16, -1))
    np.testing.assert_allclose(correlation, np.eye(16), atol=5.0 / math.sqrt(4000))
    assert z.var() == pytest.approx(1.0, abs=5.0 * math.sqrt(2.0 / z.size))


def exact_quadratic(problem: Problem, layer: Layer, readouts: np.ndarray) -> np.ndarray:
    """E (z + He₂(z)/2 − Σ_j a_j (⟨w_j, x⟩² − 1.1))² + noise²: mean, line and form of a quadratic in x."""
    errors = []
    for a in readouts.T:
        form = -(layer.W.T * a) @ layer.W
        form[0, 0] += 0.5
        constant = -0.5 + 1.1 * a.sum()
        errors.append((constant + np.trace(form)) ** 2 + 1.0 + 2.0 * np.sum(form**2) + problem.noise**2)
    return np.array(errors)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_population_in_closed_form(dtype):
    problem = PROBLEM.replace(activation="He2", target="z + 0.5*He2(z)", width=10)
    layer, readouts = layer_of(problem)
    layer = Layer(layer.W.astype(dtype), layer.kernels)
    scores = []
    for seed in range(40):
        points = FreshPoints(problem, np.random.SeedSequence(seed), 4096)
        ((mean, sem),) = fresh_errors([(layer, readouts.astype(dtype))], points, np.ones(24) / math.sqrt(24))
        scores.append((mean - exact_quadratic(problem, layer, readouts)) / sem)
    # three penalties of 40 seeds, those of a seed alike: standard errors of mean and variance of 40 draws
    assert np.max(np.abs(np.mean(scores, axis=0))) < 4.0 / math.sqrt(40)
    assert np.max(np.abs(np.var(scores, axis=0) - 1.0)) < 4.0 * math.sqrt(2.0 / 40)


@pytest.mark.parametrize("activation", ["relu", "tanh", "He3"])
def test_less_noise_than_as_many_plain_samples(activation):
    """Fitted readouts: at equal points, an eighth of the products, the standard error is no larger."""
    problem = Problem(n=300, d=60, width=90, activation=activation, noise=0.5)
    layer, _ = layer_of(problem)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 60))
    y = problem.teacher(X[:, :1]) + 0.5 * rng.standard_normal(300)
    F = problem.sigma(X @ layer.W.T) - 0.1
    readouts = np.stack([np.linalg.solve(F.T @ F / 300 + r * np.eye(90), F.T @ y / 300) for r in (0.01, 1.0)], axis=1)
    ((plain, of_plain),) = squared_errors([(layer, readouts)], Samples(problem, np.random.SeedSequence(1), 8192))
    ((mean, sem),) = fresh_errors([(layer, readouts)], FreshPoints(problem, np.random.SeedSequence(2), 8192))
    assert np.all(np.abs(mean - plain) < 5.0 * np.hypot(sem, of_plain))
    assert np.all(sem < of_plain), (sem, of_plain)


def test_threads_round_alone():
    layer, readouts = layer_of(PROBLEM)
    points = FreshPoints(PROBLEM, np.random.SeedSequence(3), 8 * 1300)
    other = (Layer(layer.W + 0.1, layer.kernels), readouts[:, ::-1].copy())
    one = fresh_errors([(layer, readouts), other], points, layer.W[0])
    two = fresh_errors([(layer, readouts), other], points, layer.W[0], how=How(threads=2))
    np.testing.assert_allclose(one, two, rtol=1e-10)
    again = fresh_errors([(layer, readouts), other], points, layer.W[0])
    np.testing.assert_array_equal(one, again)


def test_numbers_out_of_range_stay_visible():
    layer, readouts = layer_of(PROBLEM)
    wrong = readouts * np.array([1.0, np.inf, np.nan])
    with np.errstate(all="ignore"):
        ((mean, sem),) = fresh_errors([(layer, wrong)], FreshPoints(PROBLEM, np.random.SeedSequence(3), 8192))
        ((expected, _),) = fresh_errors([(layer, readouts)], FreshPoints(PROBLEM, np.random.SeedSequence(3), 8192))
    assert mean[0] == pytest.approx(expected[0], abs=3.0 * sem[0])
    assert not np.isfinite(mean[1:]).any()


@pytest.mark.parametrize(("dtype", "relative"), [(float, 1e-11), (np.float32, 1e-3)])
def test_many_penalties_are_those_one_by_one(dtype, relative):
    """A path of readouts spans few directions; what is left out of each is some roundings of itself."""
    rng = np.random.default_rng(3)
    layer, _ = layer_of(PROBLEM)
    values, vectors = rng.uniform(1e-6, 4.0, 30), np.linalg.qr(rng.standard_normal((30, 30)))[0]
    ridges = np.geomspace(1e-3, 1e3, 40)  # readouts of very different norms
    path = (vectors @ (rng.standard_normal(30)[:, None] / (values[:, None] + ridges))).astype(dtype)
    layer = Layer(layer.W.astype(dtype), layer.kernels)
    points = FreshPoints(PROBLEM, np.random.SeedSequence(1), 40)
    ((together, errors),) = fresh_errors([(layer, path)], points)
    alone = [fresh_errors([(layer, path[:, i : i + 1].copy())], points)[0] for i in range(len(ridges))]
    np.testing.assert_allclose(together, [mean[0] for mean, _ in alone], rtol=relative)
    np.testing.assert_allclose(errors, [sem[0] for _, sem in alone], rtol=10.0 * relative)
