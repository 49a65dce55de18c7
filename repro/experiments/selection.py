"""What a user types, as rows and settings: ``6a/lstm``, ``'4/*'``, ``table:9``, ``@quick``; ``learning_rate=0.1``."""

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from repro.errors import shown, similar
from repro.experiments import toml
from repro.experiments.config import ConfigError, Row
from repro.hints import command

LIMIT = "stop.max_sequences"


def select(patterns: Iterable[str], rows: Mapping[str, Row]) -> list[tuple[Row, Mapping[str, int] | None]]:
    """The rows that any of the patterns means, with the trials to run by reading; None where a pattern leaves it open.

    A pattern is a row's name or a glob of it, an experiment, ``table:9``, ``@quick`` or ``@paper``, which leaves out
    the rows that are ours.

    Raises
    ------
    ConfigError
        If a pattern means no row.

    """
    chosen: dict[str, Mapping[str, int] | None] = {}
    for pattern in patterns:
        matching = {
            name: row.quick if pattern == "@quick" else None for name, row in rows.items() if _means(pattern, row)
        }
        if not matching:
            names = [*rows, *{row.experiment for row in rows.values()}, "@quick", "@paper"]
            raise ConfigError(f"no row is called {shown(pattern)}{similar(pattern, names)} See `{command('list')}`.")
        chosen |= {name: quick for name, quick in matching.items() if name not in chosen or quick is None}
    return [(rows[name], quick) for name, quick in chosen.items()]


def one(name: str, rows: Mapping[str, Row]) -> Row:
    """The one row that a name means.

    Raises
    ------
    ConfigError
        If it means none, or several.

    """
    matching = [row for row, _ in select([name], rows)]
    if len(matching) > 1:
        raise ConfigError(
            f"'{name}' means {len(matching)} rows, and one is wanted: {', '.join(row.name for row in matching)}"
        )
    return matching[0]


def _means(pattern: str, row: Row) -> bool:
    if pattern == "@paper":
        return row.in_paper
    if pattern == "@quick":
        return bool(row.quick)
    if pattern.startswith("table:") or pattern in ("text", "ours"):
        return any(str(line.table) == pattern.removeprefix("table:") for line in row.published)
    return fnmatchcase(row.name, pattern) or pattern in (row.experiment, row.name.rpartition("/")[0])


def parse_override(text: str) -> tuple[str, Any]:
    """``KEY=VALUE`` as a key and a value: a TOML value, or a bare word as text.

    Raises
    ------
    ConfigError
        If there is no ``=``, or more than a value behind it.

    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set takes KEY=VALUE, such as learning_rate=0.1; not {shown(text)}")
    return key.strip(), parse_value(value)


def changes(overrides: Iterable[str], max_sequences: int | None = None) -> dict[str, Any]:
    """What ``--set`` and ``--max-sequences`` replace, by key.

    Raises
    ------
    ConfigError
        If one of the former is no ``KEY=VALUE``, or a key is given twice.

    """
    found: dict[str, Any] = {}
    for key, value in map(parse_override, overrides):
        if key in found:
            raise ConfigError(f"--set has {key} twice: give it once")
        found[key] = value
    if max_sequences is None:
        return found
    for key in (LIMIT, LIMIT.partition(".")[2]):
        if key in found:
            raise ConfigError(f"--max-sequences and --set {key} are the same setting: give it once")
    return {**found, LIMIT: max_sequences}


def parse_value(text: str) -> Any:
    """A TOML value, or a bare word as text.

    What is a value by itself, and in a list, is one: nothing stands behind it in another line or a comment.

    Raises
    ------
    ConfigError
        If it has lines and is no value, or has a whole number beyond 64 bits.

    """
    try:
        alone, listed = toml.parsed(f"value = {text}"), toml.parsed(f"value = [{text}]")
        if len(alone) == len(listed["value"]) == 1:
            return alone["value"]
    except toml.NumberError:
        raise ConfigError(f"{shown(text)} has a whole number beyond 64 bits") from None
    except toml.TomlError:
        pass
    if len(text.strip().splitlines()) > 1:
        raise ConfigError(f"{shown(text)} is more than a value: there are lines behind it")
    return text.strip()


def text(value: Any) -> str:
    """A value as ``--set`` takes it: what `parse_value` reads."""
    return value if isinstance(value, str) else json.dumps(value)


def words(changes: Mapping[str, Any]) -> str:
    """Settings with their values, in short: the names without their group where that is clear."""
    names = [key.rpartition(".")[2] for key in changes]
    return ", ".join(
        f"{name if names.count(name) == 1 else key}={text(value)}"
        for (key, value), name in zip(changes.items(), names, strict=True)
    )
