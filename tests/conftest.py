"""What several test files share."""

import sys

import pytest

from spikes.cli import main


def pytest_collection_modifyitems(items):
    """Refuse a test that two suites would run."""
    for item in items:
        suites = {mark.name for mark in item.iter_markers()} & {"slow", "study", "browser"}
        if len(suites) > 1:
            raise pytest.UsageError(f"a test must belong to one suite; {item.nodeid} to {', '.join(sorted(suites))}")


@pytest.fixture
def spikes(monkeypatch, capsys):
    """Run a command line in this process: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["spikes", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run


@pytest.fixture
def drawn():
    """What axes show: the x, y and errors of a kind of artist under a name of the legend, all panels together."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from spikes.presentation.drawn_data import drawn_data

    def of(axes, kind, series):
        figure = axes.flat[0].figure if hasattr(axes, "flat") else axes.figure
        chosen = [d for d in drawn_data(figure) if d.kind == kind and d.series == series]
        assert chosen, f"{kind} {series!r} is not drawn, but {sorted({(d.kind, d.series) for d in drawn_data(figure)})}"
        error = [float("nan") if d.error is None else d.error for d in chosen]
        return np.array([d.x for d in chosen]), np.array([d.y for d in chosen]), np.array(error)

    yield of
    plt.close("all")
