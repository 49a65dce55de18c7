"""What the commands have in common: options, and errors that are told, not traced."""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from click.core import ParameterSource

from repro import hints
from repro.commands import completion
from repro.errors import ReproError, shown
from repro.limits import MOST_SEED, MOST_TRIALS
from repro.running import room

if TYPE_CHECKING:
    from repro.experiments.wanted import Item
    from repro.records.store import Store

Wanted = Callable[[tuple[str, ...]], "tuple[Item, ...]"]  # what makes items of a selection
PIPE_CLOSED = 141  # exit code
_STREAM_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}  # of writing to what is open
_DIGITS = 19  # of what 64 bits hold


class Group(click.Group):
    """Commands whose errors, where they are the user's to solve, are a message and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ReproError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)
        except BrokenPipeError:  # `repro table 9 | head`; click would exit with 1
            _drop_stdout()
            ctx.exit(PIPE_CLOSED)

    def main(self, *arguments: Any, **named: Any) -> Any:
        """Run the command line, and say what stdout did not take, be it help or a table."""
        if sys.stdout is None:  # `repro table 9 >&-`
            _drop_stdout()
        try:
            try:
                return super().main(*arguments, **named)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            _drop_stdout()
            sys.exit(PIPE_CLOSED)
        except OSError as error:  # `repro table 9 >/dev/full`
            _drop_stdout()
            where = error.filename or ("standard output" if error.errno in _STREAM_ERRORS else "")
            with suppress(OSError):
                click.echo(f"Error: {where}: {error.strerror}" if where else f"Error: {error}", err=True)
            sys.exit(2)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands as a user meets them, not by the alphabet."""
        return list(self.commands)


def _drop_stdout() -> None:
    """Nothing more goes to stdout: else the interpreter would try again at its end, and complain."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


class Whole(click.IntRange):
    """A whole number that 64 bits hold, in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; the message of one that is none has not all of a long text."""
        if len(str(value)) > _DIGITS:
            self.fail(f"{shown(value)} has too many digits.", param, ctx)
        return super().convert(value, param, ctx)


class Real(click.FloatRange):
    """A finite number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        number = super().convert(value, param, ctx)
        return number if isfinite(number) else self.fail(f"{number} is not a finite number.", param, ctx)


def option(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    """An option of a command."""
    return click.option(*names, **attributes)


def _form_here(ctx: click.Context, param: click.Parameter, form: str) -> str:
    from repro.presentation import grid

    return grid.form_here(form)


def _column_names(ctx: click.Context, param: click.Parameter, names: str | None) -> tuple[str, ...]:
    """The names, split; if it is help that is wanted, that is all there will be."""
    if names == "help":
        from repro.presentation import grid, schemas

        click.echo(schemas.told(ctx.command.name or "", grid.form_here("text")))
        ctx.exit()
    return tuple(name.strip() for name in names.split(",")) if names else ()


def _with_room(ctx: click.Context, param: click.Parameter, asked: int) -> int:
    """As many workers as are asked for, or as the memory has room for; that is said."""
    free = room.free_bytes()
    n = room.n_workers(asked, free)
    if free is not None and n < asked and not ctx.resilient_parsing:
        click.echo(
            f"-j {asked:,}: no more than {n:,} workers, as {free / 1e9:.1f} GB of memory are free, and each takes "
            f"{room.WORKER_BYTES / 1e9:.2f} GB.",
            err=True,
        )
    return n


_RESULTS: dict[str, Any] = {
    "type": click.Path(path_type=Path, file_okay=False), "show_default": True, "envvar": "REPRO_RESULTS",
}  # fmt: skip
results_option = option("--results", default="results", help="Folder with the records.", **_RESULTS)
folders_option = option(
    "--results", default=("results",), multiple=True, help="Folder with the records; repeatable.", **_RESULTS
)


def stored_in(results: Path) -> "Store":
    """The records in a folder, for a command that reads them: a folder that somebody named has to be there.

    Raises
    ------
    repro.records.store.StoreError
        If it is not.

    """
    from repro.records.store import Store, StoreError

    if not results.is_dir():
        if click.get_current_context().get_parameter_source("results") is not ParameterSource.DEFAULT:
            raise StoreError(f"there is no results folder '{results}'")
        makes = f"`{hints.command('run')}` makes it"
        hint = f"There is no folder '{results}' here, so nothing is stored: {makes}, --results names another."
        click.echo(hint, err=True)
    return Store(results)


FORMATS = click.Choice(["text", "md", "csv", "latex", "html", "json"])


def format_of(what: str) -> Callable[[Any], Any]:
    """The option of the format in which ``what`` is printed; on a terminal text is laid out for it."""
    return option("--format", "form", type=FORMATS, default="text", show_default=True, help=what, callback=_form_here)


format_option = format_of("How to print.")
columns_option = option(
    "--columns", metavar="NAME,...", is_eager=True, callback=_column_names,
    help="Columns to print, in this order, in any format; `--columns help` lists them.",
)  # fmt: skip
reading_option = option(
    "--reading",
    metavar="NAME",
    shell_complete=completion.readings,
    help="A reading of what the paper leaves open; see `repro show`.",
)
seed_option = option("--seed", type=Whole(0, MOST_SEED), default=0, show_default=True, help="Root of all streams.")
set_option = option("--set", "overrides", multiple=True, metavar="KEY=VALUE", shell_complete=completion.settings,
                    help="Replace a setting; repeatable.")  # fmt: skip
jobs_option = option(
    "-j", "--jobs", type=click.IntRange(1), default=room.n_cores, show_default="all cores", callback=_with_room,
    help="Worker processes, at most.",
)  # fmt: skip
max_sequences_option = option(
    "--max-sequences", type=Whole(1), help="Training sequences after which a trial has failed.",
)  # fmt: skip
by_option = option(
    "--by", metavar="KEY[,KEY]", default="", help="A line for each stored value of these settings, or of the seed.",
)  # fmt: skip


def view_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which of the stored settings of rows are looked at; the command gets them as ``view``."""

    @wraps(command)
    def with_view(
        *arguments: Any, overrides: tuple[str, ...], seed: int, max_sequences: int | None, by: str, **others: Any
    ) -> Any:
        from repro.experiments.selection import changes
        from repro.experiments.views import View

        keys = tuple(key for part in by.split(",") if (key := part.strip()))
        return command(*arguments, view=View(changes(overrides, max_sequences), seed, keys), **others)

    taken: Callable[..., Any] = by_option(with_view)
    for one in (max_sequences_option, seed_option, set_option):
        taken = one(taken)
    return taken


def sweep_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that name many settings to be run; the command gets them as ``variants``."""

    @wraps(command)
    def with_variants(*arguments: Any, grid: tuple[str, ...], sweep_file: Path | None, **others: Any) -> Any:
        from repro.experiments import sweep

        points = sweep.grid(grid)
        variants = sweep.together(sweep.read(sweep_file), points) if sweep_file else points
        return command(*arguments, variants=variants, **others)

    file = option("--sweep", "sweep_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.toml",
                  help="A file of named variants, each with several settings, as readings are written.")  # fmt: skip
    grid = option("--grid", "grid", multiple=True, metavar="KEY=V1,V2,...", shell_complete=completion.settings,
                  help="Try each of these values; repeated, each with each.")  # fmt: skip
    taken: Callable[..., Any] = file(with_variants)
    return cast(Callable[..., Any], grid(taken))


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which trials of rows are meant; the command gets what makes items of rows, as ``wanted``."""

    @wraps(command)
    def with_wanted(
        *arguments: Any, trials: int | None, seed: int, reading: str | None, overrides: tuple[str, ...],
        max_sequences: int | None, variants: Any, **others: Any,
    ) -> Any:  # fmt: skip
        from repro.experiments import config, selection, wanted

        def items(select: tuple[str, ...]) -> "tuple[Item, ...]":
            return wanted.items(
                selection.select(select, config.load()), reading=reading, trials=trials, seed=seed,
                overrides=selection.changes(overrides, max_sequences), variants=variants,
            )  # fmt: skip

        return command(*arguments, wanted=items, **others)

    number = option("--trials", type=Whole(1, MOST_TRIALS), help="Trials of each row, instead of the paper's number.")
    taken: Callable[..., Any] = max_sequences_option(with_wanted)
    for one in (sweep_options, set_option, reading_option, seed_option, number):
        taken = one(taken)
    return taken
