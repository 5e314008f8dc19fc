"""Spectra from products alone: against the dense path, against the theory, and the same bits wherever they run."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from spikes import simulate_ensemble
from spikes.simulation.krylov import smoothed
from spikes.simulation.matrix_free import Quadrature, matrix_free_spectrum
from spikes.studies.matrix_free.study import compare_matrix_free, smoothed_density
from theory import Problem, predict

PROBLEM = Problem(n=1500, d=150, width=220, alpha=0.45)
HOW = {"seeds": 3, "seed": 4, "workers": 1}


@pytest.fixture(scope="module")
def dense():
    return simulate_ensemble(PROBLEM, **HOW, test_samples=100)


def test_spikes_are_those_of_the_dense_path(dense):
    found = matrix_free_spectrum(PROBLEM, count=2, **HOW)
    for run, expected in zip(found.runs, dense.runs, strict=True):
        np.testing.assert_allclose(run.singular_values, expected.after.singular_values[:2], rtol=1e-8)
        np.testing.assert_allclose(run.alignment, expected.after.alignment[:2], atol=1e-8)
        np.testing.assert_allclose(run.overlap, expected.overlap, rtol=1e-8)
        assert run.beta_norm2 == pytest.approx(expected.beta_norm2, rel=1e-8)
        assert run.density is None
    single = matrix_free_spectrum(PROBLEM, count=2, **HOW, dtype="float32")
    for run, expected in zip(single.runs, dense.runs, strict=True):
        np.testing.assert_allclose(run.singular_values, expected.after.singular_values[:2], rtol=1e-3)


def test_density_is_that_of_the_dense_path_within_its_error(dense):
    x = np.geomspace(0.02, 3.0, 30)
    found = matrix_free_spectrum(PROBLEM, count=1, quadrature=Quadrature(x, probes=20), **HOW).density()
    exact = np.mean(
        [PROBLEM.width / PROBLEM.n * smoothed(r.after.eigenvalues, np.full(220, 1 / 220), x, 0.15) for r in dense.runs],
        axis=0,
    )
    z = np.array([(value.mean - e) / value.sem for value, e in zip(found, exact, strict=True)])
    # 60 probes at 30 points, neighbours alike: 5 is passed with odds below 1e-4
    assert np.max(np.abs(z)) < 5.0
    assert 0.2 < np.sqrt(np.mean(z**2)) < 1.8


@pytest.mark.parametrize("seeds", [1, 3])
def test_workers_change_no_bit(seeds, monkeypatch):
    # three runs are shared by processes, one run's rows are
    if seeds == 1:
        monkeypatch.setattr("spikes.simulation.row_sums.RANGE", 512)
    quadrature = Quadrature(np.geomspace(0.1, 2.0, 5), steps=20, width=0.4)
    one, two = (
        matrix_free_spectrum(PROBLEM, count=1, quadrature=quadrature, seeds=seeds, seed=4, workers=workers)
        for workers in (1, 2)
    )
    for a, b in zip(one.runs, two.runs, strict=True):
        np.testing.assert_array_equal(a.singular_values, b.singular_values)
        np.testing.assert_array_equal(a.density.density, b.density.density)
        np.testing.assert_array_equal(a.alignment, b.alignment)


@pytest.mark.slow
def test_smoothed_density_keeps_bulk_and_spikes():
    theory = predict(PROBLEM)
    x = np.geomspace(1e-3, 1e3, 4000)
    for width in (0.05, 0.3):
        found = smoothed_density(theory, x, width)
        assert np.trapezoid(x * found, np.log(x)) == pytest.approx(1.0 - theory.mass_at_zero, abs=1e-6)
    # E x of the smoothed law is that of the law times exp(width²/2)
    t, share = theory.density_x, len(theory.outliers) / PROBLEM.n
    first = np.trapezoid(t * theory.density, t) * (1.0 - share / (1.0 - theory.mass_at_zero))
    first += sum(spike.singular_value**2 for spike in theory.outliers) / PROBLEM.n
    assert np.trapezoid(x * smoothed_density(theory, x, 0.3), x) == pytest.approx(first * math.exp(0.045), rel=2e-3)


@pytest.mark.slow
def test_theory_beside_it():
    result = compare_matrix_free(Problem(n=3000, d=300, width=400, alpha=0.4), seeds=4, seed=1, workers=2)
    content = result.to_dict()
    assert list(content) == ["schema", "problem", "theory", "simulation", "agreement"]
    json.dumps(content)
    assert len(content["theory"]["smoothed_density"]["x"]) == 61
    spikes = {r.quantity: r for r in result.rows()}
    assert abs(spikes["spike 1"].relative) < 0.1  # four seeds of relative scatter 5 %, and finite n
    densities = [r for r in result.rows() if r.quantity.startswith("x rho")]
    assert len(densities) == 5
    # four standard errors beside what a bulk without two of 400 eigenvalues, and n = 3000, leave open
    assert all(abs(r.relative) < 0.02 + 4.0 * r.sem / r.theory for r in densities)
    ax = result.plot()
    bare = replace(result, smoothed=None).plot()
    assert "predicted density" in {t.get_text() for t in bare.get_legend().get_texts()}
    assert {"predicted spikes", "Lanczos quadrature ± s.e."} <= {t.get_text() for t in ax.get_legend().get_texts()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "`count` must be an integer from 1 to 220; got 0"),
        ({"steps": -1}, "`steps` must be an integer of at least 2; got -1"),
        ({"probes": 1}, "`probes` must be an integer of at least 2, for an error; got 1"),
        ({"smoothing": 0.0}, "`smoothing` must be positive; got 0.0"),
        ({"seeds": 0}, "`seeds` must be an integer of at least 1; got 0"),
        ({"dtype": "half"}, "`dtype` must be one of float64, float32; got 'half'"),
        ({"workers": 0}, "`workers` must be an integer of at least 1; got 0"),
        ({"workers": 1, "executor": object()}, "`workers` must be left out beside an executor"),
    ],
)
def test_refused_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare_matrix_free(PROBLEM, **{"workers": 1, **arguments})


def test_memory_is_estimated_before_it_is_taken():
    with pytest.raises(ValueError, match="room for weights and Krylov bases: d = 300000, width = 500000 need about"):
        matrix_free_spectrum(Problem(n=10**6, d=300000, width=500000), seeds=1, workers=1)


def test_command(spikes, tmp_path):
    figure = tmp_path / "a.png"
    options = ["--n", "1500", "--d", "150", "--width", "220", "--seeds", "2", "--workers", "1", "--quiet"]
    code, out, err = spikes("matrix-free", *options, "--count", "3", "--figure", str(figure))
    assert (code, err) == (0, "")
    assert "2 spikes are predicted; singular values beyond them belong to the bulk" in out
    assert "singular value 3: " in out
    assert figure.stat().st_size > 1000
    code, out, _ = spikes("matrix-free", *options, "--steps", "0", "--json", "-")
    assert code == 0
    content = json.loads(out)
    assert "smoothed_density" not in content["simulation"]
    assert "ridge" not in content["theory"]
    code, out, err = spikes("matrix-free", *options, "--steps", "10", "--smoothing", "0.01")
    assert (code, out) == (1, "")
    assert "raise --steps or the smoothing" in err
