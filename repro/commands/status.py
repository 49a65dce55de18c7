"""The command that says what other processes do, and how far trials are: `status`."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro import interrupts
from repro.commands import completion
from repro.commands.options import Real, Wanted, folders_option, format_option, option, stored_in, wanted_options

if TYPE_CHECKING:
    from repro.records.headway import Count, Headway
    from repro.running.status import Work

_SHOWN = 15  # rows that are not done
_SHARE = 10  # of the time that a look takes there is at least so much between looks


@click.command()
@click.argument("select", nargs=-1, shell_complete=completion.runs)
@option("--watch", is_flag=True, help="Look again and again, until all is done.")
@option("--every", type=Real(0.1, 86400), metavar="SECONDS", default=5, show_default=True,
        help="With --watch, the time between looks.")  # fmt: skip
@wanted_options
@folders_option
@format_option
def status(
    select: tuple[str, ...], watch: bool, every: float, wanted: Wanted, results: tuple[Path, ...], form: str
) -> None:
    """Say what runs in results folders: rows done, missing and solved, speed, time left.

    For another terminal: it reads notes that `run`, `attest`, `replay` and `report` keep in the folder while they work.
    What was killed is shown as such, until something else runs there.

    With SELECT, and the options that `run` was given, it says how far these trials are by what is stored alone, in all
    of the folders together: for runs on other machines. How fast they go is known from the second look on: --watch.

    \b
    repro status
    repro status --format json
    repro status '4/*' --watch --results shard-1 --results shard-2
    """
    from repro.presentation import grid
    from repro.records.headway import Headway

    stores = [stored_in(folder) for folder in results]
    headway = Headway(wanted(select), stores) if select else None
    if watch:
        if form not in grid.TEXT:
            raise click.UsageError(f"--watch prints text, and no {form}.")
        sys.exit(_watch(_Sight(results, headway), every, form))
    if headway:
        click.echo(_listed(headway.counts(), form))
        return
    works = _works(results)
    if form not in grid.TEXT:
        from repro.running import status

        heads, body = status.table(works, time.time())
        click.echo(grid.listing(heads, list(body), form))
        return
    click.echo(_told(works, results, form))


def _works(folders: Sequence[Path]) -> "list[Work]":
    from repro.running import status

    return [work for folder in folders for work in status.read(folder)]


def _listed(counts: "Sequence[Count]", form: str) -> str:
    """Counts as a table."""
    from repro.presentation import grid

    heads = ["row", "trials", "done", "missing", "solved", "crashed"]
    body = [(one.name, one.total, one.done, one.missing, one.solved, one.crashed) for one in counts]
    return grid.listing(heads, body, form)


def _told(works: "Sequence[Work]", folders: Sequence[Path], form: str) -> str:
    """Works, in words and tables."""
    alive = any(work.alive for work in works)
    nothing = [] if alive else [f"Nothing runs in {', '.join(map(str, folders))}."]
    return "\n".join([*nothing, *(_said(work, form) for work in works)])


def _said(work: "Work", form: str) -> str:
    """A work, in words and a table."""
    from repro.presentation import grid
    from repro.running.heartbeat import duration

    def left(seconds: float | None, most: bool) -> str:
        return "" if seconds is None else f"{'up to' if most else 'about'} {duration(seconds)}"

    if not work.alive:
        title = f"repro {work.command} was killed {duration(time.time() - work.heard)} ago. What it had done:"
    else:
        title = f"repro {work.command}, for {duration(time.time() - work.since)} (process {work.process}):"
    counted = any(part.solved is not None for part in work.parts)  # rows, and not steps
    heads = ["row", "done", "missing", "solved", "sequences/s", "time left", "now"]
    body: list[list[Any]] = [
        [
            part.name, part.done, part.missing, part.solved,
            None if part.sequences_per_s is None else round(part.sequences_per_s),
            left(part.left_s, part.left_at_most), part.now + (f", {part.crashed} crashed" if part.crashed else ""),
        ]
        for part in work.parts
    ]  # fmt: skip
    if not counted:
        heads, body = ["step", *heads[1:3], *heads[5:]], [[*line[:3], *line[5:]] for line in body]
    return f"{title}\n\n{grid.listing(heads, body, form)}\n"


class _Sight:
    """What is looked at, again and again."""

    def __init__(self, folders: Sequence[Path], headway: "Headway | None") -> None:
        from repro.records.headway import Speed

        self._folders, self._headway = folders, headway
        self._counts: list[Count] = []
        self._works: list[Work] = []
        self._speed = Speed()
        self.over = False  # is all done: each trial, or else all that runs there

    def look(self) -> None:
        """Look again."""
        from repro.records.headway import Count

        self._works = _works(self._folders)
        alive = [work for work in self._works if work.alive]
        if self._headway:
            self._counts = self._headway.counts()
            self.over = all(one.over for one in self._counts) and not (alive and self._all.missing)
        else:
            self._counts = [
                Count(part.name, part.total or 0, part.done, part.solved or 0, part.crashed)
                for work in alive
                for part in work.parts
            ]
            self.over = not alive
        self._speed.note(time.monotonic(), self._all.done)

    @property
    def _all(self) -> "Count":
        from repro.records.headway import together

        return together(self._counts)

    @property
    def n_crashed(self) -> int:
        """Trials that crashed, as far as that is known."""
        return self._all.crashed

    def line(self) -> str:
        """How far all is."""
        from repro.running.heartbeat import duration

        if not (self._counts or self._headway):
            return f"Nothing runs in {', '.join(map(str, self._folders))}."
        sums, per_s = self._all, self._speed.per_s
        parts = [f"{sums.solved:,} solved"] + ([f"{sums.crashed:,} crashed"] if sums.crashed else [])
        if per_s is not None and not self.over:
            parts += [f"{60 * per_s:,.0f} a minute"]
            parts += [f"about {duration(sums.missing / per_s)} left"] if per_s else []
        return f"{sums.done:,} of {sums.total:,} trials done, {', '.join(parts)}"

    def picture(self) -> str:
        """That, and below it what is not done, as there is room for on a terminal."""
        if not self._headway:
            return f"{self.line()}\n\n{_told(self._works, self._folders, 'terminal')}"
        open_ones = [one for one in self._counts if one.missing]
        more = f"\nand {len(open_ones) - _SHOWN:,} more" if len(open_ones) > _SHOWN else ""
        table = f"\n\n{_listed(open_ones[:_SHOWN], 'terminal')}{more}" if open_ones else ""
        return self.line() + table


def _watch(sight: _Sight, every_s: float, form: str) -> int:
    """Look until all is done; 1 if trials crashed, as a run says it."""
    import warnings

    from repro.records.store import TornLineWarning

    with warnings.catch_warnings(), _shown(form) as show:
        warnings.simplefilter("ignore", TornLineWarning)  # it is being written
        while True:
            began = time.monotonic()
            sight.look()
            show(sight)
            if sight.over:
                return 1 if sight.n_crashed else 0
            time.sleep(max(every_s, _SHARE * (time.monotonic() - began)))


@contextmanager
def _shown(form: str) -> Iterator[Callable[[_Sight], None]]:
    """What shows a look: a picture in its place on a terminal, or else a line below the others."""
    if form != "terminal":
        yield lambda sight: click.echo(sight.line())
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    live = Live(console=Console(), auto_refresh=False)
    with interrupts.at_the_end(live.stop), live:
        yield lambda sight: live.update(Text.from_ansi(sight.picture()), refresh=True)
