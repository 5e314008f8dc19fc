"""Seed sequences: any seed to one, and the children of one under keys."""

from __future__ import annotations

import numpy as np

from theory.statement.arguments import count, integer

__all__ = ["as_seed_sequence", "check_seeds", "derived_sequence"]


def as_seed_sequence(seed: int | np.random.SeedSequence | np.random.Generator) -> np.random.SeedSequence:
    """The seed sequence of a seed: an integer, a `SeedSequence`, or a `Generator`, which is asked for one.

    Parameters
    ----------
    seed : int, SeedSequence or Generator

    Returns
    -------
    SeedSequence

    Raises
    ------
    ValueError
        If `seed` is none of these, or negative.
    """
    if isinstance(seed, np.random.Generator):
        return np.random.SeedSequence(seed.integers(0, 2**63, size=4).tolist())
    if isinstance(seed, np.random.SeedSequence):
        return seed
    try:
        return np.random.SeedSequence(integer("seed", seed, 0))
    except ValueError:
        raise ValueError(
            f"`seed` must be a non-negative integer, a SeedSequence or a Generator; got {seed!r}"
        ) from None


def derived_sequence(sequence: np.random.SeedSequence, *key: int) -> np.random.SeedSequence:
    """The child of a sequence under a key, the same however often and in whatever order children are asked for.

    Parameters
    ----------
    sequence : SeedSequence
    *key : int

    Returns
    -------
    SeedSequence
    """
    return np.random.SeedSequence(sequence.entropy, spawn_key=(*sequence.spawn_key, *key))


MOST_SEEDS = 100_000
"""Runs of one command: what is kept of each takes memory, and their mean has three digits more than one run."""


def check_seeds(seeds: int, minimum: int = 1, *, why: str = "") -> int:
    """A number of runs as an int, or a refusal; `why` there has to be a minimum of them."""
    return count("seeds", seeds, minimum, MOST_SEEDS, why=why)
