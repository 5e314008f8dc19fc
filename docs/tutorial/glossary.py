"""
Glossary, with pictures
=======================

The words of these pages, each with the smallest picture that says it. Every line is a formula of the package.
"""

# %%
# Bulk
# ----
# Where the eigenvalues of noise lie. Of a matrix of independent entries they fill an interval and nothing else: the
# Marchenko–Pastur law.
import matplotlib.pyplot as plt
import numpy as np

from theory.laws import MarchenkoPastur, TracyWidom
from theory.spiked_models import SpikedCovariance

law = MarchenkoPastur(gamma=0.5)
low, high = law.support
x = np.linspace(low + 1e-6, high - 1e-6, 300)


def small():
    """Axes of the size of a word's picture."""
    return plt.subplots(figsize=(3.4, 1.9), layout="constrained")[1]


ax = small()
ax.fill_between(x, law.pdf(x), color="0.8")
ax.plot(x, law.pdf(x))
ax.set(xlabel="eigenvalue", ylabel="density", yticks=[])
plt.show()

# %%
# Edge
# ----
# The end of the bulk. At finite n the largest eigenvalue of noise scatters about it on a scale n^(−2/3), by the
# Tracy–Widom law.
ax = small()
t = np.linspace(-5, 3, 200)
ax.plot(t, TracyWidom().pdf(t))
ax.axvline(0.0, linestyle=":", color="0.4")
ax.set(xlabel="(largest eigenvalue − edge) / scale", yticks=[])
plt.show()

# %%
# Spike
# -----
# An eigenvalue (s², or singular value s) that stands outside the bulk: something that is not noise. ``outliers`` in the
# code and in JSON is another name of ``spikes``, until version 1.0.
model = SpikedCovariance(law)
ax = small()
ax.fill_between(x, law.pdf(x), color="0.8")
ax.plot(x, law.pdf(x))
ax.plot([model.forward(4.0).eigenvalue], [0.02], "v", color="#d55e00", clip_on=False)
ax.set(xlabel="eigenvalue", yticks=[])
plt.show()

# %%
# Threshold
# ---------
# How strong a signal must be before its spike leaves the bulk (Baik, Ben Arous, Péché). Below, the eigenvalue stays
# at the
# edge and the vector knows nothing.
strength = np.linspace(1.05, 4.0, 120)
ax = small()
ax.plot(strength, model.forward(strength).eigenvalue)
ax.axhline(high, linestyle=":", color="0.4")
ax.set(xlabel="signal in the population", ylabel="eigenvalue")
plt.show()

# %%
# Alignment (amplitude, cosine)
# -----------------------------
# How much of a function, or of a direction, a spike's vector carries: 1 is all, 0 none. Its square is the share.
ax = small()
ax.plot(strength, model.forward(strength).right_cosine2)
ax.set(xlabel="signal in the population", ylabel="cosine²", ylim=(0, 1))
plt.show()

# %%
# Feature
# -------
# A column of F = σ(XWᵀ): what one neuron says of every sample. *Learned* features are functions of the target's
# direction.
#
# Hermite polynomials
# -------------------
# He₀ = 1, He₁ = z, He₂ = z² − 1, He₃ = z³ − 3z: uncorrelated for normal z. Degrees of a target and of an activation
# are
# counted in them.
z = np.linspace(-2.6, 2.6, 200)
ax = small()
for degree, values in enumerate((z, z**2 - 1, z**3 - 3 * z), start=1):
    ax.plot(z, values, label=f"He{degree}")
ax.set(ylim=(-4, 6), xlabel="z")
ax.legend(fontsize="small")
plt.show()

# %%
# Giant step
# ----------
# A gradient step of size η = n^α with α up to ½: large enough that what it adds to the features is as large as they
# were.
#
# α
# -
# The exponent of the step. What it is for your learning rate: :doc:`/learning_rate`.
#
# Leap, staircase, information exponent
# -------------------------------------
# How many latents a step must learn at once; the order in which a target can be learned; the lowest degree that its
# Hermite
# expansion has. :doc:`/giant_steps`.
#
# Ridge, λ
# --------
# The penalty on the second layer when it is fitted: λ‖a‖² beside the mean squared error.
#
# Effective rank, participation ratio
# -----------------------------------
# How many directions a spectrum spreads over: (Σλ)²/Σλ². A flat spectrum of d has d.
flat, steep = np.ones(30), 1.0 / np.arange(1, 31) ** 1.5
ax = small()
for spectrum, name in ((flat, "flat"), (steep, "steep")):
    ax.plot(np.arange(1, 31), spectrum, ".", label=f"{name}: {spectrum.sum() ** 2 / (spectrum**2).sum():.1f} of 30")
ax.set(xlabel="number", ylabel="eigenvalue")
ax.legend(fontsize="small")
plt.show()

# %%
# Standard error, z
# -----------------
# The scatter of a mean over seeds: standard deviation/√seeds. z = (simulation − theory)/standard error: within 2 most
# of the
# time if the theory is right.
#
# Universality, clone
# -------------------
# That only mean and covariance of the inputs matter. A *Gaussian clone* of data has the same two and is normal
# otherwise: what
# it does not share with the data is beyond universality.
