"""Products and factors by blocks: those of the library, and no thread but this one."""

import numpy as np
import pytest

from theory.blocked_products import lower_factor, product


@pytest.mark.parametrize("size", [5, 64, 65, 200, 700])
def test_the_factor_is_the_library_s(size):
    rng = np.random.default_rng(size)
    # graded over sixteen decades, as at a small penalty
    scale = np.geomspace(1.0, 1e-8, size)
    gram = rng.standard_normal((2, size, 2 * size))
    squares = scale[:, None] * (gram @ np.swapaxes(gram, 1, 2) / size) * scale
    factor = lower_factor(squares)
    # an error of rounding for each row, relative to the diagonal, which is what a factor promises
    error = np.abs(factor @ np.swapaxes(factor, 1, 2) - squares) / (scale[:, None] * scale)
    assert error.max() < 1e-15 * size
    np.testing.assert_allclose(factor / scale[:, None], np.linalg.cholesky(squares) / scale[:, None], atol=1e-12)
    assert np.array_equal(factor, np.tril(factor))


@pytest.mark.parametrize("place", [3, 70, 150])
def test_what_is_not_definite_has_no_factor(place):
    square = np.eye(160)
    square[place, place] = -1e-12
    with pytest.raises(np.linalg.LinAlgError):
        lower_factor(square)


@pytest.mark.parametrize("left_complex", [False, True])
@pytest.mark.parametrize("right_complex", [False, True])
def test_products_are_the_library_s(left_complex, right_complex):
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((2, 150, 140)), rng.standard_normal((140, 130))
    if left_complex:
        left = left + 1j * rng.standard_normal(left.shape)
    if right_complex:
        right = right + 1j * rng.standard_normal(right.shape)
    np.testing.assert_allclose(product(left, right), left @ right, atol=1e-12)
