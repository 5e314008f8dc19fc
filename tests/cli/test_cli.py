"""The command line is a contract: exit codes, one-line complaints, JSON, whole files."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from spikes.cli import _as_options

SMALL = ["--n", "300", "--d", "100", "--width", "200"]
RUN = [*SMALL, "--seeds", "2", "--workers", "1"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["predict", "--n", "-5"], "--n must be an integer of at least 2; got -5"),
        (["predict", "--n", "1"], "--n must be an integer of at least 2; got 1"),
        (["predict", "--n", "many"], "--n must be an integer; got 'many'"),
        (["predict", "--n", "2.5"], "--n must be an integer; got '2.5'"),
        (["predict", "--width", "1"], "--width must be an integer of at least 2; got 1"),
        (["predict", "--n-step", "0"], "--n-step must be an integer of at least 2; got 0"),
        (["predict", "--ridge", "-1"], "--ridge must be positive; got -1.0"),
        (["predict", "--ridge", "0.1,nan"], "--ridge must be positive; got nan"),
        (["predict", "--ridge", "0.1;0.2"], "--ridge must be numbers separated by commas; got '0.1;0.2'"),
        (["predict", "--noise", "inf"], "--noise must be finite and at least 0; got inf"),
        (["predict", "--noise", "low"], "--noise must be a number; got 'low'"),
        (["predict", "--alpha", "0.7"], "--alpha must be in [0, 0.5] for the theory; got 0.7"),
        (["compare", "--alpha", "0.7"], "--alpha must be in [0, 0.5] for the theory; got 0.7"),
        (["simulate", "--alpha", "1.1"], "--alpha must be in [0, 1]; got 1.1"),
        (["predict", "--scale", "0"], "--scale must be positive; got 0.0"),
        (["predict", "--eta", "-1"], "--eta must be finite and at least 0; got -1.0"),
        (["predict", "--activation", "swish"], "--activation must be one of relu, tanh"),
        (["predict", "--second-layer", "cauchy"], "--second-layer must be one of gaussian, rademacher, constant"),
        (["predict", "--target", "z.real"], "--target must be built from"),
        (["predict", "--target", "exec(z)"], "--target must call only"),
        (["predict", "--target", "2**z"], "--target must have a number as exponent; got '2 ** z'"),
        (["predict", "--target", "z7"], "--target must have at most 6 latents; got 7"),
        (["predict", "--gradient-order", "3"], "--gradient-order must be 1 or 2; got 3"),
        (["predict", "--density-at", "0,1"], "--density-at must be positive and finite; got 0.0"),
        (["simulate", "--seeds", "0"], "--seeds must be an integer of at least 1; got 0"),
        (["simulate", "--seed", "-1"], "--seed must be a non-negative integer"),
        (["compare", "--workers", "0", *SMALL], "--workers must be an integer of at least 1; got 0"),
        (["simulate", "--n", "10000000", "--width", "1000000"], "must fit in memory: n = 10000000"),
        (["predict", "--figure", "x.bmp"], "--figure must end in .png, .pdf, .svg; got 'x.bmp'"),
        (["predict", "--figure", "/nowhere/x.png"], "--figure must be writable; '/nowhere/x.png': No such file"),
        (["compare", "--json", "/nowhere/x.json"], "--json must be writable; '/nowhere/x.json': No such file"),
        (["predict", "--json", "/"], "--json must be a file; '/' is a folder"),
        (["predict", "--colour", "red"], "No such option"),
        (["predict", "surplus"], "unexpected extra argument"),
        (["forecast"], "No such command 'forecast'"),
    ],
)
def test_bad_input(spikes, arguments, complaint):
    code, out, err = spikes(*arguments)
    assert code == 2
    assert out == ""
    assert complaint in err
    assert err.startswith("spikes: ")
    assert err.count("\n") == 1


def test_unwritable_folder(spikes, tmp_path):
    if os.geteuid() == 0:
        target = "/proc/x.json"  # root may write anywhere else
    else:
        tmp_path.chmod(0o500)
        target = str(tmp_path / "x.json")
    code, _, err = spikes("predict", *SMALL, "--json", target)
    assert code == 2
    assert "--json must be writable" in err


def test_predict(spikes, tmp_path):
    path, picture = tmp_path / "out.json", tmp_path / "out.png"
    code, out, _ = spikes(
        "predict", *SMALL, "--json", str(path), "--figure", str(picture), "--ridge", "0.1,1", "--density-at", "0.5,1"
    )
    assert code == 0
    assert "bulk of FFᵀ/n" in out
    assert "before the step" in out
    assert "(0.25 of it label noise), against" in out
    assert "density ρ(x)" in out
    content = json.loads(path.read_text())
    assert content["theory"]["density"]["x"] == [0.5, 1.0]
    assert content["theory"]["ridge"] == [0.1, 1.0]
    assert all(np.array(content["theory"]["test_error"]) < content["theory"]["before"]["test_error"])
    assert content["simulation"] is None
    assert content["agreement"] == []
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.json", "out.png"]


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_simulate(spikes, tmp_path, suffix):
    picture = tmp_path / f"out.{suffix}"
    code, out, _ = spikes("simulate", *RUN, "--json", "-", "--figure", str(picture), "--alpha", "0.8")
    assert code == 0
    content = json.loads(out)
    assert content["theory"] is None
    assert set(content["simulation"]["test_error"][0]) == {"mean", "sem"}
    assert content["problem"]["alpha"] == 0.8
    assert picture.stat().st_size > 1000


def test_a_simulation_ends_in_a_sentence(spikes):
    code, out, _ = spikes("simulate", *RUN, "--ridge", "0.1,1")
    assert code == 0
    assert re.search(
        r"stands? apart from the bulk; test error .* at λ = (0.1|1), against .* before the step$", out, re.M
    )


def test_compare(spikes, tmp_path):
    code, out, _ = spikes("compare", *RUN, "--figure", str(tmp_path / "out.png"), "--no-center", "--eta", "3")
    assert code == 0
    assert "test error, λ = 0.1: after ÷ before" in out
    code, first, _ = spikes("compare", *RUN, "--json", "-", "--seed", "5")
    _, again, _ = spikes("compare", *RUN, "--json", "-", "--seed", "5")
    _, other, _ = spikes("compare", *RUN, "--json", "-", "--seed", "6")
    assert code == 0
    assert first == again != other
    assert [r["quantity"] for r in json.loads(first)["agreement"]][:2] == ["test_error[0.1]", "test_error/before[0.1]"]


def test_random_features(spikes):
    code, out, _ = spikes("compare", *RUN, "--eta", "0", "--json", "-")
    assert code == 0
    content = json.loads(out)
    assert content["theory"]["outliers"] == []
    before, after = content["theory"]["before"]["test_error"], content["theory"]["test_error"]
    assert after == pytest.approx(before, rel=1e-6)


def test_a_fixed_point_that_fails_exits_with_1(spikes, monkeypatch):
    from theory.conditional_equivalent import fixed_point

    monkeypatch.setattr(fixed_point, "_MAX_NEWTON", 0)
    code, out, err = spikes("predict", *SMALL, "--noise", "0.371")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1


def test_failures_name_the_options_of_their_command(spikes, monkeypatch):
    from theory import step_matrix

    two = np.ones(2)
    grid = step_matrix.GridMeasure(
        np.arange(2.0), two, np.ones((2, 1, 1)), (two, two, two), np.ones((2, 1, 1)), 0.0, 1.0, 0.0 * two
    )
    monkeypatch.setattr(step_matrix, "measure_on_grid", lambda *_, **__: grid)
    code, out, err = spikes("predict", *SMALL, "--noise", "0.123")
    assert (code, out) == (1, "")
    assert "too heavy for the grid: use --gradient-order 1 or a bounded target" in err
    message = "raise `n_step`, `samples` or `centered`, or use `gradient_order` = 1"
    for command, expected in (
        (["giant", "analyse"], "raise n_step, --samples or centered, or use gradient_order = 1"),
        (["nonlinear", "spectrum"], "raise --n-step, samples or --center, or use --gradient-order 1"),
    ):
        monkeypatch.setattr(sys, "argv", ["spikes", *command, "--json", "step"])
        assert _as_options(message) == expected


def test_help_is_light():
    script = (
        "import sys, spikes.cli; sys.exit(any(m in sys.modules for m in ('numpy', 'numba', 'scipy', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    script = "import sys, theory, spikes; sys.exit(any(m in sys.modules for m in ('numpy', 'numba', 'scipy')))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.slow
def test_nonlinear(spikes, tmp_path):
    figure, numbers = tmp_path / "a.svg", tmp_path / "a.json"
    size = ["--n", "200", "--d", "100", "--width", "150", "--seeds", "2", "--workers", "1"]
    code, out, err = spikes("nonlinear", "staircase", *size, "--alphas", "0.1,0.3", "--figure", str(figure))
    assert (code, err) == (0, "")
    assert "objective, α = 0.3" in out
    assert figure.stat().st_size > 1000
    code, out, _ = spikes("nonlinear", "spectrum", *size, "--alphas", "0.4", "--points", "3", "--json", "-")
    assert code == 0
    assert json.loads(out)["theory"]["spikes"] == [
        {"alpha": 0.4, "count": 4, "critical": 5, "growth": pytest.approx([0.4, 0.3, 0.2, 0.1])}
    ]
    run = ["nonlinear", "decomposition", *size, "--sizes", "100,200"]
    code, out, _ = spikes(*run, "--json", str(numbers), "--figure", str(figure))
    assert code == 0
    assert "exponent" in out
    assert json.loads(numbers.read_text())["simulation"]["n"] == [100, 200]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["staircase", "--alphas", "0.7"], "--alphas must be in [0, 0.5]; got 0.7"),
        (["staircase", "--alphas", "a"], "--alphas must be numbers separated by commas; got 'a'"),
        (["staircase", "--activation", "He2"], "--activation must have c₁"),
        (["staircase", "--target", "z1 + z1*z2"], "--target must be single-index"),
        (["spectrum", "--points", "1"], "--points must be an integer of at least 2; got 1"),
        (["decomposition", "--sizes", "100.5,200"], "--sizes must be integers separated by commas; got '100.5,200'"),
        (["decomposition", "--sizes", "100"], "--sizes must be at least two different sizes of 50 or more; got [100]"),
        (["decomposition", "--ell", "0"], "--ell must be an integer of at least 1; got 0"),
        (["decomposition", "--alpha", "0.5"], "--alpha must be in [0, 0.5); got 0.5"),
        (["decomposition", "--alpha", "1", "--ell", "1"], "--alpha must be in [0, 0.5); got 1.0"),
        (
            ["decomposition", "--seeds", "1"],
            "--seeds must be an integer of at least 2, for errors of the exponents; got 1",
        ),
    ],
)
def test_bad_input_to_nonlinear(spikes, arguments, complaint):
    code, out, err = spikes("nonlinear", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert len(err.strip().splitlines()) <= 2


def test_spectrum_of_a_file(spikes, tmp_path):
    path, figure, clean = tmp_path / "m.npy", tmp_path / "m.png", tmp_path / "clean.npy"
    rng = np.random.default_rng(0)
    np.save(path, rng.standard_normal((120, 60)) + 3.0 * np.outer(rng.standard_normal(120), np.ones(60)))
    code, out, err = spikes("spectrum", str(path), "--figure", str(figure), "--clean", str(clean))
    assert (code, err) == (0, "")
    assert "One direction stands out of noise (p ≤ 0.01); the rest looks like white noise." in out
    assert "others count: signflip 1, permutation 1, white 1, coloured 1, gavish-donoho 1, screenot 1" in out
    assert figure.stat().st_size > 1000
    assert np.load(clean).shape == (120, 60)
    code, out, _ = spikes("spectrum", str(path), "--json", "-", "--null", "white", "--center", "none")
    assert code == 0
    content = json.loads(out)
    assert (content["null"], len(content["spikes"]), len(content["simulation"]["outliers"])) == ("white", 1, 1)
    np.savez(tmp_path / "model.npz", a=rng.standard_normal((30, 20)), b=rng.standard_normal((20, 30)))
    code, out, err = spikes("spectrum", str(tmp_path / "model.npz"), "--report", str(tmp_path / "r.html"))
    assert (code, err) == (0, "")
    assert "None of 2 layers holds a direction that stands out of noise." in out
    assert "no licence to prune" in (tmp_path / "r.html").read_text()
    code, out, _ = spikes("spectrum", str(tmp_path / "model.npz"), "--key", "b")
    assert (code, "20 × 30, null signflip" in out) == (0, True)
    for arguments, complaint in (
        ([str(tmp_path / "absent.npy")], "FILE must be readable"),
        ([str(path), "--level", "2"], "--level must be between 0 and 1; got 2.0"),
        ([str(figure)], "FILE must end in .npy, .npz, .csv, .parquet, .safetensors"),
        ([str(path), "--null", "guess"], "--null must be one of signflip, white, coloured, permutation, counts"),
        ([str(path), "--initial", str(path)], "--initial must come with a model"),
        ([str(tmp_path / "model.npz"), "--clean", str(clean)], "--clean must come with one matrix"),
        ([str(path), "--report", str(tmp_path / "r.txt")], "--report must end in .html"),
        ([str(path), "--clean", str(path)], "--clean must be another file than FILE"),
    ):
        code, out, err = spikes("spectrum", *arguments)
        assert (code, out) == (2, "")
        assert complaint in err
        assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("options", [["--dtype", "float32"], ["--method", "streamed"], ["--method", "svd"]])
def test_how_a_simulation_runs(spikes, options):
    code, out, _ = spikes("simulate", *RUN, *options, "--json", "-")
    assert code == 0
    _, plain, _ = spikes("simulate", *RUN, "--json", "-")
    found, expected = (json.loads(text)["simulation"]["test_error"][0]["mean"] for text in (out, plain))
    assert found == pytest.approx(expected, rel=1e-3)
    code, _, err = spikes("simulate", *RUN, "--method", "guess")
    assert code == 2
    assert "--method must be one of gram, svd, streamed; got 'guess'" in err


@pytest.mark.parametrize(
    "options",
    [
        ["--noise", "1e160"],
        ["--eta", "1e300"],
        ["--dtype", "float32", "--eta", "1e38"],
        ["--dtype", "float32", "--noise", "1e30"],
    ],
)
@pytest.mark.parametrize("command", ["simulate", "compare"])
def test_huge_numbers_end_in_one_line(spikes, command, options):
    code, out, err = spikes(command, *RUN, *options)
    assert (code, out) == (2, "")
    assert err.startswith(f"spikes: {options[-2]} must ")
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["predict", "matrix-free", "nonlinear staircase"])
def test_every_command_refuses_huge_numbers(spikes, command):
    size = ["--n", "120", "--d", "40", "--width", "50", "--noise", "1e160"]
    code, out, err = spikes(*command.split(), *size)
    assert (code, out) == (2, "")
    assert "--noise must be at most 1e+30" in err
    assert len(err.strip().splitlines()) == 1
