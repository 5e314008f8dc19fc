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


@pytest.fixture(scope="session")
def image_patches():
    """Some of the patches of 8 × 8 pixels that two photographs fall into, each less its mean, of mean square one."""

    def cut(count):
        import numpy as np

        datasets = pytest.importorskip("sklearn.datasets")
        pytest.importorskip("PIL")
        parts = []
        for image in datasets.load_sample_images().images:
            grey = image.mean(axis=2)
            rows, columns = (size // 8 for size in grey.shape)
            tiles = grey[: 8 * rows, : 8 * columns].reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)
            parts.append(tiles.reshape(-1, 64))
        X = np.concatenate(parts)
        X = X[np.random.default_rng(0).permutation(len(X))[:count]]
        X = X - X.mean(axis=1, keepdims=True)
        X -= X.mean(axis=0)
        return X / np.sqrt(np.mean(X**2))

    return cut
