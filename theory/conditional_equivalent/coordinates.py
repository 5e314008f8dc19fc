"""Coordinates that neurons and samples share, degree by degree: ⟨w, x⟩, its symmetric square, and so on.

F_ij = m + Σ_k A_k(s, b) he_k(⟨w_j, x_i⟩) + B^(1/2) z_ij, and he_k(⟨w, x⟩) is again a sum, over D_k coordinates of
degree k. The resolvent sees them through C = Σ_s ω_s A_s A_sᵀ on the codes. A is of low rank, A_sb = ⟨a_s, v_b⟩, and
everything is done in that space: with c = Σ_s ω_s a_s a_sᵀ, Θ_y = Σ_b (N_b r_b v(b,y)/D) v_b v_bᵀ and J_y = (I +
cΘ_y)^(-1), [C − C H_y C]_bb = v_bᵀ J_y c v_b and A_sᵀ H_y A_t = a_sᵀ Θ_y J_y a_t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["CoordinateTraces", "Coordinates", "coordinates", "degree_dimension", "traces"]

_RANK = 1e-9  # singular values of A below this share of the largest are rounding


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The coordinates of one degree.

    Attributes
    ----------
    degree : int
    dimension : float
        D, the number of coordinates.
    a, v : ndarray, shape (S, R) and (Q, R)
        Factors of A_sb = ⟨a_s, v_b⟩ with Σ_s ω⁰_s a_s a_sᵀ = I.
    profile, weights : ndarray, shape (J, Q) and (J,)
        Variance profile v(b, y) of mean one at the classes of coordinates, and the share of each class.
    """

    degree: int
    dimension: float
    a: np.ndarray
    v: np.ndarray
    profile: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class CoordinateTraces:
    """What the coordinates of one degree give to the fixed point at P points.

    Attributes
    ----------
    c : ndarray, shape (P, R, R)
    J, K, E : ndarray, shape (P, J, R, R)
        (I + cΘ_y)^(-1), J_y c and Θ_y J_y.
    vJa : ndarray, shape (P, J, Q, S)
        v_bᵀ J_y a_s, the vector J_y A_s of the codes.
    """

    c: np.ndarray
    J: np.ndarray
    K: np.ndarray
    E: np.ndarray
    vJa: np.ndarray


def degree_dimension(d: float, degree: int) -> float:
    """Number of spherical harmonics of a degree in d dimensions."""
    lower = math.comb(int(d) + degree - 3, degree - 2) if degree >= 2 else 0
    return float(math.comb(int(d) + degree - 1, degree) - lower)


def coordinates(
    A: np.ndarray,
    latent_weights: np.ndarray,
    neurons: np.ndarray,
    *,
    degree: int,
    dimension: float,
    profile: np.ndarray,
    weights: np.ndarray,
) -> Coordinates:
    """Factor A (S, Q) on the weights of its rows and columns."""
    rows, columns = np.sqrt(latent_weights)[:, None], np.sqrt(neurons / neurons.sum())
    left, values, right = np.linalg.svd(rows * A * columns, full_matrices=False)
    rank = max(1, int(np.sum(values > _RANK * values[0])))
    a = left[:, :rank] / rows
    v = (right[:rank] * values[:rank, None] / columns).T
    return Coordinates(degree, dimension, a, v, profile, weights)


def traces(of: Coordinates, neurons: np.ndarray, r: np.ndarray, omega: np.ndarray) -> CoordinateTraces:
    """The traces at r (P, Q) and ω (P, S); LinAlgError where a class is singular."""
    rank = of.v.shape[1]
    c = (of.a.T * omega[:, None, :]) @ of.a
    theta = class_matrices(of, neurons, r)
    M = c[:, None] @ theta
    M[..., np.arange(rank), np.arange(rank)] += 1.0
    J = np.linalg.inv(M)
    return CoordinateTraces(c, J, J @ c[:, None], theta @ J, of.v @ J @ of.a.T)


def class_matrices(of: Coordinates, neurons: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Θ_y, shape (P, J, R, R)."""
    strength = ((neurons / of.dimension) * r)[:, None, :] * of.profile
    return (of.v.T * strength[:, :, None, :]) @ of.v
