"""Standard output as it comes: any encoding, closed, full, or with nobody who reads on."""

import os
import subprocess
import sys

import pytest

from spikes.validation.user_claims import load_claims

PREDICT = ["predict", "--n", "60", "--d", "30", "--width", "40"]


def program(*arguments: str, prefix: str = "", **environment: str) -> subprocess.CompletedProcess:
    """The command as a shell starts it, with what stands behind it."""
    line = f'"{sys.executable}" -m spikes {" ".join(arguments)} {prefix}'
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, check=False, env=os.environ | environment, timeout=120
    )


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_any_encoding(encoding):
    done = program(*PREDICT, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    assert "bulk of FFT/n" in text  # ᵀ is in neither
    assert "eta = " in text


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
@pytest.mark.parametrize(
    ("end", "complaint"),
    [
        ("--json - >&-", "spikes: standard output is closed\n"),
        ("> /dev/full", "spikes: [Errno 28] No space left on device\n"),
        ("--json - > /dev/full", "spikes: [Errno 28] No space left on device\n"),
    ],
)
def test_an_output_that_takes_nothing(end, complaint):
    done = program(*PREDICT, prefix=end)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", complaint)


@pytest.mark.slow
def test_a_reader_that_has_gone():
    done = program(*PREDICT, prefix="--json - | (exec <&-; while kill -0 $PPID 2>/dev/null && false; do :; done)")
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") <= 1


def test_nothing_commands_the_terminal(spikes, tmp_path):
    code, out, _ = spikes(*PREDICT, "--target", "z # \x1b[2J")
    assert code == 0
    assert "\x1b" not in out
    assert "z # \\x1b[2J" in out
    code, _, err = spikes(*PREDICT, "--target", "exec(z) # \x1b[2J")
    assert code == 2
    assert "\x1b" not in err


def test_claims_that_leave_are_refused(tmp_path):
    path = tmp_path / "claims.py"
    path.write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(ValueError, match=r"`claims` must be a Python file that runs; .*line 2: SystemExit: 3"):
        load_claims(str(path))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--noise", "1e160"], "--noise must be at most 1e+30"),
        (["--eta", "1e300"], "--eta must be at most 1e+30"),
        (["--scale", "1e308"], "--scale must be at most 1e+30"),
        (["--ridge", "0.1,1e160"], "--ridge must be at most 1e+30"),
        (["--dtype", "float32", "--eta", "1e20"], "--eta must keep within 4e+09 in float32; got 1e+20"),
        (["--dtype", "float32", "--noise", "1e30"], "--noise must keep within 4e+09 in float32; got 1e+30"),
        (["--seeds", "1000000000000"], "--seeds must be at most 100000; got 1000000000000"),
        (["--workers", "100000"], "--workers must be at most 1024; got 100000"),
        (["--target", "-" * 400 + "z"], "--target must be nested at most 40 deep; got more"),
    ],
)
def test_numbers_out_of_all_range(spikes, arguments, complaint):
    size = ["--n", "60", "--d", "30", "--width", "40", "--seeds", "1", "--workers", "1"]
    code, out, err = spikes("simulate", *size, *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["giant", "trajectory", "--steps", "100000000"], "--steps must be at most 10000"),
        (["giant", "curve", "--seeds", "100000000000000000000"], "--seeds must be"),
        (["giant", "analyse", "--method", "monte-carlo", "--samples", "1000000000000"], "--samples must be at most"),
        (["matrix-free", "--steps", "1000000000"], "--steps must be at most 10000"),
        (["nonlinear", "spectrum", "--points", "100000000"], "--points must be at most 1000"),
        (["nonlinear", "decomposition", "--sizes", "nan"], "--sizes must be integers separated by commas; got 'nan'"),
        (["local", "train", "--epochs", "100000000"], "--epochs must be at most 1000"),
        (["local", "certificate", "--teacher", "orthogonal:400", "--d", "400"], "--teacher must have a certificate"),
    ],
)
def test_counts_beyond_memory(spikes, arguments, complaint):
    code, out, err = spikes(*arguments)
    assert (code, out) == (2, "")
    assert complaint in err
