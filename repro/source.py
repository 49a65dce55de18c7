"""Digests of the package's own source: which code computed a record, and which compiled kernels are still good.

The digest of the numerical source is taken over syntax trees, without comments and docstrings: a reworded comment makes
no record stale. It covers the training loop, one learner, one task, and the kernels that they import, and no others: a
new learner leaves the records of the old ones as they are. (The crew, which moves trials in and out of lanes, and the
seeding have no part in it; tests pin what they do.)

A module's function `watch` is left out, with what it imports: it tells what is to be seen of a net and decides nothing,
and nothing else in kernels/, learners/ and tasks/ may be called so (tested).
"""

import ast
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent


def _essence(node: Any) -> Any:
    """A syntax tree as nested lists, the same in every Python version: no positions, no docstrings, no empty fields."""
    if isinstance(node, list):
        return [_essence(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name, value in ast.iter_fields(node):
        if name == "body" and value and isinstance(value, list) and isinstance(value[0], ast.Expr):
            first = value[0].value
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                value = value[1:]
        if value is not None and value != [] and not isinstance(value, ast.expr_context):
            fields.append([name, _essence(value)])
    return [type(node).__name__, fields]


@lru_cache(maxsize=None)
def _tree(path: Path) -> ast.Module:
    """The syntax tree of a module, without its function `watch`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not (isinstance(node, ast.FunctionDef) and node.name == "watch")]
    return tree


@lru_cache(maxsize=None)
def _text(path: Path) -> str:
    return str(_essence(_tree(path)))


@lru_cache(maxsize=None)
def imports(path: Path, package: Path = PACKAGE) -> frozenset[Path]:
    """The modules of ``package`` that the module at ``path`` imports, at its top or inside functions."""
    names = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    found = set()
    for name in names:
        head, *parts = name.split(".")
        if head == package.name and parts:
            file = package.joinpath(*parts).with_suffix(".py")
            if file.is_file():
                found.add(file)
    return frozenset(found)


def closure(*starts: Path, package: Path = PACKAGE) -> list[Path]:
    """The modules that ``starts`` import, directly or not, and they themselves; sorted."""
    seen: set[Path] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(imports(path, package))
    return sorted(seen)


@lru_cache(maxsize=None)
def numerical_digest(learner: str, task: str, package: Path = PACKAGE) -> str:
    """Digest of the source that decides the numbers of trials of ``learner`` on ``task``."""
    starts = (
        package / "kernels" / "driver.py",
        package / "learners" / f"{learner}.py",
        package / "tasks" / f"{task}.py",
    )
    digest = hashlib.sha256()
    for path in closure(*starts, package=package):
        if path.parent == package:
            continue  # what settings have in common: no numbers
        digest.update(f"{path.relative_to(package).as_posix()}\n{_text(path)}\n".encode())
    return digest.hexdigest()[:16]


def kernel_digest(package: Path = PACKAGE) -> str:
    """Digest of every byte that a compiled kernel may come from."""
    digest = hashlib.sha256()
    for folder in ("kernels", "learners", "tasks"):
        for path in sorted((package / folder).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
