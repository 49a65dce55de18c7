"""Interfaces of Numba that are not public: when a new version changes one, this says which it is, and who uses it.

The upper bounds in pyproject.toml are raised when these tests and all others pass with the next version.
"""

import inspect
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from numba import njit
from numba.core import caching, cgutils, compiler, serialize
from numba.core.typing import templates
from numba.extending import models

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("owner", "name", "used_by"),
    [
        (caching, "NullCache", "kernel_cache"),
        (caching.NullCache, "load_overload", "kernel_cache"),
        (caching.NullCache, "save_overload", "kernel_cache"),
        (serialize, "dumps", "kernel_cache"),
        (compiler.CompileResult, "_rebuild", "kernel_cache"),
        (compiler.CompileResult, "_reduce", "kernel_cache"),
        (cgutils, "get_or_insert_function", "kernels.lanes"),
        (templates, "AbstractTemplate", "kernels.lanes"),
        (templates, "infer_global", "kernels.lanes"),
        (templates, "signature", "kernels.lanes"),
        (models, "PrimitiveModel", "kernels.lanes"),
    ],
)
def test_there_is(owner, name, used_by):
    assert hasattr(owner, name), f"Numba {version('numba')} has no {owner.__name__}.{name}, which {used_by} uses"


def test_signatures_are_those_that_are_called():
    assert [*inspect.signature(caching.NullCache.load_overload).parameters] == ["self", "sig", "target_context"]
    assert [*inspect.signature(caching.NullCache.save_overload).parameters] == ["self", "sig", "cres"]


def test_a_compiled_function_asks_the_cache_that_is_put_into_it():
    """And takes the options that kernels are compiled with."""
    asked = []

    class Cache(caching.NullCache):
        def load_overload(self, sig, target_context):
            asked.append("load")

        def save_overload(self, sig, data):
            asked.append(type(data._reduce()).__name__)
            assert not data.library.has_dynamic_globals
            assert data.codegen.magic_tuple()

    @njit(error_model="numpy", _nrt=False)
    def twice(x):
        return x + x

    twice._cache = Cache()
    assert twice(2.0) == 4.0
    assert asked == ["load", "tuple"]


@pytest.mark.parametrize("name", ["numba", "llvmlite"])
def test_versions_are_bounded_from_above(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (bounds,) = [one for one in project["dependencies"] if one.startswith(name)]
    low, high = (tuple(map(int, part.lstrip(f"{name}<>=").split("."))) for part in bounds.split(","))
    assert low <= tuple(map(int, version(name).split(".")[:2])) < high


def test_the_oldest_versions_are_those_of_all_dependencies():
    """`make oldest` installs them, and reruns a stored trial."""
    script = ROOT / "scripts" / "oldest.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    pairs = [line.split("==") for line in done.stdout.splitlines()]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [f"{name}>={version}" for name, version in pairs] == [
        requirement.partition(",")[0] for requirement in project["dependencies"]
    ]
