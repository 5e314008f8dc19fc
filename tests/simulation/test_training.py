"""The training's own kernels, objectives and bookkeeping: digits, finite differences, bits that repeat."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from spikes.simulation.relu_passes import pair_pass, relu_backward, relu_output
from spikes.simulation.training import HISTORY, Plan, alignment, train
from spikes.simulation.training_objective import Population, Sample, draw_sample, preprocess
from theory.statement.teacher import TEACHERS, Teacher

REFERENCE = json.loads((Path(__file__).parents[1] / "theory" / "references" / "local_analysis.json").read_text())
SMALL = Teacher.from_angles([0, 60], [0.5, -0.5], d=5)


def students(m, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, d)), rng.standard_normal(m)


def test_pair_pass_against_numpy():
    rho = np.concatenate([np.linspace(-1, 1, 2001), 1 - np.geomspace(1e-16, 0.3, 200), [1 + 1e-15]])[None]
    C = np.random.default_rng(0).standard_normal(rho.shape[1])
    angles, kernel, lost = rho.copy(), np.empty((1, 2)), np.empty(1)
    pair_pass(angles, C, 1000, kernel, lost)
    clipped = np.clip(rho[0], -1, 1)
    root = np.sqrt((1 - clipped) * (1 + clipped))
    assert angles[0] == pytest.approx(C * np.arcsin(clipped), rel=1e-13, abs=1e-300)
    missing = clipped**2 / (1 + root)
    terms = C * (clipped * np.arcsin(clipped) - missing)
    # sums of 2200 terms of either sign: absolute errors of a few units in the last place of the largest
    assert kernel[0] == pytest.approx([terms[:1000].sum(), terms[1000:].sum()], abs=1e-12)
    assert lost[0] == pytest.approx(float(C @ missing), abs=1e-12)


def test_relu_passes_against_numpy():
    Z, a = students(40, 7)
    f, inner = np.empty(40), np.empty(7)
    weights, R = a[:7].copy(), a.copy()
    expected = np.maximum(Z, 0) @ weights
    relu_output(Z, weights, f)
    assert f == pytest.approx(expected, rel=1e-13, abs=1e-14)
    gates = (Z > 0) * R[:, None]
    expected = np.maximum(Z, 0).T @ R
    relu_backward(Z, R, inner)
    assert inner == pytest.approx(expected, rel=1e-13, abs=1e-14)
    assert np.array_equal(Z, gates)


def test_digits_of_a_sample():
    p = REFERENCE["empirical"]
    X, y, W, a = (np.array(p[name]) for name in ("X", "y", "W", "a"))
    for how in ("moment", "ols"):
        _, alpha, beta = preprocess(X, y, how)
        assert alpha == pytest.approx(p[how]["alpha"], abs=1e-12)
        assert beta == pytest.approx(np.array(p[how]["beta"]), abs=1e-12)
    for name, sample in (
        ("s2_moment", Sample(X, y, outer="preprocessed", preprocessing="moment")),
        ("profiled", Sample(X, y)),
    ):
        loss, gW, ga = sample.gradient(W, a, p["lam"])
        assert loss == pytest.approx(p[name]["L"], abs=1e-12)
        assert gW == pytest.approx(np.array(p[name]["gW"]), abs=1e-12)
        assert ga == pytest.approx(np.array(p[name]["ga"]), abs=1e-12)


@pytest.mark.parametrize("kind", ["population", "profiled", "preprocessed"])
def test_gradient_is_the_derivative(kind):
    teacher, decay = TEACHERS["r3m5"], 0.03
    W, a = students(6, teacher.d)
    objective = Population(teacher, 6)
    if kind != "population":
        X, y = draw_sample(teacher, 200, noise=0.1, sequence=np.random.SeedSequence(3))
        objective = Sample(X, y, outer=kind)
    dW, da = students(6, teacher.d, 1)

    def value(s):
        V, b = W + s * dW, a + s * da
        return objective.gradient(V, b, decay).loss + 0.5 * decay * (np.vdot(V, V) + b @ b)

    _, gW, ga = objective.gradient(W, a, decay)
    step = 1e-7 if kind != "population" else 1e-6  # on samples no pre-activation changes its sign within the step
    assert (value(step) - value(-step)) / (2 * step) == pytest.approx(np.vdot(gW, dW) + ga @ da, rel=1e-6)


def test_both_modes_agree_on_the_first_step():
    # with labels orthogonal to (1, X) the gates 1[z > 0] and ½ sign z give one gradient
    X, y = draw_sample(SMALL, 300, noise=0.2, sequence=np.random.SeedSequence(0))
    W, a = students(9, SMALL.d)
    steps = [Sample(X, y, outer=outer).first_step(W, a) for outer in ("profiled", "preprocessed")]
    assert steps[0] == pytest.approx(steps[1], abs=1e-14)
    tiny = 1e-8
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    gradient = Sample(X, y).gradient(unit, tiny * np.sign(a), 0.0).W / tiny
    assert Sample(X, y).first_step(unit, np.sign(a)) == pytest.approx(-gradient, abs=1e-6)


def test_readout_is_stationary():
    X, y = draw_sample(SMALL, 300, noise=0.2, sequence=np.random.SeedSequence(0))
    W, _ = students(9, SMALL.d)
    for objective in (Population(SMALL, 9), Sample(X, y), Sample(X, y, outer="preprocessed", preprocessing="moment")):
        a = objective.readout(W, 0.01)
        assert objective.gradient(W, a, 0.0).a + 0.01 * a == pytest.approx(np.zeros(9), abs=1e-12)


def test_teacher_has_no_loss():
    scale = np.sqrt(np.abs(SMALL.weights))
    W, a = scale[:, None] * SMALL.directions, np.sign(SMALL.weights) * scale
    X, y = draw_sample(SMALL, 100, noise=0.0, sequence=np.random.SeedSequence(0))
    assert Sample(X, y).gradient(W, a, 0.0).loss < 1e-28
    assert Population(SMALL, 2).gradient(W, a, 0.0).loss == pytest.approx(0.0, abs=1e-16)
    assert Population(SMALL, 2).gradient(0 * W, a, 0.0).loss == Population(SMALL, 2).power


def test_alignment():
    turn = math.radians(4.0)
    W = np.zeros((4, 5))
    W[0, 0] = 2.0  # on the first direction, with its sign
    W[1, :2] = -math.cos(turn), -math.sin(turn)  # 4° off it, modulo sign
    W[2, 0] = 1.0  # on it, with the other sign
    found = alignment(W, np.array([1.0, 1.0, -1.0, 1.0]), SMALL)
    assert found["mass"] == pytest.approx(4.0)
    assert found["f5"] == pytest.approx(0.75)
    assert found["f1"] == pytest.approx(0.5)
    assert found["spread"] == pytest.approx(turn**2)
    assert found["rms_angle"] == pytest.approx(math.sqrt((16 + 60**2) / 4))  # the third is 60° from its own sign


PLAN = Plan(SMALL, width=12, epochs=4, iterations=60, record=20)


def test_same_seed_same_bits():
    first, again, other = train(PLAN, 1), train(PLAN, 1), train(PLAN, 2)
    assert np.array_equal(first.history, again.history)
    assert not np.array_equal(first.history, other.history)
    assert first.history.shape == (1 + 4 * 3, len(HISTORY))
    assert first.epoch_ends().shape == (5, len(HISTORY))
    assert np.array_equal(first.decays, 0.1 * math.sqrt(first.power) * 0.5 ** np.arange(4))


@pytest.mark.parametrize("n", [None, 60])
def test_stopped_and_continued(tmp_path, n):
    plan, path = PLAN.replace(n=n, momentum=0.5), str(tmp_path / "run.npz")
    whole = train(plan, 5)
    stopped = train(plan, 5, checkpoint=path, stop_after=2)
    assert stopped.epochs_done == 2
    rest = train(plan, 5, checkpoint=path)
    assert rest.epochs_done == 4
    for name in ("history", "W", "a", "W_start", "W_early"):
        assert np.array_equal(getattr(whole, name), getattr(rest, name))
    with pytest.raises(ValueError, match=r"`checkpoint` must be that of the same run; .* holds another seed"):
        train(plan, 6, checkpoint=path)
    with pytest.raises(ValueError, match=r"holds width = 12 in place of 13"):
        train(plan.replace(width=13), 5, checkpoint=path)
    with pytest.raises(ValueError, match="holds another teacher"):
        train(plan.replace(teacher=Teacher.from_angles([0, 50], d=5)), 5, checkpoint=path)
    Path(path).write_text("{}")
    with pytest.raises(ValueError, match="`checkpoint` must be a file that a training run has written"):
        train(plan, 5, checkpoint=path)


@pytest.mark.parametrize("n", [None, 60])
def test_momentum_passes_from_epoch_to_epoch(n):
    plan = PLAN.replace(n=n, momentum=0.8, schedule="constant", epochs=3, iterations=3, record=1)
    run = train(plan, 1)
    assert run.history.shape == (1 + 3 * 3, len(HISTORY))
    objective = Population(SMALL, 12)
    if n is not None:
        X, y = draw_sample(SMALL, n, noise=0.0, sequence=np.random.SeedSequence(1, spawn_key=(1,)))
        objective = Sample(X, y)
    W, a = run.W_early.copy(), run.a_early.copy()
    vW, va = 0.0, 0.0  # heavy ball: never set back, while the step size is new in every epoch
    for decay, size in zip(np.repeat(run.decays, 3), run.column("step_size")[1:], strict=True):
        _, gW, ga = objective.gradient(W, a, decay)
        vW, va = 0.8 * vW - size * gW, 0.8 * va - size * ga
        W, a = W + vW, a + va
    # nine steps of rounding; a velocity set back at an epoch's end moves the weights by percents
    np.testing.assert_allclose(run.W, W, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(run.a, a, rtol=1e-10, atol=1e-12)


def test_schedules():
    halving = PLAN.decays(1.0)
    assert PLAN.replace(schedule="constant").decays(1.0) == pytest.approx(np.full(4, halving[-1]))
    assert PLAN.replace(schedule="none").decays(1.0) == pytest.approx(np.zeros(4))
    noisy = PLAN.replace(n=500, noise=0.5, stop_at_noise=True, epochs=9).decays(1.0)
    floor = 0.3 * 0.5 * math.sqrt(5 / 500)
    assert noisy.min() >= floor > 0.5 * noisy.min()
    assert train(PLAN.replace(epochs=0), 0).epochs_done == 0


def test_divergence_and_collapse():
    with pytest.raises(ArithmeticError, match=r"training diverged in epoch 1, iteration \d+, .* try `step` = 250"):
        train(PLAN.replace(step=1000.0), 0)
    with pytest.raises(ArithmeticError, match=r"training diverged in epoch 1, iteration 1, .* the loss reached"):
        train(PLAN.replace(step=1000.0, epochs=1, iterations=1), 0)  # by the last step of all
    with pytest.raises(ArithmeticError, match="the network collapsed to zero in epoch 1: the decay 5 is too large"):
        train(PLAN.replace(decay=5.0, step=0.1, iterations=500), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "`width` must be an integer of at least 1; got 0"),
        ({"n": 6}, "`n` must be an integer of at least 7; got 6"),
        ({"noise": 0.1}, "`noise` must be 0 in the population"),
        ({"n": 50, "noise": -1}, "`noise` must be finite and at least 0; got -1"),
        ({"stop_at_noise": True}, "`stop_at_noise` must be left out in the population"),
        ({"preprocessing": "median"}, "`preprocessing` must be one of ols, moment; got 'median'"),
        ({"outer": "free"}, "`outer` must be one of profiled, preprocessed; got 'free'"),
        ({"schedule": "cosine"}, "`schedule` must be one of halving, constant, none; got 'cosine'"),
        ({"decay": 0}, "`decay` must be positive; got 0"),
        ({"ridge": -1}, "`ridge` must be positive; got -1"),
        ({"epochs": -1}, "`epochs` must be an integer of at least 0; got -1"),
        ({"iterations": 0}, "`iterations` must be an integer of at least 1; got 0"),
        ({"step": 0}, "`step` must be positive; got 0"),
        ({"momentum": 1}, "`momentum` must be below 1; got 1"),
        ({"record": 0}, "`record` must be an integer of at least 1; got 0"),
        ({"teacher": "nobody"}, "`teacher` must be one of orth4"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        PLAN.replace(**change)


def test_a_sample_that_does_not_fit():
    with pytest.raises(ValueError, match="`n` must leave room in memory: n = 100000000000"):
        train(PLAN.replace(n=10**11), 0)
