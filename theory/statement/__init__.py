"""What a problem is: sizes, activation, target, noise, step and ridge. No formula of the theory."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from theory.statement.activation import ACTIVATIONS, Activation
from theory.statement.covariance import Covariance, Direction
from theory.statement.optimizer import OPTIMIZERS, Optimizer
from theory.statement.problem import Problem
from theory.statement.protocol import PREPROCESSINGS, STARTS, Protocol
from theory.statement.second_layer import SECOND_LAYERS, SecondLayer

if TYPE_CHECKING:
    from theory.statement.target import Target
    from theory.statement.teacher import TEACHERS, Teacher

__all__ = [
    "ACTIVATIONS",
    "OPTIMIZERS",
    "PREPROCESSINGS",
    "SECOND_LAYERS",
    "STARTS",
    "TEACHERS",
    "Activation",
    "Covariance",
    "Direction",
    "Optimizer",
    "Problem",
    "Protocol",
    "SecondLayer",
    "Target",
    "Teacher",
]

_HOME = {
    "TEACHERS": "theory.statement.teacher",
    "Target": "theory.statement.target",
    "Teacher": "theory.statement.teacher",
}


def __getattr__(name: str) -> Any:  # those that compute when they are imported: the command line reads the others
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'theory.statement' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
