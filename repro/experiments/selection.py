"""What a user types, as rows and settings: ``6a/lstm``, ``'4/*'``, ``table:9``, ``@quick``; ``learning_rate=0.1``."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from repro.errors import similar
from repro.experiments.config import ConfigError, Row

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
            raise ConfigError(f"no row is called '{pattern}'{similar(pattern, names)} See `repro list`.")
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
        If there is no ``=``.

    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set takes KEY=VALUE, such as learning_rate=0.1; not '{text}'")
    return key.strip(), parse_value(value)


def changes(overrides: Iterable[str], max_sequences: int | None = None) -> dict[str, Any]:
    """What ``--set`` and ``--max-sequences`` replace, by key.

    Raises
    ------
    ConfigError
        If one of the former has no ``=``.

    """
    limit = {LIMIT: max_sequences} if max_sequences else {}
    return {**dict(map(parse_override, overrides)), **limit}


def parse_value(text: str) -> Any:
    """A TOML value, or a bare word as text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
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
