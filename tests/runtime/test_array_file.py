"""Files of arrays: what they claim is held against what they are, before memory is taken."""

import json
import os
import struct
import sys
import types
import zipfile

import numpy as np
import pytest
import scipy.sparse

from spikes.runtime import array_file
from spikes.runtime.array_file import is_model, load_array, load_table, stored_arrays

X = np.random.default_rng(0).standard_normal((6, 5))


def refuses(path, why, reader=load_table) -> bool:
    """Whether a file is refused for that reason, in one line."""
    with pytest.raises(ValueError, match=why) as error:
        reader(path)
    return "\n" not in str(error.value)


def header_of(shape, dtype="<f8"):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def test_arrays_that_are_not_what_they_claim(tmp_path):
    path = tmp_path / "m.npy"
    path.write_bytes(header_of((50000, 40000)))  # 16 GB
    assert refuses(path, "`path` must be a NumPy file of numbers")
    np.savez(tmp_path / "m.npz", a=X)
    (tmp_path / "renamed.npy").write_bytes((tmp_path / "m.npz").read_bytes())
    assert refuses(tmp_path / "renamed.npy", "an archive, a .npz file by another name")
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "w", method) as archive:
            archive.writestr("a.npy", header_of((50000, 40000)) + bytes(100))
        assert refuses(tmp_path / f"{name}.npz", r"`path` must be a NumPy file of numbers; .*a: .*(header|length)")


def test_archives_that_cannot_be_opened(tmp_path):
    np.savez(tmp_path / "m.npz", a=X)
    for name, place, value, why in (
        ("encrypted", 6, 1, "encrypted|password"),
        ("unknown", 8, 97, "compression|unsupported"),
    ):
        data = bytearray((tmp_path / "m.npz").read_bytes())
        central = data.index(b"PK\x01\x02")
        struct.pack_into("<H", data, place, value)
        struct.pack_into("<H", data, central + place + 2, value)
        (tmp_path / f"{name}.npz").write_bytes(data)
        assert refuses(tmp_path / f"{name}.npz", f"`path` must be a NumPy file of numbers; .*({why})")


def test_memory_is_asked_for_before_it_is_taken(tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    np.savez_compressed(tmp_path / "m.npz", a=np.zeros((300, 300)))
    scipy.sparse.save_npz(tmp_path / "s.npz", scipy.sparse.random(300, 300, 0.5, rng=0))
    (tmp_path / "m.csv").write_text("a,b\n" + "1,2\n" * 20000)
    monkeypatch.setattr("spikes.runtime.memory.free_gib", lambda: (1e-5, 1e-5))
    for name in ("m.npz", "s.npz", "m.csv"):
        assert refuses(tmp_path / name, "need about .* GiB, 1e-05 GiB are free")


def test_sparse_matrices(tmp_path):
    sparse = scipy.sparse.random(30, 20, 0.3, rng=0, format="csr")
    scipy.sparse.save_npz(tmp_path / "s.npz", sparse)
    assert not is_model(tmp_path / "s.npz")
    np.testing.assert_array_equal(load_table(tmp_path / "s.npz")[0].toarray(), sparse.toarray())


def test_tables(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    for index in (True, False):
        frame.to_csv(tmp_path / "m.csv", index=index)
        table, names = load_table(tmp_path / "m.csv")
        assert names is None
        assert list(table.columns) == list("abcde")
        np.testing.assert_allclose(table.to_numpy(), X, rtol=1e-15)
    np.savetxt(tmp_path / "plain.csv", X, delimiter=",")
    assert load_table(tmp_path / "plain.csv")[0].shape == (6, 5)
    frame.to_parquet(tmp_path / "m.parquet")
    np.testing.assert_array_equal(load_table(tmp_path / "m.parquet")[0].to_numpy(), X)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n1,2,3,4\n")
    assert refuses(tmp_path / "bad.csv", "`path` must be a table of numbers")
    (tmp_path / "bytes.csv").write_bytes(b"a,b\n\xff\xfe1,2\n" * 3)
    assert refuses(tmp_path / "bytes.csv", "`path` must be a table of numbers")
    (tmp_path / "bad.parquet").write_text("no table")
    assert refuses(tmp_path / "bad.parquet", "`path` must be a table of numbers|`path` must be readable")
    assert refuses(tmp_path / "absent.csv", "`path` must be readable")
    assert refuses(tmp_path / "m.xlsx", "`path` must end in .npy, .npz, .csv, .parquet, .safetensors")
    with pytest.raises(ValueError, match="`key` must name an array of a file of several"):
        load_table(tmp_path / "m.csv", "a")


def test_a_package_that_is_missing_is_named_with_its_remedy(tmp_path, monkeypatch):
    (tmp_path / "m.csv").write_text("a,b\n1,2\n")
    for name, package, extra in (
        ("m.csv", "pandas", "pandas"),
        ("m.safetensors", "safetensors", "models"),
        ("m.pt", "torch", "torch"),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ImportError, match=rf"read by {package}, .* pip install 'spikes-rmt\[{extra}\]'"):
            load_table(tmp_path / name)


def test_safetensors(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    path = tmp_path / "m.safetensors"
    save_file({"w": X.astype(np.float32), "h": X.astype(np.float16), "i": np.arange(3)}, path)
    arrays = stored_arrays(path)
    assert {name: (a.shape, a.dtype) for name, a in arrays.items()} == {
        "w": ((6, 5), "F32"),
        "h": ((6, 5), "F16"),
        "i": ((3,), "I64"),
    }
    np.testing.assert_array_equal(arrays["w"].load(), X.astype(np.float32))
    np.testing.assert_array_equal(load_table(path, "h")[0], X.astype(np.float16))
    with pytest.raises(ValueError, match=r"`key` must be one of .*; got None"):
        load_table(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert refuses(path, "`path` must be a whole safetensors file", stored_arrays)
    path.write_bytes(whole[:5])
    assert refuses(path, "the file ends before its header does", stored_arrays)
    path.write_bytes(struct.pack("<Q", 2**62) + whole[8:])
    assert refuses(path, "the file ends before its header does", stored_arrays)
    header = json.dumps({"w": {"dtype": "F32", "shape": [50000, 80000], "data_offsets": [0, 16_000_000_000]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))
    assert refuses(path, "`path` must be a whole safetensors file", stored_arrays)


def test_bfloat16(tmp_path):
    pytest.importorskip("safetensors")
    values = np.array([[1.0, -2.5], [0.15625, 3e38]], dtype="<f4")
    data = (values.view("<u4") >> 16).astype("<u2").tobytes()
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, len(data)]}}).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
    # bfloat16 keeps eight bits
    np.testing.assert_allclose(stored_arrays(tmp_path / "m.safetensors")["w"].load(), values, rtol=2**-7)


def test_torch_files_are_loaded_as_weights_only(tmp_path, monkeypatch):
    class Tensor:
        shape, dtype = (6, 5), "torch.float32"

        def detach(self):
            return self

        def numpy(self):
            return X

    asked = {}

    def load(path, **options):
        asked.update(options)
        if "bad" in str(path):
            raise RuntimeError("Weights only load failed\nsecond line")
        return {"state_dict": {"layer": {"weight": Tensor()}}, "epoch": 3}

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(load=load))
    (tmp_path / "m.pt").write_bytes(b"x")
    (tmp_path / "bad.pt").write_bytes(b"x")
    arrays = stored_arrays(tmp_path / "m.pt")
    assert asked == {"map_location": "cpu", "weights_only": True}
    assert list(arrays) == ["state_dict.layer.weight"]
    assert arrays["state_dict.layer.weight"].dtype == "float32"
    np.testing.assert_array_equal(load_table(tmp_path / "m.pt")[0], X)
    assert refuses(tmp_path / "bad.pt", "without running code; .*Weights only load failed", stored_arrays)


def test_archives_of_several_arrays_are_models(tmp_path):
    np.savez(tmp_path / "m.npz", a=X, b=X[0])
    assert is_model(tmp_path / "m.npz")
    assert {name: a.shape for name, a in stored_arrays(tmp_path / "m.npz").items()} == {"a": (6, 5), "b": (5,)}
    np.savez(tmp_path / "one.npz", a=X)
    assert not is_model(tmp_path / "one.npz")
    np.testing.assert_array_equal(load_array(tmp_path / "one.npz"), X)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_that_stay_in_their_file(tmp_path, order, monkeypatch):
    monkeypatch.setattr(array_file, "_SPAN", 64)  # so that rows far apart are read on their own
    table = np.asarray(np.random.default_rng(1).standard_normal((500, 7)), order=order)
    np.savez(tmp_path / "m.npz", X=table, y=table[:, 0])
    X, y = array_file.load_arrays(tmp_path / "m.npz", ("X", "y"), argument="data")
    assert (X.shape, X.ndim, X.dtype, len(X), y.shape) == (table.shape, 2, table.dtype, 500, (500,))
    index = np.sort(np.random.default_rng(2).permutation(500)[:90])
    for rows in (index, index[:0], slice(40, 200), slice(None), slice(490, 600)):
        np.testing.assert_array_equal(X[rows], table[rows])
        np.testing.assert_array_equal(y[rows], table[rows, 0])
    np.testing.assert_array_equal(np.asarray(X, dtype=float), table)


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    """A map would end the process with SIGBUS."""
    np.savez(tmp_path / "m.npz", X=np.ones((5000, 7)), y=np.ones(5000))
    X, _ = array_file.load_arrays(tmp_path / "m.npz", ("X", "y"), argument="data")
    assert X[:100].shape == (100, 7)
    os.truncate(tmp_path / "m.npz", 4096)
    with pytest.raises(OSError, match="has become shorter while it was read"):
        X[4000:]
    np.save(tmp_path / "m.npy", np.ones((5000, 7)))
    table, _ = load_table(tmp_path / "m.npy")
    os.truncate(tmp_path / "m.npy", 4096)
    assert table.sum() == 35000.0
