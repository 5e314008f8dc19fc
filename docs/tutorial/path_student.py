"""
For a student: watch a feature being learned
============================================

A two-layer network at the start is a machine that multiplies your data by random numbers. One gradient step changes
that. On this page you will see the moment at which it happens, and then with an activation of your own.
"""

# %%
# Before the step
# ---------------
#
# A network has N neurons. Each looks at the input x (d numbers) along its own random direction w, and bends what it
# sees with a function σ, the *activation*. For n inputs that makes an n × N table F, the *features*. The singular
# values of F say how much of the table lies along each of its directions. For random directions they form one heap, the
# *bulk*:
import matplotlib.pyplot as plt
import numpy as np

from spikes import simulate
from theory import Problem

problem = Problem(n=600, d=300, width=450, activation="relu", target="z + 0.5*He2(z)", noise=0.3, alpha=0.45, ridge=0.1)
run = simulate(problem, seed=0)

figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
for ax, fit, title in zip(axes, (run.before, run.after), ("before the step", "after the step"), strict=True):
    ax.hist(fit.singular_values, bins=60, color="0.6")
    ax.set(xlabel="singular value s of F/√n", title=title, xscale="log")
axes[0].set_ylabel("how many")
axes[0].set_ylim(0, 40)
plt.show()

# %%
# After one step a few values stand alone, to the right. Those are *spikes*. They were not there before, so they are
# what the network has learned.
#
# What has it learned?
# --------------------
#
# The labels are y = z + He₂(z)/2 + noise, where z is the input seen along one hidden direction that nobody told the
# network about, and He₂(z) = z² − 1. Theory says what each spike is a function of:
from theory import predict

law = predict(problem)
for number, spike in enumerate(law.spikes, start=1):
    share = ", ".join(
        f"{100 * a * a:.0f} % {h}" for a, h in zip(spike.alignment, ("constant", "z", "z²", "z³", "z⁴"), strict=True)
    )
    print(f"spike {number} (s = {spike.singular_value:.1f}): {share}")

# %%
# The first spike is z itself, the second bends it: a feature that no linear model has.
#
# Does it help?
# -------------
#
# Fit the labels by ridge regression on the features, before and after, and look at new data:
untrained = predict(problem.replace(eta=0.0))
print(f"test error before the step {run.before.test_error[0]:.3f}, after {run.after.test_error[0]:.3f}")
print(f"theory says                {untrained.test_error[0]:.3f}, and   {law.test_error[0]:.3f}")
print(f"nobody can do better than the noise, {problem.noise**2:.3f}")

# %%
# One run is one run: it scatters by some per cent. ``spikes compare`` makes many and prints their mean, its standard
# error, and z, the distance from the theory in standard errors.
#
# Now with your own activation
# ----------------------------
#
# Write two functions, σ and its derivative. Change them and run the page again.
import math

from theory import Activation


def mine(x):
    return math.tanh(x) + 0.2 * x * x


def mine_slope(x):
    return 1.0 - math.tanh(x) ** 2 + 0.4 * x


own = problem.replace(activation=Activation(mine, mine_slope, name="mine"))
own_law = predict(own)
own_run = simulate(own, seed=0)
print(f"spikes predicted: {len(own_law.spikes)}, at", [round(s.singular_value, 2) for s in own_law.spikes])
print("largest simulated:", np.round(own_run.after.singular_values[: len(own_law.spikes)], 2))
print(f"test error: {own_run.after.test_error[0]:.3f}, predicted {own_law.test_error[0]:.3f}")

# %%
# Why did an even part matter? Try ``0.0 * x * x`` and count the spikes again. Words that are new are in the
# :doc:`glossary </generated/glossary>`; what α means for the learning rate of a script is on :doc:`its page
# </learning_rate>`.
