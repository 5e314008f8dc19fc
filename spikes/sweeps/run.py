"""Run a study: every cell simulated for every seed and predicted, each result written as it comes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np

from spikes.agreement import LEADING, Quantity, quantities
from spikes.runtime.cluster import cluster_executor
from spikes.runtime.one_thread import on_one_thread
from spikes.runtime.progress import progress_bar, shows_progress
from spikes.runtime.tasks import finished_tasks, worker_count
from spikes.simulation.one_step import Simulation, check_size, simulate
from spikes.simulation.row_sums import in_turn
from spikes.sweeps.store import Results, Writer, open_results, open_writer
from spikes.sweeps.study import LIMIT, Point, Study, as_study, load_study
from theory.conditional_equivalent import Prediction, predict, predict_errors
from theory.statement.problem import Problem
from theory.step_labels import step_statistics

__all__ = ["sweep"]

log = logging.getLogger("spikes")


@shows_progress
def sweep(
    study: Study | str | os.PathLike[str] | Mapping[str, Any],
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    executor: Executor | None = None,
    yes: bool = False,
    progress: bool = True,
) -> Results:
    """Simulate and predict every cell of a study, keeping each result in a file as soon as it is there.

    A simulation's seed comes from the study's seed, the cell's own fields and the number of the repetition: results are
    the same bits wherever and in whatever order they are computed, on one kind of machine and one set of package
    versions (the file records them). Cells that differ in the penalty alone share their simulations.

    Parameters
    ----------
    study : Study, path of a TOML file, or mapping
        See `spikes.sweeps.study.as_study`.
    output : path
        The results file (SQLite).
    resume : bool
        Go on with a file that exists, computing what is missing.
    workers : int, optional
        Processes, of one thread each; as many as processors by default.
    scheduler : str, optional
        ``tcp://host:port`` of a dask.distributed cluster, or ``local`` for one on this machine with `workers` workers.
    executor : concurrent.futures.Executor, optional
        Where to run instead of either.
    yes : bool
        Allow a study of more than a million rows (cells times seeds).
    progress : bool
        Bars on a terminal and in a notebook, nothing elsewhere.

    Returns
    -------
    Results

    Raises
    ------
    ValueError
        If an argument or the study breaks a rule, or the file belongs to another study (`StudyChanged`).
    ArithmeticError
        If some tasks failed, as a fixed point that does not converge; all others are in the file, and resuming tries
        those again.
    OSError
        If the file cannot be written, is replaced or falls short, or another sweep writes to it, or workers keep
        dying. Rows written stay.
    """
    if isinstance(study, str | os.PathLike):
        study = load_study(study)
    elif not isinstance(study, Study):
        study = as_study(study)
    if executor is not None and (workers is not None or scheduler is not None):
        raise ValueError("`executor` must come alone; got workers or a scheduler beside it")
    if study.rows > LIMIT and not yes:
        raise ValueError(
            f"the study must have at most {LIMIT} rows (cells times seeds); got {study.cells} cells and "
            f"{study.seeds} seeds; `yes` allows it"
        )
    count = worker_count(workers, 10**9)
    points = study.points()
    if study.seeds and executor is None and (scheduler is None or scheduler == "local"):
        check_size(max((p.problem for p in points), key=lambda p: (p.n + p.d) * p.width), min(count, study.rows))
    with ExitStack() as stack:
        if scheduler is not None:  # before the file: a cluster that is not there leaves nothing behind
            executor, workers = stack.enter_context(cluster_executor(scheduler, workers)), None
        writer = stack.enter_context(open_writer(output, study, resume=resume))
        tasks = _missing(study, points, writer)
        log.info("%s: %s", output, open_results(output).progress())
        failures = _run_all(study, tasks, writer, workers, executor)
        writer.check_in_place()
    results = open_results(output)
    if failures:
        raise ArithmeticError(
            f"{len(failures)} of {len(tasks)} tasks failed; the others are in {Path(output)}, and `resume` tries these "
            f"again. The first: {failures[0]}"
        )
    if not results.complete():
        raise OSError(
            f"{output} holds only {results.progress()} after the sweep: something else has changed it; `resume` "
            "computes what is missing"
        )
    return results


Task = tuple[Point, int | None]
"""A point with the number of a seed to simulate, or None to predict."""


def _missing(study: Study, points: Sequence[Point], writer: Writer) -> list[Task]:
    finished, predicted = writer.finished(), writer.predicted()
    tasks: list[Task] = []
    for point in points:
        if study.theory and not predicted.issuperset(point.cells):
            tasks.append((point, None))
        tasks += [
            (point, seed) for seed in range(study.seeds) if any((cell, seed) not in finished for cell in point.cells)
        ]
    return tasks


def _run_all(
    study: Study,
    tasks: Sequence[Task],
    writer: Writer,
    workers: int | None,
    executor: Executor | None,
) -> list[str]:
    """Run the tasks and write what they give; returns what went wrong."""
    kept = (study.columns, study.gradient_order, study.test_samples)
    calls = [(point, None if seed is None else study.sequence(point, seed), *kept) for point, seed in tasks]
    failures = []
    at_once = 1 if executor is not None else worker_count(workers, len(tasks))
    with (
        progress_bar("sweep", len(tasks), workers=at_once) as advance,
        closing(finished_tasks(_task, calls, workers=workers, executor=executor)) as finished,
    ):
        for i, future in finished:
            point, seed = tasks[i]
            error = future.exception()
            if isinstance(error, ValueError | ArithmeticError | MemoryError):
                what = "prediction" if seed is None else f"seed {seed}"
                failures.append(f"cell {point.cells[0]}, {what}: {' '.join(str(error).split())}")
                log.info("failed: %s", failures[-1])
            elif error is not None:
                raise error
            elif seed is None:
                writer.add_theory(point, *future.result())
            else:
                writer.add_runs(point, seed, *future.result())
            advance()
    return failures


def _task(
    point: Point,
    sequence: np.random.SeedSequence | None,
    columns: tuple[str, ...],
    gradient_order: int,
    test_samples: int,
) -> tuple[list[dict[str, float | None]], Any]:
    """A row of columns for every penalty, with the seconds it took for a simulation, a remark for a prediction."""
    with in_turn():
        problem = point.problem
        if sequence is None:
            return _predicted(problem, columns, gradient_order)
        start = time.perf_counter()
        run = simulate(problem, sequence, test_samples=test_samples)
        return _measured(run, columns), time.perf_counter() - start


def _measured(run: Simulation, columns: Sequence[str]) -> list[dict[str, float | None]]:
    """The columns of one run, a row for each penalty; None for a spike or latent that the problem lacks."""
    shared: dict[str, float | None] = {q.name: q.measured(run) for q in quantities("run")}
    for q in quantities("latent"):
        shared |= _numbered(q, q.measured(run))
    for q in quantities("spike"):
        shared |= _numbered(q, q.measured(run.after))
    errors: dict[str, Any] = {}
    for q in quantities("penalty"):
        errors |= {q.name: q.measured(run.after), f"{q.name}_before": q.measured(run.before)}
    rows = [shared | {name: values[r] for name, values in errors.items()} for r in range(len(run.after.ridge))]
    return [_kept(row, columns) for row in rows]


def _numbered(q: Quantity, values: Sequence[Any]) -> dict[str, float]:
    """The columns of every latent or spike that there is."""
    columns: dict[str, float] = {}
    for i, value in enumerate(values[:LEADING], start=1):
        columns |= dict(zip(q.columns(i), np.atleast_1d(value), strict=True))
    return columns


@on_one_thread
def _predicted(
    problem: Problem, columns: Sequence[str], gradient_order: int
) -> tuple[list[dict[str, float | None]], str | None]:
    """The columns of a prediction, a row for each penalty, and where its assumptions fail a remark that says so."""
    rows: list[dict[str, float | None]] = [{} for _ in problem.ridges]
    remarks = []

    def put(values: Mapping[str, Sequence[float]]) -> None:
        for i, row in enumerate(rows):
            row |= {name: column[i] for name, column in values.items()}

    def wanted(q: Quantity) -> bool:
        return any(column in columns for names in q.kept().values() for column in names)

    errors = [q for q in quantities("penalty") if wanted(q)]
    before = [q for q in quantities("penalty") if f"{q.name}_before" in columns]
    try:
        if any(wanted(q) for q in quantities() if q.source == "spectrum"):
            theory = predict(problem, gradient_order, density_at=())  # no column is a density
            shared = _spectrum(theory)
            put({name: [value] * len(rows) for name, value in shared.items()})
            put({q.name: q.predicted(theory) for q in errors})
        elif errors:
            at_ridges = predict_errors(problem, gradient_order)
            put({q.name: [q.predicted(e) for e in at_ridges] for q in errors})
    except ValueError as error:
        remarks.append(" ".join(str(error).split()))
    if before:
        start = predict_errors(problem.replace(eta=0.0))
        put({f"{q.name}_before": [q.predicted(e) for e in start] for q in before})
    of_step = [q for q in quantities("run") if q.source == "step" and wanted(q)]
    if of_step:
        step = step_statistics(problem)
        put({q.name: [q.predicted(step)] * len(rows) for q in of_step})
    return [_kept(row, columns) for row in rows], "; ".join(remarks) or None


def _spectrum(theory: Prediction) -> dict[str, float]:
    values: dict[str, float] = {q.name: q.predicted(theory) for q in quantities("run") if q.source == "spectrum"}
    for q in quantities("latent"):
        values |= _numbered(q, q.predicted(theory))
    for q in quantities("spike"):
        numbered = _numbered(q, [q.predicted(outlier) for outlier in theory.outliers])
        # what a spike of the data has learned is not predicted
        values |= {name: value for name, value in numbered.items() if not np.isnan(value)}
    return values


def _kept(row: Mapping[str, float | None], columns: Sequence[str]) -> dict[str, float | None]:
    kept = {name: None if (value := row.get(name)) is None else float(value) for name in columns}
    for name, value in kept.items():
        if value is not None and not np.isfinite(value):
            raise ArithmeticError(f"{name} is {value}")
    return kept
