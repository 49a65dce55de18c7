"""The dependency rule, and other rules that a machine can check."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from repro import source

PACKAGE = source.PACKAGE
ROOT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))

# What each module may import of repro. Missing: nothing. Modules of a folder share a rule.
LEAVES = {"errors", "grid", "settings", "source", "__init__"}
ALLOWED = {
    "kernels": {"kernels"},
    "learners": {"kernels", "settings"},
    "tasks": {"kernels", "settings"},
    "kernel_cache": {"source"},
    "trial": {"settings"},
    "integrity": {"config", "errors", "schema", "trial"},
    "store": {"errors", "integrity", "trial"},
    "config": {"errors", "schema", "settings", "trial"},
    "schema": {"settings"},
    "crew": {"__init__", "kernel_cache", "kernels", "source", "trial"},
    "engine": {"crew", "trial"},
    "campaign": {"config", "engine", "source", "store", "trial"},
    "progress": {"campaign", "engine", "trial"},
    "stats": {"trial"},
    "selection": {"config"},
    "tables": {"campaign", "config", "grid", "schema", "selection", "stats", "store", "trial"},
    "contrasts": {"stats"},
    "compare": {"config", "contrasts", "errors", "files", "schema", "store", "tables", "trial"},
    "verdict_table": {"compare", "config", "grid", "tables"},
    "bench": {"config", "crew", "kernels"},
    "conditions": {"config", "grid", "learners", "schema", "tasks"},
    "error_flow": {"config", "replay"},
    "replay": {"campaign", "config", "crew", "errors", "integrity", "kernels", "selection", "store", "trial"},
    "matrix": {"config"},
    "files": {"errors"},
    "options": {"errors"},
    "report": {
        "__init__",
        "compare",
        "conditions",
        "config",
        "files",
        "grid",
        "plots",
        "store",
        "tables",
        "trial",
        "verdict_table",
    },
    "plots": {
        "config",
        "contrasts",
        "error_flow",
        "errors",
        "files",
        "plots",
        "replay",
        "selection",
        "stats",
        "store",
        "tables",
        "trial",
    },
    "cli": {
        "__init__",
        "bench",
        "campaign",
        "compare",
        "conditions",
        "config",
        "engine",
        "errors",
        "grid",
        "integrity",
        "matrix",
        "options",
        "plots",
        "progress",
        "replay",
        "report",
        "selection",
        "store",
        "tables",
        "verdict_table",
    },
    "__main__": {"cli"},
    **{leaf: set() for leaf in LEAVES},
}


def module_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """Names of the top-level modules and folders of repro that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "repro":
            rest = node.module.split(".")[1:]
            names |= {rest[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("repro.")}
    known = {module_of(file) for file in FILES}
    return {name if name in known else "__init__" for name in names}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_what_it_may_alone(path):
    assert imported(path) <= ALLOWED[module_of(path)]


@pytest.mark.parametrize("folder", ["learners", "tasks"])
def test_learners_and_tasks_do_not_know_each_other(folder):
    for path in (PACKAGE / folder).glob("*.py"):
        for name in ("learners", "tasks"):
            assert name not in imported(path)
            assert f"repro.{name}" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_forbidden_words(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"eval", "exec", "pickle.load", "pickle.loads", "__import__"}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if path.name != "jit.py":
        assert not names & {"njit", "jit", "vectorize"}, "Numba's options have one home"
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert not keywords & {"fastmath", "parallel"}


@pytest.mark.parametrize(
    "path", [path for path in FILES if module_of(path) in ("kernels", "learners", "tasks")], ids=lambda path: path.stem
)
def test_nothing_that_computes_is_called_watch(path):
    """The digest of the numerical source leaves a module's function of that name out, so nothing may come from it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        node for node in ast.walk(tree) if "watch" in (getattr(node, a, "") for a in ("id", "attr", "name", "arg"))
    ]
    assert [node for node in found if not (node in tree.body and isinstance(node, ast.FunctionDef))] == []
    assert len(found) == (module_of(path) == "learners" and path.stem != "__init__"), "one in each learner"
    assert not any(node.decorator_list or node.args.defaults for node in found), "what is left out must do nothing"


@pytest.mark.parametrize("path", [*PACKAGE.glob("learners/*.py"), *PACKAGE.glob("tasks/*.py")], ids=lambda p: p.stem)
def test_kernels_change_no_vector_in_place(path):
    """Without the JIT it would write through to other names of the vector."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef) and "kernel" in map(ast.unparse, function.decorator_list):
            in_place = [node for node in ast.walk(function) if isinstance(node, ast.AugAssign)]
            assert not [node for node in in_place if isinstance(node.target, ast.Name)], function.name


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for requirement in project["dependencies"] + project["optional-dependencies"]["dev"]:
        name = re.match(r"[\w-]+", requirement)[0]
        assert f"**{name}**" in text, name


def test_every_file_of_the_package_is_in_the_architecture():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path in FILES:
        if path.name not in ("__init__.py", "__main__.py"):
            assert path.name in text, path.name


def test_files_stay_short():
    for path in FILES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path
