"""Spiked models: what becomes of a finite-rank signal in noise, and what a sample eigenvalue says about the signal.

Data matrices have n rows (samples) and p columns, p/n → γ: left singular vectors are in R^n, right ones in R^p. Each
model maps a population spike forward to a sample eigenvalue and to the squared cosines between its singular vectors and
the signal's, and a sample eigenvalue back to a population spike with a confidence interval.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from theory.laws import Discrete, GeneralisedMarchenkoPastur, Law, MarchenkoPastur, Semicircle
from theory.laws.law import non_negative, real_points
from theory.roots import bracketed_root
from theory.statement.arguments import integer

__all__ = ["InformationPlusNoise", "SpikeEstimate", "SpikeImage", "SpikedCovariance", "SpikedModel", "SpikedWigner"]


@dataclass(frozen=True, eq=False)
class SpikeImage:
    """Where population spikes go; every field has the shape of the spikes asked for.

    Attributes
    ----------
    spike : ndarray
    eigenvalue : ndarray
        Limit of the sample eigenvalue; for a spike that does not detach, the point of the bulk it ends at.
    left_cosine2, right_cosine2 : ndarray
        Limits of the squared cosines of the left (R^n) and right (R^p) singular vectors; 0 where it does not detach.
    detached : ndarray of bool
        Whether the eigenvalue leaves the bulk.
    """

    spike: np.ndarray
    eigenvalue: np.ndarray
    left_cosine2: np.ndarray
    right_cosine2: np.ndarray
    detached: np.ndarray


@dataclass(frozen=True, eq=False)
class SpikeEstimate:
    """What sample eigenvalues say about population spikes; every field has their shape.

    Attributes
    ----------
    eigenvalue : ndarray
    spike : ndarray
        The population spike; nan where the eigenvalue is in the bulk.
    low, high : ndarray
        Confidence interval, nan without a sample size; for an eigenvalue in the bulk, the ends of the spikes that do
        not detach from there.
    detached : ndarray of bool
        Whether the eigenvalue is off the bulk.
    """

    eigenvalue: np.ndarray
    spike: np.ndarray
    low: np.ndarray
    high: np.ndarray
    detached: np.ndarray


class SpikedModel(ABC):
    """Forward and inverse map of one spike, through the transform of the noise alone."""

    @abstractmethod
    def _spikes_at(self, eigenvalue: np.ndarray) -> np.ndarray:
        """Population spikes of eigenvalues, nan where these do not stand off the bulk."""

    @abstractmethod
    def _hidden(self, eigenvalue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Population spikes whose eigenvalue stays in the band that holds each one."""

    # A spike that detaches is worked on by a coordinate that increases with it and in which all else is explicit: the
    # population eigenvalue of a covariance, the sample eigenvalue of the others.

    @abstractmethod
    def _coordinate(self, image: SpikeImage) -> np.ndarray:
        """Coordinates of the spikes that detach, as a flat array."""

    @abstractmethod
    def _spread(self, coordinate: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Spike, eigenvalue and √n times its standard deviation, up to the ends of `_visible`."""

    @abstractmethod
    def _visible(self, eigenvalue: np.ndarray, spike: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates of each spike and of the ends of the interval of detaching ones that holds it."""

    @abstractmethod
    def forward(self, spike: ArrayLike) -> SpikeImage:
        """Sample eigenvalues and squared cosines of population spikes."""

    def standard_deviation(self, spike: ArrayLike, n: int) -> np.ndarray:
        """Standard deviation, of order n^(−1/2), of the eigenvalue of a detached spike; nan where not detached."""
        image, n = self.forward(spike), _sample_size(n)
        deviation = np.full(image.spike.shape, math.nan)
        deviation[image.detached] = self._spread(self._coordinate(image))[2] / math.sqrt(n)
        return deviation

    def inverse(self, eigenvalue: ArrayLike, n: int | None = None, *, level: float = 0.95) -> SpikeEstimate:
        """Population spikes of sample eigenvalues.

        Parameters
        ----------
        eigenvalue : array_like
            Eigenvalues of the sample matrix.
        n : int, optional
            Sample size, which the confidence interval needs.
        level : float
            Coverage of the interval, the set of spikes whose own eigenvalue, Gaussian around its limit, is as near as
            the one observed. It is meant for spikes off the threshold by more than order n^(−1/3): nearer, eigenvalues
            follow Tracy and Widom.

        Returns
        -------
        SpikeEstimate

        Raises
        ------
        ValueError
            If an eigenvalue is not finite, `n` not a positive integer or `level` not in (0, 1).
        """
        eigenvalue = _finite("eigenvalue", eigenvalue)
        if n is not None:
            n = _sample_size(n)
        if not 0.0 < level < 1.0:
            raise ValueError(f"`level` must be in (0, 1); got {level!r}")
        reach = float(ndtri(0.5 + 0.5 * level))
        flat = eigenvalue.ravel()
        spike = self._spikes_at(flat)
        shown = ~np.isnan(spike)
        low, high = (np.array(end, dtype=float) for end in self._hidden(flat))
        low[shown] = high[shown] = math.nan
        if n is not None:
            at, *ends = self._visible(flat[shown], spike[shown])
            for bound, end, side in ((low, ends[0], -1.0), (high, ends[1], 1.0)):
                ends_at = self._bounds(flat[shown], at, end, side, reach / math.sqrt(n))
                # next to a threshold the interval is as narrow as rounding
                bound[shown] = side * np.maximum(side * ends_at, side * spike[shown])
        spike, low, high = (values.reshape(eigenvalue.shape) for values in (spike, low, high))
        return SpikeEstimate(eigenvalue, spike, low, high, ~np.isnan(spike))

    def _bounds(self, eigenvalue: np.ndarray, at: np.ndarray, end: np.ndarray, side: float, reach: float) -> np.ndarray:
        """The spikes between `at` and `end` whose eigenvalue, `reach` deviations nearer, is the one observed."""

        def excess(coordinate: np.ndarray, eigenvalue: np.ndarray) -> np.ndarray:
            _, place, deviation = self._spread(coordinate)
            return place - side * reach * deviation - eigenvalue

        far = np.array(end)
        open_ = np.isinf(end)
        if open_.any():
            step = np.maximum(1e-3, np.abs(at[open_]))
            sought, value = at[open_] + side * step, eigenvalue[open_]
            short = np.ones(sought.shape, dtype=bool)
            for _ in range(30):  # up to 1e9 times the spike: with an n so small that no spike is excluded, the end
                short[short] = side * excess(sought[short], value[short]) <= 0.0
                if not short.any():
                    break
                step[short] *= 2.0
                sought[short] += side * step[short]
            far[open_] = np.where(short, side * math.inf, sought)
        bound, inside = np.array(far), np.isfinite(far)
        ends = (at[inside], far[inside]) if side > 0.0 else (far[inside], at[inside])
        bound[inside] = self._spread(bracketed_root(excess, *ends, eigenvalue[inside]))[0]
        return bound


def _real_transforms(noise: Law, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """m and m′ at real z outside the bulk; m′, infinite at an edge, is 1e100 within rounding of one."""
    m, slope = (value.real for value in noise._transforms(z.astype(complex)))
    ends = noise.support
    rounding = 4.0 * np.finfo(float).eps * max(abs(end) for end in ends)
    at_edge = np.minimum(np.abs(z - ends[0]), np.abs(z - ends[1])) <= rounding
    return m, np.where(at_edge, 1e100, slope)


def _cosines(name: str, value: np.ndarray) -> np.ndarray:
    """Squared cosines, checked to be in [0, 1] to rounding."""
    if not ((value >= -1e-6) & (value <= 1.0 + 1e-6)).all():
        worst = value.flat[np.argmax(np.where(np.isnan(value), math.inf, np.abs(value - 0.5)))]
        raise ArithmeticError(
            f"{name} gave a squared cosine of {worst:.6g}, outside [0, 1]: the transform of the noise is not resolved "
            "there; move the spike away from the edge of the bulk"
        )
    return np.clip(value, 0.0, 1.0)


def _finite(name: str, value: ArrayLike) -> np.ndarray:
    value = real_points(name, value)
    if not np.isfinite(value).all():
        raise ValueError(f"`{name}` must be finite; got {value[~np.isfinite(value)].flat[0]}")
    return value


def _sample_size(n: int) -> int:
    return integer("n", n, 1)


@dataclass(frozen=True, eq=False)
class SpikedCovariance(SpikedModel):
    """Population eigenvalues α beside a bulk: samples of covariance Σ whose spectrum is H but for finitely many spikes.

    With ψ the inverse map of the bulk, a spike detaches where ψ′(α) > 0, to the eigenvalue ψ(α). The right singular
    vector (in R^p, the sample eigenvector) has squared cosine αψ′(α)/ψ(α) with the population's, the left one (in R^n,
    the scores) ψ′(α) with the true scores. The eigenvalue of Gaussian data has variance 2α²ψ′(α)/n.

    Parameters
    ----------
    bulk : GeneralisedMarchenkoPastur or MarchenkoPastur

    References
    ----------
    Baik, Ben Arous and Péché, arXiv math/0403022; Paul, Statistica Sinica 17 (2007) 1617; Bai and Yao, Journal of
    Multivariate Analysis 106 (2012) 167.

    Examples
    --------
    >>> model = SpikedCovariance(MarchenkoPastur(0.25))
    >>> print(f"{model.threshold:.3f}")
    1.500
    >>> image = model.forward(3.0)
    >>> print(f"{image.eigenvalue:.3f} {image.left_cosine2:.3f} {image.right_cosine2:.3f}")
    3.375 0.938 0.833
    """

    bulk: GeneralisedMarchenkoPastur

    if TYPE_CHECKING:

        def __init__(self, bulk: GeneralisedMarchenkoPastur | MarchenkoPastur) -> None: ...

    def __post_init__(self) -> None:
        bulk: Law = self.bulk
        if isinstance(bulk, MarchenkoPastur):
            bulk = GeneralisedMarchenkoPastur(Discrete([bulk.variance]), bulk.gamma)
        if not isinstance(bulk, GeneralisedMarchenkoPastur):
            raise ValueError(f"`bulk` must be a (generalised) Marchenko-Pastur law; got {bulk!r}")
        object.__setattr__(self, "bulk", bulk)

    @property
    def threshold(self) -> float:
        """The population eigenvalue above which a spike detaches to the right of the bulk."""
        return self.bulk.critical_points[-1][1]

    @property
    def detaching(self) -> tuple[tuple[float, float], ...]:
        """Open intervals of population eigenvalues that detach, to the right, to the left or into a gap of the bulk."""
        points = [0.0, *(x for pair in self.bulk.critical_points for x in pair), math.inf]
        pairs = ((points[i], points[i + 1]) for i in range(0, len(points), 2))
        return tuple((low, high) for low, high in pairs if low < high)

    def forward(self, spike: ArrayLike) -> SpikeImage:
        """Sample eigenvalues and squared cosines of population eigenvalues α.

        A spike that does not detach goes to the quantile of the bulk at the share of H below it: to an edge if it is
        beyond all of H.

        Parameters
        ----------
        spike : array_like
            α ≥ 0.

        Raises
        ------
        ValueError
            If a spike is negative or not finite.
        """
        spike = non_negative("spike", spike, rule="be non-negative, as covariances are", largest=self.bulk.support[1])
        detached = np.zeros(spike.shape, dtype=bool)
        for low, high in self.detaching:
            detached |= (spike > low) & (spike < high)
        value, slope = np.empty(spike.shape), np.zeros(spike.shape)
        value[detached], slope[detached] = self.bulk._map(spike[detached])
        if not detached.all():
            hidden = spike[~detached]
            band = np.searchsorted([right for _, right in self.bulk.critical_points], hidden)
            # a spike just left of a band's atoms is hidden by that band, not by the one below
            floor = np.array([-math.inf, *(low for low, _ in self.bulk.bands[1:])])[band]
            value[~detached] = np.maximum(self.bulk.ppf(self.bulk.population.cdf(hidden)), floor)
        right = np.zeros(spike.shape)
        right[detached] = _cosines(type(self).__name__, spike[detached] * slope[detached] / value[detached])
        slope[detached] = _cosines(type(self).__name__, slope[detached])
        return SpikeImage(spike, value, slope, right, detached)

    def standard_deviation(self, spike: ArrayLike, n: int) -> np.ndarray:
        """α√(2ψ′(α)/n), for Gaussian data; nan where the spike does not detach.

        Data with another fourth moment has another variance if the spike's eigenvector is localised.
        """
        return super().standard_deviation(spike, n)

    def _coordinate(self, image: SpikeImage) -> np.ndarray:
        return image.spike[image.detached]

    def _spread(self, coordinate: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        value, slope = self.bulk._map(coordinate)
        return (
            coordinate,
            value,
            coordinate * np.sqrt(2.0 * np.maximum(slope, 0.0)),
        )  # at a threshold ψ′ is 0 to rounding

    def _spikes_at(self, eigenvalue: np.ndarray) -> np.ndarray:
        free = np.ones(eigenvalue.shape, dtype=bool)
        for low, high in self.bulk.bands:
            free &= (eigenvalue < low) | (eigenvalue > high)
        spike = np.full(eigenvalue.shape, math.nan)
        spike[free] = self.bulk._real_root(eigenvalue[free])
        return np.where(spike > 0.0, spike, math.nan)  # below the bulk of γ > 1 no covariance maps there

    def _hidden(self, eigenvalue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        left, right = np.array(self.bulk.critical_points).T
        band = np.searchsorted([high for _, high in self.bulk.bands], eigenvalue)
        band = np.minimum(band, len(left) - 1)
        return np.maximum(left[band], 0.0), right[band]

    def _visible(self, eigenvalue: np.ndarray, spike: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        lows, highs = np.array(self.detaching).T
        interval = np.clip(np.searchsorted(lows, spike) - 1, 0, None)
        return spike, lows[interval], highs[interval]


@dataclass(frozen=True, eq=False)
class InformationPlusNoise(SpikedModel):
    """Signal θ u vᵀ (unit u in R^n, v in R^p) plus noise X (n, p), by the law of the eigenvalues of XᵀX.

    With m its transform, m̃ = γm − (1 − γ)/z and E = z m m̃, a spike θ above E(b)^(−1/2), b the edge of the noise, gives
    the eigenvalue z of the sum's Gram matrix with E(z) = θ^(−2); the squared cosines are m̃E/E′ (left) and mE/E′
    (right).

    For white noise of variance σ²/n: z = (σ² + θ²)(γσ² + θ²)/θ² for θ⁴ > γσ⁴.

    Parameters
    ----------
    noise : Law
        Law of the eigenvalues of XᵀX with an attribute `gamma`, γ = p/n: (generalised) Marchenko-Pastur or separable.
        The noise, or the signal's vectors, must be rotationally invariant.

    References
    ----------
    Benaych-Georges and Nadakuditi, arXiv 1103.2221.
    """

    noise: Law

    def __post_init__(self) -> None:
        if not isinstance(self.noise, Law) or not hasattr(self.noise, "gamma"):
            raise ValueError(f"`noise` must be a law with a ratio, such as MarchenkoPastur; got {self.noise!r}")

    @property
    def _edge(self) -> float:
        return self.noise.support[1]

    @property
    def _ratio(self) -> float:
        noise: Any = self.noise  # a law with a ratio: that was checked
        return noise.gamma

    @cached_property
    def threshold(self) -> float:
        """θ above which the signal detaches."""
        return 1.0 / math.sqrt(float(self._energy(np.array([self._edge]))[0][0]))

    def _energy(self, z: np.ndarray) -> tuple[np.ndarray, ...]:
        """E, m, m̃, and r = 1/m′, rE′, rm̃′, which are finite at the edge too, at real z from there on."""
        m, slope = _real_transforms(self.noise, z)
        ratio, r = self._ratio, 1.0 / slope
        companion = ratio * m - (1.0 - ratio) / z
        companion_slope = ratio + r * (1.0 - ratio) / z**2
        energy_slope = r * m * companion + z * (companion + m * companion_slope)
        return z * m * companion, m, companion, r, energy_slope, companion_slope

    def forward(self, spike: ArrayLike) -> SpikeImage:
        """Eigenvalues of the sum's Gram matrix and squared cosines of signals of singular value θ ≥ 0."""
        spike = non_negative("spike", spike, rule="be non-negative, a singular value", largest=self._edge**0.5)
        detached = spike > self.threshold
        value = np.full(spike.shape, self._edge)
        left, right = np.zeros(spike.shape), np.zeros(spike.shape)
        z = self._roots(spike[detached])
        energy, m, companion, r, slope, _ = self._energy(z)
        value[detached] = z
        left[detached] = _cosines(type(self).__name__, companion * energy * r / slope)
        right[detached] = _cosines(type(self).__name__, m * energy * r / slope)
        return SpikeImage(spike, value, left, right, detached)

    def _roots(self, theta: np.ndarray) -> np.ndarray:
        """The eigenvalues z with E(z) = θ^(−2), through √(z − b), in which E is smooth at the edge b."""

        def excess(y: np.ndarray, theta: np.ndarray) -> np.ndarray:
            return -np.log(self._energy(self._edge + y**2)[0] * theta**2)

        # z ≤ (θ + √b)²
        return (
            self._edge
            + bracketed_root(excess, 0.0, np.sqrt(theta**2 + 2.0 * theta * math.sqrt(self._edge)), theta) ** 2
        )

    def standard_deviation(self, spike: ArrayLike, n: int) -> np.ndarray:
        """Standard deviation of the eigenvalue z; nan where the signal does not detach.

        For rotationally invariant noise the three forms of u and v in the resolvent are independent Gaussians:
        Var z = z[m̃²V₁ + m²V₂ + 4mm̃V₃]/E′² with V₁ = 2z(m′ − m²)/p, V₂ = 2z(m̃′ − m̃²)/n and V₃ = (m + zm′)/n.
        """
        return super().standard_deviation(spike, n)

    def _coordinate(self, image: SpikeImage) -> np.ndarray:
        return image.eigenvalue[image.detached]

    def _spread(self, coordinate: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        z = coordinate
        energy, m, companion, r, slope, companion_slope = self._energy(z)
        first = 2.0 * z**2 * companion**2 * (1.0 - r * m**2) / self._ratio
        second = 2.0 * z**2 * m**2 * (companion_slope - r * companion**2)
        across = 4.0 * energy * (r * m + z)
        return (
            1.0 / np.sqrt(energy),
            z,
            np.sqrt(r * np.maximum(first + second + across, 0.0)) / np.abs(slope),
        )  # 0 at the edge

    def _spikes_at(self, eigenvalue: np.ndarray) -> np.ndarray:
        spike, free = np.full(eigenvalue.shape, math.nan), eigenvalue > self._edge
        spike[free] = 1.0 / np.sqrt(self._energy(eigenvalue[free])[0])
        return spike

    def _hidden(self, eigenvalue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(eigenvalue.shape), np.full(eigenvalue.shape, self.threshold)

    def _visible(self, eigenvalue: np.ndarray, spike: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return eigenvalue, np.full(spike.shape, self._edge), np.full(spike.shape, math.inf)


@dataclass(frozen=True, eq=False)
class SpikedWigner(SpikedModel):
    """Symmetric signal θ u uᵀ plus symmetric noise (n, n), by the law of the noise's eigenvalues.

    With m its transform the eigenvalue solves m(z) = −1/θ, for θ beyond −1/m at an edge; the squared cosine is
    1/(θ²m′(z)), the same on both sides. For Wigner noise of variance σ²/n: z = θ + σ²/θ and 1 − σ²/θ² for |θ| > σ.
    Negative signals detach to the left.

    Parameters
    ----------
    noise : Law
        The noise, or the signal's vector, must be rotationally invariant.

    References
    ----------
    Benaych-Georges and Nadakuditi, arXiv 0910.2120.
    """

    noise: Law = field(default_factory=Semicircle)

    def __post_init__(self) -> None:
        if not isinstance(self.noise, Law) or not self.noise.bands:
            raise ValueError(f"`noise` must be a law with a density; got {self.noise!r}")

    @cached_property
    def thresholds(self) -> tuple[float, float]:
        """θ below and above which a signal detaches to the left and to the right."""
        low, high = self._transform(np.array(self.noise.support))[0]
        return -1.0 / float(low), -1.0 / float(high)

    def _transform(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _real_transforms(self.noise, z)

    def forward(self, spike: ArrayLike) -> SpikeImage:
        """Eigenvalues and squared cosines of signals of eigenvalue θ, of either sign."""
        spike = _finite("spike", spike)
        (below, above), (low, high) = self.thresholds, self.noise.support
        value, cosine2 = np.where(spike < 0.0, low, high), np.zeros(spike.shape)
        detached = (spike > above) | (spike < below)
        z = self._roots(spike[detached])
        value[detached] = z
        cosine2[detached] = _cosines(type(self).__name__, 1.0 / (spike[detached] ** 2 * self._transform(z)[1]))
        return SpikeImage(spike, value, cosine2, cosine2, detached)

    def _roots(self, theta: np.ndarray) -> np.ndarray:
        """The eigenvalues z with m(z) = −1/θ, through the root of the distance to the edge on the side of θ."""
        sign = np.sign(theta)
        low, high = self.noise.support
        edge = np.where(sign > 0.0, high, low)

        def excess(y: np.ndarray, theta: np.ndarray, edge: np.ndarray, sign: np.ndarray) -> np.ndarray:
            return sign * (self._transform(edge + sign * y**2)[0] + 1.0 / theta)

        return edge + sign * bracketed_root(excess, 0.0, np.sqrt(np.abs(theta)), theta, edge, sign) ** 2

    def standard_deviation(self, spike: ArrayLike, n: int) -> np.ndarray:
        """√(2(m′ − m²)/n)/m′ at the eigenvalue, σ√(2(1 − σ²/θ²)/n) for Wigner noise; nan where not detached."""
        return super().standard_deviation(spike, n)

    def _coordinate(self, image: SpikeImage) -> np.ndarray:
        return image.eigenvalue[image.detached]

    def _spread(self, coordinate: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        m, slope = self._transform(coordinate)
        r = 1.0 / slope  # 0 at an edge
        return -1.0 / m, coordinate, np.sqrt(2.0 * r * np.maximum(1.0 - r * m**2, 0.0))

    def _spikes_at(self, eigenvalue: np.ndarray) -> np.ndarray:
        low, high = self.noise.support
        spike, free = np.full(eigenvalue.shape, math.nan), (eigenvalue < low) | (eigenvalue > high)
        spike[free] = -1.0 / self._transform(eigenvalue[free])[0]
        return spike

    def _hidden(self, eigenvalue: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        below, above = self.thresholds
        return np.full(eigenvalue.shape, below), np.full(eigenvalue.shape, above)

    def _visible(self, eigenvalue: np.ndarray, spike: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        low, high = self.noise.support
        right = spike > 0.0
        return eigenvalue, np.where(right, high, -math.inf), np.where(right, math.inf, low)
