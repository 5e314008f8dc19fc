"""Functions of a user's own in worker processes: they travel, or are refused with what helps."""

import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from spikes.runtime.tasks import run_tasks
from spikes.simulation.ensemble import simulate_ensemble
from theory import Activation, Problem

SIZES = {"n": 40, "d": 20, "width": 30}


def test_a_lambda_travels_to_worker_processes():
    """The activation of README, and a target that closes over a number."""
    factor = 0.5
    arctan = Activation(math.atan, lambda x: 1 / (1 + x * x), name="arctan")
    problem = Problem(**SIZES, activation=arctan, target=lambda z: factor * z[:, 0])
    here, there = (simulate_ensemble(problem, seeds=2, seed=0, workers=w, test_samples=64) for w in (1, 2))
    for one, two in zip(here.runs, there.runs, strict=True):
        np.testing.assert_array_equal(one.after.test_error, two.after.test_error)


def test_an_executor_that_takes_no_lambda_is_refused():
    problem = Problem(**SIZES, target=lambda z: z[:, 0])
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor,
        pytest.raises(ValueError, match=r"`executor` must be able to pickle .* leave `executor` out, or take loky's"),
    ):
        simulate_ensemble(problem, seeds=2, seed=0, executor=executor, test_samples=64)


def _doubled(i):
    return 2 * i


@pytest.mark.parametrize("workers", [1, 2])
def test_this_process_has_work_beside_the_others(workers):
    done = []
    results = run_tasks(_doubled, [(i,) for i in range(5)], workers=workers, meanwhile=lambda: done.append(1))
    assert results == [0, 2, 4, 6, 8]
    assert done == [1]

    def refused():
        raise ValueError("no such prediction")

    with pytest.raises(ValueError, match="no such prediction"):
        run_tasks(_doubled, [(i,) for i in range(5)], workers=workers, meanwhile=refused)
