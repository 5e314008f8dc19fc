"""Every study in Python is saved with its call, read back, and run again to the same bits."""

import json

import numpy as np
import pytest

import spikes
from spikes.record import decoded, encoded, modules_named
from theory import Problem
from theory.statement import Protocol
from theory.statement.teacher import Teacher

PROBLEM = Problem(n=60, d=20, width=30)
GIANT = Problem(n=60, d=20, width=16, target="z1 + z1*z2", second_layer="rademacher", noise=0.0, centered=False)
RUN = {"seeds": 2, "workers": 1}
MATRIX = np.random.default_rng(0).standard_normal((40, 6))


def _teacher():
    from spikes.simulation.training import Plan

    plan = Plan(Teacher(np.random.default_rng(1).standard_normal((3, 7)), np.ones(3)), width=8, epochs=1, iterations=5)
    return spikes.compare_training(plan, 1, 0, 1)


STUDIES = {
    "predict": lambda: spikes.predict(PROBLEM),
    "compare": lambda: spikes.compare(PROBLEM, 2, np.random.SeedSequence(7, spawn_key=(1, 2)), 1, test_samples=64),
    "simulate_ensemble": lambda: spikes.simulate_ensemble(PROBLEM, test_samples=64, **RUN),
    "study_step": lambda: spikes.study_step(GIANT, Protocol(preprocessing="none"), **RUN),
    "study_trajectory": lambda: spikes.study_trajectory(GIANT, Protocol(start="random", preprocessing="none"), **RUN),
    "report_target": lambda: spikes.report_target("z1 + z1*z2", "tanh"),
    "compare_training": _teacher,
    "compare_matrix_free": lambda: spikes.compare_matrix_free(PROBLEM, steps=0, **RUN),
    "staircase": lambda: spikes.staircase(PROBLEM, alphas=(0.2,), **RUN),
    "readout": lambda: spikes.readout(MATRIX[:, 1:], MATRIX[:, 0], splits=3),
    "tune": lambda: spikes.tune(PROBLEM),
    "spectrum": lambda: spikes.spectrum(MATRIX, names=list("abcdef")),
}


QUICK = ("predict", "simulate_ensemble", "study_step", "study_trajectory", "report_target", "readout", "spectrum")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in STUDIES])
def test_the_same_bits_again(tmp_path, name):
    result = STUDIES[name]()
    result.save(tmp_path / "a.json")
    saved = spikes.load(tmp_path / "a.json")
    assert saved.run["function"] == name
    # as JSON: nan is not equal to itself
    assert json.loads(json.dumps(saved.to_dict())) == json.loads(json.dumps(result.answer()))
    if rows := getattr(result, "rows", list)():
        assert len(saved.to_frame()) == len(rows)
        np.testing.assert_array_equal([r.simulation for r in saved.rows()], [r.simulation for r in rows])
    assert saved.rerun().differences == []


def test_a_difference_is_found_where_it_is(tmp_path):
    STUDIES["simulate_ensemble"]().save(tmp_path / "a.json")
    saved = spikes.load(tmp_path / "a.json")
    saved.content["simulation"]["step"]["beta_norm2"]["mean"] += 1e-15
    saved.run["versions"]["numpy"] = "1.0"
    first, last = saved.rerun(workers=1).differences
    assert first.startswith("simulation.step.beta_norm2.mean: ")
    assert last.startswith("made with numpy: '1.0', now ")


def test_what_does_not_travel_is_said_and_may_be_given_again(tmp_path):
    problem = PROBLEM.replace(target=lambda z: z[:, 0])
    spikes.simulate_ensemble(problem, test_samples=64, **RUN).save(tmp_path / "a.json")
    saved = spikes.load(tmp_path / "a.json")
    with pytest.raises(ValueError, match="`target` cannot be had from a file: no import path leads to"):
        saved.rerun()
    assert saved.rerun(problem=problem, workers=1).differences == []


def test_large_arrays_stay_out_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("spikes.record.values._LARGEST_ARRAY", 100)
    STUDIES["spectrum"]().save(tmp_path / "a.json")
    saved = spikes.load(tmp_path / "a.json")
    with pytest.raises(
        ValueError, match=r"`matrix` is not in the file, for an array \(40, 6\) in memory is not written"
    ):
        saved.rerun()
    assert saved.rerun(matrix=MATRIX).differences == []


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -0.1, float("inf"), "a", (1, 2.5), np.float64(0.1), PROBLEM, Protocol(steps=3), np.sin],
    ids=str,
)
def test_arguments_come_back(value):
    assert decoded("x", json.loads(json.dumps(encoded(value)))) == value


@pytest.mark.parametrize(
    ("value", "modules"),
    [
        ({"import": "os:system"}, {"os"}),
        ({"import": "numpy:sin"}, set()),
        ({"import": "numpy:load"}, {"numpy"}),
        ([{"x": {"import": "a.b:c"}}], {"a.b"}),
        ({"problem": {"own": {"activation": {"function": "mine:f", "derivative": "math:atan"}}}}, {"mine"}),
        ({"import": "math:__loader__.load_module"}, {"math"}),
    ],
)
def test_modules_are_named_before_they_are_imported(value, modules):
    assert modules_named(value) == modules
