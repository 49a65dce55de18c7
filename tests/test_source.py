"""Digests change with what decides numbers, and with nothing else."""

import ast
import shutil
from pathlib import Path

import pytest

from repro import source


@pytest.fixture
def package(tmp_path):
    """A copy of the package that may be edited."""
    copy = tmp_path / "repro"
    shutil.copytree(source.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def digest(package: Path, learner="lstm", task="adding") -> str:
    for cached in (source._tree, source._text, source.imports):
        cached.cache_clear()
    return source.numerical_digest.__wrapped__(learner, task, package)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("learners/lstm.py", "    def step(net):\n", '    def step(net):\n        """One step."""\n        # said\n'),
        ("kernels/driver.py", '"""The training loop', '"""THE training loop'),
        ("kernels/lanes.py", "\n\n\nclass Vector", "\n\n\n\n# a comment\nclass Vector"),
        ("tasks/temporal_order.py", "x + below(stream, lane, 2)", "x + below(stream, lane, 3)"),
        ("options.py", "INTERRUPTED, TERMINATED = 130", "INTERRUPTED, TERMINATED = 131"),
        ("crew.py", "_SLICE_S = 0.15", "_SLICE_S = 0.25"),
    ],
)
def test_what_does_not_touch_the_numbers_leaves_the_digest(package, file, old, new):
    before = digest(package)
    edit(package / file, old, new)
    assert digest(package) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("kernels/lstm_truncated.py", "at_gate = g * dy_in", "at_gate = g * y_in"),
        ("tasks/adding.py", "below(stream, lane, 10)", "below(stream, lane, 11)"),
        ("kernels/driver.py", "_CHECK_EVERY = 1000", "_CHECK_EVERY = 1001"),
        ("kernels/maths.py", "1.4426950408889634", "1.4426950408889635"),
        ("kernels/random.py", "total << 7", "total << 8"),
        ("kernels/lanes.py", '"fadd"', '"fsub"'),
    ],
)
def test_what_touches_the_numbers_changes_the_digest(package, file, old, new):
    before = digest(package)
    edit(package / file, old, new)
    assert digest(package) != before


WATCH = """

def watch(settings, net, interface, lane):
    from repro.kernels import trace

    return {"weight": net.w[0, lane] * 2}
"""


@pytest.mark.parametrize("file", ["learners/lstm.py", "kernels/driver.py", "kernels/lanes.py", "tasks/adding.py"])
def test_what_only_looks_is_left_out_with_what_it_imports(package, file):
    """In its old place or a new one, edited or gone."""
    before = digest(package)
    text = (package / file).read_text(encoding="utf-8")
    head, found, tail = text.partition("def watch(")
    without = head + tail.partition("\n\n\n")[2] if found else text
    assert bool(found) == (file == "learners/lstm.py")
    for edited in (text + WATCH, without, without + WATCH):
        (package / file).write_text(edited, encoding="utf-8")
        assert digest(package) == before
    assert package / "kernels" / "trace.py" not in source.imports(package / file, package)


@pytest.mark.parametrize(
    "addition",
    [
        WATCH.replace("def watch", "def look"),
        "watch = 1\n",
        "class Looker:\n    def watch(self):\n        return 1\n",
        "def look():\n    def watch():\n        return 1\n    return watch\n",
    ],
)
def test_nothing_else_is_left_out(package, addition):
    before = digest(package)
    path = package / "learners" / "lstm.py"
    path.write_text(path.read_text(encoding="utf-8") + addition, encoding="utf-8")
    assert digest(package) != before


def test_the_trace_has_no_part_in_the_numbers_but_in_what_is_compiled(package):
    before, compiled = digest(package), source.kernel_digest(package)
    edit(package / "kernels" / "trace.py", "BUCKETS = 128", "BUCKETS = 64")
    assert digest(package) == before
    assert source.kernel_digest(package) != compiled


def test_a_new_learner_leaves_the_old_ones_alone(package):
    before = digest(package)
    shutil.copy(package / "learners" / "lstm.py", package / "learners" / "other.py")
    assert digest(package) == before


def test_the_digest_does_not_depend_on_what_a_python_version_puts_into_a_tree():
    """Newer versions add fields that are empty here, and leave others out of a dump."""
    tree = ast.parse("def f(x):\n    return x")
    before = source._essence(tree)
    tree.body[0].type_params = []
    tree.body[0]._fields = (*tree.body[0]._fields, "type_params", "later")
    tree.body[0].later = None
    assert source._essence(tree) == before


def test_kernel_digest_sees_every_byte(package):
    before = source.kernel_digest(package)
    edit(package / "kernels" / "lanes.py", "# ---", "#  --")
    assert source.kernel_digest(package) != before
