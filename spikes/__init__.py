"""Simulate feature learning after a giant gradient step and lay random matrix theory beside it."""

from importlib import import_module
from typing import Any

from spikes.runtime.moved import serve

_HOME = {
    "Activation": "theory.statement.problem",
    "Comparison": "spikes.studies.one_step.study",
    "Ensemble": "spikes.simulation.ensemble",
    "Problem": "theory.statement.problem",
    "Simulation": "spikes.simulation.one_step",
    "Target": "theory.statement.problem",
    "Teacher": "theory.statement.teacher",
    "compare": "spikes.studies.one_step.study",
    "open_results": "spikes.sweeps.store",
    "simulate": "spikes.simulation.one_step",
    "simulate_ensemble": "spikes.simulation.ensemble",
    "sweep": "spikes.sweeps.run",
}
__all__ = sorted(_HOME)
__version__ = "0.1.0"
serve()


def __getattr__(name: str) -> Any:  # loaded on first use: numba and matplotlib take longer than the command line may
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'spikes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
