"""Two claims about the same matrices, one right and one wrong: spikes validate --claims docs/own_claim.py."""

import numpy as np

from spikes.validation import Measured, claim, validate

RATIO = 1.0 / 3.0


def second_moment(n, sequence):
    """(1/p) tr S² of S = XᵀX/n, X Gaussian of shape (n, p), with the mean square of X as a control."""
    x = np.random.default_rng(sequence).standard_normal((n, round(RATIO * n)))
    s = x.T @ x / n
    return Measured(np.sum(s**2) / len(s), controls={"mean square": (np.mean(x**2), 1.0)})


@claim(lambda n: 1.0 + RATIO, sizes=(60, 120, 240), seeds=60, source="Marchenko and Pastur (1967)")
def right(n, sequence):
    """The second moment of the Marchenko-Pastur law of ratio φ = 1/3 is 1 + φ = 4/3."""
    return second_moment(n, sequence)


@claim(lambda n: 2.0, sizes=(60, 120, 240), seeds=60, source="a slip of the pen", expected="fails")
def wrong(n, sequence):
    """The second moment of the Marchenko-Pastur law of ratio φ = 1/3 is 2."""
    return second_moment(n, sequence)


if __name__ == "__main__":
    print(validate([right, wrong]))
