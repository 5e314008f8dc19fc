"""A user's own matrix: noise is called noise whatever it is like, and what stands out is found and measured."""

import json
import math

import numpy as np
import pytest
import scipy.sparse
from scipy.stats import binom

import spikes
from spikes.runtime.array_file import load_array
from spikes.simulation.signflip import randomisation_test
from spikes.studies.own_matrix.study import load_matrix, matrix_spectrum, spectrum
from theory.laws import GeneralisedMarchenkoPastur
from theory.spiked_models import InformationPlusNoise

RNG = np.random.default_rng(7)
NOISE = 1.7 * RNG.standard_normal((150, 100))


def autoregressive(rng, n, p):
    x = rng.standard_normal((n + 50, p))
    for i in range(1, n + 50):
        x[i] += 0.6 * x[i - 1]
    return x[50:]


def planted(rng, n, p, sizes):
    u, v = (np.linalg.qr(rng.standard_normal((side, len(sizes))))[0] for side in (n, p))
    return (np.asarray(sizes) * u) @ v.T


@pytest.mark.parametrize("matrix", [NOISE, NOISE.T], ids=["tall", "wide"])
def test_noise_is_called_noise(matrix):
    study = spectrum(matrix)
    n, p = matrix.shape
    assert study.outliers == 0
    assert study.verdict.startswith("No direction stands out of noise (p = ")
    assert study.verdict.endswith("the whole looks like white noise.")
    assert study.counts == {
        "signflip": 0,
        "permutation": 0,
        "white": 0,
        "coloured": 0,
        "counts": None,
        "gavish_donoho": 0,
        "screenot": 0,
    }
    # (n − 1) p squares of variance 1.7²; the law is of XᵀX/n
    assert study.white.law.variance == pytest.approx(1.7**2 * (n - 1) / n, rel=4.0 * math.sqrt(2.0 / (n * p)))
    values = np.linalg.svd((matrix - matrix.mean(axis=0)) / math.sqrt(n), compute_uv=False) ** 2
    kept = min(n - 1, p)
    np.testing.assert_allclose(study.eigenvalues[:kept], values[:kept], rtol=1e-8)


SIX = {
    "not centred": lambda rng: rng.standard_normal((600, 200)) + 5.0,
    "counts": lambda rng: rng.poisson(3.0, (600, 200)),
    "uneven columns": lambda rng: rng.standard_normal((400, 200)) * np.linspace(0.3, 2.0, 200),
    "autoregressive": lambda rng: autoregressive(rng, 400, 200),
    "heavy tails": lambda rng: rng.standard_t(3, (600, 200)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIX)
def test_the_noises_that_were_called_spikes(name):
    study = spectrum(SIX[name](np.random.default_rng(11)), level=0.01)
    assert study.outliers == 0
    assert study.verdict.startswith("No direction stands out of")
    assert ("the entries are not independent" in study.verdict) == (name == "autoregressive")
    assert ("the means that were taken away held" in " ".join(study.remarks)) == (name in ("not centred", "counts"))


def test_a_correlation_matrix_is_not_taken_for_data():
    C = np.corrcoef(NOISE.T)
    with pytest.raises(ValueError, match="this 100 × 100 matrix is symmetric with unit diagonal, a correlation matrix"):
        spectrum(C)
    study = spectrum(C, samples=150)
    assert study.outliers == 0
    assert "read as the covariance of 150 samples" in study.remarks[0]
    spiked = np.corrcoef((NOISE + 2.0 * np.outer(RNG.standard_normal(150), np.ones(100))).T)
    study = spectrum(spiked, samples=150)
    assert study.outliers == 1
    assert study.spikes[0].to_dict()["participation"]["rows"] is None
    assert np.linalg.eigvalsh(study.cleaned())[0] > 2.0 * np.linalg.eigvalsh(spiked)[0]
    broken = C - 0.5 * np.eye(100) * C.max()
    with pytest.raises(ValueError, match="`matrix` must have no negative eigenvalue, as covariances have none; got -"):
        spectrum(broken, samples=150)
    with pytest.raises(ValueError, match="`samples` must be an integer of at least 13; got 5"):
        spectrum(C, samples=5)
    with pytest.raises(ValueError, match="`null` must be white or coloured for a covariance"):
        spectrum(C, samples=150, null="permutation")


def test_planted_factors_are_found():
    rng = np.random.default_rng(8)
    study = spectrum(rng.standard_normal((200, 100)) + planted(rng, 200, 100, np.linspace(40.0, 70.0, 10)) + 3.0)
    assert study.outliers == 10
    assert study.verdict == "Ten directions stand out of noise (p ≤ 0.01 each); the rest looks like white noise."
    assert all(study.counts[name] == 10 for name in ("signflip", "white", "coloured", "permutation", "screenot"))


def test_a_spike_is_measured():
    rng = np.random.default_rng(9)
    truth = planted(rng, 400, 200, [60.0])
    study = spectrum(rng.standard_normal((400, 200)) + truth + 7.0, names=[f"x{j}" for j in range(200)])
    (spike,) = study.spikes
    # α = 1 + θ²/n for scores of unit length, which the centring keeps to 1/n; deviation α√(2/n)
    value, low, high = spike.population
    assert low < value < high
    assert value == pytest.approx(10.0, abs=4.0 * 10.0 * math.sqrt(2.0 / 400))
    u, s, vh = np.linalg.svd(truth)
    left, right = spike.cosine2
    assert 0.9 < right < left < 1.0
    assert spike.columns[0][0] == f"x{int(np.argmax(np.abs(vh[0])))}" or abs(spike.columns[0][1]) > 0.1
    assert 20.0 < spike.participation[1] < 200.0
    # optimal shrinkage is nearer to the truth than what was measured, and than the noiseless guess 0
    error = np.linalg.norm(study.cleaned() - 7.0 - truth)
    assert error < 0.5 * np.linalg.norm(truth)
    del u, s


def test_json_has_the_contract():
    rng = np.random.default_rng(10)
    study = spectrum(rng.standard_normal((120, 60)) + planted(rng, 120, 60, [40.0]))
    content = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert list(content)[:5] == ["schema", "problem", "theory", "simulation", "agreement"]
    assert {"verdict", "null", "level", "spikes", "counts"} <= set(content)
    assert set(content["counts"]) >= {"signflip", "white", "coloured", "permutation", "gavish_donoho", "screenot"}
    assert set(content["spikes"][0]) == {
        "singular_value",
        "eigenvalue",
        "p_value",
        "variance_share",
        "population",
        "cosine2",
        "participation",
        "columns",
    }
    assert set(content["spikes"][0]["population"]) == {"value", "low", "high"}
    assert len(content["simulation"]["outliers"]) == 1
    assert "<strong>One direction stands out" in study._repr_html_()
    assert [row.quantity for row in study.rows()][-1] == "spike 1 against the edge"
    assert study.plot().get_xscale() == "log"


def test_what_should_change_nothing_changes_nothing():
    rng = np.random.default_rng(12)
    x = rng.standard_normal((100, 50)) * np.linspace(0.5, 2.0, 50) + planted(rng, 100, 50, [60.0])
    plain = spectrum(x, center="none")
    for other in (spectrum(1e8 * x, center="none"), spectrum(1e-30 * x, center="none")):
        assert [s.p_value for s in other.spikes] == [s.p_value for s in plain.spikes]
        assert other.counts == plain.counts
    turned = spectrum(np.ascontiguousarray(x.T), center="none", transpose=True)
    assert turned.counts == plain.counts
    np.testing.assert_allclose(turned.eigenvalues, plain.eigenvalues, rtol=1e-12)
    units = x.copy()
    units[:, :7] *= 1e6
    one, other = (spectrum(m, scale="unit") for m in (x, units))
    assert one.counts == other.counts
    np.testing.assert_allclose(one.eigenvalues, other.eigenvalues, rtol=1e-6)
    noise = rng.standard_normal((100, 50))
    noise[:, 3] *= 1e6
    study = spectrum(noise)
    assert study.outliers == 0
    assert "column '3' has 1 of the variance" in study.remarks[0]


def test_odd_columns_and_rows_are_told():
    x = RNG.standard_normal((60, 30))
    x[17] += 30.0 * RNG.standard_normal(30)
    x[:, 4] = 2.0
    x[:, 9] = x[:, 8]
    study = spectrum(x)
    told = " | ".join(study.remarks)
    assert "column '4' is constant and left out" in told
    assert "columns '8' and '9' are equal" in told
    assert study.white.null_directions == 2
    if study.outliers:
        assert "one row, 17: an odd sample rather than a factor" in told


def test_kinds_of_input():
    pandas = pytest.importorskip("pandas")
    x = RNG.standard_normal((30, 14))
    eigenvalues = spectrum(x).eigenvalues
    frame = pandas.DataFrame(x, columns=[f"c{j}" for j in range(14)])
    for other in (x.tolist(), frame, np.ma.masked_array(x), scipy.sparse.csr_array(x), x.astype(np.longdouble)):
        np.testing.assert_allclose(spectrum(other).eigenvalues, eigenvalues, rtol=1e-12)
    np.testing.assert_allclose(spectrum(x.astype(np.float16)).eigenvalues, eigenvalues, rtol=1e-2)
    assert spectrum(np.rint(10.0 * x).astype(int)).outliers == 0
    assert spectrum(x > 0.0).outliers == 0
    turned = x + 1j * RNG.standard_normal((30, 14))
    assert spectrum(turned).eigenvalues[0] == pytest.approx(
        np.linalg.svd(turned - turned.mean(axis=0), compute_uv=False)[0] ** 2 / 30, rel=1e-10
    )
    signal = turned + 5.0 * np.outer(RNG.standard_normal(30), np.exp(1j * np.arange(14)))
    assert spectrum(signal).outliers == 1


def test_missing_values_are_refused_or_filled():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(RNG.standard_normal((40, 12)), columns=[f"c{j}" for j in range(12)])
    frame.iloc[5, 3] = math.nan
    frame.iloc[7, 1] = math.nan
    with pytest.raises(ValueError, match="2 entries are missing, the first in row 5, column 'c3': leave out, or fill"):
        spectrum(frame)
    study = spectrum(frame, missing="mean")
    assert study.outliers == 0
    assert "2 entries are missing (0.42%) and filled" in study.remarks[0]
    masked = np.ma.masked_greater(RNG.standard_normal((40, 12)), 2.0)
    assert "filled with the mean" in spectrum(masked, missing="mean").remarks[0]
    frame["c3"] = math.nan
    with pytest.raises(ValueError, match="a value in every column; column 'c3' is all missing"):
        spectrum(frame, missing="mean")
    frame["c3"] = math.inf
    with pytest.raises(
        ValueError, match="`matrix` must be finite; 40 entries are infinite, the first in row 0, column 'c3'"
    ):
        spectrum(frame)
    frame["c3"] = "text"
    with pytest.raises(ValueError, match="`matrix` must hold numbers; column 'c3' is not numeric"):
        spectrum(frame)


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        ([[1.0, 2.0], [3.0]], "`matrix` must have rows of one length"),
        ([1.0, 2.0], r"`matrix` must have two dimensions, a row a sample; got shape \(2,\)"),
        (np.zeros((3, 4, 5)), r"`matrix` must have two dimensions, a row a sample; got shape \(3, 4, 5\)"),
        (np.zeros((0, 9)), r"`matrix` must have at least 5 rows and columns; got \(0, 9\)"),
        (np.zeros((1, 9)), r"`matrix` must have at least 5 rows and columns; got \(1, 9\)"),
        (1e-200 * np.eye(9), "`matrix` must have its largest entry between 1e-50 and 1e\\+50; got 1e-200"),
        (np.zeros((9, 9)), "`matrix` must hold something beside constant columns"),
        (np.full((9, 9), "a"), "`matrix` must hold numbers; got <U1"),
        (np.full((9, 9), {}), "`matrix` must hold numbers; got objects such as {}"),
    ],
)
def test_what_is_no_matrix(matrix, why):
    with pytest.raises(ValueError, match=why):
        spectrum(matrix)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"null": "guess"}, "`null` must be one of signflip, white, coloured, permutation, counts; got 'guess'"),
        ({"null": "counts"}, "`null` must not be 'counts' for entries that are not counts"),
        ({"level": 0}, "`level` must be between 0 and 1; got 0"),
        ({"method": "lanczos"}, "`method` must be one of gram, svd; got 'lanczos'"),
        ({"center": "rows"}, "`center` must be one of columns, none, both; got 'rows'"),
        ({"scale": "robust"}, "`scale` must be one of none, unit; got 'robust'"),
        ({"missing": "drop"}, "`missing` must be None or 'mean'; got 'drop'"),
        ({"names": ["a"]}, "`names` must be as many as the 100 columns; got 1"),
        ({"flips": 3}, "`flips` must be an integer of at least"),
    ],
)
def test_bad_options(options, why):
    with pytest.raises(ValueError, match=why):
        spectrum(NOISE, **options)


def test_counts():
    rng = np.random.default_rng(13)
    rates = np.outer(rng.gamma(3.0, 1.0, 150), rng.gamma(3.0, 1.0, 60))
    study = spectrum(rng.poisson(rates), null="counts", level=0.01)
    assert (study.outliers, study.decided_by) == (0, "counts")
    # uneven rates are a factor of the counts themselves, not of what is left of them once they are rescaled
    assert spectrum(rng.poisson(rates)).counts["signflip"] >= 1
    rates[:75, :30] *= 3.0
    study = spectrum(rng.poisson(rates), null="counts", level=0.01)
    assert study.outliers == 1
    with pytest.raises(ValueError, match="`clean` must not be asked of `null` = 'counts'"):
        study.cleaned()


@pytest.mark.parametrize("null", ["white", "coloured", "permutation"])
def test_other_nulls_decide_when_asked(null):
    rng = np.random.default_rng(14)
    study = spectrum(rng.standard_normal((120, 60)) + planted(rng, 120, 60, [45.0, 35.0]), null=null)
    assert (study.outliers, study.decided_by) == (2, null)


def test_the_coloured_null_says_where_it_is_rough():
    rng = np.random.default_rng(18)
    study = spectrum(autoregressive(rng, 40, 80), null="coloured", flips=19)
    assert "with fewer than 100 rows or columns, here 39, the coloured null is rough" in " ".join(study.remarks)
    for remarks in (spectrum(NOISE[:40]).remarks, spectrum(NOISE, null="coloured", flips=19).remarks):
        assert "the coloured null is rough" not in " ".join(remarks)


def test_a_matrix_that_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr("spikes.runtime.memory.free_gib", lambda: (1e-5, 1e-5))
    with pytest.raises(
        ValueError, match=r"`matrix` must fit in memory several times over: 150 × 100 need about 0\.201"
    ):
        spectrum(NOISE)
    with pytest.raises(ValueError, match="`matrix` must fit in memory"):
        spectrum(scipy.sparse.csr_array((2000, 2000)))


def test_small_singular_values_are_taken_by_svd():
    rng = np.random.default_rng(4)
    U, V = (np.linalg.qr(rng.standard_normal((size, 40)))[0] for size in (60, 40))
    known = np.concatenate([np.linspace(2.0, 1.0, 39), [1e-6]])
    study = spectrum((U * known) @ V.T, center="none")
    np.testing.assert_allclose(study.eigenvalues * 60, known**2, rtol=1e-8)


def test_names_of_the_front_door():
    assert spikes.spectrum is spectrum
    assert spikes.matrix_spectrum is matrix_spectrum is spectrum


def test_files(tmp_path):
    np.savez(tmp_path / "m.npz", a=NOISE, b=np.ones(3))
    np.testing.assert_array_equal(load_matrix(tmp_path / "m.npz", "a"), NOISE)
    with pytest.raises(ValueError, match="`key` must be one of a, b; got 'c'"):
        load_array(tmp_path / "m.npz", "c")
    with pytest.raises(ValueError, match=r"`path` must hold a matrix of at least 5 rows .* got shape \(3,\)"):
        load_matrix(tmp_path / "m.npz", "b")
    np.save(tmp_path / "object.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="`path` must be a NumPy file of numbers"):
        load_matrix(tmp_path / "object.npy")


def first_stands_out(x, rng) -> bool:
    """Whether signflip calls the first direction of a centred matrix more than noise, at 5 %."""
    x = x - x.mean(axis=0)
    tall = x.shape[0] >= x.shape[1]
    lines = np.ascontiguousarray(x if tall else x.T)
    s, vectors = np.linalg.svd(lines, full_matrices=False)[1:]
    options = {"axis": 0 if tall else 1, "lost": (1, 0) if tall else (0, 1), "level": 0.05, "most": 1}
    return randomisation_test(lines, s, vectors.T, rng, **options).count > 0


@pytest.mark.slow
def test_a_spike_above_the_threshold_in_uneven_noise_is_found():
    """Signals of 1.5 thresholds, the threshold of noise of this covariance."""
    rng, n, p = np.random.default_rng(15), 300, 150
    t = np.linspace(0.3, 2.0, p) ** 2
    threshold = InformationPlusNoise(GeneralisedMarchenkoPastur(t, p / n)).threshold * math.sqrt(n)
    found = 0
    for _ in range(40):
        u, v = rng.standard_normal(n), rng.standard_normal(p)
        signal = 1.5 * threshold * np.outer(u / np.linalg.norm(u), v / np.linalg.norm(v))
        found += first_stands_out(rng.standard_normal((n, p)) * np.sqrt(t) + signal, rng)
    assert found >= 38


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(20, 200), (40, 80), (80, 40), (200, 20)], ids=str)
@pytest.mark.parametrize(
    "noise", ["normal", "uneven columns", "uneven both", "student", "poisson", "bernoulli", "filled"]
)
def test_level_of_signflip(noise, shape):
    n, p = shape
    rng = np.random.default_rng(16)
    rows, columns = np.linspace(0.3, 2.0, n)[:, None], np.linspace(0.3, 2.0, p)
    draw = {
        "normal": lambda: rng.standard_normal(shape),
        "uneven columns": lambda: rng.standard_normal(shape) * columns,
        "uneven both": lambda: rows * rng.standard_normal(shape) * columns,
        "student": lambda: rng.standard_t(5, shape),
        "poisson": lambda: rng.poisson(3.0, shape),
        "bernoulli": lambda: rng.random(shape) < 0.2,
        "filled": lambda: filled(np.where(rng.random(shape) < 0.1, math.nan, rng.standard_normal(shape))),
    }[noise]
    rejected = sum(first_stands_out(np.asarray(draw(), dtype=float), rng) for _ in range(100))
    # binomial of 100 draws at 5 %, odds of 1e-3 that any of the 28 cells is above; below is as well
    assert rejected <= binom.isf(1e-3 / 28, 100, 0.05)


def filled(x):
    return np.where(np.isnan(x), np.nanmean(x, axis=0), x)
