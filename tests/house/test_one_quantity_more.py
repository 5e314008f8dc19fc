"""A quantity is one entry of the registry: rows, JSON, columns of a sweep and tables follow from it."""

import json
from dataclasses import replace

import pytest

from spikes import agreement, compare, sweep
from spikes.agreement import Quantity
from spikes.sweeps.summary import summarise
from theory import Problem


@pytest.fixture
def one_more(monkeypatch):
    """As many numbers as somebody needs who adds one: predicted from a prediction, measured from a run."""
    more = (
        Quantity(
            "largest_eigenvalue",
            "run",
            lambda theory: theory.outliers[0].singular_value ** 2,
            lambda run: run.after.eigenvalues[0],
            label="largest eigenvalue of FFᵀ/n",
        ),
        Quantity("residual_share", "penalty", lambda e: e.train_error, lambda fit: fit.train_error, source="errors"),
        Quantity("eigenvalue", "spike", lambda o: o.singular_value**2, lambda fit: fit.eigenvalues, label="λ {i}"),
    )
    monkeypatch.setattr(agreement, "QUANTITIES", agreement.QUANTITIES + more)


def test_a_quantity_more(one_more, capsys, tmp_path):
    problem = Problem(n=100, d=50, width=75, ridge=[0.1, 1.0])
    result = compare(problem, seeds=2, workers=1, test_samples=64)
    rows = {r.quantity: r for r in result.rows()}
    runs = result.simulation.runs
    largest = rows["largest eigenvalue of FFᵀ/n"]
    assert largest.theory == pytest.approx(result.theory.outliers[0].singular_value ** 2)
    assert largest.simulation == pytest.approx(sum(run.after.eigenvalues[0] for run in runs) / 2)
    assert rows["residual_share[1]"].simulation == rows["train_error[1]"].simulation
    assert rows["λ 1"].theory == largest.theory
    content = json.loads(json.dumps(result.to_dict()))
    assert content["simulation"]["largest_eigenvalue"]["mean"] == largest.simulation
    assert content["simulation"]["residual_share"] == content["simulation"]["train_error"]
    assert content["simulation"]["before"]["residual_share"] == content["simulation"]["before"]["train_error"]
    assert content["simulation"]["outliers"][0]["eigenvalue"]["mean"] == largest.simulation
    from spikes.studies import one_step

    one_step.print_comparison(result)
    assert "largest eigenvalue" in capsys.readouterr().out
    stated = {
        "seeds": 2,
        "keep": ["largest_eigenvalue", "residual_share", "residual_share_before", "eigenvalue_1"],
        "problem": {"n": 100, "d": 50, "width": 75},
    }
    (summary,) = summarise(sweep(stated, tmp_path / "more.sqlite", workers=1))
    assert set(summary.measured) == set(summary.predicted) == set(stated["keep"])
    assert summary.predicted["largest_eigenvalue"] == pytest.approx(largest.theory)
    assert summary.measured["eigenvalue_1"].mean == summary.measured["largest_eigenvalue"].mean


def test_a_quantity_is_left_out_where_it_is_not_compared(monkeypatch):
    silent = tuple(replace(q, compared=False) if q.name == "beta_norm2" else q for q in agreement.QUANTITIES)
    monkeypatch.setattr(agreement, "QUANTITIES", silent)
    result = compare(Problem(n=100, d=50, width=75), seeds=2, workers=1, test_samples=64)
    assert "beta_norm2" not in {r.quantity for r in result.rows()}
    assert "beta_norm2" not in result.simulation.to_dict()["step"]
