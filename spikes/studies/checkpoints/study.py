"""Which layers of a model hold anything but noise, and which directions training has made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from spikes.agreement import SCHEMA
from spikes.presentation.figure import in_style
from spikes.record import Recorded, recorded
from spikes.simulation.decomposition import Decomposition, check_size, decompose
from spikes.simulation.seeds import as_seed_sequence, derived_sequence
from spikes.simulation.signflip import RandomisationTest, randomisation_test
from spikes.studies.checkpoints.layers import Layer, model_layers
from theory.fitted_bulk import check_level, coloured_bulk, fitted_bulk
from theory.singular_value_thresholds import effective_rank, gavish_donoho_threshold, stable_rank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CheckpointStudy", "LayerStudy", "study_checkpoint"]

NULLS = ("signflip", "permutation", "white", "coloured")
_LEAST = 5  # fewest rows and columns that are tested
_FEWEST = 12  # that laws are fitted to
_ROUNDING = 1.0 + 1e-9  # of p-values and levels that are the same fraction


@dataclass(frozen=True, eq=False)
class LayerStudy:
    """One layer, or what training has added to it.

    Attributes
    ----------
    name : str
    kind : {"matrix", "convolution", "low rank"}
    shape, matrix_shape : tuple of int
        As stored, and as a matrix W (N, d).
    singular_values : ndarray
        Of W, decreasing.
    p_values : ndarray
        Of the singular values that stand out and the first that does not; empty where none was tested.
    p_holm : float
        The first p-value, corrected over the layers; nan where none was tested.
    spikes : int
        Singular values that stand out: none unless `p_holm` is within the level.
    counts : dict of str to int or None
    cosine : float
        ⟨W, W₀⟩/(‖W‖‖W₀‖) with the layer before training; nan without one.
    leading_cosine2 : tuple of float
        Squared cosines of the leading left and right singular vectors with those before training.
    change : float
        ‖W − W₀‖/‖W₀‖.
    update : LayerStudy, optional
        W − W₀ looked at alike.
    remark : str
        Why it was not tested.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    matrix_shape: tuple[int, int]
    singular_values: np.ndarray
    p_values: np.ndarray
    p_holm: float
    spikes: int
    counts: dict[str, int | None]
    cosine: float = math.nan
    leading_cosine2: tuple[float, float] = (math.nan, math.nan)
    change: float = math.nan
    update: LayerStudy | None = None
    remark: str = ""

    @property
    def stable_rank(self) -> float:
        """‖W‖²_F/‖W‖²; nan for a layer of zeros."""
        return stable_rank(self.singular_values) if self.singular_values[0] > 0.0 else math.nan

    @property
    def effective_rank(self) -> float:
        """exp of the entropy of the singular values; nan for a layer of zeros."""
        return effective_rank(self.singular_values) if self.singular_values[0] > 0.0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """An entry of ``layers`` in the JSON contract."""
        total = float(np.sum(self.singular_values**2))
        content: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "shape": list(self.shape),
            "matrix_shape": list(self.matrix_shape),
            "p_value": _plain(self.p_values[0]) if len(self.p_values) else None,
            "p_holm": _plain(self.p_holm),
            "spikes": [
                {
                    "singular_value": float(self.singular_values[i]),
                    "eigenvalue": float(self.singular_values[i] ** 2 / self.matrix_shape[0]),
                    "p_value": float(self.p_values[i]),
                    "variance_share": float(self.singular_values[i] ** 2 / total),
                }
                for i in range(self.spikes)
            ],
            "counts": dict(self.counts),
            "largest_singular_value": float(self.singular_values[0]),
            "stable_rank": _plain(self.stable_rank),
            "effective_rank": _plain(self.effective_rank),
            "remark": self.remark,
        }
        if not math.isnan(self.cosine) or self.update is not None:
            content["initial"] = {
                "cosine": _plain(self.cosine),
                "leading_cosine2": dict(
                    zip(("rows", "columns"), (_plain(c) for c in self.leading_cosine2), strict=True)
                ),
                "change": _plain(self.change),
                "update": None if self.update is None else self.update.to_dict(),
            }
        return content


def _plain(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None


@dataclass(frozen=True, eq=False, repr=False)
class CheckpointStudy(Recorded):
    """The layers of a model.

    Attributes
    ----------
    layers : tuple of LayerStudy
    others : tuple of str
        Arrays that are no layers: vectors and integers.
    null : str
    level : float
        Odds of any false spike in the whole model.
    flips : int
    remarks : tuple of str
    """

    layers: tuple[LayerStudy, ...]
    others: tuple[str, ...]
    null: str
    level: float
    flips: int
    remarks: tuple[str, ...]

    @property
    def tested(self) -> tuple[LayerStudy, ...]:
        """Layers that were tested."""
        return tuple(layer for layer in self.layers if len(layer.p_values))

    @property
    def verdict(self) -> str:
        """The answer in a sentence."""
        total, found = len(self.tested), [layer for layer in self.tested if layer.spikes]
        spikes = sum(layer.spikes for layer in found)
        if not total:
            return "No layer could be tested."
        if not found:
            said = f"None of {total} layers holds a direction that stands out of noise"
        else:
            said = (
                f"{len(found)} of {total} layers hold directions that stand out of noise, {spikes} in all, with odds "
                f"of {self.level:g} of any false layer"
            )
        moved = [layer.update for layer in self.layers if layer.update is not None and len(layer.update.p_values)]
        if moved:
            said += f"; training added such directions to {sum(u.spikes > 0 for u in moved)} of {len(moved)}"
        return said + "."

    def remark(self) -> str:
        """The verdict."""
        return self.verdict

    def rows(self) -> list[LayerStudy]:
        """The layers."""
        return list(self.layers)

    @in_style
    def plot(self, ax: Axes | None = None) -> Axes:
        """Stable rank and spikes of every layer.

        Parameters
        ----------
        ax : Axes, optional

        Returns
        -------
        Axes
        """
        from spikes import studies

        return studies.checkpoints.plot_checkpoint(self, ax)

    def _repr_html_(self) -> str:
        from spikes import studies

        return studies.checkpoints.html_table(self)

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract."""
        return {
            "schema": SCHEMA,
            "problem": {"layers": len(self.layers)},
            "theory": None,
            "simulation": {"remark": self.remark()},
            "agreement": [],
            "verdict": self.verdict,
            "null": self.null,
            "level": self.level,
            "flips": self.flips,
            "layers": [layer.to_dict() for layer in self.layers],
            "others": list(self.others),
            "remarks": list(self.remarks),
        }


@recorded
def study_checkpoint(
    path: str | PathLike[str],
    *,
    initial: str | PathLike[str] | None = None,
    null: str = "signflip",
    level: float = 0.05,
    flips: int | None = None,
    seed: int | np.random.SeedSequence | np.random.Generator = 0,
) -> CheckpointStudy:
    """Test every layer of a model for directions that stand out of noise, with Holm's correction over layers.

    Weights are tested as they are, neither centred nor scaled. Of a layer that is rejected after the correction,
    further directions count up to p = level/layers. A low-rank pair has no noise to stand out of and is described only.
    A direction that stands out is one that the null does not explain: no licence to prune the others.

    Parameters
    ----------
    path : path
        Ends in .safetensors, .npz, .pt, .pth or .ckpt.
    initial : path, optional
        The model before training: layers of the same name and shape are compared, and their differences tested.
    null : {"signflip", "permutation", "white", "coloured"}
    level : float
        Odds of any false layer.
    flips : int, optional
        Copies of each residual; by default as many as a p-value of level/layers needs.
    seed : int, SeedSequence or Generator

    Returns
    -------
    CheckpointStudy

    Raises
    ------
    ValueError
        If an argument breaks its rule, or a file cannot be read.
    """
    check_level(level)
    if null not in NULLS:
        raise ValueError(f"`null` must be one of {', '.join(NULLS)} for a model; got {null!r}")
    layers, others = model_layers(path)
    before = {layer.name: layer for layer in model_layers(initial)[0]} if initial is not None else {}
    shared = [layer for layer in layers if layer.name in before]
    if initial is not None and not shared:
        raise ValueError(f"`initial` must have layers of the names of the model; got {', '.join(sorted(before)[:5])}")
    for layer in shared:
        if before[layer.name].matrix_shape != layer.matrix_shape:
            raise ValueError(
                f"`initial` must have layers of the shapes of the model; {layer.name} is {layer.matrix_shape} here and "
                f"{before[layer.name].matrix_shape} there"
            )
    testable = [layer for layer in layers if _untested(layer) == ""]
    each = level / max(1, len(testable))
    if flips is None:
        flips = max(99, math.ceil(1.0 / each) - 1)
    if (1 + flips) * each < 1.0 - 1e-12 and null in ("signflip", "permutation"):
        raise ValueError(
            f"`flips` must be at least {math.ceil(1.0 / each) - 1}, for p-values down to level/layers; got {flips}"
        )
    check_size(max((layer.matrix_shape for layer in layers), key=math.prod), copies=6.0 if shared else 3.0)
    sequence = as_seed_sequence(seed)
    found, updates = [], []
    for i, layer in enumerate(layers):
        W = layer.load()
        parts = decompose(W)
        found.append(_layer(layer, parts, null, each, flips, derived_sequence(sequence, i, 0)))
        if layer.name in before:
            W0 = before[layer.name].load()
            comparison = _compared(parts, decompose(W0))
            update = _layer(layer, decompose(W - W0), null, each, flips, derived_sequence(sequence, i, 1))
            updates.append((i, comparison, update))
    found = _holm(found, level)
    adjusted = _holm([update for _, _, update in updates], level)
    for (i, comparison, _), update in zip(updates, adjusted, strict=True):
        found[i] = _replaced(found[i], **comparison, update=update)
    remarks = []
    unfolded = [layer.name for layer in layers if layer.kind == "convolution"]
    if unfolded:
        remarks.append(f"{len(unfolded)} convolutions (out, in, …) are unfolded as (out, in·…)")
    pairs = [layer.name for layer in layers if layer.kind == "low rank"]
    if pairs:
        remarks.append(f"{len(pairs)} low-rank pairs are taken as their product BA and not tested: they hold no noise")
    if initial is not None and len(shared) < len(layers):
        remarks.append(f"{len(layers) - len(shared)} layers are not in the initial model")
    return CheckpointStudy(tuple(found), tuple(others), null, float(level), int(flips), tuple(remarks))


def _replaced(layer: LayerStudy, **fields: Any) -> LayerStudy:
    return LayerStudy(**{**vars(layer), **fields})


def _untested(layer: Layer) -> str:
    """Why a layer is not tested; empty if it is."""
    if layer.kind == "low rank":
        return f"a product of rank {layer.rank}: no noise to stand out of"
    if min(layer.matrix_shape) < _LEAST:
        return f"fewer than {_LEAST} rows or columns"
    return ""


def _layer(
    layer: Layer,
    parts: Decomposition,
    null: str,
    each: float,
    flips: int,
    seed: np.random.SeedSequence,
) -> LayerStudy:
    """One layer tested at a level of its own; Holm's correction follows."""
    n, p = layer.matrix_shape
    singular_values = parts.singular_values
    remark = _untested(layer)
    counts: dict[str, int | None] = dict.fromkeys(("signflip", "white", "coloured", "permutation", "gavish_donoho"))
    p_values = np.empty(0)
    if remark == "" and singular_values[0] == 0.0:
        remark = "all zeros"
    if remark == "":
        counts["gavish_donoho"] = int(np.sum(singular_values > gavish_donoho_threshold(singular_values, (n, p))))
        eigenvalues = singular_values**2 / n
        if np.sum(eigenvalues > 1e-15 * len(eigenvalues) * eigenvalues[0]) >= _FEWEST:
            white = fitted_bulk(eigenvalues, (n, p), level=each)
            coloured = coloured_bulk(eigenvalues, (n, p), level=each)
            counts |= {"white": white.outliers, "coloured": coloured.outliers}
            p_values = {"white": white.p_values, "coloured": coloured.p_values}.get(null, p_values)
        if null in ("signflip", "permutation"):
            test: RandomisationTest = randomisation_test(
                parts.lines,
                singular_values,
                parts.vectors,
                np.random.default_rng(seed),
                randomise=null,
                axis=1 if parts.turned else 0,
                level=each,
                flips=flips,
            )
            counts[null], p_values = test.count, test.p_values
        elif not len(p_values):
            remark = f"fewer than {_FEWEST} singular values for the {null} null"
    return LayerStudy(
        name=layer.name,
        kind=layer.kind,
        shape=layer.shape,
        matrix_shape=layer.matrix_shape,
        singular_values=singular_values,
        p_values=p_values,
        p_holm=math.nan,
        spikes=int(np.argmin(np.append(p_values, 1.0) <= each * _ROUNDING)),
        counts=counts,
        remark=remark,
    )


def _holm(layers: list[LayerStudy], level: float) -> list[LayerStudy]:
    """First p-values times the number of layers not yet rejected, never less than one before."""
    tested = [i for i, layer in enumerate(layers) if len(layer.p_values)]
    order = sorted(tested, key=lambda i: float(layers[i].p_values[0]))
    result, last = list(layers), 0.0
    for rank, i in enumerate(order):
        last = min(1.0, max(last, (len(order) - rank) * float(layers[i].p_values[0])))
        # rejected by Holm alone, above level/layers: the first direction and no more
        spikes = max(1, layers[i].spikes) if last <= level * _ROUNDING else 0
        result[i] = _replaced(layers[i], p_holm=last, spikes=spikes)
    return result


def _compared(after: Decomposition, before: Decomposition) -> dict[str, Any]:
    size, size0 = (float(np.linalg.norm(parts.lines)) for parts in (after, before))
    if size == 0.0 or size0 == 0.0:
        return {"change": math.inf if size0 == 0.0 < size else math.nan}
    pairs = zip(after.triplet(0), before.triplet(0), strict=True)
    return {
        "cosine": float(np.sum(after.lines * before.lines)) / (size * size0),
        "leading_cosine2": tuple(float(a @ b) ** 2 for a, b in pairs),
        "change": float(np.linalg.norm(after.lines - before.lines)) / size0,
    }
