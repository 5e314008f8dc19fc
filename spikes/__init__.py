"""Simulate feature learning after a giant gradient step and lay random matrix theory beside it."""

from typing import Any

import lazy_loader

from spikes.runtime.moved import serve

# What the stub beside this file lists, loaded on first use: numba and matplotlib take longer than a start may.
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.1.0"
serve()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        from theory.statement.arguments import suggestion

        raise AttributeError(f"module 'spikes' has no attribute {name!r}{suggestion(name, __all__)}")
    return _load(name)
