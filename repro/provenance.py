"""On what a record was computed: versions and processor, and nothing that tells whose machine it was."""

import platform
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from repro import __version__


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of what computes the numbers."""
    packages = {name: version(name) for name in ("numpy", "numba", "llvmlite")}
    return {"repro": __version__, "python": platform.python_version(), **packages}


@lru_cache(maxsize=1)
def processor() -> str:
    """The processor's model."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
