"""Many settings at once: the product of a grid, or the named variants of a file, as readings are written.

    [variants.cells-see-inputs]
    note = "cells see the inputs alone"
    set = { "learner.cells_see" = "inputs" }

    [variants.plain-and-fast]
    note = "without the derivative of the output, at twice the rate"
    reading = "plain-error"
    set = { learning_rate = 1.0 }

A variant is nothing but settings: its trials are those that `--reading` and `--set` would run, whatever it is called.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from repro.experiments import toml
from repro.experiments.messages import problems
from repro.experiments.selection import parse_value, words
from repro.experiments.setups import ConfigError
from repro.settings import Settings

MOST = 100_000  # variants of a sweep; more are a slip of the keyboard


@dataclass(frozen=True)
class Variant:
    """Settings to try."""

    name: str = ""  # empty: its settings say it all
    note: str = ""
    reading: str | None = None  # None: that of the command
    changes: Mapping[str, Any] = field(default_factory=dict)


class _Entry(Settings):
    """A variant as a file has it."""

    note: str = ""
    reading: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)


class _File(Settings):
    """A file of variants."""

    variants: dict[str, _Entry] = Field(min_length=1)


def read(path: Path) -> list[Variant]:
    """The variants of a file, in its order.

    Raises
    ------
    ConfigError
        If it cannot be read, or says anything else; all of it that is wrong.

    """
    try:
        content = toml.read(path)
        file = _File.model_validate(content)
    except toml.TomlError as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValidationError as error:
        lines = "\n".join(f"  {problem.line}" for problem in problems(error, content, _File))
        raise ConfigError(f"{path}: not a sweep:\n{lines}") from None
    return [Variant(name, entry.note, entry.reading, entry.set) for name, entry in file.variants.items()]


def grid(options: Iterable[str]) -> list[Variant]:
    """The product of ``KEY=V1,V2,...``, the last key changing fastest. Without options one variant, of no change.

    Raises
    ------
    ConfigError
        If an option is of another form, or a key stands in two.

    """
    axes: dict[str, list[Any]] = {}
    for option in options:
        key, equals, text = option.partition("=")
        key = key.strip()
        if not (equals and key and text.strip()):
            raise ConfigError(f"--grid takes KEY=V1,V2,..., such as learning_rate=0.1,0.5; not '{option}'")
        if key in axes:
            raise ConfigError(f"--grid has {key} twice: put all its values behind one")
        axes[key] = values(text)
    if (n := _n(axes.values())) > MOST:
        raise ConfigError(f"--grid makes {n:,} variants; {MOST:,} are the most")
    return [Variant(changes=dict(zip(axes, point, strict=True))) for point in product(*axes.values())]


def _n(axes: Iterable[Sequence[Any]]) -> int:
    n = 1
    for axis in axes:
        n *= len(axis)
    return n


def values(text: str) -> list[Any]:
    """Values with commas between them: TOML values, in which commas may stand, or bare words.

    Raises
    ------
    ConfigError
        If there is nothing between two commas.

    """
    parsed, start = [], 0
    ends = [k for k, character in enumerate(text) if character == ","] + [len(text)]
    for end in ends:
        part = text[start:end]
        if end < len(text) and _is_open(part):  # the comma is inside of a list, a table or a string
            continue
        if not part.strip():
            raise ConfigError(f"a value is missing in '{text}'")
        parsed.append(parse_value(part))
        start = end + 1
    return parsed


def _is_open(text: str) -> bool:
    """Does a list, a table or a string begin here that does not end."""
    depth, quote = 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character in "[{") - (character in "]}")
    return bool(quote) or depth > 0


def together(variants: Sequence[Variant], points: Sequence[Variant]) -> list[Variant]:
    """Each of the named variants at each point of a grid.

    Raises
    ------
    ConfigError
        If both set the same.

    """
    for variant in variants:
        if twice := sorted(variant.changes.keys() & points[0].changes.keys()):
            raise ConfigError(f"--grid and variant '{variant.name}' both set {twice[0]}: one of them is enough")
    return [
        Variant(_name(variant, point), variant.note, variant.reading, {**variant.changes, **point.changes})
        for variant in variants
        for point in points
    ]


def _name(variant: Variant, point: Variant) -> str:
    return ", ".join(filter(None, [variant.name, words(point.changes)])) if variant.name else ""
