"""Sweeps: a killed run resumes to the same bits, nothing is lost, foreign files stay as they are."""

import csv
import json
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spikes import open_results, sweep
from spikes.runtime.tasks import finished_tasks, run_tasks
from spikes.simulation.one_step import simulate
from spikes.sweeps.store import StudyChanged, open_writer
from spikes.sweeps.study import as_study
from spikes.sweeps.summary import curves, frame, records, summarise, to_dict, write_csv, write_parquet
from theory import predict, predict_errors

STUDY = """seeds = 3
seed = 4
keep = ["test_error", "train_error_before", "outliers", "label_power"]
theory = false
test_samples = 64
[problem]
n = 60
width = 40
d = [20, 30]
alpha = [0.1, 0.6]
ridge = [0.1, 1.0]
"""


def content(path) -> list:
    """Everything but times, in order."""
    results = open_results(path)
    drop = ("seconds", "session", "finished")
    tables = (results.cells(), results.runs(), results.theory())
    return [results.study.text, *[[{k: v for k, v in r.items() if k not in drop} for r in rows] for rows in tables]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "undisturbed.sqlite"
    return sweep(as_study(STUDY), path, workers=1)


def test_rows_are_the_simulations(undisturbed):
    study = undisturbed.study
    assert undisturbed.complete()
    assert undisturbed.progress() == "24 of 24 rows"
    assert sorted(os.listdir(undisturbed.path.parent)) == ["undisturbed.sqlite"]
    point = study.points()[1]
    run = simulate(point.problem, study.sequence(point, 2), test_samples=64)
    rows = [r for r in undisturbed.runs() if r["cell"] in point.cells and r["seed"] == 2]
    assert [r["test_error"] for r in rows] == run.after.test_error.tolist()
    assert [r["train_error_before"] for r in rows] == run.before.train_error.tolist()
    assert rows[0]["label_power"] == rows[1]["label_power"] == run.label_power
    (session,) = undisturbed.sessions()
    assert session["versions"]["numpy"] == np.__version__


def test_theory_stands_beside(tmp_path):
    text = (
        STUDY.replace("theory = false", "gradient_order = 1")
        .replace("seeds = 3", "seeds = 1")
        .replace("[20, 30]", "20")
    )
    results = sweep(as_study(text), tmp_path / "a.sqlite", workers=1)
    points = results.study.points()
    rows = {r["cell"]: r for r in results.theory()}
    first = points[0]
    theory = predict(first.problem, 1)
    assert [rows[c]["test_error"] for c in first.cells] == theory.test_error.tolist()
    assert rows[0]["outliers"] == len(theory.outliers)
    outside = [r for r in rows.values() if r["remark"]]
    assert [r["cell"] for r in outside] == [c for p in points if p.fields["alpha"] == 0.6 for c in sorted(p.cells)]
    assert outside[0]["remark"] == "`alpha` must be in [0, 0.5] for the theory; got 0.6"
    assert outside[0]["test_error"] is None
    assert outside[0]["train_error_before"] > 0.0


def test_theory_alone(tmp_path):
    source = {"seeds": 0, "keep": ["test_error"], "problem": {"n": 60, "d": 20, "width": 40, "alpha": [0.1, 0.2]}}
    results = sweep(source, tmp_path / "a.sqlite", workers=1)
    expected = [predict_errors(p.problem)[0].test_error for p in results.study.points()]
    assert [s.predicted["test_error"] for s in summarise(results)] == pytest.approx(expected, rel=1e-12)
    assert to_dict(results, summarise(results))["simulation"] is None


def test_an_executor_gives_the_same_bits(undisturbed, tmp_path):
    with ThreadPoolExecutor(2) as executor:
        sweep(as_study(STUDY), tmp_path / "threads.sqlite", executor=executor)
        with pytest.raises(ValueError, match="`executor` must come alone"):
            sweep(as_study(STUDY), tmp_path / "b.sqlite", executor=executor, workers=2)
    assert content(tmp_path / "threads.sqlite") == content(undisturbed.path)


# Forked from a process that has imported everything and run nothing, a sweep starts at once; it is killed at a random
# moment after a few more simulations have been written.
KILLS = """
import os, random, signal, sys, time
from spikes.sweeps.store import open_results
from spikes.sweeps.study import as_study
from spikes.sweeps.run import sweep
text, path, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
dice = random.Random(7)
rows = lambda: len(open_results(path).runs()) if os.path.exists(path) else 0
for kill in range(kills):
    enough = rows() + dice.randint(0, 6)
    child = os.fork()
    if child == 0:
        sweep(as_study(text), path, resume=True, workers=1)
        os._exit(0)
    while rows() < enough:
        time.sleep(0.001)
    time.sleep(dice.uniform(0.0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.mark.slow
def test_killed_and_resumed(undisturbed, tmp_path):
    path = tmp_path / "killed.sqlite"
    subprocess.run([sys.executable, "-c", KILLS, STUDY, str(path), "4"], check=True, timeout=300)
    before = open_results(path).runs()
    assert 0 < len(before) < 24
    results = sweep(as_study(STUDY), path, resume=True, workers=1)
    assert content(path) == content(undisturbed.path)
    last = results.sessions()[-1]["session"]
    assert len(before) == sum(r["session"] != last for r in results.runs())  # nothing was computed twice


def test_nothing_is_left_to_resume(undisturbed, monkeypatch):
    monkeypatch.setattr("spikes.sweeps.run.simulate", None)
    assert sweep(as_study(STUDY), undisturbed.path, resume=True, workers=1).complete()


def test_an_existing_file_is_not_run_over(undisturbed):
    with pytest.raises(ValueError, match=r"exists with 24 of 24 rows; `resume` goes on with it"):
        sweep(as_study(STUDY), undisturbed.path, workers=1)


def test_a_changed_study_is_refused_with_the_difference(undisturbed):
    before = undisturbed.path.read_bytes()
    with pytest.raises(StudyChanged, match="was begun with another study") as caught:
        sweep(as_study(STUDY.replace("0.6", "0.5")), undisturbed.path, resume=True)
    assert "-alpha = [0.1, 0.6]\n+alpha = [0.1, 0.5]\n" in caught.value.difference
    assert undisturbed.path.read_bytes() == before


def test_two_sweeps_at_once(tmp_path):
    study = as_study(STUDY)
    with open_writer(tmp_path / "a.sqlite", study):
        assert open_results(tmp_path / "a.sqlite").progress() == "0 of 24 rows"  # reading is free
        with pytest.raises(BlockingIOError, match=r"another sweep is writing to .*a\.sqlite"):
            sweep(study, tmp_path / "a.sqlite", resume=True)
    with open_writer(tmp_path / "a.sqlite", study, resume=True):
        pass


def test_more_than_a_million_rows(tmp_path):
    text = STUDY.replace("[0.1, 1.0]", "{start = 1, stop = 2, num = 1000}").replace("seeds = 3", "seeds = 1000")
    with pytest.raises(ValueError) as caught:
        sweep(as_study(text), tmp_path / "a.sqlite")
    assert str(caught.value) == (
        "the study must have at most 1000000 rows (cells times seeds); got 4000 cells and 1000 seeds; `yes` allows it"
    )
    assert os.listdir(tmp_path) == []


def damaged(undisturbed) -> bytes:
    raw = bytearray(undisturbed.path.read_bytes())
    raw[4096 + 100 : 8 * 4096] = b"\xff" * (7 * 4096 - 100)
    return bytes(raw)


def foreign(tmp_path) -> bytes:
    path = tmp_path / "foreign.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    return path.read_bytes()


def test_foreign_and_damaged_files_stay_untouched(undisturbed, tmp_path):
    newer = bytearray(undisturbed.path.read_bytes())
    newer[60:64] = (99).to_bytes(4, "big")
    cases = {
        "text": (b"my notes\n", "must be a results file"),
        "empty": (b"", "must be a results file"),
        "foreign": (foreign(tmp_path), "must be a results file"),
        "newer": (bytes(newer), "must have schema version 3; it has 99"),
        "damaged": (damaged(undisturbed), "must be intact; it is damaged"),
        "cut": (undisturbed.path.read_bytes()[:5000], "must be intact; it is damaged"),
    }
    folder = tmp_path / "files"
    folder.mkdir()
    for name, (raw, complaint) in cases.items():
        path = folder / f"{name}.sqlite"
        path.write_bytes(raw)
        stamp = path.stat().st_mtime_ns
        for attempt in (lambda p=path: sweep(as_study(STUDY), p, resume=True), lambda p=path: open_results(p)):
            with pytest.raises(ValueError, match=complaint):
                attempt()
        assert (path.read_bytes(), path.stat().st_mtime_ns) == (raw, stamp)
    assert sorted(os.listdir(folder)) == sorted(f"{name}.sqlite" for name in cases)


def test_a_full_disk(tmp_path):
    """The pages of the file are limited, as SQLite lets one: the row that does not fit is refused, the others stay."""
    study = as_study(STUDY.replace("seeds = 3", "seeds = 1000"))
    path = tmp_path / "a.sqlite"
    written = 0
    point = study.points()[0]
    rows = [dict.fromkeys(study.columns, 1.0 / 3.0)] * len(point.cells)
    with open_writer(path, study) as writer:
        pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
        writer._connection.execute(f"PRAGMA max_page_count = {pages + 3}")

        def fill() -> None:
            nonlocal written
            for seed in range(1000):
                writer.add_runs(point, seed, rows, 0.1)
                written += 1

        with pytest.raises(OSError, match=r"cannot write to .*: database or disk is full; the rows written before"):
            fill()
    assert 0 < written < 1000
    assert len(open_results(path).runs()) == 2 * written


FULL = """
import resource, signal, sys
from spikes.sweeps.study import as_study
from spikes.sweeps.run import sweep
resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, 80_000))
try:
    sweep(as_study(sys.argv[1]), sys.argv[2], workers=1)
except OSError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_sweep_on_a_full_disk_resumes(tmp_path):
    path = tmp_path / "a.sqlite"
    text = STUDY.replace("seeds = 3", "seeds = 20")
    run = subprocess.run(
        [sys.executable, "-c", FULL, text, str(path)], capture_output=True, text=True, check=True, timeout=300
    )
    assert run.stdout.startswith(f"cannot write to {path}: ")
    assert 0 < len(open_results(path).runs()) < 160
    assert sweep(as_study(text), path, resume=True, workers=1).complete()


def test_a_failed_task_leaves_the_others(tmp_path, monkeypatch):
    def fails_once(problem, sequence, **options):
        if sequence.spawn_key[-1] == 1 and problem.d == 30:
            raise ArithmeticError("no\nsolution")
        return simulate(problem, sequence, **options)

    monkeypatch.setattr("spikes.sweeps.run.simulate", fails_once)
    with pytest.raises(ArithmeticError) as caught:
        sweep(as_study(STUDY), tmp_path / "a.sqlite", workers=1)
    assert "2 of 12 tasks failed" in str(caught.value)
    assert str(caught.value).endswith("seed 1: no solution")
    assert open_results(tmp_path / "a.sqlite").progress() == "20 of 24 rows"
    monkeypatch.undo()
    assert sweep(as_study(STUDY), tmp_path / "a.sqlite", resume=True, workers=1).complete()


def test_a_dead_worker(tmp_path):
    """Tasks are expressions for eval, which any process can import."""
    mark = str(tmp_path / "mark")
    dies_once = (
        f"[open({mark!r}, 'w').close(), __import__('os').kill(__import__('os').getpid(), 9)]"
        f" if not __import__('os').path.exists({mark!r}) else 'survived'"
    )
    assert run_tasks(eval, [("1",), (dies_once,), ("2",), ("3",)], workers=2) == [1, "survived", 2, 3]
    always = "__import__('os').kill(__import__('os').getpid(), 9)"
    with pytest.raises(ChildProcessError, match="worker processes died 4 times with the same task running"):
        list(finished_tasks(eval, [(always,), ("1",)], workers=2))


def test_summaries_and_exports(undisturbed, tmp_path):
    summaries = summarise(undisturbed, "alpha=0.6 and d>20, ridge<=0.1")
    (only,) = summaries
    runs = [r["test_error"] for r in undisturbed.runs() if r["cell"] == only.cell]
    assert only.measured["test_error"].mean == np.mean(runs)
    assert only.measured["test_error"].sem == pytest.approx(np.std(runs, ddof=1) / 3**0.5)
    assert only.measured["test_error"].seeds == 3
    found = json.loads(json.dumps(to_dict(undisturbed, summaries), allow_nan=False))
    assert list(found) == ["schema", "problem", "theory", "simulation", "agreement"]
    assert found["problem"]["alpha"] == [0.1, 0.6]
    assert found["simulation"]["cells"][0]["d"] == 30
    content = records(undisturbed)
    assert len(content) == 24
    write_csv(str(tmp_path / "a.csv"), content)
    with open(tmp_path / "a.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["test_error"]) for r in rows] == [r["test_error"] for r in content]
    assert (rows[0]["eta"], rows[0]["target"]) == ("", "z + 0.5*He2(z)")
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    write_parquet(str(tmp_path / "a.parquet"), content)
    pandas.testing.assert_frame_equal(pandas.read_parquet(tmp_path / "a.parquet"), frame(content), check_dtype=False)


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ("alpha", "must hold conditions like"),
        ("alpha=a", "must compare alpha with a number"),
        ("beta=1", "must name one of n, d"),
        ("target<z", "must compare target by = or !="),
        ("centered=1", "with true or false"),
        ("alpha=0.2", "must leave at least one cell"),
    ],
)
def test_conditions_that_cannot_be_met(undisturbed, where, complaint):
    with pytest.raises(ValueError, match=complaint):
        summarise(undisturbed, where)


@pytest.fixture(scope="module")
def many_cells(tmp_path_factory):
    """Cells without runs: scales that nearly agree, and no value of n_step."""
    study = {
        "problem": {
            "n": 60,
            "d": [20, 30],
            "width": 40,
            "centered": [True, False],
            "scale": [0.1, 0.1 + 1e-12, 0.1 + 1e-6],
            "eta": [1e-300, 1.0, 7.5],
            "target": ["z", "z + He2(z)"],
            "ridge": [0.1, 1.0],
        },
        "seeds": 1,
        "theory": False,
    }
    path = tmp_path_factory.mktemp("cells") / "a.sqlite"
    with open_writer(path, as_study(study)):
        pass
    return open_results(path)


def met(cell: dict, name: str, sign: str, given: str) -> bool:
    """A condition as it is documented, cell by cell: numbers are equal to 9 digits, and None meets none."""
    found = cell[name]
    if found is None:
        return False
    if isinstance(found, bool | str):
        wanted = given == "true" if isinstance(found, bool) else given
        return (found == wanted) == (sign == "=")
    wanted = float(given)
    near = math.isclose(found, wanted, rel_tol=1e-9)
    return {
        "=": near,
        "!=": not near,
        "<": not near and found < wanted,
        "<=": near or found < wanted,
        ">": not near and found > wanted,
        ">=": near or found > wanted,
    }[sign]


@pytest.mark.parametrize("sign", ["=", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("scale", "0.1"),
        ("scale", "0.100001"),
        ("d", "30"),
        ("d", "25"),
        ("d", "-inf"),
        ("eta", "inf"),
        ("eta", "0"),
        ("eta", "1e-300"),
        ("n_step", "60"),
    ],
)
def test_conditions_are_what_they_say(many_cells, name, sign, given):
    expected = [cell["cell"] for cell in many_cells.cells() if met(cell, name, sign, given)]
    for where in (f"{name}{sign}{given}", f" {name} {sign} {given} and ridge>=0.1"):
        if expected:
            assert [s.cell for s in summarise(many_cells, where)] == expected
        else:
            with pytest.raises(ValueError, match="must leave at least one cell"):
                summarise(many_cells, where)


@pytest.mark.parametrize("where", ["target=z", "target!=z", "centered=true", "centered!=true", "target='z', d=20"])
def test_conditions_on_texts_and_switches(many_cells, where):
    parts = [part.strip().partition("!=" if "!=" in part else "=") for part in where.split(",")]
    expected = [
        cell["cell"]
        for cell in many_cells.cells()
        if all(met(cell, name, sign, given.strip("'")) for name, sign, given in parts)
    ]
    assert [s.cell for s in summarise(many_cells, where)] == expected
    assert {type(s.fields["centered"]) for s in summarise(many_cells, where)} == {bool}


def test_a_condition_is_no_program(many_cells):
    """What stands where a value may stand is a parameter of the query, whatever it says."""
    for where in ("target=z' OR '1'='1", 'target=z"; DROP TABLE cells; --'):
        with pytest.raises(ValueError, match="must leave at least one cell"):
            summarise(many_cells, where)
    for where in ("d=20; DROP TABLE cells", "d=20 OR 1", "d=nan"):
        with pytest.raises(ValueError, match="`where` must compare d with a number"):
            summarise(many_cells, where)
    with pytest.raises(ValueError, match="`where` must name one of n, d"):
        summarise(many_cells, "digest=0")
    assert len(many_cells.cells()) == 144


def test_every_field_is_kept_under_its_own_name(many_cells):
    for cell, fields in zip(many_cells.cells(), many_cells.study.assignments(), strict=True):
        assert {name: cell[name] for name in fields} == fields


def test_a_lock_makes_no_folder(tmp_path):
    with (
        pytest.raises(OSError, match=r"cannot write to .*absent.*a\.sqlite\.lock: No such file"),
        open_writer(tmp_path / "absent" / "a.sqlite", as_study(STUDY)),
    ):
        pass
    assert os.listdir(tmp_path) == []


def test_curves(undisturbed):
    assert len(summarise(undisturbed, "target=z + 0.5*He2(z), centered=true, alpha!=0.6")) == 4
    found = curves(summarise(undisturbed, "d=20"), "alpha", "test_error", ["ridge"])
    assert [c.label for c in found] == [{"ridge": 0.1}, {"ridge": 1.0}]
    assert found[0].x.tolist() == [0.1, 0.6]
    assert np.isnan(found[0].predicted).all()
    everything = summarise(undisturbed)
    with pytest.raises(ValueError, match="`where` must fix d, or `by` name it: it varies along the curve"):
        curves(everything, "alpha", "test_error", ["ridge"])
    with pytest.raises(ValueError, match="`x` must be one of n, d"):
        curves(everything, "epoch", "test_error")
    with pytest.raises(ValueError, match="`x` must be a field that holds numbers"):
        curves(everything, "target", "test_error")
    with pytest.raises(ValueError, match="`y` must be one of label_power"):
        curves(everything, "alpha", "loss")


LONG = (
    STUDY.replace("seeds = 3", "seeds = 60")
    .replace("theory = false", "gradient_order = 1")
    .replace("n = 60", "n = 150")
)


def stored(path) -> int:
    """Rows of a file that may not be there yet."""
    return len(open_results(path).runs()) if path.exists() else 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The long sweep by a command that nobody disturbs: its results, and how long it takes."""
    folder = tmp_path_factory.mktemp("whole")
    study, path = folder / "study.toml", folder / "whole.sqlite"
    study.write_text(LONG)
    start = time.perf_counter()
    command = [sys.executable, "-m", "spikes", "sweep", str(study), "--workers", "2", "--quiet", "--output", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return content(path), time.perf_counter() - start


@pytest.mark.parametrize("kills", [pytest.param(3, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.study)])
def test_kills_of_the_command(tmp_path, whole, kills):
    """The whole command with two workers, killed without warning at random moments, its start included."""
    study, path = tmp_path / "study.toml", tmp_path / "study.sqlite"
    study.write_text(LONG)
    command = [sys.executable, "-m", "spikes", "sweep", str(study), "--resume", "--workers", "2", "--quiet"]
    undisturbed, span = whole
    dice, left = random.Random(3), [0]
    for i in range(kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if i % 2:  # under way, however long it took to start
            enough = left[-1] + dice.randrange(1, 240 // kills)
            while process.poll() is None and stored(path) < enough:
                time.sleep(0.02)
        else:
            time.sleep(dice.uniform(0.0, 0.6) * span)
        process.kill()
        process.wait()
        left.append(stored(path))
    assert any(0 < rows < 480 for rows in left)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert content(path) == undisturbed


def kill_once_under_way(path, pids) -> tuple[threading.Thread, list[int]]:
    """Kill one of the processes when the first rows are there; the list then says how many those were."""
    rows: list[int] = []

    def run():
        while not stored(path):
            time.sleep(0.02)
        os.kill(pids()[0], signal.SIGKILL)
        rows.append(len(open_results(path).runs()))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, rows


@pytest.mark.slow
def test_a_worker_of_the_pool_is_killed(tmp_path, whole):
    psutil = pytest.importorskip("psutil", reason="psutil, which finds the workers, is not installed")

    def workers() -> list[int]:
        return [p.pid for p in psutil.Process().children() if any("LokyProcess" in part for part in p.cmdline())]

    study = as_study(LONG)
    path = tmp_path / "killed.sqlite"
    killer, rows = kill_once_under_way(path, workers)
    assert sweep(study, path, workers=2).complete()
    killer.join()
    assert 0 < rows[0] < 480
    assert content(path) == whole[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_worker_of_a_cluster_is_killed(tmp_path, whole):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    study = as_study(LONG)
    path = tmp_path / "killed.sqlite"
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster:
        killer, rows = kill_once_under_way(path, lambda: [worker.pid for worker in cluster.workers.values()])
        assert sweep(study, path, scheduler=cluster.scheduler_address).complete()
        killer.join()
    assert 0 < rows[0] < 480
    assert content(path) == whole[0]
    with distributed.LocalCluster(1, threads_per_worker=2, dashboard_address=":0") as cluster:  # noqa: SIM117
        with pytest.raises(ValueError, match="`scheduler` must have workers of one thread each"):
            sweep(study, tmp_path / "b.sqlite", scheduler=cluster.scheduler_address)
