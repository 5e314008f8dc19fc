"""Timing by turns: what is compared runs alternately in one process, so that a drifting machine drifts for all."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from statistics import median

__all__ = ["by_turns", "machine", "randomized_svd", "ratio"]


def by_turns(
    repeats: int, *, clock: Callable[[], float] = time.perf_counter, **functions: Callable[[], object]
) -> dict[str, list[float]]:
    """Seconds of each function, run in turn `repeats` times after one turn that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(repeats + 1):
        for name, function in functions.items():
            start = clock()
            function()
            if turn:
                times[name].append(clock() - start)
    return times


def ratio(times: dict[str, list[float]], over: str, under: str) -> float:
    """Median over turns of the ratio of two times."""
    return median(a / b for a, b in zip(times[over], times[under], strict=True))


def randomized_svd() -> Callable | None:
    """scikit-learn's randomised decomposition; where it is not installed None, with a line that says how to get it."""
    try:
        from sklearn.utils.extmath import randomized_svd as peer
    except ImportError:
        print("scikit-learn randomized_svd: not installed (python -m pip install --group bench)")
        return None
    return peer


def machine() -> str:
    """Processor, cores and versions of what the figures depend on."""
    import numba
    import numpy
    import scipy

    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = f"numpy {numpy.__version__}, scipy {scipy.__version__}, numba {numba.__version__}"
    return f"{model}, {cores} cores, Python {platform.python_version()}, {versions}"
