"""Dual certificates: they touch ±1 at the teacher's directions, and for close directions the least one fails."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from spikes.presentation.figure import axes_row, save_figure, state
from spikes.studies.local_analysis.figure import plot_certificate
from theory.local_analysis.dual_certificate import certificate
from theory.statement.teacher import TEACHERS


def draw() -> np.ndarray:
    axes = axes_row(None, 2, 6.6, rows=2)
    for ax, name in zip(axes[:2], ("G", "A"), strict=True):
        for kind in ("minimum-norm", "degree"):
            plot_certificate(certificate(TEACHERS[name], kind), ax)
        least = certificate(TEACHERS[name])
        ax.set_title(rf"{name}: $\rho_c$ = {least.rho_span:.3g} in the plane, {least.rho_sphere:.3g} on the sphere")
        ax.set_ylim(-1.15, 1.75)  # room for the legend above the curves
        ax.legend(loc="upper center", ncols=2)
    for ax, kind in zip(axes[2:], ("minimum-norm", "degree"), strict=True):
        plot_certificate(certificate(TEACHERS["r3m5-close"], kind), ax)
        ax.set_title(f"r3m5-close, {'minimum norm: it fails' if kind == 'minimum-norm' else 'degree 8: it holds'}")
    teacher = TEACHERS["G"]
    sizes = f"d = {teacher.d}"
    state(axes[0].figure, f"relu, teachers G, A and r3m5-close in {sizes}; dots: the teacher's directions")
    return axes


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    save_figure(str(Path(__file__).with_suffix(".png")), draw, dpi=170, data=True)
