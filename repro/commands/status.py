"""The command that says what other processes do: `status`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.commands.options import format_option, results_option, stored_in

if TYPE_CHECKING:
    from repro.running.status import Work


@click.command()
@results_option
@format_option
def status(results: Path, form: str) -> None:
    """Say what runs in a results folder: rows done, missing and solved, speed, time left.

    For another terminal: it reads notes that `run`, `attest`, `replay` and `report` keep in the folder while they work.
    What was killed is shown as such, until something else runs there.

    \b
    repro status
    repro status --format json
    """
    from repro.presentation import grid
    from repro.running import status

    works = status.read(stored_in(results).folder)
    if form not in grid.TEXT:
        heads, body = status.table(works, time.time())
        click.echo(grid.listing(heads, list(body), form))
        return
    if not any(work.alive for work in works):
        click.echo(f"Nothing runs in {results}.")
    for work in works:
        click.echo(_said(work, form))


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
