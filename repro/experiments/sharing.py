"""What files of experiments leave out, as they share it (shared.toml) or as it follows from what they say."""

from collections.abc import Iterable
from typing import Any

from repro.errors import similar
from repro.experiments.schema import Choices, File, Published, Reading, RowEntry, Shared


def complete(file: File, shared: Shared) -> tuple[File, list[str]]:
    """A file with all that it takes from elsewhere, and what of that there is not.

    A learner's module is called as the learner is, if the file names no other, and settings that the file does not give
    are the shared ones of that module. Shared readings stand behind the printed one, shared choices before the file's.
    A row has the learner in its name and the file's number of trials, a published line the last stage.
    """
    taken, problems = _taken("readings", file.shares.readings, shared.readings, file.learners)
    choices, wrong = _taken("choices", file.shares.choices, shared.choices, file.learners)
    problems += wrong
    problems += [
        f"readings.{name}: is shared.toml's too: take it out of shares" for name in taken if name in file.readings
    ]
    first = [name for name in file.readings if name == "printed"]
    readings: dict[str, Reading] = {name: file.readings[name] for name in first} | taken | dict(file.readings)
    parts: list[Choices] = [*choices.values(), *file.choices]
    learners = {name: with_shared(name, settings, shared) for name, settings in file.learners.items()}
    stages = _stages(file.stop)
    rows = [_row(row, file.trials, stages) for row in file.rows]
    if lacking := [row.name for row in rows if row.trials is None]:
        problems.append(f"trials: is missing, and {', '.join(lacking)} do not say themselves how many")
    changes = {"learners": learners, "readings": readings, "choices": tuple(parts), "rows": tuple(rows)}
    return file.model_copy(update=changes), problems


def _taken(
    what: str, names: Iterable[str], offered: dict[str, Any], learners: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """Shared readings or choices, about the file's learners alone, and which of them there are not."""
    taken, problems = {}, []
    for name in names:
        if name not in offered:
            problems.append(f"shares.{what}: shared.toml has no {what}.{name}{similar(name, offered)}")
            continue
        about = tuple(learner for learner in offered[name].learners if learner in learners)
        if offered[name].learners and not about:
            problems.append(f"shares.{what}: {name} is about {', '.join(offered[name].learners)}, which are not here")
            continue
        taken[name] = offered[name].model_copy(update={"learners": about})
    return taken, problems


def with_shared(name: str, settings: dict[str, Any], shared: Shared) -> dict[str, Any]:
    """The settings of a learner with those that it shares."""
    module = settings.get("name", name)
    return {"name": module, **(shared.learners.get(module, {}) if isinstance(module, str) else {}), **settings}


def _stages(stop: dict[str, Any]) -> list[str]:
    """The names of the stages, as far as there are."""
    stages = stop.get("stages", ())
    names = [stage.get("name") for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    return [name for name in names if isinstance(name, str)]


def _row(row: RowEntry, trials: int | None, stages: list[str]) -> RowEntry:
    lines: list[Published] = [
        line.model_copy(update={"stage": stages[-1]}) if not line.stage and stages else line for line in row.published
    ]
    learner = row.learner or row.name.split("/")[1]
    return row.model_copy(update={"learner": learner, "trials": row.trials or trials, "published": tuple(lines)})
