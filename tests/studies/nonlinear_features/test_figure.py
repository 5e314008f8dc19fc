"""Figures of the studies of nonlinear features: law, limits and simulation stand where the study has them."""

from types import SimpleNamespace

import numpy as np
import pytest

from spikes.estimates import Estimate, PowerLaw
from spikes.presentation.figure import LIMIT, THEORY
from spikes.simulation.ensemble import Ensemble
from spikes.studies.nonlinear_features.figure import (
    plot_decomposition,
    plot_remainder,
    plot_spectrum_study,
    plot_staircase,
    plot_step_errors,
)
from spikes.studies.nonlinear_features.study import SpectrumStudy
from theory import Problem

PROBLEM = Problem(n=20, d=10, width=15)
NAMES = ("objective", "train_error", "test_error")


@pytest.fixture
def staircase():
    measured = {name: [Estimate(k + 0.11, 0.01, 3), Estimate(k + 0.21, 0.02, 3)] for k, name in enumerate(NAMES)}
    return SimpleNamespace(
        problem=PROBLEM,
        alphas=(0.1, 0.3),
        simulation=(SimpleNamespace(seeds=3),) * 2,
        curve=np.array([0.0, 0.25, 0.5]),
        theory={name: k + np.array([0.1, 0.2, 0.3]) for k, name in enumerate(NAMES)},
        counts=(0, 1, 2),
        limit={name: k + np.array([0.7, 0.6, 0.5]) for k, name in enumerate(NAMES)},
        limit_as_published={name: k + np.array([0.77, 0.66, 0.55]) for k, name in enumerate(NAMES)},
        measured=measured.__getitem__,
    )


@pytest.mark.parametrize(("k", "name"), list(enumerate(NAMES)))
def test_step_errors(staircase, drawn, k, name):
    ax = plot_step_errors(staircase, name)
    assert drawn(ax, "line", "theory at n = 20")[1] == pytest.approx(staircase.theory[name])
    x, y, error = drawn(ax, "points", "simulation ± s.e.")
    assert (x.tolist(), y, error) == ([0.1, 0.3], pytest.approx([k + 0.11, k + 0.21]), pytest.approx([0.01, 0.02]))
    # the step of ℓ = 1 lies between the thresholds of one and of two spikes
    x, y, _ = drawn(ax, "line", "limit, n → ∞")
    assert x[:2] == pytest.approx([0.0, 0.25])
    assert y == pytest.approx(k + np.array([0.6, 0.6, 0.5, 0.5, 0.7, 0.7]))
    assert drawn(ax, "line", "limit as published")[1][0] == pytest.approx(k + 0.66)
    colours = {line.get_label(): line.get_color() for line in ax.lines}
    assert (colours["theory at n = 20"], colours["limit, n → ∞"]) == (THEORY, LIMIT)
    assert {line.get_linestyle() for line in ax.lines if line.get_label() in colours and len(line.get_xdata()) > 2} <= {
        "-",
        "None",
    }


def test_staircase_states_its_problem(staircase, drawn):
    axes = plot_staircase(staircase)
    assert len(axes) == 3
    assert "3 seeds; dotted: critical exponents" in " ".join(axes[0].figure.get_suptitle().split())


def run(*spikes):
    values = np.array([*(s**2 for s in spikes), 1.4, 1.2, 0.9, 0.6, 0.3])
    fit = SimpleNamespace(
        eigenvalues=values, singular_values=np.sqrt(values), rank=len(values), alignment=np.zeros((8, 5))
    )
    return SimpleNamespace(after=fit)


def test_spectra_and_positions(drawn):
    def theory(*spikes):
        return SimpleNamespace(
            density_x=np.array([0.3, 1.0, 1.4]),
            density=np.array([0.5, 0.4, 0.1]),
            bulk_edges=((0.3, 1.4),),
            outliers=tuple(SimpleNamespace(singular_value=s, source="step") for s in spikes),
        )

    study = SpectrumStudy(
        problem=PROBLEM,
        alphas=(0.0, 0.3),
        predictions=(theory(), theory(4.0)),
        simulation=(Ensemble(PROBLEM, (run(), run())), Ensemble(PROBLEM, (run(4.1), run(4.3)))),
        curve=np.array([0.0, 0.25, 0.5]),
        edge=np.array([1.2, 1.2, 1.3]),
        positions=((), (3.0,), (5.0,)),
    )
    axes = plot_spectrum_study(study)
    assert drawn(axes, "points", "predicted spikes")[0] == pytest.approx([16.0])
    assert drawn(axes, "points", "simulated spikes, each run")[0] == pytest.approx([4.1**2, 4.3**2])
    x, y, _ = drawn(axes, "line", "predicted spikes, theory at this n")
    assert (x.tolist(), y.tolist()) == ([0.25, 0.5], [3.0, 5.0])
    x, y, _ = drawn(axes, "points", "three largest, each run")
    assert y[x == 0.3].max() == pytest.approx(4.3)
    # the second spectrum stands above the first
    levels = drawn(axes, "line", "predicted density")[1]
    assert levels[-3:].min() > levels[:3].max()


@pytest.fixture
def decomposition():
    def estimates(*means):
        return [Estimate(mean, 0.01, 3) for mean in means]

    values = {"before": estimates(1.0, 1.1), "corrected": estimates(0.4, 0.2), "as_published": estimates(0.5, 0.3)}
    return SimpleNamespace(
        problem=PROBLEM,
        ell=2,
        sizes=(500, 1000),
        runs=((SimpleNamespace(angles={"corrected": np.zeros(1)}),) * 3,) * 2,
        exponents={name: PowerLaw(-0.5, 0.01, 10.0 + k, 1.0) for k, name in enumerate(values)},
        remainder=values.__getitem__,
        angles=lambda variant: [estimates(30.0 + len(variant)), estimates(20.0 + len(variant))],
        slope=lambda variant: estimates(0.9, 0.95) if variant == "as_published" else estimates(-0.2, -0.1),
        difference=lambda variant, name: estimates(0.02 + len(variant), 0.01 + len(variant)),
    )


def test_decomposition(decomposition, drawn):
    axes = plot_decomposition(decomposition)
    fitted = "exponent −0.500 ± 0.010"
    for name, means, factor in (
        (f"$F_0$, {fitted}", (1.0, 1.1), 10.0),
        (f"$F_2$ corrected, {fitted}", (0.4, 0.2), 11.0),
        (f"$F_2$ as published, {fitted}", (0.5, 0.3), 12.0),
    ):
        x, y, _ = drawn(axes[0], "points", name)
        assert (x.tolist(), y.tolist()) == ([500.0, 1000.0], list(means))
        panel = [line for line in axes[0].lines if line.get_linestyle() == "--" and line.get_ydata()[0] > 0]
        assert any(line.get_ydata() == pytest.approx(factor * np.array([500.0, 1000.0]) ** -0.5) for line in panel)
    # the remainder's panel has other names: these are of angles, errors and column means in turn
    _, y, _ = drawn(axes, "points", "corrected")
    assert y == pytest.approx([39.0, 29.0, 9.02, 9.01, -0.2, -0.1])
    _, y, _ = drawn(axes, "points", "as published")
    assert y == pytest.approx([42.0, 32.0, 12.02, 12.01, 0.9, 0.95])
    assert drawn(axes, "line", "as published, limit 1")[1].tolist() == [1.0, 1.0]
    assert drawn(axes, "line", "corrected, limit 0")[1].tolist() == [0.0, 0.0]
    assert "dashed: fits" in " ".join(plot_remainder(decomposition).figure.get_suptitle().split())
