"""Features that are never stored, against the stored ones; number types and methods against each other."""

import math

import numpy as np
import pytest

from spikes import simulate
from spikes.simulation.feature_stream import FeatureStream
from spikes.simulation.features import feature_matrix
from spikes.simulation.gradient import giant_step
from spikes.simulation.how import How
from spikes.simulation.kernels import activation_kernels, problem_kernels
from spikes.simulation.krylov import leading_triplets, smoothed, stochastic_density
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.one_step import check_size
from spikes.simulation.samples import Samples
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.simulation.spectra import hermite_alignment
from theory.statement.problem import Problem

PROBLEM = Problem(n=1300, d=150, width=220, alpha=0.45, ridge=(0.01, 1.0))


def errors(run) -> dict[str, np.ndarray]:
    """Training figures and test error before and after the step."""
    return {
        f"{name} {when}": getattr(fit, name)
        for when, fit in (("before", run.before), ("after", run.after))
        for name in ("objective", "train_error", "test_error")
    }


def numbers(run) -> dict[str, np.ndarray]:
    """The errors, and what the step itself measured."""
    return errors(run) | {name: getattr(run, name) for name in ("beta_norm2", "label_power", "overlap")}


@pytest.fixture(scope="module")
def stepped():
    """Stream of the features after the step, the features themselves, and the direction of u."""
    sequence = as_seed_sequence(0)
    kernels = problem_kernels(PROBLEM)
    batch = Samples(PROBLEM, derived_sequence(sequence, 2), PROBLEM.n)
    step = giant_step(initial_network(PROBLEM, sequence), kernels, batch, PROBLEM.step_size)
    samples = Samples(PROBLEM, derived_sequence(sequence, 3), PROBLEM.n)
    layer = Layer(step.network.W, kernels)
    direction = step.beta / np.linalg.norm(step.beta)
    return FeatureStream(layer, samples), feature_matrix(layer, samples, direction), direction


@pytest.mark.parametrize(
    "how", [{"method": "svd"}, {"method": "streamed"}, {"method": "streamed", "threads": 2}, {"threads": 2}]
)
def test_methods_agree(how):
    expected, run = simulate(PROBLEM, 3, test_samples=1500), simulate(PROBLEM, 3, test_samples=1500, **how)
    for name, values in numbers(run).items():
        np.testing.assert_allclose(values, numbers(expected)[name], rtol=1e-10)
    # squares of singular values: rounding of 1e-16 relative to the largest
    scale = expected.after.eigenvalues[0]
    np.testing.assert_allclose(run.after.eigenvalues, expected.after.eigenvalues, rtol=1e-8, atol=1e-14 * scale)
    np.testing.assert_allclose(run.after.alignment[:2], expected.after.alignment[:2], atol=1e-8)


@pytest.mark.parametrize("n", [150, 219])
def test_streaming_fewer_rows_than_features(n):
    problem = PROBLEM.replace(n=n)
    expected, run = simulate(problem, 1, test_samples=500), simulate(problem, 1, test_samples=500, method="streamed")
    assert run.after.eigenvalues.shape == expected.after.eigenvalues.shape
    for name, values in errors(run).items():
        np.testing.assert_allclose(values, errors(expected)[name], rtol=1e-8)


@pytest.mark.parametrize("method", ["gram", "svd", "streamed"])
def test_single_precision_agrees_to_a_thousandth(method):
    expected = simulate(PROBLEM, 3, test_samples=1500)
    run = simulate(PROBLEM, 3, test_samples=1500, dtype="float32", method=method)
    expected_numbers = numbers(expected) | {"eigenvalues": expected.after.eigenvalues}
    for name, values in (numbers(run) | {"eigenvalues": run.after.eigenvalues}).items():
        assert np.asarray(values).dtype == np.float64
        np.testing.assert_allclose(values, expected_numbers[name], rtol=1e-3)
    np.testing.assert_allclose(run.after.alignment[:2], expected.after.alignment[:2], atol=1e-3)
    assert run.after.rank == expected.after.rank


def test_the_svd_keeps_small_singular_values():
    # noise-free linear features of rank d < N: exact zeros, which squaring would drown at 1e-8 of the largest
    problem = PROBLEM.replace(activation="He1", d=100, alpha=0.2)
    direct, squared = simulate(problem, 0, method="svd"), simulate(problem, 0)
    ratio = math.sqrt(direct.after.eigenvalues[-1] / direct.after.eigenvalues[0])
    assert ratio < 1e-14
    assert direct.after.rank == squared.after.rank == 100


def test_products_with_the_stream(stepped):
    stream, made, _ = stepped
    V = np.random.default_rng(0).standard_normal((PROBLEM.width, 3))
    np.testing.assert_allclose(stream.gram_times(V), made.F.T @ (made.F @ V) / PROBLEM.n, rtol=1e-10, atol=1e-10)


def test_normal_equations(stepped):
    stream, made, direction = stepped
    collected = stream.normal_equations(direction)
    np.testing.assert_allclose(np.triu(collected.gram), np.triu(made.F.T @ made.F / PROBLEM.n), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(collected.moment, made.F.T @ made.y / PROBLEM.n, rtol=1e-10, atol=1e-12)
    U, s, Vt = np.linalg.svd(made.F / math.sqrt(PROBLEM.n), full_matrices=False)
    expected = hermite_alignment(U[:, :3], made.u)
    for moments in (collected.hermite, stream.hermite_moments(direction)):
        np.testing.assert_allclose(moments.alignment(s[:3] ** 2, Vt[:3].T), expected, atol=1e-10)
    without = stream.normal_equations()
    assert np.array_equal(without.gram, collected.gram)
    assert np.array_equal(without.moment, collected.moment)
    with pytest.raises(np.linalg.LinAlgError):
        without.hermite.alignment(s[:3] ** 2, Vt[:3].T)


def test_leading_triplets(stepped):
    stream, made, _ = stepped
    s, Vt = np.linalg.svd(made.F / math.sqrt(PROBLEM.n), full_matrices=False)[1:]
    found = leading_triplets(stream.gram_times, stream.shape, 2, np.random.default_rng(0))
    np.testing.assert_allclose(found.singular_values, s[:2], rtol=1e-10)
    assert found.residual < 1e-7
    # the angle of a vector is its residual over the gap of s²
    np.testing.assert_allclose(np.abs(np.sum(found.right * Vt[:2].T, axis=0)), 1.0, atol=1e-10)
    everything = leading_triplets(stream.gram_times, stream.shape, PROBLEM.width, np.random.default_rng(1))
    np.testing.assert_allclose(everything.singular_values, s, rtol=1e-8)


def test_stochastic_density(stepped):
    stream, made, _ = stepped
    values = np.linalg.svd(made.F / math.sqrt(PROBLEM.n), compute_uv=False) ** 2
    x = np.geomspace(values[-1], values[4], 40)
    found = stochastic_density(
        stream.gram_times, stream.shape, x, np.random.default_rng(2), probes=24, steps=70, width=0.15
    )
    exact = PROBLEM.width / PROBLEM.n * smoothed(values, np.full(len(values), 1.0 / len(values)), x, 0.15)
    z = (found.density - exact) / found.sem
    # Student's law with 23 degrees of freedom at 40 points, neighbours alike: 6 is passed with odds below 1e-3
    assert np.max(np.abs(z)) < 6.0
    assert abs(np.mean(z)) < 2.0
    assert np.max(found.sem / found.density) < 0.25
    # it ended as soon as a coarser one was within that error, and the steps left out would have changed little
    assert 20 <= found.steps < 70
    with pytest.raises(ArithmeticError, match="not resolved"):
        stochastic_density(
            stream.gram_times, stream.shape, x, np.random.default_rng(2), probes=24, steps=found.steps - 5, width=0.15
        )
    full = stochastic_density(
        stream.gram_times, stream.shape, x, np.random.default_rng(2), probes=24, steps=200, width=0.05
    )
    assert full.steps > found.steps
    # smoothing keeps the mass
    fine = np.geomspace(values[-1] / 5.0, 5.0 * values[0], 2000)
    whole = smoothed(values, np.full(len(values), 1.0 / len(values)), fine, 0.15)
    assert np.trapezoid(whole * fine, np.log(fine)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda s: leading_triplets(s.gram_times, s.shape, 0, np.random.default_rng(0)),
            "`count` must be an integer from 1 to 220; got 0",
        ),
        (
            lambda s: stochastic_density(s.gram_times, s.shape, np.array([0.0]), np.random.default_rng(0)),
            "`x` must be positive",
        ),
        (
            lambda s: stochastic_density(s.gram_times, s.shape, np.ones(2), np.random.default_rng(0), probes=1),
            r"`probes` must be .* got 1",
        ),
        (
            lambda s: stochastic_density(s.gram_times, s.shape, np.ones(2), np.random.default_rng(0), steps=1),
            "`steps` must be an integer of at least 2; got 1",
        ),
        (
            lambda s: stochastic_density(s.gram_times, s.shape, np.ones(2), np.random.default_rng(0), width=0.0),
            "`width` must be positive",
        ),
        (lambda s: simulate(PROBLEM, dtype="float16"), "`dtype` must be one of float64, float32; got 'float16'"),
        (lambda s: simulate(PROBLEM, method="qr"), "`method` must be one of gram, svd, streamed; got 'qr'"),
    ],
)
def test_refusals(stepped, call, message):
    with pytest.raises(ValueError, match=message):
        call(stepped[0])


def test_a_quadrature_of_all_steps_is_exact():
    # N steps exhaust the Krylov space: whatever the smoothing, only the probes' weights are left to chance
    problem = Problem(n=60, d=15, width=12)
    sequence = as_seed_sequence(1)
    network, samples = initial_network(problem, sequence), Samples(problem, derived_sequence(sequence, 3), 60)
    stream = FeatureStream(Layer(network.W, activation_kernels(problem.sigma, 0.1)), samples)
    F = feature_matrix(stream.layer, samples, np.eye(15)[0]).F
    values = np.linalg.svd(F / math.sqrt(60), compute_uv=False) ** 2
    found = stochastic_density(
        stream.gram_times, stream.shape, values, np.random.default_rng(0), probes=400, steps=80, width=1e-3
    )
    assert found.steps == 12
    exact = smoothed(values, np.full(12, 1.0 / 60), values, 1e-3)
    np.testing.assert_allclose(found.density / exact, 1.0, atol=5.0 * math.sqrt(2.0 / 400))  # weights vary by √2


def test_a_density_that_is_not_resolved_is_refused(stepped):
    x = np.geomspace(0.05, 5.0, 30)
    with pytest.raises(ArithmeticError, match=r"smoothed over 0\.1 in ln x is not resolved in 12 steps: .*`steps`"):
        stochastic_density(stepped[0].gram_times, stepped[0].shape, x, np.random.default_rng(0), steps=12, width=0.1)


def test_values_inside_the_bulk_do_not_converge_at_once(stepped):
    with pytest.raises(ArithmeticError, match=r"did not converge in 3 passes: residual .*; ask for fewer"):
        leading_triplets(stepped[0].gram_times, stepped[0].shape, 40, np.random.default_rng(0), most=3)


def test_memory_of_a_stream_does_not_grow_with_n():
    large = Problem(n=10**9, d=500, width=1000)
    check_size(large, how=How(method="streamed"))
    with pytest.raises(ValueError, match=r"GiB are free; `method` streamed takes about 0\.082 GiB"):
        check_size(large, how=How())
    with pytest.raises(ValueError, match=r"GiB are free$"):
        check_size(large)
