"""Figure of a spectrum from products alone: law and quadrature stand where the study has them."""

from types import SimpleNamespace

import numpy as np
import pytest

from spikes.estimates import Estimate
from spikes.studies.matrix_free.figure import plot_matrix_free
from spikes.studies.matrix_free.study import MatrixFreeComparison
from theory import Problem

PROBLEM = Problem(n=20, d=10, width=15)
X = np.array([0.2, 1.0, 2.0])


@pytest.fixture
def comparison():
    theory = SimpleNamespace(
        density_x=np.array([0.1, 1.0, 2.5]),
        density=np.array([0.5, 0.4, 0.1]),
        bulk_edges=((0.1, 2.5),),
        outliers=(SimpleNamespace(singular_value=3.0, source="step"),),
    )
    runs = SimpleNamespace(
        runs=(SimpleNamespace(singular_values=np.array([3.1])), SimpleNamespace(singular_values=np.array([3.3]))),
        seeds=2,
        quadrature=SimpleNamespace(x=X, width=0.15),
        measured_quadrature=SimpleNamespace(x=X, width=0.15),
        density=lambda: [Estimate(m, 0.01, 2) for m in (0.45, 0.35, 0.15)],
    )
    return MatrixFreeComparison(PROBLEM, theory, np.array([0.5, 0.4, 0.2]), runs)


def test_smoothed_densities_and_spikes(comparison, drawn):
    ax = plot_matrix_free(comparison)
    _, y, _ = drawn(ax, "line", "predicted, smoothed over 0.15 in ln x")
    assert y == pytest.approx(X * [0.5, 0.4, 0.2])
    x, y, error = drawn(ax, "points", "Lanczos quadrature ± s.e.")
    assert (x.tolist(), y, error) == (
        X.tolist(),
        pytest.approx(X * [0.45, 0.35, 0.15]),
        pytest.approx(0.01 * X),
    )
    assert drawn(ax, "points", "predicted spikes")[0] == pytest.approx([9.0])
    assert drawn(ax, "points", "largest eigenvalues, block Lanczos, each run")[0] == pytest.approx([3.1**2, 3.3**2])
    assert "n = 20" in ax.figure.get_suptitle()


def test_the_law_as_it_is_where_nothing_was_measured(comparison, drawn):
    bare = MatrixFreeComparison(PROBLEM, comparison.theory, None, comparison.simulation)
    assert drawn(plot_matrix_free(bare), "line", "predicted density")[1] == pytest.approx([0.05, 0.4, 0.25])
