"""Control variates of a run: each a mean of what was drawn, with the right expectation."""

import numpy as np

from spikes.validation.subjects.controlled_run import controlled_run
from theory import Problem

PROBLEM = Problem(n=400, d=100, width=150, target="z1 + z1*z2 + 0.5*He2(z2)", noise=0.3, alpha=0.3)


def test_controls_vary_about_their_expectations():
    runs = [controlled_run(PROBLEM, np.random.SeedSequence(i)) for i in range(24)]
    for part in ("controls", "step_controls"):
        for name in getattr(runs[0], part):
            away = np.array([np.subtract(*getattr(run, part)[name]) for run in runs])
            assert np.ptp(away) > 0.0, name
            # five standard errors of a mean over 24 runs; ‖β‖² and overlaps have corrections of order 1/n₀
            slack = 0.05 if name.startswith(("‖", "overlap")) else 0.0
            assert abs(away.mean()) < 5.0 * away.std(ddof=1) / np.sqrt(24) + slack, name
