"""Memory stays as it is, however many trials are run and tables are printed in a process.

`python scripts/memory.py 60` runs compiled trials for an hour, and looks at the process as a whole.
"""

import gc
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from conftest import made_condition
from golden import NET, ORDER, SIMPLE
from invented import AS_PUBLISHED, fill, times

from repro.analysis import claims, tables, verdicts
from repro.experiments import config
from repro.presentation import table_view, verdict_table
from repro.records.store import Store
from repro.records.trial import Record
from repro.running import crew

STOP = {
    "window": 4, "tolerance": 0.2, "max_sequences": 1, "test_sequences": 1, "stages": [{"name": "end", "max_wrong": 0}],
}  # fmt: skip
N = 6
BYTES = 2000  # each time, that libraries may keep for a while


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def kept(once: Callable[[], object]) -> tuple[float, int]:
    """Bytes that are kept each time, and objects in all; what is kept of the first times is not counted."""
    for _ in range(3):
        once()
    gc.collect()
    n_bytes, n_objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
    for _ in range(N):
        once()
    gc.collect()
    return (tracemalloc.get_traced_memory()[0] - n_bytes) / N, len(gc.get_objects()) - n_objects


@pytest.mark.parametrize("learner", [NET, {**SIMPLE, "name": "elman"}], ids=lambda learner: learner["name"])
def test_trials_leave_nothing_in_the_process_that_runs_them(plain, traced, learner):
    condition = made_condition(ORDER, learner, STOP)
    trials = iter(range(10**6))

    def once() -> None:
        (record,) = (event for event in crew.run(condition, [next(trials)], 1) if isinstance(event, Record))
        assert record.outcome in ("limit", "solved")

    n_bytes, n_objects = kept(once)
    assert n_bytes < BYTES
    assert n_objects < N


@pytest.mark.parametrize("form", ["text", "terminal"])
def test_tables_and_verdicts_leave_nothing_in_the_process_that_prints_them(tmp_path, monkeypatch, traced, form):
    monkeypatch.setenv("COLUMNS", "80")
    fill(Store(tmp_path), "6a/lstm", times(*AS_PUBLISHED[:5]))
    lines, margins = tables.selected(["6a/lstm"], config.load(), Store(tmp_path)), verdicts.Margins()
    found = verdicts.compare(lines)

    def once() -> None:
        table_view.render(lines, form)
        verdict_table.render(found, margins, form, (), claims.of(found))

    n_bytes, n_objects = kept(once)
    assert n_bytes < BYTES
    assert n_objects < N
