"""Versions of what results depend on."""

from __future__ import annotations

import platform
from importlib.metadata import version

__all__ = ["package_versions"]


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on.

    Returns
    -------
    dict of str to str
    """
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("spikes-rmt", "numpy", "scipy", "numba")
    }
