"""Numbers that leave the range of floating point end a computation, with an error that says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

__all__ = ["refused_overflow"]


@contextmanager
def refused_overflow(what: str) -> Iterator[None]:
    """Raise where numpy would warn of an overflow, of an invalid operation or of a division by zero.

    Parameters
    ----------
    what : str
        That is computed.

    Raises
    ------
    ArithmeticError
        Naming it and the first such operation.

    Examples
    --------
    >>> with refused_overflow("square"):
    ...     np.array([1e200]) ** 2
    Traceback (most recent call last):
        ...
    ArithmeticError: the square left the range of floating point (overflow encountered in square): take smaller numbers
    """
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            yield
    except (FloatingPointError, OverflowError, ZeroDivisionError) as error:
        raise ArithmeticError(
            f"the {what} left the range of floating point ({error.args[-1]}): take smaller numbers"
        ) from None
