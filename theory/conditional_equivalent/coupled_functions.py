"""The resolvent on functions of the latents where their coordinates are coupled: within a degree by the covariance of
the inputs, between degrees by the nodes of the latents.

A special coordinate i of degree D_i takes the value Σ_f χ_if(s) f(ξ) on the samples of node s, f orthonormal functions
of ξ. With H̄ block diagonal over degrees, H̄_ij = ∫ν_ij(dy) H_y, and E_ij = Σ_f Σ_s ω_s χ_if χ_jf A_s A_sᵀ − δ_ij C, all
functions 1_s f are fitted at once: M = H̄(I + EH̄)^(-1) and 𝒢 = (1/λ)[diag(ω) ⊗ I − L M Lᵀ], L_(f,s),i = ω_s χ_if A_s.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from theory.conditional_equivalent.features import EquivalentFeatures, SpecialLayer
from theory.conditional_equivalent.fixed_point import Equations

__all__ = ["CoupledParts", "coupled_gradient", "coupled_parts"]


class CoupledParts(NamedTuple):
    """What `theory.conditional_equivalent.latent_functions.LatentForm` is made of: see there."""

    share: np.ndarray
    L: np.ndarray
    V: np.ndarray
    J: tuple[np.ndarray, ...]
    E: tuple[np.ndarray, ...]
    M: np.ndarray
    T: np.ndarray


def _blocks(eq: EquivalentFeatures, special: tuple[SpecialLayer, ...]) -> list[list[slice]]:
    """Rows of every coordinate of every layer."""
    sizes = [of.v.shape[1] for of, layer in zip(eq.coordinates, special, strict=True) for _ in layer.chi]
    ends = np.cumsum([0, *sizes])
    every = iter([slice(int(a), int(b)) for a, b in itertools.pairwise(ends)])
    return [[next(every) for _ in layer.chi] for layer in special]


def coupled_parts(eq: EquivalentFeatures, special: tuple[SpecialLayer, ...], at: Equations) -> CoupledParts:
    """What 𝒢 is made of and its derivatives need, at points of the fixed point.

    Parameters
    ----------
    eq : EquivalentFeatures
    special : tuple of SpecialLayer
        One for each degree of `eq.coordinates`.
    at : Equations

    Returns
    -------
    CoupledParts
    """
    lam, r, omega = at.lam, at.r, at.omega
    (S, Q), P = eq.B.shape, len(lam)
    functions = special[0].chi.shape[1]
    J, E = [], []
    for of, layer, part in zip(eq.coordinates, special, at.traces, strict=False):
        strength = (eq.neurons / of.dimension * r)[:, None, :] * layer.profile
        theta = (of.v.T * strength[:, :, None, :]) @ of.v
        J.append(np.linalg.inv(np.eye(of.v.shape[1]) + part.c[:, None] @ theta))
        E.append(theta @ J[-1])
        E[-1] = 0.5 * (E[-1] + np.swapaxes(E[-1], 2, 3))
    blocks = _blocks(eq, special)
    size = blocks[-1][-1].stop
    root = np.sqrt(eq.latent_weights)
    Hbar = np.zeros((P, size, size), dtype=E[0].dtype)
    values = np.zeros((functions, S, size))  # χ_if(s) a_s
    c = np.zeros_like(Hbar)
    for of, layer, part, rows, inner in zip(eq.coordinates, special, at.traces, blocks, E, strict=False):
        for i, block in enumerate(rows):
            values[:, :, block] = layer.chi[i][:, :, None] * of.a
            c[:, block, block] = part.c
            for j, other in enumerate(rows):
                Hbar[:, block, other] = np.tensordot(inner, layer.weights[:, i, j], (1, 0))
    flat = values.reshape(functions * S, size)
    defect = (flat.T * np.tile(omega, functions)[:, None, :]) @ flat - c
    T = np.linalg.solve(np.eye(size) + defect @ Hbar, np.broadcast_to(np.eye(size), defect.shape))
    M = Hbar @ T
    M = 0.5 * (M + np.swapaxes(M, 1, 2))
    L = np.tile(omega / root, functions)[..., None] * flat
    V = np.zeros((P, functions * S, Q), dtype=M.dtype)
    V[:, :S] = root[:, None] * eq.m * np.sqrt(lam[:, None] * eq.neurons * r)[:, None, :]
    return CoupledParts(np.tile(omega / eq.latent_weights, functions), L, V, tuple(J), tuple(E), M, T)


def coupled_gradient(
    eq: EquivalentFeatures,
    special: tuple[SpecialLayer, ...],
    lam: np.ndarray,
    omega: np.ndarray,
    parts: CoupledParts,
    r: np.ndarray,
    b: np.ndarray,
    Va: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Derivatives of bᵀ𝒢b − |Vᵀa|² with b and a fixed: see `theory.conditional_equivalent.latent_functions`.

    Parameters
    ----------
    eq, special
        As in `coupled_parts`.
    lam : ndarray, shape (P,)
    omega : ndarray, shape (P, S)
    parts : CoupledParts
    r : ndarray, shape (P, Q)
    b, Va : ndarray, shape (P, fS) and (P, Q)

    Returns
    -------
    in_omega, in_log_r : ndarray, shape (P, S) and (P, Q)
    in_lam : ndarray, shape (P,)
    """
    functions, P = special[0].chi.shape[1], len(r)
    b = b.reshape(P, functions, -1) / np.sqrt(eq.latent_weights)
    blocks = _blocks(eq, special)
    weighted = omega[:, None] * b
    ell = np.concatenate(
        [
            np.einsum("fs,nfs->ns", chi, weighted) @ of.a
            for of, layer in zip(eq.coordinates, special, strict=True)
            for chi in layer.chi
        ],
        axis=1,
    )
    p, q = (parts.M @ ell[..., None])[..., 0], (parts.T @ ell[..., None])[..., 0]
    value = (np.sum(weighted * b, axis=(1, 2)) - np.sum(ell * p, axis=1)) / lam
    in_omega = np.sum(b * b, axis=1).astype(parts.M.dtype)
    in_log_r = np.zeros(r.shape, dtype=parts.M.dtype)
    met = np.zeros(b.shape, dtype=parts.M.dtype)
    for index, (of, layer, rows) in enumerate(zip(eq.coordinates, special, blocks, strict=True)):
        ap = np.stack([p[:, block] @ of.a.T for block in rows], axis=1)  # (P, coordinates, S)
        met += np.einsum("ifs,nis->nfs", layer.chi, ap)
        in_omega -= np.sum(ap * ap, axis=1)
        x = np.stack([q[:, block] for block in rows], axis=1)[:, None]
        AHq = (x @ parts.E[index]) @ of.a.T  # (P, J, coordinates, S)
        in_omega += np.sum(AHq * np.matmul(layer.weights, AHq), axis=(1, 2))
        Jq = (x @ np.swapaxes(parts.J[index], 2, 3)) @ of.v.T  # (P, J, coordinates, Q)
        in_log_r -= (eq.neurons * r / of.dimension) * np.sum(
            np.sum(Jq * np.matmul(layer.weights, Jq), axis=2) * layer.profile, axis=1
        )
    in_omega += np.sum(met * met, axis=1) - 2.0 * np.sum(b * met, axis=1)
    return in_omega / lam[:, None], in_log_r / lam[:, None] - Va * Va, -value - np.sum(Va * Va, axis=1)
