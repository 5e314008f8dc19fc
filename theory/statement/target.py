"""Targets g: R^k → R of the latents z = W⋆x, parsed from an expression or given as a Python function."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeGuard

import numpy as np
from numpy.polynomial import hermite_e

from theory.statement.arguments import integer

__all__ = ["Target", "as_target", "target_from"]

_MAX_LENGTH = 500
_MAX_DEPTH = 40
_MAX_POWER = 20
_MAX_LATENTS = 9


def _hermite_function(degree: int) -> Callable[[np.ndarray], np.ndarray]:
    coefficients = [0.0] * degree + [1.0]
    return lambda x: hermite_e.hermeval(x, coefficients)


def _erf(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf  # a fifth of a second to import

    return np.asarray(erf(x))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    from scipy.special import expit  # a fifth of a second to import

    return np.asarray(expit(x))


_FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "erf": _erf,
    "exp": np.exp,
    "abs": np.abs,
    "relu": lambda x: np.maximum(x, 0.0),
    "sign": np.sign,
    "sigmoid": _sigmoid,
    "softplus": lambda x: np.logaddexp(0.0, x),
    **{f"He{k}": _hermite_function(k) for k in range(11)},
}
_KINKED = {"abs", "relu", "sign"}
_OPERATORS = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}


@dataclass(frozen=True)
class Target:
    """A target function g of k latents.

    Parameters
    ----------
    source : str or callable
        An expression in ``z`` (one latent) or ``z1`` … ``zk``, with + - * / ** numbers parentheses and the functions
        sin cos tanh erf exp abs relu sign sigmoid softplus He0 … He10; or a function mapping an array (B, k) to (B,).
    k : int, optional
        Number of latents. Unless given, read off an expression; for a function the smallest of 1, 2, 3 that it accepts.
    name : str, optional
        Shown in tables and figures.

    Attributes
    ----------
    kinks : tuple of float
        For a single-index expression, the points where an argument of abs, relu or sign changes sign.

    Raises
    ------
    ValueError
        If the expression holds anything outside the grammar, if the values are not finite, or if g(z) has no finite
        second moment under N(0, I).

    Examples
    --------
    >>> import numpy as np
    >>> Target("z1 + z1*z2")(np.array([[1.0, 2.0]]))
    array([3.])
    >>> Target(lambda z: z[:, 0] * z[:, 1], name="product").k
    2
    """

    source: str | Callable[[np.ndarray], np.ndarray]
    k: int = 0
    name: str = ""
    kinks: tuple[float, ...] = field(default=(), init=False)
    _function: Callable[[np.ndarray], np.ndarray] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.source, str):
            tree, latents = _parse(self.source)
            if self.k and self.k != latents:
                raise ValueError(f"`k` must be the number of latents in {self.source!r}, {latents}; got {self.k!r}")
            object.__setattr__(self, "k", latents)
            object.__setattr__(self, "name", self.name or self.source)
            object.__setattr__(self, "_function", _Expression(self.source))
            object.__setattr__(self, "kinks", _find_kinks(tree) if latents == 1 else ())
        elif callable(self.source):
            object.__setattr__(self, "k", _count_latents(self.source, self.k))
            object.__setattr__(self, "name", self.name or getattr(self.source, "__name__", "callable"))
            object.__setattr__(self, "_function", self.source)
        else:
            raise ValueError(f"`target` must be an expression or a function of an array (B, k); got {self.source!r}")
        _check_values(self)

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """g at the rows of `z`, shape (B, k); returns shape (B,).

        Raises
        ------
        ValueError
            If a user's function returns another shape or a value that is not finite.
        """
        z = np.asarray(z, dtype=float)
        if z.ndim != 2 or z.shape[1] != self.k:
            raise ValueError(f"`z` must have shape (B, {self.k}); got {z.shape}")
        with np.errstate(all="ignore"):
            values = np.asarray(self._function(z))
        if values.shape != (len(z),):
            raise ValueError(
                f"`target` must map shape (B, {self.k}) to (B,); it returned {values.shape} for B = {len(z)}"
            )
        if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
            raise ValueError(f"`target` must return real numbers; {self.name} returned {values.dtype}")
        finite = np.isfinite(values)
        if not finite.all():
            row = int(np.argmin(finite))
            where = ", ".join(f"{value:.4g}" for value in z[row])
            raise ValueError(f"`target` must be finite; {self.name} is {values[row]} at z = ({where})")
        return values.astype(float, copy=False)


class _Expression:
    """A parsed expression that pickles as its text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree, _ = _parse(source)

    def __call__(self, z: np.ndarray) -> np.ndarray:
        values = _evaluate(self.tree, z)
        return np.broadcast_to(values, (len(z),)).astype(float)

    def __reduce__(self):
        return _Expression, (self.source,)


def target_from(source: Callable[[np.ndarray], np.ndarray], target: Target, name: str) -> Target:
    """A function of the latents of a target that has its kinks, as that target less something smooth.

    Parameters
    ----------
    source : callable
        (B, k) to (B,).
    target : Target
    name : str

    Returns
    -------
    Target
    """
    made = Target(source, target.k, name)
    object.__setattr__(made, "kinks", target.kinks)
    return made


def as_target(target: str | Callable[[Any], Any] | Target) -> Target:
    """The `Target` that an expression or a function stands for, or the one given.

    Parameters
    ----------
    target : str, callable or Target

    Returns
    -------
    Target

    Raises
    ------
    ValueError
        As `Target` raises.
    """
    if isinstance(target, str):
        return _of_expression(target)
    return target if isinstance(target, Target) else Target(target)


@lru_cache(maxsize=64)
def _of_expression(source: str) -> Target:
    return Target(source)


def _parse(source: str) -> tuple[ast.expr, int]:
    """Syntax tree and number of latents of an expression, every node checked against the whitelist."""
    if len(source) > _MAX_LENGTH:
        raise ValueError(f"`target` must have at most {_MAX_LENGTH} characters; got {len(source)}")
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"`target` must be an expression in z or z1, z2, ...; got {source!r}") from None
    if _depth(tree) > _MAX_DEPTH:  # before anything that would descend by calls
        raise ValueError(f"`target` must be nested at most {_MAX_DEPTH} deep; got more")
    names: set[str] = set()
    _check_node(tree, names, 0)
    if not names:
        raise ValueError(f"`target` must depend on z or on z1, z2, ...; got {source!r}")
    if "z" in names and len(names) > 1:
        raise ValueError(f"`target` must use either z or z1, z2, ..., not both; got {source!r}")
    return tree, 1 if "z" in names else max(int(name[1:]) for name in names)


def _depth(tree: ast.AST) -> int:
    """How deep operations and calls stand within each other."""
    level, depth = [tree], -1
    while level:
        children = (child for node in level for child in ast.iter_child_nodes(node))
        level, depth = [child for child in children if isinstance(child, ast.expr)], depth + 1
    return depth


def _check_node(node: ast.AST, names: set[str], depth: int) -> None:
    text = ast.unparse(node) if depth else ""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            if isinstance(op, ast.Pow):
                exponent = right.operand if isinstance(right, ast.UnaryOp) else right
                value = exponent.value if isinstance(exponent, ast.Constant) else None
                if not isinstance(value, int | float) or not _is_number(value):
                    raise ValueError(f"`target` must have a number as exponent; got {ast.unparse(node)!r}")
                if abs(value) > _MAX_POWER:
                    raise ValueError(f"`target` must have exponents of at most {_MAX_POWER}; got {value!r}")
            _check_node(left, names, depth + 1)
            _check_node(right, names, depth + 1)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check_node(operand, names, depth + 1)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            _check_node(argument, names, depth + 1)
        case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
            raise ValueError(f"`target` must give {name} one argument; got {ast.unparse(node)!r}")
        case ast.Call(func=func):
            raise ValueError(f"`target` must call only {', '.join(_FUNCTIONS)}; got {ast.unparse(func)!r}")
        case ast.Name(id=name):
            if not re.fullmatch(rf"z[1-{_MAX_LATENTS}]?", name):
                raise ValueError(f"`target` must use the latents z or z1 ... z{_MAX_LATENTS}; got {name!r}")
            names.add(name)
        case ast.Constant(value=value) if _is_number(value):
            pass
        case _:
            raise ValueError(
                "`target` must be built from + - * / ** numbers, parentheses, latents and functions; "
                f"got {text or ast.unparse(node)!r}{': a power is written **' if _is_caret(node) else ''}"
            )


def _is_caret(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100


def _evaluate(node: ast.expr, z: np.ndarray) -> Any:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left, z), _evaluate(right, z))
        case ast.UnaryOp(op=op, operand=operand):
            value = _evaluate(operand, z)
            return np.negative(value) if isinstance(op, ast.USub) else value
        case ast.Call(func=ast.Name(id=name), args=[argument]):
            return _FUNCTIONS[name](_evaluate(argument, z))
        case ast.Name(id=name):
            return z[:, 0 if name == "z" else int(name[1:]) - 1]
        case ast.Constant(value=int() | float() as value):
            return np.asarray(float(value))
    raise AssertionError(f"unchecked node {node!r}")


def _find_kinks(tree: ast.expr) -> tuple[float, ...]:
    grid = np.linspace(-11.0, 11.0, 4401) + 1e-9 * np.sqrt(2.0)  # off the round numbers where kinks sit
    kinks = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _KINKED:
            argument = node.args[0]

            def value(x: float, argument: ast.expr = argument) -> float:
                return float(_evaluate(argument, np.array([[x]])).item())

            with np.errstate(all="ignore"):
                signs = np.sign(np.broadcast_to(_evaluate(argument, grid[:, None]), grid.shape))
                for i in np.flatnonzero(signs[:-1] * signs[1:] < 0):
                    from scipy.optimize import brentq  # half a second to import

                    kinks.add(round(brentq(value, grid[i], grid[i + 1], xtol=1e-14), 12))
    return tuple(sorted(kinks))


def _count_latents(function: Callable, k: int) -> int:
    if k != 0 or isinstance(k, bool):
        return integer("k", k, 1)
    probe = np.random.default_rng(0).standard_normal((7, 3))
    reason = ""
    for latents in (1, 2, 3):
        try:
            with np.errstate(all="ignore"):
                shape = np.shape(function(probe[:, :latents]))
        except Exception as error:
            reason = f"raised {error!r}"
            continue
        if shape == (7,):
            return latents
        reason = f"returned shape {shape} for input (7, {latents})"
    raise ValueError(f"`target` must map an array (B, k), k = 1, 2 or 3, to (B,); the function {reason}")


def _check_values(target: Target) -> None:
    k = target.k
    inner = 3.0 * np.random.default_rng(0).standard_normal((512, k))
    inner = inner[np.linalg.norm(inner, axis=1) < 6.0 * np.sqrt(k)]
    directions = np.concatenate([np.eye(k), -np.eye(k), np.ones((1, k)) / np.sqrt(k), -np.ones((1, k)) / np.sqrt(k)])
    bulk = np.concatenate([np.zeros((1, k)), inner])
    try:
        inside, outside = target(bulk), target(11.0 * directions)
    except ValueError:
        raise
    except Exception as error:  # whatever a user's function may raise
        raise ValueError(f"`target` must map an array (B, {k}) to (B,); the function raised {error!r}") from None
    # g² φ has to have died out at |z| = 11, or E g² is not finite (or not to be had in double precision).
    weight = np.exp(-0.5 * np.sum(bulk**2, axis=1))
    peak = np.max(inside**2 * weight)
    if np.max(outside**2) * np.exp(-0.5 * 11.0**2) > 1e-6 * peak:
        raise ValueError(f"`target` must have a finite second moment under N(0, I); {target.name} grows too fast")
