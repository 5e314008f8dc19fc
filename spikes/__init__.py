"""Simulate feature learning after a giant gradient step and lay random matrix theory beside it."""

import lazy_loader

from spikes.runtime.moved import serve

# What the stub beside this file lists, loaded on first use: numba and matplotlib take longer than a start may.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.1.0"
serve()
