"""Which of the stored conditions are looked at: a row's own settings, others, or all that differ in some of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from repro.experiments.condition import Condition
from repro.experiments.config import PRINTED, ConfigError, Row
from repro.experiments.selection import text
from repro.experiments.setups import full_key
from repro.hints import command

READING, SEED = "reading", "seed"  # what a view may be split by beside settings


@dataclass(frozen=True)
class View:
    """What to look at of a row and reading: its settings with some replaced, and what else there is of some keys."""

    changes: Mapping[str, Any] = field(default_factory=dict)  # as `--set` has them
    seed: int = 0
    by: tuple[str, ...] = ()  # settings, ``reading`` or ``seed``: every stored value of theirs

    @property
    def usual(self) -> bool:
        """Is it of the rows' own settings alone."""
        return not (self.changes or self.seed or self.by)

    def conditions(self, row: Row, reading: str, stored: Iterable[Condition]) -> list[Condition]:
        """The conditions to look at: what the settings make, or, of some keys, each that is stored; in order of values.

        Raises
        ------
        ConfigError
            If the row has no such reading, or a setting is not one of it or both given and asked about.

        """
        base = row.condition(reading, self.changes, self.seed)
        keys = self._keys(row, reading)
        given = [full_key(key, row.setup(reading)) for key in self.changes] + ([SEED] if self.seed else [])
        if twice := {*given} & {*keys, *self.by}:
            raise ConfigError(f"{min(twice)} is given, and --by asks for every value of it: leave one out")
        if not keys and SEED not in self.by:
            return [base]
        wanted = _without(base, keys)
        matching = [
            condition
            for condition in stored
            if (condition.row, condition.reading) == (row.name, reading)
            and (SEED in self.by or condition.seed == self.seed)
            and _without(condition, keys) == wanted
        ]
        return sorted(matching, key=lambda condition: [_order(value(condition, key)) for key in (*keys, SEED)])

    def _keys(self, row: Row, reading: str) -> list[str]:
        return [full_key(key, row.setup(reading)) for key in self.by if key not in (READING, SEED)]

    def named(self, condition: Condition, row: Row) -> dict[str, Any]:
        """What tells a condition from others in this view: values of its keys, and what is not as the row has it."""
        if self.usual:
            return {}
        keys = [*self._keys(row, condition.reading), *(key for key in self.by if key == SEED)]
        return {key: value(condition, key) for key in keys} | changes(condition, row)


USUAL = View()


def _without(condition: Condition, keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in _flat(condition.settings) if key not in keys}


def _flat(groups: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for group, values in groups.items():
        for name, setting in values.items():
            yield f"{group}.{name}", setting


def _order(setting: Any) -> tuple[bool, float, str]:
    """Numbers by their size, then all else by its text."""
    is_number = isinstance(setting, int | float) and not isinstance(setting, bool)
    return not is_number, setting if is_number else 0.0, text(setting)


def value(condition: Condition, key: str) -> Any:
    """The root seed, or a setting of a condition by its full key; None if it has no such setting."""
    group, _, name = key.partition(".")
    return condition.seed if key == SEED else condition.settings.get(group, {}).get(name)


def settings(condition: Condition, row: Row | None) -> dict[str, Any]:
    """The settings of a condition that are not as its row has them under its reading, by their full keys.

    Of a row or a reading that is in no configuration all are told.
    """
    known = row is not None and condition.reading in row.readings
    usual = dict(_flat(row.condition(condition.reading).settings)) if row is not None and known else {}
    return {key: setting for key, setting in _flat(condition.settings) if key not in usual or usual[key] != setting}


def changes(condition: Condition, row: Row | None) -> dict[str, Any]:
    """These settings, and the root seed if it is not 0: all that tells a condition from the row's own."""
    return settings(condition, row) | ({SEED: condition.seed} if condition.seed else {})


def options(condition: Condition, row: Row | None) -> list[str]:
    """What has to be said beside the row to mean a condition; nothing if it is the row's own."""
    reading = [] if condition.reading == PRINTED else [f"--reading {condition.reading}"]
    seed = [f"--seed {condition.seed}"] if condition.seed else []
    return [*reading, *seed, *(f"--set '{key}={text(setting)}'" for key, setting in settings(condition, row).items())]


def words(condition: Condition, row: Row | None) -> str:
    """What means a condition on the command line."""
    return " ".join([f"'{condition.row}'", *options(condition, row)])


def run(condition: Condition, row: Row | None) -> str:
    """The command that runs trials of a condition."""
    return command(f"run {words(condition, row)}")
