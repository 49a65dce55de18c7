"""Carries errands to the workers of a dask cluster: one that there is, or one on this machine that is started.

Errands are tasks that are bound to a worker, which `cluster` chooses. What a worker says in the midst of one comes as
events of a topic of this run, in the order in which it was said, and before the end of the task, which returns nothing:
what a task returned would be kept by its worker, and be lost with it.

The workers of a cluster on this machine are processes of our own, and not dask's nannies, whose way to start a process
unblocks Ctrl-C: they hear no signals, and do not survive this process. One that ends is replaced.
"""

import asyncio
import ctypes
import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from repro import interrupts
from repro.running.cluster import Heard
from repro.running.engine import EngineError
from repro.running.errand import Note

INSTALL = "python -m pip install distributed"
_CONNECT_S = 10.0
_ASK_S = 2.0  # that an answer of the scheduler is waited for
_END_S = 1.0  # that a worker process is waited for when it is ended
_QUIET = {  # what dask says to itself, and what nobody looks at
    "distributed.logging.distributed": "critical",
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "5s",
}
_BEGIN = "from repro.running import dask_hub; dask_hub.work({address!r}, {parent}, {folder!r})"


def check_installed() -> None:
    """Find out whether there is dask.

    Raises
    ------
    EngineError
        With what installs it.

    """
    if not find_spec("distributed"):
        raise EngineError(f"--engine dask needs the package distributed, which is not installed: `{INSTALL}`")


def _read(address: str) -> str:
    """An address, which may be in a file that the scheduler wrote."""
    if not address.endswith(".json"):
        return address
    try:
        return str(json.loads(Path(address).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(
            f"{address}: is not what `dask scheduler --scheduler-file` writes ({type(error).__name__}: {error})"
        ) from None


class DaskHub:
    """The workers that a dask scheduler knows; a context manager."""

    def __init__(self, address: str | None, n_workers: int) -> None:
        self._address, self._n_workers = address, n_workers
        self.name = f"the scheduler at {address}" if address else "the cluster on this machine"
        self._topic = f"repro-{os.urandom(8).hex()}"
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._futures: dict[int, Any] = {}
        self._local: _Workers | None = None
        self._known: set[str] = set()  # workers
        self._last = ExitStack()

    def __enter__(self) -> Self:
        check_installed()
        import dask

        with ExitStack() as stack:
            stack.enter_context(dask.config.set(_QUIET))
            import distributed

            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            address = _read(self._address) if self._address else self._start(stack)
            try:
                self._client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
            except (OSError, ValueError, ImportError) as error:
                raise EngineError(
                    f"there is no dask scheduler at {address} ({' '.join(str(error).split())}); `dask scheduler` "
                    "starts one and says its address; --engine dask, without an address, starts one on this machine"
                ) from None
            stack.callback(self._close)
            self._client.subscribe_topic(self._topic, self._take)
            self._last = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._last.close()

    def _start(self, stack: ExitStack) -> str:
        """Start a scheduler in this process, and workers; its address."""
        import distributed

        cluster = distributed.LocalCluster(
            n_workers=0,
            processes=False,
            protocol="tcp",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
        stack.callback(cluster.close, timeout=_END_S)
        self._local = stack.enter_context(_Workers(cluster.scheduler_address, self._n_workers))
        return str(cluster.scheduler_address)

    def _close(self) -> None:
        for number in list(self._futures):
            self.drop(number)
        with suppress(Exception):  # it may be gone
            self._client.close(timeout=_END_S)

    def _check(self) -> None:
        if self._client.status != "running":
            raise EngineError(f"{self.name} is gone; finished trials are kept, start it again for the others")

    @contextmanager
    def _there(self) -> Iterator[None]:
        """What is asked of the scheduler; if it does not answer, it is gone."""
        self._check()
        try:
            yield
        except EngineError:
            raise
        except Exception:
            self._check()
            time.sleep(_END_S)  # the client may not know it yet
            self._check()
            raise

    def workers(self) -> set[str]:
        """The workers that there are, by address."""
        if self._local:
            self._local.replace_ended()
        ncores: Any = self._client.scheduler.ncores if self._client.scheduler else None  # None: it has just gone
        with self._there(), suppress(TimeoutError):  # one that has much to do is asked again later
            self._known = set(self._client.sync(ncores, callback_timeout=_ASK_S))
        self._check()
        return self._known

    def give(self, number: int, worker: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a worker call a function."""
        with self._there():
            future = self._client.submit(
                _task, self._topic, number, function, arguments,
                key=f"{self._topic}-{number}", workers=[worker], allow_other_workers=False, pure=False,
            )  # fmt: skip
        self._futures[number] = future
        future.add_done_callback(lambda ended: self._over(number, ended))

    def _over(self, number: int, future: Any) -> None:
        error = ""
        if future.status == "error":  # whatever keeps a worker from doing what it is told
            what = future.exception()
            error = f"failed ({what})"
        elif future.status != "finished":
            error = "is gone"
        self._heard.put(Heard(number, None, error))

    def _take(self, event: tuple[float, Any]) -> None:
        number, notes = event[1]
        self._heard.put(Heard(number, notes))

    def hear(self, seconds: float) -> list[Heard]:
        """What has been heard, waiting so long for it."""
        self._check()
        heard = []
        with suppress(queue.Empty):
            heard.append(self._heard.get(timeout=seconds))
            while True:
                heard.append(self._heard.get_nowait())
        self._check()  # before it is taken for news that all is lost
        return heard

    def drop(self, number: int) -> None:
        """Forget an errand, whether it is over or not."""
        if future := self._futures.pop(number, None):
            with suppress(Exception):  # the scheduler may be gone
                future.release()


def _task(topic: str, number: int, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    """What a worker is given: call a function."""
    import distributed

    worker, key = distributed.get_worker(), f"{topic}-{number}"

    def send(notes: list[Note]) -> None:
        worker.log_event(topic, (number, notes))

    def unwanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    try:
        function(*arguments, send, unwanted)
    except Exception as error:  # which need not be one that goes through a connection
        raise RuntimeError(f"{type(error).__name__}: {error}") from None


class _Workers:
    """Worker processes of a scheduler on this machine; a context manager."""

    def __init__(self, address: str, n: int) -> None:
        self._address, self._n = address, n
        self._processes: list[subprocess.Popen[bytes]] = []
        self._last = ExitStack()

    def __enter__(self) -> Self:
        self._folder = tempfile.mkdtemp(prefix="repro-dask-")
        self._last.callback(self._end)
        self._last.enter_context(interrupts.at_the_end(self._end))
        self.replace_ended()
        return self

    def __exit__(self, *_: object) -> None:
        self._last.close()

    def replace_ended(self) -> None:
        """Have as many as there shall be."""
        self._processes = [process for process in self._processes if process.poll() is None]
        while len(self._processes) < self._n:
            command = _BEGIN.format(address=self._address, parent=os.getpid(), folder=self._folder)
            path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
            with interrupts.undivided(), interrupts.withheld():
                process = subprocess.Popen(
                    [sys.executable, "-P", "-c", command], stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": path},
                )  # fmt: skip
                self._processes.append(process)

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
        shutil.rmtree(self._folder, ignore_errors=True)


def work(address: str, parent: int, folder: str) -> None:
    """Be a worker process of a scheduler on this machine, until that or the parent is gone."""
    import dask

    for number in interrupts.SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupts.SIGNALS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            return
    with dask.config.set(_QUIET):
        import distributed

        logging.getLogger("distributed").setLevel(logging.CRITICAL)

        async def run() -> None:
            async with distributed.Worker(
                address, nthreads=1, memory_limit=0, local_directory=folder, dashboard=False, death_timeout=_CONNECT_S
            ) as worker:
                await worker.finished()

        asyncio.run(run())
