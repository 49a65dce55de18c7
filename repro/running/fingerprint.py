"""What the bits of trials depend on in a process: versions, sources, and what a known kernel computes.

Before work is given to other machines, each of their workers is asked for its own. Where one differs, its trials would
be others, or could be; what differs is told in words.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro import registry
from repro.experiments import config
from repro.records import attestation, provenance
from repro.records.source import numerical_digest
from repro.records.trial import Record
from repro.running import crew, errand, kernel_cache

KNOWN_ROW = "6a/lstm"
N_TRIALS = 16  # of it, side by side, cut short

Pair = tuple[str, str]  # a learner and a task


@dataclass(frozen=True)
class Fingerprint:
    """What the bits of trials depend on in a process."""

    versions: Mapping[str, str]
    sources: Mapping[str, str]  # digests, by learner and task
    prints: tuple[str, ...]  # of trials of a known kernel


def known_crew() -> crew.Crew:
    """A crew for the known trials; its kernel is compiled if it is not on disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kernel_cache.CacheWarning)
        return crew.Crew(config.load()[KNOWN_ROW].condition().cut_short(attestation.PREFIX), N_TRIALS)


def prints(known: crew.Crew) -> tuple[str, ...]:
    """What the known trials come to."""
    ends = {event.trial: event for event in crew.run_in(known, range(N_TRIALS)) if isinstance(event, Record)}
    return tuple(attestation.fingerprint(ends[trial]) for trial in range(N_TRIALS))


def taken(pairs: Sequence[Pair], files: Iterable[Path] = ()) -> Fingerprint:
    """The fingerprint of this process, for trials of these learners and tasks; ``files`` have some of them.

    Raises
    ------
    repro.errors.ReproError
        If there are no such learners, tasks or files here.

    """
    errand.take_up(files)
    for learner, task in pairs:
        registry.learner(learner), registry.task(task)
    versions = {name: version for name, version in provenance.versions().items() if name != "python"}
    sources = {f"{learner} on {task}": numerical_digest(learner, task) for learner, task in pairs}
    return Fingerprint(versions, sources, prints(known_crew()))


def differences(ours: Fingerprint, theirs: Fingerprint) -> Iterator[str]:
    """In what another process is not as this one, in words."""
    yield from _unlike(ours.versions, theirs.versions, "")
    yield from _unlike(ours.sources, theirs.sources, "the source of ")
    other = [trial for trial, both in enumerate(zip(ours.prints, theirs.prints, strict=True)) if len(set(both)) > 1]
    if other:
        yield f"trial {other[0]} of {KNOWN_ROW}, cut short, has other bits there"


def _unlike(ours: Mapping[str, Any], theirs: Mapping[str, Any], what: str) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"{what}{name} is {theirs.get(name, 'not there')} there, and {ours.get(name, 'not there')} here"
