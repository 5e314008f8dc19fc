"""
With a matrix of your own: is it noise?
=======================================

You have a table, rows are samples and columns are measurements, and a program has told you that its principal
components explain something. Do they? This page answers for a table with three factors hidden in uneven noise, and
then for a csv file of yours.
"""

# %%
# A table with three factors
# --------------------------
import matplotlib.pyplot as plt
import numpy as np

from spikes import spectrum

rng = np.random.default_rng(0)
samples, columns = 400, 120
noise = rng.standard_normal((samples, columns)) * rng.uniform(0.5, 3.0, columns)  # uneven columns
factors = rng.standard_normal((samples, 3)) @ rng.standard_normal((3, columns)) * 0.9
table = factors + noise + 10.0  # and a mean that nobody asked about

found = spectrum(table, seed=0)
print(found)

# %%
# Uneven columns make wide spectra that look like structure to anything that expects even noise. The test here flips the
# signs of the entries at random: noise does not notice, factors are torn apart. Without the factors:
print(spectrum(noise + 10.0, seed=0))

# %%
# The numbers behind the sentence, a line a spike:
for row in found.rows():
    print(f"{row.quantity}: {row.simulation:.4g} here, {row.theory:.4g} of noise")

# %%
found.plot()
plt.show()

# %%
# Your own csv
# ------------
#
# Write a small one here, to have something to read; put your own path in its place.
import csv
import tempfile
from pathlib import Path

path = Path(tempfile.mkdtemp()) / "mine.csv"
with path.open("w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow([f"gene {j}" for j in range(columns)])
    writer.writerows(np.round(table, 4))

read = np.loadtxt(path, delimiter=",", skiprows=1)
print(spectrum(read, seed=0).verdict)

# %%
# The same from a shell, where columns keep their names:
#
# .. code-block:: sh
#
#    spikes spectrum mine.csv --figure spectrum.png
#
# What the test assumes, what it cannot see, and what other methods count on the same table is on :doc:`its page
# </how_to/own_matrix>`.
