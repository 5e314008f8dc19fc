"""Real digits: spectrum before and after the step with the law of the rows, errors along λ, and the learning curve."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from spikes.presentation.figure import save_figure
from spikes.simulation.dataset import as_dataset
from spikes.studies.own_data import plot_data_study, study_data
from theory import Problem


def odd_digits():
    """Scikit-learn's 1,797 digits, centred and of unit mean variance, and whether they are odd."""
    digits = load_digits()
    X = digits.data[:, np.ptp(digits.data, axis=0) > 0.0]
    X = X - X.mean(axis=0)
    return as_dataset(X / np.sqrt(np.mean(X**2)), np.where(digits.target % 2 == 1, 1.0, -1.0))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    problem = Problem(n=2, d=2, width=300, alpha=0.4, ridge=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0))
    study = study_data(odd_digits(), problem, seeds=options.seeds, seed=options.seed)
    print(study.remark())
    save_figure(str(Path(__file__).with_suffix(".png")), lambda: plot_data_study(study), data=True)
