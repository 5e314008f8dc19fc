"""Figures of the local analysis: theory, runs and fits stand where the study has them."""

from types import SimpleNamespace

import numpy as np
import pytest

from spikes.estimates import Estimate
from spikes.presentation.figure import THEORY
from spikes.studies.local_analysis.figure import (
    plot_certificate,
    plot_certificate_alone,
    plot_concentration,
    plot_descent,
    plot_directions,
    plot_exponents,
    plot_gradient_gap,
    plot_training,
)
from spikes.studies.local_analysis.study import mass_within
from theory.local_analysis.dual_certificate import certificate
from theory.statement.teacher import TEACHERS, as_teacher

TEACHER = as_teacher("A")
LOSS = {"population_loss": np.array([0.5, 0.4, 0.3]), "epoch": np.array([-1.0, 0.0, 0.0])}
COLUMNS = {**LOSS, "iteration": np.array([0.0, 5.0, 10.0])}


@pytest.fixture
def study():
    rng = np.random.default_rng(0)
    W, a = rng.standard_normal((6, TEACHER.d)), rng.standard_normal(6)
    run = SimpleNamespace(
        column=COLUMNS.__getitem__, W_start=W, a_start=a, W_early=W, a_early=a, W=W, a=a, epochs_done=1
    )
    line = np.array([0.1, 0.01])
    return SimpleNamespace(
        plan=SimpleNamespace(teacher=TEACHER, width=6, n=None, noise=0.0, schedule="halving", iterations=10),
        runs=(run,),
        minima=(object(),),
        decays=np.array([0.02]),
        gaps=lambda i: np.array([0.2, 0.1, 1e-16]),
        minimum=lambda decay: SimpleNamespace(loss=0.25),
        gradient_ratios=lambda i: (np.array([0.1, 0.2]), np.array([30.0, 20.0])),
        resolved=lambda name: (np.array([0.2, 0.1]), [Estimate(3.0, 0.1, 2), Estimate(2.0, 0.2, 2)]),
        power_law=lambda name: (Estimate(1.5, 0.01, 2), line, line**1.5),
    )


def test_descent(study, drawn):
    ax = plot_descent(study)
    x, y, _ = drawn(ax, "points", "loss")
    assert (x.tolist(), y.tolist()) == ([0.0, 5.0, 10.0], [0.5, 0.4, 0.3])
    # what rounding has reached is not shown
    assert drawn(ax, "points", r"gap $\zeta$ to the least $L_\lambda$")[1].tolist() == [0.2, 0.1]
    x, y, _ = drawn(ax, "line", r"loss of the minimiser $\mu_\lambda$")
    assert (x.tolist(), y.tolist()) == ([0.0, 10.0], [0.25, 0.25])


def test_where_the_mass_is(study, drawn):
    run = study.runs[0]
    angle, share = mass_within(run.W, run.a, TEACHER)
    ax = plot_concentration([("start", run.W, run.a)], TEACHER)
    x, y, _ = drawn(ax, "line", "start")
    assert (x[1:-1], y[1:-1]) == (pytest.approx(angle), pytest.approx(share))
    assert len(plot_training(study)) == 2


def test_directions(drawn):
    # neurons along the teacher's own directions lie on the arc at the angles of the plane
    ax = plot_directions(TEACHER.directions.copy(), np.sign(TEACHER.weights), TEACHER)
    x, y, _ = drawn(ax, "scatter", "a > 0")
    assert np.hypot(x, y) == pytest.approx(np.ones(2))
    assert sorted(np.degrees(np.arctan2(y, x)).round(6)) == pytest.approx([0.0, 120.0], abs=1e-4)


def test_exponents_are_fits(study, drawn):
    axes = plot_exponents([study])
    name = "A: exponent 1.500 ± 0.010"
    x, y, error = drawn(axes[0], "points", name)
    assert (x[:2].tolist(), y[:2].tolist(), error[:2]) == ([0.2, 0.1], [3.0, 2.0], pytest.approx([0.1, 0.2]))
    (fit,) = [line for line in axes[0].lines if line.is_dashed()]
    assert fit.get_ydata() == pytest.approx(np.array([0.1, 0.01]) ** 1.5)
    assert "dashed: fits" in axes[0].figure.get_suptitle()


def test_gradient_over_gap(study, drawn):
    ax = plot_gradient_gap([study], 20.0)
    x, y, _ = drawn(ax, "points", "A")
    assert (x.tolist(), y.tolist()) == ([0.1, 0.2], [30.0, 20.0])
    guide = next(line for line in ax.lines if line.get_label() == "least ratio seen, 20")
    assert list(guide.get_ydata()) == [20.0, 20.0]


def test_certificates(drawn):
    found = certificate(TEACHER)
    ax = plot_certificate(found)
    degrees, eta = found.curve()
    x, y, _ = drawn(ax, "line", "minimum norm")
    assert (x, y) == (pytest.approx(degrees), pytest.approx(eta))
    assert next(line.get_color() for line in ax.lines if line.get_label() == "minimum norm") == THEORY
    close = certificate(TEACHERS["r3m5-close"])
    ax = plot_certificate_alone(close)
    angle, modulus = close.sample(1000)
    x, y, _ = drawn(ax, "points", r"sampled $u$")
    assert (x, y) == (pytest.approx(np.degrees(angle)), pytest.approx(modulus))
    assert "r3m5-close" in ax.figure.get_suptitle()
