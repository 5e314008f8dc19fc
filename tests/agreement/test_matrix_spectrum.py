"""A user's own matrix: noise is called noise, spikes are found where the law of spiked covariances puts them."""

import json
import math

import numpy as np
import pytest

from spikes.array_file import load_array
from spikes.matrix_spectrum import load_matrix, matrix_spectrum

RNG = np.random.default_rng(7)
NOISE = 1.7 * RNG.standard_normal((600, 400))


@pytest.mark.parametrize("matrix", [NOISE, NOISE.T], ids=["tall", "wide"])
def test_noise_is_called_noise(matrix):
    study = matrix_spectrum(matrix)
    n, N = matrix.shape
    assert study.outliers == 0
    # the median of 400 rigid eigenvalues: to about one of their spacings
    assert study.law.variance == pytest.approx(1.7**2, rel=0.02)
    assert study.law.gamma == N / n
    assert study.kolmogorov < 0.02
    assert study.remark() == ""
    values = np.linalg.svd(matrix / math.sqrt(n), compute_uv=False) ** 2
    np.testing.assert_allclose(study.eigenvalues, values, rtol=1e-8)
    # Tracy-Widom: mean -1.2, standard deviation 1.27
    assert -5.0 < study.distance(study.eigenvalues[0]) < 3.3


def test_false_alarms_come_at_their_level():
    rng = np.random.default_rng(3)
    found = sum(matrix_spectrum(rng.standard_normal((120, 60)), level=0.1).outliers > 0 for _ in range(300))
    # binomial of mean 30 and deviation 5.2; the fitted variance and n = 120 shift the level by a few percent
    assert abs(found - 30) < 25


def test_spikes_stand_out():
    scale = np.ones(400)
    scale[:2] = math.sqrt(9.0), math.sqrt(4.0)
    study = matrix_spectrum(NOISE * scale)
    assert study.outliers == 2
    ratio = 400 / 600
    for value, spike in zip(study.eigenvalues, (9.0, 4.0), strict=False):
        predicted = 1.7**2 * spike * (1.0 + ratio / (spike - 1.0))
        # deviation spike √(2/n) of a sample spike, four of them
        assert value == pytest.approx(predicted, rel=4.0 * math.sqrt(2.0 / 600))
    assert study.distance(study.eigenvalues[0]) > study.distance(study.eigenvalues[1]) > study.threshold
    content = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert list(content) == ["schema", "problem", "theory", "simulation", "agreement"]
    assert len(content["simulation"]["outliers"]) == 2


def test_a_bulk_that_is_not_noise_is_said_to_be_none():
    study = matrix_spectrum(NOISE * np.geomspace(0.1, 10.0, 400))
    assert "the bulk is not that of noise" in study.remark()


def test_files(tmp_path):
    path = tmp_path / "m.npy"
    np.save(path, NOISE.astype(np.float32))
    loaded = load_matrix(path)
    assert isinstance(loaded, np.memmap)
    np.testing.assert_allclose(matrix_spectrum(loaded).eigenvalues, matrix_spectrum(NOISE).eigenvalues, rtol=1e-4)
    archive = tmp_path / "m.npz"
    np.savez(archive, a=NOISE, b=np.ones(3))
    np.testing.assert_array_equal(load_matrix(archive, "a"), NOISE)
    with pytest.raises(ValueError, match="`key` must be one of a, b; got None"):
        load_matrix(archive)
    with pytest.raises(ValueError, match="`key` must be one of a, b; got 'c'"):
        load_array(archive, "c")
    with pytest.raises(ValueError, match=r"`FILE` must hold a real matrix of at least 20 rows .* got shape \(3,\)"):
        load_matrix(archive, "b")
    np.save(tmp_path / "object.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="`FILE` must be a NumPy file of numbers"):
        load_matrix(tmp_path / "object.npy")
    (tmp_path / "text.npy").write_text("no numbers")
    with pytest.raises(ValueError, match="`FILE` must be a NumPy file of numbers"):
        load_matrix(tmp_path / "text.npy")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ValueError, match="`FILE` must be a NumPy file of numbers"):
        load_matrix(tmp_path / "text.npz")
    with pytest.raises(ValueError, match="`FILE` must be readable"):
        load_matrix(tmp_path / "absent.npy")
    with pytest.raises(ValueError, match="`FILE` must end in"):
        load_matrix(tmp_path / "m.csv")
    np.save(path, np.eye(30) * 1j)
    with pytest.raises(ValueError, match="`FILE` must hold a real matrix"):
        load_matrix(path)


@pytest.mark.parametrize("shape", [(60, 40), (40, 60)])
def test_small_singular_values(shape):
    # columns of a product of orthonormal frames: the singular values are known
    rng = np.random.default_rng(4)
    U, V = (np.linalg.qr(rng.standard_normal((size, 40)))[0] for size in shape)
    known = np.concatenate([np.linspace(2.0, 1.0, 39), [1e-11]])
    F = (U * known) @ V.T
    direct, squared = (matrix_spectrum(F, method=method) for method in ("svd", "gram"))
    np.testing.assert_allclose(direct.eigenvalues * shape[0], known**2, rtol=1e-4, atol=0.0)
    np.testing.assert_allclose(squared.eigenvalues[:39] * shape[0], known[:39] ** 2, rtol=1e-13)
    assert squared.eigenvalues[-1] * shape[0] < 1e-14  # rounding, where the truth is 1e-22


@pytest.mark.parametrize("method", ["gram", "svd"])
def test_a_matrix_that_cannot_be_decomposed_in_memory_is_refused(method, monkeypatch):
    monkeypatch.setattr("spikes.matrix_spectrum.free_gib", lambda: 1e-4)
    with pytest.raises(ValueError, match=f"`method` {method} can decompose in memory: 600 × 400 needs about"):
        matrix_spectrum(NOISE, method=method)


def test_numbers_that_are_none():
    bad = NOISE.copy()
    bad[5, 5] = math.nan
    with pytest.raises(ValueError, match="`FILE` must hold finite numbers"):
        matrix_spectrum(bad)
    with pytest.raises(ValueError, match="`FILE` must hold finite numbers"):
        matrix_spectrum(bad, method="svd")
    with pytest.raises(ValueError, match="`method` must be one of gram, svd; got 'lanczos'"):
        matrix_spectrum(NOISE, method="lanczos")
    with pytest.raises(ValueError, match="matrix that is not zero"):
        matrix_spectrum(np.zeros((30, 30)))
    with pytest.raises(ValueError, match="`level` must be between 0 and 1; got 0"):
        matrix_spectrum(NOISE, level=0)
