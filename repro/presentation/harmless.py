"""Text of files and records in a document that would take parts of it for more than text.

Titles, notes, names of readings and errors are free text, perhaps of somebody else's files. A program for tables takes
a cell that begins with = + - @ for a formula, Markdown takes tags for HTML, a terminal takes control characters for
commands.
"""

import re

# By number: replaced by a sign for what cannot be shown, but for the line break and the tab.
_CONTROL: dict[int, str] = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}")
_FORMULA = re.compile(r"[=+\-@\t\r].", re.DOTALL)
_NUMBERS = re.compile(r"[-+.,\deE ]+")  # one, or several with commas between them
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def in_text(text: str) -> str:
    """Text on a terminal, or in a file of text."""
    return text.translate(_CONTROL)


def in_csv(text: str) -> str:
    """A cell of CSV: what would be a formula begins with an apostrophe, by which such programs know that it is text."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBERS.fullmatch(text) else text


def in_markdown(text: str) -> str:
    """Text of Markdown, without tags."""
    return _TAG.sub("&lt;", in_text(text))


def in_markdown_cell(text: str) -> str:
    """A cell of a table of Markdown: it takes one line, and has no end of a cell in it."""
    return in_markdown(text).replace("\n", " ").replace("|", "\\|")
