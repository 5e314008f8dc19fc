"""The teacher of a two-layer network: directions and weights. Part of the statement of a problem, no formula."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from theory.statement.arguments import integer, real

__all__ = ["TEACHERS", "Teacher", "as_teacher", "line_angles"]

_DISTINCT = math.radians(0.01)
_ATTEMPTS = 20_000
_BLOCK = 2**20  # numbers


def line_angles(U: np.ndarray, V: np.ndarray) -> np.ndarray:
    """Angles in [0, π/2] between the lines along rows of `U` (m, d) and `V` (p, d), from chords: exact for small ones.

    Parameters
    ----------
    U : ndarray, shape (m, d)
    V : ndarray, shape (p, d)

    Returns
    -------
    ndarray, shape (m, p)
        Radians.
    """
    U = U / np.linalg.norm(U, axis=1, keepdims=True)
    V = V / np.linalg.norm(V, axis=1, keepdims=True)
    angles = np.empty((len(U), len(V)))
    size = max(1, _BLOCK // max(1, V.size))  # of the rows whose chords with all of V are held at once
    for start in range(0, len(U), size):
        rows = U[start : start + size]
        signed = V[None] * np.where(rows @ V.T < 0.0, -1.0, 1.0)[..., None]
        chords = (np.linalg.norm(rows[:, None] + side * signed, axis=-1) for side in (-1.0, 1.0))
        angles[start : start + size] = 2.0 * np.arctan2(*chords)
    return angles


@dataclass(frozen=True, eq=False)
class Teacher:
    """A two-layer teacher f⋆(x) = Σ_j a⋆_j σ(⟨w⋆_j, x⟩), x ~ N(0, I_d), with σ the relu.

    The student's constant and linear parts are free, so only the part of f⋆ of Hermite degree two and more is left to
    learn. There the relu is even, w⋆_j and −w⋆_j are one direction, and the relu's homogeneity moves the norm of a row
    into its weight.

    Parameters
    ----------
    directions : array_like, shape (m⋆, d)
        Rows along w⋆_j; normalised, and their norms multiplied into the weights.
    weights : array_like, shape (m⋆,)
        a⋆_j, of either sign.
    name : str, optional
        Shown in tables and figures.

    Raises
    ------
    ValueError
        If a direction or weight is zero or not finite, two directions lie on one line, or shapes disagree.

    Examples
    --------
    >>> Teacher.from_angles([0, 60], [0.5, -0.5], d=20).rank
    2
    """

    directions: np.ndarray
    weights: np.ndarray
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        directions, weights = _floats("directions", self.directions), _floats("weights", self.weights)
        if directions.ndim != 2 or 0 in directions.shape:
            raise ValueError(f"`directions` must be a matrix of shape (m, d); got shape {directions.shape}")
        if weights.shape != directions.shape[:1]:
            raise ValueError(
                f"`weights` must be one number for each of the {len(directions)} directions; got shape {weights.shape}"
            )
        norms = np.linalg.norm(directions, axis=1)
        if not norms.all():
            raise ValueError(f"`directions` must not be zero; row {int(np.argmin(norms))} is")
        if not weights.all():
            raise ValueError(f"`weights` must not be zero; number {int(np.argmin(np.abs(weights)))} is")
        directions, weights = directions / norms[:, None], weights * norms
        angles = line_angles(directions, directions)
        np.fill_diagonal(angles, np.inf)
        i, j = sorted(int(k) for k in np.unravel_index(np.argmin(angles), angles.shape))
        if angles[i, j] < _DISTINCT:
            raise ValueError(
                f"`directions` must be distinct up to sign, at least 0.01 degrees apart; rows {i} and {j} are "
                f"{math.degrees(angles[i, j]):.2g} degrees apart"
            )
        directions.flags.writeable = weights.flags.writeable = False
        object.__setattr__(self, "directions", directions)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "name", self.name or f"{self.size} directions in {self.rank} dimensions")

    @classmethod
    def orthogonal(cls, count: int, *, d: int, weights: Sequence[float] | None = None, name: str = "") -> Teacher:
        """The first `count` coordinate directions, with weights 1/`count` unless given."""
        count = integer("count", count, 1)
        directions = np.eye(count, integer("d", d, count))
        return cls(
            directions, _equal(count) if weights is None else np.asarray(weights), name=name or f"{count} orthogonal"
        )

    @classmethod
    def from_angles(
        cls, degrees: ArrayLike, weights: Sequence[float] | None = None, *, d: int, name: str = ""
    ) -> Teacher:
        """Directions at given angles in the plane of the first two coordinates; equal weights unless given."""
        angles = np.radians(np.atleast_1d(_floats("degrees", degrees)))
        directions = np.zeros((len(angles), integer("d", d, 2)))
        directions[:, 0], directions[:, 1] = np.cos(angles), np.sin(angles)
        label = "angles " + ", ".join(f"{x:g}" for x in np.degrees(angles))
        return cls(directions, _equal(len(angles)) if weights is None else np.asarray(weights), name=name or label)

    @classmethod
    def random(
        cls,
        count: int,
        *,
        span: int,
        d: int,
        min_angle: float = 0.0,
        weights: Sequence[float] | None = None,
        seed: int | np.random.SeedSequence | np.random.Generator = 0,
        name: str = "",
    ) -> Teacher:
        """Uniform directions in the first `span` coordinates, no two closer than `min_angle` degrees.

        Raises
        ------
        ValueError
            If the directions do not fit: a direction found no place in 20000 attempts.
        """
        count, span = integer("count", count, 1), integer("span", span, 1)
        d = integer("d", d, span)
        smallest = max(math.radians(real("min_angle", min_angle, minimum=0.0, maximum=90.0)), _DISTINCT)
        if span <= 2 and count > 1 and count * smallest > (span - 1) * math.pi:  # of a half turn, each takes its part
            raise ValueError(
                f"`min_angle` must leave room for {count} directions in {span} dimensions; got {min_angle:g} degrees"
            )
        generator = np.random.default_rng(seed)
        directions = np.zeros((count, d))
        for i in range(count):
            for _ in range(_ATTEMPTS):
                directions[i, :span] = generator.standard_normal(span)
                if i == 0 or line_angles(directions[i : i + 1], directions[:i]).min() >= smallest:
                    break
            else:
                raise ValueError(
                    f"`min_angle` must leave room for {count} directions in {span} dimensions; got {min_angle:g} "
                    f"degrees, and direction {i + 1} found no place in {_ATTEMPTS} attempts"
                )
        label = f"{count} random directions in {span} dimensions"
        return cls(directions, _equal(count) if weights is None else np.asarray(weights), name=name or label)

    @property
    def size(self) -> int:
        """Number m⋆ of directions."""
        return len(self.weights)

    @property
    def d(self) -> int:
        """Input dimension."""
        return self.directions.shape[1]

    @cached_property
    def basis(self) -> np.ndarray:
        """Orthonormal rows (r, d) that span the directions."""
        _, s, rows = np.linalg.svd(self.directions, full_matrices=False)
        return rows[: int(np.sum(s > 1e-9 * s[0]))]

    @property
    def rank(self) -> int:
        """Dimension r of the span of the directions."""
        return len(self.basis)

    @property
    def min_angle(self) -> float:
        """Smallest angle in radians between two of the lines; π/2 for a single one."""
        angles = line_angles(self.directions, self.directions)
        np.fill_diagonal(angles, 0.5 * math.pi)
        return float(angles.min())

    def embedded(self, d: int) -> Teacher:
        """The same teacher in R^d: congruent directions, written in the first r coordinates."""
        d = integer("d", d, self.rank)
        directions = np.zeros((self.size, d))
        directions[:, : self.rank] = self.directions @ self.basis.T
        return Teacher(directions, self.weights, name=self.name)

    def to_dict(self) -> dict[str, Any]:
        """Name, directions and weights as plain JSON values."""
        return {
            "name": self.name,
            "d": self.d,
            "directions": self.directions.tolist(),
            "weights": self.weights.tolist(),
        }


def _floats(name: str, values: Any) -> np.ndarray:
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` must be numbers; got {values!r}") from None
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite; got {array.tolist()}")
    return array


def _equal(count: int) -> np.ndarray:
    return np.full(count, 1.0 / count)


# name: (directions within their span, weights, usual d)
_LISTED: dict[str, tuple[Any, tuple[float, ...], int]] = {
    "r3m5": (
        (
            (-1.0, 0.0, 0.0),
            (0.036874262663387, 0.999319913117432, 0.0),
            (-0.548524863129356, -0.734286865361769, -0.399929086071654),
            (-0.163961259214087, 0.717706725805282, -0.676767139576673),
            (-0.139746424935427, 0.063685564251867, 0.988137179557418),
        ),
        (0.17484876669569416, -0.11817054270085156, 0.23210001348557893, -0.2862927709482709, 0.14143823361620025),
        20,
    ),
    "r5m6": (
        (
            (-1.0, 0.0, 0.0, 0.0, 0.0),
            (0.33541516957341, 0.94207041351485, 0.0, 0.0, 0.0),
            (0.518670989381297, -0.314409778650837, 0.795064082865626, 0.0, 0.0),
            (-0.376350718376528, 0.569769514375358, 0.189836198184298, 0.70546796888652, 0.0),
            (-0.144353699678369, -0.212159578500807, 0.805851964800677, 0.100853914220807, -0.52400517311641),
            (-0.577043670255038, 0.403400147172529, -0.167911487683564, -0.678537806027425, -0.125224206825827),
        ),
        (
            0.09990185298877347,
            -0.15843075592529368,
            0.16474976218066156,
            -0.18671206806392707,
            0.16733574706693277,
            -0.2395571906214947,
        ),
        30,
    ),
    "r3m5-close": (
        (
            (1.0, 0.0, 0.0),
            (0.679244267547524, 0.733912273370481, 0.0),
            (-0.421655509087031, -0.715529574207243, -0.556977611840331),
            (-0.476235273406083, 0.098193445529137, 0.873818065514183),
            (0.546317875663783, -0.424157978936823, 0.722237348545782),
        ),
        (0.23533787036621323, -0.1121605425916112, 0.21111922338414466, -0.1542903209060203, 0.2759302346669844),
        10,
    ),
}


def _listed(name: str) -> Teacher:
    directions, weights, d = _LISTED[name]
    rows = np.zeros((len(weights), d))
    rows[:, : len(directions[0])] = directions
    return Teacher(rows, np.array(weights), name=name)


TEACHERS: dict[str, Teacher] = {
    "orth4": Teacher.orthogonal(4, d=20, name="orth4"),
    "A": Teacher.from_angles([0, 60, 120], [0.4, -0.3, 0.3], d=10, name="A"),
    "G": Teacher.from_angles([0, 60], [0.5, -0.5], d=20, name="G"),
    **{name: _listed(name) for name in _LISTED},
}
"""Teachers known by name: orth4 is four orthogonal directions; A and G lie in a plane, at 0, 60, 120 and at 0, 60
degrees; r3m5, r5m6 and r3m5-close are five, six and five directions drawn at random in 3, 5 and 3 dimensions."""


def as_teacher(
    teacher: str | Teacher,
    *,
    d: int | None = None,
    weights: Sequence[float] | None = None,
    min_angle: float = 0.0,
    seed: int = 0,
) -> Teacher:
    """The teacher that a text stands for, or the one given.

    Parameters
    ----------
    teacher : str or Teacher
        A name in `TEACHERS`; ``orthogonal:m``; ``angles:t1,t2,...`` in degrees in a plane; ``random:m,r`` for m
        directions in r dimensions; or the path of a .json file that holds ``directions`` and ``weights``.
    d : int, optional
        Input dimension; that of the named teacher or of the file, else 20.
    weights : sequence of float, optional
        In place of the teacher's own.
    min_angle : float
        Smallest angle in degrees between random directions.
    seed : int
        Of random directions.

    Returns
    -------
    Teacher

    Raises
    ------
    ValueError
        If the text stands for no teacher, or an argument breaks its rule.
    """
    drawn = isinstance(teacher, str) and teacher.startswith("random:")
    if real("min_angle", min_angle, minimum=0.0) and not drawn:
        raise ValueError(f"`min_angle` must be left out for directions that are not random; got {min_angle:g}")
    found = teacher if isinstance(teacher, Teacher) else _parse(teacher, 20 if d is None else d, min_angle, seed)
    if weights is not None:
        found = Teacher(found.directions, np.asarray(weights), name=found.name)
    return found if d is None or d == found.d else found.embedded(d)


def _parse(text: str, d: int, min_angle: float, seed: int) -> Teacher:
    if text in TEACHERS:
        return TEACHERS[text]
    if text.endswith(".json"):
        return _read(text)
    kind, _, rest = text.partition(":")
    try:
        values: list[Any] = [float(part) for part in rest.split(",")]
    except ValueError:
        values = []
    if kind == "orthogonal" and len(values) == 1:
        return Teacher.orthogonal(_whole(text, values[0]), d=d)
    if kind == "angles" and values:
        return Teacher.from_angles(values, d=d)
    if kind == "random" and len(values) == 2:
        count, span = (_whole(text, value) for value in values)
        return Teacher.random(count, span=span, d=d, min_angle=min_angle, seed=seed)
    raise ValueError(
        f"`teacher` must be one of {', '.join(TEACHERS)}, or orthogonal:m, angles:t1,t2,..., random:m,r or a .json "
        f"file; got {text!r}"
    )


def _whole(text: str, value: float) -> int:
    """A number of directions or dimensions in the text for a teacher."""
    if not 1.0 <= value < 1e15 or value != int(value):
        raise ValueError(f"`teacher` must have whole numbers of at least 1 after the colon; got {text!r}")
    return int(value)


def _read(path: str) -> Teacher:
    try:
        content = json.loads(Path(path).read_text())
        directions, weights = content["directions"], content["weights"]
    except OSError as error:
        raise ValueError(f"`teacher` must be a file that can be read; {path!r}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"`teacher` must be a JSON file with directions and weights; {path!r} is not") from None
    try:
        return Teacher(directions, weights, name=Path(path).stem)
    except ValueError as error:
        raise ValueError(f"`teacher` must state a teacher; in {path!r} {str(error).replace('`', '')}") from None
