"""Activations σ with their derivatives: part of the statement of a problem, no asymptotic formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from theory.statement.arguments import suggestion
from theory.statement.named import Named

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ACTIVATIONS", "Activation", "as_activation"]

_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True)
class Activation:
    """An activation σ: R → R and its derivative σ′.

    Parameters
    ----------
    function, derivative : callable
        Scalar Python functions float -> float. They are compiled by numba for the simulation and called point by
        point for the theory, so they may use ``math`` or ``numpy`` scalars, branches and constants, but no
        Python objects.
    name : str, optional
        Shown in tables and figures; the function's own name by default.
    kinks : tuple of float, optional
        Points where σ or σ′ is not smooth. Gaussian expectations are split there; forgetting a kink costs digits,
        not correctness.

    Raises
    ------
    ValueError
        If one of the functions is not callable, does not return a finite number, or if `derivative` is not the
        derivative of `function` at the probe points.

    Examples
    --------
    >>> import math
    >>> Activation(lambda x: math.atan(x), lambda x: 1 / (1 + x * x), name="arctan").name
    'arctan'
    """

    function: Callable[[Any], Any] = field(repr=False)
    derivative: Callable[[Any], Any] = field(repr=False)
    name: str = ""
    kinks: tuple[float, ...] = ()
    vectorized: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        for label in ("function", "derivative"):
            if not callable(getattr(self, label)):
                raise ValueError(f"`{label}` of an activation must be callable; got {getattr(self, label)!r}")
        if not self.name:
            object.__setattr__(self, "name", getattr(self.function, "__name__", "activation"))
        try:
            object.__setattr__(self, "kinks", tuple(sorted(float(x) for x in self.kinks)))
        except (TypeError, ValueError):
            raise ValueError(f"`kinks` must be a sequence of numbers; got {self.kinks!r}") from None
        _check_pair(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # Those known by name stay themselves in another process, where their compiled kernels are found by identity.
        if ACTIVATIONS.get(self.name) is self:
            return as_activation, (self.name,)
        return Activation, (self.function, self.derivative, self.name, self.kinks, self.vectorized)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """σ at every entry of `x`."""
        return self._apply(self.function, x)

    def slope(self, x: np.ndarray) -> np.ndarray:
        """σ′ at every entry of `x`."""
        return self._apply(self.derivative, x)

    def _apply(self, f: Callable[..., Any], x: np.ndarray) -> np.ndarray:
        import numpy as np

        x = np.asarray(x, dtype=float)
        return f(x) if self.vectorized else np.vectorize(f, otypes=[float])(x)


def _check_pair(activation: Activation) -> None:
    """σ′ must be the derivative of σ; irrational probe points stay clear of any kink a user is likely to have."""
    import numpy as np

    points = np.array([-7.31, -2.237, -1.4142, -0.531, -0.0717, 0.1137, 0.7071, 1.5811, 3.1623, 6.733])
    try:
        with np.errstate(all="ignore"):
            value, slope = activation(points), activation.slope(points)
            h = 1e-5
            numeric = (activation(points + h) - activation(points - h)) / (2 * h)
    except Exception as error:
        raise ValueError(
            f"activation `{activation.name}` must map a float to a float; calling it raised {error!r}"
        ) from None
    if not (np.isfinite(value).all() and np.isfinite(slope).all()):
        raise ValueError(
            f"activation `{activation.name}` must be finite on [-7.4, 6.8]; it returned a non-finite value"
        )
    scale = 1.0 + np.abs(value) + np.abs(slope)
    # Central differences err by h² σ‴/6 + 1e-16 σ/h, a few 1e-8 here: 1e-4 tells a wrong derivative from rounding.
    worst = int(np.argmax(np.abs(numeric - slope) / scale))
    if abs(numeric[worst] - slope[worst]) > 1e-4 * scale[worst]:
        raise ValueError(
            f"`derivative` of activation `{activation.name}` must be the derivative of `function`; "
            f"at x = {points[worst]} it is {slope[worst]:.6g}, the function's slope is {numeric[worst]:.6g}"
        )


# Named activations. Each is built when it is first asked for, and imports what it is made of then: the names alone have
# to be at hand for the command line, which starts without numpy and scipy.


def _relu() -> Activation:
    import numpy as np

    return Activation(
        lambda x: np.maximum(x, 0.0),
        lambda x: (np.asarray(x) > 0.0).astype(float),
        name="relu",
        kinks=(0.0,),
        vectorized=True,
    )


def _tanh() -> Activation:
    import numpy as np

    return Activation(np.tanh, lambda x: 1.0 / np.cosh(np.clip(x, -350.0, 350.0)) ** 2, name="tanh", vectorized=True)


def _erf() -> Activation:
    import numpy as np
    from scipy.special import erf

    return Activation(
        lambda x: erf(np.asarray(x) / math.sqrt(2.0)),
        lambda x: 2.0 * _INV_SQRT_2PI * np.exp(-0.5 * np.square(x)),
        name="erf",
        vectorized=True,
    )


def _softplus() -> Activation:
    import numpy as np
    from scipy.special import expit

    return Activation(lambda x: np.logaddexp(0.0, x), expit, name="softplus", vectorized=True)


def _sigmoid() -> Activation:
    import numpy as np
    from scipy.special import expit

    return Activation(expit, lambda x: expit(x) * expit(np.negative(x)), name="sigmoid", vectorized=True)


def _gelu() -> Activation:
    import numpy as np
    from scipy.special import ndtr

    return Activation(
        lambda x: x * ndtr(x),
        lambda x: ndtr(x) + x * _INV_SQRT_2PI * np.exp(-0.5 * np.square(x)),
        name="gelu",
        vectorized=True,
    )


def _silu() -> Activation:
    import numpy as np
    from scipy.special import expit

    return Activation(
        lambda x: x * expit(x),
        lambda x: expit(x) * (1.0 + x * expit(np.negative(x))),
        name="silu",
        vectorized=True,
    )


def _sin() -> Activation:
    import numpy as np

    return Activation(np.sin, np.cos, name="sin", vectorized=True)


def _hermite(degree: int) -> Activation:
    from scipy.special import eval_hermitenorm

    return Activation(
        lambda x: eval_hermitenorm(degree, x),
        lambda x: degree * eval_hermitenorm(degree - 1, x),
        name=f"He{degree}",
        vectorized=True,
    )


ACTIVATIONS: Mapping[str, Activation] = Named(
    {
        "relu": _relu,
        "tanh": _tanh,
        "erf": _erf,
        "softplus": _softplus,
        "sigmoid": _sigmoid,
        "gelu": _gelu,
        "silu": _silu,
        "sin": _sin,
        **{f"He{degree}": partial(_hermite, degree) for degree in range(1, 6)},
    }
)
"""Activations known by name; ``erf`` means erf(z/√2)."""


def as_activation(activation: str | Activation) -> Activation:
    """The `Activation` that a name stands for, or the one given.

    Parameters
    ----------
    activation : str or Activation

    Returns
    -------
    Activation

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str) and activation in ACTIVATIONS:
        return ACTIVATIONS[activation]
    meant = suggestion(activation, ACTIVATIONS)
    if not meant and callable(activation):
        meant = ": a function comes with its derivative, Activation(function, derivative)"
    raise ValueError(
        f"`activation` must be one of {', '.join(ACTIVATIONS)} or an Activation; got {activation!r}{meant}"
    )
