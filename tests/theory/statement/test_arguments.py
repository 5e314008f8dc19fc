"""One rule for an integer, wherever it is asked for."""

import math

import numpy as np
import pytest

from spikes.runtime.tasks import worker_count
from spikes.simulation.seeds import as_seed_sequence, check_seeds
from theory import Problem, Protocol, Target
from theory.laws import MarchenkoPastur
from theory.statement.arguments import boolean, choice, integer, real

# name, least value, and a place where it is asked for that gives it back or uses it
PLACES = {
    "n": (2, lambda x: Problem(n=x, d=2, width=2).n),
    "n_step": (2, lambda x: Problem(n=2, n_step=x, d=2, width=2).n_step),
    "steps": (1, lambda x: Protocol(steps=x).steps),
    "k": (1, lambda x: Target(lambda z: z[:, 0], k=x).k),
    "seeds": (1, check_seeds),
    "workers": (1, lambda x: worker_count(x, 100)),
    "k of moments": (1, lambda x: len(MarchenkoPastur(2.0).moments(x))),
}


@pytest.mark.parametrize("name", PLACES)
def test_one_rule_everywhere(name):
    least, ask = PLACES[name]
    for seven in (7, 7.0, np.int64(7), np.uint8(7), np.float32(7.0), np.array(7)):
        assert ask(seven) == 7
        assert type(ask(seven)) is int
    for other in (2.5, True, np.True_, "7", math.nan, math.inf, -1, np.int64(-1), [7], np.array([7]), 7 + 0j, 10**19):
        with pytest.raises(ValueError, match=rf"^`{name.split()[0]}` must be an integer of at least {least}; got "):
            ask(other)


def test_seeds_keep_their_bits():
    for same in (7, 7.0, np.int64(7)):
        assert as_seed_sequence(same).generate_state(2).tolist() == as_seed_sequence(7).generate_state(2).tolist()
    with pytest.raises(
        ValueError, match="`seed` must be a non-negative integer, a SeedSequence or a Generator; got -1"
    ):
        as_seed_sequence(-1)


def test_other_rules():
    assert (integer("a", 12, 1, 12), boolean("a", np.False_), choice("a", "x", ("x", "y"))) == (12, False, "x")
    assert real("a", np.float32(0.5)) == 0.5
    for check, message in (
        (lambda: integer("a", 13, 1, 12), "`a` must be an integer from 1 to 12; got 13"),
        (lambda: integer("a", 1, 2, why="for an error"), "`a` must be an integer of at least 2, for an error; got 1"),
        (lambda: boolean("a", 1), "`a` must be True or False; got 1"),
        (lambda: choice("a", 3, ("x", "y")), "`a` must be one of x, y; got 3"),
        (lambda: real("a", np.True_, positive=True), r"`a` must be positive; got np.True_"),
    ):
        with pytest.raises(ValueError, match=f"^{message}$"):
            check()
