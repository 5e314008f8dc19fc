"""The squared norm of a sample, q = ‖x‖²/d, as a latent: χ²_d/d, of variance 2/d.

A neuron of norm κ sees κ√q ⟨w, x⟩/√q with ⟨w, x⟩/√q free of q. The mean E σ(τ + κ√q Z) of a feature then depends on q,
which for a centred activation with c₂ ≠ 0 is the radial outlier, and so does its linear part.
"""

from __future__ import annotations

import numpy as np

__all__ = ["norm_nodes"]


def norm_nodes(d: float, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule of χ²_d/d.

    Parameters
    ----------
    d : float
        Degrees of freedom.
    order : int
        Number of nodes; exact for polynomials of degree 2·order − 1, and 1 gives q = 1.

    Returns
    -------
    q, weights : ndarray, shape (order,)

    Examples
    --------
    >>> q, weights = norm_nodes(100, 3)
    >>> f"{weights @ (q - 1) ** 2:.4f}"
    '0.0200'
    """
    k = np.arange(order)
    # the three-term recurrence of the Laguerre polynomials of parameter d/2 − 1, in units of d/2
    diagonal = 1.0 + 4.0 * k / d
    beside = np.sqrt(k[1:] * (k[1:] + 0.5 * d - 1.0)) / (0.5 * d)
    q, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    return q, vectors[0] ** 2
