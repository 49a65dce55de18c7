"""A stored kernel is the right one, and a store that does not work costs a compilation, never a run."""

import os
import time

import numpy as np
import pytest

from repro import kernel_cache
from repro.kernels.jit import entry, kernel
from repro.kernels.lanes import loader


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
    assert len(list(tmp_path.rglob("*.nbc"))) == 2


def test_a_damaged_file_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    x = np.ones((3, 4))
    kernel_cache.keep(scaled(2.0))(x)
    for kind in ("*.nbi", "*.nbc"):
        for path in tmp_path.rglob(kind):
            path.write_bytes(b"garbage")
        for _ in range(2):
            run = kernel_cache.keep(scaled(2.0))
            assert run(x) == 6.0
        assert sum(run.stats.cache_hits.values()) == 1, f"{kind} was not mended"


def test_a_folder_that_cannot_be_used_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "file" / "x"))
    assert kernel_cache.keep(scaled(2.0))(np.ones((3, 4))) == 6.0


def test_old_versions_go_and_this_one_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    kernels = tmp_path / "kernels"
    for age, name in enumerate([*(f"{k:016x}" for k in range(6)), "thesis", "photos"]):
        (kernels / name).mkdir(parents=True)
        os.utime(kernels / name, (time.time() - 1000 * (age + 1),) * 2)
    kernel_cache.keep(scaled(2.0))(np.ones((3, 4)))
    kept = {f"{k:016x}" for k in range(3)} | {kernel_cache.kernel_digest(), "thesis", "photos"}
    assert {path.name for path in kernels.iterdir()} == kept
    assert list(kernels.rglob("*.nbc"))
