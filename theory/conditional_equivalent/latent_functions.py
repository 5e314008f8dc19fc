"""The resolvent (FFᵀ/n + λ)^(-1) on functions of the latents: ridge errors, and what an outlier has learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.conditional_equivalent.features import EquivalentFeatures
from theory.conditional_equivalent.fixed_point import Equations, FixedPoint, equations, jacobian

__all__ = ["LatentForm", "RidgeErrors", "form_gradient", "latent_form", "ridge_errors", "spectral_factor"]


@dataclass(frozen=True, eq=False)
class LatentForm:
    """𝒟 = 𝒢^(-1) + VVᵀ on the functions 1_s and 1_s ξ_c, rows and columns scaled by √ω⁰.

    Attributes
    ----------
    lam : complex
    omega : ndarray, shape (S,)
    G : ndarray, shape (S(1 + k), S(1 + k))
        (1/λ)[diag(ω) ⊗ I − L M Lᵀ] with M = H̄(I + EH̄)^(-1).
    V : ndarray, shape (S(1 + k), Q)
        m √(λN_b r_b) on the functions 1_s, zero on 1_s ξ_c.
    H, J : ndarray, shape (J', Q, Q)
        H_y = D_y J_y and J_y = (I + C D_y)^(-1) at the nodes of the joint law.
    M, T : ndarray, shape ((1 + k)Q, (1 + k)Q)
        M = H̄T, T = (I + EH̄)^(-1).
    """

    lam: complex
    omega: np.ndarray
    G: np.ndarray
    V: np.ndarray
    H: np.ndarray
    J: np.ndarray
    M: np.ndarray
    T: np.ndarray


def _chi(eq: EquivalentFeatures) -> np.ndarray:
    """Factor of a latent function in its row of L: u_s for 1_s, which meets the coordinate β̂, and 1 for 1_s ξ_c."""
    return np.concatenate([eq.u[None], np.ones((eq.t.shape[1], len(eq.u)))])


def latent_form(eq: EquivalentFeatures, at: Equations) -> LatentForm:
    """𝒟 at one point of the fixed point."""
    lam, r, omega, C = at.lam[0], at.r[0], at.omega[0], at.C[0]
    A, (S, Q), k = eq.A, eq.A.shape, eq.t.shape[1]
    D = (eq.neurons * r / eq.d) * eq.joint_profile
    J = np.linalg.inv(np.eye(Q) + C * D[:, None, :])
    H = D[..., None] * J
    H = 0.5 * (H + np.swapaxes(H, 1, 2))
    size = (1 + k) * Q
    Hbar = np.tensordot(eq.joint_weights, H, axes=(0, 0)).transpose(0, 2, 1, 3).reshape(size, size)
    E = (A.T * (omega * (eq.u**2 - 1.0))) @ A
    T = np.eye(size, dtype=Hbar.dtype)
    T[:Q] -= np.linalg.solve(np.eye(Q) + E @ Hbar[:Q, :Q], E @ Hbar[:Q])
    M = Hbar @ T
    M = 0.5 * (M + M.T)
    root = np.sqrt(eq.latent_weights)
    LA = (omega / root)[:, None] * A
    chi = _chi(eq)
    G = np.empty((1 + k, S, 1 + k, S), dtype=M.dtype)
    for a in range(1 + k):
        for c in range(a + 1):
            block = LA @ M[a * Q : (a + 1) * Q, c * Q : (c + 1) * Q] @ LA.T
            G[a, :, c] = -chi[a][:, None] * block * chi[c]
            G[c, :, a] = G[a, :, c].T
    G = G.reshape((1 + k) * S, (1 + k) * S)
    diagonal = np.arange(len(G))
    G[diagonal, diagonal] += np.tile(omega / eq.latent_weights, 1 + k)
    V = np.zeros(((1 + k) * S, Q), dtype=M.dtype)
    V[:S] = root[:, None] * eq.m * np.sqrt(lam * eq.neurons * r)
    return LatentForm(lam, omega, G / lam, V, H, J, M, T)


def spectral_factor(form: LatentForm) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """R, and the singular value decomposition RᵀV = left · diag(s) · right, where |𝒢| = RRᵀ at a real λ.

    Everything is a function of s: 1/(1 + s²) keeps its digits when λN_b r_b is as large as 10¹⁵, the inverse of 𝒟
    would not.
    """
    R = np.linalg.cholesky(form.G if form.lam > 0.0 else -form.G)
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
        With ω and r held.
    """
    A, (S, Q), k = eq.A, eq.A.shape, eq.t.shape[1]
    omega, chi, weights = form.omega, _chi(eq), eq.joint_weights
    b = b.reshape(1 + k, S) / np.sqrt(eq.latent_weights)
    ell = ((omega * chi * b) @ A).ravel()
    p = (form.M @ ell).reshape(1 + k, Q)
    q = (form.T @ ell).reshape(1 + k, Q)
    value = (np.sum(omega * b * b) - ell @ p.ravel()) / form.lam
    # ∂M = Tᵀ ∂H̄ T − M ∂E M, where ∂H_y = J_yᵀ ∂D_y J_y − H_y ∂C H_y.
    AHq = (q @ form.H) @ A.T  # (J', 1 + k, S)
    curvature = np.sum(AHq * np.matmul(weights, AHq), axis=(0, 1))
    Ap = p @ A.T
    in_omega = np.sum(b * b - 2.0 * chi * b * Ap, axis=0) + curvature + (eq.u**2 - 1.0) * Ap[0] ** 2
    Jq = q @ np.swapaxes(form.J, 1, 2)  # (J', 1 + k, Q)
    in_D = np.sum(Jq * np.matmul(weights, Jq), axis=1)
    in_log_r = -(eq.neurons * r / eq.d) * np.sum(in_D * eq.joint_profile, axis=0) / form.lam - Va * Va
    return in_omega / form.lam, in_log_r, (-value - Va @ Va) / form.lam


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
    Y = (np.sqrt(eq.latent_weights) * np.concatenate([eq.y1[None], eq.t.T])).ravel()
    unexplained = eq.y2 - eq.y1**2 - np.sum(eq.t**2, axis=1)
    x = R.T @ Y
    coefficient = left.T @ x
    shrunk = x - left @ (coefficient * (s**2 / (1.0 + s**2)))
    psi = float(omega @ unexplained) / lam + float(x @ shrunk)
    b = np.linalg.solve(R.T, shrunk)
    Va = right.T @ (s / (1.0 + s**2) * coefficient)
    in_omega, in_log_r, _ = form_gradient(eq, form, r, b, Va)
    in_omega = in_omega + unexplained / lam
    slope = jacobian(eq, at)[0]
    adjoint = np.linalg.solve(slope.T, np.concatenate([in_log_r, -omega * in_omega]))

    def error(k: np.ndarray) -> float:
        """−λ dΨ/dε: through ω directly, and through the fixed point, where 1/(w + εk) leaves log w_s alone."""
        direct = np.concatenate([np.zeros(Q), k / w])
        return float(lam * (omega * in_omega @ (k / w) + adjoint @ (slope @ direct - direct)))

    return RidgeErrors(lam, lam * psi, error(np.ones_like(w)), error(w**2))
