"""The statement of a problem: sizes, activation, target, noise, step and ridge. It holds no formula of the theory.

The fields of `Problem` are described here and nowhere else: the command line, the sweep file and the results file read
their descriptions. That is why this module imports numpy and scipy only where it computes: a start has to be quick.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from theory.statement.activation import ACTIVATIONS, Activation, as_activation
from theory.statement.arguments import boolean, integer, real, suggestion
from theory.statement.covariance import DIRECTIONS, Covariance, Direction, as_covariance, as_direction, direction_rule
from theory.statement.import_path import import_path, imported, path_among
from theory.statement.optimizer import Optimizer, as_optimizer, optimizer_rule, sparsity_rule
from theory.statement.second_layer import SECOND_LAYERS, SecondLayer, as_second_layer

if TYPE_CHECKING:
    import numpy as np

    from theory.statement.target import Target

__all__ = [
    "Described",
    "Problem",
    "described",
    "described_fields",
    "require_gradient_descent",
    "require_isotropic",
    "require_problem",
]

_MAX_LATENTS = 6


_LARGEST = 1e30
"""Of noise, step and penalty: their powers, and what an activation makes of them, have to be finite."""


@dataclass(frozen=True)
class Described:
    """What there is to know of a field of `Problem`, but for its default.

    Attributes
    ----------
    kind : type
        bool, int, float or str: what its values are in an option, in a sweep file, and in a column of a results file.
    help : str
        One line for the command line.
    rule : callable, optional
        (name, value) -> value, which refuses what breaks the field's rule; None is passed by where it is the default.
    option : str
        Of the command line; the name with dashes where it is empty.
    example : object
        Default of the command line for a field that `Problem` has no default for.
    grid : bool
        Whether several values make one problem: penalties, separated by commas on the command line.
    after : str
        The field whose option this one's follows; the fields' own order where it is empty.
    alone : bool
        Whether a value can be judged without the other fields; where not, by its rule alone.
    silent : bool
        Whether the default says nothing: it is left out of what seeds are derived from, which are then those of the
        problems from before there was the field.
    """

    kind: type
    help: str
    rule: Callable[[str, Any], Any] | None = None
    option: str = ""
    example: Any = None
    grid: bool = False
    after: str = ""
    alone: bool = True
    silent: bool = False


def described(kind: type, help: str, **more: Any) -> dict[str, Described]:
    """The metadata of a field of `Problem`: its description.

    Parameters
    ----------
    kind : type
    help : str
    **more
        Further attributes of `Described`.

    Returns
    -------
    dict
    """
    return {"described": Described(kind, help, **more)}


def described_fields(statement: type | None = None) -> dict[str, Described]:
    """The descriptions of the fields of `Problem`, by name and in order.

    Parameters
    ----------
    statement : type, optional
        A subclass of `Problem`.

    Returns
    -------
    dict of str to Described
    """
    return {one.name: one.metadata["described"] for one in dataclasses.fields(statement or Problem)}


_SYMBOLS = {
    "N": "width",
    "n0": "n_step",
    "sigma": "activation",
    "lam": "ridge",
    "penalty": "ridge",
    "sigma_eps": "noise",
    "a": "second_layer",
    "Sigma": "covariance",
}
"""Fields by the symbols that the pages use, and by what else they are called."""


def _ridge(name: str, value: Any) -> float | tuple[float, ...]:
    import numpy as np

    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        grid = tuple(real(name, x, positive=True) for x in np.asarray(value, dtype=object).ravel())
        if not grid:
            raise ValueError(f"`{name}` must hold at least one penalty; got an empty sequence")
        return grid
    if isinstance(value, int | float) and value == 0:
        raise ValueError(f"`{name}` must be positive; got {value!r}: a tiny one, as 1e-8, is the limit of none")
    return real(name, value, positive=True)


def _covariance(name: str, value: Any) -> str | Covariance | None:
    """The rule of the field: a power stays a text."""
    stated = as_covariance(value)
    return stated if stated is None or stated.power is None else stated.name


def _listed(names: Mapping[str, Any]) -> str:
    """Names in words; a run of numbered ones by its ends: He1 ... He5."""
    plain = [name for name in names if not name[-1].isdigit()]
    numbered = [name for name in names if name[-1].isdigit()]
    last = f"{numbered[0]} ... {numbered[-1]}" if numbered else plain.pop()
    return f"{', '.join(plain)} or {last}"


_count = partial(integer, minimum=2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """One giant gradient step on a two-layer network, followed by ridge regression on its features.

    The network is f(x) = N^(-1/2) Σ_j a_j σ(⟨w_j, x⟩) with w_j uniform on the unit sphere of R^d and x ~ N(0, I_d), or
    N(0, Σ) where a covariance is given; the labels are y = g(W⋆x) + noise. One step on n₀ fresh samples with residual
    r = y − f(x) gives W₁ = W₀ + (η/n₀) diag(a) [σ′(X₀W₀ᵀ) ∘ (r1ᵀ)]ᵀ X₀, that is −η√N times the gradient of
    (1/2n₀) Σ (y − f)². The features of n fresh samples are F = σ(XW₁ᵀ), and the second layer minimises
    (1/n)‖y − Fa‖² + λ‖a‖².

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
        σ: a name in `ACTIVATIONS`, of which erf means erf(z/√2), or an `Activation`.
    centered : bool
        Subtract E σ(Z) from σ.
    target : str, callable or Target
        An expression in z, or in z1 … z6, or a function (B, k) -> (B,); see `Target`.
    noise : float
        Standard deviation σ_ε of the label noise.
    alpha, scale : float
        η = `scale` · n₀^`alpha`, with 0 ≤ `alpha` ≤ 1.
    eta : float, optional
        The step size itself; overrides `alpha` and `scale`. 0 means random features.
    second_layer : str or SecondLayer
        Law of √N a_j: a name in `SECOND_LAYERS` (gaussian, rademacher, constant), or a `SecondLayer`.
    ridge : float or sequence of float
        Penalty λ > 0, or a grid of them.
    covariance : None, str, sequence of float, ndarray or Covariance
        Σ of the inputs x = Σ^(1/2)ξ: None for the identity, ``"power:1.0"`` for s_k ∝ k^(−1), d eigenvalues, a matrix,
        or a .npy or .csv file of either; rescaled to trace d. See `theory.statement.covariance.as_covariance`.
    direction : str, sequence of float, ndarray or Direction
        Where the target lies in the eigenbasis of Σ, W⋆ΣW⋆ᵀ = I: ``"uniform"``, ``"top"``, or weights on the
        eigenvectors. See `theory.statement.covariance.Direction`.
    optimizer : str or Optimizer
        What the step makes of the gradient's rows G = U Σ Vᵀ: ``gd`` moves W by ηG, ``sign`` by η sign(G)/√(Nd), the
        first step of Adam, and ``spectral:p`` by η N^(−(1−p)/2) U Σ^p Vᵀ, the first step of Muon at p = 0.
    sparsity : int, optional
        Coordinates over which each direction of the target is spread evenly; by default it is uniformly random. No
        matter to optimizers that know no axes, which are all but ``sign``.

    Raises
    ------
    ValueError
        Naming the argument, the rule it breaks and the value given.

    Notes
    -----
    All arguments are given by name. Two problems are equal that say the same, whichever way: ``ridge=0.1`` and
    ``ridge=[0.1]``, ``"relu"`` and ``ACTIVATIONS["relu"]``.

    Examples
    --------
    >>> problem = Problem(n=2000, d=1000, width=1500)
    >>> print(f"{problem.step_size:.3f}")
    15.430
    """

    n: int = field(metadata=described(int, "Samples for the features and the ridge fit.", rule=_count, example=2000))
    d: int = field(metadata=described(int, "Input dimension.", rule=_count, example=1000))
    width: int = field(metadata=described(int, "Hidden neurons N.", rule=_count, example=1500))
    n_step: int | None = field(
        default=None,
        metadata=described(int, "Fresh samples of the gradient step; n by default.", rule=_count, after="n"),
    )
    activation: str | Activation = field(default="relu", metadata=described(str, f"{_listed(ACTIVATIONS)}."))
    centered: bool = field(
        default=True,
        metadata=described(
            bool, "Subtract E sigma(Z) from the activation.", rule=boolean, option="--center/--no-center"
        ),
    )
    target: str | Callable[[Any], Any] = field(
        default="z + 0.5*He2(z)", metadata=described(str, 'Expression in z, or in z1 ... z6: "z1 + z1*z2".')
    )
    noise: float = field(
        default=0.5,
        metadata=described(float, "Standard deviation of the label noise.", rule=partial(real, minimum=0.0)),
    )
    alpha: float = field(
        default=0.36,
        metadata=described(
            float,
            "Exponent of the step size, eta = scale * n_step**alpha.",
            rule=partial(real, minimum=0.0, maximum=1.0),
        ),
    )
    scale: float = field(
        default=1.0, metadata=described(float, "Factor of the step size.", rule=partial(real, positive=True))
    )
    eta: float | None = field(
        default=None,
        metadata=described(
            float, "The step size itself; overrides --alpha and --scale.", rule=partial(real, minimum=0.0)
        ),
    )
    second_layer: str | SecondLayer = field(default="gaussian", metadata=described(str, f"{_listed(SECOND_LAYERS)}."))
    ridge: float | Sequence[float] = field(
        default=0.1, metadata=described(float, "Penalty, or several separated by commas.", rule=_ridge, grid=True)
    )
    covariance: str | Sequence[float] | np.ndarray | Covariance | None = field(
        default=None,
        metadata=described(
            str,
            "Of the inputs: power:1.0 for eigenvalues s_k ~ 1/k, numbers separated by commas, or a .npy or .csv file "
            "of eigenvalues or of a matrix; rescaled to trace d. The identity by default.",
            rule=_covariance,
            alone=False,
            silent=True,
        ),
    )
    direction: str | Sequence[float] | np.ndarray | Direction = field(
        default="uniform",
        metadata=described(
            str,
            f"Of the target in the covariance's eigenbasis: {' or '.join(DIRECTIONS)}, or weights as numbers separated "
            "by commas or a .npy or .csv file.",
            rule=direction_rule,
            alone=False,
            silent=True,
        ),
    )
    optimizer: str | Optimizer = field(
        default="gd",
        metadata=described(
            str,
            "Of the step: gd, sign (Adam's first step) or spectral:p (Muon's at p = 0).",
            rule=optimizer_rule,
            silent=True,
        ),
    )
    sparsity: int | None = field(
        default=None,
        metadata=described(
            int,
            "Coordinates of each direction of the target, which sign alone sees; random by default.",
            rule=sparsity_rule,
            silent=True,
        ),
    )

    def __new__(cls, *unnamed: Any, **named: Any) -> Problem:
        """Say what to do about arguments without a name, or of a name that is no field."""
        names = [one.name for one in dataclasses.fields(cls)]
        if unnamed:
            said = ", ".join(f"{name}={value!r}" for name, value in zip(names, unnamed, strict=False))
            raise TypeError(f"a {cls.__name__} takes its arguments by name: did you mean {cls.__name__}({said})?")
        for name in named:
            if name in ("own", "given"):
                raise TypeError(
                    f"{name!r} is for {cls.__name__}.from_dict, which makes a problem of what to_dict gives"
                )
            if name not in names:
                symbol = _SYMBOLS.get(name)
                meant = f": did you mean {symbol}?" if symbol else suggestion(name, names)
                raise TypeError(f"a {cls.__name__} has no field {name!r}{meant or '; it has ' + ', '.join(names)}")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            rule, value = one.metadata["described"].rule, getattr(self, one.name)
            if rule is not None and not (value is None and one.default is None):
                object.__setattr__(self, one.name, rule(one.name, value))
        as_activation(self.activation)
        k = self.teacher.k
        if k > _MAX_LATENTS:
            raise ValueError(f"`target` must have at most {_MAX_LATENTS} latents; got {k}")
        if k > self.d:
            raise ValueError(f"`d` must be at least the number of latents, {k}; got {self.d}")
        as_second_layer(self.second_layer)
        if self.covariance is None:
            if self.direction != "uniform":
                raise ValueError(
                    f"`direction` must go with a `covariance`, without which all are alike; got {self.direction}"
                )
        else:
            _ = self.directions
        if self.sparsity is not None and k * self.sparsity > self.d:
            raise ValueError(
                f"`sparsity` must leave each of {k} directions coordinates of its own among {self.d}; "
                f"got {self.sparsity}"
            )
        if self.covariance is not None and self.update.kind != "gd":
            raise ValueError(
                f"`optimizer` must be gd with a `covariance`, for which no other law is known; got {self.optimizer}"
            )
        stated = [("noise", self.noise), ("scale", self.scale), ("eta", self.eta or 0.0)]
        for name, value in (*stated, *(("ridge", ridge) for ridge in self.ridges)):
            if value > _LARGEST:
                raise ValueError(f"`{name}` must be at most {_LARGEST:g}, of which powers are finite; got {value!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _stated_again, (type(self), self._fields())

    def _fields(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}

    def content(self) -> tuple[Any, ...]:
        """What the problem says, apart from the way in which it is written.

        Returns
        -------
        tuple
            One value for each field, in their order.
        """
        written = {
            "activation": self.sigma,
            "target": self.teacher,
            "second_layer": self.law_of_a,
            "ridge": self.ridges,
            "covariance": self.law_of_x,
            "direction": as_direction(self.direction),
        }
        return tuple((self._fields() | written).values())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.content() == other.content()

    def __hash__(self) -> int:
        return hash(self.content())

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
        from theory.statement.target import as_target

        return as_target(self.target)

    @cached_property
    def law_of_a(self) -> SecondLayer:
        """The law of √N a_j as a `SecondLayer`."""
        return as_second_layer(self.second_layer)

    @cached_property
    def law_of_x(self) -> Covariance | None:
        """The covariance of the inputs as a `Covariance`; None for the identity."""
        return as_covariance(self.covariance)

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """s_c, the eigenvalues of the inputs' covariance, of mean one, shape (d,)."""
        import numpy as np

        return np.ones(self.d) if self.law_of_x is None else self.law_of_x.spectrum(self.d)

    @cached_property
    def directions(self) -> np.ndarray:
        """W⋆ in the eigenbasis of the inputs' covariance, of which W⋆ΣW⋆ᵀ = I, shape (k, d)."""
        import numpy as np

        if self.law_of_x is None:
            return np.eye(self.teacher.k, self.d)
        return as_direction(self.direction).on_eigenvectors(self.eigenvalues, self.teacher.k)

    @property
    def update(self) -> Optimizer:
        """What the optimizer makes of the gradient, as an `Optimizer`."""
        return as_optimizer(self.optimizer)

    @property
    def learning_rate(self) -> float:
        """The optimizer's own learning rate, for the loss (1/2n₀) Σ (y − f)².

        η√N for gradient descent, γ = η/√(Nd) for Adam, η/√N for Muon, and η N^(p−1/2) between.
        """
        update, N = self.update, float(self.width)
        if update.kind == "sign":
            return self.step_size * update.factor(self.width, self.d)
        return self.step_size * N ** (update.power - 0.5)

    def replace(self, **changes: Any) -> Problem:
        """A copy with some fields changed, validated again.

        Raises
        ------
        ValueError
            As of a new problem, or if `alpha` or `scale` would change nothing because `eta` is given.
        """
        for name in ("alpha", "scale"):
            if name in changes and "eta" not in changes and self.eta is not None:
                raise ValueError(
                    f"`{name}` must go with eta=None where a step size is given, here eta = {self.eta:g}, which "
                    f"overrides it; got {changes[name]!r}"
                )
        return dataclasses.replace(self, **changes)

    def fingerprint(self) -> str:
        """A digest of the values of target, σ and σ′ at fixed points: tells functions of the same name apart."""
        from hashlib import sha256

        import numpy as np

        points = np.random.default_rng(0).standard_normal((16, self.teacher.k))
        values = [self.teacher(points), self.sigma(points[:, 0]), self.sigma.slope(points[:, 0])]
        # twelve digits: what another machine's arithmetic leaves alone
        text = " ".join(f"{x:.12g}" for x in np.concatenate(values))
        return sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Every field as plain JSON values, with n₀ and η resolved; `from_dict` makes the problem of it again.

        A key ``own`` is there only for an activation, target, second layer, covariance or direction of the user's own:
        how to come by it, an import path or values, or why there is no way. A key ``given`` is there only where
        `n_step` or `eta` is given although it is what it would be by default.

        Returns
        -------
        dict
        """
        content = self._fields() | {
            "n_step": self.n0,
            "activation": self.sigma.name,
            "target": self.teacher.name,
            "eta": self.step_size,
            "second_layer": self.law_of_a.name,
            "ridge": list(self.ridges),
            "covariance": None if self.law_of_x is None else self.law_of_x.name,
            "direction": as_direction(self.direction).name,
        }
        own = {name: describe(self) for name, describe in _OWN.items()}
        if any(own.values()):
            content["own"] = {name: how for name, how in own.items() if how}
        derived = _derived(content)
        if given := [name for name in derived if getattr(self, name) is not None]:
            content["given"] = given
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], **own: Any) -> Problem:
        """The problem that `to_dict` has written, in this process or, by way of JSON, in another.

        What was resolved stays a default, so that ``replace`` means what it says: `n_step` follows n where it equals
        n, and η follows `alpha` and `scale` where it is `scale` · n₀^`alpha` to its last digits (a power may differ
        there between machines), unless ``given`` names them. Modules that ``own`` names are imported.

        Parameters
        ----------
        content : mapping
            As `to_dict` gives; fields with a default may be left out.
        **own
            `activation`, `target`, `second_layer`, `covariance` or `direction`, in place of what the mapping says:
            needed for a lambda, a closure and what a script or a notebook defines, to which no import path leads.

        Returns
        -------
        Problem

        Raises
        ------
        ValueError
            If a key is unknown or missing, a function is not to be had, or a field breaks its rule.

        Examples
        --------
        >>> problem = Problem.from_dict(Problem(n=2000, d=1000, width=1500).to_dict())
        >>> problem == Problem(n=2000, d=1000, width=1500)
        True
        >>> print(f"{problem.replace(alpha=0.0).step_size:.1f}")
        1.0
        """
        known = {one.name: one for one in dataclasses.fields(cls)}
        for name in content:
            if name not in (*known, "own", "given"):
                raise ValueError(f"`content` must use the keys {', '.join(known)}, own, given; got {name!r}")
        for name in own:
            if name not in _OWN:
                raise ValueError(f"`own` must name {', '.join(_OWN)}; got {name!r}")
        for name, one in known.items():
            if one.default is dataclasses.MISSING and name not in content:
                raise ValueError(f"`content` must have the key {name}; got {', '.join(content)}")
        fields = {name: content[name] for name in known if name in content}
        for name in _derived(content):
            if name not in content.get("given", ()):
                fields[name] = None
        ways = content.get("own", {})
        fields |= {name: _own_again(name, how) for name, how in ways.items() if name not in own}
        ridge = fields.get("ridge")
        if isinstance(ridge, list) and len(ridge) == 1:
            fields["ridge"] = ridge[0]
        return cls(**(fields | own))


def require_problem(problem: Any, name: str = "problem") -> None:
    """Refuse what is no problem, where one was expected.

    Parameters
    ----------
    problem : object
    name : str
        Of the argument.

    Raises
    ------
    ValueError
        Naming the remedy.
    """
    if not isinstance(problem, Problem):
        how = "Problem.from_dict of it" if isinstance(problem, Mapping) else "Problem(n=2000, d=1000, width=1500)"
        raise ValueError(f"`{name}` must be a theory.Problem, as {how}; got {str(problem)[:60]!r}")


def require_isotropic(problem: Problem, what: str) -> None:
    """Refuse a problem with a covariance where formulas or measurements are for isotropic inputs.

    Parameters
    ----------
    problem : Problem
    what : str
        What is for isotropic inputs.

    Raises
    ------
    ValueError
        If there is a covariance.
    """
    if problem.law_of_x is not None:
        raise ValueError(f"`covariance` must be left out of {what}, for isotropic inputs alone; got {problem.law_of_x}")


def require_gradient_descent(problem: Problem, what: str) -> None:
    """Refuse a problem with another optimizer where formulas or measurements are for gradient descent.

    Parameters
    ----------
    problem : Problem
    what : str
        What is for gradient descent alone.

    Raises
    ------
    ValueError
        If the optimizer is another and takes a step.
    """
    if problem.update.kind != "gd" and problem.step_size > 0.0:
        raise ValueError(f"`optimizer` must be gd for {what}; got {problem.optimizer!r}")


def _stated_again(statement: type[Problem], fields: dict[str, Any]) -> Problem:
    return statement(**fields)


def _derived(content: Mapping[str, Any]) -> list[str]:
    """Which of n₀ and η, resolved, are what they are by default."""
    found = []
    n_step = content.get("n_step")
    if n_step is not None and n_step == content["n"]:
        found.append("n_step")
    eta = content.get("eta")
    if eta is not None and {"alpha", "scale"} <= set(content):
        usual = content["scale"] * float(content["n"] if n_step is None else n_step) ** content["alpha"]
        if math.isclose(eta, usual, rel_tol=1e-15, abs_tol=0.0):
            found.append("eta")
    return found


# What is the user's own, and the way to it ----------------------------------------------------------------------------


def _own_activation(problem: Problem) -> dict[str, Any] | None:
    sigma = problem.sigma
    if ACTIVATIONS.get(sigma.name) is sigma:
        return None
    if path := path_among(sigma, (sigma.function, sigma.derivative)):
        return {"path": path}
    parts = {"function": import_path(sigma.function), "derivative": import_path(sigma.derivative)}
    if None in parts.values():
        return _no_way("activation", sigma.name)
    return {"name": sigma.name, **parts, "kinks": list(sigma.kinks), "vectorized": sigma.vectorized}


def _own_target(problem: Problem) -> dict[str, Any] | None:
    teacher = problem.teacher
    if isinstance(teacher.source, str):
        return None if teacher.name == teacher.source else {"name": teacher.name, "expression": teacher.source}
    if path := path_among(teacher, (teacher.source,)):
        return {"path": path}
    path = import_path(teacher.source)
    return {"name": teacher.name, "function": path, "k": teacher.k} if path else _no_way("target", teacher.name)


def _own_second_layer(problem: Problem) -> dict[str, Any] | None:
    law = problem.law_of_a
    if law.name in SECOND_LAYERS and SECOND_LAYERS[law.name] is law:
        return None
    if path := path_among(law, (law.sampler, law.quadrature)):
        return {"path": path}
    functions = {name: getattr(law, name) for name in ("sampler", "quadrature")}
    paths = {name: import_path(function) for name, function in functions.items() if function is not None}
    if None in paths.values():
        return _no_way("second_layer", law.name)
    values = {"atoms": list(law.atoms), "odds": list(law.odds), "moments": list(law.moments)}
    return {"name": law.name, **values, **paths}


def _own_covariance(problem: Problem) -> dict[str, Any] | None:
    law = problem.law_of_x
    if law is None or law.power is not None:
        return None
    return {"name": law.name, "eigenvalues": list(law.eigenvalues)}


def _own_direction(problem: Problem) -> dict[str, Any] | None:
    stated = as_direction(problem.direction)
    return {"name": stated.name, "weights": [list(row) for row in stated.weights]} if stated.weights else None


def _no_way(argument: str, name: str) -> dict[str, Any]:
    return {
        "lost": f"no import path leads to {name}: give it to from_dict again as {argument}=..., or keep it in a module"
    }


_OWN = {
    "activation": _own_activation,
    "target": _own_target,
    "second_layer": _own_second_layer,
    "covariance": _own_covariance,
    "direction": _own_direction,
}


def _own_again(argument: str, how: Mapping[str, Any]) -> Any:
    """What is a user's own, by the way that `to_dict` has written down."""
    from theory.statement.target import Target

    if "lost" in how:
        raise ValueError(f"`{argument}` cannot be had from a file: {how['lost']}")
    if "path" in how:
        return imported(argument, how["path"])
    if argument == "covariance":
        return Covariance(how["name"], eigenvalues=tuple(how["eigenvalues"]))
    if argument == "direction":
        return Direction(how["name"], weights=tuple(map(tuple, how["weights"])))
    paths = {
        key: imported(argument, how[key]) for key in ("function", "derivative", "sampler", "quadrature") if key in how
    }
    if argument == "activation":
        return Activation(**paths, name=how["name"], kinks=tuple(how["kinks"]), vectorized=how["vectorized"])
    if argument == "target":
        if "expression" in how:
            return Target(how["expression"], name=how["name"])
        return Target(paths["function"], k=how["k"], name=how["name"])
    values: dict[str, Any] = {key: tuple(how[key]) for key in ("atoms", "odds", "moments")}
    return SecondLayer(how["name"], **values, **paths)
