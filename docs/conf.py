"""Settings of Sphinx, which makes the pages; `make docs` calls it."""

import inspect
import io
import os
import re
import tokenize
from typing import Any

os.environ["NUMBA_DISABLE_JIT"] = "1"  # kernels are read as the plain functions that they are written as

from pydantic import BaseModel

from repro.version import __version__

project = "repro"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["example"]
myst_heading_anchors = 3
default_role = "code"  # docstrings put names between single backticks
nitpicky = False  # types of NumPy and the like are on no page of ours

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: f"repro.kernels.contract.{name}" for name in ("Interface", "Learner", "Task")}

html_theme = "alabaster"
html_theme_options = {"description": "Reruns the experiments of the 1997 LSTM paper", "page_width": "70em"}
html_show_sphinx = html_show_copyright = html_show_sourcelink = html_copy_source = False


_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def _comments(kind: type) -> dict[str, str]:
    """What stands behind each field of a class, in comments: on its line, and alone on the lines below."""
    found: dict[str, str] = {}
    field = ""
    lines: dict[int, list[tokenize.TokenInfo]] = {}
    for token in tokenize.generate_tokens(io.StringIO(inspect.getsource(kind)).readline):
        if token.type in (tokenize.NAME, tokenize.OP, tokenize.STRING, tokenize.COMMENT):
            lines.setdefault(token.start[0], []).append(token)
    for tokens in lines.values():
        comment = tokens[-1].string[1:].strip() if tokens[-1].type == tokenize.COMMENT else ""
        if len(tokens) > 1:
            field = tokens[0].string if tokens[1].string == ":" else ""
        if field and comment:
            found[field] = f"{found[field]} {comment}" if field in found else comment
    return {field: re.sub(r"([*|`])", r"\\\1", comment) for field, comment in found.items()}


def _type(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return text.replace("typing.", "")


def _fields(kind: type) -> list[str]:
    """The fields of a NamedTuple or of a group of settings as lines of a docstring."""
    lines = [""]
    if issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if name not in kind.__annotations__:  # of a class that it comes from
                continue
            bounds = [
                f"{sign} {getattr(bound, sort)}"
                for bound in field.metadata
                for sort, sign in _BOUNDS.items()
                if hasattr(bound, sort)
            ]
            default = "required" if field.is_required() else f"default {field.default!r}"
            about = "; ".join(filter(None, [field.description or "", *bounds, default]))
            lines += [f"``{name}`` : {_type(field.annotation)}", f"    {about}", ""]
    else:
        comments = _comments(kind)
        for name in kind._fields:  # type: ignore[attr-defined]
            lines += [f"``{name}``", f"    {comments.get(name, '')}", ""]
    return lines


def _add_fields(app: Any, what: str, name: str, kind: Any, options: Any, lines: list[str]) -> None:
    if what == "class" and (issubclass(kind, BaseModel) or hasattr(kind, "_fields")):
        lines += _fields(kind)


def _signature(app: Any, what: str, *rest: Any) -> tuple[str, None] | None:
    """No signatures of classes: their fields are below."""
    return ("", None) if what == "class" else None


def _skip(app: Any, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what NamedTuples say of their fields themselves: that they are fields."""
    return True if type(member).__name__ == "_tuplegetter" else None


def setup(app: Any) -> None:
    """Let docstrings have the fields of classes."""
    app.connect("autodoc-process-docstring", _add_fields)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-skip-member", _skip)
