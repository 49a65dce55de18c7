"""Files: where configurations are; and writing one: all of it is there afterwards, or what was there before.

A path to write to may be a link, which stays one: what it leads to is written. It may be a device, a pipe, or what this
process has open, such as /dev/stdout or the shell's >(...): these are written to, and nothing is put in their place.
``-`` is stdout.
"""

import fcntl
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from repro.errors import ReproError

PACKAGE = Path(__file__).parent
SHARED = "shared.toml"  # of configs/, what the other files have in common
OWN_CONFIGS: list[Path] = []  # folders with a user's own rows, as the command line names them
STDOUT = Path("-")


class FileError(ReproError):
    """A file that cannot be written."""


def configs_folder() -> Path:
    """Where the experiments are: beside the package in a checkout, inside it when installed."""
    inside = PACKAGE / "configs"
    return inside if inside.is_dir() else PACKAGE.parent / "configs"


def is_stdout(path: Path) -> bool:
    """Whether what is written to a path comes out where this process prints."""
    there = _found(path)
    try:
        return path == STDOUT or (there is not None and os.path.samestat(there, os.fstat(1)))
    except OSError:  # it is closed
        return False


def is_stream(path: Path) -> bool:
    """Whether a path is something that is written to as it is: stdout, a device, a pipe, what is open already."""
    there = _found(path)
    return path == STDOUT or (there is not None and (not stat.S_ISREG(there.st_mode) or _open_here(there) is not None))


def check_writable(path: Path) -> None:
    """Find out before any work whether a file can be written.

    Raises
    ------
    FileError
        If it cannot.

    """
    there, place = _found(path), Path(os.path.realpath(path))
    if path == STDOUT:
        return
    if there is None and not place.parent.is_dir():
        raise FileError(f"{path}: there is no folder '{place.parent if path.is_symlink() else path.parent}'")
    if there is not None and stat.S_ISDIR(there.st_mode):
        raise FileError(f"{path}: is a folder")
    if there is not None and not os.access(path, os.W_OK):
        raise FileError(f"{path}: cannot be written to: it is write-protected")
    if not is_stream(path) and not os.access(place.parent, os.W_OK):
        raise FileError(f"{path}: the folder '{path.parent}' cannot be written to")


def write(path: Path, content: bytes) -> None:
    """Write a file by way of another one in the same folder; or to a stream.

    Raises
    ------
    FileError
        If it cannot be written.
    BrokenPipeError
        If it is a pipe that nobody reads any more.

    """
    try:
        there = _found(path)
        if path == STDOUT:
            sys.stdout.flush()
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
        elif there is not None and (number := _open_here(there)) is not None:
            sys.stdout.flush()  # what was printed before comes before
            with os.fdopen(os.dup(number), "wb") as file:
                file.write(content)
        elif there is not None and not stat.S_ISREG(there.st_mode):
            with path.open("wb") as file:
                file.write(content)
        else:
            _replace(Path(os.path.realpath(path)), content, there)
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "standard output" if path == STDOUT else path
        raise FileError(f"{name}: cannot be written: {error.strerror}") from error


def _found(path: Path) -> os.stat_result | None:
    """What there is at a path, links followed; None if nothing is.

    Raises
    ------
    FileError
        If that cannot be found out, as links go in circles or a folder is closed.

    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror}") from error


def _open_here(there: os.stat_result) -> int | None:
    """The number under which this process has a file open for writing; None if it has not."""
    for name in Path("/dev/fd").iterdir():
        number = int(name.name)
        with suppress(OSError):  # the one that lists them is gone
            writes = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
            if writes and os.path.samestat(there, os.fstat(number)):
                return number
    return None


def _replace(place: Path, content: bytes, there: os.stat_result | None) -> None:
    """Put a file in the place of what is there, with its permissions."""
    partial = place.with_name(f".{os.getpid()}.{os.urandom(4).hex()}.partial")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if there is not None:
            partial.chmod(stat.S_IMODE(there.st_mode))
        partial.replace(place)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
