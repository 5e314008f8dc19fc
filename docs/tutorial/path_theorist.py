"""
For a theorist: your target, your formula
=========================================

You have an asymptotic statement and want to know at which n it is true. On this page a known one is held against the
law at finite n and against simulation, and then a formula of your own.

As everywhere in these three paths, the page is a script (``docs/tutorial/path_theorist.py``) and a notebook: the
link is at its end.
"""

# %%
# The law at your n
# -----------------
#
# With a step η = n^α, 1/4 < α < 1/3, two features are learned in the limit. How far from the limit is n = 1000?
import matplotlib.pyplot as plt
import numpy as np

from theory import Problem, predict

problem = Problem(n=1000, d=500, width=750, target="z + 0.5*He2(z)", noise=0.5, alpha=0.3, ridge=0.1)
law = predict(problem)
for number, spike in enumerate(law.spikes, start=1):
    print(f"spike {number} at s = {spike.singular_value:.3f}, on He0 ... He4: {np.round(spike.alignment, 2)}")
print(f"{len(law.spikes)} at n = 1000; two in the limit")
for sentence in law.validity:
    print("outside what was checked:", sentence)

# %%
# The limit itself is in `theory.nonlinear_features`, as published and corrected; :doc:`its page </nonlinear_features>`
# says where the two part.
#
# Your own target
# ---------------
#
# Any function of up to six latents. Its Hermite tensors decide what a step can learn.
from theory.giant_steps import analyse_target

target = "z1 + z1*z2 + 0.3*He3(z2)"
analysis = analyse_target(target)
print("information exponent:", analysis.information_exponent, " leap:", analysis.leap)

# %%
# Beside simulation
# -----------------
from spikes import compare

own = problem.replace(n=300, d=150, width=200, target=target, alpha=0.4)
result = compare(own, seeds=6, seed=0)
print(result)

# %%
# Your own formula, put to the test
# ---------------------------------
#
# A claim is a prediction, a measurement, and sizes. The verdict follows from the interval of the difference as n grows,
# by a rule that is written down (:doc:`/validate`). Here: the largest eigenvalue of a sample covariance with one spike
# θ above the threshold stands at θ + γθ/(θ − 1), γ = p/n.
from spikes.validation import claim, validate

theta, gamma = 4.0, 0.5


@claim(lambda n: theta + gamma * theta / (theta - 1.0), sizes=(100, 200, 400), seeds=300, tolerance=0.04)
def spiked_eigenvalue(n, sequence):
    """The largest eigenvalue tends to θ + γθ/(θ − 1)."""
    x = np.random.default_rng(sequence).standard_normal((n, int(gamma * n)))
    x[:, 0] *= np.sqrt(theta)
    return float(np.linalg.eigvalsh(x.T @ x)[-1] / n)


wrong = spiked_eigenvalue.with_prediction(lambda n: theta * (1.0 + gamma))
certificate = validate([spiked_eigenvalue], workers=1)
print(certificate)
print("with another formula:", validate([wrong], workers=1).verdicts)

# %%
# As a picture: points are simulation less theory with their errors, the band is what the claim tolerates, the open
# point at the right is the limit.
from spikes.validation import plot_certificate

plot_certificate(certificate)
plt.show()
