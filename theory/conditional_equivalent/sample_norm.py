"""The squared norm of a sample, q = ‖x‖²/d, as a latent: χ²_d/d, of variance 2/d.

A neuron of norm κ sees κ√q ⟨w, x⟩/√q with ⟨w, x⟩/√q free of q. The mean E σ(τ + κ√q Z) of a feature then depends on q,
which for a centred activation with c₂ ≠ 0 is the radial outlier, and so does its linear part. The squared norm of a
neuron in inputs with a covariance follows a beta law.
"""

from __future__ import annotations

import numpy as np

__all__ = ["beta_nodes", "norm_nodes"]


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


def beta_nodes(a: float, b: float, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule of the beta law on [0, 1], of density ∝ t^(a − 1) (1 − t)^(b − 1).

    Parameters
    ----------
    a, b : float
        Positive.
    order : int
        Number of nodes.

    Returns
    -------
    t, weights : ndarray, shape (order,)

    Examples
    --------
    >>> t, weights = beta_nodes(2.0, 3.0, 3)
    >>> f"{weights @ t:.4f} {weights @ t**4:.4f}"  # a/(a + b), and 1/14
    '0.4000 0.0714'
    """
    # the three-term recurrence of the Jacobi polynomials on [−1, 1], of the sum 2k + a + b of its parameters
    k = np.arange(1.0, order)
    total = 2.0 * k + a + b
    diagonal = np.append((a - b) / (a + b), (a - b) * (a + b - 2.0) / ((total - 2.0) * total))
    first = 4.0 * a * b / ((a + b) ** 2 * (a + b + 1.0))
    k, total = k[1:], total[1:] - 2.0
    others = 4.0 * k * (k + a - 1.0) * (k + b - 1.0) * (k + a + b - 2.0) / (total**2 * (total + 1.0) * (total - 1.0))
    beside = np.sqrt(np.append(first, others)[: order - 1])
    x, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    return 0.5 * (1.0 + x), vectors[0] ** 2
