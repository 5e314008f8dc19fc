"""The weight matrices of a model by name: convolutions unfolded, low-rank pairs multiplied, vectors left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from os import PathLike

import numpy as np

from spikes.runtime.array_file import stored_arrays

__all__ = ["Layer", "model_layers"]

_FLOATS = ("f8", "f4", "f2", "F64", "F32", "F16", "BF16", "bfloat16", "float64", "float32", "float16")
_LOW_RANK = re.compile(r"lora_([AB])\b")


@dataclass(frozen=True, eq=False)
class Layer:
    """One weight matrix.

    Attributes
    ----------
    name : str
    shape : tuple of int
        As stored.
    matrix_shape : tuple of int
        As a matrix (outputs, inputs).
    kind : {"matrix", "convolution", "low rank"}
    load : callable
        Gives the matrix in double precision.
    rank : int, optional
        Of a low-rank pair.
    """

    name: str
    shape: tuple[int, ...]
    matrix_shape: tuple[int, int]
    kind: str
    load: Callable[[], np.ndarray]
    rank: int | None = None


def model_layers(path: str | PathLike[str]) -> tuple[list[Layer], list[str]]:
    """The layers of a model, in the order of its file, and the names of the arrays that are none.

    A convolution (out, in, …) is unfolded as (out, in·…). Arrays named lora_A and lora_B under one name are taken as
    their product BA.

    Parameters
    ----------
    path : path

    Returns
    -------
    layers : list of Layer
    others : list of str

    Raises
    ------
    ValueError
        If the file cannot be read, or holds no matrix.
    """
    arrays = stored_arrays(path)
    layers, others, paired = [], [], set()
    for name, stored in arrays.items():
        if name in paired:
            continue
        side = _LOW_RANK.search(name)
        partner = _LOW_RANK.sub(lambda m: f"lora_{'B' if m[1] == 'A' else 'A'}", name)
        if side and partner in arrays and len(stored.shape) == len(arrays[partner].shape) == 2:
            first, second = (name, partner) if side[1] == "A" else (partner, name)  # A (rank, in), B (out, rank)
            a, b = arrays[first], arrays[second]
            if b.shape[1] != a.shape[0]:
                raise ValueError(
                    f"`path` must hold pairs that multiply; {second} {b.shape} and {first} {a.shape} do not"
                )
            paired |= {first, second}
            shape = (b.shape[0], a.shape[1])
            product = partial(_product, a.load, b.load)
            whole = _LOW_RANK.sub("lora_BA", name)
            layers.append(Layer(whole, shape, shape, "low rank", product, a.shape[0]))
            continue
        if len(stored.shape) < 2 or not any(stored.dtype.endswith(kind) for kind in _FLOATS) or 0 in stored.shape:
            others.append(name)
            continue
        shape = (stored.shape[0], int(np.prod(stored.shape[1:])))
        kind = "matrix" if len(stored.shape) == 2 else "convolution"
        layers.append(Layer(name, stored.shape, shape, kind, partial(_unfolded, name, stored.load, shape)))
    if not layers:
        raise ValueError(
            f"`path` must hold a matrix of floating-point numbers; {str(path)!r} holds {', '.join(others)}"
        )
    return layers, others


def _unfolded(name: str, load: Callable[[], np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    matrix = np.array(load(), dtype=float).reshape(shape)
    if not np.isfinite(matrix).all():
        count = int((~np.isfinite(matrix)).sum())
        raise ValueError(f"`path` must hold finite weights; {name} has {count} NaN or infinite entries")
    return matrix


def _product(first: Callable[[], np.ndarray], second: Callable[[], np.ndarray]) -> np.ndarray:
    return np.array(second(), dtype=float) @ np.array(first(), dtype=float)
