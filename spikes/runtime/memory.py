"""The one estimate of memory that every command asks for: what it will hold against what it may hold."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["FIGURE", "ROWS", "SIMULATION", "THEORY", "check_memory", "free_gib"]

ROWS, THEORY, SIMULATION, FIGURE = 0.08, 0.11, 0.2, 0.02
"""GiB of a process before it holds a large array: Python with what reads the rows of a sweep, with what predicts, with
what simulates too; what draws, beside them."""

_GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_SYSTEM, _OWN = Path("/proc/meminfo"), Path("/proc/self/statm")


def check_memory(
    stated: str, arrays: float, *, process: float = SIMULATION, copies: int = 1, remedy: str = "", itemsize: float = 8.0
) -> None:
    """Refuse what does not fit in the memory that this process and its workers may hold.

    Parameters
    ----------
    stated : str
        The rule with the values that break it, as ``"`n` must fit in memory: n = 5"``.
    arrays : float
        Numbers that a process holds at once at its worst.
    process : float
        GiB of a process without them.
    copies : int
        Processes that hold them at once; several are workers of this one.
    remedy : str
        What to do about it.
    itemsize : float
        Bytes of a number.

    Raises
    ------
    ValueError
        Naming the GiB needed and free.
    """
    each = process + itemsize * arrays / 2**30
    needed = each if copies == 1 else process + copies * each
    shared, own = free_gib()
    free = min(shared, own if copies == 1 else own * needed / each)
    if needed > free:
        at_once = f" for {copies} runs at once" if copies > 1 else ""
        ending = f"; {remedy}" if remedy else ""
        raise ValueError(f"{stated} need about {needed:.3g} GiB{at_once}, {free:.3g} GiB are free{ending}")


def free_gib() -> tuple[float, float]:
    """Memory in GiB that this process and its workers may hold together, and each of them alone.

    What this process holds already counts as free. The first is what the system has, within the limits of the control
    groups around the process, of either version of their interface; the second the limit of its address space, less
    what is mapped there and not in memory.

    Returns
    -------
    shared, own : float
    """
    mapped, resident = _held()
    shared = min(_available() + resident, *_free_in_groups(resident))
    return shared / 2**30, max(0.0, _address_space() - mapped + resident) / 2**30


def _available() -> float:
    """Bytes that the system could give."""
    try:
        fields = dict(line.split(":", 1) for line in _SYSTEM.read_text().splitlines())
        return 1024.0 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):  # not Linux
        import psutil

        return float(psutil.virtual_memory().available)


def _held() -> tuple[float, float]:
    """Bytes of this process's address space, and those of them that are in memory."""
    try:
        mapped, resident, *_ = (float(pages) for pages in _OWN.read_text().split())
        return mapped * os.sysconf("SC_PAGESIZE"), resident * os.sysconf("SC_PAGESIZE")
    except (OSError, ValueError):  # not Linux
        import psutil

        held = psutil.Process().memory_info()
        return float(held.vms), float(held.rss)


def _address_space() -> float:
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:  # Windows
        return float("inf")
    limit = getrlimit(RLIMIT_AS)[0]
    return float("inf") if limit == RLIM_INFINITY else float(limit)


def _free_in_groups(resident: float) -> list[float]:
    """Bytes that each control group around this process allows it, by either version of their interface."""
    free: list[float] = [float("inf")]
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:  # not Linux
        return free
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
                free += _free_in(folder, resident, *names)
    return free


def _free_in(group: Path, resident: float, most: str, used: str, cache: str) -> list[float]:
    try:
        limit = (group / most).read_text().strip()
        if limit == "max":
            return []
        taken = int((group / used).read_text())
        fields = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        left = max(0.0, int(limit) - taken + int(fields.get(cache, 0)))  # files that are cached give way
        return [min(float(limit), left + resident)]
    except (OSError, ValueError):
        return []
