"""Spectra of F/√n: eigenvalues of FFᵀ/n through the smaller Gram matrix, and what singular vectors have learned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import svd
from scipy.linalg.blas import dsyrk, ssyrk
from scipy.special import eval_hermitenorm

from spikes.agreement import ALIGNMENTS
from spikes.simulation.tridiagonal import Basis, Eigenbasis, tridiagonal

__all__ = [
    "DEGREES",
    "GramSpectrum",
    "check_amplitudes",
    "direct_spectrum",
    "gram",
    "gram_spectrum",
    "hermite_alignment",
    "hidden_below",
    "left_vectors",
    "separated",
]

DEGREES = tuple(range(len(ALIGNMENTS)))
"""Degrees k of the functions He_k(u)/√k! that left singular vectors are compared with."""


@dataclass(frozen=True, eq=False)
class GramSpectrum:
    """The smaller of FᵀF/n and FFᵀ/n: its eigenvalues, and a basis in which penalties are cheap.

    Attributes
    ----------
    eigenvalues : ndarray, shape (min(n, N),)
        Non-zero eigenvalues of FFᵀ/n, in decreasing order. They are squares of singular values: those below 1e-8 of
        the largest singular value are rounding.
    basis : Basis
        Its leading vectors are right singular vectors of F if N ≤ n, left ones otherwise.
    left : bool
        Which of the two.
    """

    eigenvalues: np.ndarray
    basis: Basis
    left: bool


def gram(F: np.ndarray) -> np.ndarray:
    """Upper triangle of the smaller of FᵀF/n and FFᵀ/n for C-ordered F (n, N).

    Parameters
    ----------
    F : ndarray, shape (n, N)

    Returns
    -------
    ndarray, shape (min(n, N), min(n, N))
    """
    n, N = F.shape
    syrk = ssyrk if F.dtype == np.float32 else dsyrk
    return syrk(1.0 / n, F.T, trans=n < N)


def gram_spectrum(F: np.ndarray) -> GramSpectrum:
    """Spectrum of the smaller Gram matrix of F/√n, without the vectors that nobody asks for.

    Parameters
    ----------
    F : ndarray, shape (n, N)

    Returns
    -------
    GramSpectrum
    """
    n, N = F.shape
    basis = tridiagonal(gram(F))
    return GramSpectrum(basis.eigenvalues(), basis, n < N)


def direct_spectrum(F: np.ndarray) -> GramSpectrum:
    """As `gram_spectrum` from the singular value decomposition of F: small singular values keep all their digits.

    Parameters
    ----------
    F : ndarray, shape (n, N)

    Returns
    -------
    GramSpectrum
    """
    n, N = F.shape
    U, s, Vt = svd(F / F.dtype.type(math.sqrt(n)), full_matrices=False, check_finite=False)
    return GramSpectrum(s**2, Eigenbasis(s**2, U if n < N else Vt.T), n < N)


def hidden_below(eigenvalues: np.ndarray, dtype: np.dtype, *, direct: bool = False) -> float:
    """What penalty is lost in the rounding of a spectrum: 8 ε √m s₁² for a Gram matrix, m s₁² ε² for singular values.

    Ridge regression takes s_i² + λ. Rounding of F/√n changes every s by some ε s₁, and that of its Gram matrix every s²
    by some ε s₁²; so that λ is seen where λ + s_m² is above this, to a digit at least.

    Parameters
    ----------
    eigenvalues : ndarray, shape (m,)
        s², in decreasing order.
    dtype : dtype
    direct : bool
        Whether they come from the singular value decomposition of F.

    Returns
    -------
    float
    """
    m, eps = len(eigenvalues), float(np.finfo(dtype).eps)
    return float(eigenvalues[0]) * (m * eps**2 if direct else 8.0 * math.sqrt(m) * eps)


def left_vectors(F: np.ndarray, spectrum: GramSpectrum, count: int) -> np.ndarray:
    """The first `count` left singular vectors of F, in columns of unit norm; shape (n, count).

    Parameters
    ----------
    F : ndarray, shape (n, N)
    spectrum : GramSpectrum
        Of F.
    count : int

    Returns
    -------
    ndarray, shape (n, count)
    """
    if spectrum.left:
        return spectrum.basis.leading(count)
    vectors = F @ spectrum.basis.leading(count)
    return vectors / np.linalg.norm(vectors, axis=0)


def hermite_alignment(vectors: np.ndarray, u: np.ndarray) -> np.ndarray:
    """⟨û, h_k⟩ for every vector û, h_k being He_k(u)/√(k! n) orthonormalised on the sample, k = 0 … 4.

    Over n samples He_2(u) and He_4(u) are orthogonal only up to √(53/n), so that plain overlaps of a vector that has
    learned He_2 scatter that much on He_4. Gram–Schmidt in the order of k takes the polynomials that are orthonormal
    under the empirical measure of u; they tend to He_k/√k!, with a fifth of the scatter.

    Parameters
    ----------
    vectors : ndarray, shape (n, K)
        Left singular vectors û, each signed here to make its largest overlap positive.
    u : ndarray, shape (n,)
        Latents ⟨x_i, β̂⟩.

    Returns
    -------
    ndarray, shape (K, 5)
        Zero where n < 5 points carry no such polynomial.
    """
    functions = np.stack([eval_hermitenorm(k, u) / math.sqrt(math.factorial(k)) for k in DEGREES], axis=1)
    frame, triangle = np.linalg.qr(functions)
    frame *= np.where(np.diag(triangle) < 0.0, -1.0, 1.0)
    amplitude = np.zeros((vectors.shape[1], len(DEGREES)))
    amplitude[:, : frame.shape[1]] = vectors.T @ frame
    largest = np.argmax(np.abs(amplitude), axis=1)[:, None]
    return amplitude * np.sign(np.take_along_axis(amplitude, largest, axis=1))


def check_amplitudes(amplitude: np.ndarray, eigenvalues: np.ndarray, dtype: np.dtype | str) -> None:
    """Refuse amplitudes of unit vectors whose squares have a sum above 1.

    Parameters
    ----------
    amplitude : ndarray, shape (K, 5)
    eigenvalues : ndarray, shape (K,)
        s² of the vectors: one that lies so much below the largest has lost as many digits.
    dtype : dtype

    Raises
    ------
    ArithmeticError
        If a sum exceeds 1 by more than rounding.
    """
    slack = 100.0 * np.finfo(dtype).eps * eigenvalues.max(initial=0.0) / eigenvalues
    excess = np.sum(np.square(amplitude, dtype=float), axis=1) - 1.0
    if not (excess <= slack).all():
        raise ArithmeticError(f"squared amplitudes of a unit vector came out with the sum 1 + {excess.max():.3g}")


def separated(singular_values: np.ndarray, *, most: int = 10, factor: float = 6.0) -> int:
    """Number of leading singular values that stand apart from the rest, judged from the values alone.

    The last of the first `most` whose gap to the next exceeds `factor` times the mean of the eight gaps below it. At a
    soft edge gaps shrink like k^(-1/3), so that a gap of the bulk exceeds six times that mean with odds below 1e-3.

    Parameters
    ----------
    singular_values : ndarray
        In decreasing order.
    most : int
        Of singular values to look at.
    factor : float
        Of a gap over the mean of those below it.

    Returns
    -------
    int
    """
    gaps = -np.diff(singular_values[: most + 9])
    count = 0
    for i in range(min(most, len(gaps) - 8)):
        if gaps[i] > factor * np.mean(gaps[i + 1 : i + 9]):
            count = i + 1
    return count
