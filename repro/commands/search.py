"""The commands that search and compare settings: screen, race."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.commands import completion
from repro.commands.options import (
    Whole,
    columns_option,
    format_option,
    jobs_option,
    max_sequences_option,
    option,
    reading_option,
    results_option,
    set_option,
    sweep_options,
)
from repro.commands.run import carry_out, say_cost
from repro.files import is_stdout
from repro.limits import MOST_SEED, MOST_TRIALS

if TYPE_CHECKING:
    from repro.analysis.screen import Rule, Standing
    from repro.experiments.wanted import Item
    from repro.records.store import Store


@click.command()
@click.argument("select", nargs=-1, shell_complete=completion.runs, required=True)
@sweep_options
@reading_option
@set_option
@option("--trials", type=Whole(1, MOST_TRIALS), default=3, show_default=True, help="Trials of each variant at first.")
@option("--keep", type=Whole(1), default=3, show_default=True, help="Variants that are few enough.")
@max_sequences_option
@option("--seed", type=Whole(0, MOST_SEED), default=1, show_default=True, help="Root of the screening's streams.")
@option("--confirm", is_flag=True, help="Run the survivors again, with fresh seeds and all trials.")
@option("--confirm-seed", type=Whole(0, MOST_SEED), default=0, show_default=True, help="Root of these streams.")
@option("--dry-run", is_flag=True, help="Say what the first round would run, and how long it would take.")
@jobs_option
@columns_option
@results_option
@format_option
def screen(
    select: tuple[str, ...], variants: Any, reading: str | None, overrides: tuple[str, ...], trials: int, keep: int,
    max_sequences: int | None, seed: int, confirm: bool, confirm_seed: int, dry_run: bool, jobs: int,
    columns: tuple[str, ...], results: Path, form: str,
) -> None:  # fmt: skip
    """Try many variants of rows at low cost, and say which solve them, how fast, and how many were tried.

    Each row is screened for itself, by sequential halving: all variants get a few trials, the better half goes on with
    twice as many, and so on. Trials of a screening are marked: no table and no verdict takes them, as what is chosen by
    them looks better than it is. --confirm runs the survivors with fresh seeds, to the row's own limit and number of
    trials; these count.

    \b
    repro screen 2c/lstm/q=50 --grid cells_see_gates=previous,current --max-sequences 150000
    repro screen '2c/*' --sweep variants.toml --confirm
    """
    from repro.analysis import screen as screening
    from repro.experiments import config, selection
    from repro.presentation import screen_view
    from repro.records import planning
    from repro.records.store import Store

    if seed == confirm_seed:
        raise config.ConfigError(f"--seed and --confirm-seed are both {seed}: what confirms must be other trials")
    changes, limited = selection.changes(overrides), selection.changes(overrides, max_sequences)
    store, todo = Store(results), []
    for row, _ in selection.select(select, config.load()):
        standings = screening.begin(row, variants, reading, (limited, seed), (changes, confirm_seed))
        rule = screening.Rule(min(trials, row.trials), row.trials, keep)
        click.echo(f"{row.name}: {rule.words(len(standings), standings[0].limit)}", err=True)
        todo.append((row, rule, standings))
    if dry_run:
        first = [item for _, rule, standings in todo for item in _round(standings, 1, rule)]
        say_cost(planning.plan(first, store, screened=True), store, jobs, None, measure=False, form=form)
        return
    tables, crashed = [], 0
    for row, rule, standings in todo:
        ended, lost = _screened(standings, rule, store, jobs)
        tables.append((row, rule, ended))
        crashed += lost
    confirmed = [one.again for *_, ended in tables for one in screening.survivors(ended)] if confirm else []
    if confirmed:
        crashed += carry_out(planning.plan(confirmed, store), store, jobs)
    click.echo(screen_view.render(tables, confirmed, store, form, columns))
    sys.exit(1 if crashed else 0)


def _round(standings: list["Standing"], n_rounds: int, rule: "Rule") -> list["Item"]:
    """What a round runs: of those that are still in it so many trials."""
    from dataclasses import replace

    return [replace(one.item, n_trials=rule.trials(n_rounds)) for one in standings if not one.out]


def _screened(standings: list["Standing"], rule: "Rule", store: "Store", jobs: int) -> tuple[list["Standing"], int]:
    """Play the rounds of a row; the standings at the end, and how many trials crashed."""
    from repro.analysis import screen
    from repro.records import planning

    n_rounds = crashed = 0
    while not screen.over(standings, rule, n_rounds):
        n_rounds += 1
        items = _round(standings, n_rounds, rule)
        crashed += carry_out(planning.plan(items, store, screened=True), store, jobs)
        done = planning.plan(items, store, screened=True).done
        standings = screen.after(standings, done, rule, n_rounds)
        if crashed:  # who lost trials cannot be ranked: the same command goes on
            break
    return standings, crashed


@click.command()
@click.argument("first", shell_complete=completion.runs)
@click.argument("second", shell_complete=completion.runs)
@option("--trials", type=Whole(1, MOST_TRIALS), help="Trials of each, instead of the rows' number.")
@option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Draw them: .svg, .png or .pdf; -: stdout."
)
@jobs_option
@columns_option
@results_option
@format_option
def race(
    first: str, second: str, trials: int | None, output: Path | None, jobs: int, columns: tuple[str, ...],
    results: Path, form: str,
) -> None:  # fmt: skip
    """Run two learners, or two settings, on a task, and say which succeeds more often and which sooner.

    FIRST and SECOND are rows, with settings behind them, in quotes: '6a/lstm learning_rate=0.1 reading=plain-error
    seed=1'. What is missing of their trials is run first.

    \b
    repro race 6a/elman 6a/lstm
    repro race 6a/lstm '6a/lstm learning_rate=0.1' -o race.svg
    """
    from repro.analysis import race as racing
    from repro.experiments import config, wanted
    from repro.presentation import race_view
    from repro.records import planning
    from repro.records.store import Store

    rows, store = config.load(), Store(results)
    contestants = [racing.contestant(text, rows) for text in (first, second)]
    items = [wanted.Item(one.row, one.condition(), trials or one.row.trials, one.changes) for one in contestants]
    racing.check_fair(*(item.condition for item in items))
    if output:
        from repro.presentation.plots import style

        style.check_writable(output)
    crashed = carry_out(planning.plan(items, store), store, jobs)
    if crashed:
        sys.exit(1)
    done = planning.plan(items, store).done
    *names, common = racing.names(*contestants)
    sides = [(name, item.condition, done[item.condition.key]) for name, item in zip(names, items, strict=True)]
    result = racing.judge(sides[0], sides[1], common)
    click.echo(race_view.render(result, form, columns), err=output is not None and is_stdout(output))
    if output:
        from repro.presentation.plots import race as figures

        style.save(figures.figure(result), output)
        click.echo(output, err=True)
