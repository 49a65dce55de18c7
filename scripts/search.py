"""The search for readings: runs what results/search/plan.toml says, and writes what came of it.

    python scripts/search.py run [PHASE [ROW]]     what is missing, row by row, with `repro screen`
    python scripts/search.py products              the variants of phase 2, each level of factors.toml with each
    python scripts/search.py report                results/search/README.md, of all that was tried

Trials of a screening choose; they count in no table. results/search/PROTOCOL.md says what is asked and why.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from repro import files
from repro.analysis import readings, screen, tables
from repro.experiments import config, sweep
from repro.presentation.columns import whole
from repro.records.store import Store

FOLDER = Path(__file__).parent.parent / "results" / readings.SEARCH
MOST_OFF, NEAR, HELPS = 20, 1.5, 1.25  # percentage points, factor, factor: see PROTOCOL.md
SEEDS = {1: 1, 2: 2}  # root seed of each phase


def plan() -> list[dict[str, Any]]:
    """The screenings, in their order."""
    entries: list[dict[str, Any]] = tomllib.loads((FOLDER / "plan.toml").read_text(encoding="utf-8"))["screens"]
    return entries


def products() -> None:
    """Write the variants that factors.toml means."""
    groups = tomllib.loads((FOLDER / "factors.toml").read_text(encoding="utf-8"))
    for name, factors in groups.items():
        entries = []
        for levels in product(*(levels.items() for levels in factors.values())):
            changes = {key: value for _, settings in levels for key, value in settings.items()}
            words = ", ".join(level for level, _ in levels)
            listed = ", ".join(f'"{key}" = {toml(value)}' for key, value in changes.items())
            entries.append(f'[variants."{words}"]\nset = {{ {listed} }}')
        text = f"# Written by `python scripts/search.py products` from factors.toml.\n\n{(2 * chr(10)).join(entries)}\n"
        files.write(FOLDER / "variants" / f"{name}.toml", text.encode())


def toml(value: Any) -> str:
    """A setting as TOML, in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


def run(phase: int | None, row: str | None) -> None:
    """Run what is missing, one process for each row."""
    for entry in plan():
        if phase in (None, entry["phase"]) and row in (None, entry["row"]):
            command = [
                sys.executable, "-m", "repro", "screen", entry["row"],
                "--sweep", str(FOLDER / "variants" / entry["variants"]), "--trials", str(entry["trials"]),
                "--keep", "10000", "--max-sequences", str(entry["limit"]), "--seed", str(SEEDS[entry["phase"]]),
                "--results", str(FOLDER), "-j", "1", "--format", "md",
            ]  # fmt: skip
            print(f"phase {entry['phase']}: {entry['row']}", flush=True)
            subprocess.run(command, check=True)


class Line(NamedTuple):
    """What came of a variant on a row."""

    name: str
    note: str
    one: screen.Standing

    @property
    def n_solved(self) -> int:
        """How many of its trials succeeded."""
        return len(self.one.times)

    @property
    def n_trials(self) -> int:
        """How many it has."""
        return len(self.one.records)

    @property
    def distance(self) -> float:
        """The factor by which the restricted mean is off the published one."""
        return off(self.one.restricted_mean or 0.0, self.one.published or 0.0)

    @property
    def near(self) -> bool:
        """Is it near the published success rate and mean; see PROTOCOL.md."""
        mean, published = self.one.mean, self.one.published
        if mean is None or published is None or off(mean, published) > NEAR:
            return False
        return abs(100 * self.n_solved / self.n_trials - percent(self.one.item.row)) <= MOST_OFF


def off(mean: float, published: float) -> float:
    """How far a mean is from the published one, as a factor of at least 1."""
    return max(mean / published, published / mean)


def percent(row: config.Row) -> float:
    """The published success rate: all, where the paper mentions no failure."""
    success = [line.success for line in row.published if line.sequences and not line.beyond][-1]
    return 100.0 if success in (None, "some") else float(success)


def lines(entry: dict[str, Any], store: Store) -> list[Line]:
    """What came of the variants of a screening that have all their trials, the nearest first."""
    row, variants = config.load()[entry["row"]], sweep.read(FOLDER / "variants" / entry["variants"])
    stored, found = store.stored(row.experiment), []
    for variant in variants:
        limited = {"stop.max_sequences": entry["limit"]}, SEEDS[entry["phase"]]
        (one,) = screen.begin(row, [variant], None, limited, ({}, 0))
        trials = {record.trial: record for record in stored.records(one.item.condition.key)}
        if len(trials) >= entry["trials"]:
            records = tuple(trials[number] for number in range(entry["trials"]))
            found.append(Line(variant.name, variant.note, replace(one, records=records)))
    return sorted(found, key=lambda line: line.distance)


def report() -> str:
    """Every variant on every row."""
    store = Store(FOLDER)
    parts = [
        "# All that was tried",
        "",
        "Written by `python scripts/search.py report`; PROTOCOL.md says what is asked, plan.toml what is run. These",
        "trials chose among readings: what looks good here looks better than it is, and no table counts it.",
        "",
    ]
    came = [(entry, lines(entry, store)) for entry in plan()]
    for entry, found in came:
        if not found:
            continue
        row = config.load()[entry["row"]]
        printed = next((line for line in found if line.name == "printed"), None)
        parts += [
            f"## Phase {entry['phase']}: {entry['row']}",
            "",
            f"Published: {found[0].one.published:,}, {percent(row):.0f} %. {len(found)} variants, "
            f"{entry['trials']} trials each, up to {entry['limit']:,} sequences, root seed {SEEDS[entry['phase']]}.",
            "",
            "| variant | | solved | mean of these | ours/paper | mean of all, to limit | |",
            "|---|---|---|---|---|---|---|",
        ]
        for line in found:
            fate = "near" if line.near else ""
            if printed and not line.near and line.distance * HELPS <= printed.distance:
                fate = "helps"
            ratio = f"x {line.one.ratio:.2f}" if line.one.ratio else "-"
            parts.append(
                f"| {line.name} | {line.note} | {line.n_solved} of {line.n_trials} | {whole(line.one.mean)} | "
                f"{ratio} | {whole(line.one.restricted_mean)} | {fate} |"
            )
        parts.append("")
    return "\n".join([*parts, *flattery(came)])


def flattery(came: Sequence[tuple[dict[str, Any], Sequence[Line]]]) -> list[str]:
    """By how much choice flatters: readings that were near in a screening, and judged by other trials."""
    rows, results = config.load(), Store(FOLDER.parent)
    parts = [
        "## By how much choice flatters",
        "",
        "Readings that were near in a screening, and the same settings judged: by fresh seeds, all trials, the row's",
        "own limit. A distance is the factor by which the mean of the successes is off the published one.",
        "",
        "| row | reading | screened | judged | distance then | distance now |",
        "|---|---|---|---|---|---|",
    ]
    pairs = []
    for entry, found in came:
        judged = {
            readings.unlimited(line.condition): line
            for line in tables.selected([entry["row"]], rows, results)
            if line.reading != config.PRINTED and line.measured.sequences
        }
        for line in found:
            same = judged.get(readings.unlimited(line.one.item.condition))
            if not line.near or same is None:
                continue
            then, now, published = line.one.mean, same.measured.sequences, line.one.published
            assert then
            assert now
            assert published
            far = off(then, published), off(now.value, published)
            pairs.append(far)
            parts.append(
                f"| {entry['row']} | {same.reading} | {line.n_solved} of {line.n_trials}, {whole(then)} | "
                f"{same.measured.n_solved} of {same.measured.n}, {whole(now.value)} | {far[0]:.2f} | {far[1]:.2f} |"
            )
    if pairs:
        chosen, again = (median(far[k] for far in pairs) for k in (0, 1))
        parts += ["", f"Median of {len(pairs)}: {chosen:.2f} when they were chosen, {again:.2f} when they were judged."]
    return [*parts, ""]


if __name__ == "__main__":
    arguments = sys.argv[2:]
    if sys.argv[1:2] == ["run"] and len(arguments) < 3 and (not arguments or arguments[0] in map(str, SEEDS)):
        run(int(arguments[0]) if arguments else None, arguments[1] if arguments[1:] else None)
    elif sys.argv[1:] == ["products"]:
        products()
    elif sys.argv[1:] == ["report"]:
        files.write(FOLDER / "README.md", report().encode())
    else:
        sys.exit(__doc__)
