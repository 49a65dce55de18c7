"""The kinds of figures, by name, and what is drawn of what a user selects."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from repro.analysis import readings, verdicts
from repro.analysis.stats import summarise
from repro.analysis.tables import Line, selected
from repro.experiments.config import PRINTED, Row
from repro.experiments.views import USUAL, View
from repro.hints import command
from repro.limits import whole
from repro.presentation.plots import captions, forest, style
from repro.presentation.plots import readings as matrix
from repro.presentation.plots.style import PlotError
from repro.records.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# By name, with what is drawn if nothing is selected; None: something must be. All but the last three, which measure
# nets of their own, have a module of their name with a function `figure` that takes lines; that of the first takes what
# `compare` makes of them, that of readings what `readings` does.
KINDS: dict[str, tuple[str, ...] | None] = {
    "forest": ("@paper",),
    "survival": None,
    "strips": None,
    "scaling": ("3",),
    "learning": None,
    "success": ("1", "2"),
    "readings": ("@paper",),
    "errorflow": (),
    "alwayson": (),
    "outputcurve": (),
}
OF_OWN_NETS = {
    "errorflow": "error_flow",
    "alwayson": "always_on",
    "outputcurve": "output_curve",
}  # modules, in repro and in plots
_LONGEST_NAME = 200  # bytes: file systems take 255


def write(
    kind: str, select: Sequence[str], rows: Mapping[str, Row], store: Store, reading: str | None, path: Path | None,
    show: Callable[[str], object] = lambda _: None, view: View = USUAL,
) -> Path:  # fmt: skip
    """Draw a figure into a file, KIND[-SELECT].svg in the current folder if none is named; its path.

    ``show`` is told what comes next of work that is long.

    Raises
    ------
    repro.errors.ReproError
        As `draw` does, or if the file cannot be written.

    """
    words = [re.sub(r"[^\w.,=@]+", "-", pattern).strip("-") for pattern in select]
    name = "-".join([kind, *filter(None, words)]) + ".svg"
    if not path and len(name.encode()) > _LONGEST_NAME:
        raise PlotError("with so much to draw the name of the file would be too long: name one with -o")
    path = path or Path(name)
    style.check_writable(path)
    style.save(draw(kind, select, rows, store, reading, show, view), path)
    return path


def draw(
    kind: str, select: Sequence[str], rows: Mapping[str, Row], store: Store, reading: str | None = None,
    show: Callable[[str], object] = lambda _: None, view: View = USUAL,
) -> "Figure":  # fmt: skip
    """Draw a figure of what is selected, of all readings that have records or of one.

    A forest is of `printed`, and of the reading beside it if there is one, as `compare.of_readings` has it.

    Raises
    ------
    repro.presentation.plots.style.PlotError
        If there is nothing to draw; it says what to run.
    repro.experiments.config.ConfigError
        If a pattern means nothing.
    repro.records.store.StoreError
        If a results file cannot be read.

    """
    if kind in OF_OWN_NETS:
        if select or reading or not view.usual:
            raise PlotError(f"{kind} measures nets of its own: it takes neither rows nor a reading nor settings")
        return _of_own_nets(kind, show)
    patterns = select or KINDS[kind]
    if not patterns:
        plot = command(f"plot {kind}")
        raise PlotError(f"say what to draw, such as `{plot} 9` for Table 9, or `{plot} 6a/lstm`")
    if kind == "forest":
        found = verdicts.of_selection(patterns, rows, store, view=view)
        return forest.figure(verdicts.of_readings(found, reading or ""), verdicts.Margins())
    if kind == "readings":
        if reading or not view.usual:
            raise PlotError("readings shows all readings, with the rows' own settings: not one of them, nor others")
        return matrix.figure(readings.of(verdicts.of_selection(patterns, rows, store), store))
    lines = _of_trials(patterns, rows, store, view) if kind == "learning" else selected(patterns, rows, store, view)
    return of_lines(kind, _of_reading(lines, reading) if reading else lines)


def _of_own_nets(kind: str, show: Callable[[str], object]) -> "Figure":
    """A figure of what a module measures, which runs kernels and compiles them."""
    module = OF_OWN_NETS[kind]
    measured = import_module(f"repro.looking.{module}").measure(show)
    figure: Figure = import_module(f"repro.presentation.plots.{module}").figure(measured)
    return figure


def of_lines(kind: str, lines: Sequence[Line]) -> "Figure":
    """Draw a figure of lines.

    Raises
    ------
    repro.presentation.plots.style.PlotError
        If there is nothing to draw.

    """
    figure: Figure = import_module(f"repro.presentation.plots.{kind}").figure(lines)
    return figure


def _of_trials(patterns: Iterable[str], rows: Mapping[str, Row], store: Store, view: View) -> list[Line]:
    """As `selected`, where a pattern may also be a trial, such as ``6a/lstm:3``: then with that record alone.

    Raises
    ------
    PlotError
        If there is no record of the trial.

    """
    lines = []
    for pattern in patterns:
        row, _, text = pattern.rpartition(":")
        number = whole(text)
        if row in ("", "table") or number is None:  # "9" is Table 9
            lines += selected([pattern], rows, store, view)
            continue
        every = selected([row], rows, store, view)
        found = [
            replace(line, records=mine)
            for line in every
            if (mine := tuple(record for record in line.records if record.trial == number))
        ]
        if not found:
            hint = f"trials are numbered from 0, and `{command('run')}` runs them"
            raise PlotError(f"no trial {number} of '{row}' is stored; {' '.join(captions.crashes(every)) or hint}")
        lines += found
    return lines


def _of_reading(lines: Sequence[Line], reading: str) -> list[Line]:
    """The lines under one reading; also without records, as far as their rows have it.

    Raises
    ------
    PlotError
        If no row has it.

    """
    there = {(line.row.name, line.published) for line in lines if line.reading == reading}
    found = []
    for line in lines:
        if line.reading == reading:
            found.append(line)
        elif line.reading == PRINTED and reading in line.row.readings and (line.row.name, line.published) not in there:
            nothing = summarise((), line.published.stage)
            found.append(
                replace(line, reading=reading, records=(), measured=nothing, n_other=0, n_stale=0, lost=(), origin="")
            )
    if not found:
        known = ", ".join(dict.fromkeys(name for line in lines for name in line.row.readings))
        raise PlotError(f"none of these rows has a reading '{reading}'; theirs are {known}")
    return found
