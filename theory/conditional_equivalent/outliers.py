"""Outliers of FFᵀ/n: where they stand right of the bulk, and what their vectors have learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.blocked_products import lower_factor
from theory.conditional_equivalent.axis import on_axis, physical, spectral_scale
from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import (
    ConvergenceError,
    Equations,
    FixedPoint,
    equations,
    jacobian,
    newton,
)
from theory.conditional_equivalent.latent_functions import LatentForm, form_gradient, latent_form, spectral_factor
from theory.conditional_equivalent.real_branch import right_of_support
from theory.conditional_equivalent.spectrum import Bulk
from theory.hermite import hermite_polynomials
from theory.roots import root_between

__all__ = ["ALIGNMENTS", "Outlier", "find_outliers"]

ALIGNMENTS = ("1", "He1", "He2", "He3", "He4")
"""The functions He_k(u)/√k! of the latent on which a left singular vector is measured."""

_LEARNED = 0.1  # a mode between edge and support's end that is less a function of u than this is the tail's, no spike
_HEIGHT = 0.1  # above the axis, over z, where the nodes of a tail average out
_BLEND = 0.5  # of the end of the support over which outliers on the axis take the place of those above it
_STRIDE = 0.1  # of ln z in which outliers are looked for there
_FAR = 1.35  # of the end of the support from which the stride grows
_WIDENS = 1.5
_WIDEST = 0.5
_TOGETHER = 8  # strides that are solved together
_NEAR = 0.02  # the outlier on the axis is within this of the extrapolated one


@dataclass(frozen=True)
class Outlier:
    """A predicted outlier: singular value of F/√n, and |⟨û, He_k(u)/√k!⟩|/√n for k = 0 … 4.

    Attributes
    ----------
    singular_value : float
        Of F/√n; its square is the eigenvalue of FFᵀ/n.
    alignment : tuple of float
        Five amplitudes in [0, 1]; their squares sum to the share of û that is a polynomial of degree four in u. They
        are nan for a spike of the data.
    source : {"step", "data"}
        Whether the step makes it, or an isolated eigenvalue of the inputs' covariance.
    """

    singular_value: float
    alignment: tuple[float, ...]
    source: str = "step"

    def to_dict(self) -> dict[str, Any]:
        """An entry of ``outliers`` in the JSON contract."""
        known = (None if math.isnan(value) else value for value in self.alignment)
        return {"singular_value": self.singular_value, "alignment": dict(zip(ALIGNMENTS, known, strict=True))}


def find_outliers(eq: EquivalentFeatures, law: Bulk) -> tuple[Outlier, ...]:
    """Outliers: z right of the last edge with det 𝒟(−z) = 0, in decreasing order.

    𝒟 = 𝒢^(-1) + VVᵀ is singular where an eigenvalue of −Vᵀ𝒢V passes 1; right of the support they are the squared
    singular values of RᵀV, −𝒢 = RRᵀ, and decrease in z. A law without true edges has narrow bands of single nodes
    between its last edge and the end of the support, less than one expected eigenvalue in all, and poles of the step's
    matrix law beyond: there the eigenvalues are followed at a height above the axis, over which nodes average out, so
    that outliers move continuously. Right of the support the error of second order in the height is extrapolated away,
    and the equation on the axis takes over where no pole is near. What stands between the last edge and the end of the
    support, closer to the edge than about half the height, a twentieth of z, is averaged into the bulk: tanh at
    n = 1600, d = 800, N = 1000, α = 1/2 has a mode at s = 1.442, the edge at 1.407, which is not given as an outlier;
    simulated second singular values are 1.445 ± 0.010 over six seeds, with amplitudes on He₃ from 0.05 to 0.6.

    Parameters
    ----------
    eq : EquivalentFeatures
    law : Bulk
        Of the same features.

    Returns
    -------
    tuple of Outlier
        Largest first; empty if nothing leaves the bulk.
    """
    edge, start = law.edges[-1][1], law.beyond
    while not _is_negative(_form_at(eq, start)):
        # The matrix law of the step may reach a little beyond the support: start where its poles are left behind.
        start = _real_at(eq, 1.02 * float(start.lam[0]), start)
    top = -float(start.lam[0])
    near = law.scan[:1]
    if eq.sharp_right or top <= edge:
        return _on_the_axis(eq, near, top)
    if start is law.beyond:
        top = law.support[1]  # which is known to more digits than the point beyond it
    above = _AboveTheAxis(eq, near, top)
    grid, values, ahead, stride = [math.log(edge)], [above.modes(edge)], 1, _STRIDE
    while values[-1][0] > 0.25 or grid[-1] < math.log(top):
        onward = [grid[-1]]
        for _ in range(ahead):
            # farther out no node is near, and the modes are powers of z
            stride = min(_WIDENS * stride, _WIDEST) if onward[-1] > math.log(_FAR * top) else _STRIDE
            onward.append(onward[-1] + stride)
        above.solve([math.exp(t) for t in onward[1:]])
        for t in onward[1:]:
            grid.append(t)
            values.append(above.modes(math.exp(t)))
            if values[-1][0] <= 0.25 and t >= math.log(top):
                break
        ahead = min(2 * ahead, _TOGETHER)  # points that are started from as many before them
    outliers = []
    for i in range(max(int(np.sum(value > 1.0)) for value in values)):
        last = max(k for k, value in enumerate(values) if value[i] > 1.0)

        def excess(t: float, i: int = i) -> float:
            return _logarithm(float(above.modes(math.exp(t))[i]))

        # the bracket last
        near_by = [k for k in (last - 1, last + 2, last, last + 1) if 0 <= k < len(grid)]
        places, known = [grid[k] for k in near_by], [_logarithm(float(values[k][i])) for k in near_by]
        z = math.exp(root_between(excess, places, known, last=1e-9))
        share = min(max(z / top - 1.0 - _HEIGHT, 0.0) / _BLEND, 1.0)
        on_axis = _near_by(eq, near, z, i) if share > 0.0 else None
        if on_axis is not None and share == 1.0:
            outliers.append(on_axis)
            continue
        learned = above.learned(z, i)
        if on_axis is not None:
            outliers.append(_between(Outlier(math.sqrt(z), learned), on_axis, share))
        elif z > top or np.sum(np.square(learned)) > _LEARNED:
            outliers.append(Outlier(math.sqrt(z), learned))
    return tuple(outliers)


def _between(one: Outlier, other: Outlier, share: float) -> Outlier:
    """The share of `other`, and the rest of `one`, so that neither begins with a leap."""
    squares = (1.0 - share) * np.square(one.alignment) + share * np.square(other.alignment)
    s = one.singular_value ** (1.0 - share) * other.singular_value**share
    return Outlier(s, tuple(float(a) for a in np.sqrt(squares)))


def _on_the_axis(eq: EquivalentFeatures, near: FixedPoint, top: float) -> tuple[Outlier, ...]:
    """The outliers right of `top`, where eigenvalues that are larger than 1 there pass 1 on the axis."""
    places, known = [math.log(top)], [_modes(eq, top, near)]
    outliers = []
    for i in range(int(np.sum(known[0][0] > 1.0))):
        end = 1
        while True:
            if end == len(places):
                # farther out the modes are powers of z
                places.append(places[-1] + _WIDEST * _WIDENS ** (end - 1))
                known.append(_modes(eq, math.exp(places[-1]), near, _point(known[-1][2])))
            if _logarithm(float(known[end][0][i])) < 0.0:
                break
            end += 1
        values = [_logarithm(float(one[0][i])) for one in known[: end + 1]]
        outliers.append(_crossing(eq, near, places[: end + 1], values, i, _point(known[end - 1][2])))
    return tuple(outliers)


def _crossing(
    eq: EquivalentFeatures,
    near: FixedPoint,
    places: list[float],
    values: list[float],
    i: int,
    close: FixedPoint | None,
) -> Outlier:
    """The outlier where the i-th eigenvalue passes 1, from its logarithm at known ln z, the last two around it."""

    def excess(t: float) -> float:
        nonlocal close
        modes, _, at, _ = _modes(eq, math.exp(t), near, close)
        close = _point(at)
        return _logarithm(float(modes[i]))

    z = math.exp(root_between(excess, places, values, last=1e-7))
    _, vectors, at, form = _modes(eq, z, near, close)
    return Outlier(math.sqrt(z), _learned(eq, at, form, vectors[:, i]))


def _logarithm(mode: float) -> float:
    return math.log(max(mode, 1e-300))


def _near_by(eq: EquivalentFeatures, near: FixedPoint, z: float, i: int) -> Outlier | None:
    """The outlier on the axis next to z, or none where a pole of the step's matrix law is as near."""
    values, close = [], None
    for place in (z, z * (1.0 - _NEAR), z * (1.0 + _NEAR)):
        modes, _, at, form = _modes(eq, place, near, close)
        if np.iscomplexobj(at.r) or not _is_negative(form):
            return None
        values.append(float(modes[i]))
        close = _point(at)
    if not values[1] > max(1.0, values[0]) or not values[2] < min(1.0, values[0]):
        return None
    places = [math.log(z * share) for share in (1.0, 1.0 - _NEAR, 1.0 + _NEAR)]
    return _crossing(eq, near, places, [_logarithm(value) for value in values], i, close)


def _point(at: Equations) -> FixedPoint:
    return FixedPoint(at.lam, at.r, at.w, at.residual(), 0)


class _AboveTheAxis:
    """Eigenvalues of −Vᵀ𝒢V a height above the axis, extrapolated to it right of the support.

    f(z) = Re μ(z + ih) + ρ/3 Re(μ(z + ih) − μ(z + 2ih)), h = 0.1z, ρ from 0 at the end of the support to 1 at 1.3 of
    it; every solution is started from the last one.
    """

    def __init__(self, eq: EquivalentFeatures, near: FixedPoint, top: float) -> None:
        self._eq, self._top = eq, top
        self._points: dict[int, list[FixedPoint]] = {1: [near], 2: [near]}
        self._known: dict[tuple[float, int], tuple[np.ndarray, np.ndarray, Equations, LatentForm]] = {}

    def solve(self, places: list[float], heights: tuple[int, ...] | None = None) -> None:
        """Solve at places z together, at h and, right of the support, at 2h unless told."""
        asked = [(z, k) for z in places for k in heights or ((1, 2) if self._share(z) > 0.0 else (1,))]
        asked = [one for one in asked if one not in self._known]
        if not asked:
            return
        lam = np.array([-z * (1.0 + 1j * _HEIGHT * k) for z, k in asked])
        starts = [self._start(z, k) for z, k in asked]
        points = newton(
            self._eq,
            lam,
            np.concatenate([start.r for start in starts]),
            np.concatenate([start.w for start in starts]),
            most=12,
        )
        for i in np.flatnonzero(~physical(self._eq, points)).tolist():
            descended = self._descended(lam[i : i + 1])
            points.r[i], points.w[i], points.residual[i] = descended.r[0], descended.w[0], descended.residual[0]
        at = equations(self._eq, points.lam, points.r, points.w)
        form = latent_form(self._eq, at)
        every = np.linalg.eig(-form.met_by_means())
        for i, (one, values, vectors) in enumerate(zip(asked, *every, strict=True)):
            self._points[one[1]].append(points[i : i + 1])
            order = np.argsort(-values.real)
            self._known[one] = values[order], vectors[:, order], at[i : i + 1], form[i : i + 1]

    def modes(self, z: float) -> np.ndarray:
        """f of every eigenvalue, by decreasing real part."""
        self.solve([z])
        values, share = self._known[z, 1][0].real, self._share(z)
        return values + share * (values - self._known[z, 2][0].real) if share > 0.0 else values

    def learned(self, z: float, i: int) -> tuple[float, ...]:
        """Amplitudes, whose squares nodes next to z move by more: at 2h within the support, extrapolated beyond."""
        squares, share = self._squares(z, i, 2), 3.0 * self._share(z)
        if share > 0.0:
            squares = (1.0 - share) * squares + share * (4.0 * self._squares(z, i, 1) - squares) / 3.0
        amplitude = np.sqrt(np.maximum(squares, 0.0))
        return _in_range(z, amplitude)

    def _share(self, z: float) -> float:
        return min(max((z / self._top - 1.0) / 0.3, 0.0), 1.0) / 3.0

    def _squares(self, z: float, i: int, heights: int) -> np.ndarray:
        self.solve([z], heights=(heights,))
        _, vectors, at, form = self._known[z, heights]
        return np.square(_amplitudes(self._eq, at, form, vectors[:, i]))

    def _start(self, z: float, heights: int) -> FixedPoint:
        """Log-linear from the two solutions nearest in ln z; the first of all are from the axis."""
        points = self._points[heights]
        if len(points) < 3:
            return points[-1]
        near, far = sorted(points[1:], key=lambda point: abs(math.log(-point.lam[0].real / z)))[:2]
        share = math.log(-z / near.lam[0].real) / math.log(near.lam[0].real / far.lam[0].real)
        r, w = near.r * (near.r / far.r) ** share, near.w * (near.w / far.w) ** share
        return FixedPoint(near.lam, r, w, near.residual, 0)

    def _descended(self, lam: np.ndarray) -> FixedPoint:
        height = 10.0 * max(float(abs(lam[0])), spectral_scale(self._eq))
        start = lam.real - 1j * height
        r, w = np.full((1, len(self._eq.g)), 1.0 / start[0]), np.ones((1, len(self._eq.u)), dtype=complex)
        while True:
            point = newton(self._eq, start, r, w)
            if start[0] == lam[0]:
                break
            r, w, height = point.r, point.w, 0.3 * height
            start = lam.real - 1j * max(height, float(-lam.imag[0]))
        if not physical(self._eq, point)[0]:
            raise ConvergenceError(
                f"no solution was reached at λ = {lam[0]:g}: residual {point.residual[0]:.2g}; reduce the step size"
            )
        return point


def _modes(
    eq: EquivalentFeatures, z: float, near: FixedPoint, close: FixedPoint | None = None
) -> tuple[np.ndarray, np.ndarray, Equations, LatentForm]:
    """Eigenvalues of −Vᵀ𝒢V (real parts, decreasing) and eigenvectors at z, at the real solution where there is one."""
    real = False
    for start in (close, near):
        if not real and start is not None:
            point = newton(eq, np.array([-z]), start.r.real * (start.lam.real / -z), start.w.real, most=15)
            real = right_of_support(eq, point)
    if not real:
        point = newton(eq, np.array([-z]), np.full_like(near.r.real, -1.0 / z), np.ones_like(near.w.real), most=25)
        real = right_of_support(eq, point)
    if not real:
        point = on_axis(eq, z, near)
    at = equations(eq, point.lam, point.r, point.w)
    form = latent_form(eq, at)
    if real and _is_negative(form):
        _, _, s, right = spectral_factor(form)
        return s[0] ** 2, right[0].T, at, form
    values, vectors = np.linalg.eig(-form.met_by_means()[0])
    order = np.argsort(-values.real)
    return values.real[order], vectors[:, order], at, form


def _real_at(eq: EquivalentFeatures, lam: float, start: FixedPoint) -> FixedPoint:
    """The real solution at λ = −z, stepping over the narrow bands of single nodes."""
    for _ in range(20):
        point = newton(eq, np.array([lam]), start.r * (start.lam / lam), start.w)
        if right_of_support(eq, point):
            return point
        lam *= 1.01
    raise ConvergenceError(
        f"no real solution was found right of z = {-lam:g}: residual {point.residual[0]:.2g}; reduce the step size"
    )


def _form_at(eq: EquivalentFeatures, point: FixedPoint) -> LatentForm:
    return latent_form(eq, equations(eq, point.lam, point.r, point.w))


def _is_negative(form: LatentForm) -> bool:
    """Whether 𝒢 is negative definite at a real point."""
    try:
        lower_factor(-form.G[0])
    except np.linalg.LinAlgError:
        return False
    return True


def _learned(eq: EquivalentFeatures, at: Equations, form: LatentForm, c: np.ndarray) -> tuple[float, ...]:
    return _in_range(float(-at.lam[0].real), _amplitudes(eq, at, form, c))


def _in_range(z: float, amplitude: np.ndarray) -> tuple[float, ...]:
    """Amplitudes of a unit vector on an orthonormal family, or a refusal."""
    if np.sum(amplitude**2) > 1.0 + 1e-6:
        raise ArithmeticError(
            f"an outlier at {z:.6g} came out with amplitudes {amplitude}, whose squares sum to more than 1; change "
            "`n_step` or `d` a little"
        )
    return tuple(float(value) for value in amplitude)


def _amplitudes(eq: EquivalentFeatures, at: Equations, form: LatentForm, c: np.ndarray) -> np.ndarray:
    """Amplitudes |Σ_s h(u_s) a_s|/|aᵀ𝒟′a|^(1/2), the derivative in z taken through the fixed point.

    For −Vᵀ𝒢Vc = c the null vector of 𝒟 is a = −𝒢Vc, with 𝒢^(-1)a = −Vc and Vᵀa = c.
    """
    b = -form.V[0] @ c
    a = form.times(b[None])[0]
    in_omega, in_log_r, in_lam = form_gradient(eq, form, at.r, b[None], c[None])
    moved = -np.linalg.solve(jacobian(eq, at)[0], at.dlam()[0])
    Q = at.r.shape[1]
    slope = in_lam[0] / at.lam[0] + in_log_r[0] @ moved[:Q] - (form.omega[0] * in_omega[0]) @ moved[Q:]
    h = hermite_polynomials(eq.u, len(ALIGNMENTS) - 1)
    h /= np.sqrt([[math.factorial(k)] for k in range(len(h))])
    overlap = h @ (np.sqrt(eq.latent_weights) * a[: len(eq.u)])
    return np.abs(overlap) / math.sqrt(abs(slope))
