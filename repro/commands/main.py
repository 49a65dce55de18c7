"""The command line: parse, call one function, print. Data on stdout, progress on stderr."""

import io
import sys
import warnings
from pathlib import Path
from typing import Any, TextIO

import click
from click.core import ParameterSource

from repro import hints, registry
from repro.commands import completion
from repro.commands.doctor import doctor
from repro.commands.merge import merge
from repro.commands.new import new
from repro.commands.options import (
    Group,
    Real,
    columns_option,
    format_option,
    option,
    reading_option,
    results_option,
    seed_option,
    set_option,
    stored_in,
    view_options,
)
from repro.commands.readings import readings
from repro.commands.run import run
from repro.commands.search import race, screen
from repro.commands.status import status
from repro.commands.stored import trials
from repro.commands.trials import attest, check, replay, verify
from repro.files import OWN_CONFIGS, is_stdout
from repro.version import __version__


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="repro")
@option("--with", "files", multiple=True, type=click.Path(path_type=Path), metavar="FILE.py", envvar="REPRO_WITH",
        help="A learner or a task of your own, called as its file; repeatable.")  # fmt: skip
@option("--configs", "folders", multiple=True, type=click.Path(path_type=Path), metavar="DIRECTORY",
        envvar="REPRO_CONFIGS", help="A folder with rows of your own, beside the paper's; repeatable.")  # fmt: skip
def main(files: tuple[Path, ...], folders: tuple[Path, ...]) -> None:
    """Rerun the experiments of the 1997 LSTM paper and compare the numbers.

    \b
    repro list                        the rows of the paper's tables
    repro run @quick                  a part of every experiment, in a minute or two
    repro run table:9                 all rows of Table 9, with the paper's trials
    repro table 9                     the paper's Table 9, measured numbers beside it
    repro compare 9                   which of its numbers hold
    repro report                      everything on one page
    """
    warnings.showwarning = _show_warning
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a letter that the terminal lacks is no reason to stop
    registry.use(files)
    OWN_CONFIGS[:] = folders
    context = click.get_current_context()
    context.call_on_close(lambda: hints.use([]))
    given = [("files", "--with", files), ("folders", "--configs", folders)]
    typed = [one for one in given if context.get_parameter_source(one[0]) is ParameterSource.COMMANDLINE]
    hints.use((name, path) for _, name, paths in typed for path in paths)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    if sys.stderr is not None:  # not by click.echo: it would write across a live table, from below it
        print(f"Warning: {message}", file=sys.stderr)


@main.command("list")
@click.argument("select", nargs=-1, shell_complete=completion.runs)
@option("--stored", is_flag=True, help="Every condition that trials are stored of, whatever its settings, instead.")
@option("--matrix", "as_matrix", is_flag=True, help="Which learner takes which experiment, instead.")
@columns_option
@results_option
@format_option
def list_(
    select: tuple[str, ...], stored: bool, as_matrix: bool, columns: tuple[str, ...], results: Path, form: str
) -> None:
    """List the rows: learner, weights, trials, and what the paper reports. Or all that is stored.

    SELECT is what `repro run` takes; without it, every row.

    \b
    repro list
    repro list --stored 6a
    """
    from repro.experiments import config, matrix, selection
    from repro.presentation import grid, row_list, stored_list

    known = config.load()
    rows = [row for row, _ in selection.select(select, known)] if select else list(known.values())
    if stored and as_matrix:
        raise click.UsageError("--stored and --matrix are two lists: ask for one.")
    if stored:
        click.echo(stored_list.render(stored_list.entries(select, known, stored_in(results)), form, columns))
        return
    if not as_matrix:
        click.echo(row_list.render(row_list.entries(rows, stored_in(results)), form, columns))
        return
    if columns:
        raise click.UsageError("--columns is of the list of rows; with --matrix the columns are the learners.")
    heads, body, reasons = matrix.matrix(rows)
    click.echo(grid.listing(heads, body, form))
    if form in grid.TEXT:
        legend = "paper, ours: there is a row. can: there is none, but the learner takes the task: write one."
        refusals = [f"-, {learner}: {'; '.join(why)}" for learner, why in sorted(reasons.items())]
        click.echo("\n" + "\n".join(grid.wrapped(said, form) for said in (legend, *refusals)))


@main.command()
@click.argument("row", shell_complete=completion.trials)
@reading_option
@set_option
@seed_option
@results_option
@format_option
def show(row: str, reading: str | None, overrides: tuple[str, ...], seed: int, results: Path, form: str) -> None:
    """Show a row: its settings, its readings, and what the paper reports. Or a stored trial, ROW:NUMBER.

    \b
    repro show 6a/lstm
    repro show 4/lstm/T=100 --reading linear
    repro show 6a/lstm:3
    """
    from repro.experiments import config, selection
    from repro.looking import replay
    from repro.presentation import grid, showing
    from repro.records import attestation

    if ":" in row:
        record = replay.stored(row, reading, overrides, seed, stored_in(results))
        pairs = showing.trial(record, attestation.read(results))
    else:
        changes = selection.changes(overrides)
        pairs = showing.row(selection.one(row, config.load()), reading or config.PRINTED, changes)
    click.echo(grid.listing(("key", "value"), pairs, form))


main.add_command(run)
main.add_command(screen)
main.add_command(race)


@main.command()
@click.argument("select", nargs=-1, shell_complete=completion.lines, required=True)
@option(
    "--with-ours", is_flag=True, help="At the end of a table, rows that the paper does not have, of its experiments."
)
@view_options
@columns_option
@results_option
@format_option
def table(
    select: tuple[str, ...], with_ours: bool, view: Any, columns: tuple[str, ...], results: Path, form: str
) -> None:
    """Print a table of the paper with the measured numbers beside it.

    SELECT is the number of a table, 'text' (what the paper reports in no table), 'ours' (rows that are not in the
    paper), or rows as `repro run` takes them. Tables 10 and 11 are the experimental conditions. What was run with other
    settings is shown by the same --set, --seed and --max-sequences, or by --by.

    \b
    repro table 9
    repro table 7 8 9 --format md
    repro table '4/*' --format csv
    repro table 1 --columns row,success_rate,sequences
    repro table 9 --with-ours
    repro table 6a/lstm --by learning_rate
    """
    from repro.analysis import tables
    from repro.experiments import config
    from repro.presentation import conditions, table_view

    rows = config.load()
    numbers = [pattern for pattern in dict.fromkeys(select) if pattern in map(str, conditions.TABLES)]
    others = [pattern for pattern in select if pattern not in numbers]
    if numbers and len(select) > 1 and (columns or form in ("csv", "json")):
        how = "with --columns" if columns else f"as {form}"
        raise config.ConfigError(f"Table {numbers[0]} has columns of its own: {how}, ask for it alone.")
    lines = tables.selected(others, rows, stored_in(results), view, with_ours=with_ours)
    parts = [table_view.render(lines, form, columns)] if others else []
    parts += [conditions.render(int(number), rows, form, columns) for number in numbers]
    click.echo("\n\n".join(parts))


@main.command()
@click.argument("select", nargs=-1, shell_complete=completion.lines)
@option("--reading", flag_value="all", is_flag=False, default="", metavar="[NAME]", shell_complete=completion.readings,
         help="A line for this reading too; without NAME, for each that has records.")  # fmt: skip
@option("--margin", type=Real(1, min_open=True), default=1.5, show_default=True,
         help="Factor within which training times and errors are equivalent.")  # fmt: skip
@option("--points", type=Real(0, 100, min_open=True), default=20, show_default=True,
         help="Percentage points within which success rates are.")  # fmt: skip
@option("--brief", is_flag=True, help="The sentences alone, without the numbers behind them.")
@option("--check", is_flag=True, help="Exit with 3 if a value is not recorded, or as reproducing and no longer does.")
@option("--accept", is_flag=True, help="Record the verdicts, for --check.")
@view_options
@columns_option
@results_option
@format_option
def compare(
    select: tuple[str, ...], reading: str, margin: float, points: float, brief: bool, check: bool, accept: bool,
    view: Any, columns: tuple[str, ...], results: Path, form: str,
) -> None:  # fmt: skip
    """Say which published values hold, each with the interval that it rests on.

    SELECT is what `repro table` takes; without it, everything that the paper prints.

    \b
    repro compare
    repro compare --brief
    repro compare 9 --format md
    repro compare 7 --reading linear
    repro compare 6a/lstm --by learning_rate
    repro compare --check
    """
    from repro.analysis import claims, recorded, verdicts
    from repro.analysis import readings as fits
    from repro.experiments import config
    from repro.presentation import grid, verdict_table

    if (check or accept) and not view.usual:
        raise config.ConfigError("verdicts are recorded of the rows' own settings: not with --set, --seed or --by")
    if brief and not view.usual:
        raise config.ConfigError("sentences are of the rows' own settings: not with --set, --seed or --by")
    margins, store = verdicts.Margins(margin, points / 100), stored_in(results)
    found = verdicts.of_selection(select, config.load(), store, margins, view)
    said = claims.of(found)
    if brief:
        click.echo(verdict_table.sentences(said, form, columns))
    else:
        carried = fits.sentences(fits.of(found, store)) if view.usual and form not in grid.DATA else []
        shown = verdicts.of_readings(found, reading)
        click.echo(verdict_table.render(shown, margins, form, columns, said, carried))
    path = results / recorded.FILE
    if accept:
        click.echo(f"{recorded.accept(found, path)} verdicts recorded in {path}", err=True)
    if check:
        lost = recorded.lost(found, path)
        for one, before in lost:
            value = ", ".join(one.key)
            changed = f"No longer reproduces: {value}: {before} before, {one.verdict} now"
            unknown = f"Not recorded: {value}: {one.verdict} now; `repro compare --accept` records it"
            click.echo(changed if before else unknown, err=True)
        sys.exit(3 if lost else 0)


main.add_command(readings)
main.add_command(trials)
main.add_command(replay)
main.add_command(attest)
main.add_command(verify)
main.add_command(check)
main.add_command(new)
main.add_command(merge)
main.add_command(status)
main.add_command(doctor)


@main.command()
@click.argument(
    "kind",
    type=click.Choice(
        [
            "forest",
            "survival",
            "strips",
            "scaling",
            "learning",
            "success",
            "readings",
            "errorflow",
            "alwayson",
            "outputcurve",
        ]
    ),
)
@click.argument("select", nargs=-1, shell_complete=completion.lines)
@option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), show_default="KIND[-SELECT].svg here",
        help="The file: .svg, .png or .pdf; -: stdout.")  # fmt: skip
@reading_option
@view_options
@results_option
def plot(
    kind: str, select: tuple[str, ...], output: Path | None, reading: str | None, view: Any, results: Path
) -> None:
    """Draw a figure, and print the path of its file.

    KIND is forest (which published values hold), survival (share of trials solved against training sequences), strips
    (every trial as a dot), scaling (Table 3), learning (error against training sequences), success (Tables 1 and 2),
    readings (which carry which rows), errorflow (section 3), alwayson and outputcurve (why some readings do). SELECT is
    what `repro table` takes; for learning also trials, ROW:NUMBER. A forest without it is of all that the paper prints,
    and shows a reading beside `printed`, as `repro compare` does.

    \b
    repro plot forest
    repro plot survival 9
    repro plot strips 1 -o table1.pdf
    repro plot survival 6a/lstm --by learning_rate
    """
    from repro.commands import progress
    from repro.experiments import config
    from repro.presentation.plots import kinds

    with progress.Steps("plot") as shown:
        path = kinds.write(kind, select, config.load(), stored_in(results), reading, output, shown.step, view)
    click.echo(path, err=is_stdout(path))


@main.command()
@option("-o", "--output", type=click.Path(path_type=Path), default="report.html", show_default=True,
        help="The page; -: stdout.")  # fmt: skip
@option("--error-flow", is_flag=True, help="Run some nets for a figure of section 3 too: a minute more.")
@results_option
def report(output: Path, error_flow: bool, results: Path) -> None:
    """Write a page of everything: verdicts, tables, figures, readings, and how to rerun each number.

    It is one file of HTML, which needs neither network nor script.

    \b
    repro report -o report.html
    """
    from repro.analysis import verdicts
    from repro.commands import progress
    from repro.experiments import config
    from repro.presentation import report as pages

    with progress.Steps("report", results) as shown:
        path = pages.write(
            output, config.load(), stored_in(results), verdicts.Margins(), error_flow=error_flow, show=shown.step
        )
    click.echo(path, err=is_stdout(path))


@main.command()
@click.argument("learner", shell_complete=completion.learners)
@click.argument("select", nargs=-1, shell_complete=completion.runs)
@option("--lanes", type=click.IntRange(1, 64), help="Trials side by side, instead of 16 or the learner's best.")
@format_option
def bench(learner: str, select: tuple[str, ...], lanes: int | None, form: str) -> None:
    """Measure the speed of LEARNER (lstm, rtrl, ...) on one core: full training, and the kernel alone.

    Full training is a row as `repro run` does it: sequences drawn, targets, updates, stop rule, exams. SELECT names the
    rows; without it, one or more of each experiment. The kernel alone is time steps without any of that, on inputs that
    do not change, of the last row.
    """
    from repro.commands import progress
    from repro.experiments import config, selection
    from repro.presentation import grid
    from repro.running import bench as speed

    rows = [row for row, _ in selection.select(select or speed.ROWS, config.load()) if row.learner == learner]
    if not rows:
        known = dict.fromkeys(row.learner for row in config.load().values())
        raise config.ConfigError(f"none of these rows has the learner '{learner}'; learners are {', '.join(known)}.")
    with progress.Steps("bench") as shown:
        lines = list(speed.measure(rows, lanes, shown.step))
    click.echo(grid.listing(("what", "lanes", "million time steps/s", "ns per trial and step"), lines, form))
