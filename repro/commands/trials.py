"""The commands that run stored trials again: `replay`, `attest` and `verify`."""

import sys
from pathlib import Path

import click

from repro.commands import completion
from repro.commands.options import (
    Whole,
    format_option,
    jobs_option,
    option,
    reading_option,
    results_option,
    seed_option,
    set_option,
    stored_in,
)
from repro.errors import shown
from repro.limits import MOST_WATCHED, whole


@click.command()
@click.argument("trial", shell_complete=completion.trials)
@reading_option
@set_option
@seed_option
@option("--watch", is_flag=True, help="Show what the net does on a test sequence.")
@option("--sequence", type=Whole(0, MOST_WATCHED), default=0, show_default=True, help="Which one to watch.")
@option("--wrong", is_flag=True, help="Watch the first one from there on that the net gets wrong.")
@option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
        help="A figure of it: .svg, .png, .pdf; -: stdout.")  # fmt: skip
@results_option
@format_option
def replay(
    trial: str, reading: str | None, overrides: tuple[str, ...], seed: int, watch: bool, sequence: int, wrong: bool,
    output: Path | None, results: Path, form: str,
) -> None:  # fmt: skip
    """Run a stored trial again and say whether the bits agree; if they do not, exit with 3.

    \b
    repro replay 6a/lstm:3
    repro replay 6a/lstm:3 --reading plain-error --watch -o gates.svg
    repro replay 6a/lstm:3 --watch --wrong
    """
    from repro.commands import progress
    from repro.looking import replay as again
    from repro.looking import watching
    from repro.presentation import grid
    from repro.presentation.plots import style
    from repro.presentation.plots import watch as figures
    from repro.running import engine, memory

    if output and not watch:
        raise click.UsageError("-o is the file for the figure of --watch")
    if wrong and not watch:
        raise click.UsageError("--wrong chooses the sequence of --watch")
    if output:
        style.check_writable(output)
    record = again.stored(trial, reading, overrides, seed, stored_in(results))
    memory.check([engine.Job(record.condition, (record.trial,))], 1)
    click.echo(again.circumstances(record), err=True)
    search = None
    with progress.Steps("replay", results) as shown:
        shown.compiling(record.settings["learner"]["name"], record.experiment)
        rerun = watching.Rerun(record.condition, record.trial)
        shown.step(trial, record.sequences, "training sequences")
        replayed = rerun.train(shown.advance)
        if wrong:
            shown.step(trial, sequence + rerun.n_searched, "test sequences")
            search = rerun.search(sequence, shown.advance)
    parts = again.compared(record, replayed)
    if not watch:
        click.echo(grid.listing(("what", "recorded", "replayed", "same"), parts, form))
    else:
        watched = rerun.watch(search.shown if search else sequence)
        texts = watching.said(watched.verdict, search)
        click.echo("; ".join(texts).capitalize(), err=True)
        if output:
            style.save(figures.watch(watched, watching.title(replayed, texts)), output)
        else:
            click.echo(grid.listing(*watching.table(watched, form), form))
    different = [f"{what}: {then} recorded, {now} replayed" for what, then, now, same in parts if same == "no"]
    click.echo("Not the same: " + "; ".join(different) if different else "All bits agree.", err=True)
    sys.exit(3 if different else 0)


class _NumberOrAll(click.ParamType):  # type: ignore[type-arg]  # click 8.2 has no types of parameters
    """A number of trials, or all."""

    name = "N|all"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """-1 for all."""
        if value == "all":
            return -1
        number = whole(value) if isinstance(value, str) else value
        return number if isinstance(number, int) else self.fail(f"{shown(value)} is no number, nor 'all'.", param, ctx)


@click.command()
@click.argument("select", nargs=-1, shell_complete=completion.runs)
@option(
    "--whole", type=_NumberOrAll(), default=0, show_default=True, help="So many trials of each condition to their end."
)
@jobs_option
@option("--check", is_flag=True, help="Run everything cut short again, compare with what is written, write nothing.")
@option("--sample", type=Whole(1), metavar="N", help="With --check, N conditions that nobody chooses.")
@results_option
@format_option
def attest(
    select: tuple[str, ...], whole: int, jobs: int, check: bool, sample: int | None, results: Path, form: str
) -> None:
    """Run stored trials again, and write down whether today's source gives their bits.

    A record counts only if it does: if today's source computed it, or is attested to give what the source of the record
    gave. Each stored condition of SELECT (of everything that is stored, without it) is run cut short after 1,000
    training sequences, and --whole N of its trials to their end. What is attested already is not run again, and lines
    of sources that no record needs any more are dropped. Exits with 3 if today's source gives other bits, or nothing is
    known of what the source of a record gave.

    \b
    repro attest
    repro attest 6a/lstm --whole all
    repro attest --check
    repro attest --check --sample 30
    """
    from repro.commands import progress
    from repro.experiments import config, selection
    from repro.presentation import grid
    from repro.records import attestation
    from repro.running import attest as attesting
    from repro.running import engine, memory

    rows = [row.name for row, _ in selection.select(select, config.load())] if select else None
    store = stored_in(results)
    ledger = attestation.read(results)
    conditions = attesting.stored_trials(store, rows)
    if sample and not check:
        raise click.UsageError("--sample is for --check: what is written down is written of all conditions.")
    if sample:
        conditions = attesting.sample(conditions, sample)
    tasks = [attesting.task(one, ledger, None if whole < 0 else whole, check=check) for one in conditions]
    memory.check([job for task in tasks for job in task.jobs()], jobs)
    findings = []
    with progress.Steps("attest", results) as shown:
        shown.step("running stored trials again", len(tasks), "conditions")
        for finding in attesting.run(tasks, ledger, lambda work: shown.watching(engine.local(work, jobs))):
            findings.append(finding)
            if not check:
                attestation.write(results, finding.lines)
            shown.advance()
    findings.sort(key=lambda finding: tasks.index(finding.task))
    body = [attesting.summary(finding) for finding in findings]
    click.echo(grid.listing(("condition", "trials", "computed by", "today's source", "whole", "same bits"), body, form))
    problems = [(f.task.stored.name, problem) for f in findings for problem in f.problems]
    if not check and not problems:
        attestation.tidy(
            results, {f.task.stored.condition.key: {f.task.source, *f.task.stored.sources} for f in findings}
        )
    for name, problem in problems:
        click.echo(f"{name}: {problem}", err=True)
    good = sum(not finding.problems for finding in findings)
    n = sum(len(finding.task.stored.records) for finding in findings)
    click.echo(f"{good} of {len(findings)} conditions ({n} trials): today's source gives the stored bits.", err=True)
    sys.exit(3 if problems else 0)


@click.command()
@option("--sample", type=Whole(0), default=3, show_default=True, help="So many trials are run again.")
@jobs_option
@results_option
@format_option
def verify(sample: int, jobs: int, results: Path, form: str) -> None:
    """Find out whether a results folder is sound; if it is not, exit with 3.

    Every line is read, every record held to its condition and stop rule, and to other records of its trial; every trial
    has to count, and a sample, drawn so that nobody chooses, has to end in the same bits when it is run again.

    \b
    repro verify
    repro verify --sample 20
    """
    from repro.commands import progress
    from repro.presentation import grid
    from repro.running import engine, memory
    from repro.running import verify as verifying

    health = verifying.read(stored_in(results))
    found = list(verifying.findings(health))
    records, n_soon = verifying.drawn(health, sample)
    if records:
        memory.check([engine.Job(record.condition, (record.trial,)) for record in records], jobs)
        with progress.Steps("verify", results) as shown:
            shown.step("running trials again", len(records), "trials")
            run = lambda work: shown.watching(engine.local(work, jobs))  # noqa: E731
            found.append(verifying.again(records, n_soon, run, shown.advance))
    body = [(one.claim, one.of, "no" if one.problem else "yes", one.problem, one.advice) for one in found]
    click.echo(grid.listing(("what has to hold", "of", "holds", "what is wrong", "what to do"), body, form))
    sys.exit(3 if any(one.problem for one in found) else 0)


@click.command()
@click.argument("names", metavar="[LEARNER|TASK|FILE.py]...", nargs=-1, shell_complete=completion.modules)
@format_option
def check(names: tuple[str, ...], form: str) -> None:
    """Find out whether learners and tasks are what they have to be; without a name, all of this project.

    Weights are views and counted, the bits are the same with 1, 8 and 16 lanes and without the compiler, exams leave no
    trace, the easy task is learnt, a gradient that is claimed equals finite differences, and more. Each takes a minute
    or less, most of it for compiling.

    \b
    repro check elman
    repro check my_rule.py
    """
    from repro import registry
    from repro.commands import progress
    from repro.presentation import grid
    from repro.running import check as checking

    modules = [registry.named(name) for name in names] or [
        (folder, name) for folder in ("learners", "tasks") for name in registry.ours(folder)
    ]
    body, problems = [], 0
    with progress.Steps("check") as shown:
        for folder, module in modules:
            shown.step(f"checking {module}")
            for finding in checking.of(folder, module):
                outcome = "fails" if finding.problem else "passes" if finding.applies else "not tried"
                problems += bool(finding.problem)
                body.append((module, finding.claim, outcome, finding.problem, finding.advice))
                shown.advance()
    click.echo(grid.listing(("module", "claim", "outcome", "what is wrong", "what to do"), body, form))
    sys.exit(3 if problems else 0)
