"""Many variants of a row at low cost: sequential halving, by a rule that is stated before anything runs.

All variants get a few trials. Those in the worse half drop out, the others get as many trials again, and so on, until
few are left or the paper's number of trials is reached (Z. Karnin, T. Koren & O. Somekh, ICML 2013). Better is the
variant with the smaller restricted mean: of the training sequences until success, a failure counting as the limit. None
drops out for a draw; where a variant solves a trial, those that solve none drop out; if none solves any, it ends.

What is chosen so looks better than it is. So the trials of a screening are marked and enter no table and no verdict;
the survivors are run again, with another root seed and all trials, and those figures count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from repro.experiments import wanted
from repro.experiments.config import Row
from repro.experiments.sweep import Variant
from repro.experiments.wanted import Item
from repro.records.trial import Record


@dataclass(frozen=True)
class Standing:
    """A variant of a row in a screening."""

    item: Item
    again: Item  # what runs it again if it survives: with other seeds, to the row's own limit and number of trials
    records: tuple[Record, ...] = ()
    n_rounds: int = 0  # that it took part in
    out: bool = False  # did it drop out after the last of them

    @property
    def limit(self) -> int:
        """Training sequences after which a trial has failed."""
        limit: int = self.item.condition.settings["stop"]["max_sequences"]
        return limit

    @property
    def times(self) -> list[int]:
        """Training sequences of the trials that succeeded."""
        return [record.sequences for record in self.records if record.outcome == "solved"]

    @property
    def mean(self) -> float | None:
        """Of the training sequences of the successes, as the paper has it."""
        return fmean(self.times) if self.times else None

    @property
    def restricted_mean(self) -> float | None:
        """Of the training sequences until success or limit, whichever comes first; None without trials."""
        n_failed = len(self.records) - len(self.times)
        return fmean([*self.times, *[self.limit] * n_failed]) if self.records else None

    @property
    def published(self) -> float | None:
        """What the paper prints for the row, if it does: the mean at the last stage."""
        values = [line.sequences for line in self.item.row.published if line.sequences and not line.beyond]
        return values[-1] if values else None

    @property
    def ratio(self) -> float | None:
        """Of the mean to the published one."""
        return self.mean / self.published if self.mean is not None and self.published else None


@dataclass(frozen=True)
class Rule:
    """How a screening goes on."""

    first: int  # trials of the first round
    most: int  # trials of a variant
    keep: int  # variants that are few enough

    def trials(self, n_rounds: int) -> int:
        """The trials that a variant has after so many rounds."""
        return min(self.most, self.first << (n_rounds - 1))

    def words(self, n_variants: int, limit: int) -> str:
        """The rule, before anything runs."""
        if n_variants <= self.keep:
            return (
                f"{n_variants} variants are few enough: {self.first} trials each, up to {limit:,} training sequences."
            )
        return (
            f"{n_variants} variants, sequential halving: {self.first} trials each, up to {limit:,} training sequences; "
            "the half with the smaller mean, failures counting as the limit, goes on with twice as many, until "
            f"{self.keep} are left or each has {self.most} trials."
        )


def begin(
    row: Row, variants: Sequence[Variant], reading: str | None,
    screened: tuple[Mapping[str, Any], int], again: tuple[Mapping[str, Any], int],
) -> list[Standing]:  # fmt: skip
    """The variants of a row before anything runs, each once; with the settings and root seed of both of their runs.

    Raises
    ------
    repro.experiments.config.ConfigError
        If the row has no such reading, or a setting does not fit.

    """
    standings: dict[str, Standing] = {}
    for variant in variants:
        (screened_item,), (item_again,) = (
            wanted.items([(row, None)], reading=reading, seed=seed, overrides=changes, variants=[variant])
            for changes, seed in (screened, again)
        )
        standings.setdefault(screened_item.condition.key, Standing(screened_item, item_again))
    return list(standings.values())


def over(standings: Sequence[Standing], rule: Rule, n_rounds: int) -> bool:
    """Whether nothing more is to be run after so many rounds."""
    still = [standing for standing in standings if not standing.out]
    solved = any(standing.times for standing in still)
    return n_rounds > 0 and (not solved or len(still) <= rule.keep or rule.trials(n_rounds) >= rule.most)


def after(
    standings: Sequence[Standing], records: Mapping[str, Sequence[Record]], rule: Rule, n_rounds: int
) -> list[Standing]:
    """The standings after a round, given the records of those that took part, by the keys of their conditions."""
    took_part = [
        replace(standing, records=tuple(records[standing.item.condition.key]), n_rounds=n_rounds)
        for standing in standings
        if not standing.out
    ]
    gone = [standing for standing in standings if standing.out]
    if over([*took_part, *gone], rule, n_rounds):
        return [*took_part, *gone]
    ranked = sorted(took_part, key=_score)
    n_kept = max(rule.keep, -(-len(ranked) // 2))
    last = _score(ranked[min(n_kept, len(ranked)) - 1])
    return [replace(standing, out=_score(standing) > last or not standing.times) for standing in took_part] + gone


def _score(standing: Standing) -> float:
    return standing.restricted_mean if standing.restricted_mean is not None else float("inf")


def survivors(standings: Sequence[Standing]) -> list[Standing]:
    """Those that never dropped out, the best first; none that solved nothing."""
    return [standing for standing in ranked(standings) if not standing.out and standing.times]


def ranked(standings: Sequence[Standing]) -> list[Standing]:
    """From best to worst: those that went further first, then by the restricted mean."""
    return sorted(standings, key=lambda standing: (-standing.n_rounds, standing.out, _score(standing)))
