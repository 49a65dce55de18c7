"""The experiments as data: TOML files to frozen, validated rows. The only reader of ``configs/``, but for `completion`,
which looks for names alone.

A file describes one experiment: a task, the learners that are tried on it, a stop rule, named readings, and rows. What
several have in common is in shared.toml (`sharing`). A row names a learner and overrides single settings; so does a
reading, and so does ``--set`` on the command line. What results is validated as a whole, by the learner's and the
task's own settings classes. All errors of all files are reported together, each with its file and key.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from repro import registry
from repro.errors import ReproError, similar
from repro.experiments import own
from repro.experiments.condition import Condition
from repro.experiments.schema import File, Published, Reading, Shared
from repro.experiments.sharing import complete, with_shared
from repro.experiments.stop import Stop
from repro.files import OWN_CONFIGS, SHARED, configs_folder
from repro.settings import Settings

PRINTED = "printed"


class ConfigError(ReproError):
    """A configuration that cannot be used, or a name that is in none."""


@dataclass(frozen=True)
class Setup:
    """Complete, validated settings of a row under a reading."""

    task: Any  # the Settings of its module in repro.tasks
    learner: Any  # likewise, of repro.learners
    stop: Stop

    @property
    def n_weights(self) -> int:
        """The number of weights of the net."""
        return int(registry.learner(self.learner.name).n_weights(self.learner, interface_of(self.task)))


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
        setup, problems = _setup(self.base, self.readings[reading].set, overrides or {})
        if setup is None:
            raise ConfigError("\n".join(f"{self.name}: {problem}" for problem in problems))
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
    problems: list[str] = []
    known: dict[str, Mapping[str, Any]] = {}
    for number, place in enumerate(folders):
        if number and not any(place.glob("*.toml")):
            problems.append(f"{place}: {'no TOML files there' if place.is_dir() else 'there is no such folder'}")
        shared, wrong = _shared(place)
        problems += [f"{place.name}/{SHARED}: {problem}" for problem in wrong]
        for path in sorted(path for path in place.glob("*.toml") if path.name != SHARED):
            content, wrong = _content(path)
            owner = ""
            if number and not wrong:
                owner = own.owner(place, content)
                content, wrong = own.completed(content, known)
            elif not wrong:
                known[str(content.get("experiment", ""))] = content
            rows_of_file, wrong = ([], wrong) if wrong else _read(path, content, shared, owner)
            where = f"{place.name}/{path.name}" if number else path.name
            problems += [f"{where}: {problem}" for problem in dict.fromkeys(wrong)]
            for row in rows_of_file:
                if row.name in rows:
                    problems.append(f"{where}: rows: '{row.name}' is also in {rows[row.name].file.name}")
                rows[row.name] = row
    if problems:
        places = " and ".join(str(place) for place in folders)
        raise ConfigError(f"{len(problems)} error(s) in {places}:\n" + "\n".join(f"  {p}" for p in problems))
    if not rows:
        raise ConfigError(f"no experiments in {folders[0]}")
    return rows


def interface_of(task: Any) -> Any:
    """What a task of these settings looks like to a learner."""
    return registry.task(task.name).interface(task)


def learner_refuses(learner: Any, task: Any) -> str:
    """Why a learner of these settings cannot take a task; nothing if it can."""
    return str(registry.learner(learner.name).refuses(learner, interface_of(task)))


def learner_disagrees(learner: Any, task: Any, stop: Any) -> str:
    """What of task and stop rule does not go with a learner that could take the task; nothing if all does."""
    module: Any = registry.learner(learner.name)
    return str(module.disagrees(learner, task, stop)) if hasattr(module, "disagrees") else ""


def messages(error: ValidationError, prefix: str, kind: type[Settings], *, missing: bool = True) -> list[str]:
    """One line for each error, with the key it is about; what is ``missing`` may be left out."""
    lines = []
    for detail in error.errors():
        if detail["type"] == "missing" and not missing:
            continue
        key = ".".join(str(part) for part in (prefix, *detail["loc"]) if part != "")
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = "there is no such setting" + similar(str(detail["loc"][-1]), kind.model_fields)
        elif detail["type"] == "missing":
            message = "is missing"
        elif not isinstance(detail["input"], dict | list | tuple):
            message += f", not {detail['input']!r}"
        lines.append(f"{key}: {message}")
    return lines


def _content(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What a file says, and what is wrong with it as TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig")), []
    except OSError as error:
        return {}, [f"cannot be read: {error.strerror}"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        return {}, [f"not valid TOML: {error}"]


def _shared(folder: Path) -> tuple[Shared, list[str]]:
    """What the files of a folder share: what its own shared.toml says, or that of the project."""
    path = folder / SHARED
    content, wrong = _content(path if path.is_file() else configs_folder() / SHARED)
    try:
        return Shared.model_validate(content), wrong
    except ValidationError as error:
        return Shared(), messages(error, "", Shared)


def _read(path: Path, content: dict[str, Any], shared: Shared, owner: str) -> tuple[list[Row], list[str]]:
    """The rows of a file, and what is wrong with it."""
    try:
        file, problems = complete(File.model_validate(content), shared)
    except ValidationError as error:
        return [], messages(error, "", File) + _wrong_parts(content, shared)
    if PRINTED not in file.readings:
        problems.append(f"readings: there is no reading '{PRINTED}'")
    unused = {
        name: learner for name, learner in file.learners.items() if name not in {row.learner for row in file.rows}
    }
    problems += _wrong_parts({"task": file.task, "learners": unused, "stop": file.stop}, shared)
    about = {f"readings.{name}": reading.learners for name, reading in file.readings.items()}
    own = file.choices[len(file.shares.choices) :]
    about |= {f"choices.{n}": choices.learners for n, choices in enumerate(own)}
    problems += [
        f"{where}.learners: there is no learners.{name}{similar(name, file.learners)}"
        for where, names in about.items()
        for name in names
        if name not in file.learners
    ]
    rows = []
    for n, raw in enumerate(file.rows):
        where = f"rows.{n} ({raw.name})"
        if raw.name.split("/")[0] != file.experiment:
            problems.append(f"{where}: a name starts with its experiment, '{file.experiment}/'")
        if raw.learner not in file.learners:
            problems.append(f"{where}.learner: there is no learners.{raw.learner}{similar(raw.learner, file.learners)}")
            continue
        base: dict[str, dict[str, Any]] = {"task": file.task, "learner": file.learners[raw.learner], "stop": file.stop}
        kinds, _ = _kinds(base)
        changes, wrong = _with_full_keys(raw.set, kinds)
        base, unknown = _override(base, changes)
        problems += [f"{where}.set: {problem}" for problem in wrong + unknown]
        _, common = _setup(base, {}, {})
        problems += common
        readings = _readings(file, raw.learner, kinds)
        for name, reading in readings.items():
            _, wrong = _setup(base, reading.set, {})
            problems += [f"readings.{name}: {problem}" for problem in wrong if problem not in common]
        stages = [stage.get("name") for stage in base["stop"].get("stages", ()) if isinstance(stage, dict)]
        problems += [
            f"{where}.published.{k}.stage: there is no stage '{line.stage}'{similar(line.stage, map(str, stages))}"
            for k, line in enumerate(raw.published)
            if line.stage not in stages
        ]
        problems += [f"{where}.quick: there is no reading '{q}'" for q in raw.quick if q not in readings]
        published = raw.published
        if owner and not published:
            published = (Published(table="ours", line=n + 1, stage=str(stages[-1]) if stages else ""),)
        trials = raw.trials or 1  # where it is missing, that is said
        rows.append(
            Row(
                name=raw.name,
                experiment=file.experiment,
                title=file.title,
                section=file.section,
                learner=raw.learner,
                trials=trials,
                quick=raw.quick,
                published=published,
                readings=readings,
                base=base,
                file=path,
                owner=owner,
            )
        )
    return rows, problems


def _readings(file: File, learner: str, kinds: Mapping[str, type[Settings]]) -> dict[str, Reading]:
    """The readings that are about a learner, the printed one with all choices about it; full keys in all."""
    readings = {
        name: r.model_copy(update={"set": {_full_key(key, kinds)[0]: value for key, value in r.set.items()}})
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


def _wrong_parts(content: Mapping[str, Any], shared: Shared) -> list[str]:
    """What is wrong with the settings in a file that is not right as a whole: as much as can be said."""
    task, learners, stop = (content.get(name) for name in ("task", "learners", "stop"))
    if not (isinstance(task, dict) and isinstance(learners, dict) and isinstance(stop, dict)):
        return []
    wrong = []
    for name, learner in learners.items():
        if isinstance(learner, dict):
            parts = {"task": task, "learner": with_shared(name, learner, shared), "stop": stop}
            wrong += _setup(parts, {}, {}, missing=False)[1]  # rows may give it
    return wrong


def _override(
    base: Mapping[str, Mapping[str, Any]], changes: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """``base`` with single settings replaced, and what is wrong with the keys."""
    result = {group: dict(settings) for group, settings in base.items()}
    problems = []
    for key, value in changes.items():
        group, dot, name = key.partition(".")
        if not dot or group not in result:
            problems.append(f"{key}: a key is {', '.join(f'{g}.NAME' for g in result)}")
        else:
            result[group][name] = value
    return result, problems


def _full_key(key: str, kinds: Mapping[str, type[Settings]]) -> tuple[str, str]:
    """``learning_rate`` as ``learner.learning_rate``, and what is wrong if not exactly one group has such a setting."""
    if "." in key:
        return key, ""
    full = [f"{group}.{key}" for group, kind in kinds.items() if key in kind.model_fields]
    if len(full) == 1:
        return full[0], ""
    if full:
        return key, f"{key}: say which, {' or '.join(full)}"
    names = [name for kind in kinds.values() for name in kind.model_fields]
    return key, f"{key}: task, learner and stop rule have no such setting{similar(key, names)}"


def _with_full_keys(
    changes: Mapping[str, Any], kinds: Mapping[str, type[Settings]]
) -> tuple[dict[str, Any], list[str]]:
    """Changes with the full keys of settings, and what is wrong with those that are left out."""
    full = {key: _full_key(key, kinds) for key in changes}
    problems = [wrong for _, wrong in full.values() if wrong]
    return {full[key][0]: value for key, value in changes.items() if not full[key][1]}, problems


def _kinds(base: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, type[Settings]], list[str]]:
    """The classes of the settings of each group, and which there are not."""
    kinds: dict[str, type[Settings]] = {"stop": Stop}
    problems = []
    for group, module in (("task", registry.task), ("learner", registry.learner)):
        try:
            kinds[group] = module(str(base[group].get("name"))).Settings
        except registry.NoModuleError as error:
            problems.append(f"{group}.name: {error}")
    return kinds, problems


def full_key(key: str, setup: Setup) -> str:
    """``learning_rate`` as ``learner.learning_rate``, for settings that have it.

    Raises
    ------
    ConfigError
        If they have no such setting, or two.

    """
    kinds = {name: type(getattr(setup, name)) for name in ("task", "learner", "stop")}
    full, wrong = _full_key(key, kinds)
    group, _, name = full.partition(".")
    if not wrong and (group not in kinds or name not in kinds[group].model_fields):
        known = [f"{group}.{field}" for group, kind in kinds.items() for field in kind.model_fields]
        wrong = f"{key}: there is no such setting{similar(full, known)}"
    if wrong:
        raise ConfigError(wrong)
    return full


def _setup(
    base: Mapping[str, Mapping[str, Any]], reading: Mapping[str, Any], overrides: Mapping[str, Any],
    *, missing: bool = True,
) -> tuple[Setup | None, list[str]]:  # fmt: skip
    """Validated settings, or None, and what is wrong with them; is it wrong that some are ``missing``."""
    kinds, problems = _kinds(base)
    changes, wrong = _with_full_keys({**reading, **overrides}, kinds)
    merged, unknown = _override(base, changes)
    problems += wrong + unknown
    groups: dict[str, Any] = {}
    for group, kind in kinds.items():
        try:
            groups[group] = kind.model_validate(merged[group])
        except ValidationError as error:
            problems += messages(error, group, kind, missing=missing)
    if not problems and len(groups) == len(kinds):
        name = groups["learner"].name
        if reason := learner_refuses(groups["learner"], groups["task"]):
            problems.append(f"learner: {name} cannot take this task: {reason}")
        elif reason := learner_disagrees(**groups):
            problems.append(f"learner: {name} does not go with task and stop rule: {reason}")
    return (None, problems) if problems or len(groups) < len(kinds) else (Setup(**groups), [])
