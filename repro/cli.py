"""The command line: parse, call one function, print. Data on stdout, progress on stderr."""

import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

import click

from repro import __version__
from repro.errors import ReproError

INTERRUPTED, TERMINATED = 130, 143


class _Group(click.Group):
    """Commands whose errors, where they are the user's to solve, are a message and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ReproError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:  # `repro table 9 | head`
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
            ctx.exit(141)
        except OSError as error:  # `repro table 9 >/dev/full`
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
            click.echo(f"Error: {error}", err=True)
            ctx.exit(2)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # as a user meets them, not by the alphabet


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _option(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    return click.option(*names, **attributes)


results_option = _option(
    "--results", type=click.Path(path_type=Path, file_okay=False), default="results", show_default=True,
    envvar="REPRO_RESULTS", help="Folder with the records.",
)  # fmt: skip
format_option = _option(
    "--format", "form", type=click.Choice(["text", "md", "csv", "latex", "json"]), default="text", show_default=True,
    help="How to print.",
)  # fmt: skip
reading_option = _option("--reading", metavar="NAME", help="A reading of what the paper leaves open; see `repro show`.")


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="repro")
def main() -> None:
    r"""Rerun the experiments of the 1997 LSTM paper and compare the numbers.

    \b
    repro list                        the rows of the paper's tables
    repro run @quick                  a part of every experiment, in a minute or two
    repro run table:9                 all rows of Table 9, with the paper's trials
    repro table 9                     the paper's Table 9, measured numbers beside it
    """
    warnings.showwarning = _show_warning


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    click.echo(f"Warning: {message}", err=True)


@main.command("list")
@_option("--matrix", "as_matrix", is_flag=True, help="Which learner takes which experiment, instead.")
@results_option
@format_option
def list_(as_matrix: bool, results: Path, form: str) -> None:
    """List the rows: learner, weights, trials, and what the paper reports."""
    from repro import campaign, config, matrix, tables
    from repro.store import Store

    rows = list(config.load().values())
    if as_matrix:
        heads, cells, reasons = matrix.matrix(rows)
        click.echo(tables.listing(heads, cells, form))
        if form == "text":
            click.echo("\npaper, ours: there is a row. can: there is none, but the learner takes the task: write one.")
            click.echo("\n".join(f"-, {learner}: {'; '.join(why)}" for learner, why in sorted(reasons.items())))
        return
    plan = campaign.plan(campaign.items([(row, None) for row in rows]), Store(results))
    headers = ("row", "experiment", "learner", "weights", "table", "paper: success after", "trials", "done")
    body = [
        (
            item.row.name, item.row.title, item.row.learner, item.row.setup().n_weights,
            ", ".join(sorted({str(line.table) for line in item.row.published})),
            next((line.sequences for line in reversed(item.row.published) if line.sequences and not line.beyond), None),
            item.n_trials, len(plan.done[item.cell.key]),
        )
        for item in plan.items
    ]  # fmt: skip
    click.echo(tables.listing(headers, body, form))


@main.command()
@click.argument("row")
@reading_option
@format_option
def show(row: str, reading: str | None, form: str) -> None:
    r"""Show a row: all its settings, its readings, and what the paper reports.

    \b
    repro show 6a/lstm
    repro show 4/lstm/T=100 --reading linear
    """
    from repro import config, selection, tables

    found = selection.one(row, config.load())
    click.echo(tables.listing(("key", "value"), tables.description(found, reading or config.PRINTED), form))


@main.command()
@click.argument("select", nargs=-1, required=True)
@_option("-j", "--jobs", type=click.IntRange(1), default=_n_cores, show_default="all cores", help="Worker processes.")
@_option("--trials", type=click.IntRange(1), help="Trials of each row, instead of the paper's number.")
@_option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Root of all random streams.")
@reading_option
@_option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Replace a setting; can be repeated.")
@_option("--max-sequences", type=click.IntRange(1), help="Training sequences after which a trial has failed.")
@results_option
@_option("--engine", "engine_name", type=click.Choice(["local", "inline"]), default="local", show_default=True,
         help="Worker processes, or this process alone.")  # fmt: skip
@_option("--lanes", type=click.IntRange(1, 64), help="Trials side by side in a process; no number depends on it.")
@_option("--dry-run", is_flag=True, help="Say what would run.")
def run(
    select: tuple[str, ...], jobs: int, trials: int | None, seed: int, reading: str | None, overrides: tuple[str, ...],
    max_sequences: int | None, results: Path, engine_name: str, lanes: int | None, dry_run: bool,
) -> None:  # fmt: skip
    r"""Run the trials that are missing. Finished ones are kept, whatever happens.

    SELECT is a row, a glob of rows, an experiment, table:N, @quick or @paper.

    \b
    repro run 6a/lstm
    repro run '4/lstm/*' --reading linear
    repro run 6a/lstm --set learning_rate=0.1 --trials 50
    """
    from repro import campaign, config, engine, selection
    from repro.store import Store

    changes = dict(map(selection.parse_override, overrides))
    if max_sequences:
        changes["stop.max_sequences"] = max_sequences
    items = campaign.items(
        selection.select(select, config.load()), reading=reading, trials=trials, seed=seed, overrides=changes
    )
    store = Store(results)
    plan = campaign.plan(items, store)
    if dry_run:
        click.echo(_what_would_run(plan))
        return
    for experiment in {item.cell.experiment for item in plan.items if plan.missing[item.cell.key]}:
        store.check_writable(experiment)
    work = plan.jobs(jobs if engine_name == "local" else 1, lanes)
    how = (lambda todo: engine.local(todo, jobs)) if engine_name == "local" else engine.inline
    crashed = _run(plan, campaign.execute(work, how, store), results)
    sys.exit(1 if crashed else 0)


def _what_would_run(plan: Any) -> str:
    from repro import tables

    body = [
        (item.label, item.n_trials, len(plan.done[item.cell.key]), len(plan.missing[item.cell.key]))
        for item in plan.items
    ]
    return tables.listing(("row", "trials", "done", "to run"), body, "text")


def _run(plan: Any, events: Any, results: Path) -> int:
    """Show what happens until it has happened, then say so; the number of crashed trials."""
    from repro import engine
    from repro.progress import Display

    records: list[Any] = []
    stopped = 0
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with Display(plan) as display:
            for event in events:
                display.show(event)
                if isinstance(event, engine.Ended):
                    records.append(event.record)
    except KeyboardInterrupt as reason:
        stopped = TERMINATED if reason.args == (TERMINATED,) else INTERRUPTED
    finally:
        events.close()
    crashed = [record for record in records if record.outcome == "crashed"]
    for error in dict.fromkeys(record.error for record in crashed):
        click.echo(f"Crashed: {error}", err=True)
    done = sum(map(len, plan.done.values())) + len(records) - len(crashed)
    left = plan.n_missing - len(records)
    if stopped:
        click.echo(f"Interrupted: {done} trials done, {left} left; the same command goes on from here.", err=True)
        sys.exit(stopped)
    solved = sum(record.outcome == "solved" for record in records)
    fresh = f"{len(records)} run now, {solved} of them solved" if records else "nothing was missing"
    click.echo(f"{done} trials done ({fresh}); records in {results}{os.sep}", err=True)
    if crashed:
        click.echo(f"{len(crashed)} trials crashed; the same command runs them again.", err=True)
    return len(crashed)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(TERMINATED)


@main.command()
@click.argument("select", nargs=-1, required=True)
@results_option
@format_option
def table(select: tuple[str, ...], results: Path, form: str) -> None:
    r"""Print a table of the paper with the measured numbers beside it.

    SELECT is the number of a table, 'text' (what the paper reports in no table), 'ours' (rows that are not in the
    paper), or rows as `repro run` takes them.

    \b
    repro table 9
    repro table 7 8 9 --format md
    repro table '4/*' --format csv
    """
    from repro import config, tables
    from repro.store import Store

    click.echo(tables.render(tables.selected(select, config.load(), Store(results)), form))


@main.command()
@click.argument("learner")
@click.argument("select", nargs=-1)
@_option("--lanes", type=click.IntRange(1, 64), help="Trials side by side, instead of 16 or the learner's best.")
@format_option
def bench(learner: str, select: tuple[str, ...], lanes: int | None, form: str) -> None:
    """Measure the speed of LEARNER (lstm, rtrl, ...) on one core: full training, and the kernel alone.

    Full training is a row as `repro run` does it: sequences drawn, targets, updates, stop rule, exams. SELECT names the
    rows; without it, one or more of each experiment. The kernel alone is time steps without any of that, on inputs that
    do not change, of the last row.
    """
    from repro import bench as measure
    from repro import config, selection, tables

    rows = [row for row, _ in selection.select(select or measure.ROWS, config.load()) if row.learner == learner]
    if not rows:
        known = dict.fromkeys(row.learner for row in config.load().values())
        raise config.ConfigError(f"none of these rows has the learner '{learner}'; learners are {', '.join(known)}.")
    lines = [*measure.training(rows, lanes), *(measure.kernel(row, lanes) for row in rows[-1:])]
    click.echo(tables.listing(("what", "lanes", "million time steps/s", "ns per trial and step"), lines, form))
