"""Errors that are the user's to solve: shown as one message, never as a traceback."""

from collections.abc import Iterable
from difflib import get_close_matches


class ReproError(Exception):
    """What is wrong, where, and what to do; exit code 2."""


def similar(name: str, names: Iterable[str]) -> str:
    """A sentence end that suggests what may have been meant."""
    close = get_close_matches(name, list(names), n=3, cutoff=0.5)
    return f". Did you mean {' or '.join(close)}?" if close else "."
