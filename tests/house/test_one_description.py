"""A field of a problem is described once, in theory/statement/problem.py: whatever reads the fields follows."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A problem with one field more, in place before anything reads the fields; then commands, each with its answer.
ADDED = """
import contextlib, dataclasses, io, json, sys
from functools import partial
import theory.statement
import theory.statement.problem as home
from theory.statement.arguments import integer

@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Problem(home.Problem):
    heads: int = dataclasses.field(
        default=1, metadata=home.described(int, "Throw-away heads.", rule=partial(integer, minimum=1))
    )

home.Problem = theory.statement.Problem = Problem
from spikes.cli import main
answers = []
for command in json.loads(sys.argv[1]):
    sys.argv = ["spikes", *command]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            main()
        except SystemExit as end:
            answers.append((end.code or 0, out.getvalue(), err.getvalue()))
print(json.dumps(answers))
"""


def test_a_field_is_seen_by_everything_that_reads_fields(tmp_path):
    study, results, table = tmp_path / "study.toml", tmp_path / "results.sqlite", tmp_path / "table.csv"
    study.write_text(
        "seeds = 1\ntheory = false\ntest_samples = 64\n"
        "[problem]\nn = 60\nd = 30\nwidth = 40\nridge = 0.25\nheads = {start = 1, stop = 3, step = 1}\n"
    )
    commands = [
        ["predict", "--help"],
        ["predict", "--n=60", "--d=30", "--width=40", "--heads=3", "--json=-"],
        ["predict", "--heads=0"],
        ["sweep", str(study), f"--output={results}", "--workers=1", "--quiet"],
        ["results", str(results), "--where=heads>=2", "--json=-", f"--csv={table}"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", ADDED, json.dumps(commands)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    shown, stated, refused, swept, kept = json.loads(done.stdout)
    assert "--heads INTEGER" in shown[1]
    assert "Throw-away heads.  [default: 1]" in shown[1]
    assert json.loads(stated[1])["problem"]["heads"] == 3
    assert refused == [2, "", "spikes: --heads must be an integer of at least 1; got 0\n"]
    assert swept[0] == 0, swept[2]
    assert json.loads(kept[1])["problem"]["heads"] == [1, 2, 3]
    assert [cell["heads"] for cell in json.loads(kept[1])["simulation"]["cells"]] == [2, 3]
    head, *lines = table.read_text().splitlines()
    rows = [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines]
    assert [(row["heads"], row["ridge"]) for row in rows] == [("2", "0.25"), ("3", "0.25")]
