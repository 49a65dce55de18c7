"""A stored kernel is the right one, and a store that does not work costs a compilation, never a run."""

import errno
import fcntl
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import caches
import numpy as np
import pytest

from repro.files import configs_folder
from repro.kernels.jit import entry, kernel
from repro.kernels.lanes import loader
from repro.records import source
from repro.running import kernel_cache


def scaled(factor, width=4, inner=None):
    load = loader(width)
    inner = inner or kernel(lambda x: x)

    def run(x):
        total = 0.0
        for i in range(x.shape[0]):
            total += inner(x[i, 0]) * factor
        return total + 0 * x[0, 0] * len(x) if width else load(x, 0)[0]

    return entry(run)


def test_names_tell_what_kernels_close_over():
    names = [
        scaled(*arguments).__qualname__
        for arguments in ((2.0,), (2,), (3.0,), (2.0, 8), (2.0, 4, kernel(lambda x: x + 1)), ((2.0, 3.0),))
    ]
    assert len(set(names)) == len(names)
    assert scaled(2.0).__qualname__ == scaled(2.0).__qualname__


@pytest.mark.parametrize("value", [np.zeros(3), [1, 2], {"a": 1}, object()])
def test_kernels_close_over_nothing_whose_content_a_name_cannot_tell(value):
    with pytest.raises(TypeError, match="cannot close over"):
        kernel(lambda: value)


def test_a_kernel_is_found_again_and_its_neighbours_are_not_taken_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    x = np.ones((3, 4))
    for _ in range(2):
        for factor in (2.0, 5.0):
            run = kernel_cache.keep(scaled(factor))
            assert run(x) == 3 * factor
    assert sum(run.stats.cache_hits.values()) == 1
    assert len(list(tmp_path.rglob("*.kernel"))) == 2


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A kernel that another process compiles: its file is there later, and its lock is taken."""
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    kernel_cache.keep(scaled(2.0))(np.ones((3, 4)))
    (path,) = tmp_path.rglob("*.kernel")
    assert [one.name for one in path.parent.iterdir()] == [path.name], "no lock is left"
    path.rename(tmp_path / "later")
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path, lock


def test_what_another_process_compiles_is_waited_for(tmp_path, elsewhere):
    path, lock = elsewhere

    def ends():
        time.sleep(0.3)
        (tmp_path / "later").rename(path)
        lock.close()

    thread = threading.Thread(target=ends)
    thread.start()
    run = kernel_cache.keep(scaled(2.0))
    assert run(np.ones((3, 4))) == 6.0
    thread.join()
    assert sum(run.stats.cache_hits.values()) == 1


def test_what_another_process_compiles_is_not_waited_for_without_end(elsewhere, monkeypatch):
    monkeypatch.setattr(kernel_cache, "_PATIENCE_S", 0.1)
    run = kernel_cache.keep(scaled(2.0))
    assert run(np.ones((3, 4))) == 6.0
    assert sum(run.stats.cache_hits.values()) == 0
    assert elsewhere[0].is_file()


def test_a_kernel_of_other_types_does_not_take_its_place(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    for _ in range(2):
        run = kernel_cache.keep(scaled(2.0))
        assert [run(np.ones((3, 4), dtype)) for dtype in (np.float32, np.float64)] == [6.0, 6.0]
    assert sum(run.stats.cache_hits.values()) == 2


def flipped(content, place):
    """With one bit changed, at a place between 0 and 1."""
    k = int(place * (len(content) - 1))
    return content[:k] + bytes([content[k] ^ 1]) + content[k + 1 :]


DAMAGES = {
    "garbage": lambda content: b"garbage",
    "empty": lambda content: b"",
    "cut short": lambda content: content[:-1],
    "longer": lambda content: content + b"x",
    **{f"a bit at {place}": partial(flipped, place=place) for place in (0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 1)},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_replaced(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    x = np.ones((3, 4))
    kernel_cache.keep(scaled(2.0))(x)
    (path,) = tmp_path.rglob("*.kernel")
    path.write_bytes(damage(path.read_bytes()))
    run = kernel_cache.keep(scaled(2.0))
    assert run(x) == 6.0
    assert not run.stats.cache_hits, "what was damaged was taken"
    for _ in range(2):
        run = kernel_cache.keep(scaled(2.0))
        assert run(x) == 6.0
    assert sum(run.stats.cache_hits.values()) == 1


def test_what_was_edited_since_the_process_began_is_not_kept(tmp_path, monkeypatch):
    """Code that was read before would be stored as that of the source after."""
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    monkeypatch.setattr(kernel_cache, "kernel_digest", lambda: "0123456789abcdef")
    with pytest.warns(kernel_cache.CacheWarning, match="source was edited after it began"):
        assert kernel_cache.keep(scaled(2.0))(np.ones((3, 4))) == 6.0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_only_be_read_serves_in_silence(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    x = np.ones((3, 4))
    kernel_cache.keep(scaled(2.0))(x)
    with caches.refused(tmp_path, errno.EROFS, ((io, "open"), (os, "mkdir"), (os, "utime"))):
        run = kernel_cache.keep(scaled(2.0))
        assert run(x) == 6.0
    assert sum(run.stats.cache_hits.values()) == 1


def test_old_versions_go_and_this_one_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    kernels = tmp_path / "kernels"
    for age, name in enumerate([*(f"{k:016x}" for k in range(6)), "thesis", "photos"]):
        (kernels / name).mkdir(parents=True)
        os.utime(kernels / name, (time.time() - 1000 * (age + 1),) * 2)
    kernel_cache.keep(scaled(2.0))(np.ones((3, 4)))
    kept = {f"{k:016x}" for k in range(3)} | {kernel_cache.kernel_digest(), "thesis", "photos"}
    assert {path.name for path in kernels.iterdir()} == kept
    assert list(kernels.rglob("*.kernel"))


# ------------------------------------------------------------------------------------ a cache that cannot be used


CONSTANT = ("1.50140941", "1.51140941")  # of the Gaussian numbers: a global of its module, of which no name tells


class Checkout:
    """A copy of the package that may be edited, in a folder where all else is that a process may write to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.package = folder, folder / "copy" / "repro"
        self.touched: set[str] = set()
        shutil.copytree(source.PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(configs_folder(), folder / "copy" / "configs", dirs_exist_ok=True)
        (self.package / "kernels" / "tiny.py").write_text(caches.KERNEL)
        for name in ("home", "xdg", "temporary", "numba", "here"):
            (folder / name).mkdir()

    def edit(self) -> None:
        path = self.package / "kernels" / "maths.py"
        before = path.read_text(encoding="utf-8")
        assert before.count(CONSTANT[0]) == 1
        path.write_text(before.replace(*CONSTANT), encoding="utf-8")

    def process(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command, and note what it touches but for ``caches`` and ``results``."""
        places = {"HOME": "home", "XDG_CACHE_HOME": "xdg", "TMPDIR": "temporary", "NUMBA_CACHE_DIR": "numba"}
        variables = {name: str(self.folder / place) for name, place in places.items()}
        path = {"PYTHONPATH": str(self.package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        before = self._files()
        done = subprocess.run(
            command, cwd=self.folder / "here", env={**os.environ, **variables, **path, **more},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.touched |= {path for path, _ in self._files().items() ^ before.items()}
        return done

    def _files(self) -> dict[str, tuple[int, int]]:
        places = [place for place in self.folder.iterdir() if place.name not in ("caches", "results")]
        paths = [path for place in places for path in (place, *place.rglob("*"))]
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}


WAYS = [way for way in caches.ways(Path()) if way != "works"]
MOUNTED = [way for way in WAYS if "mounted" in way]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def runs(checkout) -> list[dict[str, Any]]:
    """What a kernel computes under all ways, by the source as it is and then as it was edited."""
    before = under_all_ways(checkout, checkout.folder / "caches" / "before")
    checkout.edit()
    return [before, under_all_ways(checkout, checkout.folder / "caches" / "after")]


def under_all_ways(checkout: Checkout, folder: Path) -> dict[str, Any]:
    caches.prepare(folder)
    mounting = [*caches.MOUNTING, str(folder)]
    try:
        can_mount = not subprocess.run([*mounting, "true"], capture_output=True, check=False).returncode
    except OSError:  # there is no such command
        can_mount = False
    done = checkout.process(*(mounting if can_mount else []), sys.executable, caches.__file__, str(folder))
    return {way: found for way, found in json.loads(done.stdout).items() if can_mount or way not in MOUNTED}


def of(run: dict[str, Any], way: str) -> Any:
    if way not in run:
        pytest.skip("no folder can be mounted here")
    return run[way]


def test_a_cache_that_works_serves_the_second_kernel_in_silence(runs):
    assert [(run["works"]["hits"], run["works"]["said"]) for run in runs] == [(1, [])] * 2
    assert runs[0]["works"]["bits"] != runs[1]["works"]["bits"], "the edit decides nothing"


@pytest.mark.parametrize("way", WAYS)
def test_an_edited_constant_counts_where_the_cache_cannot_be_used(runs, way):
    for run in runs:
        assert of(run, way)["bits"] == run["works"]["bits"]
        assert of(run, way)["hits"] == 0


def test_no_other_folder_is_touched(checkout, runs):
    assert checkout.touched == set()


REASONS = {
    "cannot be made": "No such file",
    "cannot be made at home": "No such file",
    "no home": "no home folder",
    "a file in its place": "Not a directory|File exists",
    "a file above it": "Not a directory",
    "read-only": "Read-only",
    "full": "No space left",
    "full, but for the index": "File too large",
    "read-only, mounted": "Read-only",
    "full, mounted": "No space left",
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_said_once_with_the_reason_the_cost_and_the_remedy(runs, way):
    ((category, said),) = of(runs[0], way)["said"]
    assert category == "CacheWarning"
    assert re.search(REASONS[way], said)
    assert "every start compiles them anew" in said
    assert "Set REPRO_CACHE" in said
    assert "home" in way or str(Path("/kernels")) in said


def test_a_trial_is_of_the_source_in_its_record_where_no_cache_can_be_made(tmp_path):
    """Once a kernel was taken from a folder beside the package, which knew nothing of an edit in another file."""
    checkout = Checkout(tmp_path)

    def run(name: str, *options: str, **environment: str) -> tuple[tuple[str, str], str]:
        """Source and weights of a trial, and what was said."""
        results = tmp_path / "results" / name
        row = ("3b/elman/T=100,N=3", "--trials", "1", "--max-sequences", "10", "--results", str(results))
        where = {"REPRO_CACHE": "/proc/nope", **environment}
        done = checkout.process(sys.executable, "-m", "repro", "run", *row, *options, **where)
        record = json.loads((results / "3b.jsonl").read_text(encoding="utf-8").splitlines()[-1])
        return (record["source"], record["weights_digest"]), done.stderr

    before, _ = run("before", "--engine", "inline")
    checkout.edit()
    after, said = run("after")  # in a worker process
    expected, _ = run("expected", "--engine", "inline", NUMBA_DISABLE_JIT="1")
    assert after == expected
    assert not set(after) & set(before)
    assert checkout.touched == set()
    (warning,) = [line for line in said.splitlines() if "arning" in line]
    assert warning.startswith("Warning: compiled kernels cannot be kept in /proc/nope/kernels (No such file")
