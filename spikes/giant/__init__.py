"""Giant steps, theory beside simulation: what a target offers, one step, several steps, and the learning curve."""

from importlib import import_module
from typing import Any

_HOME = {
    "CurveStudy": "spikes.giant.curve",
    "StepStudy": "spikes.giant.step",
    "TargetReport": "spikes.giant.analysis",
    "TrajectoryStudy": "spikes.giant.trajectory",
    "report_target": "spikes.giant.analysis",
    "study_curve": "spikes.giant.curve",
    "study_step": "spikes.giant.step",
    "study_trajectory": "spikes.giant.trajectory",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:  # loaded on first use: an analysis needs no simulation
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'spikes.giant' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
