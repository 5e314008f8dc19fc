"""Simulate feature learning after a giant gradient step and lay random matrix theory beside it."""

from importlib import import_module
from typing import Any

_HOME = {
    "Activation": "theory.problem",
    "Comparison": "spikes.comparison",
    "Ensemble": "spikes.ensemble",
    "Problem": "theory.problem",
    "Simulation": "spikes.simulation",
    "Target": "theory.problem",
    "Teacher": "theory.teacher",
    "compare": "spikes.comparison",
    "open_results": "spikes.results",
    "simulate": "spikes.simulation",
    "simulate_ensemble": "spikes.ensemble",
    "sweep": "spikes.sweeps",
}
__all__ = sorted(_HOME)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # loaded on first use: numba and matplotlib take longer than the command line may
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'spikes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
