"""Figures of giant steps: predicted and simulated values stand where the study has them."""

from types import SimpleNamespace

import numpy as np
import pytest

from spikes.studies.giant_steps import report_target
from spikes.studies.giant_steps.curve import CurveStudy
from spikes.studies.giant_steps.figure import plot_cosines, plot_curve, plot_report, plot_trajectory
from spikes.studies.giant_steps.step import StepStudy
from spikes.studies.giant_steps.trajectory import TrajectoryStudy
from theory import Problem
from theory.giant_steps import CosineLaw
from theory.statement.protocol import Protocol

PROBLEM = Problem(n=16, d=4, width=6, target="z1 + z1*z2", eta=1.0, noise=0.0, centered=False)
PROTOCOL = Protocol(steps=2, preprocessing="none", start="random")


def test_report(drawn):
    report = report_target("z1 + z1*z2", "relu")
    axes = plot_report(report)
    assert drawn(axes, "bars", "energy")[1] == pytest.approx(report.analysis.energies)
    assert drawn(axes, "line", "what gradients hold")[1].max() == report.analysis.staircase.dimensions[-1]
    seen = drawn(axes, "line", "what relu sees")[1]
    assert seen.max() == pytest.approx(report.visible.dimensions[-1] - 0.04)


def test_trajectory(drawn):
    def cosines(value):
        return np.stack([np.full((6, 2), value * t) for t in (0.1, 0.2, 0.3)]) * [1.0, 0.5]

    runs = tuple({"cosines": cosines(v)} for v in (1.0, 1.2))
    theory = tuple(SimpleNamespace(cosines=cosines(v)) for v in (2.0, 2.2))
    ax = plot_trajectory(TrajectoryStudy(PROBLEM, PROTOCOL, runs, theory, None, ()))
    for r, factor in ((0, 1.0), (1, 0.5)):
        x, y, error = drawn(ax, "points", rf"$z_{r + 1}$")
        assert (x.tolist(), y) == ([0.0, 1.0, 2.0], pytest.approx(1.1 * factor * np.array([0.1, 0.2, 0.3])))
        assert error == pytest.approx(0.1 * factor * np.array([0.1, 0.2, 0.3]))
        _, y, _ = drawn(ax, "line", rf"$z_{r + 1}$")
        assert y == pytest.approx(2.1 * factor * np.array([0.1, 0.2, 0.3]))
    assert {line.get_linestyle() for line in ax.lines if len(line.get_xdata()) == 3} <= {"-", "None"}


def step_study(law, cloud, target="z1 + z1*z2"):
    problem = PROBLEM.replace(target=target)
    k = problem.teacher.k
    gradient = np.linspace(0.1, 0.3, 6)[:, None] * np.ones(k)
    return StepStudy(problem, PROTOCOL, ({"gradient": gradient},) * 2, law, np.zeros((2, 2, k)), 1, None, cloud)


def test_neurons_and_their_ellipses(drawn):
    law = CosineLaw(np.array([0.5, 0.25]), 1.0, np.diag([0.04, 0.01]), np.zeros((2, 2)))
    study = step_study(law, np.random.default_rng(0).normal(size=(200, 2)) * 0.1)
    ax = plot_cosines(study, limit=1.0)
    assert drawn(ax, "points", "simulated neurons")[0] == pytest.approx(np.tile(np.linspace(0.1, 0.3, 6), 2))
    inner, outer = ax.patches
    for patch, share in ((inner, 0.5), (outer, 0.95)):
        assert patch.get_center() == pytest.approx((0.5, 0.25))
        # of a Gaussian the share of |x|² ≤ r² is 1 − exp(−r²/2); the longest axis is that of the larger variance
        radius = np.sqrt(-2.0 * np.log(1.0 - share))
        assert sorted((patch.get_width(), patch.get_height())) == pytest.approx([0.2 * radius, 0.4 * radius])
        assert patch.get_angle() % 180.0 == pytest.approx(0.0)
    points = np.random.default_rng(1).multivariate_normal([0.5, 0.25], np.diag([0.04, 0.01]), 4000)
    inside = inner.get_path().contains_points(inner.get_patch_transform().inverted().transform(points))
    assert inside.mean() == pytest.approx(0.5, abs=4 * 0.5 / 4000**0.5)


def test_contours_hold_their_shares():
    cloud = np.random.default_rng(0).normal(size=(40_000, 2)) * [0.2, 0.1]
    study = step_study(None, cloud)
    first, second, density, levels = study.cloud_density((0.5, 0.95))
    for level, share in zip(levels, (0.5, 0.95), strict=True):
        # two bins of blur widen the cloud by some percent
        assert density[density >= level].sum() / density.sum() == pytest.approx(share, abs=0.02)
    spread = [np.sqrt((density.sum(axis=a) * x**2).sum() / density.sum()) for a, x in ((0, first), (1, second))]
    assert spread == pytest.approx([0.2, 0.1], rel=0.15)


def test_one_latent_is_a_histogram(drawn):
    study = step_study(None, np.linspace(-0.9, 0.9, 50)[:, None], "z")
    ax = plot_cosines(study)
    assert ax.get_xlabel() == r"$\cos\theta_1$"


def test_curve(drawn):
    def run(random, one):
        return tuple({"random_features": r, "one_step": o, "learned": 0.5} for r, o in zip(random, one, strict=True))

    study = CurveStudy(
        PROBLEM,
        PROTOCOL,
        "ols",
        1.0,
        (8, 16),
        (run((0.9, 0.8), (0.5, 0.3)), run((1.1, 1.0), (0.7, 0.5))),
        {"random_features": np.array([0.95, 0.85]), "one_step": np.array([0.55, 0.35])},
        {"linear, κ = 1": SimpleNamespace(value=0.7)},
    )
    ax = plot_curve(study)
    for name, means, law in (
        ("random features", (1.0, 0.9), (0.95, 0.85)),
        ("one giant step", (0.6, 0.4), (0.55, 0.35)),
    ):
        x, y, error = drawn(ax, "points", f"{name}, simulated ± s.e.")
        assert (x, y) == (pytest.approx([1.5, 2.0]), pytest.approx(means))
        assert error == pytest.approx([0.1, 0.1])
        assert drawn(ax, "line", f"{name}, predicted")[1] == pytest.approx(law)
    assert {line.get_linestyle() for line in ax.lines if line.get_label().endswith("predicted")} == {"-"}
