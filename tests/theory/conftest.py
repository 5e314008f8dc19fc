"""What several tests of the theory measure by."""

import math

import numpy as np
import pytest


@pytest.fixture(scope="session")
def by_draws():
    """Ridge regression on rows of a pool, drawn and left out."""

    def measured(F, y, n, ridge, draws):
        """Mean and standard error over subsets of test error, train error and degrees of freedom."""
        rng, found = np.random.default_rng(1), []
        F, y = F - F.mean(axis=0), y - y.mean()
        for _ in range(draws):
            order = rng.permutation(len(y))
            fit, rest = order[:n], order[n:]
            G = F[fit].T @ F[fit]
            inverse = np.linalg.inv(G + n * ridge * np.eye(len(G)))
            a = inverse @ (F[fit].T @ y[fit])
            test, train = np.mean((y[rest] - F[rest] @ a) ** 2), np.mean((y[fit] - F[fit] @ a) ** 2)
            found.append((test, train, np.sum(inverse * G)))
        found = np.array(found)
        return found.mean(axis=0), found.std(axis=0, ddof=1) / math.sqrt(draws)

    return measured
