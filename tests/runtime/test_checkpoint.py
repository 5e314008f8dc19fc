"""Runs that are stopped and continued."""

import json

import numpy as np
import pytest

from spikes.runtime.checkpoint import run_units
from theory import Problem

STATEMENT = {"command": "test", "problem": {"d": 3}, "seed": 0}


def square(x, fail=False):
    if fail:
        raise KeyboardInterrupt
    return {"value": x * x + 0.1, "array": np.arange(x) / 3.0}


def units(numbers, failing=()):
    return [(f"unit {x}", (x, x in failing)) for x in numbers]


def test_a_stopped_run_is_continued(tmp_path):
    path = tmp_path / "kept.json"
    with pytest.raises(KeyboardInterrupt):
        run_units(square, units([1, 2, 3, 4], failing={3}), statement=STATEMENT, checkpoint=path, workers=1)
    assert sorted(json.loads(path.read_text())["units"]) == ["unit 1", "unit 2"]
    # units that are kept are not run again: running 1 or 2 would fail now
    made = run_units(square, units([1, 2, 3, 4], failing={1, 2}), statement=STATEMENT, checkpoint=path, workers=1)
    whole = run_units(square, units([1, 2, 3, 4]), statement=STATEMENT, workers=1)
    for one, two in zip(made, whole, strict=True):
        assert one["value"] == two["value"]
        np.testing.assert_array_equal(one["array"], two["array"])


def test_units_run_in_processes_are_kept(tmp_path):
    path = tmp_path / "kept.json"
    made = run_units(square, units(range(1, 5)), statement=STATEMENT, checkpoint=path, workers=2)
    again = run_units(square, units(range(1, 5), failing=set(range(5))), statement=STATEMENT, checkpoint=path)
    for one, two in zip(made, again, strict=True):
        np.testing.assert_array_equal(one["array"], two["array"])


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "kept.json"
    run_units(square, units([1]), statement=STATEMENT, checkpoint=path, workers=1)
    before = path.read_text()
    with pytest.raises(ValueError, match=r"`checkpoint` must belong to the same run; .* with d = 3, this run has 4"):
        run_units(square, units([1]), statement=STATEMENT | {"problem": {"d": 4}}, checkpoint=path, workers=1)
    assert path.read_text() == before


@pytest.mark.parametrize(("part", "was"), [("problem", 3), ("protocol", 5)])
def test_two_parts_with_a_key_of_one_name(tmp_path, part, was):
    """Neither hides the other: a difference in either is seen, and said with the part that it is in."""
    path = tmp_path / "kept.json"
    statement = {"problem": {"steps": 3}, "protocol": {"steps": 5}, "seed": 0}
    run_units(square, units([1]), statement=statement, checkpoint=path, workers=1)
    with pytest.raises(ValueError, match=rf"was written with {part}\.steps = {was}, this run has 9"):
        run_units(square, units([1]), statement=statement | {part: {"steps": 9}}, checkpoint=path, workers=1)


@pytest.mark.parametrize("content", ["not json", "[]", '{"schema": "spikes/1"}'])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="`checkpoint` must be a new file or one written by an earlier run"):
        run_units(square, units([1]), statement=STATEMENT, checkpoint=path, workers=1)
    assert path.read_text() == content
    with pytest.raises(ValueError, match="`checkpoint` must be writable"):
        run_units(square, units([1]), statement=STATEMENT, checkpoint=tmp_path / "no" / "x.json", workers=1)


def test_functions_of_one_name_are_told_apart():
    def problem(factor):
        def g(z):
            return factor * z[:, 0]

        return Problem(n=10, d=5, width=4, target=g)

    assert problem(1.0).fingerprint() == problem(1.0).fingerprint()
    assert problem(1.0).fingerprint() != problem(2.0).fingerprint()
