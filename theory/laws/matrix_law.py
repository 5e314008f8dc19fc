"""Laws with a model: random matrices of finite size, whose eigenvalues follow the law as the size grows."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable

import numpy as np

from theory.laws.law import Law, sample_shape
from theory.statement.arguments import integer

__all__ = ["MatrixLaw"]


class MatrixLaw(Law):
    """A law sampled by the eigenvalues of its matrices; sub-classes state the matrix."""

    _dimension = 250

    @abstractmethod
    def _spectrum(self, dimension: int) -> Callable[[np.random.Generator], np.ndarray]:
        """What draws the eigenvalues of one matrix of a dimension."""

    def rvs(
        self, size: int | tuple[int, ...], rng: np.random.Generator | int, *, dimension: int | None = None
    ) -> np.ndarray:
        """Eigenvalues of independent Gaussian or randomly rotated matrices of the model that the law belongs to.

        The spectra of which the law is made are their quantiles; other sizes of the model are `dimension` over its
        ratios, rounded.

        Parameters
        ----------
        size : int or tuple of int
        rng : numpy.random.Generator or seed
            The same seed gives the same samples.
        dimension : int, optional
            Of each matrix; 250, or 500 where its model is a tridiagonal one. Its eigenvalues repel, so the samples are
            not independent.

        Returns
        -------
        ndarray, shape `size`
            Shuffled, so that any part of them is a fair one.

        Raises
        ------
        ValueError
            If `size` is negative or `dimension` below 2.
        """
        shape = sample_shape(size)
        size = math.prod(shape)
        dimension = self._dimension if dimension is None else dimension
        dimension = integer("dimension", dimension, 2)
        rng, draw = np.random.default_rng(rng), self._spectrum(int(dimension))
        count = math.ceil(size / dimension)
        values = np.concatenate([draw(rng) for _ in range(count)]) if count else np.empty(0)
        return rng.permutation(values)[:size].reshape(shape)
