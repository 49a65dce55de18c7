"""Files: where configurations are; and writing one: all of it is there afterwards, or what was there before."""

import os
from contextlib import suppress
from pathlib import Path

from repro.errors import ReproError

PACKAGE = Path(__file__).parent
SHARED = "shared.toml"  # of configs/, what the other files have in common
OWN_CONFIGS: list[Path] = []  # folders with a user's own rows, as the command line names them


class FileError(ReproError):
    """A file that cannot be written."""


def configs_folder() -> Path:
    """Where the experiments are: beside the package in a checkout, inside it when installed."""
    inside = PACKAGE / "configs"
    return inside if inside.is_dir() else PACKAGE.parent / "configs"


def check_writable(path: Path) -> None:
    """Find out before any work whether a file can be written.

    Raises
    ------
    FileError
        If it cannot.

    """
    if not path.parent.is_dir():
        raise FileError(f"{path}: there is no folder '{path.parent}'")
    if path.is_dir():
        raise FileError(f"{path}: is a folder")
    if not os.access(path.parent, os.W_OK):
        raise FileError(f"{path}: the folder '{path.parent}' cannot be written to")


def write(path: Path, content: bytes) -> None:
    """Write a file by way of another one in the same folder.

    Raises
    ------
    FileError
        If it cannot be written.

    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise FileError(f"{path}: cannot be written: {error.strerror}") from error
