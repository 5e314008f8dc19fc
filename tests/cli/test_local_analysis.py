"""``spikes local`` as a contract: complaints, JSON, figures, ablations, runs that are stopped and continued."""

import json

import pytest

TRAIN = ["local", "train", "--teacher", "G", "--d", "4", "--width", "12", "--epochs", "3", "--iterations", "60"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["train", "--teacher", "nobody"], "--teacher must be one of orth4, A, G, r3m5, r5m6, r3m5-close"),
        (["train", "--weights", "1,2"], "--weights must be one number for each of the 4 directions"),
        (["certificate", "--teacher", "A", "--weights", "1,0,1"], "--weights must not be zero; number 1 is"),
        (["train", "--teacher", "angles:0,180"], "directions must be distinct up to sign"),
        (["train", "--width", "0"], "--width must be an integer of at least 1; got 0"),
        (["train", "--decay", "0.05"], "--decay must be below lambda_max = 0.0454225"),
        (["train", "--preprocessing", "median"], "--preprocessing must be one of ols, moment; got 'median'"),
        (["train", "--no-decay", "--constant-decay"], "--constant-decay must be left out with --no-decay"),
        (
            ["train", "--early-only", "--epochs", "2"],
            "--epochs must be left out with --early-only, which has no",
        ),
        (["train", "--noise", "0.1"], "--noise must be 0 in the population"),
        (["train", "--n", "21"], "--n must be an integer of at least 22; got 21"),
        (["train", "--seeds", "0"], "--seeds must be an integer of at least 1; got 0"),
        (["train", "--seed", "-1"], "--seed must be a non-negative integer"),
        (["train", "--stop-after", "0"], "--stop-after must be an integer of at least 1; got 0"),
        (["train", "--checkpoint", "/nowhere/x"], "--checkpoint must be writable; '/nowhere/x'"),
        (["train", "--json", "/nowhere/x"], "--json must be writable; '/nowhere/x'"),
        (["certificate", "--figure", "x.bmp"], "--figure must end in .png, .pdf, .svg; got 'x.bmp'"),
        (["certificate", "--degree", "5"], "--degree must be an even integer of at least 4; got 5"),
        (["certificate", "--d", "x"], "--d must be an integer; got 'x'"),
    ],
)
def test_bad_input(spikes, arguments, complaint):
    code, out, err = spikes("local", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_a_file_that_states_no_teacher(spikes, tmp_path):
    path = tmp_path / "teacher.json"
    path.write_text('{"directions": [[1, 0], [0, 0]], "weights": [1, 1]}')
    code, _, err = spikes("local", "train", "--teacher", str(path))
    assert code == 2
    assert "--teacher must state a teacher; in" in err
    assert "directions must not be zero; row 1 is" in err


def test_divergence_exits_with_1(spikes):
    code, out, err = spikes(*TRAIN, "--step", "1000")
    assert (code, out) == (1, "")
    assert "training diverged in epoch 1" in err
    assert "try --step 250" in err


@pytest.mark.slow
def test_train(spikes, tmp_path):
    picture, kept = tmp_path / "out.png", tmp_path / "run.npz"
    code, out, _ = spikes(*TRAIN, "--checkpoint", str(kept), "--stop-after", "1", "--figure", str(picture))
    assert code == 0
    assert "stopped after 1 of 3 epochs" in out
    assert f"--checkpoint {kept}" in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    code, continued, _ = spikes(*TRAIN, "--checkpoint", str(kept), "--json", "-")
    assert code == 0
    _, whole, _ = spikes(*TRAIN, "--json", "-")
    assert continued == whole
    content = json.loads(whole)
    assert set(content) == {"schema", "problem", "theory", "simulation", "agreement", "run"}
    assert content["problem"]["teacher"]["d"] == 4
    assert [entry["epoch"] for entry in content["simulation"]["epochs"]] == [1, 2, 3]
    assert set(content["simulation"]["epochs"][0]["loss"]) == {"mean", "sem"}
    assert content["agreement"][0]["quantity"] == "tangent"
    code, _, err = spikes(*TRAIN, "--checkpoint", str(kept), "--seed", "1")
    assert code == 2
    assert "--checkpoint must be that of the same run" in err


@pytest.mark.slow
@pytest.mark.parametrize("ablation", ["--no-decay", "--constant-decay", "--early-only"])
def test_ablations(spikes, tmp_path, ablation):
    arguments = TRAIN if ablation != "--early-only" else TRAIN[:-4]
    code, out, _ = spikes(*arguments, ablation, "--n", "50", "--noise", "0.1", "--figure", str(tmp_path / "out.svg"))
    assert code == 0
    assert "Stages 1 and 2" in out
    assert ("epoch 1" in out) == (ablation != "--early-only")


def test_certificate(spikes, tmp_path):
    code, out, _ = spikes("local", "certificate", "--teacher", "r3m5-close", "--figure", str(tmp_path / "out.png"))
    assert code == 0
    assert "no non-degenerate minimum-norm certificate: max |eta| = 1.02683, 22.9° from direction 5" in out
    code, out, _ = spikes("local", "certificate", "--teacher", "A", "--degree", "8", "--json", "-")
    content = json.loads(out)
    assert content["simulation"] is None
    assert content["theory"]["certificate"]["exists"] is True
    assert len(content["theory"]["curve"]["eta"]) == len(content["theory"]["curve"]["degrees"])


def test_a_remedy_names_the_option(spikes):
    code, out, err = spikes("local", *TRAIN[1:], "--step", "1000")
    assert (code, out) == (1, "")
    assert "training diverged in epoch 1" in err
    assert err.endswith("; try --step 250\n")
