"""Figures of one step: what is predicted and what is simulated stand where the study has them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from spikes.estimates import Estimate
from spikes.simulation.ensemble import Ensemble
from spikes.studies.one_step.figure import (
    plot_alignments,
    plot_comparison,
    plot_error_path,
    plot_errors,
    plot_prediction,
    plot_simulation,
    plot_spectrum,
    plot_step_path,
)
from spikes.studies.one_step.study import Path, StepPath, path_penalties, predicted_path, step_path, with_path
from theory import Problem, predict_errors

PROBLEM = Problem(n=20, d=10, width=15)
PREDICTED = np.array([0.1, 0.9, 0.2, 0.05, 0.01])


def run(spike, amplitude):
    values = np.array([spike**2, 1.5, 1.2, 0.9, 0.7, 0.4, 0.2])
    alignment = np.array([[0.15, amplitude, 0.25, 0.06, 0.02]])
    fit = SimpleNamespace(
        eigenvalues=values, singular_values=np.sqrt(values), alignment=alignment, rank=len(values), outliers=1
    )
    return SimpleNamespace(after=fit)


@pytest.fixture
def comparison():
    theory = SimpleNamespace(
        problem=PROBLEM,
        density_x=np.array([0.15, 0.5, 1.0, 1.6]),
        density=np.array([0.5, 0.4, 0.2, 0.05]),
        bulk_edges=((0.15, 1.6),),
        outliers=(SimpleNamespace(singular_value=3.0, alignment=PREDICTED, source="step"),),
    )
    simulation = Ensemble(PROBLEM, (run(3.1, 0.8), run(3.3, 0.7)))
    curve, ridge = np.array([0.01, 0.1, 1.0]), np.array([0.01, 1.0])

    def lines(start):
        return {name: start + k + np.array([0.1, 0.2, 0.3]) for k, name in enumerate(("test_error", "train_error"))}

    def points(start):
        return {
            name: [Estimate(start + k + x, 0.01, 2) for x in (0.11, 0.31)]
            for k, name in enumerate(("test_error", "train_error"))
        }

    path = Path(ridge, curve, lines(1.0), lines(5.0), points(1.0), points(5.0))
    return SimpleNamespace(problem=PROBLEM, theory=theory, simulation=simulation, path=path)


def test_spectrum(comparison, drawn):
    theory = comparison.theory
    ax = plot_spectrum(theory, comparison.simulation)
    assert drawn(ax, "line", "predicted density")[1] == pytest.approx(theory.density_x * theory.density)
    assert drawn(ax, "points", "predicted spikes")[0] == pytest.approx([9.0])
    assert sorted(drawn(ax, "points", "simulated spikes, each run")[0]) == pytest.approx([3.1**2, 3.3**2])
    edges, height = comparison.simulation.log_histogram(1)
    assert drawn(ax, "histogram", "simulated bulk")[0] == pytest.approx(edges[:-1])
    assert drawn(ax, "histogram", "simulated bulk")[1] == pytest.approx(height)
    assert "2 seeds" in ax.figure.get_suptitle()


def test_alignments(comparison, drawn):
    ax = plot_alignments(comparison.theory, comparison.simulation)
    assert drawn(ax, "bars", "spike 1, predicted")[1] == pytest.approx(PREDICTED)
    _, y, error = drawn(ax, "points", "spike 1, simulated ± s.e.")
    assert y == pytest.approx([0.15, 0.75, 0.25, 0.06, 0.02])
    assert error[1] == pytest.approx(0.05)


@pytest.mark.parametrize(("when", "start"), [("after", 1.0), ("before", 5.0)])
@pytest.mark.parametrize(("name", "k"), [("test", 0), ("train", 1)])
def test_errors(comparison, drawn, when, start, name, k):
    ax = plot_errors(comparison)
    x, y, _ = drawn(ax, "line", f"{name}, {when}, predicted")
    assert x.tolist() == [0.01, 0.1, 1.0]
    assert y == pytest.approx(start + k + np.array([0.1, 0.2, 0.3]))
    x, y, error = drawn(ax, "points", f"{name}, {when}")
    assert x.tolist() == [0.01, 1.0]
    assert y == pytest.approx(start + k + np.array([0.11, 0.31]))
    assert error == pytest.approx([0.01, 0.01])


def test_curves_of_the_law_alone(comparison, drawn):
    ax = plot_error_path(replace(comparison.path, simulation={}, simulation_before={}))
    assert drawn(ax, "line", "test, after, predicted")[1] == pytest.approx([1.1, 1.2, 1.3])
    assert ax.get_legend().get_title().get_text() == "theory"
    assert ax.containers == []


@pytest.mark.parametrize("eta", [None, 20**0.3])
def test_errors_along_the_step(drawn, eta):
    alphas = np.array([0.0, 0.25, 0.5])
    theory = {"test_error": np.array([2.0, 1.5, 1.2]), "train_error": np.array([0.9, 0.8, 0.7])}
    path = StepPath(PROBLEM, alphas, theory, {"test_error": 2.1, "train_error": 1.0})
    for ax in (plot_step_path(path), plot_step_path(path, simulation=_errors_of(eta))):
        x, y, _ = drawn(ax, "line", "test, after, predicted")
        assert (x.tolist(), y.tolist()) == ([0.0, 0.25, 0.5], [2.0, 1.5, 1.2])
        assert drawn(ax, "line", "train, before, predicted")[1] == pytest.approx([1.0, 1.0, 1.0])
    x, y, error = drawn(ax, "points", "test, after")
    assert x == pytest.approx([0.3])
    assert y == pytest.approx([1.4])
    assert error == pytest.approx([0.1])


def _errors_of(eta):
    fits = [SimpleNamespace(test_error=np.array([e]), train_error=np.array([e / 2])) for e in (1.3, 1.5)]
    problem = PROBLEM.replace(alpha=0.3) if eta is None else PROBLEM.replace(eta=eta)
    return Ensemble(problem, tuple(SimpleNamespace(after=fit, before=fit) for fit in fits))


def test_paths_are_those_of_the_law():
    problem = Problem(n=200, d=100, width=150, activation="tanh", ridge=0.2)
    path = predicted_path(problem, points=4)  # over three decades, the penalty itself one of them
    assert path.curve[2] == pytest.approx(0.2)
    assert path.theory["test_error"][2] == pytest.approx(predict_errors(problem)[0].test_error, rel=1e-9)
    assert path.before["train_error"][2] == pytest.approx(predict_errors(problem.replace(eta=0.0))[0].train_error)
    assert with_path(problem).ridges == (0.2, *path_penalties(problem))
    along = step_path(problem.replace(alpha=0.4))
    at = problem.replace(alpha=float(along.alpha[6]))
    assert along.theory["objective"][6] == pytest.approx(predict_errors(at)[0].objective, rel=1e-9)


def test_all_and_parts_state_the_problem(comparison, drawn):
    axes = plot_comparison(comparison)
    assert [ax.get_title(loc="center") or ax.get_title(loc="left") for ax in axes] == [
        "spectrum of the features",
        "what the spikes have learned",
        "ridge regression on the features",
    ]
    for shown in (axes[0], plot_prediction(comparison.theory)[0], plot_simulation(comparison.simulation)):
        assert "n = 20, d = 10, N = 15" in " ".join(shown.figure.get_suptitle().split())


def test_one_of_both_is_needed():
    with pytest.raises(ValueError, match="`theory` or `simulation` must be given"):
        plot_spectrum()
