"""The command line as a program of its own: ``python -m spikes`` and the script ``spikes``."""

import contextlib
import os
import signal
import sys
import time
import warnings
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process, which an interrupt or a request to terminate ends with exit code 130."""
    # While modules load there is nothing to clean up, and an exception might be lost among them.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    if {"spectrum", "rerun"}.isdisjoint(sys.argv[1:2]):
        _take_one_thread()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what they say of is refused, or the error of a number that is checked
    from spikes.cli import main as run

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _leave:
            signal.signal(number, _interrupt)
    try:
        run()
    except SystemExit as stop:
        if stop.code == 130:
            _leave_with(130)
        raise
    finally:  # what was asked for is written, or never will be
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is _interrupt:
                signal.signal(number, _leave)


def _take_one_thread() -> None:
    """Have linear algebra run on one thread, whatever the environment says: sums round differently on several.

    Simulations take one anyway, and processes share their work; the products of theory are small. A matrix of a user's
    own, which `spikes spectrum` decomposes, may be large; `spikes rerun` takes as many as the command that it runs.
    """
    for library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_THREADS"] = "1"


def _leave_with(status: int) -> None:
    """Leave an interrupted program without more ado.

    Where the interrupt fell into text that Python executes, as of a dataclass, Python would end by a signal of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    os._exit(status)


def _leave(number: int, frame: FrameType | None) -> None:
    """Leave at once."""
    if sys.stderr is not None:
        os.write(2, b"spikes: interrupted\n")
    os._exit(130)


_AT_ONCE = 2.0
"""Seconds within which signals count as one: a key held down, a batch system that sends both."""

_interrupted = [-_AT_ONCE]


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Unwind what runs."""
    now = time.monotonic()
    if now - _interrupted[0] >= _AT_ONCE:
        _interrupted[0] = now
        raise KeyboardInterrupt


if __name__ == "__main__":
    main()
