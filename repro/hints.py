"""Commands in messages: with the options by which a user's own learners, tasks and rows were named, as without them the
command would not know these. What the environment says, it says to the next command, too.
"""

import shlex
from collections.abc import Iterable
from pathlib import Path

_OPTIONS: list[str] = []  # of the command that runs


def use(options: Iterable[tuple[str, Path]]) -> None:
    """Have commands in messages begin with these options."""
    _OPTIONS[:] = [f"{name} {shlex.quote(str(path))}" for name, path in options]


def command(words: str) -> str:
    """A command as a user may type it, from what stands behind ``repro`` and its options."""
    return " ".join(["repro", *_OPTIONS, words])
