"""Free text of somebody else's files is text wherever it is written: no formula, no tag, no command, no mathematics."""

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from invented import invented, stage

from repro.analysis import tables, verdicts
from repro.commands.main import main
from repro.experiments import config
from repro.files import OWN_CONFIGS
from repro.presentation import grid, harmless, report
from repro.presentation.plots import kinds, style
from repro.records.store import Store

EVIL = "=1+1<script>alert(1)</script><img src=x onerror=y>|\\input{x} $\\frac$ ~^ `line`"
ROW = "6a/bptt/evil"
FILE = f"""
extends = "6a"
owner = '-{EVIL}'
title = '{EVIL}'
trials = 3
learners.bptt = {{ hidden = 2, learning_rate = 0.5 }}
stop.max_sequences = 313_900
stop.stages = [{{ name = '@{EVIL}', max_wrong = 0, mean_error = 0.1 }}]
readings.printed = {{ note = '-{EVIL}', choices = ['+{EVIL}'] }}
readings.'+{EVIL}' = {{ note = '{EVIL}', set = {{ learning_rate = 0.25 }} }}

[[rows]]
name = "{ROW}"
published = [
    {{ table = 9, line = 5, trials = 20, sequences = 30000, note = '{EVIL}' }},
    {{ table = "ours", line = 9, note = '{EVIL}' }},
]
"""
COMMANDS = [["list", "6a"], ["list", "--stored"], ["show", ROW], ["show", f"{ROW}:1"], ["table", ROW], ["compare", ROW],
            ["compare", ROW, "--reading", f"+{EVIL}"], ["trials", ROW], ["readings", "9"]]  # fmt: skip


@pytest.fixture
def results(tmp_path, monkeypatch) -> Path:
    """Trials of a row with such names."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.toml").write_text(FILE)
    monkeypatch.setenv("REPRO_CONFIGS", str(tmp_path / "own"))
    OWN_CONFIGS[:] = [tmp_path / "own"]
    store, row = Store(tmp_path / "results"), config.load()[ROW]
    for reading in row.readings:
        condition = row.condition(reading)
        for trial in range(3):
            store.append(invented(condition, trial, [stage(f"@{EVIL}", 30_000 + trial)]))
    yield store.folder
    OWN_CONFIGS.clear()


def said(results: Path, *arguments: str) -> str:
    done = CliRunner().invoke(main, [*arguments, "--results", str(results)])
    assert done.exit_code == 0, done.output
    return done.stdout


class Tags(HTMLParser):
    """The tags of a document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_free_text_does_no_harm(results, command):
    for cell in (cell for line in csv.reader(io.StringIO(said(results, *command, "--format", "csv"))) for cell in line):
        assert not re.match(r"[=+@-]\D", cell)
        assert cell != EVIL
    markdown = said(results, *command, "--format", "md")
    assert "<" not in re.sub(r"<\.\d+", "", markdown)  # p values
    for part in markdown.split("\n\n"):
        lengths = {len(re.findall(r"(?<!\\)\|", line)) for line in part.splitlines() if line.startswith("|")}
        assert len(lengths) <= 1, "a cell has no end of a cell in it"
    if command[0] != "trials":
        tags = Tags(said(results, *command, "--format", "html")).found
        assert tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td", "p", "ul", "li"}
        latex = said(results, *command, "--format", "latex")
        assert "\\input" not in latex
        assert not re.search(r"(?<!\\)\$", re.sub(r"\\ensuremath\{\S*?\}", "", latex))


def test_the_report_has_no_tags_of_others(results):
    """But for what is checked here, its template escapes all that it is given."""
    found = verdicts.of_selection(["9"], config.load(), Store(results))
    lines = [line for line in tables.selected(["9"], config.load(), Store(results)) if line.row.name == ROW]
    part = report._part(lines, [one for one in found if one.line.row.name == ROW])
    page = "".join(map(str, (part.verdicts, part.table, *part.figures)))
    assert EVIL.partition("<")[0] in page
    assert not {"script", "img"} & Tags(page).found


@pytest.mark.parametrize("kind", ["survival", "strips", "success", "forest"])
def test_a_dollar_in_a_figure_is_one(results, kind):
    drawn = kinds.draw(kind, [ROW], config.load(), Store(results))
    assert not {"script", "img"} & Tags(style.svg(drawn, "x")).found


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1", "'=1"), ("+x", "'+x"), ("-x", "'-x"), ("@x", "'@x"), ("\t=1", "'\t=1"), ("=\n1", "'=\n1"),
        ("-", "-"), ("-1", "-1"), ("-1,-2", "-1,-2"), ("+1.5e3", "+1.5e3"), ("x=1", "x=1"), ("", ""),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
    ],
)  # fmt: skip
def test_cells_that_would_be_formulas_are_text(text, cell):
    assert harmless.in_csv(text) == cell
    assert grid.listing(["a", "b"], [[text, -1], [True, None]], "csv").endswith("\ntrue,")
    assert list(csv.reader(io.StringIO(grid.listing(["a", "b"], [[text, -1]], "csv"))))[1] == [cell, "-1"]


def test_a_terminal_is_told_nothing():
    lines = [("\x1b[2J\x9bx", "a\nb")]
    for form in ("text", "terminal", "md", "html", "latex"):
        shown = grid.listing(("k", "v"), lines, form)
        assert not re.search(r"[\x1b\x9b](?!\[[01]?m)", shown)
        assert "x" in shown
    assert "a\nb" not in grid.listing(("k", "v"), lines, "md")
