"""The dependency rule, and other rules that a machine can check."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from repro import registry
from repro.records import source

PACKAGE = source.PACKAGE
ROOT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))

# What modules of each room may import of other rooms. `ground` are the files beside the rooms, but for two of a rule of
# their own: learners and tasks see kernels and settings, and nothing else.
ROOMS = {
    "ground": set(),
    "settings": set(),
    "kernels": set(),
    "learners": {"settings", "kernels"},
    "templates": {"settings", "kernels"},  # what `repro new` writes: as a learner is
    "tasks": {"settings", "kernels"},
    "registry": {"ground", "settings", "kernels", "learners", "tasks"},  # and outside.py, where others' are loaded
    "experiments": {"ground", "settings", "registry"},
    "records": {"ground", "registry", "experiments"},
    "running": {"ground", "settings", "registry", "kernels", "experiments", "records"},
    "looking": {"ground", "registry", "kernels", "experiments", "records", "running"},
    "analysis": {"ground", "registry", "experiments", "records"},
    "presentation": {"ground", "learners", "tasks", "experiments", "records", "analysis", "looking"},
    "commands": {"ground", "registry", "experiments", "records", "running", "looking", "analysis", "presentation"},
}


# Learners and tasks: a file each, or a folder, whose other files are parts of it.
MODULES = [*PACKAGE.glob("learners/*.py"), *PACKAGE.glob("learners/*/__init__.py"), *PACKAGE.glob("tasks/*.py")]


def room_of(name: str) -> str:
    return {"__main__": "commands", "outside": "registry"}.get(name, name if name in ROOMS else "ground")


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
def test_a_module_imports_what_its_room_may_alone(path):
    if path != PACKAGE / "__init__.py":  # the door for programs: it hands out what they ask for
        room = room_of(module_of(path))
        assert {room_of(name) for name in imported(path)} <= ROOMS[room] | {room}


def test_no_modules_import_each_other():
    """Nor do longer circles, whether a module is imported at the top of another or later."""
    TopologicalSorter({path: source.imports(path) for path in FILES}).prepare()


@pytest.mark.parametrize("folder", ["learners", "tasks"])
def test_learners_and_tasks_do_not_know_each_other(folder):
    for path in (PACKAGE / folder).rglob("*.py"):
        own = "" if path.parent.name == folder else f"repro.{folder}.{path.parent.name}"  # a learner may be a folder
        text = path.read_text(encoding="utf-8")
        for name in ("learners", "tasks"):
            assert re.findall(rf"repro\.{name}\b[\w.]*", text.replace(own or "\0", "")) == []
            assert f"from repro import {name}" not in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_forbidden_words(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    forbidden = {"eval", "exec", "pickle.load", "pickle.loads", "__import__"}
    if path.name == "kernel_cache.py":  # compiled code, as Numba's own cache keeps it
        forbidden -= {"pickle.loads"}
    assert not calls & forbidden
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if path.name != "jit.py":
        assert not names & {"njit", "jit", "vectorize"}, "Numba's options have one home"
    keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert not keywords & {"fastmath", "parallel"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_is_kept_on_disk_is_made_where_its_digest_looks(path):
    """Elsewhere an edit would leave the digest, and an old kernel would be taken for the new one."""
    if module_of(path) not in ("kernels", "learners", "tasks"):
        text = path.read_text(encoding="utf-8")
        assert not ("from repro.kernels.jit import" in text and re.search(r"\b(keep|kept)\(", text))


@pytest.mark.parametrize(
    "path", [path for path in FILES if module_of(path) in ("kernels", "learners", "tasks")], ids=lambda path: path.stem
)
@pytest.mark.parametrize("name", sorted(source._TELLING))
def test_nothing_that_computes_is_called_so(path, name):
    """The digest of the numerical source leaves a module's functions of these names out: nothing may come from them.

    A learner has them of its own, or imported by that name.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = ("id", "attr", "name", "asname", "arg")
    found = [node for node in ast.walk(tree) if name in (getattr(node, part, "") for part in parts)]
    own = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node in found]
    assert not any(node.decorator_list or node.args.defaults for node in own), "what is left out must do nothing"
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    from_kernels = [alias for node in imports for alias in node.names if alias in found and alias.name == alias.asname]
    if module_of(path) == "learners" and path in MODULES and path != PACKAGE / "learners" / "__init__.py":
        assert len(found) == len(own) + len(from_kernels)
        assert len(found) == 1 or name in ("disagrees", "exact_gradient"), "one in each learner that has to"
    else:
        assert found == own


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_kernels_change_no_vector_in_place(path):
    """Without the JIT it would write through to other names of the vector."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef) and "kernel" in map(ast.unparse, function.decorator_list):
            in_place = [node for node in ast.walk(function) if isinstance(node, ast.AugAssign)]
            assert not [node for node in in_place if isinstance(node.target, ast.Name)], function.name


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    extras = project["optional-dependencies"].values()
    for requirement in [*project["dependencies"], *(one for extra in extras for one in extra)]:
        name = re.match(r"[\w-]+", requirement)[0]
        assert f"**{name}**" in text, name


def test_files_stay_short():
    for path in FILES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_no_test_module_imports_another():
    """What they share is in the modules of tests/ that are no tests."""
    for path in (ROOT / "tests").glob("*.py"):
        assert not re.search(r"^\s*(from|import) test_", path.read_text(encoding="utf-8"), flags=re.MULTILINE), path


def test_every_learner_and_task_is_held_to_its_contract():
    """By mypy, in the last lines of registry.py, which list what the folders have."""
    text = (PACKAGE / "registry.py").read_text(encoding="utf-8")
    for kind, folder in (("LEARNERS", "learners"), ("TASKS", "tasks")):
        (listed,) = re.findall(rf"{kind}: tuple\[.*\] = \((.*)\)", text)
        assert listed.split(", ") == registry.names(folder)


def test_what_only_looks_at_stored_trials_loads_neither_engine_nor_compiler():
    code = (
        "import sys, repro.analysis.tables, repro.analysis.claims, repro.presentation.table_view; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "repro.analysis.tables" in loaded
    assert not loaded & {
        "multiprocessing",
        "numba",
        "repro.running.engine",
        "repro.running.campaign",
        "repro.running.crew",
    }
