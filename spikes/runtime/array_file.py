"""Arrays in files: read whole, or some rows at a time where the file stores them as they are, and never unpickled.

Nothing is mapped into memory: a mapped file that another program makes shorter ends the process that reads it.
Whatever a file claims is held against its length and the memory that is free before any of it is read.
"""

from __future__ import annotations

import json
import lzma
import math
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np

from spikes.runtime.memory import check_memory

__all__ = [
    "StoredArray",
    "StoredRows",
    "is_model",
    "load_array",
    "load_arrays",
    "load_rows",
    "load_table",
    "stored_arrays",
]

TABLES = (".csv", ".parquet")
TORCH = (".pt", ".pth", ".ckpt")
MODELS = (".safetensors", *TORCH)
_SPARSE = {"format", "shape", "data"}
_BROKEN = (
    KeyError,
    ValueError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
_LONGEST_HEADER = 100_000_000  # bytes, the limit of the safetensors format


def load_array(path: str | os.PathLike[str], key: str | None = None) -> np.ndarray:
    """An array of a .npy file, or of a .npz file under a key; pickled objects are never loaded.

    Raises
    ------
    ValueError
        If the file cannot be read as such, or `key` is missing or unknown.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".npy", ".npz"):
        raise ValueError(f"`path` must end in .npy or .npz; got {str(path)!r}")
    if suffix == ".npy":
        try:
            with open(path, "rb") as file:
                if file.read(2) == b"PK":
                    raise ValueError("it is an archive, a .npz file by another name")
                file.seek(0)
                shape, fortran, dtype = _header(file)
                _check_length(shape, dtype, os.fstat(file.fileno()).st_size - file.tell())
                return _read(file, shape, "F" if fortran else "C", dtype)
        except OSError as error:
            raise ValueError(f"`path` must be readable; {str(path)!r}: {error.strerror or error}") from None
        except (ValueError, EOFError) as error:
            raise ValueError(f"`path` must be a NumPy file of numbers; {str(path)!r}: {error}") from None
    names = _names(path, "path")
    if key is None and len(names) == 1:
        key = names[0]
    if key is None:
        raise ValueError(f"`path` must hold one array; {str(path)!r} holds {', '.join(names) or 'none'}")
    if key not in names:
        raise ValueError(f"`key` must be one of {', '.join(names)}; got {key!r}")
    return _member(path, key, "path")


def load_arrays(path: str | os.PathLike[str], keys: tuple[str, ...], *, argument: str) -> list[np.ndarray | StoredRows]:
    """Arrays of a .npz file under some keys; those that are not compressed stay there and are read row by row.

    Parameters
    ----------
    path : path
    keys : tuple of str
    argument : str
        What a complaint calls the file.

    Raises
    ------
    ValueError
        If the file cannot be read as such, lacks a key, or holds pickled objects under it.
    """
    if Path(path).suffix.lower() != ".npz":
        raise ValueError(f"`{argument}` must end in .npz; got {str(path)!r}")
    names = _names(path, argument)
    for key in keys:
        if key not in names:
            raise ValueError(f"`{argument}` must hold an array under each of the keys {', '.join(keys)}; got {names}")
    return [_rows_of_member(path, key, argument) for key in keys]


def load_rows(path: str | os.PathLike[str], *, argument: str) -> StoredRows:
    """The array of a .npy file, left there and read row by row.

    Parameters
    ----------
    path : path
    argument : str
        What a complaint calls the file.

    Raises
    ------
    ValueError
        If the file cannot be read as such, or the array has not one or two dimensions.
    """
    try:
        with open(path, "rb") as file:
            if file.read(2) == b"PK":
                raise ValueError("it is an archive, a .npz file by another name")
            file.seek(0)
            shape, fortran, dtype = _header(file)
            if dtype.hasobject:
                raise ValueError("pickled objects are not loaded")
            offset, size = file.tell(), math.prod(shape) * dtype.itemsize
            length = os.fstat(file.fileno()).st_size - offset
            if size != length:
                raise ValueError(f"the array is not as long as its header says: {size} bytes, {length} are there")
    except OSError as error:
        raise ValueError(f"`{argument}` must be readable; {str(path)!r}: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise ValueError(f"`{argument}` must be a NumPy file of numbers; {str(path)!r}: {error}") from None
    if len(shape) not in (1, 2) or 0 in shape:
        raise ValueError(f"`{argument}` must have rows and columns; got shape {shape}")
    return StoredRows(path, offset, shape, fortran, dtype)


def _names(path: str | os.PathLike[str], argument: str) -> list[str]:
    """Names of the arrays of a .npz file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except OSError as error:
        raise ValueError(f"`{argument}` must be readable; {str(path)!r}: {error.strerror or error}") from None
    except (ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ValueError(f"`{argument}` must be a NumPy file of numbers; {str(path)!r}: {error}") from None


def _rows_of_member(path: str | os.PathLike[str], key: str, argument: str) -> np.ndarray | StoredRows:
    """A member of a .npz file, left there where it lies in the file as it is."""
    try:
        rows = _stored_rows(path, key)
        if rows is not None:
            with zipfile.ZipFile(path) as archive:
                _check_sum(archive, key)
            return rows
    except OSError as error:
        raise ValueError(f"`{argument}` must be readable; {str(path)!r}: {error.strerror or error}") from None
    except _BROKEN as error:
        raise ValueError(f"`{argument}` must be a NumPy file of numbers; {str(path)!r}, {key}: {error}") from None
    return _member(path, key, argument)


def _member(path: str | os.PathLike[str], key: str, argument: str) -> np.ndarray:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as member:
            shape, _, dtype = _header(member)
            _check_length(shape, dtype, archive.NameToInfo[f"{key}.npy"].file_size - member.tell())
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    except OSError as error:
        raise ValueError(f"`{argument}` must be readable; {str(path)!r}: {error.strerror or error}") from None
    except _BROKEN as error:
        raise ValueError(f"`{argument}` must be a NumPy file of numbers; {str(path)!r}, {key}: {error}") from None


def _check_sum(archive: zipfile.ZipFile, key: str) -> None:
    """Read a member once to its end, where its checksum is compared: rows alone tell nothing of it."""
    with archive.open(f"{key}.npy") as member:
        while member.read(2**22):
            pass


def _stored_rows(path: str | os.PathLike[str], key: str) -> StoredRows | None:
    """The array where it lies in the file, or None where it does not lie there as it is: compressed or pickled."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.NameToInfo.get(f"{key}.npy")
    if entry is None or entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
        return None
    with open(path, "rb") as file:
        file.seek(entry.header_offset)
        local = file.read(30)
        if len(local) < 30 or local[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile("the archive is damaged")
        file.seek(entry.header_offset + 30 + sum(struct.unpack("<HH", local[26:30])))
        start = file.tell()
        shape, fortran, dtype = _header(file)
        offset, count = file.tell(), int(np.prod(shape, dtype=object))
        if dtype.hasobject or count == 0 or len(shape) not in (1, 2):
            return None
        if offset - start + count * dtype.itemsize != entry.file_size:
            raise zipfile.BadZipFile("the array is not as long as its header says")
    return StoredRows(path, offset, shape, fortran, dtype)


_SPAN = 2**22  # numbers that are read at once, of which some are kept


@dataclass(frozen=True, eq=False)
class StoredRows:
    """An array of one or two dimensions that stays in its file: indexed by rows, it reads these and no others.

    Attributes
    ----------
    path : path
    offset : int
        Of the first number, in bytes.
    shape : tuple of int
    fortran : bool
        Whether columns lie one after the other.
    dtype : dtype
    """

    path: str | os.PathLike[str]
    offset: int
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Some rows, in memory; indices in ascending order are read from front to back.

        Raises
        ------
        OSError
            If the file has become shorter.
        """
        index = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        kept = np.empty((len(index), *self.shape[1:]), self.dtype)
        span = max(1, _SPAN // math.prod(self.shape[1:]))
        with open(self.path, "rb") as file:
            done = 0
            while done < len(index):
                first = int(index[done])
                until = done + int(np.searchsorted(index[done:], first + span))
                stop = int(index[until - 1]) + 1
                kept[done:until] = self._range(file, first, stop)[index[done:until] - first]
                done = until
        return kept

    def _range(self, file: Any, first: int, stop: int) -> np.ndarray:
        columns, size = math.prod(self.shape[1:]), self.dtype.itemsize
        if not self.fortran or self.ndim == 1:
            file.seek(self.offset + first * columns * size)
            return _read(file, (stop - first, *self.shape[1:]), "C", self.dtype)
        rows = np.empty((stop - first, columns), self.dtype, order="F")
        for j in range(columns):
            file.seek(self.offset + (j * len(self) + first) * size)
            rows[:, j] = _read(file, (stop - first,), "C", self.dtype)
        return rows


def _read(file: Any, shape: tuple[int, ...], order: Literal["C", "F"], dtype: np.dtype) -> np.ndarray:
    """An array from where a file stands; OSError if the file ends before it does."""
    numbers = np.empty(math.prod(shape), dtype)
    if file.readinto(numbers.view(np.uint8)) != numbers.nbytes:
        raise OSError(f"{file.name} has become shorter while it was read")
    return numbers.reshape(shape, order=order)


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type that the header of a .npy file states."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version} of the format is not known")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _check_length(shape: tuple[int, ...], dtype: np.dtype, length: int) -> None:
    """Refuse an array that its file cannot hold, or that memory cannot."""
    if dtype.hasobject:
        raise ValueError("pickled objects are not loaded")
    size = math.prod(shape) * dtype.itemsize
    if size != length:
        raise ValueError(f"the array is not as long as its header says: {size} bytes, {length} are there")
    _check_free(size)


def _check_free(size: float) -> None:
    check_memory("unpacked it must fit in memory: its arrays", size, itemsize=1.0)


def load_table(path: str | os.PathLike[str], key: str | None = None) -> tuple[Any, list[str] | None]:
    """One matrix of a file of any kind, and the names of its columns where the file has some.

    Parameters
    ----------
    path : path
        Ends in .npy, .npz (an array, or a sparse matrix of scipy's), .csv, .parquet, .safetensors, .pt, .pth or .ckpt.
    key : str, optional
        Name of the array in a file of several.

    Returns
    -------
    table : ndarray, DataFrame or sparse matrix
    names : list of str, optional

    Raises
    ------
    ValueError
        If the file cannot be read as such, or `key` is missing or unknown.
    ImportError
        If the package that reads it is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix in MODELS:
        arrays = stored_arrays(path)
        if key is None and len(arrays) == 1:
            (key,) = arrays
        if key not in arrays:
            raise ValueError(f"`key` must be one of {', '.join(arrays)}; got {key!r}")
        return arrays[key].load(), None
    if suffix in (".npy", *TABLES) and key is not None:
        raise ValueError(f"`key` must name an array of a file of several; {str(path)!r} holds one table")
    if suffix in TABLES:
        return _table(path, suffix), None
    if suffix == ".npz" and key is None and _is_sparse(_names(path, "path")):
        return _sparse(path), None
    if suffix not in (".npy", ".npz"):
        known = ", ".join((".npy", ".npz", *TABLES, *MODELS))
        raise ValueError(f"`path` must end in {known}; got {str(path)!r}")
    return load_array(path, key), None


def _table(path: str | os.PathLike[str], suffix: str) -> Any:
    """A DataFrame of a .csv or .parquet file."""
    pandas = _package("pandas", "pandas", suffix)
    try:
        if suffix == ".parquet":
            parquet = _package("pyarrow.parquet", "pandas", suffix)
            metadata = parquet.ParquetFile(path).metadata
            _check_free(8.0 * metadata.num_rows * metadata.num_columns)
            return parquet.read_table(path).to_pandas()
        _check_free(4.0 * os.path.getsize(path))  # a number and its comma take two bytes at least, and eight as read
        with open(path, encoding="utf-8") as file:
            first = file.readline()
        table = pandas.read_csv(path, header=None if _all_numbers(first) else 0)
    except OSError as error:
        raise ValueError(f"`path` must be readable; {str(path)!r}: {error.strerror or error}") from None
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"`path` must be a table of numbers; {str(path)!r}: {reason}") from None
    if table.shape[1] and str(table.columns[0]).startswith("Unnamed:"):  # row names as pandas writes them
        table = table.iloc[:, 1:]
    return table


def _all_numbers(line: str) -> bool:
    try:
        return bool([float(field) for field in line.split(",")])
    except ValueError:
        return False


def _package(name: str, extra: str, suffix: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        package = name.split(".")[0]
        raise ImportError(
            f"{suffix} files are read by {package}, which is not installed: pip install 'spikes-rmt[{extra}]'"
        ) from None


def _is_sparse(names: list[str]) -> bool:
    return set(names) >= _SPARSE


def _sparse(path: str | os.PathLike[str]) -> Any:
    from scipy.sparse import load_npz

    try:
        with zipfile.ZipFile(path) as archive:
            _check_free(float(sum(entry.file_size for entry in archive.infolist())))
        return load_npz(path)
    except _BROKEN as error:
        raise ValueError(f"`path` must be a sparse matrix of scipy's; {str(path)!r}: {error}") from None


def is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a file holds named arrays, to be looked at one by one: a model, or a .npz file of several arrays.

    Raises
    ------
    ValueError
        If a .npz file cannot be read.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        names = _names(path, "path")
        return len(names) > 1 and not _is_sparse(names)
    return suffix in MODELS


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array that a file holds.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        As the file names it.
    load : callable
        Gives the array, bfloat16 as float32.
    """

    shape: tuple[int, ...]
    dtype: str
    load: Callable[[], np.ndarray]


def stored_arrays(path: str | os.PathLike[str]) -> dict[str, StoredArray]:
    """The arrays of a .safetensors, .npz, .pt, .pth or .ckpt file by name; but for the last three none is read yet.

    Files of torch are loaded as weights only, which unpickles no code.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to StoredArray

    Raises
    ------
    ValueError
        If the file cannot be read as such.
    ImportError
        If safetensors or torch is needed and not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".safetensors":
        return _safetensors(path)
    if suffix in TORCH:
        return _torch(path)
    if suffix != ".npz":
        raise ValueError(f"`path` must end in {', '.join((*MODELS, '.npz'))}; got {str(path)!r}")
    arrays = {}
    for name in _names(path, "path"):
        try:
            with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
                shape, _, dtype = _header(member)
        except _BROKEN as error:
            raise ValueError(f"`path` must be a NumPy file of numbers; {str(path)!r}, {name}: {error}") from None
        arrays[name] = StoredArray(shape, str(dtype), partial(_member, path, name, "path"))
    return arrays


_SAFE = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}


def _safetensors(path: str | os.PathLike[str]) -> dict[str, StoredArray]:
    library = _package("safetensors", "models", ".safetensors")
    try:
        with open(path, "rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if len(start) < 8 or length > min(os.path.getsize(path) - 8, _LONGEST_HEADER):
                raise ValueError("the file ends before its header does")
            header = json.loads(file.read(length))
        with library.safe_open(path, framework="np"):  # checks every offset against the length of the file
            pass
    except OSError as error:
        raise ValueError(f"`path` must be readable; {str(path)!r}: {error.strerror or error}") from None
    except (ValueError, library.SafetensorError) as error:
        raise ValueError(f"`path` must be a whole safetensors file; {str(path)!r}: {error}") from None
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__":
            shape, offset = tuple(entry["shape"]), 8 + length + entry["data_offsets"][0]
            arrays[name] = StoredArray(shape, entry["dtype"], partial(_tensor, path, entry["dtype"], shape, offset))
    return arrays


def _tensor(path: str | os.PathLike[str], dtype: str, shape: tuple[int, ...], offset: int) -> np.ndarray:
    if dtype not in _SAFE:
        raise ValueError(f"`path` must hold numbers of a type that numpy has; {str(path)!r} has {dtype}")
    with open(path, "rb") as file:
        file.seek(offset)
        stored = _read(file, shape, "C", np.dtype(_SAFE[dtype]))
    return (stored.astype("<u4") << 16).view("<f4") if dtype == "BF16" else stored


def _torch(path: str | os.PathLike[str]) -> dict[str, StoredArray]:
    torch = _package("torch", "torch", Path(path).suffix.lower())
    try:
        _check_free(float(os.path.getsize(path)))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"`path` must be readable; {str(path)!r}: {error.strerror or error}") from None
    except (pickle.UnpicklingError, *_BROKEN) as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise ValueError(
            f"`path` must be weights that torch loads without running code; {str(path)!r}: {reason}"
        ) from None
    arrays: dict[str, StoredArray] = {}

    def collect(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                collect(inner, f"{name}.{key}" if name else str(key))
        elif hasattr(value, "detach"):
            tensor = value.detach()
            load = partial(_of_torch, tensor)
            arrays[name] = StoredArray(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), load)

    collect(content, "")
    return arrays


def _of_torch(tensor: Any) -> np.ndarray:
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
