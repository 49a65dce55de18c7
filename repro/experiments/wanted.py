"""What a command is about: rows under readings, with how many trials each shall have."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repro.experiments.condition import Condition
from repro.experiments.config import PRINTED, ConfigError, Row
from repro.experiments.sweep import Variant
from repro.limits import MOST_TRIALS


@dataclass(frozen=True)
class Item:
    """A row under a reading, with how many trials it shall have."""

    row: Row
    condition: Condition
    n_trials: int
    overrides: Mapping[str, Any]
    variant: str = ""  # what a sweep calls it

    @property
    def label(self) -> str:
        """The row's name, and whatever it is that differs from the printed reading."""
        if self.variant:
            return f"{self.condition.row} ({self.variant})"
        reading = [] if self.condition.reading == PRINTED else [self.condition.reading]
        special = reading + [f"{key}={value}" for key, value in self.overrides.items()]
        return f"{self.condition.row} ({', '.join(special)})" if special else self.condition.row


def items(
    selected: Sequence[tuple[Row, Mapping[str, int] | None]],
    *,
    reading: str | None = None,
    trials: int | None = None,
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
    variants: Sequence[Variant] = (Variant(),),
) -> tuple[Item, ...]:
    """Items for the selected rows; a reading or a number of trials that is asked for goes before the selection's own.

    With ``variants``, each of them of each row. Rows that a reading is not about are left out, with a warning; so is,
    without a word, what two variants have in common.

    Raises
    ------
    repro.experiments.config.ConfigError
        If no row has such a reading, a setting does not fit or is given twice, or there are too many trials.

    """
    by_condition: dict[str, Item] = {}
    without: dict[str, list[str]] = {}
    overrides = overrides or {}
    for variant in variants:
        if twice := sorted(overrides.keys() & variant.changes.keys()):
            raise ConfigError(f"{twice[0]} is set for all variants, and by the sweep: give it once")
        changes = {**overrides, **variant.changes}
        wanted = variant.reading or reading
        for row, quick in selected:
            if wanted and wanted not in row.readings:
                without.setdefault(wanted, []).append(row.name)
                continue
            for name, n in ({wanted: row.trials} if wanted else quick or {PRINTED: row.trials}).items():
                item = Item(row, row.condition(name, changes, seed), trials or n, changes, variant.name)
                by_condition.setdefault(item.condition.key, item)
    for name, names in without.items():
        if len(names) == len(selected):
            selected[0][0].setup(name)  # says that there is no such reading, and which there are
        warnings.warn(f"reading '{name}' is not about {', '.join(names)}: left out", stacklevel=2)
    n_trials = sum(item.n_trials for item in by_condition.values())
    if n_trials > MOST_TRIALS:
        raise ConfigError(f"these are {n_trials:,} trials, and {MOST_TRIALS:,} are the most at once: choose fewer rows")
    return tuple(by_condition.values())
