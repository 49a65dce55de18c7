"""What makes a record count: today's source gives its bits.

A record names the source that computed it. Source changes all the time, numbers seldom do; so attested.csv, beside the
records, has a line for each condition and source: fingerprints of its trials, each cut short after `PREFIX`
training sequences. The limit has no part in a trial's streams, so that is its true beginning. The line says too how
many whole trials that source ran again, and how many of them ended in the stored bits.

Two sources agree on a condition if no trial has different fingerprints in their lines, and neither has a whole trial
that came out otherwise. A record counts if its source is today's, or agrees with it and both lines have its trial.
`attest` writes such lines. Bits may depend on versions of the libraries, so a line says with which it was made.
"""

import csv
import hashlib
import io
import warnings
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro import files
from repro.errors import ReproError
from repro.experiments.condition import canonical
from repro.hints import command
from repro.records.trial import Record

PREFIX = 1000  # training sequences after which a trial is cut short
FILE = "attested.csv"  # in the results folder
_MOST = 10**6  # trials of a condition
_MOST_WARNINGS = 10  # of a file
_SHOWN = 8  # digits of a source that are enough to tell it


class AttestationError(ReproError):
    """Attestations that cannot be read."""


class NoAttestationWarning(UserWarning):
    """A line among the attestations is none."""


def fingerprint(record: Record) -> str:
    """A digest of all of a record that must be the same whenever its trial is run."""
    return hashlib.sha256(canonical(record.results()).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Attestation:
    """What a source made of a condition: a line of the file."""

    row: str
    reading: str
    seed: int
    condition: str
    source: str
    sequences: int  # after which trials were cut short, if they had not ended
    prints: Mapping[int, str]  # fingerprints, by trial
    whole: int = 0  # trials that were run again to their end
    agreed: int = 0  # of them with the stored bits
    versions: str = ""  # of the libraries


class Ledger:
    """The attestations in a results folder, by condition and source."""

    def __init__(self, lines: Iterable[Attestation] = (), n_broken: int = 0) -> None:
        self.n_broken = n_broken  # lines of the file that are no attestations
        self.lines: dict[tuple[str, str], Attestation] = {}
        self._differing: dict[tuple[str, str, str], list[int]] = {}  # asked for every record
        self.add(lines)

    def line(self, condition: str, source: str) -> Attestation | None:
        """What a source made of a condition, if that is attested."""
        return self.lines.get((condition, source))

    def add(self, lines: Iterable[Attestation]) -> None:
        """Take up lines, in place of those of the same conditions and sources."""
        self.lines |= {(line.condition, line.source): line for line in lines}
        self._differing.clear()

    def differing(self, condition: str, one: str, other: str) -> list[int]:
        """The trials of a condition whose fingerprints two sources make differently, as far as is known."""
        key = (condition, one, other)
        if key not in self._differing:
            a, b = self.line(condition, one), self.line(condition, other)
            prints = a.prints.items() if a and b and a.sequences == b.sequences else ()
            self._differing[key] = sorted(t for t, made in prints if b and b.prints.get(t, made) != made)
        return self._differing[key]

    def begin_alike(self, condition: str, one: str, other: str, trial: int) -> bool:
        """Whether the fingerprints of two sources have a trial, and differ in no trial of its condition."""
        if one == other:
            return True
        a, b = self.line(condition, one), self.line(condition, other)
        known = a and b and trial in a.prints and trial in b.prints and a.sequences == b.sequences
        return bool(known) and not self.differing(condition, one, other)

    def agree(self, condition: str, one: str, other: str, trial: int) -> bool:
        """Whether two sources are attested to give a trial's bits: alike at the start, and right wherever run whole."""
        lines = [self.line(condition, source) for source in (one, other)]
        came_out = all(line is None or line.agreed == line.whole for line in lines)
        return one == other or (came_out and self.begin_alike(condition, one, other, trial))

    def whole(self, records: Sequence[Record], today: str) -> tuple[int, str]:
        """How many trials of records that count were run again whole, and by which source: the one with most."""
        sources = {record.source for record in records}
        agreeing = [
            line
            for (condition, source), line in self.lines.items()
            if records and condition == records[0].key and source not in sources
            and self.agree(condition, source, today, records[0].trial)
        ]  # fmt: skip
        best = max(agreeing, key=lambda line: (line.whole, line.source == today), default=None)
        return (best.whole, best.source) if best else (0, today)


def origin(records: Sequence[Record], today: str, ledger: Ledger) -> str:
    """Which source computed records that count, and how far it is attested that today's gives them; empty if it did."""
    n_then = sum(record.source != today for record in records)
    if not n_then:
        return ""
    then = " and ".join(dict.fromkeys(record.source[:_SHOWN] for record in records if record.source != today))
    whole, by = ledger.whole([record for record in records if record.source != today], today)
    also = f", by {by[:_SHOWN]}" if whole and by != today else ""
    return (
        f"computed by source {then}; today's, {today[:_SHOWN]}, gives the same bits in the first {PREFIX:,} sequences "
        f"of each trial, and {whole} of {n_then} were run again to their end{also}"
    )


# --------------------------------------------------------------------------------------------------------- the file

_COLUMNS = (
    "row", "reading", "seed", "condition", "source", "sequences", "trials", "fingerprints", "whole", "agreed",
    "versions",
)  # fmt: skip


def read(folder: Path) -> Ledger:
    """The attestations in a results folder; none if there is no file.

    A line that is not an attestation attests nothing, and is warned of: `repro attest` makes what it lacks.

    Raises
    ------
    AttestationError
        If the file cannot be read, or has other columns.

    """
    path = folder / FILE
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Ledger()
    except (OSError, UnicodeDecodeError) as error:
        raise AttestationError(f"{path}: cannot be read: {error}") from error
    head, *texts = content.splitlines() or [""]
    if head != ",".join(_COLUMNS):
        raise AttestationError(f"{path}:1: not the columns of attestations; `{command('attest')}` writes such a file")
    lines, n_broken = [], 0
    for number, text in enumerate(texts, 2):
        try:
            lines.append(_parsed(next(csv.reader([text], strict=True))))
        except (ValueError, csv.Error, StopIteration) as error:
            n_broken += 1
            if n_broken <= _MOST_WARNINGS:
                problem = f"{path}:{number}: not an attestation ({error or 'an empty line'}), and does not count"
                advice = f"`{command('attest')}` makes what is lacking"
                warnings.warn(f"{problem}; {advice}", NoAttestationWarning, stacklevel=2)
    if n_broken > _MOST_WARNINGS:
        warnings.warn(f"{path}: and {n_broken - _MOST_WARNINGS:,} more lines", NoAttestationWarning, stacklevel=2)
    return Ledger(lines, n_broken)


def write(folder: Path, fresh: Iterable[Attestation]) -> None:
    """Put lines into the file, in place of those of the same conditions and sources; sorted, so that they compare well.

    Raises
    ------
    AttestationError
        If the file is there and cannot be read.
    repro.files.FileError
        If it cannot be written.

    """
    ledger = read(folder)
    ledger.add(fresh)
    _write(folder, ledger)


def tidy(folder: Path, needed: Mapping[str, Container[str]]) -> None:
    """Drop the lines of conditions that are of none of the sources ``needed`` for them: no record is of these.

    Of a condition the line with most whole trials stays, as nothing else says that they were run.

    Raises
    ------
    AttestationError
        If the file is there and cannot be read.
    repro.files.FileError
        If it cannot be written.

    """
    ledger, most = read(folder), dict[str, int]()
    for line in ledger.lines.values():
        most[line.condition] = max(most.get(line.condition, 1), line.whole)
    kept = [
        line
        for (condition, source), line in ledger.lines.items()
        if source in needed.get(condition, (source,)) or line.whole == most[condition]
    ]
    if len(kept) < len(ledger.lines):
        _write(folder, Ledger(kept))


def _write(folder: Path, ledger: Ledger) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for line in sorted(ledger.lines.values(), key=lambda a: (a.row, a.reading, a.seed, a.condition, a.source)):
        trials = sorted(line.prints)
        writer.writerow((
            line.row, line.reading, line.seed, line.condition, line.source, line.sequences, ranges(trials),
            " ".join(line.prints[trial] for trial in trials), line.whole, line.agreed, line.versions,
        ))  # fmt: skip
    files.write(folder / FILE, out.getvalue().encode())


def _parsed(values: Sequence[str]) -> Attestation:
    if len(values) != len(_COLUMNS):
        raise ValueError(f"{len(values)} values in {len(_COLUMNS)} columns")
    fields = dict(zip(_COLUMNS, values, strict=True))
    trials, prints = _numbers(fields["trials"]), fields["fingerprints"].split()
    if len(trials) != len(prints):
        raise ValueError(f"{len(prints)} fingerprints of {len(trials)} trials")
    return Attestation(
        fields["row"], fields["reading"], int(fields["seed"]), fields["condition"], fields["source"],
        int(fields["sequences"]), dict(zip(trials, prints, strict=True)), int(fields["whole"]), int(fields["agreed"]),
        fields["versions"],
    )  # fmt: skip


def ranges(numbers: Iterable[int], separator: str = " ") -> str:
    """Ascending numbers in short: ``0-3 7``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return separator.join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _numbers(text: str) -> list[int]:
    trials: list[int] = []
    for part in text.split():
        first, last = (int(number) for number in (part if "-" in part else f"{part}-{part}").split("-"))
        if last - first > _MOST:
            raise ValueError(f"no condition has trials {part}")
        trials += range(first, last + 1)
    return trials
