"""Does memory stay as it is while trials are run: small ones, one after another in this process, for some minutes.

python scripts/memory.py 60
"""

import gc
import resource
import sys
import time
from pathlib import Path

from repro.experiments import config
from repro.experiments.condition import Condition
from repro.records.trial import Record
from repro.running import crew

ROWS = ("6a/lstm", "1/lstm/3x2,lr=0.1", "4/lstm/T=100", "6a/elman", "3a/guessing/A1,T=100,N=3")
SEQUENCES = 20  # after which each trial ends
TOGETHER = 4  # trials of a crew
MOST = 8e6  # bytes that it may grow
_EVERY_S = 60
_PAGE = resource.getpagesize()


def resident() -> int:
    """The memory that the process has, in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def main(minutes: float) -> int:
    """Run trials for so many minutes; 1 if memory grew."""
    conditions: list[Condition] = [config.load()[row].condition().cut_short(SEQUENCES) for row in ROWS]
    n = 0

    def run(seconds: float) -> None:
        nonlocal n
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for condition in conditions:
                n += sum(isinstance(event, Record) for event in crew.run(condition, range(n, n + TOGETHER), TOGETHER))

    run(1)  # what is compiled and kept is there now
    run(_EVERY_S / 2)
    gc.collect()
    before, n_before = resident(), n
    print(f"{before / 1e6:.1f} MB after {n:,} trials", flush=True)
    for _ in range(round(minutes * 60 / _EVERY_S)):
        run(_EVERY_S)
        gc.collect()
        print(f"{(resident() - before) / 1e6:+.1f} MB after {n - n_before:,} more", flush=True)
    return int(resident() - before > MOST)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if sys.argv[1:] else 60))
