"""The dependency rule, and other rules that a machine can check."""

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from repro import source

PACKAGE = source.PACKAGE
ROOT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))

# What each module may import of repro. Missing: nothing. Modules of a folder share a rule.
LEAVES = {"errors", "settings", "source", "status", "terminal", "version", "written"}
ALLOWED = {
    "kernels": {"kernels"},
    "learners": {"kernels", "settings"},
    "tasks": {"kernels", "settings"},
    "kernel_cache": {"source"},
    "cell": {"settings"},
    "stop": {"settings"},
    "provenance": {"version"},
    "trial": {"cell", "provenance"},
    "jsonl": {"provenance", "trial"},
    "attestation": {"cell", "errors", "files", "trial"},
    "attest": {"attestation", "campaign", "cell", "engine", "provenance", "store", "trial"},
    "integrity": {"cell", "config", "errors", "jsonl", "stop", "trial"},
    "store": {"errors", "integrity", "jsonl", "provenance", "trial"},
    "config": {"cell", "errors", "files", "schema", "settings", "stop"},
    "schema": {"settings"},
    "crew": {"cell", "kernel_cache", "kernels", "provenance", "source", "trial"},
    "engine": {"cell", "crew", "provenance", "trial"},
    "campaign": {"attestation", "cell", "config", "engine", "source", "store", "sweep", "trial"},
    "heartbeat": {"status"},
    "progress": {"campaign", "engine", "heartbeat", "status", "trial"},
    "pace": {"campaign", "cell", "config", "store", "trial"},
    "cost": {"campaign", "engine", "grid", "heartbeat", "pace", "store", "trial"},
    "completion": {"files", "stop"},
    "stats": {"trial"},
    "selection": {"config"},
    "tables": {"attestation", "campaign", "cell", "config", "schema", "selection", "stats", "store", "trial", "views"},
    "table_view": {"columns", "grid", "schema", "selection", "stats", "table_notes", "tables"},
    "table_notes": {"config", "stats", "tables", "trial"},
    "grid": {"terminal"},
    "columns": {"errors", "grid"},
    "row_list": {"campaign", "columns", "config", "grid", "store", "views"},
    "schemas": {
        "columns",
        "conditions",
        "grid",
        "race_view",
        "readings_view",
        "row_list",
        "screen_view",
        "stored_list",
        "table_view",
        "trials",
        "verdict_table",
    },
    "contrasts": {"stats"},
    "compare": {"config", "contrasts", "errors", "files", "schema", "store", "tables", "trial", "views"},
    "claims": {"compare", "config", "tables"},
    "readings": {"cell", "compare", "config", "store", "tables"},
    "readings_view": {"columns", "compare", "config", "grid", "readings", "table_notes", "verdict_table"},
    "cli_readings": {"compare", "completion", "config", "options", "readings", "readings_view", "store"},
    "verdict_table": {
        "claims",
        "columns",
        "compare",
        "config",
        "contrasts",
        "grid",
        "schema",
        "selection",
        "table_notes",
        "tables",
    },
    "bench": {"config", "crew", "kernels"},
    "conditions": {"columns", "config", "grid", "learners", "stop", "tasks"},
    "always_on": {"config", "courses", "watching"},
    "output_curve": {"config", "courses", "watching"},
    "courses": {"cell", "config", "watching"},
    "error_flow": {"config", "watching"},
    "replay": {
        "attestation",
        "campaign",
        "cell",
        "config",
        "errors",
        "provenance",
        "selection",
        "store",
        "trial",
        "views",
    },
    "watching": {"cell", "config", "crew", "kernels", "trial"},
    "matrix": {"config"},
    "files": {"errors"},
    "options": {"completion", "errors", "grid", "schemas", "selection", "sweep", "views"},
    "cli_status": {"grid", "heartbeat", "options", "status"},
    "report": {
        "claims",
        "compare",
        "conditions",
        "config",
        "files",
        "grid",
        "plots",
        "readings",
        "readings_view",
        "store",
        "table_notes",
        "table_view",
        "tables",
        "trial",
        "verdict_table",
        "version",
    },
    "plots": {
        "always_on",
        "compare",
        "config",
        "contrasts",
        "courses",
        "error_flow",
        "errors",
        "files",
        "output_curve",
        "plots",
        "race",
        "readings",
        "stats",
        "store",
        "table_notes",
        "tables",
        "trial",
        "views",
        "watching",
    },
    "cli_trials": {
        "attest",
        "attestation",
        "completion",
        "config",
        "engine",
        "grid",
        "options",
        "plots",
        "progress",
        "replay",
        "selection",
        "store",
        "watching",
    },
    "showing": {"attestation", "campaign", "config", "trial"},
    "cli": {
        "attestation",
        "bench",
        "claims",
        "cli_readings",
        "cli_run",
        "cli_search",
        "cli_status",
        "cli_stored",
        "cli_trials",
        "compare",
        "completion",
        "conditions",
        "config",
        "grid",
        "matrix",
        "options",
        "plots",
        "progress",
        "readings",
        "replay",
        "report",
        "row_list",
        "selection",
        "showing",
        "store",
        "stored_list",
        "table_view",
        "tables",
        "verdict_table",
        "version",
    },
    "__init__": {"trials", "version"},
    "cli_run": {"campaign", "completion", "config", "cost", "engine", "options", "progress", "selection", "store"},
    "cli_search": {
        "campaign",
        "cli_run",
        "completion",
        "config",
        "options",
        "plots",
        "race",
        "race_view",
        "screen",
        "screen_view",
        "selection",
        "store",
    },
    "cli_stored": {"completion", "config", "grid", "options", "store", "trials", "views", "written"},
    "race": {"cell", "config", "contrasts", "selection", "stats", "trial", "views"},
    "race_view": {"columns", "grid", "race", "stats"},
    "screen": {"campaign", "config", "sweep", "trial"},
    "screen_view": {
        "campaign",
        "columns",
        "config",
        "grid",
        "screen",
        "selection",
        "store",
        "table_view",
        "tables",
        "views",
    },
    "stored_list": {"cell", "columns", "config", "grid", "selection", "store", "trial", "trials", "views"},
    "sweep": {"config", "selection", "settings"},
    "trials": {"attestation", "campaign", "cell", "config", "selection", "store", "trial", "views"},
    "views": {"cell", "config", "selection"},
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


def test_no_modules_import_each_other():
    """Nor do longer circles, whether a module is imported at the top of another or later."""
    TopologicalSorter({path: source.imports(path) for path in FILES}).prepare()


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
    if module_of(path) == "learners" and path.stem != "__init__":
        assert len(found) == len(own) + len(from_kernels)
        assert len(found) == 1 or name == "disagrees", "one in each learner that has to"
    else:
        assert found == own


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
