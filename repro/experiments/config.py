"""The experiments as data: TOML files to frozen, validated rows. The only reader of ``configs/``, but for `completion`,
which looks for names alone.

A file describes one experiment: a task, the learners that are tried on it, a stop rule, named readings, and rows. What
several have in common is in shared.toml (`sharing`). A row names a learner and overrides single settings; so does a
reading, and so does ``--set`` on the command line. What results is validated as a whole, by the learner's and the
task's own settings classes. All errors of all files are reported together, each with its file and key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from repro import registry
from repro.errors import similar
from repro.experiments import own, toml
from repro.experiments.condition import Condition
from repro.experiments.messages import Problem, problems
from repro.experiments.schema import TEST_SEQUENCES, File, Published, Reading, RowEntry, Shared
from repro.experiments.setups import ConfigError as ConfigError
from repro.experiments.setups import Groups, Names, Setup, changed, validated, with_full_keys
from repro.experiments.sharing import complete, with_shared
from repro.files import OWN_CONFIGS, SHARED, configs_folder

PRINTED = "printed"


@dataclass(frozen=True)
class Row:
    """A row of the paper's tables: a learner on an experiment."""

    name: str
    experiment: str
    title: str
    section: str
    learner: str
    trials: int
    quick: Mapping[str, int]
    published: tuple[Published, ...]
    readings: Mapping[str, Reading]
    base: Mapping[str, Mapping[str, Any]]
    file: Path
    owner: str = ""  # whose row it is; empty: the project's, be it in the paper or not

    @property
    def in_paper(self) -> bool:
        """Whether it is one of the paper's rows."""
        return any(line.table != "ours" for line in self.published)

    def setup(self, reading: str = PRINTED, overrides: Mapping[str, Any] | None = None) -> Setup:
        """The settings of the row under a reading, single ones replaced by ``overrides``.

        Raises
        ------
        ConfigError
            If there is no such reading, or if a setting does not exist or is not valid.

        """
        if reading not in self.readings:
            raise ConfigError(f"{self.name} has no reading '{reading}'{similar(reading, self.readings)}")
        setup, faults = validated(self.base, self.readings[reading].set, overrides or {})
        if setup is None:
            raise ConfigError("\n".join(f"{self.name}: {Names().line(fault)}" for fault in faults))
        return setup

    def condition(self, reading: str = PRINTED, overrides: Mapping[str, Any] | None = None, seed: int = 0) -> Condition:
        """What the trials of the row under a reading share."""
        setup = self.setup(reading, overrides)
        groups = {"task": setup.task, "learner": setup.learner, "stop": setup.stop}
        return Condition.of(self.experiment, self.name, reading, groups, seed)


def load(folder: Path | None = None) -> dict[str, Row]:
    """All rows, by name, in the order of the experiments; last those in the folders of `files.OWN_CONFIGS`.

    Raises
    ------
    ConfigError
        With every error of every file.

    """
    return _load((folder,) if folder else (configs_folder(), *OWN_CONFIGS))


@lru_cache(maxsize=None)
def _load(folders: tuple[Path, ...]) -> dict[str, Row]:
    """The rows in the project's folder, and in those of one's own."""
    rows: dict[str, Row] = {}
    wrong: list[str] = []
    known: dict[str, Mapping[str, Any]] = {}
    for number, place in enumerate(folders):
        if number and not any(place.glob("*.toml")):
            wrong.append(f"{place}: {'no TOML files there' if place.is_dir() else 'there is no such folder'}")
        shared, problems_there = _shared(place)
        wrong += [f"{place.name}/{SHARED}: {problem}" for problem in problems_there]
        if problems_there:  # what the other files lack follows from it
            continue
        for path in sorted(path for path in place.glob("*.toml") if path.name != SHARED):
            content, problems_there = _content(path)
            owner, rows_of_file = "", list[Row]()
            if number and not problems_there:
                owner = own.owner(place, content)
                content, problems_there = own.completed(content, known)
            elif not problems_there:
                known[str(content.get("experiment", ""))] = content
            if not problems_there:
                rows_of_file, problems_there = _read(path, content, shared, owner)
            where = f"{place.name}/{path.name}" if number else path.name
            wrong += [f"{where}: {problem}" for problem in dict.fromkeys(problems_there)]
            for row in rows_of_file:
                if row.name in rows:
                    wrong.append(f"{where}: rows: '{row.name}' is also in {rows[row.name].file.name}")
                rows[row.name] = row
    if wrong:
        places = " and ".join(str(place) for place in folders)
        raise ConfigError(f"{len(wrong)} error(s) in {places}:\n" + "\n".join(f"  {problem}" for problem in wrong))
    if not rows:
        raise ConfigError(f"no experiments in {folders[0]}")
    return rows


def _content(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What a file says, and what is wrong with it as TOML."""
    try:
        return toml.read(path), []
    except toml.TomlError as error:
        return {}, [str(error)]


def _shared(folder: Path) -> tuple[Shared, list[str]]:
    """What the files of a folder share: what its own shared.toml says, or that of the project."""
    path = folder / SHARED
    content, wrong = _content(path if path.is_file() else configs_folder() / SHARED)
    try:
        return Shared.model_validate(content), wrong
    except ValidationError as error:
        return Shared(), [problem.line for problem in problems(error, content, Shared)]


def _read(path: Path, content: dict[str, Any], shared: Shared, owner: str) -> tuple[list[Row], list[str]]:
    """The rows of a file, and what is wrong with it."""
    try:
        file, wrong = complete(File.model_validate(content), shared)
    except ValidationError as error:
        found = [_of_row(problem, content).line for problem in problems(error, content, File)]
        return [], found + _wrong_learners(content, content.get("learners"), shared)
    shares_are_there = not any(problem.startswith("shares.") for problem in wrong)
    if PRINTED not in file.readings:
        wrong.append(f"readings: there is no reading '{PRINTED}'")
    used = {row.learner for row in file.rows}
    wrong += _wrong_learners(content, {name: s for name, s in content["learners"].items() if name not in used}, shared)
    about = {f"readings.{name}": reading.learners for name, reading in file.readings.items()}
    own = file.choices[len(file.shares.choices) :]
    about |= {f"choices.{n}": choices.learners for n, choices in enumerate(own)}
    wrong += [
        f"{where}.learners: there is no learners.{name}{similar(name, file.learners)}"
        for where, names in about.items()
        for name in names
        if name not in file.learners
    ]
    rows = []
    for n, raw in enumerate(file.rows):
        where = f"rows.{n} ({raw.name})"
        if raw.name.split("/")[0] != file.experiment:
            wrong.append(f"{where}: a name starts with its experiment, '{file.experiment}/'")
        if raw.learner not in file.learners:
            wrong.append(f"{where}.learner: there is no learners.{raw.learner}{similar(raw.learner, file.learners)}")
            continue
        base = {"task": file.task, "learner": file.learners[raw.learner], "stop": file.stop}
        setup, wrong_there = _checked(where, raw, base, file, content["learners"][raw.learner])
        readings = _readings(file, raw.learner, base)
        if shares_are_there:  # else a reading may be missing because of that
            wrong_there += [f"{where}.quick: there is no reading '{q}'" for q in raw.quick if q not in readings]
        published = raw.published
        if setup:
            wrong_there += _wrong_lines(where, raw, setup)
            if owner and not published:
                published = (Published(table="ours", line=n + 1, stage=setup.stop.stages[-1].name),)
        wrong += wrong_there
        rows.append(
            Row(
                name=raw.name,
                experiment=file.experiment,
                title=file.title,
                section=file.section,
                learner=raw.learner,
                trials=raw.trials or 1,  # where it is missing, that is said
                quick=raw.quick,
                published=published,
                readings=readings,
                base=changed(base, raw.set),
                file=path,
                owner=owner,
            )
        )
    return rows, wrong


def _checked(
    where: str, row: RowEntry, base: Groups, file: File, own: Mapping[str, Any]
) -> tuple[Setup | None, list[str]]:
    """The settings of a row, and what is wrong with them and its readings; ``own`` are those of the file's learner."""
    names = _names(row.learner, own, base["learner"], f"{where}.set.")
    setup, common = validated(base, row.set)
    here = {key.partition(".")[0] for key in with_full_keys(base, row.set)}
    of_row = [fault.layer == 0 and not fault.path and fault.key in here for fault in common]
    wrong = [f"{where}: " * is_its + names.line(fault) for fault, is_its in zip(common, of_row, strict=True)]
    for name, reading in file.readings.items():
        if not reading.learners or row.learner in reading.learners:
            names = _names(row.learner, own, base["learner"], f"{where}.set.", f"readings.{name}.set.")
            _, faults = validated(base, row.set, reading.set)
            lines = [(fault, names.line(fault)) for fault in faults if fault not in common]
            wrong += [line if fault.layer == 2 else f"readings.{name}: {line}" for fault, line in lines]
    return setup, wrong


def _names(learner: str, own: Mapping[str, Any], settings: Mapping[str, Any], *layers: str) -> Names:
    """How places are called in a file; those of a learner's settings that are not its ``own`` are in shared.toml.

    A learner's name, if it is not given, is that of a user's own file, which has to have the same in its Settings.
    """
    module, place = settings.get("name"), f"learners.{learner}"
    others = {f"learner.{key}": f"{SHARED}: learners.{module}" for key in settings if key not in own}
    files = registry.source("learners", module) if isinstance(module, str) else {}
    if len(files) != 1:
        return Names({"learner": place}, layers, others)
    file = next(iter(files)).name
    if "name" not in own:
        others["learner.name"] = f"{file}: Settings"
    to_do = (
        f"add `{{name}} = ...` to [{place}], or give it a default in Settings of {file}, whose EXAMPLE is for "
        "`repro check` alone"
    )
    return Names({"learner": place}, layers, others, {"learner": to_do})


def _wrong_lines(where: str, row: RowEntry, setup: Setup) -> list[str]:
    """What of a row's published lines does not go with its stop rule."""
    tests = {
        stage.name: setup.stop.test_sequences if stage.test_sequences is None else stage.test_sequences
        for stage in setup.stop.stages
    }
    wrong = []
    for n, line in enumerate(row.published):
        if line.stage not in tests:
            wrong.append(f"{where}.published.{n}.stage: there is no stage '{line.stage}'{similar(line.stage, tests)}")
        elif line.test_wrong is not None and tests[line.stage] != TEST_SEQUENCES:
            wrong.append(
                f"{where}.published.{n}.test_wrong: is of {TEST_SEQUENCES:,} test sequences, and stage '{line.stage}' "
                f"is tested on {tests[line.stage]:,}"
            )
    return wrong


def _of_row(problem: Problem, content: Mapping[str, Any]) -> Problem:
    """A problem of a file, with the name of the row that it is about, if it has one."""
    match problem.path:
        case ("rows", int(n), *rest):
            row = content["rows"][n]
            name = row.get("name") if isinstance(row, dict) else None
            return problem._replace(path=(f"rows.{n} ({name})", *rest)) if isinstance(name, str) else problem
    return problem


def _readings(file: File, learner: str, base: Groups) -> dict[str, Reading]:
    """The readings that are about a learner, the printed one with all choices about it; full keys in all."""
    readings = {
        name: r.model_copy(update={"set": with_full_keys(base, r.set)})
        for name, r in file.readings.items()
        if not r.learners or learner in r.learners
    }
    if PRINTED in readings:
        parts = [part for part in file.choices if learner in part.learners]
        note = next((part.note for part in parts if part.note), readings[PRINTED].note)
        choices = [choice for part in parts for choice in part.choices]
        readings[PRINTED] = readings[PRINTED].model_copy(
            update={"note": note, "choices": (*choices, *readings[PRINTED].choices)}
        )
    return readings


def _wrong_learners(content: Mapping[str, Any], learners: Any, shared: Shared) -> list[str]:
    """What is wrong with the settings of learners that no row is read of, and of task and stop rule beside them."""
    task, stop = content.get("task"), content.get("stop")
    if not (isinstance(task, dict) and isinstance(learners, dict) and isinstance(stop, dict)):
        return []
    wrong = []
    for name, learner in learners.items():
        if isinstance(learner, dict):
            parts = {"task": task, "learner": with_shared(name, learner, shared), "stop": stop}
            names = _names(name, learner, parts["learner"])
            wrong += [names.line(fault) for fault in validated(parts, missing=False)[1]]  # rows may give it
    return wrong
