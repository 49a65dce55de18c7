"""Digests of the package's own source: which code computed a record, and which compiled kernels are still good.

The digest of the numerical source is taken over all modules that can change a number of a trial: its learner, its task,
the crew that runs it (with the training loop, the seeding, the stop rule and its defaults), and whatever these import.
What they import counts unless it stands in `_WITHOUT_NUMBERS`, so a new module counts until somebody says otherwise.

It is taken over syntax trees, without what no number comes from: comments, docstrings, annotations in and of functions,
descriptions of settings, the words of errors, and the functions in `_TELLING`. Whoever rewords these asks nobody.
Everything else asks for an attestation (see `attest`), even where it turns out to change nothing.
"""

import ast
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from repro import registry
from repro.files import PACKAGE

_READ = {path: path.read_bytes() for path in PACKAGE.rglob("*.py")}  # when this process began, as it computes by these
_ELSEWHERE: dict[Path, bytes] = {}  # learners and tasks that are not of this package, when they were loaded

# What the crew imports, and no number comes from it.
_WITHOUT_NUMBERS = {
    "running/kernel_cache.py",  # a kernel from disk is what it would be without (tested)
    "kernels/trace.py",  # watches a learner that learns as it would without (tested)
    "registry.py",  # says where a module is
    "records/provenance.py",  # versions and processor, for the record
    "records/source.py",
    "records/trial.py",  # what a record looks like
}
_TELLING = {  # functions of a module: what is to be seen of a net, why it is not run, what is claimed of it
    "watch",
    "refuses",
    "disagrees",
    "exact_gradient",
}


class _Essence(ast.NodeTransformer):
    """Takes out of a syntax tree what no number comes from."""

    def __init__(self) -> None:
        self._inside = 0  # of how many functions

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1
        node.returns = None
        return _without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        inside, self._inside = self._inside, 0
        self.generic_visit(node)
        self._inside = inside
        return _without_docstring(node)

    def visit_Module(self, node: ast.Module) -> Any:
        self.generic_visit(node)
        return _without_docstring(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Fields of a class keep their types, which decide what a setting becomes; variables lose theirs."""
        self.generic_visit(node)
        if not self._inside:
            return node
        return node.value and ast.Assign([node.target], node.value)

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]
        return node

    def visit_Raise(self, node: ast.Raise) -> Any:
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return node

    def visit_Assert(self, node: ast.Assert) -> Any:
        self.generic_visit(node)
        node.msg = None
        return node


def _without_docstring(node: Any) -> Any:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        node.body = node.body[1:]
    return node


def _text(node: Any) -> str:
    """A syntax tree as the text of nested lists, the same in every Python version: no positions, no empty fields.

    Names and constants are the text of their text, as they always were: digests of stored records are made of it.
    """
    if isinstance(node, list):
        return f"[{', '.join([_text(item) for item in node])}]"
    if not isinstance(node, ast.AST):
        return repr(repr(node))
    fields = []
    for name in node._fields:
        value = getattr(node, name, None)
        if value is not None and value != [] and not isinstance(value, ast.expr_context):
            fields.append(f"['{name}', {_text(value)}]")
    return f"['{type(node).__name__}', [{', '.join(fields)}]]"


def _tree(path: Path) -> ast.Module:
    """The syntax tree of a module, without its functions that only tell."""
    tree = ast.parse(_READ.get(path) or _ELSEWHERE.get(path) or path.read_bytes())
    tree.body = [node for node in tree.body if not (isinstance(node, ast.FunctionDef) and node.name in _TELLING)]
    return tree


@lru_cache(maxsize=None)
def _parsed(path: Path) -> tuple[frozenset[str], str]:
    """The names that a module imports, and what of its text numbers may come from; parsed once, as that takes long."""
    tree = _tree(path)
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(names), _text(_Essence().visit(tree))


@lru_cache(maxsize=None)
def imports(path: Path, package: Path = PACKAGE) -> frozenset[Path]:
    """The modules of ``package`` that the module at ``path`` imports, at its top or inside functions."""
    modules = set()
    for name in _parsed(path)[0]:
        head, *parts = name.split(".")
        if head == package.name and parts:
            place = package.joinpath(*parts)
            modules |= {file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()}
    return frozenset(modules - {path})


def closure(*starts: Path, package: Path = PACKAGE) -> list[Path]:
    """What ``starts`` import, directly or not, and they themselves, but for what no number comes from; sorted."""
    seen: set[Path] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path not in seen and _name(path, package) not in _WITHOUT_NUMBERS:
            seen.add(path)
            waiting.extend(imports(path, package))
    return sorted(seen)


def _name(path: Path, package: Path) -> str:
    """A file within the package; of one from elsewhere its name alone, as nobody's folders are told."""
    return path.relative_to(package).as_posix() if path.is_relative_to(package) else f"outside: {path.name}"


def _modules(learner: str, task: str, package: Path) -> list[Path]:
    """The modules that decide the numbers of trials of ``learner`` on ``task``."""
    starts = [package / "running" / "crew.py", package / "experiments" / "stop.py"]
    for folder, name in (("learners", learner), ("tasks", task)):
        if elsewhere := registry.source(folder, name):
            _ELSEWHERE.update(elsewhere)
            starts += elsewhere
        else:
            place = package / folder / name
            starts.append(place / "__init__.py" if place.is_dir() else place.with_suffix(".py"))
    return closure(*starts, package=package)


@lru_cache(maxsize=None)
def numerical_digest(learner: str, task: str, package: Path = PACKAGE) -> str:
    """Digest of the source that decides the numbers of trials of ``learner`` on ``task``, as it was at the start."""
    digest = hashlib.sha256()
    for path in _modules(learner, task, package):
        digest.update(f"{_name(path, package)}\n{_parsed(path)[1]}\n".encode())
    return digest.hexdigest()[:16]


def edited(learner: str, task: str) -> list[str]:
    """Which modules that decide the numbers of trials are not on disk as they were when this process began."""
    now = {path: path.read_bytes() if path.is_file() else b"" for path in _modules(learner, task, PACKAGE)}
    read = {**_READ, **_ELSEWHERE}
    return [_name(path, PACKAGE) for path, content in now.items() if content != read.get(path)]


def kernel_digest(package: Path = PACKAGE) -> str:
    """Digest of every byte that a compiled kernel may come from."""
    digest = hashlib.sha256()
    for folder in ("kernels", "learners", "tasks"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
