"""Grids of cells, and what stands around them, in every format that `repro` prints."""

import csv
import html
import io
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH = 120  # of paragraphs as text
FORMATS = ("text", "md", "csv", "latex", "html", "json")


@dataclass(frozen=True)
class Block:
    """A table with its title above and its notes below; ``align`` is left or right for each column."""

    title: str
    heads: Sequence[str]  # of two lines where a line break is in it
    body: Sequence[Sequence[str]]
    notes: Sequence[str]
    align: Sequence[str]


def render(block: Block, form: str) -> str:
    """A block as ``text``, ``md``, ``latex`` or ``html``."""
    inside = _grid(block.heads, block.body, form, block.align)
    if form == "latex":
        paragraphs = [r"\par " + escape(note, form) for note in block.notes]
        return "\n".join(
            [rf"\begin{{table}}\caption{{{escape(block.title, form)}}}", inside, *paragraphs, r"\end{table}"]
        )
    if form == "html":
        inside = inside.replace("<table>", f"<table>\n<caption>{escape(block.title, form)}</caption>", 1)
        notes = [f"<li>{escape(note, form)}</li>" for note in block.notes]
        return "\n".join([inside, *(["<ul>", *notes, "</ul>"] if notes else [])])
    if form == "md":
        return "\n".join([f"**{block.title}**", "", inside, "", *(f"- {note}" for note in block.notes)]).rstrip()
    return "\n".join([block.title, "", inside, "", *map(wrapped, block.notes)]).rstrip()


def wrapped(text: str, indent: str = "  ") -> str:
    """A paragraph for a terminal, with an ``indent`` on each line but the first; names are never broken."""
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def listing(headers: Sequence[str], body: Sequence[Sequence[Any]], form: str) -> str:
    """A plain listing in any of `FORMATS`."""
    if form == "json":
        return json.dumps([dict(zip(headers, row, strict=True)) for row in body], indent=2, allow_nan=False)
    if form == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([headers, *body])
        return out.getvalue().rstrip("\n")
    shown = [
        [f"{cell:,}" if isinstance(cell, int) else "-" if cell is None else str(cell) for cell in row] for row in body
    ]
    numeric = [all(isinstance(row[k], int | float | None) for row in body) for k in range(len(headers))]
    return _grid(headers, shown, form, ["right" if is_number else "left" for is_number in numeric])


def _grid(heads: Sequence[str], body: Sequence[Sequence[str]], form: str, align: Sequence[str]) -> str:
    import tabulate

    tabulate.MIN_PADDING = 0
    style = {"text": "simple", "md": "pipe", "latex": "latex_booktabs", "html": "html"}[form]
    if form != "text":
        heads = [head.replace("\n", " ") for head in heads]
    return str(tabulate.tabulate(body, heads, tablefmt=style, disable_numparse=True, colalign=align))


def escape(text: str, form: str) -> str:
    """Plain text as a part of a LaTeX or HTML document."""
    if form == "html":
        return html.escape(text)
    return "".join(f"\\{char}" if char in "#$%&_{}" else char for char in text)
