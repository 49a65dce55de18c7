"""Grids of cells, and what stands around them, in every format that `repro` prints."""

import csv
import html
import io
import json
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from repro.presentation import harmless, terminal

_WIDTH = 120  # of paragraphs as text
FORMATS = ("text", "md", "csv", "latex", "html", "json")
DATA = ("csv", "json")  # for programs
TEXT = ("text", "terminal")  # what `text` is in a pipe, and on a terminal


@dataclass(frozen=True)
class Block:
    """A table with its title above and its notes below; ``align`` is left or right for each column."""

    title: str
    heads: Sequence[str]  # of two lines where a line break is in it
    body: Sequence[Sequence[str]]
    notes: Sequence[str]
    align: Sequence[str]
    groups: Sequence[str] = ()  # headings that neighbours share; none: no column has one
    keys: Sequence[int] = (0,)  # the columns that name a line
    above: int | None = 0  # the column that may stand above the lines where a terminal is narrow
    lead: Sequence[str] = ()  # paragraphs between the title and the table


def form_here(form: str) -> str:
    """``terminal`` for ``text`` if stdout is a terminal; any other format is what it is."""
    return "terminal" if form == "text" and sys.stdout is not None and sys.stdout.isatty() else form


def render(block: Block, form: str) -> str:
    """A block as ``text``, ``terminal``, ``md``, ``latex`` or ``html``."""
    inside = bare(block, form)
    if form == "latex":
        caption = rf"\begin{{table}}\caption{{{escape(block.title, form)}}}"
        above = [escape(said, form) + r"\par" for said in block.lead]
        below = [r"\par " + escape(note, form) for note in block.notes]
        return "\n".join([caption, *above, inside, *below, r"\end{table}"])
    if form == "html":
        inside = inside.replace("<table>", f"<table>\n<caption>{escape(block.title, form)}</caption>", 1)
        notes = [f"<li>{escape(note, form)}</li>" for note in block.notes]
        above = [paragraphs(block.lead, form)] if block.lead else []
        return "\n".join([*above, inside, *(["<ul>", *notes, "</ul>"] if notes else [])])
    if form == "md":
        above = [paragraphs(block.lead, form), ""] if block.lead else []
        below = [f"- {harmless.in_markdown(note)}" for note in block.notes]
        title = harmless.in_markdown(block.title)
        return "\n".join([f"**{title}**", "", *above, inside, "", *below]).rstrip()
    plain = harmless.in_text(block.title)
    title = terminal.bold(wrapped(plain, form, indent="")) if form == "terminal" else plain
    above = [*(wrapped(said, form) for said in block.lead), ""] if block.lead else []
    return "\n".join([title, "", *above, inside, "", *(wrapped(note, form) for note in block.notes)]).rstrip()


def paragraphs(texts: Sequence[str], form: str) -> str:
    """Paragraphs in these formats."""
    if form == "html":
        return "\n".join(f"<p>{escape(text, form)}</p>" for text in texts)
    if form == "latex":
        return "\n\n".join(escape(text, form) for text in texts)
    if form in TEXT:
        return "\n\n".join(wrapped(text, form, indent="") for text in texts)
    return "\n\n".join(map(harmless.in_markdown, texts))


def wrapped(text: str, form: str, indent: str = "  ") -> str:
    """A paragraph as ``text`` or for a ``terminal``, with an ``indent`` on each line but the first.

    Names are never broken.
    """
    width = terminal.width() if form == "terminal" else _WIDTH
    text = harmless.in_text(text)
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def listing(headers: Sequence[str], body: Sequence[Sequence[Any]], form: str) -> str:
    """A plain listing in any of `FORMATS`; what is missing is None."""
    if form == "json":
        return json.dumps([dict(zip(headers, row, strict=True)) for row in body], indent=2, allow_nan=False)
    if form == "csv":
        out = io.StringIO()
        cells = [[_csv_cell(cell) for cell in row] for row in body]
        csv.writer(out, lineterminator="\n").writerows([headers, *cells])
        return out.getvalue().rstrip("\n")
    shown = [
        [f"{cell:,}" if isinstance(cell, int) else "-" if cell is None else str(cell) for cell in row] for row in body
    ]
    numeric = [all(isinstance(row[k], int | float | None) for row in body) for k in range(len(headers))]
    return bare(Block("", headers, shown, (), ["right" if is_number else "left" for is_number in numeric]), form)


def _csv_cell(cell: Any) -> Any:
    if isinstance(cell, bool):
        return str(cell).lower()
    return harmless.in_csv(cell) if isinstance(cell, str) else cell


def bare(block: Block, form: str) -> str:
    """A block without its title and its notes, in these formats."""
    clean = harmless.in_markdown_cell if form == "md" else harmless.in_text
    block = replace(block, body=[[clean(cell) for cell in line] for line in block.body])
    groups = block.groups or [""] * len(block.heads)
    if form == "terminal":
        cells = zip(*block.body, strict=True) if block.body else [()] * len(block.heads)
        columns = [
            terminal.Column(head, column, align == "right", group, k in block.keys)
            for k, (head, column, align, group) in enumerate(zip(block.heads, cells, block.align, groups, strict=True))
        ]
        return terminal.table(columns, None if block.above is None else columns[block.above], terminal.width())
    import tabulate

    tabulate.MIN_PADDING = 0
    style = {"text": "simple", "md": "pipe", "latex": "latex_booktabs", "html": "html"}[form]
    heads = terminal.headings(block.heads, groups)
    if form != "text":
        full = [f"{group}\n{head}" for group, head in zip(groups, block.heads, strict=True)]
        heads = [head.replace(":\n", ", ").replace("\n", " ").strip() for head in full]
    return str(tabulate.tabulate(block.body, heads, tablefmt=style, disable_numparse=True, colalign=block.align))


def escape(text: str, form: str) -> str:
    """Plain text as a part of a LaTeX or HTML document."""
    if form == "html":
        return html.escape(harmless.in_text(text))
    return "".join(_LATEX.get(char, char) for char in harmless.in_text(text))


_LATEX = {char: f"\\{char}" for char in "#$%&_{}"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
