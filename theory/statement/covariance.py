"""The covariance of the inputs and where the target lies in its eigenbasis. Part of the statement of a problem.

Everything that is asked of a problem is the same in every orthonormal basis of the inputs, because the first layer
starts uniform on the sphere. A covariance is its eigenvalues, and the target's directions are given on its
eigenvectors.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from theory.statement.arguments import real

if TYPE_CHECKING:
    import numpy as np


__all__ = [
    "DIRECTIONS",
    "Covariance",
    "Direction",
    "as_covariance",
    "as_direction",
    "direction_rule",
]

DIRECTIONS = ("uniform", "top")
"""Directions of the target known by name."""

_ROUNDING = 1e-10  # of the largest eigenvalue: below zero by less is what an eigendecomposition leaves
_ORTHOGONAL = 1e-8
_POWER = "power:"


@dataclass(frozen=True, eq=False)
class Covariance:
    """The eigenvalues s_1 … s_d of Σ = E x xᵀ, rescaled to Σ_c s_c = d.

    Parameters
    ----------
    name : str
        Shown in tables and figures, and in files; that of a power is power:γ.
    eigenvalues : sequence of float, optional
        Not negative, in any order, of any positive sum; `direction` counts in this order. As many as `d`.
    power : float, optional
        γ instead of eigenvalues: s_k ∝ k^(−γ), k = 1 … d.

    Attributes
    ----------
    trace : float
        The sum of the eigenvalues as they were given; nan for a power.

    Raises
    ------
    ValueError
        If an eigenvalue is negative or not finite, or all of them are zero.

    Examples
    --------
    >>> Covariance("two", eigenvalues=(3.0, 1.0)).spectrum(2)
    array([1.5, 0.5])
    >>> print(Covariance("two", eigenvalues=(3.0, 1.0)))
    two, rescaled from trace 4 to 2
    """

    name: str
    eigenvalues: tuple[float, ...] = field(default=(), kw_only=True, repr=False)
    power: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.power is not None:
            object.__setattr__(self, "power", real("covariance", self.power))
            object.__setattr__(self, "name", f"{_POWER}{self.power:.12g}")
            return
        values = tuple(float(value) for value in self.eigenvalues)
        object.__setattr__(self, "eigenvalues", values)
        _check_eigenvalues(values)

    def _content(self) -> tuple[Any, ...]:
        return self.power, self.eigenvalues

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Covariance) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __str__(self) -> str:
        if self.power is not None or math.isclose(self.trace, len(self.eigenvalues), rel_tol=1e-9):
            return self.name
        return f"{self.name}, rescaled from trace {self.trace:.6g} to {len(self.eigenvalues)}"

    @property
    def trace(self) -> float:
        """The sum of the eigenvalues as they were given; nan for a power."""
        return math.fsum(self.eigenvalues) if self.power is None else math.nan

    def spectrum(self, d: int) -> np.ndarray:
        """The eigenvalues of sum d, shape (d,).

        Raises
        ------
        ValueError
            If there are not d of them.
        """
        import numpy as np

        if self.power is None:
            if len(self.eigenvalues) != d:
                raise ValueError(f"`covariance` must have d = {d} eigenvalues; {self.name} has {len(self.eigenvalues)}")
            values = np.array(self.eigenvalues)
        else:
            # by logarithms: no power of k leaves the range
            log = -self.power * np.log(np.arange(1.0, d + 1.0))
            values = np.exp(log - log.max())
        values = values * (d / math.fsum(values))
        values.flags.writeable = False
        return values


def _check_eigenvalues(values: tuple[float, ...]) -> None:
    if not values:
        raise ValueError("`covariance` must have eigenvalues; got none")
    bad = [i for i, value in enumerate(values) if not math.isfinite(value)]
    if bad:
        raise ValueError(f"`covariance` must be finite; eigenvalue {bad[0] + 1} is {values[bad[0]]}")
    if min(values) < 0.0:
        raise ValueError(f"`covariance` must be positive semidefinite; it has the eigenvalue {min(values):.6g}")
    trace = math.fsum(values)
    if not (trace > 0.0 and math.isfinite(trace)):
        raise ValueError(f"`covariance` must have a positive finite trace, to be rescaled to d; got {trace:g}")


@dataclass(frozen=True, eq=False)
class Direction:
    """Where the target lies in the eigenbasis of the covariance.

    Parameters
    ----------
    name : {"uniform", "top", "weights"}
        ``uniform`` is as long on every eigenvector, latent r of k on every k-th from the r-th on; ``top`` has latent r
        on the r-th largest eigenvalue.
    weights : sequence of sequence of float, optional
        One row for each latent: its component on every eigenvector, of any length.

    Raises
    ------
    ValueError
        If weights are not finite, or are given for a name that has none.
    """

    name: str
    weights: tuple[tuple[float, ...], ...] = field(default=(), kw_only=True, repr=False)

    def __post_init__(self) -> None:
        rows = tuple(tuple(float(value) for value in row) for row in self.weights)
        object.__setattr__(self, "weights", rows)
        if (self.name in DIRECTIONS) == bool(rows):
            raise ValueError(f"`direction` must be {' or '.join(DIRECTIONS)}, or have weights; got {self.name!r}")
        for row in rows:
            if not all(math.isfinite(value) for value in row):
                raise ValueError(f"`direction` must be finite; got {next(v for v in row if not math.isfinite(v))}")
            if len(row) != len(rows[0]):
                raise ValueError(
                    f"`direction` must have as many weights for every latent; got {len(rows[0])} and {len(row)}"
                )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Direction) and (self.name, self.weights) == (other.name, other.weights)

    def __hash__(self) -> int:
        return hash((self.name, self.weights))

    def __str__(self) -> str:
        return self.name

    def on_eigenvectors(self, eigenvalues: np.ndarray, k: int) -> np.ndarray:
        """W⋆ with W⋆ΣW⋆ᵀ = I, shape (k, d).

        Raises
        ------
        ValueError
            If the weights are not k rows of d, a latent has no variance, or two latents are correlated.
        """
        import numpy as np

        d = len(eigenvalues)
        W = np.zeros((k, d))
        if self.name == "uniform":
            for r in range(k):
                W[r, r::k] = 1.0
        elif self.name == "top":
            W[np.arange(k), np.argsort(-eigenvalues, kind="stable")[:k]] = 1.0
        else:
            if len(self.weights) != k or len(self.weights[0]) != d:
                shape = f"{len(self.weights)} x {len(self.weights[0])}"
                raise ValueError(f"`direction` must have {k} x {d} weights, latents by d; got {shape}")
            W[:] = self.weights
        power = np.sum(eigenvalues * W**2, axis=1)
        for r in range(k):
            if not power[r] > 0.0:
                raise ValueError(f"`direction` must lie where the inputs vary; latent {r + 1} has variance {power[r]}")
        W /= np.sqrt(power)[:, None]
        gram = (W * eigenvalues) @ W.T
        if np.max(np.abs(gram - np.eye(k))) > _ORTHOGONAL:
            worst = float(np.max(np.abs(gram - np.eye(k))))
            raise ValueError(f"`direction` must give latents that are uncorrelated; got a correlation of {worst:.3g}")
        W.flags.writeable = False
        return W


def as_covariance(value: Any) -> Covariance | None:
    """The `Covariance` that is stated.

    Parameters
    ----------
    value : None, str, sequence of float, ndarray or Covariance
        None for isotropic inputs; ``"power:1.0"``; eigenvalues, also as a text with commas; a matrix; or the path of a
        .npy or .csv file that holds eigenvalues or a matrix. A matrix is taken by its eigenvalues, largest first.

    Returns
    -------
    Covariance or None

    Raises
    ------
    ValueError
        If it is none of these, cannot be read, is not symmetric or not positive semidefinite, or is not finite.
    """
    if value is None or isinstance(value, Covariance):
        return value
    if isinstance(value, str) and value.startswith(_POWER):
        text = value.removeprefix(_POWER)
        try:
            power = float(text)
        except ValueError:
            power = math.nan
        if not math.isfinite(power):
            raise ValueError(f"`covariance` must be power:γ with a finite number γ; got {value!r}")
        return Covariance(f"{_POWER}{power:.12g}", power=power)
    array, name = _array("covariance", value, "power:1.0, eigenvalues, a matrix or a .npy or .csv file")
    values = _eigenvalues(array) if array.ndim == 2 and 1 not in array.shape else array.ravel()
    return Covariance(name or "given", eigenvalues=tuple(_rounded(values).tolist()))


def as_direction(value: Any) -> Direction:
    """The `Direction` that is stated.

    Parameters
    ----------
    value : str, sequence, ndarray or Direction
        A name in `DIRECTIONS`; weights on the eigenvectors, one row for each latent, also as a text with commas; or the
        path of a .npy or .csv file that holds them.

    Returns
    -------
    Direction

    Raises
    ------
    ValueError
        If it is none of these, or cannot be read.
    """
    if isinstance(value, Direction):
        return value
    if isinstance(value, str) and value in DIRECTIONS:
        return Direction(value)
    array, _ = _array("direction", value, f"{', '.join(DIRECTIONS)}, weights or a .npy or .csv file")
    if array.ndim > 2:
        raise ValueError(f"`direction` must be weights of shape (d,) or (latents, d); got {array.shape}")
    rows = array.reshape(1, -1) if array.ndim == 1 or array.shape[1] == 1 else array
    return Direction("weights", weights=tuple(map(tuple, rows.tolist())))


def direction_rule(name: str, value: Any) -> str | Direction:
    """The rule of the field of a problem: names stay names."""
    stated = as_direction(value)
    return stated.name if stated.name in DIRECTIONS else stated


def _array(name: str, value: Any, allowed: str) -> tuple[np.ndarray, str]:
    """Numbers from a sequence, a text with commas or a file, with the file's name."""
    import numpy as np

    source = ""
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        if isinstance(text, str) and text.lower().endswith((".npy", ".csv")):
            value, source = _read(name, text), os.path.basename(text)
        else:
            try:
                value = [float(part) for part in str(text).split(",")]
            except ValueError:
                raise ValueError(f"`{name}` must be {allowed}; got {text!r}") from None
    elif not isinstance(value, Sequence | np.ndarray):
        raise ValueError(f"`{name}` must be {allowed}; got {value!r}")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` must be {allowed}; got {str(value)[:60]!r}") from None
    if array.size == 0 or array.ndim == 0:
        raise ValueError(f"`{name}` must be {allowed}; got an array of shape {array.shape}")
    return array, source


def _read(name: str, path: str) -> np.ndarray:
    import numpy as np

    try:
        if path.lower().endswith(".npy"):
            return np.load(path, allow_pickle=False)
        return np.loadtxt(path, delimiter=",", ndmin=1)
    except OSError as error:
        raise ValueError(f"`{name}` must be a file that can be read; {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ValueError(f"`{name}` must be a file of numbers; {path}: {error}") from None


def _eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """Those of a covariance matrix, largest first."""
    import numpy as np

    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"`covariance` must be square where it is a matrix; got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(f"`covariance` must be finite; entry ({row}, {column}) is {matrix[row, column]}")
    size = float(np.max(np.abs(matrix)))
    skew = float(np.max(np.abs(matrix - matrix.T)))
    if skew > _ROUNDING * size:
        raise ValueError(f"`covariance` must be symmetric; it differs from its transpose by {skew:.3g}")
    values = np.linalg.eigvalsh(0.5 * (matrix + matrix.T))[::-1]
    if values[-1] < -_ROUNDING * size * len(values):
        raise ValueError(f"`covariance` must be positive semidefinite; it has the eigenvalue {values[-1]:.6g}")
    return values


def _rounded(values: np.ndarray) -> np.ndarray:
    """Eigenvalues, with zeros for those that are rounding of a decomposition."""
    import numpy as np

    return np.where(np.abs(values) <= _ROUNDING * np.max(np.abs(values)), 0.0, values)
