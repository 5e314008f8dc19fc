"""What an optimizer makes of the first gradient: the gradient itself, its entrywise sign, or a power of its spectrum.

With the gradient's rows G (N, d), G = U Σ Vᵀ, the step is W₁ = W₀ + η D,

* ``gd``: D = G;
* ``sign``: D = sign(G)/√(Nd), the first step of Adam;
* ``spectral:p``: D = N^(−(1−p)/2) U Σ^p Vᵀ, the first step of Muon at p = 0 and gradient descent at p = 1.

The factors make one scale of all: whatever the optimizer, the noise of the step moves a neuron by η/√N times a number
of order one, so that α = 1/2 is where it changes the neurons' norms. Part of the statement of a problem, no formula.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from theory.statement.arguments import integer, suggestion

__all__ = ["OPTIMIZERS", "Optimizer", "as_optimizer", "optimizer_rule", "sparsity_rule"]

OPTIMIZERS = ("gd", "sign", "spectral:p")
"""Optimizers known by name; p is a number in [0, 1]."""

_SPECTRAL = "spectral:"


@dataclass(frozen=True)
class Optimizer:
    """The rule by which the first gradient becomes a step.

    Parameters
    ----------
    kind : {"gd", "sign", "spectral"}
    power : float
        p of ``spectral``; 1 for ``gd`` and nan for ``sign``.

    Examples
    --------
    >>> as_optimizer("spectral:.50")
    Optimizer(kind='spectral', power=0.5)
    >>> str(as_optimizer("spectral:.50"))
    'spectral:0.5'
    """

    kind: str
    power: float

    def __str__(self) -> str:
        return f"{_SPECTRAL}{self.power:.12g}" if self.kind == "spectral" else self.kind

    def factor(self, width: int, d: int) -> float:
        """The factor of sign(G) or U Σ^p Vᵀ in D.

        Parameters
        ----------
        width, d : int
            N and d.

        Returns
        -------
        float
        """
        if self.kind == "sign":
            return 1.0 / math.sqrt(width * d)
        return float(width) ** (-0.5 * (1.0 - self.power))


def as_optimizer(value: Any) -> Optimizer:
    """The `Optimizer` that a name stands for, or the one given.

    Parameters
    ----------
    value : str or Optimizer
        ``gd``, ``sign`` or ``spectral:p``.

    Returns
    -------
    Optimizer

    Raises
    ------
    ValueError
        If the name is unknown, or p is not in [0, 1].
    """
    if isinstance(value, Optimizer):
        return value
    if value in ("gd", "sign"):
        return Optimizer(value, 1.0 if value == "gd" else math.nan)
    if isinstance(value, str) and value.startswith(_SPECTRAL):
        try:
            power = float(value.removeprefix(_SPECTRAL))
        except ValueError:
            power = math.nan
        if not 0.0 <= power <= 1.0:
            raise ValueError(f"`optimizer` must be spectral:p with a number p in [0, 1]; got {value!r}")
        return Optimizer("spectral", power)
    meant = {"adam": "sign", "muon": "spectral:0", "sgd": "gd"}.get(str(value).lower(), "")
    hint = f": did you mean {meant}?" if meant else suggestion(value, ("gd", "sign"))
    raise ValueError(f"`optimizer` must be gd, sign or spectral:p with p in [0, 1]; got {value!r}{hint}")


def optimizer_rule(name: str, value: Any) -> str:
    """The rule of the field of a problem: the name as it is written everywhere."""
    return str(as_optimizer(value))


def sparsity_rule(name: str, value: Any) -> int:
    """The rule of the field of a problem: a count of coordinates."""
    return integer(name, value, 1)
