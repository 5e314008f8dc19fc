"""Mistakes that were made in the first ten minutes with the package in Python: each answers with what to write."""

import numpy as np
import pytest

import spikes
import theory
from spikes import compare, matrix_spectrum, simulate_ensemble
from theory import Problem, predict
from theory.laws import MarchenkoPastur

SIZES = {"n": 60, "d": 20, "width": 30}
PROBLEM = Problem(**SIZES)

MISTAKES = {
    "an activation in capitals": (lambda: Problem(**SIZES, activation="ReLU"), "did you mean relu?"),
    "an activation of numpy": (lambda: Problem(**SIZES, activation=np.tanh), "did you mean tanh?"),
    "a function without its derivative": (
        lambda: Problem(**SIZES, activation=lambda x: x),
        "a function comes with its derivative, Activation(function, derivative)",
    ),
    "a power with a caret": (lambda: Problem(**SIZES, target="z^2"), "a power is written **"),
    "no penalty": (lambda: Problem(**SIZES, ridge=0), "`ridge` must be positive; got 0: a tiny one, as 1e-8, is the"),
    "sizes without names": (
        lambda: Problem(200, 400, 300),
        "a Problem takes its arguments by name: did you mean Problem(n=200, d=400, width=300)?",
    ),
    "a misspelt field": (lambda: Problem(**SIZES, activaton="tanh"), "did you mean activation?"),
    "a symbol for a field": (lambda: Problem(n=60, d=20, N=30), "has no field 'N': did you mean width?"),
    "an optimizer by its name": (lambda: Problem(**SIZES, optimizer="Adam"), "did you mean sign?"),
    "fields handed to a study": (lambda: compare(n=400), "a field of the problem, compare(Problem(n=400, ...))"),
    "sizes handed to a study": (
        lambda: compare(2000, 1000, 1500),
        "must be a theory.Problem, as Problem(n=2000, d=1000, width=1500); got '2000'",
    ),
    "a dict for a problem": (
        lambda: predict(PROBLEM.to_dict()),
        "must be a theory.Problem, as Problem.from_dict of it",
    ),
    "an exponent beside a resolved step": (
        lambda: Problem(**PROBLEM.to_dict()).replace(alpha=0.1),
        "`alpha` must go with eta=None where a step size is given, here eta = 4.36651",
    ),
    "own functions handed on": (
        lambda: Problem(**PROBLEM.replace(target=lambda z: z[:, 0]).to_dict()),
        "Problem.from_dict, which makes a problem of what to_dict gives",
    ),
    "a misspelt option": (lambda: simulate_ensemble(PROBLEM, sedes=3), "no argument 'sedes': did you mean seeds?"),
    "a misspelt study": (lambda: spikes.compar, "did you mean compare?"),
    "a misspelt class": (lambda: theory.Problm, "did you mean Problem?"),
    "a path for a matrix": (lambda: matrix_spectrum("table.csv"), "run spikes spectrum table.csv"),
    "a list for a matrix": (lambda: matrix_spectrum(np.ones(10)), "two dimensions, a row a sample; got shape (10,)"),
    "a matrix too small to tell": (
        lambda: matrix_spectrum([[1, 2], [3, 4]]),
        "at least 5 rows and columns; got (2, 2)",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_answers_with_the_remedy(mistake):
    make, remedy = MISTAKES[mistake]
    with pytest.raises((ValueError, TypeError, AttributeError)) as refusal:
        make()
    assert remedy in str(refusal.value)
    assert "FILE" not in str(refusal.value)


def test_the_remedies_work():
    assert Problem.from_dict(PROBLEM.to_dict()).replace(alpha=0.1).step_size == 60**0.1
    assert Problem(**PROBLEM.to_dict()).replace(alpha=0.1, eta=None).step_size == 60**0.1
    assert predict(PROBLEM.replace(ridge=1e-8)).test_error[0] > 0.0
    assert Problem(**SIZES, target="z**2", activation="relu", optimizer="sign").width == 30


def test_a_law_takes_the_symbol_of_the_pages_and_has_the_methods_of_scipy():
    law = MarchenkoPastur(gamma=0.5)
    assert law.mean() == pytest.approx(1.0)
    for method in ("std", "var", "median", "interval", "sf", "isf", "logpdf", "ppf", "rvs", "cdf", "pdf"):
        assert callable(getattr(law, method))
