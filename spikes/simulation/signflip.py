"""Randomised copies of a matrix: signs flipped or columns permuted, and the largest singular value that each has.

If the entries of noise are independent and symmetric about 0, of whatever variances, the matrix with random signs has
the same law; if its rows are exchangeable within each column, so has the matrix with permuted columns. The largest
singular values of such copies are what that of the matrix itself is compared with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from scipy.linalg import eigh_tridiagonal

__all__ = ["RANDOMISATIONS", "RandomisationTest", "flip_signs", "largest_singular_value", "randomisation_test"]

RANDOMISATIONS = ("signflip", "permutation")

_FEWEST = 5  # copies above the matrix that are waited for before it is said not to stand out, for its p-value's sake
_DIRECT = 64  # size of a Gram matrix that is decomposed whole
_SINGLE = 2**20  # entries above which copies are held in single precision
_BLOCK = 2**18  # entries that a pass works on at a time: they stay in the cache for both products
_STEPS = 300
_ROUNDING = 1.0 + 1e-9  # of p-values and levels that are the same fraction


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _flip_double(bits, words, out):
    for w in range(len(words)):
        word = words[w]
        start = 64 * w
        for b in range(min(64, len(bits) - start)):
            out[start + b] = bits[start + b] ^ ((word >> np.uint64(b)) << np.uint64(63))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _flip_single(bits, words, out):
    for w in range(len(words)):
        word = words[w]
        start = 64 * w
        for b in range(min(64, len(bits) - start)):
            out[start + b] = bits[start + b] ^ (np.uint32(word >> np.uint64(b)) << np.uint32(31))


def flip_signs(matrix: np.ndarray, rng: np.random.Generator, out: np.ndarray | None = None) -> np.ndarray:
    """R ∘ X with independent fair signs R.

    Parameters
    ----------
    matrix : ndarray, C-ordered
        Of type float32, float64 or complex128.
    rng : Generator
    out : ndarray, optional
        Of the same shape and type.

    Returns
    -------
    ndarray
    """
    out = np.empty_like(matrix) if out is None else out
    if matrix.dtype.kind == "c":
        return np.multiply(matrix, 2.0 * rng.integers(0, 2, matrix.shape) - 1.0, out=out)
    words = rng.integers(0, 2**64, -(-matrix.size // 64), dtype=np.uint64)
    double = matrix.dtype == np.float64
    whole = np.uint64 if double else np.uint32
    (_flip_double if double else _flip_single)(matrix.ravel().view(whole), words, out.ravel().view(whole))
    return out


def largest_singular_value(matrix: np.ndarray, rng: np.random.Generator, *, tolerance: float | None = None) -> float:
    """The largest singular value of a matrix (n, p), p ≤ n, by Lanczos on XᵀX with full orthogonalisation.

    Each step reads the matrix once, in blocks of rows that stay in the cache for both products.

    Parameters
    ----------
    matrix : ndarray, shape (n, p)
    rng : Generator
        Draws the starting vector.
    tolerance : float, optional
        Of the residual of the squared singular value over its size; 0.2 p^(−2/3) by default, which leaves an error of
        a few percent of the spacing at a soft edge, the error being the residual's square over the gap.

    Returns
    -------
    float

    Raises
    ------
    ArithmeticError
        If 300 steps do not reach the tolerance.
    """
    n, p = matrix.shape
    if p <= _DIRECT:
        return math.sqrt(max(float(np.linalg.eigvalsh(matrix.conj().T @ matrix)[-1]), 0.0))
    tolerance = 0.2 * p ** (-2.0 / 3.0) if tolerance is None else tolerance
    rows = max(1, _BLOCK // p)
    blocks = [matrix[start : start + rows] for start in range(0, n, rows)]
    steps = min(p, _STEPS)
    basis = np.empty((steps + 1, p), matrix.dtype)
    diagonal, off = np.zeros(steps), np.zeros(steps)
    first = rng.standard_normal(p)
    basis[0] = first / np.linalg.norm(first)
    theta = residual = 0.0
    for j in range(steps):
        image = np.zeros(p, matrix.dtype)
        for block in blocks:
            image += (block @ basis[j]).conj() @ block if matrix.dtype.kind != "c" else _adjoint(block, basis[j])
        diagonal[j] = float(np.vdot(basis[j], image).real)
        for _ in range(2):
            image -= (basis[: j + 1].conj() @ image) @ basis[: j + 1]
        off[j] = float(np.linalg.norm(image))
        last = j + 1 == steps or off[j] <= 1e-14 * (theta or 1.0)
        if j % 4 == 3 or last:
            value, vector = eigh_tridiagonal(diagonal[: j + 1], off[:j], select="i", select_range=(j, j))
            theta, residual = float(value[0]), off[j] * abs(float(vector[-1, 0]))
            if residual <= tolerance * theta or last:
                break
        basis[j + 1] = image / off[j]
    if residual > tolerance * theta and steps < p:
        raise ArithmeticError(
            f"the largest singular value of {n} × {p} did not converge in {steps} steps: residual "
            f"{residual / theta:.2g}, wanted {tolerance:.2g}; raise `tolerance`"
        )
    return math.sqrt(max(theta, 0.0))


def _adjoint(block: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return block.conj().T @ (block @ vector)


@dataclass(frozen=True, eq=False)
class RandomisationTest:
    """Singular values tested one after the other against those of randomised residuals.

    Attributes
    ----------
    count : int
        How many stand out.
    p_values : ndarray
        Of those, and, unless the sequence ended at `most`, of the first that does not.
    ended : bool
        Whether the sequence ended before `most`.
    draws : int
        Copies drawn in all.
    """

    count: int
    p_values: np.ndarray
    ended: bool
    draws: int


def randomisation_test(
    matrix: np.ndarray,
    singular_values: np.ndarray,
    vectors: np.ndarray,
    rng: np.random.Generator,
    *,
    randomise: str = "signflip",
    axis: int = 0,
    lost: tuple[int, int] = (0, 0),
    level: float = 0.05,
    flips: int = 99,
    most: int | None = None,
) -> RandomisationTest:
    """Count the singular values of a matrix that stand out of its randomised copies.

    The (k+1)-th is compared with the largest singular value of copies of the residual X − XV_kV_kᵀ: with b of B copies
    at least as large, p = (1 + b)/(1 + B); once there are as many that p exceeds the level, five at least, it is their
    number over that of copies drawn (Besag and Clifford). Under the null the first p-value is at most u with odds at
    most u, for every size of a matrix that was not centred, and for permutations of one that was.

    What is left of noise after k directions is that of k rows and columns less, and centring takes one more: copies
    grow by ((1 − k/n)(1 − k/p))^(−1/2) to have the variance that the residual lost. All singular values that the same
    copies leave behind are counted together: copies of a residual in which more is left are larger. Both err on the
    safe side.

    Parameters
    ----------
    matrix : ndarray, shape (n, p)
        C-ordered, p ≤ n.
    singular_values : ndarray, shape (p,)
        Of the matrix, in decreasing order.
    vectors : ndarray, shape (p, p)
        Its right singular vectors in columns.
    rng : Generator
    randomise : {"signflip", "permutation"}
    axis : int
        Of the rows that are permuted within each column.
    lost : tuple of int
        Degrees of freedom of rows and columns that centring took.
    level : float
        p-value up to which a singular value stands out.
    flips : int
        Copies B of each residual.
    most : int, optional
        Count at which the sequence ends; all but two of the singular values by default.

    Returns
    -------
    RandomisationTest

    Raises
    ------
    ValueError
        If `randomise` is neither, or `flips` copies cannot give a p-value as small as `level`.

    References
    ----------
    Hong, Sheng and Dobriban, arXiv 2012.02985; Horn, Psychometrika 30 (1965) 179; Dobriban and Owen, arXiv 1711.04155;
    Besag and Clifford, Biometrika 78 (1991) 301.
    """
    if randomise not in RANDOMISATIONS:
        raise ValueError(f"`randomise` must be one of {', '.join(RANDOMISATIONS)}; got {randomise!r}")
    if isinstance(flips, bool) or not isinstance(flips, int | np.integer) or flips < 1 or (1 + flips) * level < 1.0:
        raise ValueError(f"`flips` must be an integer of at least 1/level − 1 = {1.0 / level - 1.0:g}; got {flips!r}")
    n, p = matrix.shape
    most = max(0, p - 2) if most is None else min(most, max(0, p - 2))
    # Copies keep the size of the largest entry, which brings single precision into its range.
    unit = float(np.abs(matrix).max())
    single = matrix.size >= _SINGLE and matrix.dtype.kind == "f"
    same = 1e-5 if single else 1e-10
    enough = max(_FEWEST, math.floor(level * _ROUNDING * (1 + flips)))
    p_values: list[float] = []
    count = draws = 0
    copy: np.ndarray | None = None
    while unit > 0.0:
        kept = vectors[:, :count]
        residual = np.ascontiguousarray((matrix - (matrix @ kept) @ kept.conj().T) / unit)
        if single:
            residual = residual.astype(np.float32)
        copy = np.empty_like(residual) if copy is None else copy
        gone = (count, count) if randomise == "permutation" else (count + lost[0], count + lost[1])
        grown = unit / math.sqrt((1.0 - gone[0] / n) * (1.0 - gone[1] / p))
        target = singular_values[count] * (1.0 - same)
        copies: list[float] = []
        above = 0
        while len(copies) < flips and above < enough:
            drawn = _randomised(residual, rng, randomise, axis, copy)
            copies.append(grown * largest_singular_value(drawn, rng))
            above += copies[-1] >= target
        draws += len(copies)
        if above >= enough:
            p_values.append(above / len(copies))
            if p_values[-1] > level * _ROUNDING:
                break
            count += 1
        else:
            largest = np.sort(copies)
            at_least = len(copies) - np.searchsorted(largest, singular_values[count:most] * (1.0 - same))
            each = (1.0 + at_least) / (1.0 + flips)
            out = each > level * _ROUNDING
            standing = int(np.argmax(out)) if out.any() else len(each)
            p_values += each[:standing].tolist()
            if not standing:
                p_values.append((1.0 + above) / (1.0 + flips))
                break
            count += standing
        if count >= most:
            return RandomisationTest(count, np.array(p_values), False, draws)
    return RandomisationTest(count, np.array(p_values or [1.0]), True, draws)


def _randomised(matrix: np.ndarray, rng: np.random.Generator, randomise: str, axis: int, out: np.ndarray) -> np.ndarray:
    if randomise == "signflip":
        return flip_signs(matrix, rng, out)
    return rng.permuted(matrix, axis=axis, out=out)
