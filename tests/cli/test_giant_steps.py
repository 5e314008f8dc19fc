"""``spikes giant``: JSON, figures, one-line complaints, checkpoints."""

import json
import sys

import pytest

from spikes.cli import main

SMALL = ["--n", "200", "--d", "60", "--width", "8", "--seeds", "2", "--workers", "1"]


@pytest.fixture
def giant(monkeypatch, capsys):
    """Run ``spikes giant`` in this process: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["spikes", "giant", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["analyse", "--target", "0*z"], "--target must depend on its latents"),
        (
            ["analyse", "--target", "z1*z2*z3*z4*z5*z6*z7", "--method", "quadrature"],
            "--target must have at most 6 latents for quadrature; got 7",
        ),
        (["analyse", "--max-leap", "0"], "--max-leap must be an integer of at least 1; got 0"),
        (["analyse", "--samples", "7"], "--samples must be an integer of at least 2000; got 7"),
        (["step", "--n", "1"], "--n must be an integer of at least 2; got 1"),
        (["step", "--preprocess", "most"], "--preprocess must be one of none, exact, ols, moments, independent"),
        (["step", "--start", "warm"], "--start must be one of symmetric, random; got 'warm'"),
        (["step", "--width", "7"], "--start must be random for an odd width"),
        (["step", "--seeds", "0"], "--seeds must be an integer of at least 1; got 0"),
        (["trajectory", "--steps", "0"], "--steps must be an integer of at least 1; got 0"),
        (["trajectory", "--preprocess", "ols"], "--preprocess must be none for state evolution; got ols"),
        (["trajectory", "--width", "1000"], "--width must be at most 200"),
        (["trajectory", "--checkpoint", "/no/such/folder/x.json"], "--checkpoint must be writable"),
        (["curve", "--exponents", "9"], "--exponents must be in (0, 4]; got 9.0"),
        (["curve", "--penalty", "0"], "--penalty must be positive and finite; got 0.0"),
        (["curve", "--readout", "all"], "--readout must be one of exact, ols, none; got 'all'"),
        (["curve", "--figure", "x.gif"], "--figure must end in .png, .pdf, .svg"),
    ],
)
def test_bad_input_is_one_line(giant, arguments, complaint):
    status, out, err = giant(*arguments)
    assert (status, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyse"],
        ["step", *SMALL],
        ["trajectory", *SMALL, "--steps", "2", "--scale", "3"],
        ["trajectory", *SMALL, "--steps", "1", "--scale", "3", "--alone", "--refit"],
    ],
    ids=lambda a: a[0],
)
def test_json_is_the_contract_and_the_figure_is_drawn(giant, tmp_path, arguments):
    figure = tmp_path / "x.png"
    status, out, _ = giant(*arguments, "--json", "-", "--figure", str(figure))
    assert status == 0
    content = json.loads(out)
    assert list(content) == ["schema", "problem", "theory", "simulation", "agreement", "run"]
    assert figure.stat().st_size > 5000
    again = giant(*arguments, "--json", "-")[1]
    assert again == out  # the same seed gives the same bits
    assert "theory" in giant(*arguments)[1] or arguments == ["analyse"]


def test_a_run_is_continued_with_more_seeds(giant, tmp_path):
    path = tmp_path / "kept.json"
    command = ["step", *SMALL[:-4], "--workers", "1"]
    assert giant(*command, "--seeds", "1", "--checkpoint", str(path))[0] == 0
    continued = giant(*command, "--seeds", "3", "--checkpoint", str(path), "--json", "-")[1]
    assert continued == giant(*command, "--seeds", "3", "--json", "-")[1]
    status, _, err = giant(*command, "--seeds", "3", "--noise", "0.7", "--checkpoint", str(path))
    assert status == 2
    assert "--checkpoint must belong to the same run" in err
    assert "noise" in err
