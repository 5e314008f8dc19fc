"""The statement of a problem: sizes, activation, target, noise, step and ridge. It holds no formula of the theory."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from theory.statement.activation import ACTIVATIONS, Activation, as_activation
from theory.statement.arguments import integer, real
from theory.statement.target import Target, as_target

__all__ = ["ACTIVATIONS", "SECOND_LAYERS", "Activation", "Problem", "Target", "as_activation", "as_target"]

SECOND_LAYERS = ("gaussian", "rademacher", "constant")
"""Laws of √N a_j: standard normal, ±1 with equal odds, or 1."""

_MAX_LATENTS = 3


_LARGEST = 1e50
"""Of noise and step: their squares, and what an activation makes of them, have to be finite."""


@dataclass(frozen=True)
class Problem:
    """One giant gradient step on a two-layer network, followed by ridge regression on its features.

    The network is f(x) = N^(-1/2) Σ_j a_j σ(⟨w_j, x⟩) with w_j uniform on the unit sphere of R^d and x ~ N(0, I_d);
    the labels are y = g(W⋆x) + noise. One step on n₀ fresh samples with residual r = y − f(x) gives
    W₁ = W₀ + (η/n₀) diag(a) [σ′(X₀W₀ᵀ) ∘ (r1ᵀ)]ᵀ X₀, that is −η√N times the gradient of (1/2n₀) Σ (y − f)². The
    features of n fresh samples are F = σ(XW₁ᵀ), and the second layer minimises (1/n)‖y − Fa‖² + λ‖a‖².

    Parameters
    ----------
    n : int
        Samples for the features and the ridge fit.
    d : int
        Input dimension.
    width : int
        Number N of hidden neurons.
    n_step : int, optional
        Fresh samples n₀ of the gradient step; `n` by default.
    activation : str or Activation
        σ: relu, tanh, erf (meaning erf(z/√2)), softplus, sigmoid, gelu, silu, sin, He1 … He5, or an `Activation`.
    centered : bool
        Subtract E σ(Z) from σ.
    target : str, callable or Target
        An expression in z, or in z1, z2, z3, or a function (B, k) -> (B,); see `Target`.
    noise : float
        Standard deviation σ_ε of the label noise.
    alpha, scale : float
        η = `scale` · n₀^`alpha`, with 0 ≤ `alpha` ≤ 1.
    eta : float, optional
        The step size itself; overrides `alpha` and `scale`. 0 means random features.
    second_layer : {"gaussian", "rademacher", "constant"}
        Law of √N a_j.
    ridge : float or sequence of float
        Penalty λ > 0, or a grid of them.

    Raises
    ------
    ValueError
        Naming the argument, the rule it breaks and the value given.

    Examples
    --------
    >>> problem = Problem(n=2000, d=1000, width=1500)
    >>> print(f"{problem.step_size:.3f}")
    15.430
    """

    n: int
    d: int
    width: int
    n_step: int | None = None
    activation: str | Activation = "relu"
    centered: bool = True
    target: str | Callable[[np.ndarray], np.ndarray] | Target = "z + 0.5*He2(z)"
    noise: float = 0.5
    alpha: float = 0.36
    scale: float = 1.0
    eta: float | None = None
    second_layer: str = "gaussian"
    ridge: float | Sequence[float] = 0.1

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("n", integer("n", self.n, 2))
        put("d", integer("d", self.d, 2))
        put("width", integer("width", self.width, 2))
        if self.n_step is not None:
            put("n_step", integer("n_step", self.n_step, 2))
        as_activation(self.activation)
        if not isinstance(self.centered, bool | np.bool_):
            raise ValueError(f"`centered` must be True or False; got {self.centered!r}")
        k = self.teacher.k
        if k > _MAX_LATENTS:
            raise ValueError(f"`target` must have at most {_MAX_LATENTS} latents; got {k}")
        if k > self.d:
            raise ValueError(f"`d` must be at least the number of latents, {k}; got {self.d}")
        put("noise", real("noise", self.noise, minimum=0.0))
        put("alpha", real("alpha", self.alpha, minimum=0.0, maximum=1.0))
        put("scale", real("scale", self.scale, positive=True))
        if self.eta is not None:
            put("eta", real("eta", self.eta, minimum=0.0))
        for name in ("noise", "scale", "eta"):
            value = getattr(self, name)
            if value is not None and value > _LARGEST:
                raise ValueError(f"`{name}` must be at most {_LARGEST:g}, of which powers are finite; got {value!r}")
        if self.second_layer not in SECOND_LAYERS:
            raise ValueError(f"`second_layer` must be one of {', '.join(SECOND_LAYERS)}; got {self.second_layer!r}")
        put("ridge", _ridge(self.ridge))

    def __reduce__(self):
        return Problem, tuple(getattr(self, f.name) for f in dataclasses.fields(self))

    @property
    def n0(self) -> int:
        """n₀, the fresh samples of the gradient step."""
        return self.n if self.n_step is None else self.n_step

    @property
    def step_size(self) -> float:
        """η = `scale` · n₀^`alpha`, or `eta` where it is given."""
        return self.scale * float(self.n0) ** self.alpha if self.eta is None else self.eta

    @property
    def ridges(self) -> tuple[float, ...]:
        """The penalties λ as a tuple, one entry for a scalar `ridge`."""
        return self.ridge if isinstance(self.ridge, tuple) else (self.ridge,)

    @property
    def phi(self) -> float:
        """φ = d/n."""
        return self.d / self.n

    @property
    def psi(self) -> float:
        """ψ = d/N."""
        return self.d / self.width

    @property
    def phi0(self) -> float:
        """φ₀ = d/n₀."""
        return self.d / self.n0

    @cached_property
    def sigma(self) -> Activation:
        """The activation as an `Activation`."""
        return as_activation(self.activation)

    @cached_property
    def teacher(self) -> Target:
        """The target as a `Target`."""
        return as_target(self.target)

    def replace(self, **changes: Any) -> Problem:
        """A copy with some fields changed, validated again."""
        return dataclasses.replace(self, **changes)

    def fingerprint(self) -> str:
        """A digest of the values of target, σ and σ′ at fixed points: tells functions of the same name apart."""
        points = np.random.default_rng(0).standard_normal((16, self.teacher.k))
        values = [self.teacher(points), self.sigma(points[:, 0]), self.sigma.slope(points[:, 0])]
        # twelve digits: what another machine's arithmetic leaves alone
        text = " ".join(f"{x:.12g}" for x in np.concatenate(values))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Every field as plain JSON values, with n₀ and η resolved."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return fields | {
            "n_step": self.n0,
            "activation": self.sigma.name,
            "centered": bool(self.centered),
            "target": self.teacher.name,
            "eta": self.step_size,
            "ridge": list(self.ridges),
        }


def _ridge(value: Any) -> float | tuple[float, ...]:
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        grid = tuple(real("ridge", x, positive=True) for x in np.asarray(value, dtype=object).ravel())
        if not grid:
            raise ValueError("`ridge` must hold at least one penalty; got an empty sequence")
        return grid
    return real("ridge", value, positive=True)
