"""The simulation against direct computations: the gradient, the ridge, the spectrum, and the promises about seeds."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from spikes import simulate, simulate_ensemble
from spikes.estimates import Estimate, controlled_estimate, estimate
from spikes.simulation.features import feature_matrix, squared_errors
from spikes.simulation.gradient import giant_step
from spikes.simulation.kernels import activation_kernels, activation_mean, problem_kernels
from spikes.simulation.network import Layer, initial_network
from spikes.simulation.one_step import check_size, simulate_steps
from spikes.simulation.ridge import ridge_fit, ridge_path
from spikes.simulation.samples import CHUNK, Batch, Samples
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.simulation.spectra import gram_spectrum, hermite_alignment, hidden_below, left_vectors, separated
from theory.statement.activation import ACTIVATIONS
from theory.statement.problem import Problem

SMALL = Problem(n=300, d=40, width=60, n_step=700, alpha=0.4, ridge=(0.01, 1.0))


def draw_all(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    X, y = np.empty((samples.rows, samples.problem.d)), np.empty(samples.rows)
    samples.draw(0, samples.rows, X, y)
    return X, y


def test_any_block_can_be_drawn_again():
    samples = Samples(SMALL, as_seed_sequence(5), 3 * CHUNK + 17)
    X, y = draw_all(samples)
    for block in (CHUNK, 2 * CHUNK, 700):
        pieces = [(piece.copy(), labels.copy()) for _, piece, labels in samples.blocks(block)]
        np.testing.assert_array_equal(np.concatenate([p for p, _ in pieces]), X)
        np.testing.assert_array_equal(np.concatenate([q for _, q in pieces]), y)
    pieces = list(Batch(X, y).blocks(600))
    np.testing.assert_array_equal(np.concatenate([piece for _, piece, _ in pieces]), X)
    assert [rows.start for rows, _, _ in pieces] == [0, 600, 1200]
    part_X, part_y = np.empty((100, SMALL.d)), np.empty(100)
    samples.draw(CHUNK, CHUNK + 100, part_X, part_y)
    np.testing.assert_array_equal(part_X, X[CHUNK : CHUNK + 100])
    np.testing.assert_array_equal(part_y, y[CHUNK : CHUNK + 100])


def test_samples_have_the_stated_law():
    samples = Samples(SMALL, as_seed_sequence(1), 20000)
    X, y = draw_all(samples)
    noise = y - SMALL.teacher(X[:, :1])
    # standard errors of a variance: √(2/count)
    assert X.var() == pytest.approx(1.0, abs=5 * math.sqrt(2 / X.size))
    assert noise.var() == pytest.approx(0.25, abs=5 * 0.25 * math.sqrt(2 / len(y)))
    assert abs(np.corrcoef(noise, X[:, 0])[0, 1]) < 5 / math.sqrt(len(y))


@pytest.mark.parametrize("second_layer", ["gaussian", "rademacher", "constant"])
def test_initial_network(second_layer):
    problem = SMALL.replace(second_layer=second_layer, width=4000)
    network = initial_network(problem, as_seed_sequence(3))
    np.testing.assert_allclose(np.linalg.norm(network.W, axis=1), 1.0, rtol=1e-14)
    code = network.a * math.sqrt(problem.width)
    assert np.mean(code**2) == pytest.approx(1.0, abs=5 * math.sqrt(2 / 4000))
    if second_layer == "rademacher":
        assert set(np.round(code, 12)) == {-1.0, 1.0}
    if second_layer == "constant":
        assert set(np.round(code, 12)) == {1.0}


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "He2"])
def test_step_is_the_gradient_of_the_loss(activation):
    problem = SMALL.replace(activation=activation, width=5, d=6, n_step=20)
    sigma, kernels = problem.sigma, problem_kernels(problem)
    shift = activation_mean(sigma)
    network = initial_network(problem, as_seed_sequence(0))
    samples = Samples(problem, as_seed_sequence(1), 20)
    X, y = draw_all(samples)

    def loss(W: np.ndarray) -> float:
        f = (sigma(X @ W.T) - shift) @ network.a / math.sqrt(5)
        return float(np.sum((y - f) ** 2)) / (2 * 20)

    gradient = np.zeros_like(network.W)
    h = 1e-6
    for index in np.ndindex(*gradient.shape):
        up, down = network.W.copy(), network.W.copy()
        up[index] += h
        down[index] -= h
        gradient[index] = (loss(up) - loss(down)) / (2 * h)
    step = giant_step(network, kernels, samples, 3.0)
    # −η√N times the gradient; central differences err by 1e-16/h
    np.testing.assert_allclose(step.network.W - network.W, -3.0 * math.sqrt(5) * gradient, atol=1e-7)
    np.testing.assert_allclose(step.beta, X.T @ y / 20, rtol=1e-12)
    assert step.label_power == pytest.approx(np.mean(y**2))


def test_antisymmetric_start_is_the_zero_function():
    problem = SMALL.replace(width=8)
    network = initial_network(problem, as_seed_sequence(0), antisymmetric=True)
    X, y = draw_all(Samples(problem, as_seed_sequence(1), 50))
    np.testing.assert_allclose(problem.sigma(X @ network.W.T) @ network.a, 0.0, atol=1e-14)
    step = giant_step(network, activation_kernels(problem.sigma), Samples(problem, as_seed_sequence(1), 50), 2.0)
    slope = problem.sigma.slope(X @ network.W.T)
    expected = network.W + 2.0 / 50 * network.a[:, None] * ((slope * y[:, None]).T @ X)
    np.testing.assert_allclose(step.network.W, expected, rtol=1e-12, atol=1e-14)
    for bad in (problem.replace(width=7), problem.replace(second_layer="constant")):
        with pytest.raises(ValueError, match="`antisymmetric` must go with an even width"):
            initial_network(bad, as_seed_sequence(0), antisymmetric=True)


@pytest.mark.parametrize("n", [300, 45])
def test_spectrum_and_ridge_against_direct_solutions(n):
    rng = np.random.default_rng(0)
    F, y = rng.standard_normal((n, 60)) @ np.diag(np.linspace(0.1, 3, 60)), rng.standard_normal(n)
    spectrum = gram_spectrum(F)
    values = np.linalg.svd(F / math.sqrt(n), compute_uv=False)
    np.testing.assert_allclose(np.sqrt(spectrum.eigenvalues), values, rtol=1e-9)
    left = left_vectors(F, spectrum, 3)
    u = np.linalg.svd(F, full_matrices=False)[0][:, :3]
    np.testing.assert_allclose(np.abs(np.sum(left * u, axis=0)), 1.0, rtol=1e-10)
    ridges = np.array([1e-3, 0.1, 10.0])
    path, fit = ridge_path(F, y, spectrum, ridges), ridge_fit(F, y, ridges)
    for name in ("readouts", "train_error", "objective"):
        np.testing.assert_allclose(getattr(path, name), getattr(fit, name), rtol=1e-8, atol=1e-11)
    for i, ridge in enumerate(ridges):
        a = np.linalg.solve(F.T @ F / n + ridge * np.eye(60), F.T @ y / n)
        np.testing.assert_allclose(path.readouts[:, i], a, rtol=1e-8, atol=1e-10)
        train = np.mean((y - F @ a) ** 2)
        assert path.train_error[i] == pytest.approx(train, rel=1e-9)
        assert path.objective[i] == pytest.approx(train + ridge * a @ a, rel=1e-9)


def test_features_and_test_errors_do_not_depend_on_blocks(monkeypatch):
    W = initial_network(SMALL, as_seed_sequence(0)).W
    layer = Layer(W, activation_kernels(SMALL.sigma, 0.1))
    samples = Samples(SMALL, as_seed_sequence(2), 1300)
    X, y = draw_all(samples)
    direction = np.eye(SMALL.d)[0]
    made = feature_matrix(layer, samples, direction)
    np.testing.assert_allclose(made.F, SMALL.sigma(X @ W.T) - 0.1, atol=1e-13)
    np.testing.assert_array_equal(made.y, y)
    np.testing.assert_allclose(made.u, X[:, 0], atol=1e-15)
    readouts = np.random.default_rng(0).standard_normal((60, 2)) / 8
    ((mean, sem),) = squared_errors([(layer, readouts)], samples)
    squared = (y[:, None] - made.F @ readouts) ** 2
    np.testing.assert_allclose(mean, squared.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(sem, squared.std(axis=0) / math.sqrt(1300), rtol=1e-12)


def test_features_go_where_they_are_told():
    problem = Problem(n=700, d=12, width=9)
    samples = Samples(problem, as_seed_sequence(0), 700)
    layer = Layer(initial_network(problem, as_seed_sequence(1)).W, activation_kernels(problem.sigma, 0.1))
    out = np.empty((700, 9))
    made = feature_matrix(layer, samples, np.eye(12)[0], out=out)
    assert made.F is out
    np.testing.assert_array_equal(out, feature_matrix(layer, samples, np.eye(12)[0]).F)
    for wrong in (np.empty((9, 700)), np.empty((9, 700)).T, np.empty((700, 9), np.float32)):
        with pytest.raises(ValueError, match=r"`out` must be C-ordered of shape \(700, 9\) and type float64; got"):
            feature_matrix(layer, samples, np.eye(12)[0], out=wrong)


def test_alignment():
    u = np.random.default_rng(0).standard_normal(20000)
    vectors = np.stack([(u**2 - 1) / math.sqrt(2), -u], axis=1) / math.sqrt(len(u))
    amplitude = hermite_alignment(vectors, u)
    # noise of 1/√n in every overlap, a few times more for the heavy fourth polynomial
    np.testing.assert_allclose(amplitude, [[0, 0, 1, 0, 0], [0, 1, 0, 0, 0]], atol=0.1)


def test_alignment_is_on_polynomials_orthonormal_on_the_sample():
    u = np.random.default_rng(1).standard_normal(200)
    line, curve = u - u.mean(), 1.0 + 2.0 * u - 3.0 * u**3 + 0.5 * u**4
    line, curve = line / np.linalg.norm(line), curve / np.linalg.norm(curve)
    rest = np.random.default_rng(2).standard_normal(200)
    rest -= np.vander(u, 5) @ np.linalg.lstsq(np.vander(u, 5), rest, rcond=None)[0]
    amplitude = hermite_alignment(np.stack([line, curve, rest], axis=1), u)
    np.testing.assert_allclose(amplitude[0], [0, 1, 0, 0, 0], atol=1e-12)
    assert np.sum(amplitude[1] ** 2) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(amplitude[2], 0.0, atol=1e-12)


def test_alignment_of_fewer_points_than_polynomials():
    amplitude = hermite_alignment(np.eye(3), np.array([-1.0, 0.2, 1.5]))
    np.testing.assert_allclose(np.sum(amplitude**2, axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(amplitude[:, 3:], 0.0)


def test_separated():
    bulk = np.linspace(2.0, 1.0, 50)
    assert separated(bulk) == 0
    assert separated(np.concatenate([[9.0, 4.0], bulk])) == 2


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_mean(name):
    z = np.random.default_rng(0).standard_normal(200_000)
    values = ACTIVATIONS[name](z)
    assert activation_mean(ACTIVATIONS[name]) == pytest.approx(values.mean(), abs=5 * values.std() / len(z) ** 0.5)


def test_same_seed_same_bits():
    first, again = simulate(SMALL, 7), simulate(SMALL, 7)
    other = simulate(SMALL, 8)
    for name in ("eigenvalues", "alignment", "test_error", "train_error"):
        for when in ("before", "after"):
            expected, same, another = (getattr(getattr(run, when), name) for run in (first, again, other))
            np.testing.assert_array_equal(same, expected)
            assert not np.array_equal(another, expected)
    sequence = np.random.SeedSequence(7)
    np.testing.assert_array_equal(simulate(SMALL, sequence).after.eigenvalues, first.after.eigenvalues)
    np.testing.assert_array_equal(
        simulate(SMALL, np.random.default_rng(3)).after.eigenvalues,
        simulate(SMALL, np.random.default_rng(3)).after.eigenvalues,
    )


def test_workers_do_not_change_bits():
    one = simulate_ensemble(SMALL, seeds=3, seed=4, workers=1)
    two = simulate_ensemble(SMALL, seeds=3, seed=4, workers=2)
    more = simulate_ensemble(SMALL, seeds=4, seed=4, workers=1)
    alone = simulate(SMALL, derived_sequence(as_seed_sequence(4), 1))
    for name in ("eigenvalues", "alignment", "test_error", "objective"):
        np.testing.assert_array_equal(one.values("after", name), two.values("after", name))
        np.testing.assert_array_equal(one.values("after", name), more.values("after", name)[:3])
        np.testing.assert_array_equal(one.values("after", name)[1], getattr(alone.after, name))


def test_failure_in_a_worker_is_raised_as_it_was():
    bad = SMALL.replace(target=lambda z: np.where(np.abs(z[:, 0] - 0.5) < 0.003, np.nan, z[:, 0]))
    with pytest.raises(ValueError, match="`target` must be finite"):
        simulate_ensemble(bad, seeds=2, workers=2)


def test_estimates():
    assert estimate([1.0, 3.0]) == Estimate(2.0, 1.0, 2)
    assert estimate([1.0]).to_dict() == {"mean": 1.0, "sem": None}


def test_memory_is_estimated_before_it_is_taken():
    with pytest.raises(
        ValueError, match=r"`n`, `d` and `width` must fit in memory: .* need about .* GiB, .* GiB are free"
    ):
        simulate(Problem(n=10**7, d=100, width=10**6))
    with pytest.raises(ValueError, match="for 2 runs at once"):
        check_size(Problem(n=10**7, d=100, width=10**6), 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "`seed` must be a non-negative integer"),
        ({"seed": 1.5}, "`seed` must be a non-negative integer"),
        ({"test_samples": 1}, "`test_samples` must be an integer of at least 2; got 1"),
        ({"threads": 0}, "`threads` must be an integer of at least 1; got 0"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        simulate(SMALL, **arguments)
    if "threads" not in arguments:
        with pytest.raises(ValueError, match="`workers` must be an integer of at least 1; got 0"):
            simulate_ensemble(SMALL, seeds=2, workers=0)
        with pytest.raises(ValueError, match="`seeds` must be an integer of at least 1; got 0"):
            simulate_ensemble(SMALL, seeds=0)


def test_steps_on_the_same_random_numbers_differ_in_the_step_alone():
    with pytest.raises(ValueError, match="`problems` must differ in `alpha`, `scale` and `eta` alone"):
        simulate_steps([SMALL, SMALL.replace(alpha=0.1, noise=1.0)])
    first, second, none = simulate_steps([SMALL, SMALL.replace(scale=2.0), SMALL.replace(eta=0.0)], 3)
    assert np.array_equal(second.after.test_error, simulate(SMALL.replace(scale=2.0), 3).after.test_error)
    assert not np.array_equal(first.after.test_error, second.after.test_error)
    np.testing.assert_array_equal(none.after.test_error, first.before.test_error)


def test_control_variate():
    rng = np.random.default_rng(4)
    control = rng.standard_normal((2000, 12))
    values = 3.0 + 2.0 * control + 0.5 * rng.standard_normal(control.shape)
    estimates = [controlled_estimate(v, c, 0.0) for v, c in zip(values, control, strict=True)]
    z = np.array([(e.mean - 3.0) / e.sem for e in estimates])
    # Student's law with 10 degrees of freedom: mean 0 and variance 10/8, over 2000 draws
    assert abs(z.mean()) < 4.0 * math.sqrt(1.25 / 2000)
    assert z.var() == pytest.approx(1.25, rel=0.2)
    plain = np.mean([estimate(v).sem for v in values])
    assert plain / np.mean([e.sem for e in estimates]) == pytest.approx(math.sqrt(4.25) / 0.5, rel=0.1)
    assert controlled_estimate(values[0][:3], control[0][:3], 0.0) == estimate(values[0][:3])


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_methods_agree_within_rounding_or_say_what_they_cannot(name):
    # eigenvalues of a Gram matrix are rounded by `hidden_below`, and what is fitted by that over λ + s_m²
    for n, d, width in ((120, 60, 40), (80, 40, 80), (60, 40, 100)):
        for ridge in (1e-10, 1e-4, 1e2):
            problem = Problem(n=n, d=d, width=width, activation=name, alpha=0.4, ridge=ridge)
            expected = simulate(problem, 1, test_samples=100, method="svd")
            run = simulate(problem, 1, test_samples=100)
            runs = [run]
            try:
                runs.append(simulate(problem, 1, test_samples=100, method="streamed"))
            except ArithmeticError as error:
                assert "hidden by rounding" in str(error)  # noqa: PT017
            for found, when in itertools.product(runs, ("before", "after")):
                mine, direct = getattr(found, when), getattr(expected, when)
                assert min(mine.train_error[0], mine.test_error[0], mine.objective[0]) >= 0.0
                if mine.method == "svd":
                    assert ridge < hidden_below(mine.eigenvalues, np.dtype(float))
                    np.testing.assert_array_equal(mine.test_error, direct.test_error)
                    continue
                smallest = 0.0 if found.method == "streamed" and n < width else mine.eigenvalues[-1]
                hidden = hidden_below(mine.eigenvalues, np.dtype(float))
                relative = 2.0 * hidden / (ridge + smallest) + 1e-8
                assert mine.test_error[0] == pytest.approx(direct.test_error[0], rel=relative)
                # Fᵀy/n is rounded by some ε s₁|y|, and |a|² is at most the objective over λ
                unit = 8.0 * math.sqrt(len(mine.eigenvalues)) * np.finfo(float).eps
                moment = math.sqrt(hidden * unit * found.label_power * direct.objective[0] / ridge)
                for error in ("train_error", "objective"):
                    expected_error = pytest.approx(getattr(direct, error)[0], rel=relative, abs=moment + unit)
                    assert getattr(mine, error)[0] == expected_error


def test_rounding_that_hides_the_penalty_changes_the_method_and_says_so():
    problem = Problem(n=700, d=40, width=60, n_step=900, alpha=0.45, activation="He4", ridge=0.01)
    runs = simulate_ensemble(problem, seeds=2, seed=3, workers=1, test_samples=100)
    assert [(run.before.method, run.after.method) for run in runs.runs] == [("gram", "svd"), ("gram", "gram")]
    assert runs.remark().startswith("singular value decomposition in place of the Gram matrix in 1 of 2 runs")
    assert runs.to_dict()["remark"] == runs.remark()
    # without the change the training error of these is below zero or the test error is off by orders of magnitude
    direct = simulate_ensemble(problem, seeds=2, seed=3, workers=1, test_samples=100, method="svd")
    np.testing.assert_array_equal(runs.runs[0].after.test_error, direct.runs[0].after.test_error)
    assert direct.remark() == ""
    assert "remark" not in direct.to_dict()
    with pytest.raises(ArithmeticError, match=r"the penalty 0\.01 is hidden by rounding: .*; `method` svd keeps twice"):
        simulate(problem, 3, test_samples=100, method="streamed")
    with pytest.raises(ArithmeticError, match=r"λ must be at least .*; `dtype` float64 has more of them"):
        simulate(problem, 3, test_samples=100, dtype="float32", method="svd")


def test_what_cannot_be_right_is_no_result():
    run = simulate(SMALL, 1, test_samples=100).after
    for name, wrong, message in (
        ("train_error", np.array([0.1, -1e-9]), "train error came out negative"),
        ("test_error", np.array([0.1, np.inf]), "the test error left the range of float64"),
        ("eigenvalues", -run.eigenvalues, "eigenvalues came out negative"),
        ("alignment", 1.01 * np.eye(5)[:2], "squared amplitudes of a unit vector"),
    ):
        with pytest.raises(ArithmeticError, match=message):
            dataclasses.replace(run, **{name: wrong})


@pytest.mark.parametrize(
    ("change", "how", "message"),
    [
        ({"noise": 1e160}, {}, "`noise` must be at most 1e.30"),
        ({"eta": 1e300}, {}, "`eta` must be at most 1e.30"),
        ({"eta": 1e30, "activation": "He5", "noise": 1e30}, {}, "left the range of float64"),
        ({"eta": 1e30, "activation": "He5", "noise": 1e30}, {"method": "svd"}, "left the range of float64"),
        ({"eta": 1e30, "activation": "He5", "noise": 1e30}, {"method": "streamed"}, "left the range of float64"),
        ({"eta": 1e30}, {"dtype": "float32"}, "`eta` must keep within 4e.09 in float32"),
        ({"noise": 1e30}, {"dtype": "float32"}, "`noise` must keep within 4e.09 in float32"),
    ],
)
def test_numbers_out_of_range_are_named(change, how, message):
    # warnings are errors here
    with pytest.raises((ArithmeticError, ValueError), match=message):
        simulate(SMALL.replace(**change), 1, test_samples=100, **how)
