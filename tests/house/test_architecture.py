"""Which part may import which, read off the source: the rules of docs/architecture.md, each seen to go red."""

import ast
import importlib
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("theory", "spikes")

# Packages import downwards only; those on one line do not see each other.
FLOORS = (
    ("spikes.cli",),
    ("spikes.validation", "spikes.sweeps", "spikes.explore", "spikes.papers", "spikes.saved"),
    ("spikes.studies",),
    ("spikes.simulation", "spikes.presentation"),
    ("spikes.record",),
    ("spikes.runtime", "spikes.agreement", "spikes.estimates"),
    ("theory",),
)
LEAVES = {"spikes.agreement", "spikes.estimates"}  # on one floor, and agreement is made of estimates
STATEMENT = ("theory.statement", "theory.quadrature")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for top in PACKAGES for path in sorted((ROOT / top).rglob("*.py"))}


@cache
def imports(path: Path) -> set[str]:
    """Names of all that a file imports, `from a import b` counted as a and as a.b; stubs of packages included."""
    names = set()
    for source in {path, path.with_suffix(".pyi")}:
        if not source.exists():
            continue
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0 or source.suffix == ".pyi", f"{path}: relative imports hide what is imported"
                package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
                home = f"{package}.{node.module}" if node.level else str(node.module)
                names |= {home} | {f"{home}.{alias.name}" for alias in node.names}
    return names


def own(names: set[str], modules: set[str]) -> set[str]:
    """The modules of the project among imported names."""
    return {name for name in names if name in modules}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def floor(name: str) -> int | None:
    return next((i for i, line in enumerate(FLOORS) if any(within(name, p) for p in line)), None)


def foreign_to_theory(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"numpy", "scipy", "theory"}


def formulas(names: set[str]) -> set[str]:
    """Imports of theory other than the statement of a problem and quadrature nodes."""
    return {name for name in names if within(name, "theory") and not any(within(name, s) for s in STATEMENT)}


def upwards(module: str, names: set[str]) -> set[str]:
    """Imports of a higher floor, or of a neighbour on the same one."""
    here, offences = floor(module), set()
    if here is None:  # the front door and ``python -m spikes``, which open everything
        return offences
    mine = next(p for p in FLOORS[here] if within(module, p))
    for name in names:
        there = floor(name)
        if there is None or within(name, mine) or {module, name.split(":")[0]} <= LEAVES:
            continue
        if there < here or there == here:
            offences.add(name)
    return offences


def between_studies(module: str, names: set[str]) -> set[str]:
    subject = module.split(".")[2] if within(module, "spikes.studies") and module.count(".") >= 2 else None
    return (
        {n for n in names if within(n, "spikes.studies") and n.count(".") >= 2 and n.split(".")[2] != subject}
        if (subject)
        else set()
    )


def physics(names: set[str]) -> set[str]:
    """Imports of anything but spikes.runtime and the rules of arguments, which know no physics."""
    names = {n for n in names if not within(n, "theory.statement.arguments")}
    return {n for n in names if within(n, "theory") or (within(n, "spikes") and not within(n, "spikes.runtime"))} - {
        "spikes"
    }


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Some circle of a graph, or nothing."""
    state: dict[str, int] = {}
    path: list[str] = []

    def visit(node: str) -> list[str]:
        state[node] = 1
        path.append(node)
        for other in sorted(graph.get(node, ())):
            if state.get(other) == 1:
                return [*path[path.index(other) :], other]
            if other not in state and (found := visit(other)):
                return found
        path.pop()
        state[node] = 2
        return []

    for node in sorted(graph):
        if node not in state and (found := visit(node)):
            return found
    return []


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, "theory")])
def test_theory_imports_numpy_and_scipy_only(module):
    assert foreign_to_theory(imports(MODULES[module])) == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, "spikes.simulation")])
def test_simulation_imports_no_formula(module):
    assert formulas(imports(MODULES[module])) == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, "spikes")])
def test_packages_import_downwards(module):
    assert upwards(module, own(imports(MODULES[module]), set(MODULES))) == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, "spikes.studies")])
def test_studies_do_not_import_each_other(module):
    assert between_studies(module, own(imports(MODULES[module]), set(MODULES))) == set()


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, "spikes.runtime")])
def test_runtime_imports_no_physics(module):
    assert physics(own(imports(MODULES[module]), set(MODULES))) == set()


def test_imports_have_no_circle():
    # a package's own file opens what lies in it on demand: only what modules import counts
    graph = {m: own(imports(p), set(MODULES)) - {m} for m, p in MODULES.items() if p.name != "__init__.py"}
    assert circle(graph) == []


def test_few_modules_stand_beside_the_folders():
    assert {p.name for p in (ROOT / "spikes").glob("*.py")} == {
        "__init__.py",
        "__main__.py",
        "agreement.py",
        "estimates.py",
        "saved.py",
    }


@pytest.mark.parametrize("module", [m for m, p in MODULES.items() if p.name == "__init__.py" and m != "spikes.cli"])
def test_no_exported_name_hides_a_module(module):
    # of the two, `import package.name` would give whichever was bound last
    package = importlib.import_module(module)
    exported = {n for n in getattr(package, "__all__", ()) if not isinstance(getattr(package, n), ModuleType)}
    assert {p.stem for p in MODULES[module].parent.iterdir()} & exported == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_type_checker_sees_what_a_package_exports(package):
    module = importlib.import_module(package)
    stub = MODULES[package].with_suffix(".pyi")
    tree = ast.parse((stub if stub.exists() else MODULES[package]).read_text())
    shown = {a.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names if a.asname}
    assert shown == set(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_planted_imports_are_seen(tmp_path):
    names = {"numba", "spikes.simulation.kernels", "theory.predict", "theory.statement.problem"}
    assert foreign_to_theory(names) == {"numba", "spikes"}
    assert formulas(names) == {"theory.predict"}
    assert upwards("spikes.simulation.kernels", {"spikes.studies.one_step.study", "spikes.runtime.files"}) == {
        "spikes.studies.one_step.study"
    }
    assert upwards("spikes.simulation.kernels", {"spikes.presentation.figure"}) == {"spikes.presentation.figure"}
    assert upwards("theory.roots", {"spikes.agreement"}) == {"spikes.agreement"}
    assert between_studies("spikes.studies.own_data.study", {"spikes.studies.own_matrix.study"}) == {
        "spikes.studies.own_matrix.study"
    }
    assert physics({"spikes.runtime.files", "spikes.simulation.seeds", "theory.statement"}) == {
        "spikes.simulation.seeds",
        "theory.statement",
    }
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    planted = tmp_path / "planted.py"
    planted.write_text("def run():\n    from theory import predict\n    return predict\n")
    assert "theory.predict" in {f"{n}" for n in _read(planted)}


def _read(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names
