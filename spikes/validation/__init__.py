"""Claims of asymptotic theory put to the test: predicted, simulated at growing sizes, and judged."""

from importlib import import_module
from typing import Any

# At once: a module of the same name would otherwise take the place of the function when it is imported.
from spikes.validation.claim import Claim, Measured, claim

_HOME = {
    "Certificate": "spikes.validation.certificate",
    "registry": "spikes.validation.registry",
    "validate": "spikes.validation.certificate",
}
__all__ = ["Certificate", "Claim", "Measured", "claim", "registry", "validate"]


def __getattr__(name: str) -> Any:  # loaded on first use, as in `spikes`
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'spikes.validation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
