"""Runs stored trials again and writes down what today's source makes of them: see `attestation`.

Of each stored condition all trials are run cut short, and some to their end: those whose number, with the condition and
the source, has the smallest digests, so that nobody chooses them. What comes out is compared with what other sources
made of the condition, and with the stored bits.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from repro.experiments.condition import Condition
from repro.hints import command
from repro.records import attestation
from repro.records.attestation import PREFIX, Attestation, Ledger, fingerprint
from repro.records.provenance import versions
from repro.records.store import Store
from repro.records.trial import Record
from repro.records.validity import source_of
from repro.running import engine
from repro.running.campaign import Engine


@dataclass(frozen=True)
class StoredTrials:
    """Stored trials that share a condition."""

    condition: Condition
    records: Mapping[int, tuple[Record, ...]]  # by trial, those that ended, of whatever source; the latest is the last

    @property
    def name(self) -> str:
        """The row and reading, and what else tells it from others of the row."""
        seed = f", seed {self.condition.seed}" if self.condition.seed else ""
        return f"{self.condition.row}, {self.condition.reading}{seed}"

    @property
    def sources(self) -> list[str]:
        """The sources that computed them."""
        return list(dict.fromkeys(record.source for records in self.records.values() for record in records))

    def trials_of(self, source: str) -> dict[int, Record]:
        """The records of one source, by trial."""
        return {t: record for t, records in self.records.items() for record in records if record.source == source}


@dataclass(frozen=True)
class Task:
    """What is to be run again of a condition."""

    stored: StoredTrials
    source: str  # today's
    cut: tuple[int, ...]  # trials to run cut short
    whole: tuple[int, ...]  # trials to run to their end
    check: bool = False  # is today's source to be attested already

    def jobs(self) -> list[engine.Job]:
        """At most two: trials cut short are of another condition."""
        condition = self.stored.condition
        cut = [engine.Job(condition.cut_short(PREFIX), self.cut)] if self.cut else []
        return cut + ([engine.Job(condition, self.whole)] if self.whole else [])


@dataclass(frozen=True)
class Finding:
    """What came of a condition."""

    task: Task
    lines: tuple[Attestation, ...]  # today's source first
    problems: tuple[str, ...]  # none: today's source gives the stored bits, as far as it was tried


def stored_trials(store: Store, rows: Iterable[str] | None = None) -> list[StoredTrials]:
    """What is stored, in the order of its files; of the ``rows`` alone, if any are named.

    Raises
    ------
    repro.records.store.StoreError
        If a results file cannot be read.

    """
    wanted = None if rows is None else set(rows)
    result = []
    for experiment in store.experiments():
        stored = store.stored(experiment)
        for condition in stored.conditions:
            if wanted is not None and condition.row not in wanted:
                continue
            trials: dict[int, tuple[Record, ...]] = {}
            for record in stored.records(condition.key):
                if record.outcome != "crashed" and not record.screened:
                    trials[record.trial] = (*trials.get(record.trial, ()), record)
            if trials:
                result.append(StoredTrials(condition, {trial: trials[trial] for trial in sorted(trials)}))
    return result


def drawn(condition: Condition, source: str, trials: Iterable[int]) -> list[int]:
    """Trials in the order in which they are drawn to be run to their end: by a digest that nobody chooses."""
    return sorted(trials, key=lambda trial: hashlib.sha256(f"{condition.key} {source} {trial}".encode()).hexdigest())


def sample(stored: Sequence[StoredTrials], n: int) -> list[StoredTrials]:
    """Conditions to be checked in the stead of all: of each learner on each task one, then others up to ``n``.

    A digest draws them that has today's source in it: nobody chooses, and the next change draws others.
    """

    def place(one: StoredTrials) -> str:
        return hashlib.sha256(f"{one.condition.key} {source_of(one.condition)}".encode()).hexdigest()

    order = sorted(stored, key=place)
    firsts: dict[tuple[str, str], StoredTrials] = {}
    for one in order:
        settings = one.condition.settings
        firsts.setdefault((settings["learner"]["name"], settings["task"]["name"]), one)
    keys = dict.fromkeys(one.condition.key for one in [*firsts.values(), *order])
    chosen = set(list(keys)[:n])
    return [one for one in stored if one.condition.key in chosen]


def task(stored: StoredTrials, ledger: Ledger, n_whole: int | None, *, check: bool = False) -> Task:
    """What is missing of today's line of a condition, with ``n_whole`` whole trials, None being all.

    To ``check`` the line, all trials are cut short again.
    """
    source = source_of(stored.condition)
    line = ledger.line(stored.condition.key, source)
    known = line.prints if line and line.sequences == PREFIX and not check else {}
    trials = list(stored.records)
    n = len(trials) if n_whole is None else min(n_whole, len(trials))
    if n and line and line.agreed < line.whole:  # those that did not come out right must not be left out now
        n = max(n, line.whole)
    elif line and line.whole >= n:
        n = 0
    whole = drawn(stored.condition, source, trials)[:n]
    return Task(stored, source, tuple(t for t in trials if t not in known), tuple(sorted(whole)), check)


def run(tasks: Sequence[Task], ledger: Ledger, engine_of: Engine) -> Iterator[Finding]:
    """Run tasks, and tell of each what came of it as soon as it is done; the ledger gets its lines.

    Conditions of one learner and experiment share kernels: the first of each goes first, so that workers seldom compile
    the same one at the same time.
    """
    seen: dict[tuple[str, object], int] = {}
    order = []
    for k, one in enumerate(tasks):
        family = one.stored.condition.experiment, one.stored.condition.settings["learner"]["name"]
        seen[family] = seen.get(family, 0) + 1
        order.append((seen[family], k))
    jobs = [job for _, k in sorted(order) for job in tasks[k].jobs()]
    owner = {job.condition.key: k for k, one in enumerate(tasks) for job in one.jobs()}
    left = [len(one.cut) + len(one.whole) for one in tasks]
    records: list[list[Record]] = [[] for _ in tasks]
    yield from (settle(one, [], ledger) for one, n in zip(tasks, left, strict=True) if not n)
    for event in engine_of(jobs):
        if isinstance(event, engine.Ended):
            k = owner[event.job.condition.key]
            records[k].append(event.record)
            left[k] -= 1
            if not left[k]:
                yield settle(tasks[k], records[k], ledger)


def settle(one: Task, fresh: Sequence[Record], ledger: Ledger) -> Finding:
    """Compare what came of a task with what is stored and attested; the ledger has its lines afterwards.

    Where whole trials gave the bits of all that another source has stored, and that has no line, it gets one.
    """
    stored, condition, source = one.stored, one.stored.condition, one.source
    crashed = [record for record in fresh if record.outcome == "crashed"]
    if crashed:
        numbers = attestation.ranges(sorted({record.trial for record in crashed}), ", ")
        return Finding(one, (), (f"trials {numbers} crashed: {crashed[0].error}",))
    before = ledger.line(condition.key, source)
    if before and before.sequences != PREFIX:
        before = None
    made = {record.trial: fingerprint(record) for record in fresh if record.key == condition.cut_short(PREFIX).key}
    whole = {r.trial: r.results() for r in fresh if r.key == condition.key and r.trial in one.whole}
    line = Attestation(
        condition.row, condition.reading, condition.seed, condition.key, source, PREFIX,
        prints={**(before.prints if before else {}), **made},
        whole=before.whole if before else 0,
        agreed=before.agreed if before else 0,
        versions=libraries(versions()) if made or not before else before.versions,
    )  # fmt: skip
    ledger.add([line])
    unlike = [t for t, results in whole.items() if any(r.results() != results for r in expected(one, t, ledger))]
    if whole:
        line = replace(line, whole=len(whole), agreed=len(whole) - len(unlike))
    lines, problems = [line], []
    if one.check and not before:
        problems.append(f"there is no attestation of today's source {source}: `{command('attest')}` makes one")
    if before and (changed := [t for t in made if before.prints.get(t, made[t]) != made[t]]):
        problems.append(
            f"trial {min(changed)} is the first that differs from what the same source made of it before, with "
            f"{before.versions}"
        )
    if unlike:
        problems.append(f"trial {min(unlike)}, run whole, is the first that does not end in the stored bits")
    elif line.agreed < line.whole:
        problems.append(f"{line.whole - line.agreed} of {line.whole} trials, run whole, did not end in the stored bits")
    for then in stored.sources:
        theirs = stored.trials_of(then)
        came_out = all(t in whole and whole[t] == record.results() for t, record in theirs.items())
        if then != source and not ledger.line(condition.key, then) and came_out:
            prints = {t: line.prints[t] for t in theirs}
            there = libraries(next(iter(theirs.values())).versions)
            lines.append(replace(line, source=then, prints=prints, whole=0, agreed=0, versions=there))
    ledger.add(lines)
    return Finding(one, tuple(lines), tuple(problems or _disagreements(stored, source, ledger)))


def expected(one: Task, trial: int, ledger: Ledger) -> list[Record]:
    """The records that a trial, run whole, has to come out as: those that count; if none is known to, the latest."""
    key, records = one.stored.condition.key, one.stored.records[trial]
    return [r for r in records if ledger.begin_alike(key, r.source, one.source, trial)] or [records[-1]]


def _disagreements(stored: StoredTrials, source: str, ledger: Ledger) -> Iterator[str]:
    """Of trials that have no record that counts: which sources are not known to agree, and where they differ first."""
    key = stored.condition.key
    lacking = {
        t for t, records in stored.records.items() if not any(ledger.agree(key, r.source, source, t) for r in records)
    }
    for then in stored.sources:
        if trials := sorted(lacking & stored.trials_of(then).keys()):
            if differing := ledger.differing(key, then, source):
                yield f"trial {differing[0]} is the first that differs from what source {then} made of it"
            else:
                numbers = attestation.ranges(trials, ", ")
                yield f"source {then} has no attestation of trials {numbers}: --whole all compares their bits"


def summary(finding: Finding) -> tuple[str, int, str, str, str, str]:
    """A line of what `attest` prints: condition, trials, sources then and now, whole trials, and whether all agrees."""
    stored, n = finding.task.stored, len(finding.task.stored.records)
    line = finding.lines[0] if finding.lines else None
    return (
        stored.name, n, " ".join(source[:8] for source in stored.sources), finding.task.source[:8],
        f"{line.agreed} of {n}" if line else "-", "no" if finding.problems else "yes",
    )  # fmt: skip


def libraries(known: Mapping[str, str]) -> str:
    """The versions of the libraries that bits may depend on."""
    return ", ".join(f"{name} {known[name]}" for name in ("numpy", "numba", "llvmlite") if name in known)
