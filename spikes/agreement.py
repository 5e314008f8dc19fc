"""Theory beside simulation: what is compared, one row for each quantity, and the form that every answer has."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

import numpy as np

from spikes.estimates import Estimate
from theory.statement import Activation, Problem, Target, Teacher

__all__ = [
    "ALIGNMENTS",
    "LARGEST_RELATIVE",
    "LATENTS",
    "LEADING",
    "LEAST_TESTED",
    "QUANTITIES",
    "SCHEMA",
    "Activation",
    "Problem",
    "Quantity",
    "Row",
    "Stated",
    "Study",
    "Target",
    "Teacher",
    "conclusion",
    "contract",
    "human_name",
    "p_value",
    "quantities",
    "row",
    "spike_rows",
    "spike_source",
]


ALIGNMENTS = ("1", "He1", "He2", "He3", "He4")
"""Functions He_k(u), k = 0 … 4, on which the left singular vectors of spikes are measured."""

LEADING = 8
"""Number of leading left singular vectors whose alignment is measured."""

SCHEMA = "spikes/1"

LATENTS = 3
"""Hidden directions of a target that a problem may have."""


@dataclass(frozen=True)
class Quantity:
    """What is predicted and measured under one name: rows, JSON, columns of a sweep and tables follow from it.

    Attributes
    ----------
    name : str
        Key in the JSON contract, and the beginning of its columns.
    per : {"run", "latent", "penalty", "spike"}
        One number a run, one for each latent, one for each penalty λ, or one for each spike.
    predicted : callable
        Of a `theory.Prediction` for a run or its latents, or of the step's statistics where that is the `source`; of a
        prediction or of its errors at one λ for a penalty; of one of its outliers for a spike.
    measured : callable
        Of a run for a run or its latents; of a fit, before the step or after it, for a penalty or a spike, where it
        gives an array (penalties,), or (spikes, …).
    label : str
        Of a row; ``{i}`` is the number of the latent or spike from 1, ``{part}`` one of `parts`.
    words : str
        What people call it, in tables and sentences; the name with spaces where empty.
    parts : tuple of str
        Functions on which a spike's vector, which has no sign, has amplitudes.
    source : {"spectrum", "errors", "step"}
        What has to be predicted for it; "spectrum" costs most.
    group : str
        Part of the contract that holds it; the top where empty.
    compared : bool
        Whether a comparison has rows of it, and the contract an entry; a sweep keeps it anyway.
    """

    name: str
    per: str
    predicted: Callable[[Any], Any]
    measured: Callable[[Any], Any]
    label: str = ""
    words: str = ""
    parts: tuple[str, ...] = ()
    source: str = "spectrum"
    group: str = ""
    compared: bool = True

    def kept(self) -> dict[str, tuple[str, ...]]:
        """Names under which a sweep keeps it, each with its columns."""
        if self.per == "spike":
            return {f"{self.name}_{i}": self.columns(i) for i in range(1, LEADING + 1)}
        if self.per == "latent":
            return {f"{self.name}_{i}": self.columns(i) for i in range(1, LATENTS + 1)}
        return {self.name: (self.name,)}

    def columns(self, i: int) -> tuple[str, ...]:
        """Columns of latent or spike i, from 1."""
        return tuple(f"{self.name}_{i}_{part}" for part in self.parts) if self.parts else (f"{self.name}_{i}",)

    def title(self, i: int | None = None, part: str = "") -> str:
        """The label of a row."""
        return (self.label or self.name).format(i=i, part=part)


QUANTITIES: tuple[Quantity, ...] = (
    *(
        Quantity(name, "penalty", attrgetter(name), attrgetter(name), source="errors")
        for name in ("test_error", "train_error", "objective")
    ),
    Quantity("singular_value", "spike", attrgetter("singular_value"), attrgetter("singular_values"), label="spike {i}"),
    Quantity(
        "alignment",
        "spike",
        attrgetter("alignment"),
        attrgetter("alignment"),
        label="spike {i} on {part}",
        parts=ALIGNMENTS,
    ),
    Quantity(
        "beta_norm2",
        "run",
        attrgetter("beta_norm2"),
        attrgetter("beta_norm2"),
        words="the step's direction, ‖β‖²",
        group="step",
    ),
    Quantity("label_power", "run", attrgetter("label_power"), attrgetter("label_power"), source="step", compared=False),
    Quantity("outliers", "run", lambda theory: len(theory.outliers), attrgetter("after.outliers"), compared=False),
    Quantity(
        "overlap",
        "latent",
        attrgetter("overlap"),
        attrgetter("overlap"),
        label="overlap {i}",
        words="overlap of β with the target",
        group="step",
    ),
)
"""All of them. To add one, add it here, to the prediction and to the simulation."""


def quantities(per: str = "", *, compared: bool | None = None) -> tuple[Quantity, ...]:
    """The quantities, or those of one kind.

    Parameters
    ----------
    per : {"", "run", "latent", "penalty", "spike"}
    compared : bool, optional
        Only those that a comparison has rows of, or only the others.

    Returns
    -------
    tuple of Quantity
    """
    return tuple(q for q in QUANTITIES if (not per or q.per == per) and (compared is None or q.compared == compared))


_SYMBOLS = {"alpha": "α", "ridge": "λ", "eta": "η", "noise": "σ_ε", "n_step": "n₀", "width": "N"}


_COLUMNS = {
    r"^singular_value_(\d+)$": r"s of spike \1",
    r"^alignment_(\d+)_(\w+)$": r"spike \1 on \2",
    r"^overlap_(\d+)$": r"overlap \1",
    r"^outliers$": "spikes",
}
"""What a table calls the columns of a sweep that are numbered."""


def human_name(quantity: str) -> str:
    """What a table calls the quantity of a row, whose own name is a key: the words of the registry, symbols for fields.

    Parameters
    ----------
    quantity : str
        As in `Row.quantity`: a name, ``/before`` for what is divided by its value before the step, and in brackets
        the penalty, or fields with their values.

    Returns
    -------
    str

    Examples
    --------
    >>> human_name("test_error[0.1]"), human_name("test_error/before[alpha 0.3]"), human_name("spike 1 on He1")
    ('test error, λ = 0.1', 'test error, α = 0.3: after ÷ before', 'spike 1 on He1')
    >>> human_name("c = 3: train_error[0.1]")
    'c = 3: train error, λ = 0.1'
    >>> human_name("singular_value_2"), human_name("alignment_1_He2"), human_name("test_error_before")
    ('s of spike 2', 'spike 1 on He2', 'test error before the step')
    """
    part, colon, quantity = quantity.rpartition(": ")  # of several studies laid together
    head, _, where = quantity.removesuffix("]").partition("[") if quantity.endswith("]") else (quantity, "", "")
    ratio, alone = head.endswith("/before"), head.endswith("_before")
    said = re.sub(r"\bridge (?=[\d.])", "λ = ", head.removesuffix("/before").removesuffix("_before").strip())
    said = re.sub(r"^spike (\d+)(?! on| against)", r"s of spike \1", said)
    for column, words in _COLUMNS.items():
        said = re.sub(column, words, said)
    for q in QUANTITIES:
        if said == q.name or ("_" in q.name and re.match(rf"{q.name}\b", said)):
            said = (q.words or q.name.replace("_", " ")) + said.removeprefix(q.name)
            break
    said += " before the step" if alone else ""
    at = [f"λ = {part}" if _is_number(part) else _assigned(part) for part in where.split(", ") if part]
    return part + colon + ", ".join([said, *at]) + (": after ÷ before" if ratio else "")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+.\de]+", text) is not None


def _assigned(text: str) -> str:
    """``alpha 0.3`` or ``alpha=0.3`` as α = 0.3."""
    name, value = re.split(r"[ =]", text, maxsplit=1) if re.fullmatch(r"\w+[ =]\S+", text) else (text, "")
    return f"{_SYMBOLS.get(name, name)} = {value}" if value else text


class Row(NamedTuple):
    """One quantity predicted and measured.

    z = (simulation − theory)/sem, relative = simulation/theory − 1; nan where they are not defined.
    """

    quantity: str
    theory: float
    simulation: float
    sem: float
    seeds: int
    z: float
    relative: float

    def to_dict(self) -> dict[str, Any]:
        """An entry of ``agreement`` in the JSON contract."""
        return {name: _plain(value) for name, value in self._asdict().items()}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Row:
        """The row of such an entry, in which what is not finite is null.

        Parameters
        ----------
        entry : mapping

        Returns
        -------
        Row

        Raises
        ------
        ValueError
            If it is none.
        """
        try:
            numbers = {
                name: math.nan if entry[name] is None else float(entry[name])
                for name in ("theory", "simulation", "sem", "z", "relative")
            }
            return cls(quantity=str(entry["quantity"]), seeds=int(entry["seeds"]), **numbers)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ValueError(f"`agreement` must hold rows {', '.join(cls._fields)}; got {str(entry)[:80]}") from None


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def row(quantity: str, theory: float, measured: Estimate) -> Row:
    """Lay one measured quantity beside its prediction."""
    difference = measured.mean - theory
    z = difference / measured.sem if measured.sem > 0.0 else math.nan
    relative = difference / theory if theory != 0.0 else math.nan
    return Row(quantity, float(theory), measured.mean, measured.sem, measured.seeds, float(z), float(relative))


def spike_source(predicted: Any) -> str:
    """What is said of a predicted spike that the step does not make.

    Parameters
    ----------
    predicted : object
        The outlier of a prediction.

    Returns
    -------
    str
        Empty for a spike of the step.
    """
    return ", of the data" if predicted.source == "data" else ""


def spike_rows(i: int, predicted: Any, measured: Callable[[Quantity, int], Sequence[Estimate]]) -> list[Row]:
    """The rows of one spike: its position, and what its left singular vector has learned, where that is predicted.

    Parameters
    ----------
    i : int
        Counted from 0.
    predicted : object
        The outlier of a prediction.
    measured : callable
        Of a quantity and i: one estimate, or one for each part of the quantity.

    Returns
    -------
    list of Row
    """
    rows = []
    for q in quantities("spike", compared=True):
        theory = np.atleast_1d(q.predicted(predicted))
        for part, value, estimated in zip(q.parts or ("",), theory, measured(q, i), strict=True):
            if not math.isnan(value):
                rows.append(row(q.title(i + 1, part) + spike_source(predicted), value, estimated))
    return rows


class Stated(Protocol):
    """What an answer is the answer to: a problem, a plan, a teacher."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""


class Study(Protocol):
    """What every answer that lays theory beside simulation can say of itself."""

    def rows(self) -> list[Row]:
        """Every quantity that was predicted and measured."""

    def remark(self) -> str:
        """One sentence: the conclusion."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract, made by `contract`."""


def contract(
    problem: Stated | Mapping[str, Any] | None,
    theory: Mapping[str, Any] | None = None,
    simulation: Mapping[str, Any] | None = None,
    agreement: Sequence[Row] = (),
) -> dict[str, Any]:
    """The JSON form that every command answers in.

    Parameters
    ----------
    problem : object with ``to_dict``, or dict
        None where an answer belongs to no problem.
    theory, simulation : dict, optional
        None where a part does not apply.
    agreement : sequence of Row

    Returns
    -------
    dict
    """
    return {
        "schema": SCHEMA,
        "problem": problem if problem is None or isinstance(problem, Mapping) else problem.to_dict(),
        "theory": _with_spikes(theory),
        "simulation": _with_spikes(simulation),
        "agreement": [r.to_dict() for r in agreement],
    }


def _with_spikes(part: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """`spikes` beside `outliers`, their name until version 1.0."""
    if part is None or "outliers" not in part or "spikes" in part:
        return part
    return {key: value for name in part for key, value in _both_names(name, part[name])}


def _both_names(name: str, value: Any) -> list[tuple[str, Any]]:
    return [("spikes", value), (name, value)] if name == "outliers" else [(name, value)]


def conclusion(rows: Sequence[Row]) -> str:
    """One sentence on how theory and simulation compare.

    Each z is held against Student's t with seeds − 1 degrees of freedom, all together at 5 % (Bonferroni); means
    over fewer than four seeds are not tested, for their standard errors are hardly known.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    str
        Empty without rows.

    Examples
    --------
    >>> conclusion([row("error", 1.0, Estimate(1.02, 0.01, 8)), row("spike", 2.0, Estimate(2.5, 0.02, 8))])
    '1 of 2 quantities differs by more than its error explains (5 % over all): spike by 25 %, z = 25.0'
    >>> conclusion([row("error", 1.0, Estimate(1.02, 0.01, 2))])
    '2 seeds are too few for a test; the largest difference is 2 %, in error'
    """
    seeds = min((r.seeds for r in rows), default=0)
    if not seeds:
        return ""
    tested = [r for r in rows if math.isfinite(r.z) and r.seeds >= LEAST_TESTED]
    if not tested:
        few = f"{seeds} seed{'s are' if seeds > 1 else ' is'} too few for a test"
        relative = [r for r in rows if abs(r.relative) < LARGEST_RELATIVE]
        if not relative:
            return few
        worst = max(relative, key=lambda r: abs(r.relative))
        return f"{few}; the largest difference is {100.0 * abs(worst.relative):.2g} %, in {human_name(worst.quantity)}"
    differ = [r for r in tested if p_value(r) * len(tested) < TEST_LEVEL]
    worst = min(differ or tested, key=p_value)
    size = f" by {100.0 * abs(worst.relative):.2g} %" if abs(worst.relative) < LARGEST_RELATIVE else ""
    if differ:
        verb, own = ("differs", "its error explains") if len(differ) == 1 else ("differ", "their errors explain")
        return (
            f"{len(differ)} of {len(tested)} quantities {verb} by more than {own} (5 % over all): "
            f"{human_name(worst.quantity)}"
            f"{size}, z = {_signed(worst.z)}"
        )
    return (
        f"none of {len(tested)} quantities differs by more than its error explains (5 % over all); the furthest is "
        f"{human_name(worst.quantity)}{', off' + size if size else ''}, z = {_signed(worst.z)}"
    )


def _signed(z: float) -> str:
    return f"{z:.1f}".replace("-", "\N{MINUS SIGN}")


LEAST_TESTED = 4
"""Seeds below which no z is judged."""

TEST_LEVEL = 0.05
LARGEST_RELATIVE = 0.5
"""Of a prediction next to zero no relative difference is worth a look."""


def p_value(r: Row) -> float:
    """Two-sided odds of a |z| at least as large, by Student's t with seeds − 1 degrees of freedom.

    nan for fewer than four seeds, whose standard error is hardly known.
    """
    if r.seeds < LEAST_TESTED or not math.isfinite(r.z):
        return math.nan
    from scipy.special import stdtr  # a fifth of a second to import

    return float(2.0 * stdtr(r.seeds - 1, -abs(r.z)))
