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
_READ = 100_000  # numbers from which a product is cheaper by factors in the cache than by reading them
_STACKED = 65_000  # complex numbers of a point that are squared together
_CACHED = 5_000  # numbers of a point from which several are not taken at once
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
    def shaped(self) -> np.ndarray:
        """f_k(b) v_b, shape (K·R, Q)."""
        return (self._profile_factors[1][:, None, :] * self.v.T).reshape(-1, len(self.v))

    @cached_property
    def many(self) -> bool:
        """Whether `codes` are so many that to form them from `shaped` at every point costs less than to read them."""
        return self.shaped.size * self.v.shape[1] > _READ

    @cached_property
    def by_class(self) -> tuple[np.ndarray, np.ndarray]:
        """√(weight·v(b,y)) v_b and √v(b,y) v_b, each of shape (J, Q, R)."""
        right = np.sqrt(np.maximum(self.profile, 0.0))[..., None] * self.v  # zero but for rounding
        return np.sqrt(self.weights)[:, None, None] * right, right

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
    theta, J : ndarray, shape (P, J, R, R)
        Θ_y = Σ_k l_k(y)S_k and (I + cΘ_y)^(-1).
    shapes, mean : ndarray, shape (P, K, R, R)
        S_k and ∫ν(dy) l_k(y) J_y.
    """

    c: np.ndarray
    theta: np.ndarray
    J: np.ndarray
    shapes: np.ndarray
    mean: np.ndarray

    @cached_property
    def K(self) -> np.ndarray:
        """J_y c, shape (P, J, R, R)."""
        return self.J @ self.c[:, None]

    @cached_property
    def E(self) -> np.ndarray:
        """Θ_y J_y, shape (P, J, R, R)."""
        return self.theta @ self.J

    def __getitem__(self, rows: slice | np.ndarray) -> CoordinateTraces:
        """The traces at some of the points."""
        return CoordinateTraces(self.c[rows], self.theta[rows], self.J[rows], self.shapes[rows], self.mean[rows])


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
    rank, points = of.v.shape[1], len(r)
    c = (omega @ of.samples).reshape(-1, rank, rank)
    shapes = _shapes(of, r)
    theta = (of.levels @ shapes).reshape(points, -1, rank, rank)
    M = c[:, None] @ theta
    M[..., np.arange(rank), np.arange(rank)] += 1.0
    J = np.linalg.inv(M)
    mean = (of.weights[:, None] * of.levels).T @ J.reshape(points, len(of.weights), -1)
    return CoordinateTraces(c, theta, J, *(part.reshape(points, -1, rank, rank) for part in (shapes, mean)))


def class_matrices(of: Coordinates, r: np.ndarray) -> np.ndarray:
    """Θ_y, shape (P, J, R, R)."""
    rank = of.v.shape[1]
    return (of.levels @ _shapes(of, r)).reshape(len(r), -1, rank, rank)


def _shapes(of: Coordinates, r: np.ndarray) -> np.ndarray:
    """Σ_b (N_b r_b f_k(b)/D) v_b v_bᵀ, shape (P, K, R²)."""
    rank, strength = of.v.shape[1], (of.neurons / of.dimension) * r
    shapes = product(of.shaped, strength[:, :, None] * of.v) if of.many else product(strength, of.codes)
    return shapes.reshape(len(r), -1, rank * rank)


def variance_of_codes(of: Coordinates, at: CoordinateTraces) -> np.ndarray:
    """∫ν(dy) v(b,y) [K_y]_bb, shape (P, Q)."""
    points, _, _, rank = at.mean.shape
    met = at.mean.reshape(points, -1, rank) @ at.c
    if not of.many:
        return met.reshape(points, -1) @ of.codes.T
    met = product(met, np.ascontiguousarray(of.v.T))
    if not np.iscomplexobj(met):
        return np.einsum("pkb,kb->pb", met, of.shaped)
    real, imaginary = (np.einsum("pkb,kb->pb", part, of.shaped) for part in (met.real, met.imag))
    return real + 1j * imaginary


def variance_of_samples(of: Coordinates, at: CoordinateTraces) -> np.ndarray:
    """A_sᵀ ∫ν(dy) H_y A_s, shape (P, S)."""
    points, _, _, rank = at.mean.shape
    beside = np.swapaxes(at.shapes, 1, 2).reshape(points, rank, -1)
    return (beside @ at.mean.reshape(points, -1, rank)).reshape(points, -1) @ of.samples.T


def exchange(of: Coordinates, at: CoordinateTraces) -> np.ndarray:
    """∫ν(dy) v(b,y) [J_y A_s]_b², shape (P, Q, S): by class, or as a form in pairs of v_b and of a_s."""
    (neurons, rank), samples, (classes, shapes) = of.v.shape, len(of.a), of.levels.shape
    pairs, cells = len(of.pairs), neurons * samples
    in_pairs = classes * shapes * rank**4 + shapes * pairs * (pairs + neurons) * samples
    if in_pairs < classes * (neurons * rank**2 + cells * (rank + _ELEMENTWISE)):
        form = _pair_form(of, at.J, of.weights[:, None] * of.levels)
        return np.swapaxes(times_real(np.swapaxes(times_real(form, of.pairs), 1, 2), of.code_pairs), 1, 2)
    return _squares_summed(of.by_class[0] @ at.J, np.ascontiguousarray(of.a.T))


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
    left, right = of.by_class
    return _squares_summed(left @ at.K, np.swapaxes(right, 1, 2).copy())


def _squares_summed(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Σ_y of the squared entries of left @ right, for left (P, J, m, R) and a real right (R, n) or (J, R, n)."""
    points, classes, rows, _ = left.shape
    if points > 1 and classes * rows * right.shape[-1] > _CACHED:  # a point at a time stays in the cache
        return np.concatenate([_squares_summed(left[i : i + 1], right) for i in range(points)])
    if not np.iscomplexobj(left):
        entry = left @ right
        return np.einsum("pjqs,pjqs->pqs", entry, entry)
    real, imag = np.ascontiguousarray(left.real) @ right, np.ascontiguousarray(left.imag) @ right
    square = 2.0j * np.einsum("pjqs,pjqs->pqs", real, imag)
    square += np.einsum("pjqs,pjqs->pqs", real - imag, real + imag)
    return square


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
        if not np.iscomplexobj(at.E) or classes * samples**2 < _STACKED:
            left = times_real(np.sqrt(of.weights)[:, None, None] * at.E, turned)
            return _squares_summed(np.swapaxes(left, 2, 3), turned)
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
