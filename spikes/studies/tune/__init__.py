"""What the law advises: which step, which penalty, which split of the samples, and what simulation says of it."""

import lazy_loader

# What the stub beside this file lists, loaded on first use: numba and matplotlib take longer than a start may.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
