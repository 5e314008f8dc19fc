"""Ridge regression on given features: the learning curve predicted from a pool of labelled rows, and by splits."""

import lazy_loader

# What the stub beside this file lists, loaded on first use: numba and matplotlib take longer than a start may.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
