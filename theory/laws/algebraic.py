"""Laws whose Stieltjes transform solves a quadratic: semicircle, Marchenko-Pastur, Wachter, free Meixner.

R- and S-transforms are Voiculescu's: with G(z) = −m(z), R(w) = G^(−1)(w) − 1/w, additive under free convolution; with
t(z) = ∫ x μ(dx)/(z − x), S(t) = (1 + t)/(t z(t)), multiplicative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigvalsh_tridiagonal

from theory.laws.law import Law, positive
from theory.laws.matrix_law import MatrixLaw

__all__ = ["FreeMeixner", "MarchenkoPastur", "Semicircle", "Wachter", "kesten_mckay"]


def _quadratic(
    lead: np.ndarray,
    linear: np.ndarray,
    root: np.ndarray,
    lead_slope: np.ndarray | float,
    linear_slope: np.ndarray | float,
) -> tuple[np.ndarray, np.ndarray]:
    """m = −2/(linear + root), the root of lead·m² + linear·m + 1 that is −1/z at infinity, and m′.

    `root` is the branch of √(linear² − 4 lead) that behaves like `linear` at infinity. Next to an atom linear + root
    cancels and the other form of the same root does not.
    """
    plus, minus = root + linear, root - linear
    stable = np.abs(plus) >= np.abs(minus)
    m = np.where(stable, -2.0 / np.where(stable, plus, 1.0), minus / np.where(stable, 1.0, 2.0 * lead))
    # At an edge, where m′ is infinite, it comes out as 1e100 in size: complex infinities divide to nan.
    return m, -(lead_slope * m + linear_slope) * m / np.where(root == 0.0, 1e-100, root)


def _branch(z: np.ndarray, low: float, high: float) -> np.ndarray:
    """√((z − low)(z − high)) cut along [low, high] only: the product of two roots."""
    return np.sqrt(z - low) * np.sqrt(z - high)


def _arch(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """√((high − x)(x − low)) where that is real and 0 elsewhere."""
    value = high - x
    value *= x - low
    np.maximum(value, 0.0, out=value)
    return np.sqrt(value, out=value)


def _laguerre(rng: np.random.Generator, p: int, n: int) -> np.ndarray:
    """The non-zero eigenvalues of XᵀX, X (n, p) standard normal, from its bidiagonal form (Dumitriu and Edelman)."""
    p, n = min(p, n), max(p, n)
    squares = rng.chisquare(n - np.arange(p))
    below = rng.chisquare(np.arange(p - 1, 0, -1))
    diagonal = squares + np.concatenate([[0.0], below])
    return eigvalsh_tridiagonal(diagonal, np.sqrt(squares[:-1] * below), lapack_driver="sterf")


@dataclass(frozen=True)
class Semicircle(MatrixLaw):
    """Wigner's law: density √(4σ² − x²)/(2πσ²) on [−2σ, 2σ].

    The law of the eigenvalues of a symmetric matrix whose entries have variance σ²/n.

    Parameters
    ----------
    variance : float
        σ² > 0.
    """

    variance: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "variance", positive("variance", self.variance))

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """[−2σ, 2σ]."""
        edge = 2.0 * math.sqrt(self.variance)
        return ((-edge, edge),)

    def _density(self, x: np.ndarray) -> np.ndarray:
        value = _arch(x, *self.support)
        value *= 1.0 / (2.0 * math.pi * self.variance)
        return value

    def _cumulated(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        t = np.clip(x / (2.0 * math.sqrt(self.variance)), -1.0, 1.0)
        beyond = (t * np.sqrt((1.0 - t) * (1.0 + t)) + np.arcsin(t)) / math.pi
        return 0.5 + beyond, 0.5 - beyond

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _quadratic(np.full_like(z, self.variance), z, _branch(z, *self.support), 0.0, 1.0)

    def r_transform(self, w: ArrayLike) -> np.ndarray:
        """R(w) = σ²w."""
        return self.variance * np.asarray(w)

    def _moments(self, k: int) -> np.ndarray:
        """Catalan numbers times σ^j for even j, 0 for odd j."""
        return np.array(
            [0.0 if j % 2 else self.variance ** (j // 2) * math.comb(j, j // 2) / (j // 2 + 1) for j in range(1, k + 1)]
        )

    _dimension = 500

    def _spectrum(self, dimension: int) -> Callable[[np.random.Generator], np.ndarray]:
        """Eigenvalues of Gaussian orthogonal matrices, from their tridiagonal form (Dumitriu and Edelman)."""

        def draw(rng: np.random.Generator) -> np.ndarray:
            diagonal = math.sqrt(2.0 * self.variance / dimension) * rng.standard_normal(dimension)
            below = np.sqrt(self.variance / dimension * rng.chisquare(np.arange(dimension - 1, 0, -1)))
            return eigvalsh_tridiagonal(diagonal, below, lapack_driver="sterf")

        return draw


@dataclass(frozen=True)
class MarchenkoPastur(MatrixLaw):
    """Law of the eigenvalues of XᵀX/n, X (n, p) with independent entries of variance `variance` and p/n → γ.

    Parameters
    ----------
    gamma : float
        γ = p/n > 0.
    variance : float
        σ² > 0.

    Raises
    ------
    ValueError
        If a parameter is not positive, or γ so small or large that the law is an atom to rounding.

    References
    ----------
    Marchenko and Pastur, Mathematics of the USSR-Sbornik 1 (1967) 457.

    Examples
    --------
    >>> law = MarchenkoPastur(0.5)
    >>> print("{:.4f} {:.4f}".format(*law.support))
    0.0858 2.9142
    >>> print(f"{law.pdf(1.0):.4f}")
    0.4211
    """

    gamma: float
    variance: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", positive("gamma", self.gamma))
        object.__setattr__(self, "variance", positive("variance", self.variance))
        low, high = self.bands[0]
        if not 0.0 <= low < high < math.inf:
            raise ValueError(
                f"`gamma` and `variance` must leave a band wider than rounding, from {low:g} to {high:g} here; "
                f"got {self.gamma!r} and {self.variance!r}"
            )

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """[σ²(1 − √γ)², σ²(1 + √γ)²]."""
        root = math.sqrt(self.gamma)
        return ((self.variance * (1.0 - root) ** 2, self.variance * (1.0 + root) ** 2),)

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Mass 1 − 1/γ at 0 where γ > 1."""
        return ((0.0, 1.0 - 1.0 / self.gamma),) if self.gamma > 1.0 else ()

    @property
    def _divergences(self) -> tuple[float, ...]:
        """At γ = 1 the density grows like x^(−1/2) towards 0."""
        return (0.0,) if self.support[0] == 0.0 else ()

    def _density(self, x: np.ndarray) -> np.ndarray:
        """√((b − x)(x − a))/(2πγσ²x)."""
        low, high = self.support
        value = _arch(x, low, high)
        # The divisor is kept off 0, where the density of a band that reaches 0 has no value.
        below = np.maximum(x, np.finfo(float).tiny)
        below *= 2.0 * math.pi * self.gamma * self.variance
        value /= below
        return value

    def _cumulated(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        g, (a, b) = self.gamma, self.support
        t = np.clip(x, a, b) / self.variance
        a, b = a / self.variance, b / self.variance
        # θ from 0 to π as x goes from b to a: x = 1 + γ + 2√γ cos θ; the integral of 2 sin²θ/(π x) in closed form.
        sine = np.sqrt(np.maximum((b - t) * (t - a), 0.0))
        theta = np.arctan2(sine, t - 1.0 - g)
        root = math.sqrt(g)
        half = np.arctan2(abs(1.0 - root) * np.sin(0.5 * theta), (1.0 + root) * np.cos(0.5 * theta))
        above = ((1.0 + g) * theta - 2.0 * abs(1.0 - g) * half - sine) / (2.0 * math.pi * g)
        return min(1.0, 1.0 / g) - above, above

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The root of γσ²zm² + (z − σ²(1 − γ))m + 1 = 0."""
        lead = self.gamma * self.variance
        return _quadratic(lead * z, z - self.variance * (1.0 - self.gamma), _branch(z, *self.support), lead, 1.0)

    def r_transform(self, w: ArrayLike) -> np.ndarray:
        """R(w) = σ²/(1 − γσ²w)."""
        return self.variance / (1.0 - self.gamma * self.variance * np.asarray(w))

    def s_transform(self, t: ArrayLike) -> np.ndarray:
        """S(t) = 1/(σ²(1 + γt))."""
        return 1.0 / (self.variance * (1.0 + self.gamma * np.asarray(t)))

    def _moments(self, k: int) -> np.ndarray:
        """E x^j = σ^(2j) Σ_i γ^i C(j, i) C(j − 1, i)/(i + 1)."""
        return np.array(
            [
                self.variance**j
                * sum(self.gamma**i * math.comb(j, i) * math.comb(j - 1, i) / (i + 1) for i in range(j))
                for j in range(1, k + 1)
            ]
        )

    _dimension = 500

    def _spectrum(self, dimension: int) -> Callable[[np.random.Generator], np.ndarray]:
        """Eigenvalues of XᵀX/n for Gaussian X (n, p), p = `dimension`, from the bidiagonal form of X."""
        n = max(1, round(dimension / self.gamma))

        def draw(rng: np.random.Generator) -> np.ndarray:
            values = np.maximum(_laguerre(rng, dimension, n), 0.0) * (self.variance / n)
            return np.concatenate([np.zeros(dimension - len(values)), values])

        return draw


@dataclass(frozen=True)
class Wachter(MatrixLaw):
    """Law of the eigenvalues of A(A + B)^(−1), A and B (p, p) Wishart of n₁ and n₂ degrees of freedom (MANOVA, Jacobi).

    With a = n₁/p = 1/`gamma1` and b = n₂/p = 1/`gamma2` the density is (a + b)√((x − x₋)(x₊ − x))/(2πx(1 − x)),
    x± = [√(a(a + b − 1)) ± √b]²/(a + b)², with mass max(0, 1 − a) at 0 and max(0, 1 − b) at 1.

    Parameters
    ----------
    gamma1, gamma2 : float
        p/n₁ > 0 and p/n₂ > 0, with a + b > 1: else A + B is singular.

    References
    ----------
    Wachter, Annals of Statistics 8 (1980) 937.
    """

    gamma1: float
    gamma2: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma1", positive("gamma1", self.gamma1))
        object.__setattr__(self, "gamma2", positive("gamma2", self.gamma2))
        if not 1.0 / self.gamma1 + 1.0 / self.gamma2 > 1.0:
            raise ValueError(
                "`gamma1` and `gamma2` must have 1/gamma1 + 1/gamma2 > 1, else A + B is singular; "
                f"got {self.gamma1!r} and {self.gamma2!r}"
            )

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """[x₋, x₊]."""
        a, b = 1.0 / self.gamma1, 1.0 / self.gamma2
        centre, half = math.sqrt(a * (a + b - 1.0)), math.sqrt(b)
        return ((((centre - half) / (a + b)) ** 2, min(1.0, ((centre + half) / (a + b)) ** 2)),)

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """Masses 1 − 1/gamma1 at 0 and 1 − 1/gamma2 at 1, where they are positive."""
        masses = ((0.0, 1.0 - 1.0 / self.gamma1), (1.0, 1.0 - 1.0 / self.gamma2))
        return tuple((place, weight) for place, weight in masses if weight > 0.0)

    @property
    def _divergences(self) -> tuple[float, ...]:
        """Where the band reaches 0 or 1 the density grows like the inverse of a root."""
        return tuple(edge for edge, end in zip(self.support, (0.0, 1.0), strict=True) if edge == end)

    def _density(self, x: np.ndarray) -> np.ndarray:
        low, high = self.support
        inside = (x > low) & (x < high)
        safe = np.where(inside, x, 0.5)
        scale = (1.0 / self.gamma1 + 1.0 / self.gamma2) / (2.0 * math.pi)
        return np.where(inside, scale * _arch(safe, low, high) / (safe * (1.0 - safe)), 0.0)

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The root of z(1 − z)m² + ((a + b − 2)z + 1 − a)m + a + b − 1 = 0."""
        a, b = 1.0 / self.gamma1, 1.0 / self.gamma2
        last = a + b - 1.0
        linear = ((a + b - 2.0) * z + 1.0 - a) / last
        root = (a + b) / last * _branch(z, *self.support)
        return _quadratic(z * (1.0 - z) / last, linear, root, (1.0 - 2.0 * z) / last, (a + b - 2.0) / last)

    def s_transform(self, t: ArrayLike) -> np.ndarray:
        """S(t) = (a + b + t)/(a + t)."""
        a, b = 1.0 / self.gamma1, 1.0 / self.gamma2
        return (a + b + np.asarray(t)) / (a + np.asarray(t))

    _dimension = 500

    def _spectrum(self, dimension: int) -> Callable[[np.random.Generator], np.ndarray]:
        """Eigenvalues of A(A + B)^(−1) for p = `dimension`, from the bidiagonal model of Edelman and Sutton."""
        n1, n2 = max(1, round(dimension / self.gamma1)), max(1, round(dimension / self.gamma2))
        zeros, ones = max(0, dimension - n1), max(0, dimension - n2)
        # The squared cosines between two subspaces of dimensions p and n₁ in n₁ + n₂: the generic ones are as many as
        # the smallest of the four dimensions.
        count = dimension - zeros - ones
        extra1, extra2 = abs(n1 - dimension), abs(n2 - dimension)

        def draw(rng: np.random.Generator) -> np.ndarray:
            k = np.arange(count, 0, -1)
            c = rng.beta(0.5 * (extra1 + k), 0.5 * (extra2 + k))
            c2 = rng.beta(0.5 * k[1:], 0.5 * (extra1 + extra2 + 1 + k[1:]))
            # B upper bidiagonal: diagonal √(c(1 − c2 of the row above)), above it −√((1 − c) c2); here BBᵀ.
            diagonal = c * np.concatenate([[1.0], 1.0 - c2])
            above = (1.0 - c[:-1]) * c2
            square = diagonal + np.concatenate([above, [0.0]])
            values = eigvalsh_tridiagonal(square, -np.sqrt(above * diagonal[1:]), lapack_driver="sterf")
            return np.concatenate([np.zeros(zeros), np.clip(values, 0.0, 1.0), np.ones(ones)])

        return draw


@dataclass(frozen=True)
class FreeMeixner(Law):
    """Free Meixner law of X = location + σT: T has density √(4(1 + b) − (t − a)²)/(2π(bt² + at + 1)), up to two atoms.

    T has mean 0 and variance 1, and its Jacobi coefficients are constant after the first. b = 0 is a shifted
    Marchenko-Pastur law (a = b = 0 the semicircle), b < 0 the free binomial family, which holds Kesten and McKay's law.

    Parameters
    ----------
    a : float
        Third moment of T.
    b : float
        > −1; E T⁴ = 2 + a² + b.
    location : float
        Mean of X.
    variance : float
        σ² > 0.

    References
    ----------
    Saitoh and Yoshida, Probability and Mathematical Statistics 21 (2001) 159; Bożejko and Bryc, arXiv math/0410601.
    """

    a: float = 0.0
    b: float = 0.0
    location: float = 0.0
    variance: float = 1.0

    def __post_init__(self) -> None:
        for name in ("a", "b", "location"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
                raise ValueError(f"`{name}` must be a finite number; got {value!r}")
            object.__setattr__(self, name, float(value))
        if not self.b > -1.0:
            raise ValueError(f"`b` must be above -1, where the law is two atoms; got {self.b!r}")
        object.__setattr__(self, "variance", positive("variance", self.variance))

    @property
    def _scale(self) -> float:
        return math.sqrt(self.variance)

    @property
    def _edges(self) -> tuple[float, float]:
        """Edges of T."""
        half = 2.0 * math.sqrt(1.0 + self.b)
        return self.a - half, self.a + half

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """location + σ(a ∓ 2√(1 + b))."""
        low, high = self._edges
        return ((self.location + self._scale * low, self.location + self._scale * high),)

    @property
    def atoms(self) -> tuple[tuple[float, float], ...]:
        """The real zeros of bt² + at + 1 at which the transform has a pole."""
        a, b, (low, high) = self.a, self.b, self._edges
        if b == 0.0:
            zeros = [-1.0 / a] if a != 0.0 else []
        elif a * a - 4.0 * b > 0.0:
            half = -0.5 * (a + math.copysign(math.sqrt(a * a - 4.0 * b), a))
            zeros = sorted([half / b, 1.0 / half])
        else:
            zeros = []
        found = []
        for t in zeros:
            linear = (1.0 + 2.0 * b) * t + a
            # linear² = root² here, so the residue is (linear − root)/(2 slope) with root = ±linear.
            if linear * (t - a) < 0.0 and not low <= t <= high:
                found.append((self.location + self._scale * t, linear / (2.0 * b * t + a)))
        return tuple(found)

    @property
    def _divergences(self) -> tuple[float, ...]:
        """Edges at which bt² + at + 1 is 0."""
        a, b = self.a, self.b
        size = [1.0 + abs(a * t) + abs(b) * t * t for t in self._edges]
        zero = [abs((b * t + a) * t + 1.0) <= 4e-16 * s for t, s in zip(self._edges, size, strict=True)]
        return tuple(edge for edge, diverges in zip(self.bands[0], zero, strict=True) if diverges)

    def _density(self, x: np.ndarray) -> np.ndarray:
        t = (x - self.location) / self._scale
        low, high = self._edges
        inside = (t > low) & (t < high)
        safe = np.where(inside, t, self.a)
        denominator = (self.b * safe + self.a) * safe + 1.0
        value = _arch(safe, low, high) / np.where(denominator > 0.0, denominator, np.inf)
        return np.where(inside, value / (2.0 * math.pi * self._scale), 0.0)

    def _transforms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b = self.a, self.b
        t = (z - self.location) / self._scale
        lead, linear = ((b * t + a) * t + 1.0) / (1.0 + b), ((1.0 + 2.0 * b) * t + a) / (1.0 + b)
        root = _branch(t, *self._edges) / (1.0 + b)
        m, slope = _quadratic(lead, linear, root, (2.0 * b * t + a) / (1.0 + b), (1.0 + 2.0 * b) / (1.0 + b))
        return m / self._scale, slope / self.variance

    def _moments(self, k: int) -> np.ndarray:
        """From (J^i)₀₀, J the Jacobi matrix of T: diagonal 0, a, a, …, beside it 1, √(1 + b), √(1 + b), …."""
        size = k // 2 + 1
        beside = np.full(size - 1, math.sqrt(1.0 + self.b))
        beside[:1] = 1.0
        jacobi = np.diag(np.full(size, self.a)) + np.diag(beside, 1) + np.diag(beside, -1)
        jacobi[0, 0] = 0.0
        vector, moments = np.eye(size)[0], []
        for _ in range(k):
            vector = self.location * vector + self._scale * (jacobi @ vector)
            moments.append(float(vector[0]))
        return np.array(moments)

    def r_transform(self, w: ArrayLike) -> np.ndarray:
        """R(w) = location + σ·2v/(1 − av + √((1 − av)² − 4bv²)), v = σw."""
        v = self._scale * np.asarray(w)
        rest = 1.0 - self.a * v
        inside = rest**2 - 4.0 * self.b * v**2
        return self.location + self._scale * 2.0 * v / (rest + np.emath.sqrt(inside))


def kesten_mckay(degree: float) -> FreeMeixner:
    """Law of the adjacency matrix of the infinite regular tree: density d√(4(d − 1) − x²)/(2π(d² − x²)).

    Also the limit for random d-regular graphs (Kesten 1959, McKay 1981).

    Parameters
    ----------
    degree : float
        d ≥ 2; d = 2 is the arcsine law.

    Returns
    -------
    FreeMeixner
        With a = 0, b = −1/d and variance d.

    Raises
    ------
    ValueError
        If `degree` is below 2.
    """
    if not positive("degree", degree) >= 2.0:
        raise ValueError(f"`degree` must be at least 2; got {degree!r}")
    return FreeMeixner(0.0, -1.0 / degree, 0.0, float(degree))
