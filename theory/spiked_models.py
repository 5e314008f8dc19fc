"""Spiked models: what becomes of a finite-rank signal in noise, and what a sample eigenvalue says about the signal.

Data matrices have n rows (samples) and p columns, p/n → γ: left singular vectors are in R^n, right ones in R^p. Each
model maps a population spike forward to a sample eigenvalue and to the squared cosines between its singular vectors and
the signal's, and a sample eigenvalue back to a population spike with a confidence interval.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from theory.laws import GeneralisedMarchenkoPastur, Law, MarchenkoPastur, Semicircle
from theory.laws.law import real_points
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
    def forward(self, spike: np.ndarray) -> SpikeImage:
        """Sample eigenvalues and squared cosines of population spikes."""

    @abstractmethod
    def _spike_at(self, eigenvalue: float) -> float:
        """Population spike of an eigenvalue, nan where it does not stand off the bulk."""

    @abstractmethod
    def _hidden(self, eigenvalue: float) -> tuple[float, float]:
        """Population spikes whose eigenvalue stays in the band that holds this one."""

    @abstractmethod
    def _visible(self, spike: float) -> tuple[float, float]:
        """The interval of detaching spikes that holds this one."""

    @abstractmethod
    def standard_deviation(self, spike: np.ndarray, n: int) -> np.ndarray:
        """Standard deviation, of order n^(−1/2), of the eigenvalue of a detached spike; nan where not detached."""

    def inverse(self, eigenvalue: np.ndarray, n: int | None = None, *, level: float = 0.95) -> SpikeEstimate:
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
        rows = [self._inverse_one(float(value), n, reach) for value in eigenvalue.ravel()]
        columns = np.array(rows, dtype=float).reshape(-1, 3)
        spike, low, high = (column.reshape(eigenvalue.shape) for column in columns.T)
        return SpikeEstimate(eigenvalue, spike, low, high, ~np.isnan(spike))

    def _inverse_one(self, eigenvalue: float, n: int | None, reach: float) -> tuple[float, float, float]:
        spike = self._spike_at(eigenvalue)
        if math.isnan(spike):
            return spike, *self._hidden(eigenvalue)
        if n is None:
            return spike, math.nan, math.nan
        bounds = self._visible(spike)
        low, high = (
            self._reached(eigenvalue, spike, end, shift, n) for end, shift in zip(bounds, (reach, -reach), strict=True)
        )
        return spike, low, high

    def _reached(self, eigenvalue: float, spike: float, end: float, shift: float, n: int) -> float:
        """The spike between `spike` and `end` whose eigenvalue, moved by `shift` deviations, is the one observed."""

        def excess(s: float) -> float:
            return float(self.forward(s).eigenvalue + shift * self.standard_deviation(s, n)) - eigenvalue

        sign = math.copysign(1.0, end - spike)
        if math.isinf(end):
            far = spike + sign * max(1e-3, abs(spike))
            while sign * excess(far) <= 0.0:
                if abs(far) > 1e9 * max(1.0, abs(spike)):
                    return end  # n so small that no spike is excluded
                far *= 2.0
        else:
            far = end + (spike - end) * 1e-12
            if sign * excess(far) <= 0.0:
                return end
        return float(brentq(excess, spike, far, xtol=1e-13 * max(1.0, abs(spike))))


def _finite(name: str, value: np.ndarray) -> np.ndarray:
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

    bulk: GeneralisedMarchenkoPastur | MarchenkoPastur

    def __post_init__(self) -> None:
        bulk = self.bulk
        if isinstance(bulk, MarchenkoPastur):
            bulk = GeneralisedMarchenkoPastur([bulk.variance], bulk.ratio)
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

    def forward(self, spike: np.ndarray) -> SpikeImage:
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
        spike = _finite("spike", spike)
        if (spike < 0.0).any():
            raise ValueError(f"`spike` must be non-negative, as covariances are; got {spike[spike < 0.0].flat[0]}")
        detached = np.zeros(spike.shape, dtype=bool)
        for low, high in self.detaching:
            detached |= (spike > low) & (spike < high)
        value, slope = np.empty(spike.shape), np.zeros(spike.shape)
        value[detached], slope[detached] = self.bulk._map(spike[detached])
        if not detached.all():
            value[~detached] = self.bulk.ppf(self.bulk.population.cdf(spike[~detached]))
        right = np.zeros(spike.shape)
        right[detached] = spike[detached] * slope[detached] / value[detached]
        return SpikeImage(spike, value, slope, right, detached)

    def standard_deviation(self, spike: np.ndarray, n: int) -> np.ndarray:
        """α√(2ψ′(α)/n), for Gaussian data; nan where the spike does not detach.

        Data with another fourth moment has another variance if the spike's eigenvector is localised.
        """
        image, n = self.forward(spike), _sample_size(n)
        return np.where(image.detached, image.spike * np.sqrt(2.0 * image.left_cosine2 / n), math.nan)

    def _spike_at(self, eigenvalue: float) -> float:
        if any(low <= eigenvalue <= high for low, high in self.bulk.bands):
            return math.nan
        spike = float(self.bulk._real_root(np.array([eigenvalue]))[0])
        return spike if spike > 0.0 else math.nan  # below the bulk of γ > 1 no covariance maps there

    def _hidden(self, eigenvalue: float) -> tuple[float, float]:
        for (_, high), (left, right) in zip(self.bulk.bands, self.bulk.critical_points, strict=True):
            if eigenvalue <= high:
                return max(left, 0.0), right
        raise AssertionError("an eigenvalue right of the bulk has a spike")

    def _visible(self, spike: float) -> tuple[float, float]:
        return next((low, high) for low, high in self.detaching if low < spike < high)


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
        Law of the eigenvalues of XᵀX with an attribute `ratio`, γ = p/n: (generalised) Marchenko-Pastur or separable.
        The noise, or the signal's vectors, must be rotationally invariant.

    References
    ----------
    Benaych-Georges and Nadakuditi, arXiv 1103.2221.
    """

    noise: Law

    def __post_init__(self) -> None:
        if not isinstance(self.noise, Law) or not hasattr(self.noise, "ratio"):
            raise ValueError(f"`noise` must be a law with a ratio, such as MarchenkoPastur; got {self.noise!r}")

    @property
    def _edge(self) -> float:
        return self.noise.support[1]

    @cached_property
    def threshold(self) -> float:
        """θ above which the signal detaches."""
        return 1.0 / math.sqrt(float(self._energy(np.array([self._edge]))[0][0]))

    def _energy(self, z: np.ndarray) -> tuple[np.ndarray, ...]:
        """E, m, m̃, and r = 1/m′, rE′, rm̃′, which are finite at the edge too, at real z from there on."""
        m, slope = (value.real for value in self.noise._transforms(z.astype(complex)))
        ratio, r = self.noise.ratio, 1.0 / slope
        companion = ratio * m - (1.0 - ratio) / z
        companion_slope = ratio + r * (1.0 - ratio) / z**2
        energy_slope = r * m * companion + z * (companion + m * companion_slope)
        return z * m * companion, m, companion, r, energy_slope, companion_slope

    def forward(self, spike: np.ndarray) -> SpikeImage:
        """Eigenvalues of the sum's Gram matrix and squared cosines of signals of singular value θ ≥ 0."""
        spike = _finite("spike", spike)
        if (spike < 0.0).any():
            raise ValueError(f"`spike` must be non-negative, a singular value; got {spike[spike < 0.0].flat[0]}")
        detached = spike > self.threshold
        value = np.full(spike.shape, self._edge)
        left, right = np.zeros(spike.shape), np.zeros(spike.shape)
        theta = spike[detached]

        def excess(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            energy, _, _, r, slope, _ = self._energy(z)
            return theta**-2 - energy, -slope / r

        z = _root_from_edge(excess, self._edge, (theta + math.sqrt(self._edge)) ** 2)  # z ≤ (θ + √b)²
        energy, m, companion, r, slope, _ = self._energy(z)
        value[detached], left[detached], right[detached] = z, companion * energy * r / slope, m * energy * r / slope
        return SpikeImage(spike, value, left, right, detached)

    def standard_deviation(self, spike: np.ndarray, n: int) -> np.ndarray:
        """Standard deviation of the eigenvalue z; nan where the signal does not detach.

        For rotationally invariant noise the three forms of u and v in the resolvent are independent Gaussians:
        Var z = z[m̃²V₁ + m²V₂ + 4mm̃V₃]/E′² with V₁ = 2z(m′ − m²)/p, V₂ = 2z(m̃′ − m̃²)/n and V₃ = (m + zm′)/n.
        """
        image, n = self.forward(spike), _sample_size(n)
        z = np.where(image.detached, image.eigenvalue, 2.0 * self._edge)
        z = z.ravel()
        energy, m, companion, r, slope, companion_slope = self._energy(z)
        first = 2.0 * z**2 * companion**2 * (1.0 - r * m**2) / (self.noise.ratio * n)
        second = 2.0 * z**2 * m**2 * (companion_slope - r * companion**2) / n
        across = 4.0 * energy * (r * m + z) / n
        deviation = np.sqrt(r * (first + second + across)) / np.abs(slope)
        return np.where(image.detached, deviation.reshape(image.spike.shape), math.nan)

    def _spike_at(self, eigenvalue: float) -> float:
        if eigenvalue <= self._edge:
            return math.nan
        return 1.0 / math.sqrt(float(self._energy(np.array([eigenvalue]))[0][0]))

    def _hidden(self, eigenvalue: float) -> tuple[float, float]:
        del eigenvalue
        return 0.0, self.threshold

    def _visible(self, spike: float) -> tuple[float, float]:
        del spike
        return self.threshold, math.inf


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
        m, slope = self.noise._transforms(z.astype(complex))
        return m.real, slope.real

    def forward(self, spike: np.ndarray) -> SpikeImage:
        """Eigenvalues and squared cosines of signals of eigenvalue θ, of either sign."""
        spike = _finite("spike", spike)
        (below, above), (low, high) = self.thresholds, self.noise.support
        value, cosine2 = np.where(spike < 0.0, low, high), np.zeros(spike.shape)
        for detached, edge in ((spike > above, high), (spike < below, low)):
            theta = spike[detached]

            def excess(z: np.ndarray, theta: np.ndarray = theta) -> tuple[np.ndarray, np.ndarray]:
                m, slope = self._transform(z)
                return np.sign(theta) * (m + 1.0 / theta), np.sign(theta) * slope

            z = _root_from_edge(excess, edge, edge + theta)
            value[detached], cosine2[detached] = z, 1.0 / (theta**2 * self._transform(z)[1])
        return SpikeImage(spike, value, cosine2, cosine2, (spike > above) | (spike < below))

    def standard_deviation(self, spike: np.ndarray, n: int) -> np.ndarray:
        """√(2(m′ − m²)/n)/m′ at the eigenvalue, σ√(2(1 − σ²/θ²)/n) for Wigner noise; nan where not detached."""
        image, n = self.forward(spike), _sample_size(n)
        z = np.where(image.detached, image.eigenvalue, 2.0 * self.noise.support[1] + 1.0)
        m, slope = (value.reshape(z.shape) for value in self._transform(z.ravel()))
        r = 1.0 / slope  # 0 at an edge
        return np.where(image.detached, np.sqrt(2.0 * r * (1.0 - r * m**2) / n), math.nan)

    def _spike_at(self, eigenvalue: float) -> float:
        low, high = self.noise.support
        if low <= eigenvalue <= high:
            return math.nan
        return -1.0 / float(self._transform(np.array([eigenvalue]))[0][0])

    def _hidden(self, eigenvalue: float) -> tuple[float, float]:
        del eigenvalue
        return self.thresholds

    def _visible(self, spike: float) -> tuple[float, float]:
        below, above = self.thresholds
        return (above, math.inf) if spike > 0.0 else (-math.inf, below)


def _root_from_edge(
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], edge: float, far: np.ndarray
) -> np.ndarray:
    """Zero between the edge, where the function is negative, and `far`, where it is not.

    Guarded Newton steps in √|z − edge|, in which the transforms are smooth; the function gives value and slope in z.
    """
    sign = np.sign(far - edge)
    low, high = np.zeros(far.shape), np.sqrt(np.abs(far - edge))
    y = 0.5 * (low + high)
    for _ in range(100):
        value, slope = function(edge + sign * y**2)
        low, high = np.where(value > 0.0, low, y), np.where(value > 0.0, y, high)
        step = y - value / (2.0 * sign * y * slope)
        following = np.where((step > low) & (step < high), step, 0.5 * (low + high))
        if (np.abs(following - y) <= 4e-16 * y).all():
            break
        y = following
    return edge + sign * y**2
