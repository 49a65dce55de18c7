"""What ``run`` shows while it runs, on stderr: a live table on a terminal, elsewhere a plain line now and then."""

import sys
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from repro import engine
from repro.campaign import Item, Plan
from repro.trial import Record

if TYPE_CHECKING:  # rich is imported only where there is a terminal
    from rich.live import Live
    from rich.table import Table

_NARROW = 80  # columns; on a narrower terminal a table would lose its numbers
_EVERY_S = 10.0  # between plain lines of a row


@dataclass
class _Line:
    """How far a row is."""

    item: Item
    records: list[Record]  # that were there
    began: float | None = None
    latest: float = 0.0
    sequences: int = 0
    steps: int = 0
    ended: list[Record] = field(default_factory=list)
    said: float = 0.0

    @property
    def n_left(self) -> int:
        return self.item.n_trials - len(self.records) - len(self.ended)

    @property
    def n_crashed(self) -> int:
        return sum(record.outcome == "crashed" for record in self.ended)

    @property
    def n_solved(self) -> int:
        return sum(record.outcome == "solved" for record in self.records + self.ended)

    def per_second(self, amount: int) -> float:
        return amount / max(self.latest - self.began, 0.1) if self.began else 0.0

    def left(self) -> str:
        """How long the trials that run may take: as long as those that have ended, or else up to their limit."""
        rate = self.per_second(self.sequences)
        if not self.n_left:
            return "done"
        if not rate:
            return "starting"
        known = [record.sequences for record in self.records + self.ended if record.outcome != "crashed"]
        if not known:
            known = [line.sequences for line in self.item.row.published if line.sequences][-1:]
        spent = self.sequences - sum(record.sequences for record in self.ended)
        rest = self.n_left * sum(known) / len(known) - spent if known else 0
        if rest > 0:
            return f"about {duration(rest / rate)}"
        limit = self.item.cell.settings["stop"]["max_sequences"]
        return f"up to {duration(max(0, self.n_left * limit - spent) / rate)}"

    def crashed(self) -> str:
        """How many crashed, to be added to what else is said; nothing if none did."""
        return f", {self.n_crashed} crashed" if self.n_crashed else ""

    def cells(self) -> list[str]:
        done = self.item.n_trials - self.n_left - self.n_crashed
        moving = bool(self.ended or self.sequences)
        return [
            self.item.label,
            f"{done}/{self.item.n_trials}",
            str(self.n_solved),
            f"{self.per_second(self.sequences):,.0f}" if moving else "-",
            f"{self.per_second(self.steps) / 1e6:.1f} M" if moving else "-",
            self.left() + self.crashed(),
        ]

    def text(self) -> str:
        label, done, solved, sequences, steps, _ = self.cells()
        left = self.left()
        end = (left if left in ("done", "starting") else f"{left} left") + self.crashed()
        return f"{label}: {done} trials, {solved} solved, {sequences} sequences/s, {steps} time steps/s, {end}"


def duration(seconds: float) -> str:
    """A rough time span: 42 s, 7 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


class Display:
    """Shows the progress of a plan; a context manager."""

    def __init__(self, plan: Plan, *, live: bool | None = None) -> None:
        self._lines = {item.cell.key: _Line(item, list(plan.done[item.cell.key])) for item in plan.items}
        self._live: Live | None = None
        if _is_terminal() if live is None else live:
            from rich.console import Console
            from rich.live import Live as LiveDisplay

            console = Console(stderr=True)
            if live or not (console.is_dumb_terminal or console.width < _NARROW):
                self._live = LiveDisplay(get_renderable=self._table, console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def show(self, event: engine.Event) -> None:
        """Take note of an event."""
        line = self._lines[event.job.cell.key]
        line.latest = time.perf_counter()
        line.began = line.began or line.latest
        if isinstance(event, engine.Did):
            line.sequences += event.sequences
            line.steps += event.steps
        elif isinstance(event, engine.Ended):
            line.ended.append(event.record)
        finished = isinstance(event, engine.Ended) and not line.n_left
        if not self._live and (finished or line.latest - max(line.said, line.began) > _EVERY_S):
            line.said = line.latest
            click.echo(line.text(), err=True)

    def _table(self) -> "Table":
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        for name in ("row", "trials", "solved", "sequences/s", "time steps/s", "time left"):
            table.add_column(name, justify="left" if name in ("row", "time left") else "right", no_wrap=True)
        for line in self._lines.values():
            table.add_row(*line.cells())
        return table
