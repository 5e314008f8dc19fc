"""Figure of a user's own matrix: eigenvalues, fitted bulk and outliers stand where the study has them."""

import numpy as np
import pytest

from spikes import matrix_spectrum
from spikes.studies.own_matrix.figure import plot_matrix_spectrum


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((80, 40))
    return matrix_spectrum(matrix + 2.0 * np.outer(rng.standard_normal(80), np.ones(40) / 40**0.5))


def test_eigenvalues_fit_and_outliers(study, drawn):
    assert study.outliers == 1
    ax = plot_matrix_spectrum(study)
    # too small for noise to be told from coloured noise but by its fit, which the study has made
    x, density, kind = study.log_density()
    drawn_x, drawn_density, _ = drawn(ax, "line", f"{kind} noise, fitted")
    assert drawn_x == pytest.approx(x)
    assert drawn_density == pytest.approx(density)
    assert kind == "white"
    assert density == pytest.approx(x * study.white.law.pdf(x))
    spikes = drawn(ax, "points", "directions that stand out")[0]
    assert spikes == pytest.approx(study.eigenvalues[:1])
    edges, height, _ = drawn(ax, "histogram", "eigenvalues")
    # areas are shares of all eigenvalues: one of forty stands apart
    width = np.log(edges[1] / edges[0])
    assert height.sum() * width == pytest.approx(39 / 40)
    assert ax.lines[0].is_dashed()  # a fit
    assert ax.figure.get_suptitle() == "80 × 40: 1 by the signflip null"
