"""TOML as users write it, in files and behind ``--set``: the one place that reads it."""

import re
import tomllib
from pathlib import Path
from typing import Any

from repro.errors import shown


class TomlError(ValueError):
    """Text that is not TOML, or a file that cannot be read."""


class NumberError(TomlError):
    """A whole number that is none of TOML's: beyond 64 bits."""


def read(path: Path) -> dict[str, Any]:
    """The content of a file.

    Raises
    ------
    TomlError
        If it cannot be read, or is not TOML.

    """
    try:
        return parsed(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TomlError(f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise TomlError(f"not valid TOML: {error}") from None


def parsed(text: str) -> dict[str, Any]:
    """The content of a text.

    Raises
    ------
    TomlError
        If it is not TOML.

    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlError(str(error)) from None
    except RecursionError:
        raise TomlError("too many brackets within one another") from None
    except ValueError:  # Python's: of more digits than it makes numbers of
        raise NumberError("a number of thousands of digits is beyond 64 bits") from None
    _check(content)
    return content


_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")


def _check(content: Any) -> None:
    """Refuse whole numbers that neither records nor kernels could hold, and text that a terminal would obey."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and _CONTROL.search(value):
            raise TomlError(f"a control character is in {shown(value)}")
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise NumberError(f"{shown(value)} is beyond 64 bits")
