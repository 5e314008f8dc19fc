"""Import paths that the pages of 0.1 taught, kept alive for the modules that have moved since."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "serve"]

MOVED = {
    "spikes.giant": "spikes.studies.giant_steps",
    "spikes.lanczos": "spikes.simulation.krylov",
    "spikes.matrix_free": "spikes.simulation.matrix_free",
    "spikes.plotting": "spikes.studies.one_step.figure",
    "spikes.plotting_sweep": "spikes.sweeps.figure",
    "spikes.summary": "spikes.sweeps.summary",
}
"""Old name of a module: its new one."""


class _Moved(MetaPathFinder, Loader):
    """Finds an old name; the module that is made for it gives way to the one that has taken its place."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])


def serve() -> None:
    """Answer imports of old names from now on."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
