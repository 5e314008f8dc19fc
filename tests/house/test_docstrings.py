"""Examples in docstrings run and print what they say; what is public has a docstring of its own."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import spikes
import theory

MODULES = sorted(
    name
    for package in (theory, spikes)
    for name in (module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    if not name.startswith("spikes.cli") and not name.endswith("__main__")
)
# What a user meets first has an example.
SHOWN = {
    "spikes.studies.one_step.study": {"compare"},
    "spikes.simulation.ensemble": {"estimate", "simulate_ensemble"},
    "spikes.studies.own_matrix.study": {"matrix_spectrum"},
    "spikes.simulation.one_step": {"simulate"},
    "spikes.studies.readout.study": {"readout"},
    "theory.finite_pool": {"feature_pool"},
    "spikes.sweeps.study": {"as_study"},
    "theory.statement.activation": {"Activation"},
    "theory.conditional_equivalent.prediction": {"predict", "predict_errors"},
    "theory.giant_steps.target_analysis": {"analyse_target", "visible_staircase"},
    "theory.hermite": {"hermite_coefficients", "hermite_polynomials"},
    "theory.laws.algebraic": {"MarchenkoPastur"},
    "theory.laws.generalised_marchenko_pastur": {"GeneralisedMarchenkoPastur"},
    "theory.laws.tracy_widom": {"wishart_edge"},
    "theory.local_analysis.dual_certificate": {"certificate"},
    "theory.local_analysis.zonal_kernel": {"kernel"},
    "theory.local_analysis.measure": {"minimize_measure"},
    "theory.nonlinear_features": {"critical_exponent", "objective_drop", "spike_count"},
    "theory.statement.problem": {"Problem"},
    "theory.shrinkage": {"optimal_shrinkage"},
    "theory.spiked_models": {"SpikedCovariance"},
    "theory.statement.target": {"Target"},
}


LONG = {f"spikes.studies.{name}.study" for name in ("matrix_free", "one_step", "tune", "own_matrix")}


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.slow if each in LONG else ()) for each in MODULES]
)
def test_examples(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0, f"run: python -m doctest on {name}"
    for shown in SHOWN.get(name, ()):
        assert ">>>" in inspect.getdoc(getattr(module, shown)), f"{name}.{shown} has no example"


@pytest.mark.parametrize("name", MODULES)
def test_public_names_have_docstrings(name):
    module = importlib.import_module(name)
    public = [getattr(module, each) for each in getattr(module, "__all__", [])]
    described = [each for each in public if inspect.isclass(each) or inspect.isroutine(inspect.unwrap(each))]
    assert [each.__name__ for each in described if not each.__doc__] == []


def test_shown_modules_exist():
    assert set(SHOWN) <= set(MODULES)
