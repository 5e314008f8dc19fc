"""The law for inputs with a covariance against reference values, the isotropic law, identities and simulation."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spikes import compare
from spikes.agreement import spike_rows
from spikes.estimates import Estimate
from spikes.simulation.ensemble import simulate_ensemble
from theory import Problem, predict, predict_errors
from theory.conditional_equivalent import Resolution, ridge_errors, solve
from theory.conditional_equivalent.covariance import CovarianceTerms, build_covariance_features, participation_ratio
from theory.conditional_equivalent.covariance_neurons import _tilt as tilt_of
from theory.conditional_equivalent.covariance_neurons import squared_norms as norms
from theory.conditional_equivalent.covariance_resolution import covariance_terms, isotropic_form
from theory.conditional_equivalent.features import Terms, build_features
from theory.conditional_equivalent.validity import norm_share, validity
from theory.step_matrix import block_lanczos

REFERENCES = json.loads((Path(__file__).parent / "references" / "covariance.json").read_text())
ERRORS = ("train_error", "objective", "test_error")
SMALL = Problem(n=300, d=120, width=200, covariance="power:0.8", second_layer="rademacher")


def errors_of(eq, ridge):
    errors = ridge_errors(eq, solve(eq, ridge))
    return np.array([getattr(errors, name) for name in ERRORS])


def problem_of(case):
    names = ("activation", "d", "n", "width", "ridge", "target", "noise", "alpha", "n_step", "second_layer")
    step = {} if "alpha" in case else {"eta": 0.0}
    fields = {name: case[name] for name in names if name in case}
    return Problem(**fields, **step, covariance=f"power:{case['power']}")


def name_of(case):
    return f"{case['activation']}-{case['ridge']}-{case['degrees']}"


@lru_cache
def prediction(**step):
    return predict(SMALL.replace(**step))


@pytest.mark.parametrize("case", REFERENCES["random_features_covariance"], ids=name_of)
def test_random_features(case):
    # the reference has one norm for all neurons; its fixed points are good to 1e-6
    eq = build_covariance_features(problem_of(case), CovarianceTerms(degree=case["degrees"], norms=1))
    assert_allclose(errors_of(eq, case["ridge"]), [case[name] for name in ERRORS], rtol=2e-5)


@pytest.mark.parametrize("case", REFERENCES["after_step_covariance"], ids=name_of)
def test_after_a_step(case):
    # the reference leaves a neuron's overlap among the coordinates, is long in all directions alike, and has the
    # slopes of neurons of norm one; it is good to 1 % and the last of these moves errors by 1 %
    terms = CovarianceTerms(degree=case["degrees"], norms=3, tilted=False)
    eq = build_covariance_features(problem_of(case), terms)
    assert_allclose(errors_of(eq, case["ridge"]), [case[name] for name in ERRORS], rtol=0.015)
    assert_allclose(eq.step.overlap, case["overlap"], rtol=1e-6)
    assert_allclose(eq.step.beta_norm2**0.5, case["step_norm"], rtol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("target", ["z + 0.5*He2(z)", "z1 + z1*z2"])
@pytest.mark.parametrize("step", [{"alpha": 0.4}, {"eta": 0.0}])
def test_equal_eigenvalues_give_the_isotropic_law(activation, target, step):
    plain = Problem(n=300, d=120, width=200, activation=activation, target=target, ridge=0.05, **step)
    flat = plain.replace(covariance="power:0")
    ours = build_covariance_features(flat, CovarianceTerms(orders=(16, 8), degree=1, gradient_order=1))
    theirs = build_features(plain, Terms(gradient_order=1, orders=(16, 8), noise=False))
    assert_allclose(errors_of(ours, 0.05), errors_of(theirs, 0.05), rtol=1e-8)
    assert isotropic_form(flat) == plain


def test_a_flat_spectrum_is_predicted_by_the_whole_isotropic_law():
    plain = Problem(n=300, d=120, width=200, second_layer="rademacher", eta=0.0)
    for covariance in (np.full(120, 3.0), np.eye(120), "power:0"):
        flat = predict_errors(plain.replace(covariance=covariance))
        for a, b in zip(flat, predict_errors(plain), strict=True):
            assert_allclose([getattr(a, name) for name in ERRORS], [getattr(b, name) for name in ERRORS], rtol=1e-8)


@pytest.mark.parametrize("overlaps", [0, 5])
def test_the_train_error_is_the_slope_of_the_objective(overlaps):
    # train = objective − λ d objective/dλ; the central difference is good to (1e-3)²
    eq = build_covariance_features(SMALL, CovarianceTerms(orders=(16, 8), across=6, overlaps=overlaps))
    lam, step = 0.1, 1e-3
    low, middle, high = (errors_of(eq, lam * (1.0 + t)) for t in (-step, 0.0, step))
    assert_allclose(middle[0], middle[1] - (high[1] - low[1]) / (2.0 * step), rtol=1e-4)


def test_coordinates_and_special_functions_have_their_masses():
    for overlaps in (0, 5):
        terms = CovarianceTerms(orders=(24, 8), overlaps=overlaps, aside=False)
        eq = build_covariance_features(SMALL, terms)
        for layer in eq.special:
            assert_allclose(layer.weights.sum(axis=0), np.eye(len(layer.chi)), atol=1e-10)
            # values of the coordinates are orthonormal over samples, nodes left out apart
            flat = layer.chi.reshape(len(layer.chi), -1) * np.sqrt(np.tile(eq.latent_weights, layer.chi.shape[1]))
            assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=2e-2)
        mean = eq.profile_weights @ eq.profile
        assert_allclose(mean, 1.0, atol=1e-9)
        assert eq.higher[0].profile_weights.sum() == pytest.approx(1.0)


def test_a_measure_of_few_points_has_its_rule():
    nodes, weights = block_lanczos(np.ones(30), np.full((30, 1, 1), 1 / 30), 5)
    assert_allclose([nodes @ weights.ravel(), nodes.min(), nodes.max()], 1.0)
    x = np.array([1.0, 2.0, 4.0])
    nodes, weights = block_lanczos(np.repeat(x, 10), np.full((30, 1, 1), 1 / 30), 8)
    assert_allclose([nodes**k @ weights.ravel() for k in range(9)], [np.mean(x**k) for k in range(9)])


@pytest.mark.parametrize("direction", ["uniform", "top"])
@pytest.mark.parametrize("target", ["z", "z1*z2 + z1"])
def test_every_direction_and_number_of_latents_is_predicted(direction, target):
    problem = SMALL.replace(direction=direction, target=target, activation="tanh")
    (errors,) = predict_errors(problem)
    assert 0.0 < errors.train_error < errors.objective < errors.test_error


def test_two_and_three_eigenvalues_are_predicted():
    for values in (np.repeat([2.0, 0.5], 60), np.repeat([5.0, 1.0, 0.0], 40)):
        (errors,) = predict_errors(SMALL.replace(covariance=values, eta=0.0))
        assert 0.0 < errors.train_error < errors.objective < errors.test_error


@pytest.mark.parametrize("values", [[4.0] + [0.9] * 29, [1.03] * 29 + [0.1], [2.0] * 4 + [0.5] * 8])
def test_norms_of_neurons_lie_between_the_eigenvalues(values):
    s = np.array(values) * len(values) / np.sum(values)
    q, weights = norms(s, 3)
    k = np.sum(s == s.max())  # of two eigenvalues, the share of the first in |w|² has a beta law
    share = (q - s.min()) / (s.max() - s.min())
    expected, rising = [1.0], k / 2.0
    for j in range(1, 6):
        expected.append(expected[-1] * (rising + j - 1.0) / (len(s) / 2.0 + j - 1.0))
    assert_allclose([weights @ share**j for j in range(6)], expected, rtol=1e-9)
    for value in q:  # and w_c² given q is as long as it must be
        t = tilt_of(s / s.max(), value / s.max())
        length = 1.0 / (1.0 + t * s / s.max())
        assert (length * length[0] > 0.0).all()
        assert np.sum(s * length) / np.sum(length) == pytest.approx(value, rel=1e-6)


@pytest.mark.slow
def test_spikes_of_the_data_stand_apart_before_a_step():
    start = prediction(eta=0.0)
    assert {spike.source for spike in start.outliers} == {"data"}
    assert start.outliers[0].singular_value ** 2 > start.bulk_edges[-1][1]
    drawn = float(np.sum(0.5 * (start.density[1:] + start.density[:-1]) * np.diff(start.density_x)))
    # a spike of the data is an eigenvalue of the law, of mass 1/n; half of one at the edge that parts them
    assert drawn + start.mass_at_zero + len(start.outliers) / SMALL.n == pytest.approx(1.0, abs=1.5 / SMALL.n)


@pytest.mark.slow
def test_spikes_are_named_by_what_makes_them():
    theory = prediction()
    sources = [spike.source for spike in theory.outliers]
    assert sources[:2] == ["step", "step"]
    assert "data" in sources
    content = theory.to_dict()
    json.dumps(content, allow_nan=False)
    assert [spike["source"] for spike in content["outliers"]] == sources
    assert set(content["outliers"][sources.index("data")]["alignment"].values()) == {None}
    i = sources.index("data")
    rows = spike_rows(i, theory.outliers[i], lambda q, i: (Estimate(1.0, 0.1, 4),) * max(1, len(q.parts)))
    assert [row.quantity for row in rows] == [f"spike {i + 1}, of the data"]


def test_validity_names_the_participation_ratio():
    assert participation_ratio(SMALL.eigenvalues) == pytest.approx(33.7, abs=0.1)
    resolution = Resolution(CovarianceTerms(), (), 0.0)
    assert validity(SMALL.replace(eta=0.0), resolution) == ()
    (reason,) = validity(SMALL.replace(eta=0.0, covariance="power:2.5", target="z"), resolution)
    assert reason.startswith("the inputs have the participation ratio 1.")
    assert reason.endswith("down to 5 was compared with simulation without a step")
    reasons = validity(SMALL.replace(target="z1 + z1*z2", covariance="power:1.5"), resolution)
    assert any("down to 26 was compared with simulation after a step" in reason for reason in reasons)
    assert any("the target has 2 latents" in reason for reason in reasons)


def test_validity_names_labels_that_go_with_the_norms():
    resolution = Resolution(CovarianceTerms(), (), 0.0)
    still = SMALL.replace(eta=0.0, noise=0.3)
    (reason,) = validity(still.replace(target="z - 0.8"), resolution)
    assert reason.startswith("37 % of the labels' power is in their mean")
    assert reason.endswith("too low there; centre the labels")
    # He₂/√2 along the largest eigenvalue: s₁²/Σs² of its power, 1, beside the noise
    s = still.eigenvalues
    share = norm_share(still.replace(target="He2(z)/1.4142135623730951", direction="top"))
    assert share == pytest.approx(s.max() ** 2 / (s @ s) / 1.09)
    (reason,) = validity(still.replace(target="He2(z)", direction="top"), resolution)
    assert reason.endswith("too low there")
    assert norm_share(still.replace(target="z1*z2")) == pytest.approx(0.0, abs=0.02)
    assert validity(still.replace(target="He2(z)"), resolution) == ()


def test_what_is_left_out_is_said():
    terms, _, unresolved = covariance_terms(SMALL, 2)
    assert terms.degree == 2
    assert terms.norms == 3
    assert terms.overlaps == 5
    assert unresolved < 0.02
    odd = SMALL.replace(activation="erf", eta=0.0)
    assert ("degree 2", pytest.approx(0.0, abs=1e-6)) in covariance_terms(odd, 2)[1]


@pytest.mark.slow
def test_comparison_tells_spikes_apart():
    result = compare(SMALL, seeds=4, workers=1, test_samples=1024)
    labels = [row.quantity for row in result.rows()]
    assert any(label.endswith(", of the data") for label in labels)
    assert not any("of the data on" in label for label in labels)
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "before", "after"),
    [
        ({"activation": "softplus", "target": "relu(z)", "alpha": 0.42}, 0.04, 0.07),
        ({"activation": "tanh", "alpha": 0.4}, 0.04, 0.07),
    ],
)
def test_agreement_with_simulation(fields, before, after):
    problem = SMALL.replace(ridge=(0.03, 0.3), **fields)
    runs = simulate_ensemble(problem, seeds=12, seed=3, workers=1, test_samples=2048)
    for when, allowed, at in (("before", before, problem.replace(eta=0.0)), ("after", after, problem)):
        predicted = predict_errors(at)
        for name in ERRORS:
            values = runs.values(when, name)
            for i, errors in enumerate(predicted):
                mean, sem = values[:, i].mean(), values[:, i].std(ddof=1) / 12**0.5
                # what the law leaves at participation ratio 34, or four standard errors
                assert abs(getattr(errors, name) - mean) < max(allowed * mean, 4.0 * sem), (when, name, i)
