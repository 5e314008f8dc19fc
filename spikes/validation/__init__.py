"""Claims of asymptotic theory put to the test: predicted, simulated at growing sizes, and judged."""

from importlib import import_module
from typing import Any

_HOME = {
    "Certificate": "spikes.validation.certificate",
    "Claim": "spikes.validation.statement",
    "Measured": "spikes.validation.statement",
    "claim": "spikes.validation.statement",
    "html_report": "spikes.validation.report",
    "load_claims": "spikes.validation.user_claims",
    "plot_certificate": "spikes.validation.figure",
    "registry": "spikes.validation.subjects",
    "validate": "spikes.validation.certificate",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:  # loaded on first use, as in `spikes`
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'spikes.validation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
