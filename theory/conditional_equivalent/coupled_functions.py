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

    G: np.ndarray
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
    """𝒢 and what its derivatives need, at one point of the fixed point.

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
    lam, r, omega = at.lam[0], at.r[0], at.omega[0]
    S, Q = eq.B.shape
    functions = special[0].chi.shape[1]
    J, E = [], []
    for of, layer, part in zip(eq.coordinates, special, at.traces, strict=True):
        strength = (eq.neurons / of.dimension * r) * layer.profile
        theta = (of.v.T * strength[:, None, :]) @ of.v
        J.append(np.linalg.inv(np.eye(of.v.shape[1]) + part.c[0] @ theta))
        E.append(theta @ J[-1])
        E[-1] = 0.5 * (E[-1] + np.swapaxes(E[-1], 1, 2))
    blocks = _blocks(eq, special)
    size = blocks[-1][-1].stop
    root = np.sqrt(eq.latent_weights)
    Hbar = np.zeros((size, size), dtype=E[0].dtype)
    values = np.zeros((functions, S, size))  # χ_if(s) a_s
    c = np.zeros_like(Hbar)
    for of, layer, part, rows, inner in zip(eq.coordinates, special, at.traces, blocks, E, strict=True):
        for i, block in enumerate(rows):
            values[:, :, block] = layer.chi[i][:, :, None] * of.a
            c[block, block] = part.c[0]
            for j, other in enumerate(rows):
                Hbar[block, other] = np.tensordot(layer.weights[:, i, j], inner, 1)
    flat = values.reshape(functions * S, size)
    defect = (flat.T * np.tile(omega, functions)) @ flat - c
    T = np.linalg.solve(np.eye(size) + defect @ Hbar, np.eye(size))
    M = Hbar @ T
    M = 0.5 * (M + M.T)
    L = np.tile(omega / root, functions)[:, None] * flat
    G = -(L @ M) @ L.T
    diagonal = np.arange(len(G))
    G[diagonal, diagonal] += np.tile(omega / eq.latent_weights, functions)
    V = np.zeros((functions * S, Q), dtype=M.dtype)
    V[:S] = root[:, None] * eq.m * np.sqrt(lam * eq.neurons * r)
    return CoupledParts(G / lam, V, tuple(J), tuple(E), M, T)


def coupled_gradient(
    eq: EquivalentFeatures,
    special: tuple[SpecialLayer, ...],
    lam: complex,
    omega: np.ndarray,
    parts: CoupledParts,
    r: np.ndarray,
    b: np.ndarray,
    Va: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, complex]:
    """Derivatives of bᵀ𝒢b − |Vᵀa|² with b and a fixed: see `theory.conditional_equivalent.latent_functions`.

    Parameters
    ----------
    eq, special
        As in `coupled_parts`.
    lam : complex
    omega : ndarray, shape (S,)
    parts : CoupledParts
    r : ndarray, shape (Q,)
    b, Va : ndarray

    Returns
    -------
    in_omega, in_log_r : ndarray
    in_lam : complex
    """
    functions = special[0].chi.shape[1]
    b = b.reshape(functions, -1) / np.sqrt(eq.latent_weights)
    blocks = _blocks(eq, special)
    weighted = omega * b
    ell = np.concatenate(
        [
            np.einsum("fs,fs,sk->k", chi, weighted, of.a)
            for of, layer in zip(eq.coordinates, special, strict=True)
            for chi in layer.chi
        ]
    )
    p, q = parts.M @ ell, parts.T @ ell
    value = (np.sum(weighted * b) - ell @ p) / lam
    in_omega = np.sum(b * b, axis=0).astype(parts.G.dtype)
    in_log_r = np.zeros(len(r), dtype=parts.G.dtype)
    met = np.zeros(b.shape, dtype=parts.G.dtype)
    for index, (of, layer, rows) in enumerate(zip(eq.coordinates, special, blocks, strict=True)):
        ap = np.array([of.a @ p[block] for block in rows])  # (P, S)
        met += np.einsum("pfs,ps->fs", layer.chi, ap)
        in_omega -= np.sum(ap * ap, axis=0)
        x = np.array([q[block] for block in rows])
        AHq = (x @ parts.E[index]) @ of.a.T  # (J, P, S)
        in_omega += np.sum(AHq * np.matmul(layer.weights, AHq), axis=(0, 1))
        Jq = (x @ np.swapaxes(parts.J[index], 1, 2)) @ of.v.T  # (J, P, Q)
        in_log_r -= (eq.neurons * r / of.dimension) * np.sum(
            np.sum(Jq * np.matmul(layer.weights, Jq), axis=1) * layer.profile, axis=0
        )
    in_omega += np.sum(met * met, axis=0) - 2.0 * np.sum(b * met, axis=0)
    return in_omega / lam, in_log_r / lam - Va * Va, -value - Va @ Va
