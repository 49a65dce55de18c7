"""Ctrl-C, SIGTERM and SIGHUP: a thread waits for them and ends the process, whatever the main thread is at.

An exception that a signal raises somewhere in the main thread gets lost: in a compiler that calls back into Python, in
an import, in what cleans up. So `watch`, before anything else is imported, blocks the signals in every thread, and
processes that are started inherit that; a thread of its own takes them. It does what is to be done `at_the_end`, the
latest first, and then ends the process with 128 and the number of the signal. What is `undivided`, such as the writing
of a record, comes to its end before that, and nothing of the kind begins any more. A signal that the process was
started to ignore (nohup) stays ignored.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_UNDIVIDED_S, _END_S = 0.7, 1.5  # seconds: the most that is waited for what is undivided, and for all together

_undivided = threading.Lock()
_ending = threading.Event()
_at_the_end: list[Callable[[], str | None]] = []


def watch() -> None:
    """From now on end this process when it is told to."""
    numbers = {number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    threading.Thread(target=lambda: _end(128 + signal.sigwait(numbers)), daemon=True).start()


@contextmanager
def undivided() -> Iterator[None]:
    """What is done whole or not at all: the process does not end in the midst of it. Has no other one in it."""
    while _ending.is_set():  # or else the lock might be taken again and again before the other thread gets it
        time.sleep(_END_S)
    with _undivided:
        yield


@contextmanager
def at_the_end(do: Callable[[], str | None]) -> Iterator[None]:
    """What is to be done if the process is ended in the midst of this; it may return what is then to be said."""
    _at_the_end.append(do)
    try:
        yield
    finally:
        _at_the_end.remove(do)


@contextmanager
def withheld() -> Iterator[None]:
    """No signal reaches this thread, nor, while it starts, a process that is started here."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(code: int) -> None:
    limit = threading.Timer(_END_S, os._exit, [code])  # a disk or a terminal that does not answer holds nobody up
    limit.daemon = True
    with suppress(RuntimeError):  # the interpreter is about to end by itself
        limit.start()
    _ending.set()
    _undivided.acquire(timeout=_UNDIVIDED_S)
    said: str | None = None
    for do in reversed(_at_the_end):
        with suppress(Exception):
            said = do() or said
    with suppress(Exception):  # the terminal is gone
        print(said or "Interrupted.", file=sys.stderr, flush=True)
    os._exit(code)
