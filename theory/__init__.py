"""Asymptotic theory of feature learning in two-layer networks; numpy and scipy only, no simulation."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theory.conditional_equivalent import Prediction as Prediction
    from theory.conditional_equivalent import predict as predict
    from theory.conditional_equivalent import predict_errors as predict_errors
    from theory.statement import Activation as Activation
    from theory.statement import Problem as Problem
    from theory.statement import Protocol as Protocol
    from theory.statement import Target as Target
    from theory.statement import Teacher as Teacher

_HOME = {
    "Activation": "theory.statement",
    "Prediction": "theory.conditional_equivalent",
    "Problem": "theory.statement",
    "Protocol": "theory.statement",
    "Target": "theory.statement",
    "Teacher": "theory.statement",
    "predict": "theory.conditional_equivalent",
    "predict_errors": "theory.conditional_equivalent",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:  # loaded on first use: scipy alone costs as much as all of this package
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    from theory.statement.arguments import suggestion

    raise AttributeError(f"module 'theory' has no attribute {name!r}{suggestion(name, __all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
