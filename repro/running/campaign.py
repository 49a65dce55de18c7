"""What a ``run`` command does: have what is missing run, and put every finished trial on disk."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from repro import interrupts, registry
from repro.experiments.wanted import Item
from repro.records.planning import Plan
from repro.records.store import Store
from repro.records.trial import Record
from repro.running import engine, together

_FREE_LANES = 4  # that cost as much as one, of a learner with trials side by side in vectors (`repro bench --lanes`)

Engine = Callable[[Iterable[engine.Offer]], Iterator[engine.Report]]


@dataclass
class Count:
    """How many trials have ended, and how; their records are on disk, and are not kept beside that."""

    n: int = 0
    solved: int = 0
    crashed: int = 0
    errors: dict[str, int] = field(default_factory=dict)  # of those that crashed, and how many had each

    def note(self, records: Iterable[Record]) -> None:
        """Count some."""
        for record in records:
            self.n += 1
            self.solved += record.outcome == "solved"
            if record.outcome == "crashed":
                self.crashed += 1
                self.errors[record.error or ""] = self.errors.get(record.error or "", 0) + 1


def jobs(plan: Plan, n_workers: int, lanes: int | None = None) -> list[engine.Job]:
    """The missing trials; low limits first, to see something early.

    An item is split among the workers where there are too few to keep them busy: not more, as trials side by side
    in one crew cost little more than one, and each worker would compile the kernel for itself.
    """
    found = []
    waiting = [item for item in plan.items if plan.missing[item.condition.key]]
    parts = n_workers if len(waiting) < 2 * n_workers else 1
    for item in sorted(waiting, key=lambda item: item.condition.settings["stop"]["max_sequences"]):
        trials = plan.missing[item.condition.key]
        n = min(parts, -(-len(trials) // _in_one_time(item, lanes)))
        found += [engine.Job(item.condition, trials[k::n], lanes, plan.trace) for k in range(n)]
    return found


def _in_one_time(item: Item, lanes: int | None) -> int:
    """How many trials of an item a crew runs in the time of one, so that more workers would end no sooner."""
    learner = registry.learner(item.condition.settings["learner"]["name"])
    return 1 if hasattr(learner, "WIDEST") else min(lanes or _FREE_LANES, _FREE_LANES)


def execute(plan: Plan, jobs: Sequence[engine.Job], run: Engine, store: Store, ended: Count) -> Iterator[engine.Event]:
    """Run jobs and pass on what happens; when a trial's end is passed on, its record is safe on disk.

    It is then counted in ``ended``, too. Trials that another run in the folder is at are left to that.
    """
    if not jobs:
        return
    with together.Reserved(store.folder) as reserved:
        for event in run(together.divided(jobs, plan, store, reserved)):
            if not isinstance(event, engine.Ended | engine.Lot):
                yield event
                continue
            ends = event.ends if isinstance(event, engine.Lot) else (event,)
            records = [structs.replace(end.record, screened=True) if plan.screened else end.record for end in ends]
            with interrupts.undivided():
                store.append(*records)
                ended.note(records)
            yield from ends
