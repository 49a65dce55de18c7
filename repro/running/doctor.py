"""What a machine and an installation are like, and what to do where something does not work: `repro doctor`.

Nothing here is taken to work: each part is tried, and one that fails is a finding like any other; so libraries are
imported only where they are tried. What is found may be shown to anybody: folders are called by their variable, from
here, or from home; there are no names of users and hosts.
"""

import errno
import fcntl
import os
import platform
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from repro import files
from repro.running import room
from repro.version import __version__

State = Literal["fine", "poor", "fails"]  # poor: it works, but slowly, or not as nicely

_INTEL, _ARM = ("avx2", "fma", "avx512f"), ("neon",)  # what speeds kernels up; the first matters most
_FEATURES = {"x86_64": _INTEL, "amd64": _INTEL, "arm64": _ARM, "aarch64": _ARM}  # by machine
_ROOM = 100e6  # bytes that all kernels of a version take
_TICKS, _ROUNDS = 100_000, 5  # time steps of a measurement, and how many there are
_SLOW = 0.5  # so much of the usual speed, and less, is slow
_LETTERS = "é × … ≤ ●"  # what names and notes may have in them, and live tables do

# What the trials of the known kernel (`fingerprint`) come to, as attested.csv has it; and the time steps a second of
# CPU time of those under results/ that ended first, when all lanes were full.
KNOWN_PRINTS = (
    "f3af1c67", "25485529", "76c67a25", "e98c15d2", "2929057f", "1ddd0e89", "5212d9ff", "7029c01e",
    "e7d71405", "5234c18d", "36051c4a", "720e4bb2", "3b55a1c1", "e113ef93", "e4a88f1a", "6cfec043",
)  # fmt: skip
KNOWN_RATE = 22.5e6


@dataclass(frozen=True)
class Finding:
    """What was found of a part, whether that is fine, and what to do if it is not."""

    part: str
    found: str
    state: State = "fine"
    advice: str = ""


def findings(results: Path, show: Callable[[str], object]) -> Iterator[Finding]:
    """Try all parts; ``show`` is told of what may take long."""
    parts: dict[str, Callable[[], Iterable[Finding]]] = {
        "versions": versions,
        "processor": processors,
        "memory": memory,
        "kernel cache": cache,
        "results folder": lambda: results_folder(results),
        "terminal": terminal,
        "known kernel": lambda: known_kernel(show),
    }
    advice = "if that does not say it, and versions are fine, install again in a new environment"
    for name, tried in parts.items():
        try:
            yield from tried()
        except Exception as error:  # whatever it is, it is what we are looking for
            yield Finding(name, f"cannot be tried: {_public(error)}", "fails", advice)


def _public(error: Exception) -> str:
    """What an error says, in a line, without the folders in it."""
    text = " ".join((error.strerror or str(error) if isinstance(error, OSError) else str(error)).split())
    with suppress(RuntimeError):
        text = text.replace(str(Path.home()), "~")
    return f"{type(error).__name__}: " + re.sub(r"(?:~|\.)?/[^\s'\":,]*/", "", text)


def _called(path: Path, variable: str = "") -> str:
    """A folder, without what is private in its path."""
    if variable and os.environ.get(variable):
        return f"${variable}"
    whole = path.absolute()
    if whole.is_relative_to(Path.cwd()):
        return str(whole.relative_to(Path.cwd()))
    with suppress(RuntimeError):
        if whole.is_relative_to(Path.home()):
            return str("~" / whole.relative_to(Path.home()))
    return "a folder outside of home"


# -------------------------------------------------------------------------------------------------------- what there is


def versions() -> Iterator[Finding]:
    """The project itself, Python, and every library that it needs, against what its metadata asks for."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    again = "install again: `make reproduce`, or `python -m pip install -e .` in the clone"
    try:
        asked = metadata.metadata("repro")
    except metadata.PackageNotFoundError:
        yield Finding("repro", f"{__version__}, but not installed: what it needs is not known", "fails", again)
        return
    if asked["Version"] == __version__:
        yield Finding("repro", __version__)
    else:
        found = f"{__version__}, but installed as {asked['Version']}: what it needs may have changed"
        yield Finding("repro", found, "fails", again)
    here, wanted = platform.python_version(), asked["Requires-Python"] or ""
    if SpecifierSet(wanted).contains(here, prereleases=True):
        yield Finding("Python", f"{here}, {platform.machine()}")
    else:
        advice = f"make a new environment with Python {wanted}"
        yield Finding("Python", f"{here}, and {wanted} is needed", "fails", advice)
    for text in metadata.requires("repro") or ():
        needed = Requirement(text)
        if needed.marker and not needed.marker.evaluate({"extra": ""}):
            continue
        install = f"python -m pip install '{needed.name}{needed.specifier}'"
        try:
            there = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            yield Finding(needed.name, f"is not there, and {needed.specifier} is needed", "fails", install)
            continue
        if needed.specifier.contains(there, prereleases=True):
            yield Finding(needed.name, there)
        else:
            yield Finding(needed.name, f"{there}, and {needed.specifier} is needed", "fails", install)


def processors() -> Iterator[Finding]:
    """The processor: what speeds kernels up, and how many cores may be used."""
    from llvmlite import binding

    from repro.records.provenance import processor

    there = binding.get_host_cpu_features()
    useful = _FEATURES.get(platform.machine().lower(), ())
    listed = ", ".join(f"{name} {'yes' if there.get(name) else 'no'}" for name in useful)
    found = f"{processor()} ({binding.get_host_cpu_name()}); {listed or 'with no features that are known to matter'}"
    if useful and not there.get(useful[0]):
        advice = (
            f"nothing: numbers are the same to the last bit, but without {useful[0]} kernels take longer; a virtual "
            "machine may hide what its processor has"
        )
        yield Finding("processor", found, "poor", advice)
    else:
        yield Finding("processor", found)
    n, most = room.n_cores(), os.cpu_count() or 1
    yield Finding("cores", f"{n} of {most} may be used: as many workers as `-j` has unless you say otherwise")


def memory() -> Iterator[Finding]:
    """The memory that is free, against what a worker on each core takes."""
    free = room.free_bytes()
    if free is None:
        yield Finding("memory", "how much is free is not known on this system")
        return
    n = room.n_cores()
    fit = room.n_workers(n, free)
    found = f"{free / 1e9:.1f} GB are free; {n} workers take {n * room.WORKER_BYTES / 1e9:.1f} GB"
    if free < room.WORKER_BYTES:
        yield Finding("memory", found, "fails", "end other programs: not even one worker has room")
    elif fit < n:
        yield Finding("memory", found, "poor", f"run with `-j {fit}`, or end other programs")
    else:
        yield Finding("memory", found)


# ------------------------------------------------------------------------------------------------------------- folders


def cache() -> Iterator[Finding]:
    """The folder of compiled kernels: can one be written there, and read back."""
    from repro.running import kernel_cache

    advice = "set REPRO_CACHE to a folder that can be written to; until then every start compiles its kernels anew"
    try:
        folder = kernel_cache.folder()
    except RuntimeError:
        yield Finding("kernel cache", "there is no home folder to keep it in", "fails", advice)
        return
    called = _called(folder, "REPRO_CACHE")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _written_and_read(folder)
    except OSError as error:
        found = f"{called}: cannot be written and read back ({_public(error)})"
        yield Finding("kernel cache", found, "fails", advice)
        return
    kernels = list(folder.glob("*/*.kernel"))
    n_bytes = sum(path.stat().st_size for path in kernels)
    found = f"{called}: can be written and read back; kernels in it: {len(kernels):,}, {n_bytes / 1e6:,.0f} MB"
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        yield Finding("kernel cache", f"{found}; {free / 1e6:,.0f} MB are free", "fails", f"make room; {advice}")
    else:
        yield Finding("kernel cache", found)


def _written_and_read(folder: Path) -> None:
    """Write a file, and read it back, as the cache does.

    Raises
    ------
    OSError
        If that cannot be done.

    """
    path, content = folder / f".doctor.{os.urandom(6).hex()}", os.urandom(1 << 16)
    try:
        files.write(path, content)
        if path.read_bytes() != content:
            raise OSError(errno.EIO, "what is read is not what was written")
    except files.FileError as error:
        raise error.__cause__ or OSError(errno.EIO, "cannot be written") from None
    finally:
        path.unlink(missing_ok=True)


def results_folder(results: Path) -> Iterator[Finding]:
    """The folder with the records: can they be read, can more be written, do locks hold there."""
    from repro.records.store import Store

    called = _called(results, "REPRO_RESULTS" if str(results) == os.environ.get("REPRO_RESULTS") else "")
    elsewhere = "choose another folder by --results or REPRO_RESULTS"
    if not results.exists():
        above = next(path for path in results.absolute().parents if path.exists())
        if os.access(above, os.W_OK | os.X_OK):
            yield Finding("results folder", f"{called}: not there yet; `repro run` makes it")
        else:
            found = f"{called}: not there, and cannot be made"
            yield Finding("results folder", found, "fails", elsewhere)
        return
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            store = Store(results)
            stored = [store.stored(experiment) for experiment in store.experiments()]
        n = sum(file.n_lines(condition.key) for file in stored for condition in file.conditions)
    except Exception as error:
        found = f"{called}: cannot be read ({_public(error)})"
        yield Finding("results folder", found, "fails", "mend the file, or " + elsewhere)
    else:
        found = f"{called}: can be read; trials in it: {n:,}, experiments: {len(stored)}"
        if warned:
            advice = "`repro verify` says what is wrong, and what to do"
            yield Finding("results folder", f"{found}; warnings: {len(warned)}", "poor", advice)
        else:
            yield Finding("results folder", found)
    try:
        locked = _locks(results)
    except OSError as error:
        advice = f"`repro run` cannot store trials there: make it writable, or {elsewhere}"
        yield Finding("results folder", f"{called}: cannot be written ({_public(error)})", "fails", advice)
        return
    if locked:
        yield Finding("results folder", f"{called}: can be written, and locks hold there")
    else:
        advice = f"two runs at once would both run what is missing, as on some network file systems: {elsewhere}"
        yield Finding("results folder", f"{called}: can be written, but locks do not hold", "fails", advice)


def _locks(folder: Path) -> bool:
    """Whether a lock on a file in a folder keeps others out.

    Raises
    ------
    OSError
        If no file can be written there.

    """
    path = folder / f".doctor.{os.urandom(6).hex()}"
    try:
        with path.open("xb") as mine, path.open("rb") as theirs:
            try:
                fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            try:
                fcntl.flock(theirs, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
    finally:
        path.unlink(missing_ok=True)


def terminal() -> Iterator[Finding]:
    """What tables are printed to, and whether it takes all letters."""
    out = sys.stdout
    if out is None:
        yield Finding("terminal", "there is no standard output", "fails", "run `repro` where there is one")
        return
    width = f"{shutil.get_terminal_size().columns} columns"
    plain = "" if not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb" else ", no colours"
    found = f"{out.encoding}; " + (f"{width}{plain}" if out.isatty() else "not a terminal: tables are plain text")
    try:
        _LETTERS.encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        found += "; names with other letters are not printed as they are"
        yield Finding("terminal", found, "poor", "set PYTHONIOENCODING=utf-8, or a LANG that ends in UTF-8")
    else:
        yield Finding("terminal", found)


# -------------------------------------------------------------------------------------------------------------- numbers


def known_kernel(show: Callable[[str], object]) -> Iterator[Finding]:
    """A known kernel: the bits of trials that are stored, cut short, and its speed."""
    from repro.experiments import config
    from repro.records import attestation
    from repro.running import crew, fingerprint

    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        advice = "unset NUMBA_DISABLE_JIT"
        yield Finding("known kernel", "the compiler is switched off: a trial takes hours", "poor", advice)
        return
    show(f"Running trials of {fingerprint.KNOWN_ROW}: if their kernel has to be compiled, that takes up to a minute.")
    begun = time.perf_counter()
    known = fingerprint.known_crew()  # that it may not be kept is told by what is found of the cache
    ready = time.perf_counter() - begun
    made = fingerprint.prints(known)
    rate = _rate(crew.Crew(config.load()[fingerprint.KNOWN_ROW].condition(), fingerprint.N_TRIALS))
    other = [trial for trial, both in enumerate(zip(made, KNOWN_PRINTS, strict=False)) if len(set(both)) > 1]
    tried = (
        f"the first {attestation.PREFIX:,} sequences of {fingerprint.N_TRIALS} trials of {fingerprint.KNOWN_ROW}, "
        f"ready in {ready:.1f} s"
    )
    if other:
        advice = "remove the kernel cache, and try again; if that does not help, do not use numbers of this machine"
        found = f"{tried}: trial {other[0]} has other bits than are stored"
        yield Finding("known kernel", found, "fails", advice)
    else:
        yield Finding("known kernel", f"{tried}: the stored bits")
    yield speed(rate)


def _rate(crew: Any) -> float:
    """Time steps of all lanes a second of CPU time, the best of some rounds: other load can only slow one down."""
    best = 0.0
    for lane in range(crew.width):
        crew.enlist(lane, lane)
    for _ in range(_ROUNDS):
        begun = time.process_time()
        done = crew.advance(_TICKS)
        best = max(best, done * crew.width / (time.process_time() - begun))
    return best


def speed(rate: float) -> Finding:
    """So many time steps a second, against those of the stored records."""
    ratio = rate / KNOWN_RATE
    found = f"{rate / 1e6:.1f} million time steps a second of CPU time: {_compared(ratio)} the stored trials' machine"
    if ratio > _SLOW:
        return Finding("speed", found)
    advice = (
        "end other programs, plug a laptop in, and try again; if it stays so, the numbers are the same, but runs take "
        f"{1 / ratio:.1f} times as long as stored CPU times say"
    )
    return Finding("speed", found, "poor", advice)


def _compared(ratio: float) -> str:
    if 0.8 < ratio < 1.25:
        return "as fast as"
    return f"{ratio:.1f} times as fast as"
