"""Claims of a user's own, from a Python file."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

import cloudpickle

from spikes.validation.statement import Claim

__all__ = ["load_claims"]


def load_claims(path: str) -> tuple[Claim, ...]:
    """Run a Python file and take the claims that stand in it.

    Worker processes need not find the file: what it defines is sent to them.

    Parameters
    ----------
    path : str

    Returns
    -------
    tuple of Claim
        In the order in which they are defined.

    Raises
    ------
    ValueError
        If the file cannot be read or run, or holds no claim.
    """
    file = Path(path)
    if file.suffix != ".py" or not file.is_file():
        raise ValueError(f"`claims` must be a Python file, *.py; got {path!r}")
    # a name of its own, whatever the file is called: it may be called numpy.py
    name = f"claims of {file.stem}"
    spec = importlib.util.spec_from_file_location(name, file.resolve())
    if spec is None or spec.loader is None:
        raise ValueError(f"`claims` must be a Python file that can be imported; got {path!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == spec.origin]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else 1
        raise ValueError(
            f"`claims` must be a Python file that runs; {path!r}, line {line}: {type(error).__name__}: {error}"
        ) from error
    cloudpickle.register_pickle_by_value(module)
    found = tuple(dict.fromkeys(value for value in vars(module).values() if isinstance(value, Claim)))
    if not found:
        raise ValueError(f"`claims` must be a file that defines a Claim at its top level; {path!r} defines none")
    return found
