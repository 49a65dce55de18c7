"""Ways to run a job that go wrong, for worker processes to import."""

import collections
import dataclasses
import gc
import itertools
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from unittest import mock

from msgspec.structs import replace
from numba.core.errors import TypingError

from repro.running import engine

FOLDER = Path(os.environ.get("FAULTS", "."))


def fake(job: engine.Job, trial: int) -> engine.Ended:
    """The end of a trial that was not run."""
    (FOLDER / f"ran-{trial}-{job.attempt}").touch()
    made = replace(engine.crashed(job.condition, trial, ""), outcome="solved", error=None, sequences=trial)
    return engine.Ended(job, made)


def good(job: engine.Job) -> Iterator[engine.Event]:
    yield engine.Began(job)
    for trial in job.trials:
        yield engine.Did(job, 1, 1)
        yield fake(job, trial)


def killed_once(job: engine.Job) -> Iterator[engine.Event]:
    """Trial 3 takes its worker with it, the first time."""
    for trial in job.trials:
        if trial == 3 and not (FOLDER / "killed").exists():
            (FOLDER / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield fake(job, trial)


def killed_always(job: engine.Job) -> Iterator[engine.Event]:
    """Trial 3 takes its worker with it, every time."""
    for trial in job.trials:
        if trial == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield fake(job, trial)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _spin() -> None:
    """As a kernel that never returns: no other thread gets the interpreter."""
    collections.deque(itertools.count(), maxlen=0)


def _stop_halfway() -> None:
    """Stop in the midst of a message."""
    pipe = next(one for one in gc.get_objects() if isinstance(one, Connection))
    os.write(pipe.fileno(), b"\0")
    _stop()


def _silent_once(job: engine.Job, silence: Callable[[], None]) -> Iterator[engine.Event]:
    for trial in job.trials:
        if trial == 3 and not (FOLDER / "silent").exists():
            (FOLDER / "silent").touch()
            silence()
        yield fake(job, trial)


def stopped_once(job: engine.Job) -> Iterator[engine.Event]:
    """Trial 3 stops its worker, the first time."""
    yield from _silent_once(job, _stop)


def spins_once(job: engine.Job) -> Iterator[engine.Event]:
    """Trial 3 never returns, the first time."""
    yield from _silent_once(job, _spin)


def halfway_once(job: engine.Job) -> Iterator[engine.Event]:
    """Trial 3 stops its worker while that says something, the first time."""
    yield from _silent_once(job, _stop_halfway)


def thinks(job: engine.Job) -> Iterator[engine.Event]:
    """Says nothing for a while, as when kernels are compiled."""
    for trial in job.trials:
        time.sleep(1.5)
        yield fake(job, trial)


def raises(job: engine.Job) -> Iterator[engine.Event]:
    """Trial 3 fails in Python."""
    for trial in job.trials:
        if trial == 3:
            raise ZeroDivisionError("trial three")
        yield fake(job, trial)


def uncompiled(job: engine.Job) -> Iterator[engine.Event]:
    """Kernels name an array that the net has not."""

    def run(*_: object) -> Iterator[engine.Event]:
        raise TypingError("Unknown attribute 'vel' of type Net(array(float32, 1d, C))")

    with mock.patch("repro.running.crew.run", run):
        yield from engine.run_job(job)


def warns(job: engine.Job) -> Iterator[engine.Event]:
    """All goes well, but for a warning before each trial."""
    for trial in job.trials:
        warnings.warn("the kettle boils", UserWarning, stacklevel=1)
        yield fake(job, trial)


def slow(job: engine.Job) -> Iterator[engine.Event]:
    """Never ends, but for trial 0."""
    yield fake(job, 0)
    while True:
        time.sleep(0.05)
        yield engine.Did(job, 1, 1)


LOST = (6, 7, 8, 9)


def killed_there(job: engine.Job) -> Iterator[engine.Event]:
    """Some trials take their worker with them, every time; the others are run."""
    for trial in job.trials:
        if trial in LOST:
            os.kill(os.getpid(), signal.SIGKILL)
        yield from engine.run_job(dataclasses.replace(job, trials=(trial,)))


def until_others_have_joined(job: engine.Job) -> Iterator[engine.Event]:
    """Says on which worker of a dask scheduler it is; ends when three are at work and it is told to, or in a minute."""
    import distributed

    (FOLDER / f"at-{job.trials[0]}").write_text(distributed.get_worker().address)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (FOLDER / "refused").exists() and len({path.read_text() for path in FOLDER.glob("at-*")}) >= 3:
            break
        time.sleep(0.05)
        yield engine.Did(job, 1, 1)
    for trial in job.trials:
        yield fake(job, trial)
