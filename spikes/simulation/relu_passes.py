"""Passes over cosines and pre-activations that train a network of relu neurons."""

from __future__ import annotations

import math

from spikes.simulation.vector_functions import arcsin, cached_njit

__all__ = ["pair_pass", "relu_backward", "relu_output"]

_SUMS = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}}


@cached_njit(**_SUMS)
def pair_pass(rho, C, split, kernel, lost):
    """All that one gradient of the population loss takes from the cosines, in one pass.

    With κ(ρ) = ρ arcsin ρ + √(1−ρ²) − 1, the kernel times 2π: kernel[i] ← (Σ_{j<split} C_j κ(ρ_ij), Σ_{j≥split} …),
    lost[i] ← Σ_j C_j (1 − √(1−ρ_ij²)), and ρ_ij ← C_j arcsin ρ_ij.
    """
    for i in range(rho.shape[0]):
        total = 0.0
        for part in range(2):
            first, last = (0, split) if part == 0 else (split, rho.shape[1])
            power = 0.0
            for j in range(first, last):
                x = rho[i, j]
                x = 1.0 if x > 1.0 else x
                x = -1.0 if x < -1.0 else x
                root = math.sqrt((1.0 - x) * (1.0 + x))
                angle = arcsin(x, root)
                missing = x * x / (1.0 + root)
                power += C[j] * (x * angle - missing)
                total += C[j] * missing
                rho[i, j] = C[j] * angle
            kernel[i, part] = power
        lost[i] = total


@cached_njit(**_SUMS)
def relu_output(Z, a, f):
    """f_s ← Σ_i a_i max(Z_si, 0)."""
    for s in range(Z.shape[0]):
        total = 0.0
        for i in range(Z.shape[1]):
            z = Z[s, i]
            total += a[i] * (z if z > 0.0 else 0.0)
        f[s] = total


@cached_njit(**_SUMS)
def relu_backward(Z, R, inner):
    """inner_i ← Σ_s max(Z_si, 0) R_s, and Z_si ← R_s where Z_si > 0, else 0."""
    inner[:] = 0.0
    for s in range(Z.shape[0]):
        for i in range(Z.shape[1]):
            z = Z[s, i]
            inner[i] += (z if z > 0.0 else 0.0) * R[s]
            Z[s, i] = R[s] if z > 0.0 else 0.0
