"""Which package may import which, and what packages export: read off the source."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def imports(path: Path) -> set[str]:
    """Names of all modules that a file imports, `from a import b` counted as a and as a.b."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide what is imported"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def tops(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def violations_of_theory(path: Path) -> set[str]:
    return tops(imports(path)) - set(sys.stdlib_module_names) - {"numpy", "scipy", "theory"}


def violations_of_simulation(path: Path) -> set[str]:
    """Imports of theory other than the statement of a problem and quadrature nodes."""
    allowed = ("theory.statement", "theory.quadrature")
    return {
        name
        for name in imports(path)
        if name.split(".")[0] == "theory" and not any(name == a or name.startswith(a + ".") for a in allowed)
    }


@pytest.mark.parametrize("path", sorted((ROOT / "theory").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_theory_imports_numpy_and_scipy_only(path):
    assert violations_of_theory(path) == set()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "spikes/simulation").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_simulation_imports_no_formula(path):
    assert violations_of_simulation(path) == set()


@pytest.mark.parametrize(
    "path",
    [
        p.parent
        for top in ("theory", "spikes")
        for p in sorted((ROOT / top).rglob("__init__.py"))
        if p.parent.name != "cli"
    ],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_no_exported_name_hides_a_module(path):
    # of the two, `import package.name` would give whichever was bound last
    package = importlib.import_module(".".join(path.relative_to(ROOT).parts))
    assert {p.stem for p in path.iterdir()} & set(getattr(package, "__all__", ())) == set()


def test_planted_imports_are_seen(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(
        "import numba\nfrom spikes import kernels\nfrom theory import predict\n"
        "from theory.statement.problem import Problem\n"
    )
    assert violations_of_theory(planted) == {"numba", "spikes"}
    assert violations_of_simulation(planted) == {"theory", "theory.predict"}
