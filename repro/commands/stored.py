"""The command that lists what is stored, trial by trial."""

import gc
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.commands import completion
from repro.commands.options import columns_option, option, results_option, stored_in, view_options

if TYPE_CHECKING:
    from repro.experiments.views import View

_MOST = 10_000  # trials as text: more is for programs


@click.command()
@click.argument("select", nargs=-1, shell_complete=completion.runs)
@view_options
@columns_option
@results_option
@option(
    "--format", "form", type=click.Choice(["text", "md", "csv", "json"]), default="text", show_default=True,
    help="How to print; csv and json have all columns.",
)  # fmt: skip
def trials(select: tuple[str, ...], view: "View", columns: tuple[str, ...], results: Path, form: str) -> None:
    """List every stored trial: what differs from its row, what came of it, and whether it counts.

    SELECT is what `repro run` takes; without it, everything that is stored. In Python the same is a pandas DataFrame:
    repro.frame("6a", results="results").

    \b
    repro trials 6a/lstm
    repro trials --format csv > trials.csv
    repro trials 6a/lstm --by learning_rate
    """
    from repro.experiments import config
    from repro.presentation import grid, written
    from repro.presentation import trials as stored

    gc.disable()  # of a million lines none is garbage: looking for some takes a tenth of the time
    click.get_current_context().call_on_close(gc.enable)
    names, lines = stored.table(select, config.load(), stored_in(results), None if view.usual else view)
    if columns:
        names, lines = _chosen(names, lines, columns)
    if form == "csv":
        sys.stdout.writelines(written.csv(names, lines))
    elif form == "json":
        sys.stdout.writelines(written.json(names, lines))
    else:
        body = list(islice(lines, _MOST + 1))
        if len(body) > _MOST:
            raise config.ConfigError(f"more than {_MOST:,} trials are too many to read: `--format csv` writes them all")
        shown = _short(names, body, all_of_them=bool(columns)) if body else None
        click.echo(grid.listing(*shown, grid.form_here(form)) if shown else f"No such trials are stored in {results}.")


def _chosen(
    names: Sequence[str], lines: Iterable[tuple[Any, ...]], columns: Sequence[str]
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    from repro.errors import similar
    from repro.experiments import config

    for name in columns:
        if name not in names:
            raise config.ConfigError(f"no column is called '{name}'{similar(name, names)} `--columns help` has all.")
    places = [names.index(name) for name in columns]
    return list(columns), (tuple([line[place] for place in places]) for line in lines)


_DETAILS = {"experiment", "steps", "weights", "max_sequences", "condition", "weights_digest", "source"}
_SELDOM = {"settings": "", "seed": 0, "screened": False, "error": None}  # left out where all trials have the same


def _wanted(name: str, values: Sequence[Any]) -> bool:
    """Does a reader want a column who has asked for none."""
    if name in _DETAILS or name.startswith("look_") or "." in name:
        return False
    if name in _SELDOM and set(values) == {_SELDOM[name]}:
        return False
    _, _, of_stage = name.removeprefix("stage_").partition("_") if name.startswith("stage_") else ("", "", "")
    return of_stage in ("", "sequences", "test_wrong")


def _short(
    names: Sequence[str], body: Sequence[tuple[Any, ...]], *, all_of_them: bool
) -> tuple[list[str], list[list[Any]]]:
    """The columns to show, and their cells as people read them."""
    columns: dict[str, Sequence[Any]] = dict(zip(names, zip(*body, strict=True), strict=True))
    shown = [name for name, values in columns.items() if all_of_them or _wanted(name, values)]
    for name in {"counts", "screened"} & columns.keys():
        columns[name] = ["yes" if value else "no" for value in columns[name]]
    if "error" in columns:  # of a traceback the last line
        columns["error"] = [why and why.rpartition("\n")[2] for why in columns["error"]]
    return shown, [list(line) for line in zip(*(columns[name] for name in shown), strict=True)]
