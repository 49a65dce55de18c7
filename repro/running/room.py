"""How many worker processes the processor and the memory have room for."""

import os
from contextlib import suppress
from pathlib import Path

WORKER_BYTES = 180e6  # what a worker process takes, compiler and kernels included
_MEMORY, _GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")  # of the machine, and of a container on it


def n_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_bytes(memory: Path = _MEMORY, group: Path = _GROUP) -> int | None:
    """The memory that may still be used, on Linux; None where it is not known."""
    free = []
    with suppress(OSError, ValueError, KeyError):
        fields = dict(line.split(":") for line in memory.read_text().splitlines())
        free.append(int(fields["MemAvailable"].split()[0]) * 1024)
    with suppress(OSError, ValueError, KeyError):
        most, used, kinds = ((group / f"memory.{name}").read_text() for name in ("max", "current", "stat"))
        cached = int(dict(line.split() for line in kinds.splitlines())["inactive_file"])  # given back when needed
        free.append(max(0, int(most) - int(used) + cached))
    return min(free, default=None)


def n_workers(asked: int, free: int | None) -> int:
    """So many workers as are asked for, or as there is room for; at least one."""
    return asked if free is None else max(1, min(asked, int(free / WORKER_BYTES)))
