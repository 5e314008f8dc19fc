"""The memory that is free, within control groups of either version, and what commands say they need of it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from spikes.runtime import memory
from spikes.sweeps import store
from spikes.sweeps.study import as_study

GIB = 2**30


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A file system of control groups of our own: a function that writes files into one."""
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(memory, "_held", lambda: (0.0, 0.0))

    def write(own: str, **groups: dict[str, str]) -> None:
        (tmp_path / "own").write_text(own)
        for group, files in groups.items():
            folder = tmp_path / "groups" / group.replace("__", "/")
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name).write_text(text)

    return write


def test_what_the_system_has_without_groups(groups):
    groups("0::/\n")
    assert memory.free_gib() == pytest.approx((psutil.virtual_memory().available / GIB, float("inf")), rel=0.2)


def test_without_the_files_of_linux(groups, tmp_path, monkeypatch):
    monkeypatch.undo()
    here, mapped = memory.free_gib(), memory._held()
    for name in ("_GROUPS", "_OWN_GROUPS", "_SYSTEM", "_OWN"):
        monkeypatch.setattr(memory, name, tmp_path / "absent")
    assert memory.free_gib()[0] >= 0.8 * here[0]
    assert memory._held() == pytest.approx(mapped, rel=0.1)


def test_what_the_process_holds_is_its_own(groups, monkeypatch):
    files = {"memory.max": str(2**29), "memory.current": str(2**28), "memory.stat": ""}
    groups("0::/\n", **{".": files})
    monkeypatch.setattr(memory, "_held", lambda: (3.0 * 2**27, 2.0**27))
    monkeypatch.setattr(memory, "_address_space", lambda: 2.0**30)
    assert memory.free_gib() == (0.375, 0.75)


def test_the_limit_of_a_group_above(groups):
    """A container's limit stands on the group around the process, of which cached files can be freed."""
    taken = {"memory.current": str(2**28), "memory.stat": f"anon {2**27}\ninactive_file {2**26}\n"}
    groups(
        "0::/outer/inner\n", outer={"memory.max": str(2**29), **taken}, outer__inner={"memory.max": "max\n", **taken}
    )
    assert memory.free_gib()[0] == (2**29 - 2**28 + 2**26) / GIB


def test_the_first_version(groups):
    files = {"memory.limit_in_bytes": str(2**29), "memory.usage_in_bytes": str(2**28)}
    groups("4:memory:/host/name\n0::/\n", memory=files | {"memory.stat": "total_inactive_file 0\n"})
    assert memory.free_gib()[0] == 2**28 / GIB  # the path is the host's, the root is ours


def test_a_group_that_is_exhausted(groups):
    groups("0::/\n", **{".": {"memory.max": "1000", "memory.current": "2000", "memory.stat": ""}})
    assert memory.free_gib()[0] == 0.0


# Every command at three sizes: what its arrays are to be grows from one to the next, and the work stays small.
ONE = ["--seeds", "1", "--workers", "1", "--quiet"]


def sized(n: int, d: int, width: int) -> list[str]:
    return ["--n", f"{n}", "--d", f"{d}", "--width", f"{width}"]


def matrix(folder, rows: int) -> list[str]:
    path = folder / f"{rows}.npy"
    if not path.exists():
        np.save(path, np.random.default_rng(0).standard_normal((rows, 400)))
    return [str(path), "--flips", "19"]


def model(folder, rows: int) -> list[str]:
    path = folder / f"{rows}.npz"
    if not path.exists():
        rng = np.random.default_rng(0)
        np.savez(path, a=rng.standard_normal((rows, 300)), b=rng.standard_normal((40, 30)))
    return [str(path), "--flips", "39"]


def features(folder, rows: int, width: int) -> list[str]:
    path = folder / f"{rows}_{width}.npz"
    if not path.exists():
        rng = np.random.default_rng(0)
        np.savez(path, X=rng.standard_normal((rows, width)), y=rng.standard_normal(rows))
    return [str(path)]


def study(folder, n: int) -> list[str]:
    path = folder / f"{n}.toml"
    path.write_text(
        'seeds = 1\nkeep = ["test_error"]\ntest_samples = 64\ngradient_order = 1\n'
        f"[problem]\nn = {n}\nd = 50\nwidth = 600\nn_step = 600\n"
    )
    (folder / f"{n}.sqlite").unlink(missing_ok=True)
    return [str(path), "--workers", "1", "--quiet"]


def rows(folder, seeds: int) -> str:
    """A results file of so many rows of made-up numbers."""
    path = folder / f"{seeds}.sqlite"
    if not path.exists():
        stated = as_study(f"seeds = {seeds}\n[problem]\nn = 60\nd = 20\nwidth = 40\n")
        (point,) = stated.points()
        with store.open_writer(path, stated) as writer:
            values = dict.fromkeys(stated.columns, 1.0 / 7.0)
            numbers = [(0, seed) for seed in range(seeds)]
            writer._insert("runs", numbers, ("cell", "seed"), [values] * seeds, (0.1,), ("seconds",))
            writer.add_theory(point, [dict.fromkeys(stated.columns, 0.5)], None)
    return str(path)


COMMANDS = {
    "predict": lambda f, i: ["predict", *sized(500 * i, 200 * i, 300 * i)],
    "simulate": lambda f, i: ["simulate", *sized(20000 * i, 60, 600), "--n-step", "600", *ONE],
    "simulate, n = N": lambda f, i: ["simulate", *sized(1000 + 400 * i, 60, 1000 + 400 * i), *ONE],
    "simulate svd": lambda f, i: ["simulate", *sized(4000 * i, 60, 500), "--method", "svd", *ONE],
    "simulate streamed": lambda f, i: [
        "simulate",
        *sized(2000, 60, 1000 + 400 * i),
        "--method",
        "streamed",
        *ONE,
    ],
    "simulate float32": lambda f, i: ["simulate", *sized(20000 * i, 60, 600), "--dtype", "float32", *ONE],
    "compare": lambda f, i: ["compare", *sized(15000 * i, 60, 600), "--n-step", "600", *ONE],
    "simulate --data": lambda f, i: [
        *("simulate", "--data", *features(f, 8000 * i, 60), "--width", "1500", *ONE),
    ],
    "tune": lambda f, i: ["tune", *sized(500 * i, 200 * i, 300 * i), "--quiet"],
    "tune --check": lambda f, i: ["tune", "--check", *sized(15000 * i, 60, 600), "--n-step", "600", *ONE],
    "readout": lambda f, i: [
        *("readout", *features(f, 3000 + 1000 * i, 1000 + 400 * i), "--n", f"{1000 + 400 * i}", "--ridge", "1"),
        *("--splits", "2", "--quiet"),
    ],
    "spectrum": lambda f, i: ["spectrum", *matrix(f, 10000 * i)],
    "spectrum of a model": lambda f, i: ["spectrum", *model(f, 10000 * i)],
    "matrix-free": lambda f, i: ["matrix-free", *sized(600, 2000 * i, 2000), "--count", "1", "--steps", "0", *ONE],
    "sweep": lambda f, i: ["sweep", *study(f, 20000 * i)],
    "results": lambda f, i: ["results", rows(f, 20000 * i)],
    "plot": lambda f, i: ["plot", rows(f, 20000 * i), "--x", "n", "--figure", f"{f}/plot.png"],
    "validate": lambda f, i: ["validate", "--list"],
    "nonlinear staircase": lambda f, i: [
        *("nonlinear", "staircase", "--alphas", "0.2,0.3"),
        *sized(600, 4000 * i, 600),
        *ONE,
    ],
    "nonlinear spectrum": lambda f, i: [
        *("nonlinear", "spectrum", "--alphas", "0.2", "--points", "2"),
        *sized(600, 5000 * i, 600),
        *ONE,
    ],
    "nonlinear decomposition": lambda f, i: [
        *("nonlinear", "decomposition", "--sizes", f"{100 * i},{8000 * i}"),
        *sized(8000, 100, 400),
        *("--seeds", "2", "--workers", "1", "--quiet"),
    ],
    "giant analyse": lambda f, i: [
        *("giant", "analyse", "--target", "z1 + z1*z2", "--method", "monte-carlo"),
        *("--samples", f"{4000000 * i}"),
    ],
    "giant step": lambda f, i: ["giant", "step", *sized(600, 2000, 1000 + 500 * i), *ONE],
    "giant trajectory": lambda f, i: [
        *("giant", "trajectory", "--alone", "--steps", "1"),
        *sized(600, 2000, 1000 + 500 * i),
        *ONE,
    ],
    "giant curve": lambda f, i: [
        *("giant", "curve", "--exponents", "1.3", "--preprocess", "ols"),
        *sized(1000, 100, 1000 + 500 * i),
        *ONE,
    ],
    "local train": lambda f, i: [
        "local",
        "train",
        "--width",
        f"{1000 * i}",
        "--epochs",
        "1",
        "--iterations",
        "2",
        *ONE,
    ],
    "local train, samples": lambda f, i: [
        *("local", "train", "--n", f"{10000 * i}", "--width", "400", "--epochs", "1", "--iterations", "2"),
        *ONE,
    ],
    "local certificate": lambda f, i: [
        *("local", "certificate", "--teacher", f"orthogonal:{30 + 8 * i}", "--d", f"{30 + 8 * i}")
    ],
}
# Also tells the largest estimate that is asked for.
PROGRAM = """
import runpy, sys
import spikes.runtime.memory

estimates = [0.0]

def free_gib():
    estimates.append(sys._getframe(1).f_locals["needed"])
    return {free}, {free}

spikes.runtime.memory.free_gib = free_gib
sys.argv = ["spikes", *{arguments}]
try:
    runpy.run_module("spikes", run_name="__main__")
finally:
    print("largest estimate", max(estimates))
    # of this program alone: what getrusage tells may be the peak of the process that started it
    status = open("/proc/self/status").read().split()
    print("peak", int(status[status.index("VmHWM:") + 1]) / 2**20)
"""


def program(arguments: list[str], free: float = float("inf")) -> str:
    script = PROGRAM.format(arguments=arguments, free=f"float('{free}')")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=os.environ)
    return done.stdout + done.stderr


def measured(name: str, folder: Path, size: int) -> tuple[float, float]:
    """The largest estimate of a command and its peak, in GiB."""
    said = program(COMMANDS[name](folder, size))
    assert "spikes: " not in said, said
    estimate, peak = (float(re.search(rf"^{what} ([\d.]+)$", said, re.M)[1]) for what in ("largest estimate", "peak"))
    return estimate, peak


def test_several_processes():
    """Workers share what the system has, and each has the address space to itself."""
    for shared, own, fits in ((0.81, 9.0, True), (0.79, 9.0, False), (9.0, 0.31, True), (9.0, 0.29, False)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(memory, "free_gib", lambda shared=shared, own=own: (shared, own))
            if fits:
                memory.check_memory("`n` = 5", 0.1, process=0.2, copies=2, itemsize=GIB)
            else:
                with pytest.raises(ValueError, match=r"need about 0\.8 GiB for 2 runs at once, 0\.\d+ GiB are free$"):
                    memory.check_memory("`n` = 5", 0.1, process=0.2, copies=2, itemsize=GIB)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_asks_before_it_computes(name, tmp_path, spikes, monkeypatch):
    """As much as a process takes is free, and no more: what would grow is refused, and nothing else is done."""
    grows = name not in ("predict", "tune", "validate", "results", "plot", "giant analyse")
    arguments = COMMANDS[name](tmp_path, 3 if grows else 1)
    free = 0.25 if grows else 0.09
    monkeypatch.setattr(memory, "free_gib", lambda: (free, free))
    before = sorted(tmp_path.iterdir())
    start = time.process_time()
    code, out, err = spikes(*arguments)
    assert (code, out, sorted(tmp_path.iterdir())) == (2, "", before), err
    assert re.search(r"need about \d[\d.]* GiB, [\d.]+ GiB are free", err)
    assert err.count("\n") == 1
    assert time.process_time() - start < 2.0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="address spaces are limited otherwise")
def test_a_limit_of_the_address_space():
    """As `ulimit -v` sets it, to 2 GiB."""
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); "
    run = "from spikes.__main__ import main; sys.argv = ['spikes', *sys.argv[1:]]; main()"
    for arguments, code in (
        (["simulate", *sized(300000, 60, 1000), *ONE], 2),
        (["simulate", *sized(60, 30, 40), *ONE], 0),
    ):
        done = subprocess.run(
            [sys.executable, "-c", limited + run, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == code, done.stderr
        if code:
            assert re.search(
                r"--n, --d and --width must fit in memory: .* GiB are free; --method streamed takes", done.stderr
            )


@pytest.mark.study
@pytest.mark.parametrize("name", COMMANDS)
def test_estimates(name, tmp_path, record_property):
    """Estimates are within 30 % of the peak at every size."""
    for size in (1, 2, 3):
        estimate, peak = measured(name, tmp_path, size)
        record_property(f"{name} {size}", f"{estimate:.3g} {peak:.3g}")
        assert 0.7 < estimate / peak < 1.3, (size, estimate, peak)


OWN_PEAK = """
import numpy as np
import psutil
from scipy.linalg.blas import dsyrk
from spikes import simulate
from theory import Problem
simulate(Problem(n=100, d=50, width=75))
# the first large product fills the buffers of BLAS, of NumPy's and of SciPy's own: some MB that they keep, more on one
# processor than on another
A = np.ones((2200, 2200))
A @ A.T
dsyrk(1.0, A)
del A
problem = Problem({sizes})
before = psutil.Process().memory_info().rss
open("/proc/self/clear_refs", "w").write("5")  # the peak counts from here
simulate(problem)
# of this program alone: what getrusage tells may be the peak of the process that started it
status = open("/proc/self/status").read().split()
print(1024 * int(status[status.index("VmHWM:") + 1]) - before)
"""


@pytest.mark.parametrize(
    ("n", "d", "width"),
    [
        pytest.param(8192, 256, 1024, marks=pytest.mark.slow),
        pytest.param(12000, 100, 600, marks=pytest.mark.study),
        pytest.param(1200, 100, 5000, marks=pytest.mark.study),
    ],
)
def test_a_simulation_takes_the_features_their_gram_matrix_and_a_fifth(n, d, width):
    """Where d is small against n, so that the first layers are: what a process takes beyond what it had."""
    script = OWN_PEAK.format(sizes=f"n={n}, d={d}, width={width}")
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(3)
    ]
    # what the allocator keeps differs by 2 % from run to run
    taken = float(np.median([float(run.stdout) for run in runs]))
    assert 8 * (n * width + min(n, width) ** 2) < taken < 1.2 * 8 * (n * width + min(n, width) ** 2)
