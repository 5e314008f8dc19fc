"""Laws of the second layer at its start: g = √N a_j. Part of the statement of a problem, no formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from theory.statement.arguments import choice, real
from theory.statement.named import Named

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SECOND_LAYERS", "SecondLayer", "as_second_layer"]

_PROBES = 4096


@dataclass(frozen=True)
class SecondLayer:
    """The law of g = √N a_j, with E g² = 1: a few values with their odds, or a sampler with a quadrature rule.

    Parameters
    ----------
    name : str
        Shown in tables and figures, and in files.
    atoms, odds : sequence of float
        Values of a discrete law and their probabilities.
    sampler : callable, optional
        (numpy Generator, size) -> ndarray of that many draws; of a discrete law it may be left out.
    quadrature : callable, optional
        order -> (nodes, weights) for expectations over g, exact for polynomials of degree 8 from order 8 on; a
        continuous law needs it.
    moments : tuple of float, optional
        E g, E g² and E g⁴; from the atoms or the quadrature by default.

    Raises
    ------
    ValueError
        If the odds are no probabilities, E g² is not 1, or sampler, quadrature and moments disagree.

    Examples
    --------
    >>> sparse = SecondLayer("sparse", atoms=(-2.0, 0.0, 2.0), odds=(0.125, 0.75, 0.125))
    >>> sparse.support, sparse.moments
    (3, (0.0, 1.0, 4.0))
    """

    name: str
    atoms: tuple[float, ...] = field(default=(), kw_only=True)
    odds: tuple[float, ...] = field(default=(), kw_only=True)
    sampler: Callable[[Any, int], Any] | None = field(default=None, kw_only=True, repr=False)
    quadrature: Callable[[int], tuple[Any, Any]] | None = field(default=None, kw_only=True, repr=False)
    moments: tuple[float, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"`name` must be a text; got {self.name!r}")
        put("atoms", _numbers("atoms", self.atoms))
        put("odds", _numbers("odds", self.odds))
        if len(self.odds) != len(self.atoms) or len(set(self.atoms)) != len(self.atoms):
            raise ValueError(f"`odds` must be one for each of different atoms; got {self.odds} for {self.atoms}")
        if self.atoms and not (min(self.odds) > 0.0 and math.isclose(math.fsum(self.odds), 1.0, rel_tol=1e-12)):
            raise ValueError(f"`odds` must be positive and sum to 1; got {self.odds}")
        if not self.atoms and not (callable(self.sampler) and callable(self.quadrature)):
            raise ValueError(f"`sampler` and `quadrature` must be given where there are no atoms; {self.name} has none")
        given = _numbers("moments", self.moments)
        put("moments", given or _moments(self))
        if len(self.moments) != 3:
            raise ValueError(f"`moments` must be E g, E g² and E g⁴; got {given}")
        _check_agreement(self)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.name in SECOND_LAYERS and SECOND_LAYERS[self.name] is self:
            return as_second_layer, (self.name,)
        fields = {name: getattr(self, name) for name in ("atoms", "odds", "sampler", "quadrature", "moments")}
        return _rebuilt, (self.name, fields)

    def __str__(self) -> str:
        return self.name

    def draw(self, generator: np.random.Generator, size: int) -> np.ndarray:
        """Draws of g, shape (size,)."""
        import numpy as np

        if self.sampler is not None:
            return np.asarray(self.sampler(generator, size), dtype=float)
        return generator.choice(np.array(self.atoms), size=size, p=np.array(self.odds))

    def nodes(self, order: int) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights for expectations over g: the atoms and odds themselves, or a rule of an order."""
        import numpy as np

        if self.quadrature is None:
            return np.array(self.atoms), np.array(self.odds)
        return self.quadrature(order)

    @property
    def support(self) -> float:
        """Number of values that g takes; inf for a continuous law."""
        return len(self.atoms) if self.atoms else math.inf

    @property
    def symmetric(self) -> bool:
        """Whether −g has the law of g, so that neurons may start in pairs of opposite a."""
        import numpy as np

        nodes, weights = self.nodes(8)
        order, back = np.argsort(nodes), np.argsort(-nodes)
        return bool(np.allclose(nodes[order], -nodes[back]) and np.allclose(weights[order], weights[back]))


def _rebuilt(name: str, fields: dict[str, Any]) -> SecondLayer:
    return SecondLayer(name, **fields)


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    try:
        return tuple(real(name, value) for value in values)
    except TypeError:
        raise ValueError(f"`{name}` must be a sequence of numbers; got {values!r}") from None


def _moments(law: SecondLayer) -> tuple[float, ...]:
    nodes, weights = law.nodes(8)
    return tuple(float(weights @ nodes**power) for power in (1, 2, 4))


def _check_agreement(law: SecondLayer) -> None:
    """E g² = 1, and what is drawn and what is integrated have the moments that are stated."""
    import numpy as np

    if not math.isclose(law.moments[1], 1.0, rel_tol=1e-9):
        raise ValueError(
            f"`moments` must have E g² = 1, which fixes the scale of the step; {law.name} has {law.moments[1]}"
        )
    exact = _moments(law)
    if not np.allclose(exact, law.moments, rtol=1e-9, atol=1e-9):
        raise ValueError(f"`quadrature` must have the moments {law.moments}; that of {law.name} has {exact}")
    g = law.draw(np.random.default_rng(0), _PROBES)
    if g.shape != (_PROBES,) or not np.isfinite(g).all():
        raise ValueError(f"`sampler` must return as many finite numbers as asked for; {law.name} returned {g.shape}")
    for power, mean in zip((1, 2), law.moments, strict=False):
        # Of the mean of 4096 draws: 8 standard deviations, as large as a law with E g² = 1 and these moments has.
        spread = math.sqrt(max((law.moments[1] if power == 1 else law.moments[2]) - mean**2, 0.0) / _PROBES)
        if abs(float(np.mean(g**power)) - mean) > 8.0 * spread + 1e-9:
            raise ValueError(
                f"`sampler` must have the moments {law.moments}; {_PROBES} draws of {law.name} have "
                f"E g^{power} = {float(np.mean(g**power)):.4g}"
            )


def _gaussian() -> SecondLayer:
    from theory.quadrature import gauss_hermite

    return SecondLayer(
        "gaussian",
        sampler=lambda generator, size: generator.standard_normal(size),
        quadrature=gauss_hermite,
        moments=(0.0, 1.0, 3.0),
    )


def _rademacher() -> SecondLayer:
    return SecondLayer(
        "rademacher",
        atoms=(-1.0, 1.0),
        odds=(0.5, 0.5),
        sampler=lambda generator, size: 1.0 - 2.0 * generator.integers(0, 2, size=size),
    )


def _constant() -> SecondLayer:
    return SecondLayer("constant", atoms=(1.0,), odds=(1.0,))


SECOND_LAYERS: Mapping[str, SecondLayer] = Named(
    {"gaussian": _gaussian, "rademacher": _rademacher, "constant": _constant}
)
"""Laws of √N a_j known by name: standard normal, ±1 with equal odds, or 1."""


def as_second_layer(law: str | SecondLayer) -> SecondLayer:
    """The `SecondLayer` that a name stands for, or the one given.

    Parameters
    ----------
    law : str or SecondLayer

    Returns
    -------
    SecondLayer

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    return law if isinstance(law, SecondLayer) else SECOND_LAYERS[choice("second_layer", law, SECOND_LAYERS)]
