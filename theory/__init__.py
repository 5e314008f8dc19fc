"""Asymptotic theory of feature learning in two-layer networks; numpy and scipy only, no simulation."""

from importlib import import_module
from typing import Any

_HOME = {
    "Activation": "theory.statement.problem",
    "Prediction": "theory.conditional_equivalent",
    "Problem": "theory.statement.problem",
    "Target": "theory.statement.problem",
    "Teacher": "theory.statement.teacher",
    "predict": "theory.conditional_equivalent",
    "predict_errors": "theory.conditional_equivalent",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:  # loaded on first use: scipy alone costs as much as all of this package
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'theory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
