"""The memory that is free, and what a process takes before it holds a single array."""

from __future__ import annotations

from pathlib import Path

import psutil

__all__ = ["INTERPRETER", "free_gib"]

INTERPRETER = 0.17
"""GiB of a process that has loaded Python, numpy, scipy and numba."""

_GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def free_gib() -> float:
    """Memory in GiB that a program may still take: what the system has, within the limits of its control groups.

    Returns
    -------
    float
    """
    return min(psutil.virtual_memory().available, *_left_to_groups(), float("inf")) / 2**30


def _left_to_groups() -> list[float]:
    """Bytes that the limit of each control group around this process leaves, by either version of their interface."""
    left: list[float] = []
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:  # not Linux
        return left
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds == "":
            names = ("memory.max", "memory.current", "inactive_file")
            root = _GROUPS
        elif "memory" in kinds.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            root = _GROUPS / "memory"
        else:
            continue
        group = root / path.strip("/")
        # In a container the path may be that of the host, and the container's own group the root.
        for folder in (group, *group.parents):
            if folder == root or root in folder.parents:
                left += _left_to(folder, *names)
    return left


def _left_to(group: Path, most: str, used: str, cache: str) -> list[float]:
    try:
        limit = (group / most).read_text().strip()
        if limit == "max":
            return []
        taken = int((group / used).read_text())
        fields = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return [max(0.0, int(limit) - taken + int(fields.get(cache, 0)))]  # files that are cached give way
    except (OSError, ValueError):
        return []
