"""The memory that is free."""

from __future__ import annotations

import os

__all__ = ["free_gib"]


def free_gib() -> float:
    """Memory in GiB that a program may still take.

    Returns
    -------
    float
    """
    try:
        with open("/proc/meminfo") as lines:
            fields = dict(line.split(":") for line in lines)
        return int(fields["MemAvailable"].split()[0]) / 2**20
    except (OSError, KeyError, ValueError):  # not Linux: all that is installed
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
