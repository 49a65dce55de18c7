"""A worker process: tasks in, what comes of them out, through a pipe of its own.

It does not survive its parent: Linux kills it, elsewhere it finds the pipe closed. Signals that ask for an end are the
parent's, which ends it. While it works, a thread gives signs of life. They come when it computes, compiles or waits for
a disk; they do not when it is stopped, or when a kernel never returns.
"""

import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from repro import interrupts, registry
from repro.errors import ReproError

_LAST_S = 1.0  # that the end of a process is waited for
_BEGIN = "from repro.running import worker; worker.work({pipe}, {parent}, {sign_s})"
_PR_SET_PDEATHSIG = 1  # prctl(2): the signal that a process gets when its parent dies


@dataclass(frozen=True)
class Alive:
    """A sign of life."""


@dataclass(frozen=True)
class Warned:
    """What a worker warns of."""

    text: str


@dataclass(frozen=True)
class Done:
    """A worker has done its task."""


@dataclass(frozen=True)
class Failed:
    """A worker could not go on with its task."""

    why: str
    is_final: bool = False  # it is the user's to solve: another try would come to the same


@dataclass(frozen=True)
class Gone:
    """A worker process has ended."""

    how: str


class Worker:
    """A worker process, seen from its parent; it does tasks as ``run`` says, sending what that yields.

    It gives a sign of life every ``sign_s`` seconds. If it stops in the midst of a message, the rest is waited for so
    long as ``patience_s``.
    """

    def __init__(self, run: Callable[[Any], Iterator[Any]], sign_s: float, patience_s: float) -> None:
        ours, theirs = socket.socketpair()
        timeout = struct.pack("ll", int(patience_s), int(patience_s % 1 * 1e6))
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        self.pipe = Connection(ours.detach())
        command = _BEGIN.format(pipe=theirs.fileno(), parent=os.getpid(), sign_s=sign_s)
        path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
        with interrupts.withheld():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", command],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
        theirs.close()
        self.give((run, registry.given()))

    @property
    def number(self) -> int:
        """The number of the process."""
        return self._process.pid

    def give(self, task: Any) -> None:
        """Have a task done."""
        with suppress(OSError):  # it is gone: `take` finds the pipe closed
            self.pipe.send(task)

    def take(self) -> Any:
        """What the worker says next, or that it is gone."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_S)
            return Gone(_ending(self._process.returncode))

    def kill(self) -> None:
        """End it, wherever it is."""
        self._process.kill()

    def stop(self) -> None:
        """End it, and leave nothing of it."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):  # it waits for a disk that does not answer
            self._process.wait(_LAST_S)
        self.pipe.close()


def _ending(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "said half of something, and nothing more"
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return "was killed (SIGKILL: out of memory?)" if -code == signal.SIGKILL else f"was ended by {name}"


def work(pipe_number: int, parent: int, sign_s: float) -> None:
    """Be a worker process: do tasks until the pipe closes."""
    for number in interrupts.SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, interrupts.SIGNALS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            return
    _Side(Connection(pipe_number), sign_s).work()


class _Side:
    """The worker's end of the pipe. When it closes, the parent is gone, and there is nothing to be put away."""

    def __init__(self, pipe: Connection, sign_s: float) -> None:
        self._pipe, self._sign_s = pipe, sign_s
        self._sending = threading.Lock()
        self._busy = threading.Event()  # as from the beginning: a task is waiting
        self._busy.set()
        threading.Thread(target=self._live, daemon=True).start()

    def work(self) -> None:
        warnings.showwarning = lambda message, *_, **__: self._send(Warned(str(message)))
        try:
            run, given = self._receive()
            registry.use(given)
            while True:
                task = self._receive()
                self._busy.set()
                for event in run(task):
                    self._send(event)
                self._busy.clear()
                self._send(Done())
        except ReproError as error:
            self._send(Failed(str(error), is_final=True))
        except Exception:
            self._send(Failed(traceback.format_exc()))

    def _live(self) -> None:
        while self._busy.wait():
            self._send(Alive())
            time.sleep(self._sign_s)

    def _send(self, what: Any) -> None:
        with self._sending:
            try:
                self._pipe.send(what)
            except OSError:
                os._exit(0)

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            os._exit(0)
