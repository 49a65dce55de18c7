"""Shows where long work is, while it goes on: live on a terminal, elsewhere a plain line every ten seconds.

A thread of its own speaks, as a compiler or a kernel keeps the main thread for minutes. It also keeps the note that
`repro status` reads.
"""

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from repro import interrupts
from repro.running.status import Note, Part

if TYPE_CHECKING:  # rich is imported only where there is a terminal
    from rich.live import Live

EVERY_S = 10.0  # between plain lines, at most
_TICK_S = 1.0  # between notes
_NARROW = 40  # columns; on a narrower terminal there are plain lines


def duration(seconds: float) -> str:
    """A rough time span: 42 s, 7 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def compiling(learner: str, experiment: str, seconds: float) -> str:
    """That kernels are made ready. They are found on disk at once, or else compiled, which takes up to minutes."""
    if seconds < 3:
        return f"loading kernels of {learner} on experiment {experiment}"
    return (
        f"compiling kernels of {learner} on experiment {experiment}, {duration(seconds)} so far; they are kept for the "
        "next time"
    )


class Heartbeat:
    """Shows where the work of a ``command`` is; a context manager. What there is to show, its kinds say.

    ``results`` is the folder in which a note is kept; None: no other terminal is told. ``live`` is whether there is a
    terminal; None: find out. Between plain lines are at most ``every_s`` seconds.
    """

    def __init__(
        self, command: str, results: Path | None = None, *, live: bool | None = None, every_s: float = EVERY_S
    ) -> None:
        self._command, self._results, self._every_s = command, results, every_s
        self._said = time.perf_counter()
        self._live: Live | None = None
        self._note: Note | None = None
        self._end = threading.Event()
        self._last = ExitStack()
        self._thread = threading.Thread(target=self._speak, daemon=True)
        if _is_terminal() if live is None else live:
            from rich.console import Console
            from rich.live import Live as LiveDisplay

            console = Console(stderr=True)
            if live or not (console.is_dumb_terminal or console.width < _NARROW):
                self._live = LiveDisplay(
                    get_renderable=self.picture, console=console, refresh_per_second=4, transient=self.transient
                )

    transient = True  # does the picture vanish at the end

    def parts(self) -> Sequence[Part]:
        """Where the work is, for other terminals."""
        raise NotImplementedError

    def lines(self) -> Sequence[str]:
        """Where it is, in plain words."""
        raise NotImplementedError

    def picture(self) -> Any:
        """Where it is, for rich to draw on a terminal."""
        from rich.text import Text

        return Text("\n".join(self.lines()))

    def say(self, lines: Sequence[str]) -> None:
        """Print plain lines, unless there is a live picture."""
        self._said = time.perf_counter()
        for line in () if self._live else lines:
            click.echo(line, err=True)

    def beat(self) -> None:
        """Write the note, and say where the work is if that is due before the next beat."""
        if self._note:
            self._note.write(self.parts())
        if time.perf_counter() - self._said > self._every_s - _TICK_S:
            self.say(self.lines())

    def _speak(self) -> None:
        while not self._end.wait(min(_TICK_S, self._every_s)):
            with suppress(OSError, ValueError):  # nobody hears it any more
                self.beat()

    def _close(self) -> None:
        """Say no more; the note goes, and the terminal is as it was."""
        self._end.set()
        if self._live:
            self._live.stop()
        if self._note:
            self._note.close()

    def __enter__(self) -> Self:
        self._last.callback(self._close)
        self._last.enter_context(interrupts.at_the_end(self._close))
        with interrupts.undivided():
            if self._results:
                self._note = Note(self._results, self._command)
                self._note.write(self.parts())
            if self._live:
                self._live.start()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with self._last:
            self._end.set()
            self._thread.join()


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
