"""The norm of a sample as a latent: Gauss nodes of q = ‖x‖²/d ~ χ²_d/d, which fluctuates by √(2/d)."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh_tridiagonal

__all__ = ["norm_nodes"]


def norm_nodes(d: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule of χ²_d/d.

    From the recurrence of the Laguerre polynomials, whose coefficients do not overflow at large d as their weights do.

    Parameters
    ----------
    d : int
        Degrees of freedom.
    order : int
        Number of nodes; the rule is exact for polynomials of degree 2·order − 1.

    Returns
    -------
    nodes, weights : ndarray, shape (order,)
        The weights sum to 1.

    Examples
    --------
    >>> q, p = norm_nodes(100, 3)
    >>> print(f"{p @ q:.6f} {p @ (q - 1.0) ** 2:.6f}")
    1.000000 0.020000
    """
    i = np.arange(order)
    values, vectors = eigh_tridiagonal(2.0 * i + 0.5 * d, np.sqrt(i[1:] * (i[1:] + 0.5 * d - 1.0)))
    return values / (0.5 * d), vectors[0] ** 2
