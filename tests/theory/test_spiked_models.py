"""Spiked models against the closed forms of white noise, their own inverses and their fluctuations in small samples."""

import math

import numpy as np
import pytest

from theory.laws import Discrete, FreeMeixner, GeneralisedMarchenkoPastur, MarchenkoPastur, Semicircle
from theory.spiked_models import InformationPlusNoise, SpikedCovariance, SpikedWigner, _cosines

THREE_BANDS = GeneralisedMarchenkoPastur(Discrete([1.0, 3.0, 10.0], [0.5, 0.3, 0.2]), 0.05)
MODELS = [
    SpikedCovariance(MarchenkoPastur(0.3, 2.0)),
    SpikedCovariance(MarchenkoPastur(2.5)),
    SpikedCovariance(THREE_BANDS),
    InformationPlusNoise(MarchenkoPastur(0.3, 2.0)),
    InformationPlusNoise(MarchenkoPastur(2.5)),
    InformationPlusNoise(THREE_BANDS),
    SpikedWigner(),
    SpikedWigner(Semicircle(2.0)),
    SpikedWigner(FreeMeixner(0.5, 0.2)),
    SpikedWigner(FreeMeixner(0.5, 0.2, location=-20.0)),
    SpikedCovariance(GeneralisedMarchenkoPastur(np.logspace(-6.0, 6.0, 5), 0.3)),
]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{type(m).__name__}-{MODELS.index(m)}")


def threshold(model) -> float:
    return model.thresholds[1] if isinstance(model, SpikedWigner) else model.threshold


@pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0])
def test_white_covariance(ratio):
    model = SpikedCovariance(MarchenkoPastur(ratio))
    assert model.threshold == pytest.approx(1.0 + math.sqrt(ratio), rel=1e-14)
    a = model.threshold * np.array([1.001, 1.3, 4.0])
    image = model.forward(a)
    np.testing.assert_allclose(image.eigenvalue, a * (1.0 + ratio / (a - 1.0)), rtol=1e-13)
    slope = 1.0 - ratio / (a - 1.0) ** 2
    np.testing.assert_allclose(image.right_cosine2, slope / (1.0 + ratio / (a - 1.0)), rtol=1e-10)
    np.testing.assert_allclose(image.left_cosine2, slope, rtol=1e-10)
    np.testing.assert_allclose(model.standard_deviation(a, 50), a * np.sqrt(2.0 * slope / 50), rtol=1e-10)


@pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0])
def test_white_information_plus_noise(ratio):
    model = InformationPlusNoise(MarchenkoPastur(ratio, 2.0))
    assert model.threshold == pytest.approx((4.0 * ratio) ** 0.25, rel=1e-12)
    theta = model.threshold * np.array([1.001, 1.3, 4.0])
    image, q = model.forward(theta), theta**2 / 2.0
    np.testing.assert_allclose(image.eigenvalue, 2.0 * (1.0 + q) * (ratio + q) / q, rtol=1e-12)
    np.testing.assert_allclose(image.right_cosine2, 1.0 - ratio * (1.0 + q) / (q * (q + ratio)), rtol=1e-9)
    np.testing.assert_allclose(image.left_cosine2, 1.0 - (ratio + q) / (q * (q + 1.0)), rtol=1e-9)


def test_white_wigner():
    model = SpikedWigner(Semicircle(2.0))
    theta = math.sqrt(2.0) * np.array([-4.0, -1.01, 1.01, 1.5, 5.0])
    image = model.forward(theta)
    np.testing.assert_allclose(image.eigenvalue, theta + 2.0 / theta, rtol=1e-13)
    np.testing.assert_allclose(image.left_cosine2, 1.0 - 2.0 / theta**2, rtol=1e-10)
    expected = np.sqrt(4.0 * (1.0 - 2.0 / theta**2) / 30)
    np.testing.assert_allclose(model.standard_deviation(theta, 30), expected, rtol=1e-10)


@each_model
def test_inverse_of_forward_is_the_identity(model):
    spikes = threshold(model) * np.array([1.0001, 1.01, 1.2, 2.0, 30.0])
    image = model.forward(spikes)
    assert image.detached.all()
    estimate = model.inverse(image.eigenvalue)
    np.testing.assert_allclose(estimate.spike, spikes, rtol=1e-10)
    assert estimate.detached.all()
    assert np.isnan(estimate.low).all()


def intervals(model) -> list[tuple[float, float]]:
    """Ends of the spikes that detach."""
    if isinstance(model, SpikedCovariance):
        return list(model.detaching)
    if isinstance(model, SpikedWigner):
        below, above = model.thresholds
        return [(-math.inf, below), (above, math.inf)]
    return [(model.threshold, math.inf)]


@each_model
def test_inverse_of_forward_at_random_spikes(model):
    """400 spikes on all sides, from a relative 1e-12 of a threshold to 30 times it."""
    rng, parts = np.random.default_rng(1), []
    for low, high in intervals(model):
        distance = 10.0 ** rng.uniform(-12.0, 1.5, 400 // len(intervals(model)))
        if math.isinf(high):
            parts.append(low + abs(low) * distance)
        elif math.isinf(low):
            parts.append(high - abs(high) * distance)
        else:
            share = (high - low) * np.minimum(distance, 0.5)
            parts.append(np.where(rng.random(len(share)) < 0.5, low + share, high - share))
    spike = np.concatenate(parts)
    ends = np.array([end for pair in intervals(model) for end in pair if math.isfinite(end)])
    near = np.abs(spike[:, None] - ends).min(axis=1) / np.abs(spike)
    image = model.forward(spike)
    assert image.detached.all()
    assert ((image.left_cosine2 >= 0.0) & (image.left_cosine2 <= 1.0)).all()
    assert ((image.right_cosine2 >= 0.0) & (image.right_cosine2 <= 1.0)).all()
    estimate = model.inverse(image.eigenvalue, n=100)
    # an eigenvalue is off its edge by the square of the distance: below the root of a rounding it is in the bulk
    assert (estimate.detached | (near < 1e-7)).all()
    shown = estimate.detached
    error = np.abs(estimate.spike / spike - 1.0)[shown]
    # … and above it known to a rounding over the distance, of the eigenvalue where that is larger
    size = np.maximum(1.0, np.abs(image.eigenvalue / spike))[shown]
    assert (error <= 1e-15 * size / np.minimum(near[shown], 1e-2) + 1e-12).all()
    again = model.forward(estimate.spike[shown]).eigenvalue
    np.testing.assert_allclose(again, image.eigenvalue[shown], rtol=1e-13)
    assert ((estimate.low <= estimate.spike) & (estimate.spike <= estimate.high))[shown].all()


def test_both_sides():
    estimate = SpikedWigner().inverse([-3.0, 3.0], n=100)
    theta = 1.5 + math.sqrt(1.25)  # θ + 1/θ = 3
    np.testing.assert_allclose(estimate.spike, [-theta, theta], rtol=1e-13)
    np.testing.assert_allclose([estimate.low, estimate.high], [-estimate.high[::-1], -estimate.low[::-1]], rtol=1e-12)
    assert (estimate.low < estimate.spike).all()


def test_cosines_outside_their_range_are_refused():
    with pytest.raises(ArithmeticError, match=r"Model gave a squared cosine of 6.4, outside \[0, 1\]: the transform"):
        _cosines("Model", np.array([0.5, 6.4]))


@each_model
def test_below_the_threshold(model):
    edge = (model.bulk if isinstance(model, SpikedCovariance) else model.noise).support[1]
    image = model.forward(0.999 * threshold(model))
    assert not image.detached
    assert image.left_cosine2 == image.right_cosine2 == 0.0
    assert image.eigenvalue == edge
    estimate = model.inverse([edge - 0.001 * abs(edge), edge], 100)
    assert not estimate.detached.any()
    assert np.isnan(estimate.spike).all()
    assert estimate.high == pytest.approx([threshold(model)] * 2)  # the clear answer: no more than the threshold
    assert math.isnan(model.standard_deviation(0.9 * threshold(model), 100))


@each_model
def test_cosines_and_eigenvalue_meet_the_bulk_at_the_threshold(model):
    image = model.forward(threshold(model) * (1.0 + 1e-7))
    edge = (model.bulk if isinstance(model, SpikedCovariance) else model.noise).support[1]
    assert float(image.eigenvalue) == pytest.approx(edge, rel=1e-9)
    assert 0.0 < image.left_cosine2 < 1e-4
    assert 0.0 < image.right_cosine2 < 1e-4


def test_spikes_in_the_gaps():
    """A spike between two atoms of the population detaches into the gap of the bulk between them."""
    model = SpikedCovariance(THREE_BANDS)
    inner = model.detaching[1]
    assert 1.0 < inner[0] < inner[1] < 3.0
    spikes = np.linspace(*inner, 9)[1:-1]
    image = model.forward(spikes)
    low, high = THREE_BANDS.bands[0][1], THREE_BANDS.bands[1][0]
    assert ((image.eigenvalue > low) & (image.eigenvalue < high)).all()
    np.testing.assert_allclose(model.inverse(image.eigenvalue).spike, spikes, rtol=1e-10)
    estimate = model.inverse(image.eigenvalue, 400)
    assert ((inner[0] <= estimate.low) & (estimate.low < spikes)).all()
    assert ((spikes < estimate.high) & (estimate.high <= inner[1])).all()
    # an eigenvalue within the second band hides what lies between its critical points
    hidden = model.inverse(3.0)
    assert (float(hidden.low), float(hidden.high)) == pytest.approx(THREE_BANDS.critical_points[1])
    # a population spike inside the spectrum goes to the quantile of the bulk at its rank
    stuck = model.forward(3.0 + 1e-9)
    assert float(stuck.eigenvalue) == pytest.approx(THREE_BANDS.bands[1][1], rel=1e-6)


@each_model
def test_interval_holds_the_spikes_within_the_stated_distance(model):
    spike = 2.5 * threshold(model)
    estimate = model.inverse(model.forward(spike).eigenvalue, 1000, level=0.9)
    for end, side in ((estimate.low, 1.0), (estimate.high, -1.0)):
        moved = model.forward(end).eigenvalue + side * 1.6448536269514722 * model.standard_deviation(end, 1000)
        assert float(moved) == pytest.approx(float(model.forward(spike).eigenvalue), rel=1e-10)
    # the delta method, to the second order in n^(−1/2)
    step = 1e-5 * spike
    slope = float(model.forward(spike + step).eigenvalue - model.forward(spike - step).eigenvalue) / (2.0 * step)
    width = 2.0 * 1.6448536269514722 * float(model.standard_deviation(spike, 1000)) / slope
    assert float(estimate.high - estimate.low) == pytest.approx(width, rel=0.05)
    wide = model.inverse(model.forward(spike).eigenvalue, 5)
    assert wide.low >= 0.99 * threshold(model)
    assert wide.high > estimate.high


def gram_eigenvalue(x: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(x.T @ x)[-1])


def test_fluctuations_of_detached_eigenvalues():
    """Mean and variance over 400 small matrices: bias O(1/n), variance of the variance 2/400."""
    rng, n, p, count = np.random.default_rng(12), 100, 50, 400
    covariance, additive, wigner = (
        SpikedCovariance(MarchenkoPastur(0.5)),
        InformationPlusNoise(MarchenkoPastur(0.5)),
        SpikedWigner(),
    )
    alpha, theta, signal = 6.0, 2.5, 2.0
    scale = np.ones(p)
    scale[0] = math.sqrt(alpha)
    drawn = {model: [] for model in (covariance, additive, wigner)}
    for _ in range(count):
        x = rng.standard_normal((n, p)) / math.sqrt(n)
        drawn[covariance].append(gram_eigenvalue(x * scale))
        x[0, 0] += theta
        drawn[additive].append(gram_eigenvalue(x))
        g = rng.standard_normal((n, n)) / math.sqrt(2.0 * n)
        g = g + g.T
        g[0, 0] += signal
        drawn[wigner].append(float(np.linalg.eigvalsh(g)[-1]))
    for (model, values), spike in zip(drawn.items(), (alpha, theta, signal), strict=True):
        predicted = float(model.standard_deviation(spike, n))
        assert (
            abs(np.mean(values) - float(model.forward(spike).eigenvalue)) < 4.0 * predicted / math.sqrt(count) + 5.0 / n
        )
        # 4 standard errors of a sample variance, and O(1/n)
        assert abs(np.var(values) / predicted**2 - 1.0) < 4.0 * math.sqrt(2.0 / count) + 5.0 / n


BAD = [
    (lambda: SpikedCovariance(Semicircle()), "`bulk` must be a .generalised. Marchenko-Pastur law; got Semicircle"),
    (lambda: InformationPlusNoise(Semicircle()), "`noise` must be a law with a ratio, such as MarchenkoPastur"),
    (lambda: SpikedWigner(Discrete([1.0])), "`noise` must be a law with a density"),
    (lambda: MODELS[0].forward(-1.0), "`spike` must be non-negative, as covariances are; got -1.0"),
    (lambda: MODELS[3].forward([1.0, -2.0]), "`spike` must be non-negative, a singular value; got -2.0"),
    (lambda: MODELS[6].forward(math.nan), "`spike` must not be NaN"),
    (lambda: MODELS[6].forward(math.inf), "`spike` must be finite; got inf"),
    (lambda: MODELS[0].inverse(math.nan), "`eigenvalue` must not be NaN"),
    (lambda: MODELS[0].inverse(5.0, 0), "`n` must be an integer of at least 1; got 0"),
    (lambda: MODELS[0].inverse(5.0, 10, level=1.0), r"`level` must be in \(0, 1\); got 1.0"),
    (lambda: MODELS[0].standard_deviation(5.0, 2.5), "`n` must be an integer of at least 1; got 2.5"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
