"""Conditions of the theorems on nonlinear features, of an activation and a target: what holds, which spikes exist."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikes.agreement import contract
from theory.hermite import hermite_coefficients
from theory.nonlinear_features import critical_exponent
from theory.quadrature import gaussian_nodes
from theory.statement.activation import Activation, as_activation
from theory.statement.second_layer import SecondLayer, as_second_layer
from theory.statement.target import Target, as_target

__all__ = ["Condition", "Conditions", "check_conditions"]

_DEGREES = 12
_ZERO = 1e-12
_FAR = (50.0, 100.0)


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes
    ----------
    name : str
    holds : bool
    reason : str
        What was found, and what follows from it.
    """

    name: str
    holds: bool
    reason: str


@dataclass(frozen=True, eq=False)
class Conditions:
    """What an activation and a target bring with them.

    Attributes
    ----------
    activation : Activation
    target : Target
    second_layer : SecondLayer
    coefficients : ndarray, shape (13,)
        c_k of the activation less its mean.
    target_coefficients : ndarray, shape (13,)
        c⋆_k.
    decay : float
        Exponent of k! c_k² in k, fitted over 3 ≤ k ≤ 12 where it is not zero; nan for a polynomial.
    growth : float
        ln|σ(t)| over ln t, from t = 50 to 100, the larger of both sides.
    conditions : tuple of Condition
    """

    activation: Activation
    target: Target
    second_layer: SecondLayer
    coefficients: np.ndarray
    target_coefficients: np.ndarray
    decay: float
    growth: float
    conditions: tuple[Condition, ...]

    @property
    def spikes(self) -> tuple[int, ...]:
        """Degrees k up to 12 of spikes that exist: c_k ≠ 0, within the support of the second layer's law."""
        most = min(_DEGREES, self.second_layer.support)
        return tuple(k for k in range(1, _DEGREES + 1) if self.coefficients[k] != 0.0 and k <= most)

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract; nothing is simulated."""
        theory = {
            "coefficients": self.coefficients.tolist(),
            "target_coefficients": self.target_coefficients.tolist(),
            "decay": None if math.isnan(self.decay) else self.decay,
            "growth": self.growth,
            "kinks": list(self.activation.kinks),
            "spikes": [{"k": k, "from_alpha": critical_exponent(k)} for k in self.spikes],
            "conditions": [{"name": c.name, "holds": c.holds, "reason": c.reason} for c in self.conditions],
        }
        problem = {
            "activation": self.activation.name,
            "target": self.target.name,
            "second_layer": self.second_layer.name,
        }
        return contract(problem, theory)


def check_conditions(
    activation: str | Activation = "relu",
    target: str | Callable[[np.ndarray], np.ndarray] | Target = "z + He2(z)/2",
    second_layer: str | SecondLayer = "gaussian",
) -> Conditions:
    """Hermite coefficients, decay, kinks and growth of an activation, and which statements apply to it and the target.

    Parameters
    ----------
    activation : str or Activation
        Less its mean E σ(Z).
    target : str, callable or Target
        Of one latent.
    second_layer : str or SecondLayer

    Returns
    -------
    Conditions

    Raises
    ------
    ValueError
        If the target has several latents, or an argument breaks its rule.

    Examples
    --------
    >>> check_conditions("relu").spikes, check_conditions("erf").spikes
    ((1, 2, 4, 6, 8, 10, 12), (1, 3, 5, 7, 9, 11))
    """
    sigma, g, law = as_activation(activation), as_target(target), as_second_layer(second_layer)
    if g.k != 1:
        raise ValueError(f"`target` must be single-index for these conditions; got {g.k} latents")
    c = _rounded(hermite_coefficients(sigma, _DEGREES))
    c[0] = 0.0  # the activation is centred
    stars = _target_coefficients(g)
    decay, growth = _decay(c), _growth(sigma)
    return Conditions(sigma, g, law, c, stars, decay, growth, _conditions(sigma, law, c, stars, growth))


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.where(np.abs(values) < _ZERO, 0.0, values)


def _target_coefficients(g: Target) -> np.ndarray:
    nodes, weights = gaussian_nodes(g.kinks)
    values = g(nodes[:, None]) * weights
    he = [np.ones_like(nodes), nodes]
    for k in range(1, _DEGREES):
        he.append(nodes * he[k] - k * he[k - 1])
    found = np.array([float(values @ he[k]) / math.factorial(k) for k in range(_DEGREES + 1)])
    scale = float(np.sqrt(weights @ g(nodes[:, None]) ** 2))
    roots = np.sqrt([math.factorial(k) for k in range(_DEGREES + 1)])
    return np.where(np.abs(found) * roots < 1e-9 * scale, 0.0, found)


def _decay(c: np.ndarray) -> float:
    k = np.array([k for k in range(3, _DEGREES + 1) if c[k] != 0.0])
    if len(k) < 3:
        return math.nan
    energy = np.array([math.lgamma(n + 1.0) for n in k]) + 2.0 * np.log(np.abs(c[k]))
    return float(np.polyfit(np.log(k), energy, 1)[0])


def _growth(sigma: Activation) -> float:
    t = np.array([[side * far for far in _FAR] for side in (-1.0, 1.0)])
    with np.errstate(all="ignore"):
        values = np.abs(sigma(t))
    slopes = [
        math.log(high / low) / math.log(_FAR[1] / _FAR[0]) if high > low > 0.0 and math.isfinite(high) else 0.0
        for low, high in values
    ]
    return max(slopes) if np.isfinite(values).all() else math.inf


def _conditions(
    sigma: Activation, law: SecondLayer, c: np.ndarray, stars: np.ndarray, growth: float
) -> tuple[Condition, ...]:
    absent = [k for k in range(2, 5) if c[k] == 0.0]
    missing = ", ".join(f"c{k}" for k in absent)
    kinks = ", ".join(f"{x:g}" for x in sigma.kinks)
    most = "any number of" if math.isinf(law.support) else f"{int(law.support)}"
    return (
        Condition(
            "c1 is not 0",
            bool(c[1] != 0.0),
            f"c1 = {c[1]:.6g}: the gradient has {'a' if c[1] != 0.0 else 'no'} common direction",
        ),
        Condition(
            "c2, c3, c4 are not 0",
            not absent,
            f"{missing} = 0: these spikes are absent at every step size" if absent else "no spike of these is absent",
        ),
        Condition(
            "the activation has no kinks",
            not sigma.kinks,
            f"at {kinks}: proofs that differentiate it do not cover it; simulations here do"
            if sigma.kinks
            else "as proofs ask that differentiate it",
        ),
        Condition(
            "the activation grows at most linearly",
            growth < 1.05,
            f"like t^{growth:.3g}" if math.isfinite(growth) else "it overflows at t = 100",
        ),
        Condition(
            "the target has a linear part",
            bool(stars[1] != 0.0),
            f"c*1 = {stars[1]:.6g}: the step's direction has {'an' if stars[1] != 0.0 else 'no'} overlap with it",
        ),
        Condition(
            "E y = 0 or c2 = 0",
            bool(stars[0] == 0.0 or c[2] == 0.0),
            f"E y = {stars[0]:.6g}, c2 = {c[2]:.6g}: "
            + (
                "the limits of the errors apply"
                if stars[0] == 0.0 or c[2] == 0.0
                else "the first spike has a constant part that the limits leave out; the law at finite n has it"
            ),
        ),
        Condition("the second layer's law has many values", law.support >= 4, f"{law.name}: {most} independent spikes"),
    )
