"""The command that runs trials, and what the others that run some share with it."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from click.shell_completion import CompletionItem

from repro import interrupts
from repro.commands import completion
from repro.commands.options import (
    format_of,
    jobs_option,
    option,
    results_option,
    wanted_options,
)
from repro.errors import shown, similar
from repro.hints import command
from repro.limits import MOST_TRIALS, whole

if TYPE_CHECKING:
    from repro.commands.options import Wanted
    from repro.records.planning import Plan, Shard
    from repro.records.store import Store
    from repro.running.campaign import Count, Engine


class _EngineName(click.ParamType):  # type: ignore[type-arg]
    """An engine; of dask perhaps with the address of a scheduler, or the file that it wrote."""

    name = "local|inline|dask[:ADDRESS]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same."""
        known = ("local", "inline", "dask")
        if value not in known and not (value.startswith("dask:") and value != "dask:"):
            self.fail(
                f"{shown(value)} is none of local, inline, dask and dask:ADDRESS{similar(value, known)}", param, ctx
            )
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names."""
        return [CompletionItem(name) for name in ("local", "inline", "dask") if name.startswith(incomplete)]


class _Part(click.ParamType):  # type: ignore[type-arg]  # click 8.2 has no types of parameters
    """A shard, number I of N."""

    name = "I/N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> "Shard":
        """The shard."""
        from repro.records.planning import Shard

        if not isinstance(value, str):
            return cast(Shard, value)
        numbers = [whole(part) for part in value.split("/")]
        if len(numbers) != 2 or None in numbers:
            self.fail(f"{shown(value)} is no part of a whole: 2/7 is the second of seven.", param, ctx)
        number, of = cast(list[int], numbers)
        if not 1 <= of <= MOST_TRIALS:
            self.fail(f"{shown(value)}: there can be 1 to {MOST_TRIALS:,} parts.", param, ctx)
        if not 1 <= number <= of:
            self.fail(f"{shown(value)}: the parts are 1/{of} to {of}/{of}.", param, ctx)
        return Shard(number, of)


@click.command()
@click.argument("select", nargs=-1, shell_complete=completion.runs, required=True)
@jobs_option
@wanted_options
@results_option
@option(
    "--engine",
    "engine_name",
    type=_EngineName(),
    default="local",
    show_default=True,
    help="Worker processes, this process alone, or workers of a dask scheduler; without ADDRESS, one started here.",
)
@option("--shard", type=_Part(), help="Of all these trials the part I of N, for N machines; any N fit together.")
@option("--lanes", type=click.IntRange(1, 64), help="Trials side by side in a process; no number depends on it.")
@option("--trace", is_flag=True, help="Keep the learning trace of each trial: its error against training sequences.")
@option("--dry-run", is_flag=True, help="Say what would run, and how long it would take.")
@option("--measure", is_flag=True, help="With --dry-run, run a second of each row that nothing stored tells of.")
@format_of("How --dry-run prints.")
def run(
    select: tuple[str, ...], jobs: int, wanted: "Wanted", results: Path, engine_name: str, lanes: int | None,
    trace: bool, shard: "Shard | None", dry_run: bool, measure: bool, form: str,
) -> None:  # fmt: skip
    """Run the trials that are missing. Finished ones are kept, whatever happens.

    SELECT is a row, a glob of rows, an experiment, table:N, @quick or @paper. With --trace, trials without a trace are
    missing too: they are run again, to the same bits. What was run with other settings, `repro table --by KEY` shows.
    With --shard, each machine runs its part, into a folder of its own; `repro merge` puts them together.

    \b
    repro run 6a/lstm
    repro run '4/lstm/*' --reading linear
    repro run 6a/lstm --set learning_rate=0.1 --trials 50
    repro run 6a/lstm --grid learning_rate=0.1,0.5,1 --grid size=1,2
    repro run '2c/*' --sweep variants.toml
    repro run '2c/*' --shard 1/7 --results shard-1
    """
    from repro.records import planning
    from repro.records.store import Store

    items, store = wanted(select), Store(results)
    plan = planning.plan(items, store, trace)
    plan = plan.part(shard) if shard else plan
    if dry_run:
        say_cost(plan, store, 1 if engine_name == "inline" else jobs, lanes, measure=measure, form=form)
        return
    crashed = carry_out(plan, store, jobs, engine_name, lanes)
    sys.exit(1 if crashed else 0)


def say_cost(plan: "Plan", store: "Store", n_workers: int, lanes: int | None, *, measure: bool, form: str) -> None:
    """Print what would run, and what it would cost."""
    from repro.commands import cost, progress
    from repro.running import campaign, memory

    memory.check(campaign.jobs(plan, n_workers, lanes), n_workers)
    expected = cost.estimate(plan, store, n_workers, lanes)
    if measure and expected.unknown:
        with progress.Steps("run") as shown:
            expected = cost.estimate(plan, store, n_workers, lanes, cost.measure(expected.unknown, shown.step))
    click.echo(cost.render(plan, expected, form))


@contextmanager
def _engine(name: str, plan: "Plan", jobs: int) -> "Iterator[tuple[int, Engine]]":
    """How many workers there are, and what runs jobs on them."""
    from repro.running import engine

    kind, _, address = name.partition(":")
    if kind == "inline":
        yield 1, engine.inline
    elif kind == "local" or not plan.n_missing:
        yield jobs, lambda todo: engine.local(todo, jobs)
    else:
        from repro.running.dask_hub import DaskHub, check_installed

        check_installed()
        from repro.running.cluster import Cluster

        missing = [item.condition.settings for item in plan.items if plan.missing[item.condition.key]]
        pairs = sorted({(one["learner"]["name"], one["task"]["name"]) for one in missing})
        with DaskHub(address, jobs) as hub:
            cluster = Cluster(hub, pairs)
            click.echo(f"Waiting for workers of {hub.name}, and for a known kernel on each of them.", err=True)
            cluster.meet()
            click.echo(f"{cluster.n_workers} workers compute the same bits.", err=True)
            yield cluster.n_workers, lambda todo: cluster.run(todo, plan.n_missing)


def carry_out(plan: "Plan", store: "Store", jobs: int, engine_name: str = "local", lanes: int | None = None) -> int:
    """Run what is missing of a plan, and say what it costs before, what happens, and what came of it.

    Returns the number of trials that crashed.
    """
    with _engine(engine_name, plan, jobs) as (n_workers, how):
        return _carry_out(plan, store, n_workers, how, lanes, elsewhere=engine_name.startswith("dask:"))


def _carry_out(
    plan: "Plan", store: "Store", n_workers: int, how: "Engine", lanes: int | None, *, elsewhere: bool
) -> int:
    from repro.commands import cost
    from repro.running import campaign, memory

    if not elsewhere:  # of other machines it is not known
        memory.check(campaign.jobs(plan, n_workers, lanes), n_workers)
    if plan.n_stale:
        click.echo(
            f"{plan.n_stale} trials are stored and do not count, as today's source is not attested to give their bits. "
            f"They are run again; `{command('attest')}` finds out in less time whether they need to.",
            err=True,
        )
    if plan.n_missing:
        click.echo(cost.said(cost.estimate(plan, store, n_workers, lanes)), err=True)
    for experiment in {item.condition.experiment for item in plan.items if plan.missing[item.condition.key]}:
        store.check_writable(experiment)
    if plan.shard:
        store.make_folder()
    work = campaign.jobs(plan, n_workers, lanes)
    ended = campaign.Count()
    return _show(plan, campaign.execute(plan, work, how, store, ended), ended, store)


def _show(plan: "Plan", events: Any, ended: "Count", store: "Store") -> int:
    """Show what happens until it has happened, then say so; the number of crashed trials."""
    from repro.commands.progress import Display
    from repro.running import engine

    came = _Outcome(plan, ended, store)
    with interrupts.at_the_end(came.interrupted), closing(events), Display(plan, store.folder) as display:
        try:
            for event in events:
                came.n_found += isinstance(event, engine.Found)
                display.show(event)
        except engine.EngineError:
            click.echo(came.stopped(), err=True)
            raise
    store.check_kept()  # before it is said how much is done
    click.echo(came.whole(), err=True)
    return came.n_crashed


@dataclass
class _Outcome:
    """What has come of a plan so far."""

    plan: "Plan"
    ended: "Count"  # trials that were run
    store: "Store"
    n_found: int = 0  # trials that another run has finished meanwhile

    @property
    def n_crashed(self) -> int:
        return self.ended.crashed

    @property
    def n_new(self) -> int:
        return self.ended.n - self.n_crashed

    @property
    def n_done(self) -> int:
        return sum(map(len, self.plan.done.values())) + self.n_found + self.n_new

    def _crashes(self) -> list[str]:
        if not self.n_crashed:
            return []
        said = f"{self.n_crashed} trials crashed; the same command runs them again."
        return [*(f"Crashed: {error}" for error in self.ended.errors), said]

    def interrupted(self) -> str:
        """What is said when it was ended in the midst of it."""
        from repro.records.store import StoreError

        try:
            self.store.check_kept()
        except StoreError as error:
            return f"Interrupted.\nError: {error}"
        return "\n".join([*self._crashes(), f"Interrupted: {self._so_far()}"])

    def stopped(self) -> str:
        """What is said when no more can be run, before why."""
        return "\n".join([*self._crashes(), f"Stopped: {self._so_far()}"])

    def _so_far(self) -> str:
        left = self.plan.n_missing - self.n_found - self.n_new
        return f"{self.n_done} trials done, {left} left; the same command goes on from here."

    def whole(self) -> str:
        """What is said at its end."""
        parts = [f"{self.n_new} run now, {self.ended.solved} of them solved"] if self.ended.n else []
        parts += [f"{self.n_found} by another run meanwhile"] if self.n_found else []
        shard = f"Shard {self.plan.shard}: " if self.plan.shard else ""
        nothing = "nothing was missing" if not self.plan.is_empty else "none of the trials are its part"
        said = f"{shard}{self.n_done} trials done ({'; '.join(parts) or nothing})"
        return "\n".join([*self._crashes(), f"{said}; records in {self.store.folder}{os.sep}"])
