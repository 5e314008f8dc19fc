"""Figure of a spectrum that was found from products alone, beside the prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spikes.presentation.figure import axes_or_new, problem_statement, state
from spikes.presentation.spectrum import finish_log_spectrum, plot_log_spectrum, predicted_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikes.studies.matrix_free.study import MatrixFreeComparison

__all__ = ["plot_matrix_free"]


def plot_matrix_free(comparison: MatrixFreeComparison, ax: Axes | None = None) -> Axes:
    """Density of ln x over the eigenvalues x of FFᵀ/n, both smoothed alike, with the spikes on the axis.

    Where no density was measured, the predicted one as it is.

    Parameters
    ----------
    comparison : MatrixFreeComparison
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    alone = ax is None
    ax = axes_or_new(ax, (6.4, 4.0))
    theory, runs = comparison.theory, comparison.simulation
    predicted = [spike.singular_value**2 for spike in theory.outliers if spike.source == "step"]
    of_data = [spike.singular_value**2 for spike in theory.outliers if spike.source == "data"]
    simulated = [run.singular_values[i] ** 2 for i in range(comparison.count) for run in runs.runs]
    names = {
        "curve": "predicted density",
        "simulated": "largest eigenvalues, block Lanczos, each run",
        "predicted": "predicted spikes",
        "of_data": "predicted spikes of the data",
    }
    shown: dict[str, Any] = {"curve": predicted_curve(theory)}
    low, high = theory.bulk_edges[0][0], theory.bulk_edges[-1][1]
    if comparison.smoothed is not None:
        x, width = runs.measured_quadrature.x, runs.measured_quadrature.width
        names["curve"] = f"predicted, smoothed over {width:g} in ln x"
        names["points"] = "Lanczos quadrature ± s.e."
        shown = {"curve": (x, x * comparison.smoothed), "points": (x, comparison.log_density())}
        low, high = x[0], x[-1]
    plot_log_spectrum(ax, **shown, simulated=simulated, predicted=predicted, of_data=of_data, names=names)
    finish_log_spectrum(ax, bulk=(low, high), largest=max([*simulated, *predicted, high]))
    ax.legend(loc="upper left")
    if alone:
        state(ax.figure, problem_statement(comparison.problem, seeds=runs.seeds))
    return ax
