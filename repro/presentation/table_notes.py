"""What stands around a table: its title above, and below what a reader must know to read it right."""

from collections.abc import Iterable, Mapping, Sequence

from repro.analysis.stats import Nearness
from repro.analysis.tables import Line
from repro.experiments.config import PRINTED
from repro.hints import command
from repro.records.trial import LOOKED_AT

_PLACES = {"text": "Reported in the paper's text", "ours": "Not in the paper: rows of our own"}


def title_of(table_lines: Sequence[Line]) -> str:
    """The title of a table, from its lines."""
    number = table_lines[0].published.table
    titles = dict.fromkeys(f"{line.row.title} (experiment {line.row.experiment})" for line in table_lines)
    return f"{f'Table {number}' if isinstance(number, int) else _PLACES[number]}. {'; '.join(titles)}"


def near(nearness: Nearness, n_failures: int) -> str:
    """How near the failures came, in words."""
    least, middle, most = nearness.wrong
    found = f"{least:,}" if least == most else f"{least:,} to {most:,} (median {middle:,g})"
    late = "" if not nearness.late else f", {100 * nearness.late:.0f} % of them at the second symbol from the end"
    errors = [
        f"mean {kind} error {value:.3g}"
        for kind, value in (("absolute", nearness.mean_absolute_error), ("squared", nearness.mean_squared_error))
        if value is not None
    ]
    failures = "1 failure" if n_failures == 1 else f"{n_failures} failures"
    some = failures if nearness.n == n_failures else f"{nearness.n} of {failures}"
    return (
        f"how near {some} came, by {LOOKED_AT[nearness.at]}: {found} of {nearness.sequences:,} wrong{late}; "
        f"{', '.join(errors) or 'errors that are not finite'}"
    )


def origins(table_lines: Iterable[Line]) -> list[str]:
    """Which source computed the records of lines, where that is not today's, and how far they are attested to it."""
    places: dict[str, dict[str, None]] = {}
    for line in table_lines:
        if line.origin:
            places.setdefault(line.origin, {})[f"{line.row.name}, {line.variant}"] = None
    return [f"{'; '.join(about)}: {origin}." for origin, about in places.items()]


def notes(table_lines: Sequence[Line]) -> list[str]:
    """What a reader must know to read the table right."""
    said = []
    readings: Mapping[str, str] = {
        line.reading: line.row.readings[line.reading].note for line in table_lines if line.reading != PRINTED
    }
    said += [f"Reading '{name}': {note}." for name, note in readings.items()]
    about: dict[str, dict[str, None]] = {}
    for line in table_lines:
        if line.published.note:
            about.setdefault(line.published.note, {})[f"{line.row.name}, {line.published.stage}"] = None
    said += [f"Paper, {'; '.join(places)}: {note}." for note, places in about.items()]
    said += origins(table_lines)
    not_run = []
    for (name, reading), line in {(line.row.name, line.variant): line for line in table_lines}.items():
        n = line.n_target - line.measured.n
        if n == line.n_target:
            not_run.append(line)
        elif n:
            said.append(
                f"{name}, {reading}: {n} trials missing, and those that end first are the quick ones: mean and rate "
                f"are not final; `{line.command}` runs them."
            )
        if line.crashes:
            said.append(f"{name}, {reading}: {line.crashes}.")
        for fact, value in line.measured.facts.items():
            said.append(
                f"{name}, {reading}: {fact.replace('_', ' ')}: {value:,.1f}, the mean of the trials that succeeded."
            )
        if line.measured.nearness:
            said.append(f"{name}, {reading}: {near(line.measured.nearness, line.measured.n - line.measured.n_solved)}.")
        if line.n_other:
            what = "1 trial" if line.n_other == 1 else f"{line.n_other:,} trials"
            said.append(f"{name}, {reading}: {what} of other settings: `{command('list --stored')}` names them.")
        if line.unattested:
            said.append(f"{name}, {reading}: {line.unattested}.")
    if not_run:
        which = "it" if len(not_run) == 1 else "the first"
        names = ", ".join(line.words for line in not_run)
        said.append(f"Not run yet: {names}. `{not_run[0].command}` runs {which}.")
    if any(line.measured.n_solved < line.measured.n for line in table_lines):
        said.append(
            "'Success after', wrong and errors are means over the trials that succeeded. 'All trials' takes in the "
            "failures, of which only is known that they had not succeeded by the limit (Kaplan-Meier estimate)."
        )
    return said
