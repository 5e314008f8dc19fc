"""What needs no simulation loads none: numba costs half a second, whoever asked for it."""

import subprocess
import sys

import pytest

NO_SIMULATION = (
    "import spikes.sweeps.study, spikes.sweeps.store, spikes.sweeps.summary",
    "import spikes.studies.giant_steps.analysis",
    "from spikes import agreement, estimates",
    "import sys; sys.argv = ['spikes', 'predict', '--n', '200', '--d', '100', '--width', '150']\n"
    "from spikes.cli import main\ntry:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code",
    "import sys; sys.argv = ['spikes', 'giant', 'analyse', '--target', 'z1 + z1*z2']\n"
    "from spikes.cli import main\ntry:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code",
)


@pytest.mark.parametrize("source", NO_SIMULATION, ids=("sweeps", "analysis", "agreement", "predict", "analyse"))
def test_no_numba(source):
    source += "\nimport sys; assert not {'numba', 'matplotlib'} & set(sys.modules), 'loaded'\n"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_prediction_loads_no_scipy():
    """It costs a third of a second, as much as the prediction itself; activations and steps that need it load it."""
    source = NO_SIMULATION[3] + "\nimport sys; assert not {'scipy', 'numpy.ma'} & set(sys.modules), 'loaded'\n"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
