"""Products added to a running sum against NumPy, and whether other threads run meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from spikes.runtime.running_products import add_gram, add_product

TOLERANCE = {"float64": 1e-14, "float32": 1e-5}  # rounding of sums of 40 products


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("order", ["C", "F"])
def test_sums_of_products(dtype, order):
    rng = np.random.default_rng(0)
    left, right = (np.array(rng.standard_normal((40, size)), dtype=dtype, order=order) for size in (7, 5))
    start = rng.standard_normal((7, 5)).astype(dtype)
    total = start.copy()
    add_product(total, left, right)
    np.testing.assert_allclose(total, start + left.T @ right, rtol=TOLERANCE[dtype], atol=40 * TOLERANCE[dtype])

    gram = np.zeros((7, 7), dtype, order="F")
    for _ in range(2):
        add_gram(gram, left)
    np.testing.assert_allclose(np.triu(gram), np.triu(2 * left.T @ left), atol=40 * TOLERANCE[dtype])
    assert (np.tril(gram, -1) == 0.0).all()


def test_samples_of_another_type_are_converted():
    rows = np.arange(6.0).reshape(2, 3)
    total = np.zeros((3, 3), np.float32)
    add_product(total, rows, rows)
    np.testing.assert_array_equal(total, rows.T @ rows)


@pytest.mark.parametrize(
    ("total", "left", "right", "message"),
    [
        (np.zeros((3, 2)), np.zeros((4, 3)), np.zeros((5, 2)), "as many rows of `left` as of `right`; got .* 4 and 5"),
        (np.zeros((2, 3)), np.zeros((4, 3)), np.zeros((4, 2)), r"shape \(N, d\) = \(3, 2\).* got \(2, 3\)"),
        (np.zeros((3, 2), order="F"), np.zeros((4, 3)), np.zeros((4, 2)), "`total` must be C-ordered"),
        (np.zeros((3, 2), int), np.zeros((4, 3)), np.zeros((4, 2)), "float32 or float64; got int64"),
    ],
)
def test_what_does_not_fit_is_refused(total, left, right, message):
    with pytest.raises(ValueError, match=message):
        add_product(total, left, right)


@pytest.mark.parametrize("total", [np.zeros((3, 3)), np.zeros((2, 2), order="F")])
def test_gram_that_does_not_fit_is_refused(total):
    with pytest.raises(ValueError, match=r"`total` must be Fortran-ordered of shape \(N, N\) = \(3, 3\)"):
        add_gram(total, np.arange(12.0).reshape(4, 3))


def test_other_threads_run_during_a_product():
    # a product that held the lock would let the other thread take no turn while it lasts
    rows = np.ones((3000, 1200))
    total, gram = np.zeros((1200, 1200)), np.zeros((1200, 1200), order="F")
    for work in (lambda: add_product(total, rows, rows), lambda: add_gram(gram, rows)):
        done, turns = Event(), 0
        with threadpool_limits(1), ThreadPoolExecutor(1) as pool:
            future = pool.submit(lambda work=work, done=done: (work(), done.set()))
            while not done.is_set():
                time.sleep(1e-4)
                turns += 1
            future.result()
        assert turns > 20  # a thousand at 0.2 s; three where the lock is held
