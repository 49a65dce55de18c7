"""Digests change with what decides numbers, and with nothing else."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repro.records import source


@pytest.fixture
def package(tmp_path):
    """A copy of the package that may be edited."""
    copy = tmp_path / "repro"
    shutil.copytree(source.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


PARSE = source._parsed.__wrapped__
PARSED: dict[bytes, tuple[frozenset[str], str]] = {}  # by a module's text: most are the same in all copies


def parsed(path: Path) -> tuple[frozenset[str], str]:
    text = path.read_bytes()
    if text not in PARSED:
        PARSED[text] = PARSE(path)
    return PARSED[text]


def digest(package: Path, learner="lstm", task="adding") -> str:
    source.imports.cache_clear()
    once, source._parsed = source._parsed, parsed
    try:
        return source.numerical_digest.__wrapped__(learner, task, package)
    finally:
        source._parsed = once
        source.imports.cache_clear()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# What no number comes from, by what it is.
HARMLESS = {
    "a docstring, a comment": (
        "learners/lstm/__init__.py",
        "    def finite(net, lane):\n",
        '    def finite(net, lane):\n        """One."""\n        # said\n',
    ),
    "the docstring of a module": ("kernels/driver.py", '"""The training loop', '"""THE training loop'),
    "space": ("kernels/lanes.py", "\n\n\nclass Vector", "\n\n\n\n# a comment\nclass Vector"),
    "a help text": (
        "learners/lstm/settings.py",
        'description="memory cell blocks"',
        'description="blocks of memory cells"',
    ),
    "a help text that goes": ("experiments/stop.py", ', description="if not those of all stages"', ""),
    "a refusal": ("learners/lstm/__init__.py", "its outputs are not made for", "its outputs are no good for"),
    "a refusal's condition": (
        "learners/lstm/__init__.py",
        "if interface.target_symbols",
        "if not interface.target_symbols",
    ),
    "the words of an error": ("settings.py", "a squashing range goes from low", "such a range goes from low"),
    "the words of an assertion": ("running/crew.py", "assert trial is not None", 'assert trial is not None, "nobody"'),
    "a type of an argument": ("learners/lstm/__init__.py", "lane: int, uniform: Any)", "lane, uniform)"),
    "a type of a result": ("experiments/condition.py", "(self, trial: int) -> list[np.ndarray]", "(self, trial: int)"),
    "a type of a variable": ("learners/lstm/__init__.py", "listed: dict[int, float] = {}", "listed = {}"),
    "another task": ("tasks/temporal_order.py", "x + below(stream, lane, 2)", "x + below(stream, lane, 3)"),
    "another learner": ("learners/rtrl.py", "shape = _shape(settings, interface)", "shape = None"),
    "what a record looks like": ("records/trial.py", "    screened: bool = False", "    screened: bool = True"),
    "processes": ("running/engine.py", "ATTEMPTS = 3", "ATTEMPTS = 4"),
    "the disk cache": ("running/kernel_cache.py", "_KEPT_VERSIONS = 4", "_KEPT_VERSIONS = 5"),
    "the learning trace": ("kernels/trace.py", "BUCKETS = 128", "BUCKETS = 64"),
    "the version": ("version.py", "0.1.0", "0.1.1"),
    "exit codes": ("interrupts.py", "128 + signal", "64 + signal"),
    "what a configuration may say of the paper": ("experiments/schema.py", "bool = Field(False", "bool = Field(True"),
}

# What a number may come from.
HARMFUL = {
    "the rule": ("learners/lstm/truncated.py", "at_gate = g * dy_in", "at_gate = g * y_in"),
    "the task": ("tasks/adding.py", "below(stream, lane, 10)", "below(stream, lane, 11)"),
    "the training loop": ("kernels/stop_rule.py", "_CHECK_EVERY = 1000", "_CHECK_EVERY = 1001"),
    "a constant of the exponential": ("kernels/maths.py", "1.4426950408889634", "1.4426950408889635"),
    "the generator": ("kernels/random.py", "total << 7", "total << 8"),
    "an instruction": ("kernels/lanes.py", '"fadd"', '"fsub"'),
    "the options of the compiler": ("kernels/jit.py", "_nrt=False, **options", "_nrt=True, **options"),
    "the learning rate": ("running/crew.py", "lane, self.learner.rate,", "lane, 1.0,"),
    "a bound that is not given": ("running/crew.py", '"max_wrong", stop["window"]', '"max_wrong", 0'),
    "which trial is in a lane": (
        "running/crew.py",
        "crew.enlist(lane, waiting.pop())",
        "crew.enlist(lane, waiting.pop(0))",
    ),
    "the seeds": ("experiments/condition.py", "spawn_key=(trial,)", "spawn_key=(trial + 1,)"),
    "the order of streams": (
        "experiments/condition.py",
        "for stream in root.spawn(3)",
        "for stream in reversed(root.spawn(3))",
    ),
    "the seeds of pairs": ("experiments/condition.py", 'trial % task["pairs"]', 'trial // task["pairs"]'),
    "what an identity leaves out": ("experiments/condition.py", 'name != "max_sequences"', 'name != "window"'),
    "a default of the stop rule": ("experiments/stop.py", "window: int = Field(1,", "window: int = Field(2,"),
    "a default of a stage": (
        "experiments/stop.py",
        "max_wrong: int | None = Field(None,",
        "max_wrong: int | None = Field(0,",
    ),
    "a default of the learner": ("learners/lstm/settings.py", "Field((-2.0, 2.0)", "Field((-1.0, 1.0)"),
    "a default that several learners share": ("settings.py", "Literal[1, 2] = Field(1", "Literal[1, 2] = Field(2"),
    "what a setting becomes": ("settings.py", "strict=True", "strict=False"),
    "the order of fields": ("kernels/contract.py", "    step: Any", "    stride: Any\n    step: Any"),
}


@pytest.mark.parametrize(("file", "old", "new"), HARMLESS.values(), ids=HARMLESS)
def test_what_does_not_touch_the_numbers_leaves_the_digest(package, file, old, new):
    before = digest(package)
    edit(package / file, old, new)
    assert digest(package) == before


@pytest.mark.parametrize(("file", "old", "new"), HARMFUL.values(), ids=HARMFUL)
def test_what_touches_the_numbers_changes_the_digest(package, file, old, new):
    before = digest(package)
    edit(package / file, old, new)
    assert digest(package) != before


def test_a_new_module_counts_until_somebody_says_otherwise(package):
    """Also one that the crew imports inside a function."""
    (package / "luck.py").write_text("LUCK = 7\n", encoding="utf-8")
    edit(package / "running/crew.py", "        running = [", "        from repro import luck\n\n        running = [")
    before = digest(package)
    edit(package / "luck.py", "7", "8")
    assert digest(package) != before


def test_what_is_said_to_be_without_numbers_is_there():
    for name in source._WITHOUT_NUMBERS:
        assert (source.PACKAGE / name).is_file()


WATCH = """

def watch(settings, net, interface, lane):
    from repro.kernels import trace

    return {"weight": net.w[0, lane] * 2}
"""


@pytest.mark.parametrize(
    "file", ["learners/lstm/__init__.py", "kernels/driver.py", "kernels/lanes.py", "tasks/adding.py"]
)
def test_what_only_looks_is_left_out_with_what_it_imports(package, file):
    """In its old place or a new one, edited or gone."""
    before = digest(package)
    text = (package / file).read_text(encoding="utf-8")
    head, found, tail = text.partition("def watch(")
    without = head + tail.partition("\n\n\n")[2] if found else text
    assert bool(found) == (file == "learners/lstm/__init__.py")
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
    path = package / "learners" / "lstm" / "__init__.py"
    path.write_text(path.read_text(encoding="utf-8") + addition, encoding="utf-8")
    assert digest(package) != before


def test_the_trace_has_a_part_in_what_is_compiled(package):
    compiled = source.kernel_digest(package)
    edit(package / "kernels" / "trace.py", "BUCKETS = 128", "BUCKETS = 64")
    assert source.kernel_digest(package) != compiled


def test_a_new_learner_leaves_the_old_ones_alone(package):
    before = digest(package)
    shutil.copy(package / "learners" / "lstm" / "__init__.py", package / "learners" / "other.py")
    assert digest(package) == before


def test_the_digest_does_not_depend_on_what_a_python_version_puts_into_a_tree():
    """Newer versions add fields that are empty here, and leave others out of a dump."""
    tree = ast.parse("def f(x):\n    return x")
    before = source._text(tree)
    tree.body[0].type_params = []
    tree.body[0]._fields = (*tree.body[0]._fields, "type_params", "later")
    tree.body[0].later = None
    assert source._text(tree) == before


def test_kernel_digest_sees_every_byte(package):
    before = source.kernel_digest(package)
    edit(package / "kernels" / "lanes.py", "# ---", "#  --")
    assert source.kernel_digest(package) != before


def test_the_digest_is_of_what_the_process_began_with_and_a_later_edit_is_found(package):
    """A process that goes on must not stamp its bits with a source that it has not read, nor run what it half knows."""
    script = (
        "from pathlib import Path\nfrom conftest import small_condition\n"
        "from repro.records import source\nfrom repro.running import crew\n"
        "before = source.numerical_digest('lstm', 'adding')\n"
        "assert source.edited('lstm', 'adding') == []\n"
        "path = source.PACKAGE / 'learners' / 'lstm' / 'truncated.py'\n"
        "path.write_text(path.read_text().replace('g * dy_in', 'g * y_in', 1))\n"
        "source.numerical_digest.cache_clear(), source._parsed.cache_clear()\n"
        "assert source.numerical_digest('lstm', 'adding') == before\n"
        "assert source.edited('lstm', 'adding') == ['learners/lstm/truncated.py']\n"
        "assert source.edited('elman', 'reber') == []\n"
        "try:\n    next(crew.run(small_condition(), [0], 1))\nexcept RuntimeError as error:\n    print(error)\n"
    )
    shutil.copytree(source.PACKAGE.parent / "configs", package.parent / "configs")
    path = f"{package.parent}{os.pathsep}{Path(__file__).parent}"
    environment = {**os.environ, "PYTHONPATH": path, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, cwd=package.parent, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("learners/lstm/truncated.py: edited after this process had begun")
