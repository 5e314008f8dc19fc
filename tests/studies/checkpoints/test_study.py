"""The layers of a model: noise is called noise, trained directions are found, and what cannot be tested says why."""

import json
import math

import numpy as np
import pytest

from spikes.studies.checkpoints.report import html_report
from spikes.studies.checkpoints.study import study_checkpoint

safetensors = pytest.importorskip("safetensors.numpy")


def glorot(rng, rows, columns):
    limit = math.sqrt(6.0 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)


def start(layers, seed=0, shape=(40, 24)):
    rng = np.random.default_rng(seed)
    return {f"layer.{i:02d}.weight": glorot(rng, *(shape if i % 2 else shape[::-1])) for i in range(layers)}


def trained(weights, name, size, seed=1):
    rng = np.random.default_rng(seed)
    u, v = (rng.standard_normal(side) for side in weights[name].shape)
    step = size * np.outer(u / np.linalg.norm(u), v / np.linalg.norm(v))
    noise = 0.02 * rng.standard_normal(weights[name].shape)
    return {**weights, name: (weights[name] + step + noise).astype(np.float32)}


def test_a_start_is_noise_and_training_is_seen(tmp_path):
    weights = start(6) | {"layer.00.bias": np.zeros(40, np.float32), "step": np.arange(3)}
    after = trained(weights, "layer.02.weight", 4.0)
    safetensors.save_file(weights, tmp_path / "before.safetensors")
    safetensors.save_file(after, tmp_path / "after.safetensors")
    before = study_checkpoint(tmp_path / "before.safetensors")
    assert before.verdict == "None of 6 layers holds a direction that stands out of noise."
    assert before.flips == 119  # p-values down to 0.05/6
    assert sorted(before.others) == ["layer.00.bias", "step"]
    study = study_checkpoint(tmp_path / "after.safetensors", initial=tmp_path / "before.safetensors")
    assert [layer.name for layer in study.layers if layer.spikes] == ["layer.02.weight"]
    assert "1 of 6 layers hold directions that stand out of noise, 1 in all" in study.verdict
    assert "training added such directions to 1 of 1." in study.verdict
    moved = next(layer for layer in study.layers if layer.spikes)
    assert moved.p_holm == pytest.approx(6.0 / 120.0)
    W, W0 = (x["layer.02.weight"].astype(float) for x in (after, weights))
    np.testing.assert_allclose(moved.singular_values, np.linalg.svd(W, compute_uv=False), rtol=1e-10)
    assert moved.cosine == pytest.approx(np.sum(W * W0) / np.linalg.norm(W) / np.linalg.norm(W0), rel=1e-12)
    assert moved.change == pytest.approx(np.linalg.norm(W - W0) / np.linalg.norm(W0), rel=1e-12)
    (u, _, v), (u0, _, v0) = np.linalg.svd(W), np.linalg.svd(W0)
    assert moved.leading_cosine2 == pytest.approx(((u[:, 0] @ u0[:, 0]) ** 2, (v[0] @ v0[0]) ** 2), rel=1e-8)
    assert moved.update.spikes == 1
    assert moved.stable_rank == pytest.approx(np.sum(W**2) / np.linalg.norm(W, 2) ** 2, rel=1e-10)
    still = study.layers[0]
    assert (still.update.remark, still.change) == ("all zeros", 0.0)
    content = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert list(content)[:5] == ["schema", "problem", "theory", "simulation", "agreement"]
    assert len(content["layers"]) == 6
    layer = next(entry for entry in content["layers"] if entry["spikes"])
    assert layer["initial"]["update"]["spikes"][0]["p_value"] <= 0.05 / 6
    page = html_report(study, command="spikes spectrum after.safetensors")
    assert page.startswith("<!DOCTYPE html>")
    assert "no licence to prune" in page
    assert "The null is that the entries of a layer are independent and symmetric about 0" in page
    assert "<script" not in page
    assert "layer.02.weight" in study._repr_html_()


def test_layers_are_read_for_what_they_are(tmp_path):
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((3, 24)), rng.standard_normal((40, 3))
    np.savez(
        tmp_path / "m.npz",
        **{
            "conv.weight": rng.standard_normal((16, 4, 3, 3)),
            "query.lora_A.weight": a,
            "query.lora_B.weight": b,
            "head.weight": rng.standard_normal((3, 24)),
            "zero.weight": np.zeros((20, 20)),
            "bias": np.ones(7),
        },
    )
    study = study_checkpoint(tmp_path / "m.npz")
    layers = {layer.name: layer for layer in study.layers}
    assert layers["conv.weight"].matrix_shape == (16, 36)
    assert len(layers["conv.weight"].p_values)
    pair = layers["query.lora_BA.weight"]
    assert (pair.matrix_shape, len(pair.p_values)) == ((40, 24), 0)
    np.testing.assert_allclose(pair.singular_values[:3], np.linalg.svd(b @ a, compute_uv=False)[:3], rtol=1e-10)
    assert pair.remark == "a product of rank 3: no noise to stand out of"
    assert layers["head.weight"].remark == "fewer than 5 rows or columns"
    assert layers["zero.weight"].remark == "all zeros"
    assert study.others == ("bias",)
    assert "1 convolutions (out, in, …) are unfolded as (out, in·…)" in study.remarks
    json.dumps(study.to_dict(), allow_nan=False)
    assert study.plot().get_ylabel() == "directions that stand out"


def test_other_nulls(tmp_path):
    weights = trained(start(3), "layer.01.weight", 4.0)
    np.savez(tmp_path / "m.npz", **weights)
    for null in ("white", "coloured", "permutation"):
        study = study_checkpoint(tmp_path / "m.npz", null=null)
        assert [layer.spikes for layer in study.layers] == [0, 1, 0]


def test_bad_input(tmp_path):
    weights = start(2)
    np.savez(tmp_path / "m.npz", **weights)
    np.savez(tmp_path / "other.npz", x=weights["layer.00.weight"], y=np.ones(3))
    np.savez(tmp_path / "turned.npz", **{name: w.T for name, w in weights.items()})
    np.savez(tmp_path / "none.npz", a=np.ones(3), b=np.arange(4))
    with pytest.raises(ValueError, match=r"`path` must hold a matrix of floating-point numbers; .* holds a, b"):
        study_checkpoint(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="`initial` must have layers of the names of the model; got x"):
        study_checkpoint(tmp_path / "m.npz", initial=tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"`initial` must have layers of the shapes of the model; layer.00.weight is"):
        study_checkpoint(tmp_path / "m.npz", initial=tmp_path / "turned.npz")
    with pytest.raises(ValueError, match="`null` must be one of signflip, permutation, white, coloured for a model"):
        study_checkpoint(tmp_path / "m.npz", null="counts")
    with pytest.raises(ValueError, match="`flips` must be at least 39, for p-values down to level/layers; got 20"):
        study_checkpoint(tmp_path / "m.npz", flips=20)
    weights["layer.01.weight"][2, 3] = math.nan
    np.savez(tmp_path / "m.npz", **weights)
    with pytest.raises(ValueError, match=r"finite weights; layer.01.weight has 1 NaN or infinite entries"):
        study_checkpoint(tmp_path / "m.npz")


@pytest.mark.slow
def test_a_start_has_no_spike_in_its_layers(tmp_path):
    rejected = layers = 0
    for seed in range(5):
        np.savez(tmp_path / "m.npz", **start(24, seed, (128, 64)))
        study = study_checkpoint(tmp_path / "m.npz")
        assert sum(layer.spikes for layer in study.layers) <= 1
        rejected += sum(layer.p_values[0] <= 0.05 for layer in study.layers)
        layers += len(study.layers)
    # uncorrected, too, 95 % of the layers of a start are noise: three binomial deviations
    assert rejected <= 0.05 * layers + 3.0 * math.sqrt(0.05 * 0.95 * layers)
