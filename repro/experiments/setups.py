"""The settings of trials, complete and validated: groups of them, and layers of changes above, each by its key.

A key is ``learner.learning_rate``, or ``learning_rate`` where only one group has such a setting. What is wrong is told
with where it is written: in a group, or in a layer, as the key is written there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError

from repro import registry
from repro.errors import ReproError, shown, similar
from repro.experiments.messages import MISSING, Path, problems
from repro.experiments.stop import Stop
from repro.limits import MOST_STEPS
from repro.settings import Settings

Groups = Mapping[str, Mapping[str, Any]]  # task, learner and stop, as they are written
Kinds = Mapping[str, type[Settings]]  # the classes of their settings


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


class Fault(NamedTuple):
    """What is wrong with settings, and where."""

    layer: int  # 0: in the groups themselves, or with how they go together
    key: str  # the group; in a layer the key as it is written there
    path: Path  # what part of it
    text: str


@dataclass(frozen=True)
class Names:
    """How the places of settings are called where they are written."""

    groups: Mapping[str, str] = field(default_factory=dict)  # if not as here
    layers: tuple[str, ...] = ()  # what stands before the keys of each
    others: Mapping[str, str] = field(default_factory=dict)  # by full key: what of the groups is written elsewhere
    if_missing: Mapping[str, str] = field(default_factory=dict)  # by group: what to do, with the {name} of a setting

    def line(self, fault: Fault) -> str:
        """A fault with its place."""
        place = self.groups.get(fault.key, fault.key)
        if fault.layer:
            place = (self.layers[fault.layer - 1] if self.layers else "") + fault.key
        elif fault.path:
            place = self.others.get(f"{fault.key}.{fault.path[0]}", place)
        what = self.if_missing.get(fault.key) if fault.text == MISSING and len(fault.path) == 1 else None
        to_do = f": {what.format(name=fault.path[0])}" if what else ""
        return f"{'.'.join(map(str, (place, *fault.path)))}: {fault.text}{to_do}"


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


def validated(groups: Groups, *layers: Mapping[str, Any], missing: bool = True) -> tuple[Setup | None, list[Fault]]:
    """The settings of groups with layers of changes above them, or None; and what is wrong. Are ``missing`` ones.

    What may follow from something else that is wrong is not told: of a learner or task that there is not any setting,
    and with a wrong key in a layer what is missing.
    """
    kinds, faults = _kinds(groups)
    merged, given, wrong = _merged(groups, layers, kinds)
    faults += wrong
    missing = missing and not wrong
    parts: dict[str, Any] = {}
    for group, kind in kinds.items():
        try:
            parts[group] = kind.model_validate(merged[group])
        except ValidationError as error:
            for path, text in problems(error, merged[group], kind, missing=missing):
                layer, key = given.get(f"{group}.{path[0]}", (0, "")) if path else (0, "")
                faults.append(Fault(layer, key, path[1:], text) if layer else Fault(0, group, path, text))
    if faults or len(parts) < len(_GROUPS):
        return None, faults
    setup = Setup(**parts)
    group, reason = _together(setup)
    return (None, [Fault(0, group, (), reason)]) if reason else (setup, [])


def changed(groups: Groups, changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Groups with some settings replaced, as far as there are such settings."""
    return _merged(groups, (changes,), _kinds(groups)[0])[0]


def with_full_keys(groups: Groups, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes by their full keys, as far as there are such settings."""
    kinds, _ = _kinds(groups)
    return {_full_key(key, kinds)[0]: value for key, value in changes.items()}


def full_key(key: str, setup: Setup) -> str:
    """``learning_rate`` as ``learner.learning_rate``, for settings that have it.

    Raises
    ------
    ConfigError
        If they have no such setting, or two.

    """
    kinds = {name: type(getattr(setup, name)) for name in _GROUPS}
    full, wrong = _full_key(key, kinds)
    group, _, name = full.partition(".")
    if not wrong and (group not in kinds or name not in kinds[group].model_fields):
        known = [f"{group}.{field}" for group, kind in kinds.items() for field in kind.model_fields]
        wrong = f"there is no such setting{similar(full, known)}"
    if wrong:
        raise ConfigError(f"{key}: {wrong}")
    return full


_GROUPS = ("task", "learner", "stop")


def _kinds(groups: Groups) -> tuple[dict[str, type[Settings]], list[Fault]]:
    """The classes of the settings of each group, and which there are not."""
    kinds: dict[str, type[Settings]] = {}
    faults = []
    for group, module in (("task", registry.task), ("learner", registry.learner)):
        name = groups[group].get("name")
        try:
            if isinstance(name, str):
                kinds[group] = module(name).Settings
            else:
                wrong = "is missing" if name is None else f"has to be text, not {shown(name)}"
                faults.append(Fault(0, group, ("name",), wrong))
        except registry.NoModuleError as error:
            faults.append(Fault(0, group, ("name",), str(error)))
    return kinds | {"stop": Stop}, faults


def _merged(
    groups: Groups, layers: tuple[Mapping[str, Any], ...], kinds: Kinds
) -> tuple[dict[str, dict[str, Any]], dict[str, tuple[int, str]], list[Fault]]:
    """Groups with all changes, of each change that counts its layer and key there, and what is wrong with the keys."""
    merged = {group: dict(settings) for group, settings in groups.items()}
    given: dict[str, tuple[int, str]] = {}
    faults = []
    for number, layer in enumerate(layers, 1):
        for key, value in layer.items():
            full, wrong = _full_key(key, kinds)
            group, dot, name = full.partition(".")
            before, other = given.get(full, (0, ""))
            if not wrong and (not dot or group not in merged):
                wrong = f"a key is {', '.join(f'{g}.NAME' for g in merged)}"
            elif before == number:
                wrong = f"is the same setting as {other}: give it once"
            if not wrong:
                merged[group][name] = value
                given[full] = number, key
            elif len(kinds) == len(_GROUPS):
                faults.append(Fault(number, key, (), wrong))
    return merged, given, faults


def _full_key(key: str, kinds: Kinds) -> tuple[str, str]:
    """``learning_rate`` as ``learner.learning_rate``, and what is wrong if not exactly one group has such a setting."""
    if "." in key:
        return key, ""
    full = [f"{group}.{key}" for group, kind in kinds.items() if key in kind.model_fields]
    if len(full) == 1:
        return full[0], ""
    if full:
        return key, f"say which, {' or '.join(full)}"
    names = [name for kind in kinds.values() for name in kind.model_fields]
    return key, f"task, learner and stop rule have no such setting{similar(key, names)}"


def _together(setup: Setup) -> tuple[str, str]:
    """Why valid groups do not go together, and of which that is said; nothing if they do."""
    n, name = interface_of(setup.task).longest, setup.learner.name
    if n > MOST_STEPS:
        return "task", f"its sequences have up to {n:,} time steps, and {MOST_STEPS:,} are the most"
    if reason := learner_refuses(setup.learner, setup.task):
        return "learner", f"{name} cannot take this task: {reason}"
    if reason := learner_disagrees(setup.learner, setup.task, setup.stop):
        return "learner", f"{name} does not go with task and stop rule: {reason}"
    return "", ""
