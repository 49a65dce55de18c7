"""The command that puts results folders together: `merge`."""

from pathlib import Path

import click

from repro.commands.options import format_option, option

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("folders", metavar="DIRECTORY...", nargs=-1, required=True, type=_FOLDER)
@option("--into", type=click.Path(path_type=Path, file_okay=False), required=True,
        help="The folder that gets what it lacks; made if it is not there.")  # fmt: skip
@option("--prefer", type=_FOLDER, help="Whose record to take where two folders differ about a trial.")
@format_option
def merge(folders: tuple[Path, ...], into: Path, prefer: Path | None, form: str) -> None:
    """Put the records of several results folders into one, each trial once.

    Equal trials are taken once. Different bits for one trial are an error that shows both, with processors and versions
    of libraries; nothing is written then. Attestations are put together, too.

    \b
    repro merge shard-1 shard-2 shard-3 --into results
    repro merge mine theirs --into both --prefer mine
    """
    from repro.presentation import grid
    from repro.records import merging

    if prefer is not None and prefer not in folders:
        raise click.UsageError(f"--prefer {prefer}: is none of the folders to be merged.")
    if into in folders or len(set(folders)) < len(folders):
        raise click.UsageError("a folder is named twice.")
    tallies = merging.merge(folders, into, prefer)
    body = [(str(one.folder), one.taken, one.equal, one.left) for one in tallies]
    click.echo(grid.listing(("folder", "taken", "there already", "left"), body, form))
    click.echo(f"{sum(one.taken for one in tallies):,} trials written to {into}/.", err=True)
