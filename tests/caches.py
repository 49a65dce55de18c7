"""Ways in which the folder of compiled kernels cannot be used, for a process to import; one that works is among them.

Run as a script, with a folder as argument, it says as JSON what a small kernel of the package computes under each.
"""

import errno
import io
import json
import os
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

MOUNT = 'mount -t tmpfs -o size=8k none "$1/full" && mount -t tmpfs -o ro none "$1/read-only" && shift && exec "$@"'
MOUNTING = ("unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh")  # then a folder, then a command


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    with mock.patch.dict(os.environ, {name: value for name, value in values.items() if value is not None}):
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
        yield


@contextmanager
def refused(folder: Path, number: int, owners: tuple[tuple[Any, str], ...]) -> Iterator[None]:
    """Calls that would write under a folder end in an error, also those of root."""

    def refusing(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(path: Any, *arguments: Any, **options: Any) -> Any:
            mode = options.get("mode", arguments[0] if arguments else "r")
            reads = call is io_open and set("wax+").isdisjoint(mode)
            if str(path).startswith(str(folder)) and not reads:
                raise OSError(number, os.strerror(number), str(path))
            return call(path, *arguments, **options)

        return called

    io_open = io.open
    with ExitStack() as stack:
        for owner, name in owners:
            stack.enter_context(mock.patch.object(owner, name, refusing(getattr(owner, name))))
        with environment(REPRO_CACHE=str(folder)):
            yield


@contextmanager
def small_files(folder: Path) -> Iterator[None]:
    """No file can have more than 1000 bytes: which a kernel has."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    with environment(REPRO_CACHE=str(folder)):
        yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def homeless() -> Iterator[None]:
    with (
        environment(REPRO_CACHE=None, XDG_CACHE_HOME=None),
        mock.patch.object(Path, "home", side_effect=RuntimeError("Could not determine home directory.")),
    ):
        yield


def ways(folder: Path) -> dict[str, Any]:
    """By name: a context in which the cache is like that."""
    opened, made = (io, "open"), (os, "mkdir")
    return {
        "works": environment(REPRO_CACHE=str(folder / "good")),
        "cannot be made": environment(REPRO_CACHE="/proc/nope"),
        "cannot be made at home": environment(REPRO_CACHE=None, XDG_CACHE_HOME=None, HOME="/proc"),
        "no home": homeless(),
        "a file in its place": environment(REPRO_CACHE=str(folder / "occupied")),
        "a file above it": environment(REPRO_CACHE=str(folder / "file" / "some" / "where")),
        "read-only": refused(folder / "ro", errno.EROFS, (opened, made, (os, "open"))),
        "full": refused(folder / "no-room", errno.ENOSPC, (opened,)),
        "full, but for the index": small_files(folder / "small"),
        "read-only, mounted": environment(REPRO_CACHE=str(folder / "read-only")),
        "full, mounted": environment(REPRO_CACHE=str(folder / "full")),
    }


KERNEL = '''"""Gaussian numbers of random bits, compiled and kept."""

import numpy as np

from repro.kernels import maths
from repro.kernels.jit import entry
from repro.kernels.lanes import loader, store


def build():
    load, normal = loader(4), maths.build(np.float32).normal

    def run(bits, out):
        store(out, normal(load(bits)))

    return entry(run)
'''


def prepare(folder: Path) -> None:
    """Put into a folder what makes the ways what they are."""
    for name in ("good", "occupied", "no-room", "small", "read-only", "full"):
        (folder / name).mkdir(parents=True)
    for name in ("file", "occupied/kernels"):
        (folder / name).write_text("not a folder")


def computed() -> dict[str, Any]:
    """What the kernel computes, whether it came from disk, and what was said: twice, as a process has many kernels."""
    from repro.kernels import tiny  # of a copy of the package: see KERNEL
    from repro.running import kernel_cache

    bits, out = np.array([12345, 1 << 31, 77777777, 1 << 20], np.uint32), np.zeros(4, np.float32)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(2):
            run = kernel_cache.keep(tiny.build())
            run(bits, out)
    return {
        "bits": out.view(np.uint32).tolist(),
        "hits": sum(run.stats.cache_hits.values()),
        "said": [(warning.category.__name__, str(warning.message)) for warning in said],
    }


if __name__ == "__main__":
    found = {}
    for name, way in ways(Path(sys.argv[1])).items():
        with way:
            found[name] = computed()
    print(json.dumps(found))
