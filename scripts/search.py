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
from itertools import product
from math import exp, log
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

from repro import config, sweep, tables
from repro.cell import Cell
from repro.store import Store
from repro.trial import Record

FOLDER = Path(__file__).parent.parent / "results" / "search"
MOST_OFF, NEAR, HELPS = 20, 1.5, 1.25  # percentage points, factor, factor: see PROTOCOL.md
SEEDS = {1: 1, 2: 2}  # root seed of each phase


def plan() -> list[dict[str, Any]]:
    """The screenings, in their order."""
    screens: list[dict[str, Any]] = tomllib.loads((FOLDER / "plan.toml").read_text(encoding="utf-8"))["screens"]
    return screens


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
        (FOLDER / "variants" / f"{name}.toml").write_text(text, encoding="utf-8")


def toml(value: Any) -> str:
    """A setting as TOML, in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


def run(phase: int | None, row: str | None) -> None:
    """Run what is missing, one process for each row."""
    for screen in plan():
        if phase in (None, screen["phase"]) and row in (None, screen["row"]):
            command = [
                sys.executable, "-m", "repro", "screen", screen["row"],
                "--sweep", str(FOLDER / "variants" / screen["variants"]), "--trials", str(screen["trials"]),
                "--keep", "10000", "--max-sequences", str(screen["limit"]), "--seed", str(SEEDS[screen["phase"]]),
                "--results", str(FOLDER), "-j", "1", "--format", "md",
            ]  # fmt: skip
            print(f"phase {screen['phase']}: {screen['row']}", flush=True)
            subprocess.run(command, check=True)


class Line(NamedTuple):
    """What came of a variant on a row."""

    name: str
    note: str
    n_changed: int
    n_trials: int
    n_solved: int
    mean: float | None  # of the training sequences of the successes
    restricted: float  # failures counting as the limit
    ratio: float | None  # of the mean to the published one
    distance: float  # of the restricted mean from it, as a factor
    cell: Cell

    def near(self, percent: float) -> bool:
        """Is it near the published success rate and mean; see PROTOCOL.md."""
        return (
            self.ratio is not None
            and max(self.ratio, 1 / self.ratio) <= NEAR
            and abs(100 * self.n_solved / self.n_trials - percent) <= MOST_OFF
        )


def lines(screen: dict[str, Any], store: Store) -> tuple[list[Line], float, float]:
    """What came of the variants of a screening; the published mean and success rate."""
    row = config.load()[screen["row"]]
    line = [line for line in row.published if line.sequences and not line.beyond][-1]
    assert line.sequences
    percent = 100.0 if line.success in (None, "some") else float(line.success)
    stored, found = store.stored(row.experiment), []
    for one in sweep.read(FOLDER / "variants" / screen["variants"]):
        limited = {**one.changes, "stop.max_sequences": screen["limit"]}
        cell = row.cell(one.reading or config.PRINTED, limited, SEEDS[screen["phase"]])
        trials: dict[int, Record] = {record.trial: record for record in stored.records(cell.key)}
        if len(trials) < screen["trials"]:
            continue
        records = [trials[number] for number in range(screen["trials"])]
        times = [record.sequences for record in records if record.outcome == "solved"]
        restricted = fmean([*times, *[screen["limit"]] * (len(records) - len(times))])
        mean = fmean(times) if times else None
        ratio = mean / line.sequences if mean else None
        away = exp(abs(log(restricted / line.sequences)))
        found.append(
            Line(one.name, one.note, len(one.changes), len(records), len(times), mean, restricted, ratio, away, cell)
        )
    return sorted(found, key=lambda one: one.distance), line.sequences, percent


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
    for screen in plan():
        found, published, percent = lines(screen, store)
        if not found:
            continue
        printed = next((one for one in found if one.name == "printed"), None)
        parts += [
            f"## Phase {screen['phase']}: {screen['row']}",
            "",
            f"Published: {published:,}, {percent:.0f} %. {len(found)} variants, {screen['trials']} trials each, up to "
            f"{screen['limit']:,} sequences, root seed {SEEDS[screen['phase']]}.",
            "",
            "| variant | | solved | mean of these | ours/paper | mean of all, to limit | |",
            "|---|---|---|---|---|---|---|",
        ]
        for one in found:
            fate = ""
            if one.near(percent):
                fate = "near"
            elif printed and one.distance * HELPS <= printed.distance:
                fate = "helps"
            mean = f"{one.mean:,.0f}" if one.mean else "-"
            ratio = f"x {one.ratio:.2f}" if one.ratio else "-"
            parts.append(
                f"| {one.name} | {one.note} | {one.n_solved} of {one.n_trials} | {mean} | {ratio} | "
                f"{one.restricted:,.0f} | {fate} |"
            )
        parts.append("")
    return "\n".join([*parts, *flattery(store)])


def flattery(store: Store) -> list[str]:
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
    for screen in plan():
        found, published, percent = lines(screen, store)
        judged = {line.reading: line.measured for line in tables.selected([screen["row"]], rows, results)}
        for one in found:
            for reading, measured in judged.items():
                same = unlimited(rows[screen["row"]].cell(reading)) == unlimited(one.cell)
                if reading == config.PRINTED or not same or not one.near(percent) or not measured.sequences:
                    continue
                then, now = one.mean or 0.0, measured.sequences.value
                far = [exp(abs(log(mean / published))) for mean in (then, now)]
                pairs.append(far)
                parts.append(
                    f"| {screen['row']} | {reading} | {one.n_solved} of {one.n_trials}, {then:,.0f} | "
                    f"{measured.n_solved} of {measured.n}, {now:,.0f} | {far[0]:.2f} | {far[1]:.2f} |"
                )
    if pairs:
        then, now = (median(far[k] for far in pairs) for k in (0, 1))
        parts += ["", f"Median of {len(pairs)}: {then:.2f} when they were chosen, {now:.2f} when they were judged."]
    return [*parts, ""]


def unlimited(cell: Cell) -> dict[str, Any]:
    """Settings without the limit."""
    stop = {name: value for name, value in cell.settings["stop"].items() if name != "max_sequences"}
    return {**cell.settings, "stop": stop}


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(int(sys.argv[2]) if len(sys.argv) > 2 else None, sys.argv[3] if len(sys.argv) > 3 else None)
    elif sys.argv[1:] == ["products"]:
        products()
    elif sys.argv[1:] == ["report"]:
        (FOLDER / "README.md").write_text(report(), encoding="utf-8")
    else:
        sys.exit(__doc__)
