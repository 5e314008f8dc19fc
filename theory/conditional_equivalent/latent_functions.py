"""The resolvent (FFᵀ/n + λ)^(-1) on functions of the latents: ridge errors, and what an outlier has learned."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from theory.conditional_equivalent.coordinates import class_matrices
from theory.conditional_equivalent.coupled_functions import CoupledParts, coupled_gradient, coupled_parts
from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import Equations, FixedPoint, equations, jacobian
from theory.hermite import hermite_polynomials

__all__ = ["LatentForm", "RidgeErrors", "form_gradient", "latent_form", "ridge_errors", "spectral_factor"]


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
    """𝒟 = 𝒢^(-1) + VVᵀ on the functions 1_s he_α(ξ), rows and columns scaled by √ω⁰.

    Attributes
    ----------
    lam : complex
    omega : ndarray, shape (S,)
    coordinates : tuple
        The special coordinates, R of them with the ranks of their degrees counted.
    functions : int
        Number f of functions of ξ.
    G : ndarray, shape (fS, fS)
        (1/λ)[diag(ω) ⊗ I − L M Lᵀ] with M = H̄(I + EH̄)^(-1).
    V : ndarray, shape (fS, Q)
        m √(λN_b r_b) on the functions 1_s, zero on the others.
    J, E : tuple of ndarray, shape (J, R, R)
        J_y and Θ_y J_y for each layer, of the joint law for the linear one.
    M, T : ndarray, shape (R, R)
        M = H̄T, T = (I + EH̄)^(-1).
    """

    lam: complex
    omega: np.ndarray
    coordinates: tuple[_Coordinate, ...]
    functions: int
    G: np.ndarray
    V: np.ndarray
    J: tuple[np.ndarray, ...]
    E: tuple[np.ndarray, ...]
    M: np.ndarray
    T: np.ndarray


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
    """𝒟 at one point of the fixed point, on the functions 1_s and 1_s ξ_c, and of degree two in ξ where coupled."""
    if eq.special:
        parts = coupled_parts(eq, eq.special, at)
        return LatentForm(at.lam[0], at.omega[0], (), 1 + eq.t.shape[1], *parts)
    return _form(eq, at, _low_functions(eq), 1 + eq.t.shape[1])


def _form(eq: EquivalentFeatures, at: Equations, special: tuple[_Coordinate, ...], functions: int) -> LatentForm:
    lam, r, omega = at.lam[0], at.r[0], at.omega[0]
    S, Q = eq.B.shape
    J, E = [], []
    for of, part in zip(eq.coordinates, at.traces, strict=True):
        if of.degree == 1:
            theta = class_matrices(eq.joint_coordinates, at.r)[0]
            J.append(np.linalg.inv(np.eye(of.v.shape[1]) + part.c[0] @ theta))
            E.append(theta @ J[-1])
        else:
            J.append(part.J[0])
            E.append(part.E[0])
        E[-1] = 0.5 * (E[-1] + np.swapaxes(E[-1], 1, 2))
    blocks = _blocks(eq, special)
    size = blocks[-1].stop
    Hbar = np.zeros((size, size), dtype=E[0].dtype)
    defect = np.zeros_like(Hbar)
    joint = np.tensordot(eq.joint_weights, E[0], axes=(0, 0))
    for i, (left, rows) in enumerate(zip(special, blocks, strict=True)):
        for j, (right, columns) in enumerate(zip(special, blocks, strict=True)):
            if left.layer == right.layer == 0:
                Hbar[rows, columns] = joint[left.function, right.function]
            elif i == j:
                Hbar[rows, columns] = np.tensordot(eq.coordinates[left.layer].weights, E[left.layer], axes=1)
            if left.function != right.function or (i == j and (left.chi == 1.0).all()):
                continue
            a, b = eq.coordinates[left.layer].a, eq.coordinates[right.layer].a
            weight = omega * (left.chi * right.chi - (1.0 if i == j else 0.0))
            defect[rows, columns] = (a.T * weight) @ b
    T = np.eye(size) - np.linalg.solve(np.eye(size) + defect @ Hbar, defect @ Hbar)
    M = Hbar @ T
    M = 0.5 * (M + M.T)
    root = np.sqrt(eq.latent_weights)
    L = np.zeros((functions, S, size), dtype=M.dtype)
    for one, columns in zip(special, blocks, strict=True):
        L[one.function, :, columns] = (omega / root * one.chi)[:, None] * eq.coordinates[one.layer].a
    L = L.reshape(functions * S, size)
    G = -(L @ M) @ L.T
    diagonal = np.arange(len(G))
    G[diagonal, diagonal] += np.tile(omega / eq.latent_weights, functions)
    V = np.zeros((functions * S, Q), dtype=M.dtype)
    V[:S] = root[:, None] * eq.m * np.sqrt(lam * eq.neurons * r)
    return LatentForm(lam, omega, special, functions, G / lam, V, tuple(J), tuple(E), M, T)


def spectral_factor(form: LatentForm) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """R, and the singular value decomposition RᵀV = left · diag(s) · right, where |𝒢| = RRᵀ at a real λ.

    Everything is a function of s: 1/(1 + s²) keeps its digits when λN_b r_b is as large as 10¹⁵, the inverse of 𝒟
    would not.
    """
    R = np.linalg.cholesky(form.G if form.lam.real > 0.0 else -form.G)
    return R, *np.linalg.svd(R.T @ form.V, full_matrices=False)


def form_gradient(
    eq: EquivalentFeatures, form: LatentForm, r: np.ndarray, b: np.ndarray, Va: np.ndarray
) -> tuple[np.ndarray, np.ndarray, complex]:
    """Derivatives of bᵀ𝒢b − |Vᵀa|² with b and a fixed.

    −aᵀ∂𝒟a = bᵀ∂𝒢b − ∂|Vᵀa|² for b = 𝒢^(-1)a: this is minus the derivative of aᵀ𝒟a, and the derivative of yᵀ𝒟^(-1)y
    for a = 𝒟^(-1)y.

    Returns
    -------
    in_omega : ndarray, shape (S,)
    in_log_r : ndarray, shape (Q,)
    in_lam : complex
        λ times the derivative in λ, with ω and r held.
    """
    if eq.special:
        parts = CoupledParts(form.G, form.V, form.J, form.E, form.M, form.T)
        return coupled_gradient(eq, eq.special, form.lam, form.omega, parts, r, b, Va)
    omega, special, blocks = form.omega, form.coordinates, _blocks(eq, form.coordinates)
    b = b.reshape(form.functions, -1) / np.sqrt(eq.latent_weights)
    ell = np.concatenate([(omega * one.chi * b[one.function]) @ eq.coordinates[one.layer].a for one in special])
    p, q = form.M @ ell, form.T @ ell
    value = (np.sum(omega * b * b) - ell @ p) / form.lam
    # ∂M = Tᵀ ∂H̄ T − M ∂E M, where ∂(Θ_y J_y) = J_yᵀ ∂Θ_y J_y − Θ_y J_y ∂c Θ_y J_y.
    in_omega = np.sum(b * b, axis=0).astype(form.G.dtype)
    in_log_r = np.zeros(len(r), dtype=form.G.dtype)
    met = np.zeros((form.functions, len(omega)), dtype=form.G.dtype)
    for one, rows in zip(special, blocks, strict=True):
        ap = eq.coordinates[one.layer].a @ p[rows]
        met[one.function] += one.chi * ap
        in_omega -= 2.0 * one.chi * b[one.function] * ap + ap * ap
    in_omega += np.sum(met * met, axis=0)
    for layer, of in enumerate(eq.coordinates):
        seen = [q[rows] for one, rows in zip(special, blocks, strict=True) if one.layer == layer]
        if not seen:
            continue
        x = np.array(seen)  # (coordinates, R)
        if layer == 0:
            weights, profile = eq.joint_weights, eq.joint_profile
            met_by = [one.function for one in special if one.layer == 0]
            weights = weights[:, met_by][:, :, met_by]
        else:
            weights, profile = of.weights[:, None, None] * np.eye(len(seen)), of.profile
        AHq = (x @ form.E[layer]) @ of.a.T  # (J, coordinates, S)
        in_omega += np.sum(AHq * np.matmul(weights, AHq), axis=(0, 1))
        Jq = (x @ np.swapaxes(form.J[layer], 1, 2)) @ of.v.T  # (J, coordinates, Q)
        in_log_r -= (eq.neurons * r / of.dimension) * np.sum(
            np.sum(Jq * np.matmul(weights, Jq), axis=1) * profile, axis=0
        )
    return in_omega / form.lam, in_log_r / form.lam - Va * Va, -value - Va @ Va


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
    lam, r, w = float(point.lam[0]), point.r[0], point.w[0]
    Q = len(r)
    at = equations(eq, point.lam, point.r, point.w)
    form = latent_form(eq, at)
    R, left, s, right = spectral_factor(form)
    omega = form.omega
    root = np.sqrt(eq.latent_weights)
    Y = (root * np.concatenate([eq.y1[None], eq.t.T])).ravel()
    unexplained = eq.y2 - eq.y1**2 - np.sum(eq.t**2, axis=1) - sum(np.sum(of.t**2, axis=1) for of in eq.higher)
    x = R.T @ Y
    coefficient = left.T @ x
    shrunk = x - left @ (coefficient * (s**2 / (1.0 + s**2)))
    psi = float(omega @ unexplained) / lam + float(x @ shrunk)
    b = np.linalg.solve(R.T, shrunk)
    Va = right.T @ (s / (1.0 + s**2) * coefficient)
    in_omega, in_log_r, _ = form_gradient(eq, form, r, b, Va)
    in_omega = in_omega + unexplained / lam
    for of in eq.higher:
        # 1_s he_α(ξ) meets no mean and no other function
        if not of.t.any():
            continue
        form = _form(eq, at, _high_functions(eq, of.degree), 1)
        for t in of.t.T:
            psi += float((root * t) @ form.G @ (root * t))
            on_omega, on_log_r, _ = form_gradient(eq, form, r, root * t, np.zeros(Q))
            in_omega, in_log_r = in_omega + on_omega, in_log_r + on_log_r
    slope = jacobian(eq, at)[0]
    adjoint = np.linalg.solve(slope.T, np.concatenate([in_log_r, -omega * in_omega]))

    def error(k: np.ndarray) -> float:
        """−λ dΨ/dε: through ω directly, and through the fixed point, where 1/(w + εk) leaves log w_s alone."""
        direct = np.concatenate([np.zeros(Q), k / w])
        return float(lam * (omega * in_omega @ (k / w) + adjoint @ (slope @ direct - direct)))

    return RidgeErrors(lam, lam * psi, error(np.ones_like(w)), error(w**2))
