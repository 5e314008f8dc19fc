"""What worker processes compute and draw for a page: texts, numbers and bytes, so that the server unpacks no arrays."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from theory.statement.problem import Problem

__all__ = [
    "Errors",
    "Joined",
    "Spectrum",
    "Steps",
    "errors",
    "figure_file",
    "join",
    "json_file",
    "run",
    "spectrum",
    "steps",
]

_SIZE = (4.8, 3.4)
_FRAME = (0.135, 0.15, 0.985, 0.965)
_FRAME_OF_SPECTRUM = (0.135, 0.15, 0.985, 0.85)  # which has a second axis above
_WIDE = (11.4, 8.0)
_POINTS = 31  # over three decades: the penalty itself is one of them


class Errors(NamedTuple):
    """Errors along the penalty.

    Attributes
    ----------
    svg : str
    ridge, after, before : float
        The penalty, and the test error at it with the step and without.
    path : bytes
        The curves, pickled.
    """

    svg: str
    ridge: float
    after: float
    before: float
    path: bytes


class Steps(NamedTuple):
    """Errors along the exponent of the step.

    Attributes
    ----------
    svg : str
    path : bytes
        The curves, pickled.
    """

    svg: str
    path: bytes


class Spectrum(NamedTuple):
    """The whole prediction.

    Attributes
    ----------
    svg, learned : str
        The spectrum, and what its spikes have learned.
    spikes : tuple of (float, tuple of float)
        Singular values with their amplitudes on He₀ … He₄, largest first.
    validity : tuple of str
        As of `theory.Prediction`.
    theory : bytes
        The prediction, pickled.
    """

    svg: str
    learned: str
    spikes: tuple[tuple[float, tuple[float, ...]], ...]
    validity: tuple[str, ...]
    theory: bytes


class Joined(NamedTuple):
    """Theory and the runs so far.

    Attributes
    ----------
    spectrum, learned, errors, steps : str
        The four pictures.
    seeds : int
    remark : str
        How they compare; empty for a single run.
    """

    spectrum: str
    learned: str
    errors: str
    steps: str
    seeds: int
    remark: str


def errors(problem: Problem) -> Errors:
    """Errors along the penalty: what of a prediction costs least, and is shown first.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Errors
    """
    import numpy as np

    from spikes.studies import one_step

    path = one_step.predicted_path(problem, points=_POINTS)
    ridge = problem.ridges[0]
    at = int(np.argmin(np.abs(np.log(path.curve / ridge))))
    return Errors(
        _picture("errors along the penalty", "errors", lambda ax: one_step.plot_error_path(path, ax)),
        ridge,
        float(path.theory["test_error"][at]),
        float(path.before["test_error"][at]),
        pickle.dumps(path),
    )


def steps(problem: Problem) -> Steps:
    """Errors along the exponent of the step, which are the same wherever the problem's own step lies.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Steps
    """
    from spikes.studies import one_step

    path = one_step.step_path(problem)
    name = "errors along the step-size exponent"
    return Steps(_picture(name, "steps", lambda ax: one_step.plot_step_path(path, ax)), pickle.dumps(path))


def spectrum(problem: Problem) -> Spectrum:
    """The spectrum with its spikes, and what each has learned.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Spectrum
    """
    from spikes.runtime.overflow import refused_overflow
    from spikes.studies import one_step
    from theory.conditional_equivalent import predict

    with refused_overflow("prediction"):
        theory = predict(problem)
    return Spectrum(
        _picture("spectrum of the features", "spectrum", lambda ax: one_step.plot_spectrum(theory, None, ax)),
        _picture("what each spike has learned", "learned", lambda ax: one_step.plot_alignments(theory, None, ax)),
        tuple((float(o.singular_value), tuple(float(a) for a in o.alignment)) for o in theory.outliers),
        theory.validity,
        pickle.dumps(theory),
    )


def run(problem: Problem, seed: int, number: int, copies: int) -> bytes:
    """One simulation: run `number` of those that a seed gives, with the penalties of the error curves.

    Parameters
    ----------
    problem : Problem
    seed, number : int
    copies : int
        Runs at once, which have to fit in memory side by side.

    Returns
    -------
    bytes
        A `spikes.simulation.one_step.Simulation`, pickled.

    Raises
    ------
    ValueError
        If it does not fit in the memory that is free.
    """
    from spikes.simulation.how import ALONE
    from spikes.simulation.one_step import check_range, check_size, simulate_steps
    from spikes.simulation.seeds import as_seed_sequence, derived_sequence
    from spikes.studies import one_step

    check_range((problem,), ALONE.numbers)
    check_size(problem, copies, how=ALONE)
    sequence = derived_sequence(as_seed_sequence(seed), number)
    (simulation,) = simulate_steps((one_step.with_path(problem),), sequence)
    return pickle.dumps(simulation)


def join(theory: bytes, path: bytes, step_path: bytes, runs: Sequence[bytes]) -> Joined:
    """All pictures with the runs so far.

    Parameters
    ----------
    theory, path, step_path : bytes
        Of `Spectrum`, `Errors` and `Steps` of one problem.
    runs : sequence of bytes
        Of `run`.

    Returns
    -------
    Joined
    """
    comparison = _compared(theory, path, runs)
    pictures = [_picture(name, prefix, draw) for name, prefix, draw in _panels(comparison, pickle.loads(step_path))]
    seeds = comparison.simulation.seeds
    spectrum, learned, errors, steps = pictures
    return Joined(spectrum, learned, errors, steps, seeds, comparison.remark() if seeds > 1 else "")


def _compared(theory: bytes, path: bytes, runs: Sequence[bytes]) -> Any:
    from spikes.simulation.ensemble import Ensemble
    from spikes.studies import one_step

    simulations = tuple(pickle.loads(each) for each in runs)
    ensemble = Ensemble(simulations[0].problem, simulations)
    return one_step.laid_over(pickle.loads(theory), pickle.loads(path), ensemble)


def _panels(comparison: Any, step_path: Any) -> list[tuple[str, str, Callable[[Any], Any]]]:
    from spikes.studies import one_step

    theory, simulation = comparison.theory, comparison.simulation
    return [
        ("spectrum of the features", "spectrum", lambda ax: one_step.plot_spectrum(theory, simulation, ax)),
        ("what each spike has learned", "learned", lambda ax: one_step.plot_alignments(theory, simulation, ax)),
        ("errors along the penalty", "errors", lambda ax: one_step.plot_error_path(comparison.path, ax)),
        (
            "errors along the step-size exponent",
            "steps",
            lambda ax: one_step.plot_step_path(step_path, ax, simulation=simulation),
        ),
    ]


def figure_file(theory: bytes, path: bytes, step_path: bytes, runs: Sequence[bytes]) -> bytes:
    """The four pictures as one PNG image, with the problem stated above them.

    Parameters
    ----------
    theory, path, step_path : bytes
    runs : sequence of bytes
        None for the theory alone.

    Returns
    -------
    bytes
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from spikes.presentation.figure import drawing_style, problem_statement, state
    from spikes.studies import one_step

    prediction, curves, along_steps = (pickle.loads(each) for each in (theory, path, step_path))
    with drawing_style():
        figure = Figure(figsize=_WIDE, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(2, 2).ravel()
        if runs:
            draw = [panel[2] for panel in _panels(_compared(theory, path, runs), along_steps)]
        else:
            draw = [
                lambda ax: one_step.plot_spectrum(prediction, None, ax),
                lambda ax: one_step.plot_alignments(prediction, None, ax),
                lambda ax: one_step.plot_error_path(curves, ax),
                lambda ax: one_step.plot_step_path(along_steps, ax),
            ]
        for each, ax in zip(draw, axes, strict=True):
            each(ax)
        state(figure, problem_statement(prediction.problem, seeds=len(runs) or None))
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def json_file(theory: bytes, path: bytes, runs: Sequence[bytes]) -> bytes:
    """The JSON contract {schema, problem, theory, simulation, agreement}, as the command line writes it.

    Parameters
    ----------
    theory, path : bytes
    runs : sequence of bytes
        None for the theory alone.

    Returns
    -------
    bytes
    """
    import json

    from spikes.agreement import contract

    if runs:
        content = _compared(theory, path, runs).to_dict()
    else:
        prediction = pickle.loads(theory)
        content = contract(prediction.problem, theory=prediction.to_dict())
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def _picture(name: str, prefix: str, draw: Callable[[Any], Any]) -> str:
    from spikes.presentation.inline_svg import inline_svg

    frame = _FRAME_OF_SPECTRUM if prefix == "spectrum" else _FRAME
    return inline_svg(draw, _SIZE, name, prefix=prefix, frame=frame, outlines=True)
