"""Arrays in NumPy files: mapped into memory wherever the file stores them as they are, and never unpickled."""

from __future__ import annotations

import lzma
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from spikes.runtime.memory import INTERPRETER, free_gib

__all__ = ["load_array", "load_arrays"]


def load_array(path: str | os.PathLike[str], key: str | None = None) -> np.ndarray:
    """An array of a .npy file, or of a .npz file under a key; pickled objects are never loaded.

    Raises
    ------
    ValueError
        If the file cannot be read as such, or `key` is missing or unknown.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".npy", ".npz"):
        raise ValueError(f"`FILE` must end in .npy or .npz; got {str(path)!r}")
    if suffix == ".npy":
        try:
            content = np.load(path, mmap_mode="r", allow_pickle=False)
            if not isinstance(content, np.ndarray):
                content.close()
                raise ValueError("it is an archive; name it .npz")
            return content
        except OSError as error:
            raise ValueError(f"`FILE` must be readable; {str(path)!r}: {error.strerror or error}") from None
        except (ValueError, EOFError) as error:
            raise ValueError(f"`FILE` must be a NumPy file of numbers; {str(path)!r}: {error}") from None
    names = _names(path, "FILE")
    if key is None and len(names) == 1:
        key = names[0]
    if key not in names:
        raise ValueError(f"`key` must be one of {', '.join(names)}; got {key!r}")
    return _member(path, key, "FILE")


def load_arrays(path: str | os.PathLike[str], keys: tuple[str, ...], *, argument: str) -> list[np.ndarray]:
    """Arrays of a .npz file under some keys; those that are not compressed are mapped into memory.

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
    return [_member(path, key, argument) for key in keys]


def _names(path: str | os.PathLike[str], argument: str) -> list[str]:
    """Names of the arrays of a .npz file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except OSError as error:
        raise ValueError(f"`{argument}` must be readable; {str(path)!r}: {error.strerror or error}") from None
    except (ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ValueError(f"`{argument}` must be a NumPy file of numbers; {str(path)!r}: {error}") from None


def _member(path: str | os.PathLike[str], key: str, argument: str) -> np.ndarray:
    try:
        mapped = _mapped(path, key)
        with zipfile.ZipFile(path) as archive:
            if mapped is not None:
                _check_sum(archive, key)
                return mapped
            _check_size(archive, key)
            with archive.open(f"{key}.npy") as member:
                return np.lib.format.read_array(member, allow_pickle=False)
    except OSError as error:
        raise ValueError(f"`{argument}` must be readable; {str(path)!r}: {error.strerror or error}") from None
    # RuntimeError of encrypted members, NotImplementedError of unknown compression
    except (KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"`{argument}` must be a NumPy file of numbers; {str(path)!r}, {key}: {error}") from None


def _check_sum(archive: zipfile.ZipFile, key: str) -> None:
    """Read a member once to its end, where its checksum is compared: a map would never look."""
    with archive.open(f"{key}.npy") as member:
        while member.read(2**22):
            pass


def _check_size(archive: zipfile.ZipFile, key: str) -> None:
    """Refuse an array that is not as long as the archive says, or longer than memory, before it is unpacked."""
    entry = archive.getinfo(f"{key}.npy")
    with archive.open(entry) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
        length = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if not dtype.hasobject and member.tell() + length != entry.file_size:
            raise ValueError("the array is not as long as its header says")
    needed, free = INTERPRETER + length / 2**30, free_gib()
    if needed > free:
        raise ValueError(f"unpacked it needs about {needed:.3g} GiB, {free:.3g} GiB are free")


def _mapped(path: str | os.PathLike[str], key: str) -> np.ndarray | None:
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
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            return None
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        offset, count = file.tell(), int(np.prod(shape, dtype=object))
        if dtype.hasobject or count == 0:
            return None
        if offset - start + count * dtype.itemsize != entry.file_size:
            raise zipfile.BadZipFile("the array is not as long as its header says")
    return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
