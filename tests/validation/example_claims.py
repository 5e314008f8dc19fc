"""Cheap claims of every kind and verdict: what the command and its report are tested on."""

from dataclasses import dataclass

import numpy as np

from spikes.validation import Claim, Measured, claim

LEVELS = ((40, 100), (80, 100), (160, 100))
PHI = 0.5


@dataclass(frozen=True)
class Spectrum:
    """Squared singular values of a Gaussian n × n/2 matrix over n, and the mean square of its entries."""

    values: np.ndarray
    power: float


def spectrum(n, sequence):
    x = np.random.default_rng(sequence).standard_normal((n, n // 2))
    return Spectrum(np.linalg.eigvalsh(x.T @ x / n), float(np.mean(x**2)))


def itself(n):
    return n


def second_moment(found):
    assert isinstance(found, Spectrum)  # what a worker sends back is of this file's class
    return Measured(float(np.mean(found.values**2)), {"power": (found.power, 1.0)})


def make(name, statement, predict, measure, **fields):
    given = {"levels": LEVELS, "source": "textbook", "problem": itself, "experiment": spectrum}
    return Claim(name=name, statement=statement, predict=predict, measure=measure, **(given | fields))


exact = make(
    "moments/exact",
    "E tr S²/p = 1 + φ + 1/n for S = XᵀX/n, X Gaussian (n, p), φ = p/n <script>document.title='broken'</script>",
    lambda n: 1.0 + PHI + 1.0 / n,
    second_moment,
    rate=None,
    source="J. Wishart & <b>others</b> (`numpy.linalg`)",
)
limiting = make("moments/limit", "tr S²/p → 1 + φ as n → ∞.", lambda n: 1.0 + PHI, second_moment)
wrong = make(
    "moments/wrong", "tr S²/p → 1 + 2φ, which is wrong.", lambda n: 1.0 + 2.0 * PHI, second_moment, expected="fails"
)
several = make(
    "moments/several",
    "The first four moments of the Marchenko-Pastur law of ratio φ are 1, 1 + φ, 1 + 3φ + φ² and 1 + 6φ + 6φ² + φ³.",
    lambda n: {"k = 1": 1.0, "k = 2": 1.5, "k = 3 & <i>more</i>": 2.75, "k = 4": 1.0 + 3.0 + 1.5 + 0.125},
    lambda found: {
        label: float(np.mean(found.values**k))
        for k, label in enumerate(("k = 1", "k = 2", "k = 3 & <i>more</i>", "k = 4"), start=1)
    },
    tolerance=0.1,
)
edge = make(
    "edges/none-outside",
    "No eigenvalue lies further than 0.3 beyond the bulk [(1 − √φ)², (1 + √φ)²]; none at all lies below x = 0.",
    lambda n: {"above 3.21": 0.0, "below 0": 0.0, "above 2.7, with one entry wrong": 0.0},
    lambda found: {
        "above 3.21": float(np.sum(found.values > 3.21)),
        "below 0": float(np.sum(found.values < 0.0)),
        "above 2.7, with one entry wrong": float(np.sum(found.values > 2.7)),
    },
    kind="table",
    levels=((40, 16), (80, 16), (160, 16)),
    expected="fails",
)
spread = make(
    "edges/spread",
    "The largest eigenvalue is no smaller than the mean one, nor than the root mean square.",
    lambda n, found: {"mean": float(np.mean(found.values)), "rms": float(np.sqrt(np.mean(found.values**2)))},
    lambda found: {"mean": float(found.values[-1]), "rms": float(found.values[-1])},
    kind="bound",
    levels=((40, 16), (80, 16), (160, 16)),
    paired=True,
)
centred = make(
    "moments/centred",
    "The mean eigenvalue less 1 is 0.",
    lambda n: 0.0,
    lambda found: float(np.mean(found.values) - 1.0),
    rate=None,
    scale=1.0,
    tolerance=0.005,
)


@claim(lambda n: 1.0, sizes=(100, 200), seeds=4, rate=None, tolerance=0.001)
def too_few(n, sequence):
    """The mean square of n standard normal variables is 1; so few seeds resolve nothing."""
    return float(np.mean(np.random.default_rng(sequence).standard_normal(n) ** 2))
