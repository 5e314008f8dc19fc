"""The resolvent (FFᵀ/n + λ)^(-1) on functions of the latents: ridge errors, and what an outlier has learned."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.blocked_products import lower_factor, product
from theory.conditional_equivalent.coordinates import class_matrices
from theory.conditional_equivalent.coupled_functions import CoupledParts, coupled_gradient, coupled_parts
from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import Equations, FixedPoint, equations, jacobian
from theory.hermite import hermite_polynomials

__all__ = [
    "LatentForm",
    "RidgeErrors",
    "errors_along",
    "form_gradient",
    "latent_form",
    "ridge_errors",
    "spectral_factor",
]

_TOGETHER = 2_000_000  # entries of 𝒢 at the points that are treated at once
_COARSE = 1e-6  # singular values left out of A from which m is of low rank too
_THIN = 2  # rows of 𝒢 over its rank from which it is factored in that


@dataclass(frozen=True, eq=False)
class _Coordinate:
    """A special coordinate, he_j(û) times a Hermite product in ξ̂, and the one function of the latents that meets it.

    Attributes
    ----------
    function : int
        Position of the function 1_s he_α(ξ) among those of the form.
    layer : int
        Position of its degree in the features' coordinates.
    chi : ndarray, shape (S,)
        Factor in the row of L: he_j(u_s).
    """

    function: int
    layer: int
    chi: np.ndarray


@dataclass(frozen=True, eq=False)
class LatentForm:
    """𝒟 = 𝒢^(-1) + VVᵀ at P points on the functions 1_s he_α(ξ), rows and columns scaled by √ω⁰.

    Attributes
    ----------
    lam : ndarray, shape (P,)
    omega : ndarray, shape (P, S)
    coordinates : tuple
        The special coordinates, R of them with the ranks of their degrees counted.
    functions : int
        Number f of functions of ξ.
    share : ndarray, shape (P, fS)
        ω/ω⁰.
    L : ndarray, shape (P, fS, R)
    V : ndarray, shape (P, fS, Q)
        m √(λN_b r_b) on the functions 1_s, zero on the others.
    J, E : tuple of ndarray, shape (P, J, R, R)
        J_y and Θ_y J_y for each layer, of the joint law for the linear one.
    M, T : ndarray, shape (P, R, R)
        M = H̄T, T = (I + EH̄)^(-1).
    """

    lam: np.ndarray
    omega: np.ndarray
    coordinates: tuple[_Coordinate, ...]
    functions: int
    share: np.ndarray
    L: np.ndarray
    V: np.ndarray
    J: tuple[np.ndarray, ...]
    E: tuple[np.ndarray, ...]
    M: np.ndarray
    T: np.ndarray

    def __getitem__(self, rows: slice) -> LatentForm:
        """The form at some of the points."""
        J, E = tuple(one[rows] for one in self.J), tuple(one[rows] for one in self.E)
        own = (self.share[rows], self.L[rows], self.V[rows], J, E, self.M[rows], self.T[rows])
        return LatentForm(self.lam[rows], self.omega[rows], self.coordinates, self.functions, *own)

    @cached_property
    def G(self) -> np.ndarray:
        """𝒢 = (1/λ)[diag(ω/ω⁰) ⊗ I − L M Lᵀ], shape (P, fS, fS)."""
        G = -product(product(self.L, self.M), np.swapaxes(self.L, 1, 2))
        diagonal = np.arange(G.shape[1])
        G[:, diagonal, diagonal] += self.share
        return G / self.lam[:, None, None]

    def times(self, b: np.ndarray) -> np.ndarray:
        """𝒢b for b (P, fS)."""
        met = _applied(self.M, _applied(np.swapaxes(self.L, 1, 2), b))
        return (self.share * b - _applied(self.L, met)) / self.lam[:, None]

    def met_by_means(self) -> np.ndarray:
        """Vᵀ𝒢V, shape (P, Q, Q)."""
        S = self.omega.shape[1]
        V, share = self.V[:, :S], self.share[:, :S, None]
        met = product(np.swapaxes(self.L[:, :S], 1, 2), V)
        square = product(np.swapaxes(V, 1, 2), share * V) - product(np.swapaxes(met, 1, 2), self.M @ met)
        return square / self.lam[:, None, None]


def _hermite_factor(eq: EquivalentFeatures, degree: int) -> np.ndarray:
    """he_j of the latent along which the neurons' coordinates are no codes, normalised."""
    axis = np.zeros(len(eq.latent_weights)) if eq.axis is None else eq.axis
    return hermite_polynomials(axis, degree)[degree] / math.sqrt(math.factorial(degree))


def _low_functions(eq: EquivalentFeatures) -> tuple[_Coordinate, ...]:
    """Coordinates of the functions 1_s and 1_s ξ_c: û and ξ̂_c first, then those of higher degree."""
    found = []
    for layer, of in enumerate(eq.coordinates):
        for function in range(1 + eq.t.shape[1]):
            if eq.axis is None and of.degree != (function > 0):
                continue  # every latent is among the codes
            found.append(_Coordinate(function, layer, _hermite_factor(eq, of.degree - (function > 0))))
    return tuple(found)


def _high_functions(eq: EquivalentFeatures, degree: int) -> tuple[_Coordinate, ...]:
    """Coordinates of one function 1_s he_α(ξ) of a degree of two or more."""
    layers = enumerate(eq.coordinates)
    seen = [(i, of.degree - degree) for i, of in layers if of.degree >= degree]
    return tuple(_Coordinate(0, i, _hermite_factor(eq, j)) for i, j in seen if eq.axis is not None or j == 0)


def _blocks(eq: EquivalentFeatures, special: tuple[_Coordinate, ...]) -> list[slice]:
    ends = np.cumsum([0] + [eq.coordinates[at.layer].v.shape[1] for at in special])
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]


def latent_form(eq: EquivalentFeatures, at: Equations) -> LatentForm:
    """𝒟 at points of the fixed point, on the functions 1_s and 1_s ξ_c, and of degree two in ξ where coupled."""
    functions = 1 + eq.t.shape[1]
    if eq.special:
        parts = coupled_parts(eq, eq.special, at)
        return LatentForm(at.lam, at.omega, (), functions, *parts)
    return _form(eq, at, _low_functions(eq), functions)


def _form(eq: EquivalentFeatures, at: Equations, special: tuple[_Coordinate, ...], functions: int) -> LatentForm:
    lam, r, omega = at.lam, at.r, at.omega
    (S, Q), P = eq.B.shape, len(lam)
    J, E = [], []
    for of, part in zip(eq.coordinates, at.traces, strict=False):
        if of.degree == 1:
            theta = class_matrices(eq.joint_coordinates, r)
            J.append(np.linalg.inv(np.eye(of.v.shape[1]) + part.c[:, None] @ theta))
            E.append(theta @ J[-1])
        else:
            J.append(part.J)
            E.append(part.E)
        E[-1] = 0.5 * (E[-1] + np.swapaxes(E[-1], 2, 3))
    blocks = _blocks(eq, special)
    size = blocks[-1].stop
    Hbar = np.zeros((P, size, size), dtype=E[0].dtype)
    defect = np.zeros_like(Hbar)
    joint = _weighted(eq.joint_weights, E[0])
    for i, (left, rows) in enumerate(zip(special, blocks, strict=True)):
        for j, (right, columns) in enumerate(zip(special, blocks, strict=True)):
            if left.layer == right.layer == 0:
                Hbar[:, rows, columns] = joint[:, left.function, right.function]
            elif i == j:
                weights = eq.coordinates[left.layer].weights
                Hbar[:, rows, columns] = _weighted(weights[:, None, None], E[left.layer])[:, 0, 0]
            if left.function != right.function or (i == j and (left.chi == 1.0).all()):
                continue
            a, b = eq.coordinates[left.layer].a, eq.coordinates[right.layer].a
            weight = omega * (left.chi * right.chi - (1.0 if i == j else 0.0))
            defect[:, rows, columns] = (a.T * weight[:, None, :]) @ b
    coupled = defect @ Hbar
    T = np.eye(size) - np.linalg.solve(np.eye(size) + coupled, coupled)
    M = Hbar @ T
    M = 0.5 * (M + np.swapaxes(M, 1, 2))
    root = np.sqrt(eq.latent_weights)
    L = np.zeros((P, functions, S, size), dtype=M.dtype)
    for one, columns in zip(special, blocks, strict=True):
        L[:, one.function, :, columns] = (omega / root * one.chi)[..., None] * eq.coordinates[one.layer].a
    L = L.reshape(P, functions * S, size)
    share = np.tile(omega / eq.latent_weights, functions)
    V = np.zeros((P, functions * S, Q), dtype=M.dtype)
    V[:, :S] = root[:, None] * eq.m * np.sqrt(lam[:, None] * eq.neurons * r)[:, None, :]
    return LatentForm(lam, omega, special, functions, share, L, V, tuple(J), tuple(E), M, T)


def _weighted(weights: np.ndarray, forms: np.ndarray) -> np.ndarray:
    """Σ_y ν_ab(y) E_y for weights (J, f, f) and forms (P, J, R, R): shape (P, f, f, R, R)."""
    classes, functions, _ = weights.shape
    flat = weights.reshape(classes, -1).T @ forms.reshape(*forms.shape[:2], -1)
    return flat.reshape(len(forms), functions, functions, *forms.shape[2:])


def spectral_factor(form: LatentForm) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """R, and the singular value decomposition RᵀV = left · diag(s) · right, where |𝒢| = RRᵀ at real λ of one sign.

    Everything is a function of s: 1/(1 + s²) keeps its digits when λN_b r_b is as large as 10¹⁵, the inverse of 𝒟
    would not.
    """
    R = lower_factor(form.G if form.lam[0].real > 0.0 else -form.G)
    return R, *np.linalg.svd(np.swapaxes(R, 1, 2) @ form.V, full_matrices=False)


@dataclass(frozen=True, eq=False)
class _ThinRoot:
    """R = diag(size)(I + U diag(bend) Uᵀ) with 𝒢 = RRᵀ, U orthonormal, at P points."""

    size: np.ndarray
    U: np.ndarray
    bend: np.ndarray

    def pull(self, b: np.ndarray) -> np.ndarray:
        """Rᵀb for b (P, fS, k)."""
        scaled = self.size[..., None] * b
        return scaled + product(self.U, self.bend[..., None] * product(np.swapaxes(self.U, 1, 2), scaled))


def _thin_root(form: LatentForm) -> _ThinRoot:
    """The root in the ranks of A: 𝒢 = diag(size)(I − X M Xᵀ)diag(size), X = diag(share)^(-1/2) L."""
    U, T = np.linalg.qr(form.L / np.sqrt(form.share)[..., None])
    rest = np.eye(T.shape[1]) - T @ form.M @ np.swapaxes(T, 1, 2)
    values, vectors = np.linalg.eigh(0.5 * (rest + np.swapaxes(rest, 1, 2)))
    if not (values > 0.0).all():
        raise np.linalg.LinAlgError("the resolvent on functions of the latents is not positive definite")
    return _ThinRoot(np.sqrt(form.share / form.lam[:, None]), product(U, vectors), np.sqrt(values) - 1.0)


def _pulled(
    eq: EquivalentFeatures, form: LatentForm, r: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rᵀb for b (fS,) and what `spectral_factor` has of RᵀV, at λ > 0.

    Where products of rules make nodes many beside the ranks of A and m, both factors are taken in those.
    """
    if eq.least < _COARSE or _THIN * form.L.shape[2] > form.L.shape[1]:
        R, left, s, right = spectral_factor(form)
        return b @ R, left, s, right
    root = _thin_root(form)
    means = np.zeros((form.L.shape[1], eq.means[0].shape[1]))
    means[: len(eq.u)] = np.sqrt(eq.latent_weights)[:, None] * eq.means[0]
    of_samples, upper = np.linalg.qr(root.pull(np.broadcast_to(means, (len(r), *means.shape))))
    of_codes, beside = np.linalg.qr(np.sqrt(form.lam[:, None] * eq.neurons * r)[..., None] * eq.means[1])
    left, s, right = np.linalg.svd(upper @ np.swapaxes(beside, 1, 2))
    along = root.pull(np.broadcast_to(b[:, None], (len(r), len(b), 1)))[..., 0]
    return along, product(of_samples, left), s, product(right, np.swapaxes(of_codes, 1, 2))


def form_gradient(
    eq: EquivalentFeatures, form: LatentForm, r: np.ndarray, b: np.ndarray, Va: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Derivatives of bᵀ𝒢b − |Vᵀa|² with b and a fixed, at P points.

    −aᵀ∂𝒟a = bᵀ∂𝒢b − ∂|Vᵀa|² for b = 𝒢^(-1)a: this is minus the derivative of aᵀ𝒟a, and the derivative of yᵀ𝒟^(-1)y
    for a = 𝒟^(-1)y.

    Parameters
    ----------
    eq : EquivalentFeatures
    form : LatentForm
    r : ndarray, shape (P, Q)
    b : ndarray, shape (P, fS)
    Va : ndarray, shape (P, Q)

    Returns
    -------
    in_omega : ndarray, shape (P, S)
    in_log_r : ndarray, shape (P, Q)
    in_lam : ndarray, shape (P,)
        λ times the derivative in λ, with ω and r held.
    """
    if eq.special:
        parts = CoupledParts(form.share, form.L, form.V, form.J, form.E, form.M, form.T)
        return coupled_gradient(eq, eq.special, form.lam, form.omega, parts, r, b, Va)
    omega, special, blocks, P = form.omega, form.coordinates, _blocks(eq, form.coordinates), len(r)
    lam = form.lam[:, None]
    b = b.reshape(P, form.functions, -1) / np.sqrt(eq.latent_weights)
    ell = np.concatenate([(omega * one.chi * b[:, one.function]) @ eq.coordinates[one.layer].a for one in special], 1)
    p, q = _applied(form.M, ell), _applied(form.T, ell)
    value = (np.sum(omega[:, None] * b * b, axis=(1, 2)) - np.sum(ell * p, axis=1)) / form.lam
    # ∂M = Tᵀ ∂H̄ T − M ∂E M, where ∂(Θ_y J_y) = J_yᵀ ∂Θ_y J_y − Θ_y J_y ∂c Θ_y J_y.
    in_omega = np.sum(b * b, axis=1).astype(form.M.dtype)
    in_log_r = np.zeros(r.shape, dtype=form.M.dtype)
    met = np.zeros((P, form.functions, omega.shape[1]), dtype=form.M.dtype)
    for one, rows in zip(special, blocks, strict=True):
        ap = p[:, rows] @ eq.coordinates[one.layer].a.T
        met[:, one.function] += one.chi * ap
        in_omega -= 2.0 * one.chi * b[:, one.function] * ap + ap * ap
    in_omega += np.sum(met * met, axis=1)
    for layer, of in enumerate(eq.coordinates):
        seen = [q[:, rows] for one, rows in zip(special, blocks, strict=True) if one.layer == layer]
        if not seen:
            continue
        x = np.stack(seen, axis=1)[:, None]  # (P, 1, coordinates, R)
        if layer == 0:
            weights, profile = eq.joint_weights, eq.joint_profile
            met_by = [one.function for one in special if one.layer == 0]
            weights = weights[:, met_by][:, :, met_by]
        else:
            weights, profile = of.weights[:, None, None] * np.eye(len(seen)), of.profile
        AHq = (x @ form.E[layer]) @ of.a.T  # (P, J, coordinates, S)
        in_omega += np.sum(AHq * np.matmul(weights, AHq), axis=(1, 2))
        Jq = (x @ np.swapaxes(form.J[layer], 2, 3)) @ of.v.T  # (P, J, coordinates, Q)
        in_log_r -= (eq.neurons * r / of.dimension) * np.sum(
            np.sum(Jq * np.matmul(weights, Jq), axis=2) * profile, axis=1
        )
    return in_omega / lam, in_log_r / lam - Va * Va, -value - np.sum(Va * Va, axis=1)


@dataclass(frozen=True)
class RidgeErrors:
    """Objective, train error and test error of ridge regression at one λ.

    Attributes
    ----------
    ridge : float
        λ.
    objective : float
        (1/n)‖y − Fâ‖² + λ‖â‖².
    train_error : float
        (1/n)‖y − Fâ‖².
    test_error : float
        E(y − fᵀâ)² on a new sample, noise included.
    """

    ridge: float
    objective: float
    train_error: float
    test_error: float


def ridge_errors(eq: EquivalentFeatures, point: FixedPoint) -> RidgeErrors:
    """Objective λΨ, train error and test error at one λ.

    Ψ = (1/n) yᵀ(FFᵀ/n + λ)^(-1) y; with ω = ω⁰/(w + εk) the errors are −λ ∂Ψ/∂ε at ε = 0, k = 1 for the train error
    and k = w² for the test error, since the residual of a held-out sample is w_s times its training residual. The
    derivative is exact: one linear solve with the Jacobian of the fixed point.

    Parameters
    ----------
    eq : EquivalentFeatures
    point : FixedPoint
        At one real λ > 0.

    Returns
    -------
    RidgeErrors
    """
    return errors_along(eq, point)[0]


def errors_along(eq: EquivalentFeatures, points: FixedPoint) -> tuple[RidgeErrors, ...]:
    """`ridge_errors` at several λ.

    Parameters
    ----------
    eq : EquivalentFeatures
    points : FixedPoint
        At P real λ > 0.

    Returns
    -------
    tuple of RidgeErrors
    """
    # 𝒢 is the largest array of all
    size = (1 + eq.t.shape[1]) * len(eq.u)
    at_once = max(1, _TOGETHER // size**2)
    errors: list[RidgeErrors] = []
    for first in range(0, len(points.lam), at_once):
        part = points[first : first + at_once]
        errors += _errors(eq, equations(eq, part.lam, part.r, part.w))
    return tuple(errors)


def _errors(eq: EquivalentFeatures, at: Equations) -> list[RidgeErrors]:
    lam, w = at.lam, at.w
    P, Q = at.r.shape
    form = latent_form(eq, at)
    omega = form.omega
    root = np.sqrt(eq.latent_weights)
    Y = (root * np.concatenate([eq.y1[None], eq.t.T])).ravel()
    unexplained = eq.y2 - eq.y1**2 - np.sum(eq.t**2, axis=1) - sum(np.sum(of.t**2, axis=1) for of in eq.higher)
    x, left, s, right = _pulled(eq, form, at.r, Y)
    coefficient = _applied(np.swapaxes(left, 1, 2), x)
    shrunk = x - _applied(left, coefficient * (s**2 / (1.0 + s**2)))
    psi = omega @ unexplained / lam + np.sum(x * shrunk, axis=1)
    Va = _applied(np.swapaxes(right, 1, 2), s / (1.0 + s**2) * coefficient)
    b = Y - _applied(form.V, Va)  # R^(-T) shrunk, since R^(-T) left · diag(s) = V right
    in_omega, in_log_r, _ = form_gradient(eq, form, at.r, b, Va)
    in_omega = in_omega + unexplained / lam[:, None]
    for of in eq.higher:
        # 1_s he_α(ξ) meets no mean and no other function
        if not of.t.any():
            continue
        form = _form(eq, at, _high_functions(eq, of.degree), 1)
        for t in of.t.T:
            along = np.broadcast_to(root * t, (P, len(root)))
            psi = psi + np.sum(along * form.times(along), axis=1)
            on_omega, on_log_r, _ = form_gradient(eq, form, at.r, along, np.zeros((P, Q)))
            in_omega, in_log_r = in_omega + on_omega, in_log_r + on_log_r
    slope = jacobian(eq, at)
    adjoint = np.linalg.solve(np.swapaxes(slope, 1, 2), np.concatenate([in_log_r, -omega * in_omega], 1)[..., None])

    def error(k: np.ndarray) -> np.ndarray:
        """−λ dΨ/dε: through ω directly, and through the fixed point, where 1/(w + εk) leaves log w_s alone."""
        direct = np.concatenate([np.zeros((P, Q)), k / w], axis=1)
        through = np.sum(adjoint[..., 0] * (_applied(slope, direct) - direct), axis=1)
        return lam * (np.sum(omega * in_omega * (k / w), axis=1) + through)

    columns = (lam, lam * psi, error(np.ones_like(w)), error(w**2))
    return [RidgeErrors(*map(float, row)) for row in zip(*columns, strict=True)]


def _applied(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (matrices @ vectors[..., None])[..., 0]
