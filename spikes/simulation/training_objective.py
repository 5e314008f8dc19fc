"""What the training of a two-layer relu network descends: the population loss, or the loss of a sample.

The student is f(x) = Σ_i a_i relu(⟨w_i, x⟩) + α + βᵀx. Both objectives hand out the loss without the decay's penalty
and its gradient with it, of L + (λ/2)(‖a‖² + ‖W‖_F²), L a mean square without a factor ½.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
from scipy.linalg import solve

from spikes.simulation.relu_passes import pair_pass, relu_backward, relu_output
from theory.statement.teacher import Teacher

__all__ = [
    "OUTER",
    "PREPROCESSING",
    "Gradient",
    "Objective",
    "Population",
    "Sample",
    "draw_sample",
    "norms_of",
    "preprocess",
]

PREPROCESSING = ("ols", "moment")
OUTER = ("profiled", "preprocessed")
_TWO_PI = 2.0 * math.pi


class Gradient(NamedTuple):
    """Loss without the penalty; gradients with it, in W (m, d) and a (m,)."""

    loss: float
    W: np.ndarray
    a: np.ndarray


class Objective(Protocol):
    """An objective of the training: `power` is the mean square of the labels, its loss at the student zero."""

    power: float

    def gradient(self, W: np.ndarray, a: np.ndarray, decay: float) -> Gradient:
        """Loss and gradient at a student."""

    def first_step(self, W: np.ndarray, a: np.ndarray) -> np.ndarray:
        """Stage 1: the negative gradient in W at outer weights a with the residual of the student zero; (m, d)."""

    def readout(self, W: np.ndarray, ridge: float) -> np.ndarray:
        """Stage 2: the outer weights (m,) that minimise the loss plus (ridge/2)|a|² with W fixed."""


def norms_of(W: np.ndarray) -> np.ndarray:
    """Norms of rows.

    Parameters
    ----------
    W : ndarray, shape (m, d)

    Returns
    -------
    ndarray, shape (m,)
    """
    return np.sqrt(np.einsum("ij,ij->i", W, W))


def _even_kernel(rho: np.ndarray) -> np.ndarray:
    """E σ≥2(u·x) σ≥2(v·x) of unit vectors with cosine ρ."""
    rho = np.clip(rho, -1.0, 1.0)
    return (np.sqrt((1.0 - rho) * (1.0 + rho)) + rho * np.arcsin(rho) - 1.0) / _TWO_PI


class Population:
    """E (f − f⋆)² with the student's constant and linear parts at their best, in closed form.

    Two matrix products of (m, d) by (d, m + m⋆) and one pass over the cosines a gradient; buffers are kept.

    Parameters
    ----------
    teacher : Teacher
    width : int
        m.
    """

    def __init__(self, teacher: Teacher, width: int) -> None:
        size = width + teacher.size
        self._teacher, self._width = teacher, width
        self._V = np.concatenate([np.zeros((width, teacher.d)), teacher.directions])
        self._C = np.concatenate([np.zeros(width), -teacher.weights])
        self._rho, self._kernel, self._lost = np.empty((width, size)), np.empty((width, 2)), np.empty(width)
        a, U = teacher.weights, teacher.directions
        self.power = float(a @ _even_kernel(U @ U.T) @ a)

    def gradient(self, W: np.ndarray, a: np.ndarray, decay: float) -> Gradient:
        """Loss and gradient; a neuron of norm zero has no direction and no pull but its penalty's."""
        m = self._width
        norms = norms_of(W)
        U = self._V[:m]
        np.divide(W, np.where(norms > 0.0, norms, 1.0)[:, None], out=U)
        C = self._C
        np.multiply(a, norms, out=C[:m])
        np.matmul(U, self._V.T, out=self._rho)
        pair_pass(self._rho, C, m, self._kernel, self._lost)
        students, teachers = self._kernel.T
        loss = self.power + float(C[:m] @ (students + 2.0 * teachers)) / _TWO_PI
        gW = self._rho @ self._V
        gW -= self._lost[:, None] * U
        gW *= (a / math.pi)[:, None]
        gW += decay * W
        return Gradient(loss, gW, norms * (students + teachers) / math.pi + decay * a)

    def first_step(self, W: np.ndarray, a: np.ndarray) -> np.ndarray:
        """−∂L/∂W at f = 0; the step does not depend on the norms of W."""
        U = W / norms_of(W)[:, None]
        teacher = self._teacher
        angles = U @ teacher.directions.T
        lost = np.empty(len(W))
        pair_pass(angles, teacher.weights, 0, np.empty((len(W), 2)), lost)
        return (a / math.pi)[:, None] * (angles @ teacher.directions - lost[:, None] * U)

    def readout(self, W: np.ndarray, ridge: float) -> np.ndarray:
        """Ridge regression in the population."""
        norms, teacher = norms_of(W), self._teacher
        U = W / norms[:, None]
        K = np.outer(norms, norms) * _even_kernel(U @ U.T) + 0.5 * ridge * np.eye(len(W))
        target = norms * (_even_kernel(U @ teacher.directions.T) @ teacher.weights)
        return solve(K, target, assume_a="pos")


def preprocess(X: np.ndarray, y: np.ndarray, how: str = "ols") -> tuple[np.ndarray, float, np.ndarray]:
    """Labels less their constant and linear parts.

    Parameters
    ----------
    X : ndarray, shape (n, d)
    y : ndarray, shape (n,)
    how : {"ols", "moment"}
        Regression of y on (1, x); or the moments α̂ = mean y, β̂ = mean y x, whose error stays in the labels.

    Returns
    -------
    labels : ndarray, shape (n,)
        y − α̂ − β̂ᵀx.
    alpha : float
    beta : ndarray, shape (d,)

    Raises
    ------
    ValueError
        If `how` is unknown.
    """
    if how not in PREPROCESSING:
        raise ValueError(f"`preprocessing` must be one of {', '.join(PREPROCESSING)}; got {how!r}")
    if how == "moment":
        alpha, beta = float(y.mean()), X.T @ y / len(y)
    else:
        design = np.column_stack([np.ones(len(y)), X])
        coefficients = np.linalg.lstsq(design, y)[0]
        alpha, beta = float(coefficients[0]), coefficients[1:]
    return y - alpha - X @ beta, alpha, beta


class Sample:
    """(1/n)|f(X) − y|², with the student's α and β profiled out, or fixed beforehand with its σ≥2 features.

    Parameters
    ----------
    X : ndarray, shape (n, d)
    y : ndarray, shape (n,)
    outer : {"profiled", "preprocessed"}
        In the first the residual is projected off (1, X), so that α and β are at their best at every step and the
        teacher has loss zero. In the second labels are preprocessed once and the features are
        |⟨w, x⟩|/2 − |w|/√(2π), the relu less its constant and linear parts in the population.
    preprocessing : {"ols", "moment"}
        Of the labels of Stage 1, and of all labels in the second mode.

    Raises
    ------
    ValueError
        If `outer` or `preprocessing` is unknown.
    """

    def __init__(self, X: np.ndarray, y: np.ndarray, *, outer: str = "profiled", preprocessing: str = "ols") -> None:
        if outer not in OUTER:
            raise ValueError(f"`outer` must be one of {', '.join(OUTER)}; got {outer!r}")
        n = len(X)
        self._X, self._profiled = X, outer == "profiled"
        self._labels, self.alpha, self.beta = preprocess(X, y, preprocessing)
        self._y = y if self._profiled else self._labels
        self._Q = np.linalg.qr(np.column_stack([np.ones(n), X]))[0] if self._profiled else None
        self._Z: np.ndarray | None = None
        self.power = float(self._labels @ self._labels) / n

    def _activations(self, W: np.ndarray) -> np.ndarray:
        if self._Z is None or self._Z.shape[1] != len(W):
            self._Z = np.empty((len(self._X), len(W)))
        return np.matmul(self._X, W.T, out=self._Z)

    def _off(self, values: np.ndarray) -> np.ndarray:
        """Values less their regression on (1, X)."""
        if self._Q is None:
            raise ValueError(f"`outer` must be profiled for a regression; got {OUTER[1]}")
        return values - self._Q @ (self._Q.T @ values)

    def gradient(self, W: np.ndarray, a: np.ndarray, decay: float) -> Gradient:
        """Loss and gradient."""
        X, n = self._X, len(self._X)
        Z, f, inner = self._activations(W), np.empty(n), np.empty(len(W))
        relu_output(Z, a, f)
        if self._profiled:
            R = self._off(f - self._y)
        else:
            norms = norms_of(W)
            # |z|/2 = relu(z) − z/2: the same pass serves, with linear and constant terms beside it.
            R = f - 0.5 * (X @ (W.T @ a)) - float(a @ norms) / math.sqrt(_TWO_PI) - self._y
        loss = float(R @ R) / n
        relu_backward(Z, R, inner)
        gW = Z.T @ X
        if not self._profiled:
            moment, mean = X.T @ R, float(R.sum()) / math.sqrt(_TWO_PI)
            U = W / np.where(norms > 0.0, norms, 1.0)[:, None]
            gW -= 0.5 * moment + mean * U
            inner -= 0.5 * (W @ moment) + mean * norms
        return Gradient(loss, (2.0 / n) * a[:, None] * gW + decay * W, (2.0 / n) * inner + decay * a)

    def first_step(self, W: np.ndarray, a: np.ndarray) -> np.ndarray:
        """(2/n) a_i Σ_s ỹ_s 1[⟨w_i, x_s⟩ > 0] x_s with the preprocessed labels ỹ."""
        Z, inner = self._activations(W), np.empty(len(W))
        relu_backward(Z, self._labels, inner)
        return (2.0 / len(self._X)) * a[:, None] * (Z.T @ self._X)

    def readout(self, W: np.ndarray, ridge: float) -> np.ndarray:
        """Ridge regression on the sample."""
        n, Z = len(self._X), self._activations(W)
        F = self._off(np.maximum(Z, 0.0)) if self._profiled else 0.5 * np.abs(Z) - norms_of(W) / math.sqrt(_TWO_PI)
        K = F.T @ F / n + 0.5 * ridge * np.eye(len(W))
        return solve(K, F.T @ self._y / n, assume_a="pos")


def draw_sample(
    teacher: Teacher, n: int, *, noise: float, sequence: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """X (n, d) and y = Σ_j a⋆_j relu(⟨w⋆_j, x⟩) + noise ε.

    Parameters
    ----------
    teacher : Teacher
    n : int
    noise : float
        Standard deviation of the label noise.
    sequence : SeedSequence

    Returns
    -------
    X : ndarray, shape (n, d)
    y : ndarray, shape (n,)
    """
    generator = np.random.Generator(np.random.SFC64(sequence))
    X = generator.standard_normal((n, teacher.d))
    y = np.maximum(X @ teacher.directions.T, 0.0) @ teacher.weights
    return X, y + noise * generator.standard_normal(n)
