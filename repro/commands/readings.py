"""The command that says which readings carry which rows."""

from pathlib import Path

import click

from repro.commands import completion
from repro.commands.options import columns_option, format_option, results_option, stored_in


@click.command()
@click.argument("select", nargs=-1, shell_complete=completion.lines)
@columns_option
@results_option
@format_option
def readings(select: tuple[str, ...], columns: tuple[str, ...], results: Path, form: str) -> None:
    """Say under which readings the published numbers come out, and how many were tried before one fitted.

    SELECT is what `repro table` takes; without it, everything that the paper prints. A reading carries a row if its
    success rate and all its training times are as published.

    \b
    repro readings 3
    repro readings --format csv
    repro plot readings
    """
    from repro.analysis import readings as fits
    from repro.analysis import verdicts
    from repro.experiments import config
    from repro.presentation import readings_view

    store = stored_in(results)
    found = verdicts.of_selection(select, config.load(), store)
    click.echo(readings_view.render(fits.of(found, store), form, columns))
