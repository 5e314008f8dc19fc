"""Largest eigenvalues at the edges of coloured noise: Tracy and Widom's law for any population spectrum.

Near its right edge b a law whose density ends like (κ/π)√(b − x) puts the largest of its p eigenvalues at
b + (pκ)^(−2/3) TW, with κ = dm/d√(z − b) at b: with z(m) the inverse of the companion's transform this is
z(m₀) + (z″(m₀)/2)^(1/3) n^(−2/3) TW, z′(m₀) = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.polynomial import chebyshev
from scipy.optimize import brentq

from theory.laws import GeneralisedMarchenkoPastur, Law
from theory.laws.generalised_marchenko_pastur import positive_law
from theory.laws.law import positive

__all__ = ["deformed_edge", "edge_coefficient"]

_NODES = 16
_REACH = 0.15  # of √(z − b)/√b in which m is interpolated


def deformed_edge(
    columns: Law | Sequence[float], n: int, p: int, *, rows: Law | Sequence[float] | None = None, beta: int = 1
) -> tuple[float, float]:
    """Centring and scale of the largest eigenvalue of XᵀX/n, X = B^(1/2)ZA^(1/2), Z (n, p) Gaussian, at the right edge.

    (λ₁ − centre)/scale follows `TracyWidom(beta)`. The edge of real matrices moves by (1/m₀ + z‴/(6z″))/n, the shift of
    the mean of their transform (Bai and Silverstein) less the pole that every soft edge has; that takes the centring of
    a covariance to the second order, and sizes n − ½ and p − ½ carry the part of it that `wishart_edge` has, which is
    all of it for A = σ²I. For separable noise the sizes alone are shifted.

    Parameters
    ----------
    columns : Law or sequence of float
        Spectrum of A (p, p), the population covariance; eigenvalues alone have equal weights.
    n, p : int
    rows : Law or sequence of float, optional
        Spectrum of B (n, n); the identity if it is left out.
    beta : {1, 2}
        1 for real Z, 2 for complex Z.

    Returns
    -------
    centre, scale : float

    Raises
    ------
    ValueError
        If a size is no positive integer, `beta` neither 1 nor 2, or a spectrum has negative eigenvalues or none but 0.

    References
    ----------
    El Karoui, arXiv math/0503109; Bao, Pan and Zhou, arXiv 1304.5690; Lee and Schnelli, arXiv 1409.4979; Knowles and
    Yin, arXiv 1410.3516; for separable covariances Ding and Yang, arXiv 1803.10436; for the mean of the transform Bai
    and Silverstein, Annals of Probability 32 (2004) 553.

    Examples
    --------
    >>> print("{:.4f} {:.4f}".format(*deformed_edge([1.0], 1000, 200)))
    2.0921 0.0214
    """
    for name, size in (("n", n), ("p", p)):
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"`{name}` must be a positive integer; got {size!r}")
    if isinstance(beta, bool) or beta not in (1, 2):
        raise ValueError(f"`beta` must be 1 or 2; got {beta!r}")
    half = 0.5 if beta == 1 else 0.0
    n_half, p_half = n - half, p - half
    if rows is not None:
        edge, kappa = _separable_end(positive_law("columns", columns), positive_law("rows", rows), p_half / n_half)
        return edge * n_half / n, (p_half * kappa) ** (-2.0 / 3.0) * n_half / n
    law = GeneralisedMarchenkoPastur(columns, p_half / n_half)
    zeta = law.critical_points[-1][1]
    t, weight = _nodes(law.population)
    t = t / zeta
    third, fourth = (float(weight @ (t**2 / (1.0 - t) ** k)) for k in (3, 4))
    # In ζ = −1/m: z″ = ψ″ζ⁴ and z‴/(6z″) = ζ + ζ²ψ‴/(6ψ″), ψ″ = 2γ∫t²/(ζ − t)³, ψ‴ = −6γ∫t²/(ζ − t)⁴.
    scale = zeta * (law.gamma * third) ** (1.0 / 3.0) * n_half ** (-2.0 / 3.0)
    beyond_halves = zeta * (1.0 + float(weight @ (t / (1.0 - t)))) - zeta * fourth / third
    shift = half * beyond_halves / n_half
    return (law.bands[-1][1] + shift) * n_half / n, scale * n_half / n


def _separable_end(columns: Law, rows: Law, gamma: float) -> tuple[float, float]:
    """Right edge of B^(1/2)ZA^(1/2) and the κ of its density there, from the real branch right of it.

    With t and y the two transforms of the deterministic equivalent, t h(t) = y k(y) and z = −h(t)/y, where
    h = γ∫a/(1 + ta) and k = ∫b/(1 + yb): t runs from −1/a⁺ to 0, z has its minimum at the edge, and
    m = −∫1/(1 + ta)/z.
    """
    (a, of_a), (b, of_b) = _nodes(columns), _nodes(rows)
    largest = float(a.max()), float(b.max())

    def partner(t: float) -> float:
        level = t * gamma * float(of_a @ (a / (1.0 + t * a)))

        def excess(y: float) -> float:
            return y * float(of_b @ (b / (1.0 + y * b))) - level

        gap = 0.5
        while excess(-(1.0 - gap) / largest[1]) > 0.0:
            gap *= 0.1
        return float(brentq(excess, -(1.0 - gap) / largest[1], 0.0, xtol=1e-15 / largest[1], rtol=1e-14))

    def slopes(t: float) -> tuple[float, float, float]:
        """(ln z)′, (ln z)″ and z."""
        y = partner(t)
        h, dh, ddh = (gamma * c * float(of_a @ (a**i / (1.0 + t * a) ** i)) for i, c in ((1, 1), (2, -1), (3, 2)))
        first, second = (gamma * c * float(of_a @ (a ** (i - 1) / (1.0 + t * a) ** i)) for i, c in ((2, 1), (3, -2)))
        down, twice = (c * float(of_b @ (b ** (i - 1) / (1.0 + y * b) ** i)) for i, c in ((2, 1), (3, -2)))
        dy = first / down
        ddy = (second - twice * dy**2) / down
        return dh / h - dy / y, ddh / h - (dh / h) ** 2 - ddy / y + (dy / y) ** 2, -h / y

    low, high = 0.5, 0.5
    while slopes(-(1.0 - low) / largest[0])[0] > 0.0:
        low *= 0.1
    while slopes(-high / largest[0])[0] < 0.0:
        high *= 0.1
    t = float(brentq(lambda t: slopes(t)[0], -(1.0 - low) / largest[0], -high / largest[0], rtol=1e-13))
    _, bend, z = slopes(t)
    # z − b = z″(t − t₀)²/2 = w², and m moves by ∫a/(1 + ta)²/z
    return z, float(of_a @ (a / (1.0 + t * a) ** 2)) / z * math.sqrt(2.0 / (bend * z))


def _nodes(law: Law) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights that integrate a smooth function over a law."""
    t, weight = (np.array([atom[i] for atom in law.atoms]) for i in (0, 1))
    if law.bands:
        t, weight = np.append(law._panels.nodes, t), np.append(law._panels.masses, weight)
    return t, weight


def edge_coefficient(law: Law) -> float:
    """κ of the density (κ/π)√(b − x) with which a law ends at its right edge b.

    m(b + w²) is analytic in w, and κ its slope at w = 0: interpolated at Chebyshev's points on an interval right of 0.

    Parameters
    ----------
    law : Law
        With a soft edge and no atom at it or right of it.

    Returns
    -------
    float

    Raises
    ------
    ArithmeticError
        If the slope is not resolved: another singularity lies next to the edge.
    """
    edge = law.support[1]
    reach = _REACH * math.sqrt(positive("the law's right edge", edge))
    cosine = np.cos((np.arange(_NODES) + 0.5) * math.pi / _NODES)
    for _ in range(12):
        w = 0.5 * reach * (1.0 + cosine)
        slope = 2.0 * w * law.stieltjes_derivative(edge + w**2)
        series = chebyshev.chebfit(cosine, slope, _NODES - 1)
        if np.abs(series[-2:]).max() <= 1e-9 * np.abs(series).max():
            return float(chebyshev.chebval(-1.0, series))
        reach *= 0.5
    raise ArithmeticError(
        f"the density's end at {edge:g} is not resolved (residual {np.abs(series[-2:]).max():.1e}): another band or an "
        "atom lies next to it; move the parameters away from there"
    )
