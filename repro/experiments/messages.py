"""What is wrong with settings, in our words: those of the validation library are for programmers.

Of a setting that may be one of several kinds of value the library tells what is wrong with each. Here it is one
problem, of the setting, or of the part of it that is wrong.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from repro.errors import close, shown, similar

Path = tuple[str | int, ...]  # of keys and places in lists


class Problem(NamedTuple):
    """A setting that is wrong, and what is wrong with it."""

    path: Path  # of the setting; empty: several do not go together
    text: str

    @property
    def line(self) -> str:
        """Both."""
        return ": ".join(filter(None, [".".join(map(str, self.path)), self.text]))


def problems(error: ValidationError, content: Any, kind: type[BaseModel], *, missing: bool = True) -> list[Problem]:
    """What is wrong with ``content`` as settings of a kind, one for each setting; are ``missing`` ones.

    What is missing where something else may have been meant for it is not told beside that.
    """
    found: dict[Path, list[Any]] = {}
    meant: set[Path] = set()
    for detail in error.errors():
        path = _path(detail, content)
        found.setdefault(path, []).append(detail)
        if detail["type"] == "extra_forbidden":
            meant |= {(*path[:-1], name) for name in close(str(path[-1]), _settings(kind, path[:-1]))}
    inside = {path[:end] for path in found for end in range(len(path))}
    lines = [Problem(path, _text(path, details, kind)) for path, details in found.items() if path not in inside]
    return [line for line in lines if line.text != MISSING or (missing and line.path not in meant)]


def _path(detail: Any, content: Any) -> Path:
    """Where the content is wrong: the library's place without the kinds of value that it tried."""
    path: list[str | int] = []
    for part in detail["loc"]:
        is_key = isinstance(content, Mapping) and part in content
        if is_key or (isinstance(content, list | tuple) and isinstance(part, int) and part < len(content)):
            content = content[part]
            path.append(part)
    if detail["type"] == "missing" and isinstance(content, Mapping):
        path.append(detail["loc"][-1])
    return tuple(path)


def _text(path: Path, details: Sequence[Any], kind: type[BaseModel]) -> str:
    """What is wrong with a setting, which may be of several kinds of value."""
    lacking = [detail["loc"][-1] for detail in details if detail["type"] == "missing"]
    if lacking and isinstance(lacking[0], int):  # places at the end of a list
        return f"takes {_values(lacking[-1] + 1)}, and has {lacking[0]}"
    texts = list(dict.fromkeys(_of(detail, path, kind) for detail in details))
    if not all(text.startswith(_HAS) for text in texts):
        return next(text for text in texts if not text.startswith(_HAS))
    value = details[0]["input"]
    given = "a table" if isinstance(value, Mapping) else "a list" if isinstance(value, list | tuple) else shown(value)
    return f"{_HAS}{' or '.join(text.removeprefix(_HAS) for text in texts)}, not {given}"


def _values(n: int) -> str:
    return "1 value" if n == 1 else f"{n} values"


MISSING, _HAS = "is missing", "has to be "
_WANTED = {  # by the library's name for an error, or its first word
    "int": "a whole number", "float": "a number", "finite": "a finite number", "bool": "true or false",
    "string_type": "text", "tuple": "a list", "list": "a list", "dict": "a table", "model": "a table",
    "greater_than": "above {gt}", "greater_than_equal": "at least {ge}", "less_than": "below {lt}",
    "less_than_equal": "at most {le}", "literal": "{expected}",
}  # fmt: skip


def _of(detail: Any, path: Path, kind: type[BaseModel]) -> str:
    """An error of the library."""
    name, ctx = detail["type"], detail.get("ctx", {})
    if name == "extra_forbidden":
        return "there is no such setting" + similar(str(path[-1]), _settings(kind, path[:-1]))
    if name == "missing":
        return MISSING
    if name == "value_error":
        return str(ctx["error"])
    if name in ("too_short", "too_long"):
        least = name == "too_short"
        bound = f"at least {_values(ctx['min_length'])}" if least else f"at most {_values(ctx['max_length'])}"
        return f"takes {bound}, and has {ctx['actual_length'] or 'none'}"
    for key in (name, name.partition("_")[0]):
        if key in _WANTED:
            return _HAS + _WANTED[key].format(**{name: _bound(value) for name, value in ctx.items()})
    return re.sub("^Input should be ", _HAS, detail["msg"])


def _bound(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def _settings(kind: type[BaseModel], path: Path) -> list[str]:
    """The settings that there are in a part of a kind."""
    for part in path:
        field = kind.model_fields.get(str(part))
        inside = _model(field.annotation) if field else None
        kind = inside or kind
    return list(kind.model_fields)


def _model(annotation: Any) -> type[BaseModel] | None:
    """The settings that are in a list or a table of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model, get_args(annotation))), None)
