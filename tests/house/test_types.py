"""What a type checker is told of the names that both packages load on first use."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

ROOT = Path(__file__).parents[2]

SCRIPT = """\
from spikes import compare, simulate_ensemble
from theory import Problem, predict

problem = Problem(n=200, d=100, width=150)
reveal_type(problem)
reveal_type(compare(problem, seeds=2).rows())
reveal_type(predict(problem))
reveal_type(predict(problem).outliers)
reveal_type(simulate_ensemble(problem, seeds=2))
"""

REVEALED = [
    "theory.statement.problem.Problem",
    "list[spikes.agreement.Row]",
    "theory.conditional_equivalent.prediction.Prediction",
    "tuple[theory.conditional_equivalent.outliers.Outlier, ...]",
    "spikes.simulation.ensemble.Ensemble",
]


def test_lazy_names_have_the_types_of_what_they_load(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    run = subprocess.run(
        [sys.executable, "-m", "mypy", str(tmp_path / "script.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    revealed = re.findall(r'Revealed type is "(.*)"', run.stdout)
    # a named tuple is revealed with its fields
    revealed = [re.sub(r"tuple\[[^\[\]]*, fallback=([\w.]+)\]", r"\1", each) for each in revealed]
    assert revealed == REVEALED, run.stdout + run.stderr
