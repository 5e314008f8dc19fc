"""What a problem is: sizes, activation, target, noise, step and ridge. No formula of the theory."""

from theory.statement.activation import ACTIVATIONS, Activation
from theory.statement.problem import SECOND_LAYERS, Problem
from theory.statement.protocol import PREPROCESSINGS, STARTS, Protocol
from theory.statement.target import Target
from theory.statement.teacher import TEACHERS, Teacher

__all__ = [
    "ACTIVATIONS",
    "PREPROCESSINGS",
    "SECOND_LAYERS",
    "STARTS",
    "TEACHERS",
    "Activation",
    "Problem",
    "Protocol",
    "Target",
    "Teacher",
]
