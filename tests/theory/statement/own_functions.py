"""A user's module: functions, an activation, a target and a law that a statement names by their import paths."""

import math

import numpy as np

from theory import Activation, Target
from theory.statement import SecondLayer


def bump(x):
    return math.exp(-x * x)


def bump_slope(x):
    return -2.0 * x * math.exp(-x * x)


def product(z):
    return z[:, 0] * z[:, 1]


def draw_uniform(generator, size):
    return generator.uniform(-math.sqrt(3.0), math.sqrt(3.0), size)


def uniform_nodes(order):
    x, w = np.polynomial.legendre.leggauss(order)
    return math.sqrt(3.0) * x, 0.5 * w


arctan = Activation(math.atan, lambda x: 1.0 / (1.0 + x * x), name="arctan")
cubic = Target(lambda z: z[:, 0] ** 3, name="cubic")
coin = SecondLayer("coin", atoms=(-1.0, 1.0), odds=(0.5, 0.5), sampler=lambda g, size: g.choice([-1.0, 1.0], size))
