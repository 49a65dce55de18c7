"""Verdicts that are recorded beside the records, and whether today's are still as good: what `compare --check` asks."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from repro import files
from repro.analysis.verdicts import AGREE, VERDICTS, Comparison
from repro.errors import ReproError
from repro.experiments.config import PRINTED
from repro.hints import command

FILE = "verdicts.csv"  # in the results folder
_COLUMNS = ("table", "row", "stage", "value", "verdict")


class VerdictsError(ReproError):
    """Recorded verdicts that cannot be read."""


def accept(comparisons: Sequence[Comparison], path: Path) -> int:
    """Record today's verdicts under `printed` beside those on other values; returns how many there are.

    Raises
    ------
    VerdictsError
        If the file is there and cannot be read.
    repro.files.FileError
        If it cannot be written.

    """
    recorded = _recorded(path) if path.exists() else {}
    recorded |= {entry.key: entry.verdict for entry in comparisons if entry.line.variant == PRINTED}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((*key, recorded[key]) for key in sorted(recorded))
    files.check_writable(path)
    files.write(path, out.getvalue().encode())
    return len(recorded)


def lost(comparisons: Sequence[Comparison], path: Path) -> list[tuple[Comparison, str]]:
    """The values that are recorded as reproducing and no longer do, with the recorded verdict.

    Those of which nothing is recorded are among them, with nothing: that they still reproduce is not known.

    Raises
    ------
    VerdictsError
        If there are none, or they cannot be read.

    """
    recorded = _recorded(path)
    if not recorded:
        raise VerdictsError(f"{path}: no verdicts are recorded there; `{command('compare --accept')}` records today's")
    today = [(entry, recorded.get(entry.key, "")) for entry in comparisons if entry.line.variant == PRINTED]
    return [(entry, then) for entry, then in today if not then or (then in AGREE and entry.verdict not in AGREE)]


def _recorded(path: Path) -> dict[tuple[str, ...], str]:
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except FileNotFoundError:
        accept = command("compare --accept")
        raise VerdictsError(f"{path}: no verdicts are recorded; `{accept}` records today's") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VerdictsError(f"{path}: cannot be read: {error}") from error
    recorded: dict[tuple[str, ...], str] = {}
    for number, line in enumerate(lines, 1):
        *key, verdict = line or [""]
        is_head = tuple(line) == _COLUMNS
        if len(line) != len(_COLUMNS) or (number == 1) != is_head or (verdict not in VERDICTS and not is_head):
            raise VerdictsError(f"{path}:{number}: not a verdict; `{command('compare --accept')}` writes them")
        if tuple(key) in recorded:
            raise VerdictsError(f"{path}:{number}: stands there twice: {', '.join(key)}; delete one of the lines")
        if not is_head:
            recorded[tuple(key)] = verdict
    return recorded
