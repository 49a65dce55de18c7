"""Runs trials that take some milliseconds each and compute nothing: `python campaigner.py FOLDER [inline]`.

Prints how many trials it ran, how many it found to have been run by others meanwhile, and how many were there before.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from conftest import small_condition
from invented import invented

from repro.experiments import config
from repro.experiments.wanted import Item
from repro.records import planning
from repro.records.store import Store
from repro.running import campaign, engine

N_CONDITIONS, N_TRIALS = 6, 8
TOTAL = N_CONDITIONS * N_TRIALS


def items() -> list[Item]:
    row = config.load()["4/lstm/T=100"]
    conditions = (small_condition(**{"stop.max_sequences": 20 + k}) for k in range(N_CONDITIONS))
    return [Item(row, condition, N_TRIALS, {}) for condition in conditions]


def run(job: engine.Job) -> Iterator[engine.Event]:
    for trial in job.trials:
        time.sleep(0.02)
        yield engine.Ended(job, invented(job.condition, trial))


def main(folder: Path, how: str) -> Counter[str]:
    store = Store(folder)
    plan = planning.plan(items(), store)
    work = campaign.jobs(plan, 2)

    def run_all(jobs):
        return engine.inline(jobs, run) if how == "inline" else engine.local(jobs, 2, run)

    done = campaign.execute(plan, work, run_all, store, campaign.Count())
    return Counter(type(event).__name__ for event in done) + Counter(Before=TOTAL - plan.n_missing)


if __name__ == "__main__":
    import campaigner  # as worker processes import it

    counts = campaigner.main(Path(sys.argv[1]), sys.argv[2])
    print(counts["Ended"], counts["Found"], counts["Before"])
