"""Sums over ranges of rows: the same bits here, in processes and on a cluster, whichever worker dies."""

import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spikes import simulate, simulate_ensemble
from spikes.runtime.cluster import cluster_executor
from spikes.simulation.how import HERE, How, Place
from spikes.simulation.row_sums import RANGE, _Tree, row_ranges, sum_over_rows
from spikes.simulation.samples import Batch, Samples
from spikes.simulation.seeds import as_seed_sequence
from theory.statement.problem import Problem

PROBLEM = Problem(n=20_000, d=12, width=24, ridge=(0.1, 1.0))
SHOWN = ("eigenvalues", "alignment", "objective", "train_error", "test_error")


@pytest.fixture
def short_ranges(monkeypatch):
    """Twenty ranges of 1024 rows; only the process that asks for a sum divides the rows."""
    monkeypatch.setattr("spikes.simulation.row_sums.RANGE", 1024)


def bits(run) -> list:
    numbers = [run.beta_norm2, run.gradient_share, run.label_power]
    numbers += [getattr(fit, name) for fit in (run.before, run.after) for name in SHOWN]
    return [np.asarray(number).tobytes() for number in numbers]


def streamed(place=HERE):
    return bits(simulate(PROBLEM, 5, method="streamed", test_samples=500, place=place))


def test_ranges_cover_the_rows():
    for rows in (1, 511, RANGE, RANGE + 1, 10**6, 10**9 + 7):
        ranges = row_ranges(rows)
        assert (ranges[0][0], ranges[-1][1]) == (0, rows)
        assert all(a[1] == b[0] and b[0] % 512 == 0 for a, b in itertools.pairwise(ranges))
        assert len(ranges) <= 1024
    assert len(row_ranges(10**9)) == 1024


@pytest.mark.parametrize("leaves", [1, 2, 3, 7, 12, 64, 101])
def test_the_order_of_arrival_changes_no_bit(leaves):
    rng = np.random.default_rng(leaves)
    values = [
        (rng.standard_normal(5) * 10.0 ** rng.integers(-8, 8), float(rng.standard_normal())) for _ in range(leaves)
    ]
    found = []
    for order in (range(leaves), reversed(range(leaves)), rng.permutation(leaves), rng.permutation(leaves)):
        tree = _Tree(leaves)
        for i in order:
            tree.add(int(i), (values[i][0].copy(), values[i][1]))
        found.append([np.asarray(part).tobytes() for part in tree.sum()])
    assert all(f == found[0] for f in found)
    tree = _Tree(leaves)
    for i in range(leaves):
        tree.add(i, (values[i][0].copy(), values[i][1]))
    np.testing.assert_allclose(tree.sum()[0], np.sum([v for v, _ in values], axis=0), rtol=1e-12)


def test_a_part_of_the_samples_is_drawn_as_in_the_whole():
    samples = Samples(PROBLEM, as_seed_sequence(0), 2600)
    ((_, X, y),) = ((rows, X.copy(), y.copy()) for rows, X, y in samples.blocks(4096))
    for start, stop in ((0, 1024), (1024, 2560), (1536, 2600)):
        for part in (samples.part(start, stop), Batch(X, y).part(start, stop)):
            got = [(a.copy(), b.copy()) for _, a, b in part.blocks(512)]
            assert np.array_equal(np.concatenate([a for a, _ in got]), X[start:stop])
            assert np.array_equal(np.concatenate([b for _, b in got]), y[start:stop])


def test_places_give_the_same_bits(short_ranges):
    expected = streamed()
    with ThreadPoolExecutor(3) as executor:
        assert streamed(Place(None, executor)) == expected
    assert streamed(Place(2)) == expected


def test_ranges_round_as_one_pass_does(short_ranges):
    whole = simulate(PROBLEM, 5, test_samples=500)
    found = simulate(PROBLEM, 5, method="streamed", test_samples=500)
    np.testing.assert_allclose(found.after.eigenvalues, whole.after.eigenvalues, rtol=1e-9)
    np.testing.assert_allclose(found.after.test_error, whole.after.test_error, rtol=1e-9)


@pytest.mark.slow
def test_an_ensemble_shares_rows_or_runs_alike(short_ranges):
    def ensemble(**how):
        runs = simulate_ensemble(PROBLEM, seeds=2, seed=1, method="streamed", test_samples=200, **how).runs
        return [bits(run) for run in runs]

    expected = ensemble(workers=1)
    with ThreadPoolExecutor(2) as executor:
        assert ensemble(executor=executor) == expected
        with pytest.raises(ValueError, match="`workers` must be left out beside an executor"):
            ensemble(executor=executor, workers=2)
    assert ensemble(workers=3) == expected  # more workers than runs


def fails(part, threads):
    raise ArithmeticError("no sum")


def test_a_failure_is_raised_as_it_was():
    with ThreadPoolExecutor(2) as executor:
        for place in (HERE, Place(None, executor)):
            with pytest.raises(ArithmeticError, match="no sum"):
                sum_over_rows(fails, Samples(PROBLEM, as_seed_sequence(0), 3 * RANGE), how=How(place=place))


def kill_after(monkeypatch, sums: int, pids) -> list[int]:
    """Kill a worker when so many ranges of the run are summed; the list then holds its number."""
    add, killed, seen = _Tree.add, [], []

    def wrapped(self, i, part):
        seen.append(i)
        if len(seen) == sums:
            killed.append(pids()[0])
            os.kill(killed[0], signal.SIGKILL)
        add(self, i, part)

    monkeypatch.setattr(_Tree, "add", wrapped)
    return killed


@pytest.mark.slow
def test_a_dead_process_changes_no_bit(short_ranges, monkeypatch):
    psutil = pytest.importorskip("psutil", reason="psutil, which finds the workers, is not installed")
    expected = streamed()

    def workers() -> list[int]:
        return [p.pid for p in psutil.Process().children() if any("LokyProcess" in part for part in p.cmdline())]

    killed = kill_after(monkeypatch, 27, workers)
    assert streamed(Place(2)) == expected
    assert len(killed) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_dead_worker_of_a_cluster_changes_no_bit(short_ranges, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    expected = streamed()
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster:
        with cluster_executor(cluster.scheduler_address) as executor:
            assert streamed(Place(None, executor)) == expected
        killed = kill_after(monkeypatch, 27, lambda: [worker.pid for worker in cluster.workers.values()])
        with cluster_executor(cluster.scheduler_address) as executor:
            assert streamed(Place(None, executor)) == expected
    assert len(killed) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_command_on_a_cluster(spikes, short_ranges):
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    run = [
        "simulate",
        "--method",
        "streamed",
        "--n",
        "9000",
        "--d",
        "20",
        "--width",
        "30",
        "--seeds",
        "2",
        "--json",
        "-",
    ]
    code, out, _ = spikes(*run, "--workers", "1")
    assert code == 0
    assert spikes(*run, "--scheduler", "local", "--workers", "2")[:2] == (0, out)
