"""Errors that are the user's to solve: shown as one message, never as a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class ReproError(Exception):
    """What is wrong, where, and what to do; exit code 2."""


def similar(name: str, names: Iterable[str]) -> str:
    """A sentence end that suggests what may have been meant."""
    meant = close(name, names)
    return f". Did you mean {' or '.join(meant)}?" if meant else "."


def close(name: str, names: Iterable[str]) -> list[str]:
    """What may have been meant by a name, the likeliest first."""
    return get_close_matches(name, list(names), n=3, cutoff=0.5)


_LONGEST = 60  # characters of a value in a message


def shown(value: object) -> str:
    """A value as a message has it: as TOML writes it, and not all of it if it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value) if len(value) <= _LONGEST else f"{value[:_LONGEST]!r}... ({len(value):,} characters)"
    try:
        text = str(value)
    except ValueError:  # of more digits than Python makes text of
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
