"""Completion on the command line: rows, trials, readings, settings, tables and learners, by click's own mechanism.

A shell asks at every press of a key, so only names are read, straight from configs/ and the folders of ``--configs``,
without validation; where a file is wrong, or a name means nothing, there is nothing to complete.

Bash takes words apart at ``=`` and ``:``, which names of rows, trials and settings have in them. So its script hands
over the line itself, and gets back only what comes after the last of these signs, as bash replaces no more.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import click
from click.shell_completion import BashComplete, add_completion_class, split_arg_string

from repro import registry
from repro.errors import ReproError
from repro.experiments import own
from repro.files import SHARED, configs_folder

Complete = Callable[[click.Context, click.Parameter, str], list[str]]

_TABLES = [str(number) for number in range(1, 12)]
_MOST = 1000  # trials of a row
_BASH = """\
%(complete_func)s() {
    local type value
    while IFS=',' read -r type value; do
        case $type in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            plain) COMPREPLY+=("$value"); [[ $value == *[:=/] ]] && compopt -o nospace ;;
        esac
    done < <(REPRO_LINE="${COMP_LINE:0:COMP_POINT}" REPRO_BREAKS="$COMP_WORDBREAKS" %(complete_var)s=bash_complete "$1")
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Bash, in which ``=`` and ``:`` are parts of words."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one to complete, and that one."""
        line = os.environ["REPRO_LINE"]
        words = split_arg_string(line)
        if not words or line[-1].isspace():
            words.append("")
        option, equals, value = words[-1].partition("=")
        if option.startswith("--") and equals:
            words[-1:] = [option, value]
        quoted = re.search(r"(?:^|\s)['\"]\S*$", line)
        breaks = [char for char in ":=" if char in os.environ["REPRO_BREAKS"] and not quoted]
        self._cut = max((words[-1].rfind(char) + 1 for char in breaks), default=0)
        return words[1:-1], words[-1]

    def format_completion(self, item: "click.shell_completion.CompletionItem[Any]") -> str:
        """A completion, without what bash leaves alone."""
        return f"{item.type},{str(item.value)[self._cut :]}"


add_completion_class(Bash)


@dataclass(frozen=True)
class _Row:
    """What is asked of a row."""

    name: str
    experiment: str
    trials: int
    learner: str  # the name of its module
    task: str
    tables: tuple[str, ...]
    readings: tuple[str, ...]

    def meant(self, pattern: str) -> bool:
        name, _, number = pattern.rpartition(":")
        pattern = name if number.isdecimal() else pattern
        return fnmatchcase(self.name, pattern) or pattern in (self.experiment, self.name.rpartition("/")[0])


def _rows(ctx: click.Context | None = None) -> tuple[_Row, ...]:
    """The project's rows, and those of ``--configs`` on the line."""
    return _of_folders(configs_folder(), *(ctx.find_root().params.get("folders") or () if ctx else ()))


@lru_cache(maxsize=None)
def _of_folders(*folders: Path) -> tuple[_Row, ...]:
    found: list[_Row] = []
    known: dict[str, dict[str, Any]] = {}
    for number, folder in enumerate(folders):
        own_shared = folder / SHARED
        shared = _content(own_shared if own_shared.is_file() else folders[0] / SHARED).get("readings", {})
        for path in sorted(path for path in folder.glob("*.toml") if path.name != SHARED):
            with suppress(LookupError, AttributeError, TypeError):
                file = _content(path)
                if number:
                    file, _ = own.completed(file, known)
                else:
                    known[file["experiment"]] = file
                found += _of_file(file, shared)
    return tuple(found)


def _content(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    return {}


def _of_file(file: dict[str, Any], shared: dict[str, Any]) -> list[_Row]:
    found = []
    taken = {name: shared[name] for name in file.get("shares", {}).get("readings", ()) if name in shared}
    readings = {"printed": file["readings"]["printed"], **taken, **file["readings"]}.items()
    for row in file["rows"]:
        learner = row.get("learner", row["name"].split("/")[1])
        about = (name for name, r in readings if learner in r.get("learners", [learner]))
        tables = tuple(str(line["table"]) for line in row.get("published", ()))
        found.append(
            _Row(
                row["name"],
                file["experiment"],
                row.get("trials", file.get("trials")),
                str(file["learners"][learner].get("name", learner)),
                file["task"]["name"],
                tables,
                tuple(about),
            )
        )
    return found


def _typed(ctx: click.Context) -> list[_Row]:
    """The rows that are on the line already; all, if none is."""
    words = list(ctx.args)  # there they are while an option has no value yet
    for name in ("select", "row", "trial"):
        value = ctx.params.get(name) or ()
        words += [value] if isinstance(value, str) else value
    rows = _rows(ctx)
    return [row for row in rows if any(map(row.meant, words))] or list(rows)


def _fitting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _names(incomplete: str, rows: Iterable[_Row]) -> Iterator[str]:
    """Experiments; and as soon as one is typed, its rows."""
    for row in rows:
        yield row.experiment
        if incomplete.startswith(row.experiment):
            yield row.name


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """What `run` and `attest` take: rows, experiments, tables, @quick, @paper; for `bench`, of its learner."""
    learner = ctx.params.get("learner")
    rows = [row for row in _rows(ctx) if learner in (None, row.learner)]
    tables = sorted((table for row in rows for table in row.tables if table.isdecimal()), key=int)
    return _fitting(
        [*_names(incomplete, rows), *(f"table:{table}" for table in tables), "@quick", "@paper"], incomplete
    )


def lines(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """What `table`, `compare` and `plot` take: tables too, by their numbers."""
    return _fitting([*_TABLES, "text", "ours", *runs(ctx, param, incomplete)], incomplete)


def trials(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Rows, and trials of the one that is typed: as many as the paper has."""
    found = []
    end = ":" if ctx.command.name == "replay" else ""  # to `show`, a row is enough
    for row in _rows(ctx):
        if incomplete.startswith(f"{row.name}:"):
            found += [f"{row.name}:{number}" for number in range(min(row.trials, _MOST))]
        else:
            found.append(row.name + end if incomplete.startswith(f"{row.experiment}/") else f"{row.experiment}/")
    return _fitting(found, incomplete)


def learners(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Learners that have a row."""
    return _fitting((row.learner for row in _rows(ctx)), incomplete)


def modules(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Learners and tasks."""
    return _fitting([*registry.names("learners"), *registry.names("tasks")], incomplete)


def readings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Readings of the rows that are typed."""
    return _fitting((name for row in _typed(ctx) for name in row.readings), incomplete)


def settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Settings of the rows that are typed, as GROUP.NAME=, and by name alone once that is begun; a choice's values."""
    from repro.experiments.stop import Stop

    found: dict[str, list[str]] = {}
    kinds: dict[tuple[str, str], Any] = {("stop", "Stop"): Stop}
    for row in _typed(ctx):
        with suppress(ReproError):  # a module of somebody's own is not loaded
            kinds["task", row.task] = registry.task(row.task).Settings
            kinds["learner", row.learner] = registry.learner(row.learner).Settings
    for (group, _), kind in kinds.items():
        for name, field in kind.model_fields.items():
            if name in ("name", "stages"):  # what a group is, and what is no single setting
                continue
            values = ["true", "false"] if field.annotation is bool else _words(field.annotation)
            for key in (f"{group}.{name}=", *([f"{name}="] if incomplete else [])):
                found[key] = values
    key = incomplete.partition("=")[0] + "="
    if "=" in incomplete:
        return _fitting((f"{key}{value}" for value in found.get(key, [])), incomplete)
    return _fitting(found, incomplete)


def _words(annotation: Any) -> list[str]:
    """The words that a setting may be."""
    return [value for value in get_args(annotation) if isinstance(value, str)]
