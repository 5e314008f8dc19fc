"""Coordinates that neurons and samples share, degree by degree: ⟨w, x⟩, its symmetric square, and so on.

F_ij = m + Σ_k A_k(s, b) he_k(⟨w_j, x_i⟩) + B^(1/2) z_ij, and he_k(⟨w, x⟩) is again a sum, over D_k coordinates of
degree k. The resolvent sees them through C = Σ_s ω_s A_s A_sᵀ on the codes. A is of low rank, A_sb = ⟨a_s, v_b⟩, and
everything is done in that space: with c = Σ_s ω_s a_s a_sᵀ, Θ_y = Σ_b (N_b r_b v(b,y)/D) v_b v_bᵀ and J_y = (I +
cΘ_y)^(-1), [C − C H_y C]_bb = v_bᵀ J_y c v_b and A_sᵀ H_y A_t = a_sᵀ Θ_y J_y a_t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.blocked_products import product, times_real

__all__ = [
    "CoordinateTraces",
    "Coordinates",
    "class_matrices",
    "coordinates",
    "degree_dimension",
    "exchange",
    "squares_of_codes",
    "squares_of_samples",
    "traces",
    "variance_of_codes",
    "variance_of_samples",
]

_PROFILE_RANK = 1e-15  # the same for the variance profile
_ELEMENTWISE = 8  # products of a matrix product that take the time of one elementwise pass


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The coordinates of one degree.

    Attributes
    ----------
    degree : int
    dimension : float
        D, the number of coordinates.
    neurons : ndarray, shape (Q,)
        N_b.
    a, v : ndarray, shape (S, R) and (Q, R)
        Factors of A_sb = ⟨a_s, v_b⟩ with Σ_s ω⁰_s a_s a_sᵀ = I.
    profile, weights : ndarray, shape (J, Q) and (J,)
        Variance profile v(b, y) of mean one at the classes of coordinates, and the share of each class.
    """

    degree: int
    dimension: float
    neurons: np.ndarray
    a: np.ndarray
    v: np.ndarray
    profile: np.ndarray
    weights: np.ndarray

    @cached_property
    def samples(self) -> np.ndarray:
        """a_s a_sᵀ, shape (S, R²)."""
        return _outer(self.a)

    @cached_property
    def upper(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the pairs i ≤ l."""
        i, j = np.triu_indices(self.a.shape[1])
        return i, j

    @cached_property
    def pairs(self) -> np.ndarray:
        """The products a_i a_l, each pair once, shape (R(R + 1)/2, S)."""
        i, j = self.upper
        return np.ascontiguousarray((self.a[:, i] * self.a[:, j] * np.where(i == j, 1.0, 2.0)).T)

    @cached_property
    def pair_places(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of (ik)(lm) and (im)(lk) among the products of two pairs, for the pairs il and km."""
        i, j = self.upper
        place = np.zeros((self.a.shape[1],) * 2, dtype=int)
        place[i, j] = place[j, i] = np.arange(len(i))
        size = len(i)
        straight = place[i[:, None], i] * size + place[j[:, None], j]
        crossed = place[i[:, None], j] * size + place[j[:, None], i]
        return straight, crossed

    @cached_property
    def code_pairs(self) -> np.ndarray:
        """The products f_k(b) v_i v_l, each pair once, shape (K·R(R + 1)/2, Q)."""
        (i, j), shapes = self.upper, self._profile_factors[1]
        pairs = (self.v[:, i] * self.v[:, j] * np.where(i == j, 1.0, 2.0)).T
        return np.ascontiguousarray((shapes[:, None] * pairs).reshape(-1, len(self.v)))

    @cached_property
    def levels(self) -> np.ndarray:
        """l_k(y) of the profile Σ_k l_k(y) f_k(b), of low rank as a polynomial in Ŷ and M is; shape (J, K)."""
        return self._profile_factors[0]

    @cached_property
    def codes(self) -> np.ndarray:
        """f_k(b) v_b v_bᵀ, shape (Q, K·R²)."""
        shapes = self._profile_factors[1]
        return (shapes.T[:, :, None] * _outer(self.v)[:, None, :]).reshape(len(self.v), -1)

    @cached_property
    def _profile_factors(self) -> tuple[np.ndarray, np.ndarray]:
        left, values, right = np.linalg.svd(self.profile, full_matrices=False)
        rank = max(1, int(np.sum(values > _PROFILE_RANK * values[0])))
        return left[:, :rank] * values[:rank], right[:rank]


@dataclass(frozen=True, eq=False)
class CoordinateTraces:
    """What the coordinates of one degree give to the fixed point at P points.

    Attributes
    ----------
    c : ndarray, shape (P, R, R)
    J, K, E : ndarray, shape (P, J, R, R)
        (I + cΘ_y)^(-1), J_y c and Θ_y J_y.
    """

    c: np.ndarray
    J: np.ndarray
    K: np.ndarray
    E: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> CoordinateTraces:
        """The traces at some of the points."""
        return CoordinateTraces(self.c[rows], self.J[rows], self.K[rows], self.E[rows])


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
    least: float,
) -> Coordinates:
    """Factor A (S, Q) on the weights of its rows and columns, to singular values of `least` of the largest."""
    rows, columns = np.sqrt(latent_weights)[:, None], np.sqrt(neurons / neurons.sum())
    left, values, right = np.linalg.svd(rows * A * columns, full_matrices=False)
    rank = max(1, int(np.sum(values > least * values[0])))
    a = left[:, :rank] / rows
    v = (right[:rank] * values[:rank, None] / columns).T
    return Coordinates(degree, dimension, neurons, a, v, profile, weights)


def traces(of: Coordinates, r: np.ndarray, omega: np.ndarray) -> CoordinateTraces:
    """The traces at r (P, Q) and ω (P, S); LinAlgError where a class is singular."""
    rank = of.v.shape[1]
    c = (omega @ of.samples).reshape(-1, rank, rank)
    theta = class_matrices(of, r)
    M = c[:, None] @ theta
    M[..., np.arange(rank), np.arange(rank)] += 1.0
    J = np.linalg.inv(M)
    return CoordinateTraces(c, J, J @ c[:, None], theta @ J)


def class_matrices(of: Coordinates, r: np.ndarray) -> np.ndarray:
    """Θ_y, shape (P, J, R, R)."""
    rank = of.v.shape[1]
    shapes = product((of.neurons / of.dimension) * r, of.codes).reshape(len(r), -1, rank * rank)
    return (of.levels @ shapes).reshape(len(r), -1, rank, rank)


def variance_of_codes(of: Coordinates, at: CoordinateTraces) -> np.ndarray:
    """∫ν(dy) v(b,y) [K_y]_bb, shape (P, Q)."""
    points, classes = at.K.shape[:2]
    shapes = (of.weights[:, None] * of.levels).T @ at.K.reshape(points, classes, -1)
    return shapes.reshape(points, -1) @ of.codes.T


def variance_of_samples(of: Coordinates, at: CoordinateTraces) -> np.ndarray:
    """A_sᵀ ∫ν(dy) H_y A_s, shape (P, S)."""
    points, classes = at.E.shape[:2]
    return (of.weights @ at.E.reshape(points, classes, -1)) @ of.samples.T


def exchange(of: Coordinates, at: CoordinateTraces) -> np.ndarray:
    """∫ν(dy) v(b,y) [J_y A_s]_b², shape (P, Q, S): by class, or as a form in pairs of v_b and of a_s."""
    (neurons, rank), samples, (classes, shapes) = of.v.shape, len(of.a), of.levels.shape
    pairs, cells = len(of.pairs), neurons * samples
    in_pairs = classes * shapes * rank**4 + shapes * pairs * (pairs + neurons) * samples
    if in_pairs < classes * (neurons * rank**2 + cells * (rank + _ELEMENTWISE)):
        form = _pair_form(of, at.J, of.weights[:, None] * of.levels)
        return np.swapaxes(times_real(np.swapaxes(times_real(form, of.pairs), 1, 2), of.code_pairs), 1, 2)
    left = (np.sqrt(of.weights[:, None] * of.profile)[..., None] * of.v) @ at.J
    right = of.a.T.copy()
    if not np.iscomplexobj(left):
        product = left @ right
        return np.einsum("pjqs,pjqs->pqs", product, product)
    real, imag = np.ascontiguousarray(left.real) @ right, np.ascontiguousarray(left.imag) @ right
    square = 2.0j * np.einsum("pjqs,pjqs->pqs", real, imag)
    square += np.einsum("pjqs,pjqs->pqs", real - imag, real + imag)
    return square


def squares_of_codes(of: Coordinates, at: CoordinateTraces) -> np.ndarray:
    """∫ν(dy) v(b,y) v(c,y) [K_y]_bc², shape (P, Q, Q): by class, or as a form in pairs of v_b and of v_c."""
    (neurons, rank), (classes, shapes) = of.v.shape, of.levels.shape
    size, cells = shapes * len(of.pairs), neurons**2
    in_pairs = classes * shapes**2 * rank**4 + size * (size + neurons) * neurons
    if in_pairs < classes * (neurons * rank**2 + cells * (rank + _ELEMENTWISE)):
        levels = (of.weights[:, None, None] * of.levels[:, :, None] * of.levels[:, None, :]).reshape(classes, -1)
        form = _pair_form(of, at.K, levels).reshape(len(at.K), shapes, shapes, len(of.pairs), -1)
        form = np.swapaxes(form, 2, 3).reshape(len(at.K), size, size)
        return times_real(np.swapaxes(times_real(form, of.code_pairs), 1, 2), of.code_pairs)
    weighted = of.weights[:, None] * of.profile
    square = (of.v @ at.K @ of.v.T) ** 2
    return np.sum((weighted[:, :, None] * of.profile[:, None, :]) * square, axis=1)


def _pair_form(of: Coordinates, matrices: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """½ Σ_y levels_k(y) (X_il X_jm + X_im X_jl) for the pairs ij and lm, stacked over k: shape (P, K·pairs, pairs)."""
    (i, j), (points, classes) = of.upper, matrices.shape[:2]
    rank = matrices.shape[2]
    every = matrices.reshape(points, classes, -1)
    squares = (every[..., :, None] * every[..., None, :]).reshape(points, classes, -1)
    summed = (levels.T @ squares).reshape(points, levels.shape[1], rank, rank, rank, rank)  # k, i, l, j, m
    left, right = (i[:, None], j[:, None]), (i[None, :], j[None, :])
    straight = summed[:, :, left[0], right[0], left[1], right[1]]
    crossed = summed[:, :, left[0], right[1], left[1], right[0]]
    return 0.5 * (straight + crossed).reshape(points, -1, len(i))


def squares_of_samples(of: Coordinates, at: CoordinateTraces) -> np.ndarray:
    """∫ν(dy) (A_sᵀH_yA_t)², shape (P, S, S): by class, or as a form in pairs a_i a_l of a_s and a_k a_m of a_t."""
    (samples, rank), classes, pairs = of.a.shape, len(of.weights), len(of.pairs)
    if classes * (samples * rank**2 + samples**2 * rank) < pairs * (classes * pairs + samples * pairs + samples**2):
        turned = np.ascontiguousarray(of.a.T)
        square = np.zeros((len(at.E), samples, samples), dtype=at.E.dtype)
        for weight, form in zip(of.weights, np.swapaxes(at.E, 0, 1), strict=True):
            entry = times_real(np.swapaxes(times_real(form, turned), 1, 2).copy(), turned)
            square += weight * np.square(entry, out=entry)
        return square
    i, j = of.upper
    packed = at.E[..., i, j]
    products = np.swapaxes(packed, 1, 2) @ (of.weights[:, None] * packed)
    products = products.reshape(len(products), -1)
    straight, crossed = of.pair_places
    form = 0.5 * (products[:, straight] + products[:, crossed])
    return times_real(np.swapaxes(times_real(form, of.pairs), 1, 2).copy(), of.pairs)


def _outer(rows: np.ndarray) -> np.ndarray:
    return (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
