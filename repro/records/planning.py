"""What there is to do: which trials of some items are stored, which are missing, and whose part of them is whose."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from repro.experiments.wanted import Item
from repro.records import attestation
from repro.records.store import Store
from repro.records.trial import Record
from repro.records.validity import current, lost, stale

_BLOCK = 8  # trials that stay together, as they cost as much as one when they run side by side
_WHOLE = 2**64
_GOLDEN = 0x9E3779B97F4A7C15  # of _WHOLE the golden section: blocks of a condition lie far apart


@dataclass(frozen=True)
class Shard:
    """A part of all trials: number ``number`` of ``of``, from 1.

    Each block of trials has a place between 0 and 1, which follows from its condition's key and its number alone. A
    shard is an interval of such places. So shards of one ``of`` never overlap and leave nothing out, whatever is stored
    or selected; and those of several fit together: 1/2 is what 1/4 and 2/4 are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, key: str, trial: int) -> bool:
        """Whether a trial of a condition is one of its."""
        first = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
        place = (first + trial // _BLOCK * _GOLDEN) % _WHOLE
        return place * self.of // _WHOLE == self.number - 1


@dataclass(frozen=True)
class Plan:
    """What to do: for each item the records that exist, and the numbers of the trials that are missing."""

    items: tuple[Item, ...]
    done: Mapping[str, tuple[Record, ...]]  # by the condition's key
    missing: Mapping[str, tuple[int, ...]]
    lost: Mapping[str, tuple[int, ...]]  # of the missing ones those that crashed
    stale: Mapping[str, tuple[int, ...]]  # and those that are stored, by a source not attested to give today's bits
    trace: bool = False  # is a learning trace kept of those
    screened: bool = False  # are they of a screening
    shard: Shard | None = None  # of whose part it is

    @property
    def n_stale(self) -> int:
        """Trials to run although they are stored."""
        return sum(map(len, self.stale.values()))

    @property
    def n_missing(self) -> int:
        """Trials to run."""
        return sum(map(len, self.missing.values()))

    def n_trials(self, item: Item) -> int:
        """Trials of an item that are stored or to be run: of a whole plan all that it shall have."""
        return len(self.done[item.condition.key]) + len(self.missing[item.condition.key])

    @property
    def is_empty(self) -> bool:
        """Whether none of the trials, done or missing, is the shard's."""
        has = self.shard.has if self.shard else lambda key, trial: True
        done = any(has(key, record.trial) for key, records in self.done.items() for record in records)
        return not done and not self.n_missing

    def part(self, shard: Shard) -> "Plan":
        """Of what is missing what a shard has; what is done stays done."""

        def kept(trials: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
            return {key: tuple(n for n in numbers if shard.has(key, n)) for key, numbers in trials.items()}

        return replace(self, missing=kept(self.missing), lost=kept(self.lost), stale=kept(self.stale), shard=shard)


def plan(items: Sequence[Item], store: Store, trace: bool = False, *, screened: bool = False) -> Plan:
    """Find what is missing in the store; with ``trace``, trials without a learning trace are.

    What is ``screened`` may have been stored by a screening, and is marked as such when it is run.

    Raises
    ------
    repro.records.store.StoreError
        If a results file cannot be read.
    repro.records.attestation.AttestationError
        If the attestations beside them cannot be read.

    """
    files = {name: store.stored(name) for name in dict.fromkeys(item.condition.experiment for item in items)}
    ledger = attestation.read(store.folder)
    done, missing, crashed, aged = {}, {}, {}, {}
    for item in items:
        stored = files[item.condition.experiment].records(item.condition.key)
        counted = current(item.condition, item.n_trials, stored, ledger, screened=screened)
        done[item.condition.key] = tuple(r for r in counted if r.trace is not None or not trace)
        have = {r.trial for r in done[item.condition.key]}
        missing[item.condition.key] = tuple(n for n in range(item.n_trials) if n not in have)
        crashed[item.condition.key] = lost(item.n_trials, stored, counted)
        aged[item.condition.key] = tuple(sorted(stale(item.n_trials, stored, counted)))
    return Plan(tuple(items), done, missing, crashed, aged, trace, screened)
