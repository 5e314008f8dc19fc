"""
Your own comparison, step by step
=================================

A two-layer network takes one huge gradient step. What has it learned, and does random matrix theory know? At the end of
this page you will have compared the theory with simulations of *your* activation and *your* target, and you will know
where the theory stops.

Everything on this page is one script, ``docs/tutorial/first_comparison.py``. Run it as it stands (under a minute), or
copy it piece by piece into a Python session or a notebook, in any folder: it needs the package and nothing else, and
writes only into a temporary folder.
"""

# %%
# A first comparison
# ------------------
#
# A `Problem` states everything: ``n`` samples, ``d`` input dimensions, ``width`` hidden neurons N, an activation σ, a
# target, label noise, the size of the step, and the ridge penalty with which the second layer is fitted afterwards. The
# inputs are standard Gaussian. What you leave out has a default, and printing the problem shows it.
import matplotlib.pyplot as plt

from spikes import compare
from theory import Problem

problem = Problem(
    n=600, d=300, width=450, activation="relu", target="z + 0.5*He2(z)", noise=0.5, alpha=0.45, ridge=[0.01, 0.1]
)
print(problem)

# %%
# The target is a function of z, the projection of the input on one hidden direction; ``He2`` is the Hermite polynomial
# z² − 1. The step size is η = n^alpha, here 600^0.45 = 17.8. With steps of order one, ``alpha`` = 0, what the step adds
# is about as large as the bulk of the spectrum; √n, ``alpha`` = 0.5, is the largest step that the theory covers.
#
# Now predict it and simulate it eight times:
result = compare(problem, seeds=8, seed=0)
print(result)

# %%
# Reading the table
# -----------------
#
# Each row is one quantity. ``theory`` is a number that no simulation has touched; ``simulation`` is the mean over the
# seeds ± its standard error, ``sem`` in code. Then:
#
# * ``z`` = (simulation − theory)/sem. If the theory is exact, z scatters like Student's t with 7 degrees of freedom:
#   most rows within 2, one in a hundred beyond 3.5.
# * ``relative`` = simulation/theory − 1. It says whether a difference matters. A z of 4 at 0.3 % is the theory's
#   finite-size error, seen with many seeds. The column stays empty where the prediction is next to zero.
#
# The test error is that on new data at penalty λ, noise included; the objective is the training error with the term of
# the penalty. Rows of after ÷ before divide by the same error of the same network before the step, on the same data:
# the noise that both share cancels, so these rows are the sharpest. In code rows have keys, as ``test_error[0.1]`` and
# ``test_error/before[0.1]``.
#
# The numbers are there for your own use as well:
worst = max(result.rows(), key=lambda row: abs(row.z))
print(f"the largest |z| of {len(result.rows())} rows: {worst.z:.1f} for {worst.quantity}")

# %%
# The same seed gives the same bits, on one process or many: whoever runs this with ``seed=0`` has your table.
#
# The spectrum and its spikes
# ---------------------------
#
# After the step the feature matrix F (n × N) has a bulk of singular values, which looks like noise, and a few that
# stand apart, the *spikes*. On a logarithmic axis one sees both: grey is simulated, the line is predicted, triangles
# are predicted spikes and ticks are those of each run. On the right are the errors along a path of penalties.
result.plot()
plt.show()

# %%
# What the spikes have learned
# ----------------------------
#
# The middle panel is the point of it all. To each spike belongs a left singular vector, one number for each sample.
# Compare it with functions of u = ⟨x, β̂⟩, where β is the direction that the step added to every neuron: the amplitudes
# say what this spike has learned. An amplitude of 1 means that the vector *is* that function.
for i, spike in enumerate(result.theory.spikes, start=1):
    amplitudes = ", ".join(
        f"{a:.2f} on {h}" for a, h in zip(spike.alignment, ("1", "He1", "He2", "He3", "He4"), strict=True)
    )
    print(f"spike {i} at singular value {spike.singular_value:.2f}: {amplitudes}")

# %%
# The first spike is linear in u: it would be there for a linear target too. The second mixes the constant and He₂: it
# is a *nonlinear* feature, and it lets ridge regression fit the target's He₂(z), which the network could not do before
# the step. How well u knows z is the row ``overlap``.
#
# Your own activation
# -------------------
#
# Two scalar functions, σ and its derivative, made of arithmetic, branches and ``math``. They are checked against each
# other, compiled for the simulation, and integrated for the theory. If σ or σ′ has a kink, say where
# (``kinks=(0.0,)``): the theory's integrals are split there.
import math

from theory import Activation


def bump(x):
    return x / (1.0 + x * x) + 0.2 * x * x


def bump_slope(x):
    return (1.0 - x * x) / (1.0 + x * x) ** 2 + 0.4 * x


mine = Activation(bump, bump_slope, name="bump")
print(mine)

# %%
# A wrong derivative is refused, as is every argument that breaks a rule, in one line that names argument, rule and
# value:
try:
    Activation(math.atan, lambda x: 1.0 / (1.0 + x), name="arctan")
except ValueError as error:
    print(error)

# %%
# Your own target
# ---------------
#
# A formula in ``z``, or in ``z1``, ``z2``, ``z3`` where the target has several hidden directions; the functions that
# formulas know are in the documentation of `theory.Target`. Or a Python function that maps an array of latents, one row
# for each sample, to one number for each row:


def interaction(z):
    return z[:, 0] + z[:, 0] * z[:, 1]


own = problem.replace(activation=mine, target=interaction, second_layer="rademacher", alpha=0.4)
comparison = compare(own, seeds=8, seed=1)
print(comparison)

# %%
# This is your comparison: theory beside simulation for an activation and a target that nobody has worked out by hand.
# Here z is large in a few rows, the test error first of all, and the relative difference is some per cent. Is the
# theory wrong, or is n small? Double every size and look again: at n = 1200 this row is at −2.4 ± 0.8 %, at n = 2400 at
# 0.5 ± 0.7 %. It was n.
#
# To keep a comparison, in a file that ``spikes.load`` reads and ``spikes rerun`` runs again to the same bits:
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
comparison.plot()[0].figure.savefig(folder / "mine.png")
comparison.save(folder / "mine.json")
print(sorted(path.name for path in folder.iterdir()))

# %%
# The same from a shell, for activations known by name:
#
# .. code-block:: sh
#
#    spikes compare --n 600 --d 300 --width 450 --activation tanh --target "z1 + z1*z2" --alpha 0.4 --figure mine.png
#
# A sweep over the step size
# --------------------------
#
# One more step of the same kind: many problems, one file. A study is a TOML file or a dictionary, in which any field of
# the problem may be a list or a range. Every result is written the moment it is there; with ``resume=True`` a run that
# was killed goes on where it was.
from spikes import sweep
from spikes.sweeps.figure import plot_curves
from spikes.sweeps.summary import curves, summarise

study = {
    "seeds": 6,
    "keep": ["test_error", "train_error"],
    "problem": {
        "n": 400,
        "d": 200,
        "width": 300,
        "alpha": {"start": 0.0, "stop": 0.5, "num": 6},
        "ridge": [0.01, 0.1],
    },
}
results = sweep(study, folder / "alpha.sqlite")
summaries = summarise(results)
for s in summaries:
    measured, predicted = s.measured["test_error"], s.predicted["test_error"]
    print(
        f"alpha = {s.fields['alpha']:.1f}, ridge = {s.fields['ridge']:.2f}: "
        f"predicted {predicted:.3f}, simulated {measured.mean:.3f} ± {measured.sem:.3f}"
    )

# %%
# As a picture (the two penalties share their simulations, so their points deviate together):
plot_curves(curves(summaries, x="alpha", y="test_error", by=["ridge"]), "alpha", "test_error")
plt.show()

# %%
# Where the theory stops
# ----------------------
#
# The prediction is asymptotic: n, d, N and the samples of the step grow in proportion. What is left at finite n shows
# as a ``relative`` that shrinks as the sizes grow. Four borders are sharp:
#
# **Steps beyond √n.** For alpha > 1/2 there is no prediction, and it says so:
from theory import predict

try:
    predict(problem.replace(alpha=0.6))
except ValueError as error:
    print(error)

# %%
# The simulation still runs there: ``spikes.simulate_ensemble(problem.replace(alpha=0.6))``.
#
# **Far more samples than dimensions.** With n of order d² a network can learn several directions in one step, which is
# a different limit: ``spikes giant`` and its :doc:`page </giant_steps>`.
#
# **Heavy-tailed labels.** A cubic target with as many samples as dimensions throws outliers that the theory does not
# know. Here are the singular values beyond the predicted bulk, 5 % spared, run by run:
from spikes import simulate_ensemble

heavy = Problem(n=300, d=300, width=400, target="z + He3(z)/2", noise=0.0, alpha=0.4)
law = predict(heavy)
edge = law.bulk_edges[-1][1] ** 0.5
runs = simulate_ensemble(heavy, seeds=8, seed=0).runs
print(
    f"predicted: {len(law.spikes)}; simulated:",
    [int((run.after.singular_values > 1.05 * edge).sum()) for run in runs],
)

# %%
# **Small sizes.** Differences of a few per cent at n in the hundreds are expected; double every size and look again
# before you believe in a disagreement. If it stays, you have found something.
#
# From here: :doc:`the theory </theory>` in two pages, a page for each task in the contents, and :doc:`every function
# </api/index>`.
