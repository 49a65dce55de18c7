"""The command that says what works here and what does not: `doctor`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.commands.options import format_option, results_option

if TYPE_CHECKING:
    from repro.running.doctor import Finding


@click.command()
@results_option
@format_option
def doctor(results: Path, form: str) -> None:
    """Say whether everything works here, and what to do where it does not; if something does not, exit with 3.

    Versions, processor, memory, the cache of compiled kernels, the results folder, the terminal; and whether a known
    kernel gives the stored bits, and how fast. It takes some seconds, or up to a minute if that kernel has to be
    compiled first. It stores no trial, and says nothing private: show its output to whoever is to help.

    \b
    repro doctor
    repro doctor --format md
    """
    from repro.presentation import grid
    from repro.running import doctor as doctors

    found = []
    for finding in doctors.findings(results, lambda said: click.echo(said, err=True)):
        found.append(finding)
        if form in grid.TEXT:
            click.echo(_said(finding, form))
    if form not in grid.TEXT:
        body = [(finding.part, finding.found, finding.state, finding.advice) for finding in found]
        click.echo(grid.listing(("part", "found", "state", "what to do"), body, form))
    n_failing, n_poor = (sum(finding.state == state for finding in found) for state in ("fails", "poor"))
    click.echo(f"Of {len(found)} findings {n_failing} fail, {n_poor} are poor.", err=True)
    sys.exit(3 if n_failing else 0)


def _said(finding: "Finding", form: str) -> str:
    """A finding, in a line or some."""
    from repro.presentation import grid, terminal

    texts = [f"{finding.state:<6}{finding.part:<16}{finding.found}"]
    if finding.advice:
        texts.append(f"{'':<22}What to do: {finding.advice}.")
    indent = " " * (22 if form == "text" or terminal.width() >= 60 else 2)
    return "\n".join(grid.wrapped(text, form, indent) for text in texts)
