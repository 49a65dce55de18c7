"""On what a record was computed: versions and processor, and nothing that tells whose machine it was."""

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path

from repro.version import __version__


class Machine:
    """What computed a trial. Many records share one."""

    def __init__(self, versions: Mapping[str, str], processor: str) -> None:
        self.versions = dict(versions)
        self.processor = processor

    @cached_property
    def key(self) -> str:
        """A digest, by which records refer to it."""
        text = json.dumps([self.versions, self.processor], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Machine) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


NOWHERE = Machine({}, "")  # what trials that crashed are said to be computed by


@lru_cache(maxsize=1)
def machine() -> Machine:
    """What computes here and now."""
    return Machine(versions(), processor())


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
