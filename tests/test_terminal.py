"""Tables on a terminal: they fit, nothing is lost, nothing is broken; in a pipe nothing of it happens."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner
from invented import AS_PUBLISHED, fill, lines, times

from repro import files
from repro.analysis import verdicts
from repro.commands.main import main
from repro.experiments import config
from repro.presentation import grid, row_list, table_view, terminal, verdict_table, written
from repro.presentation.terminal import Column
from repro.records.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("records"))
    fill(store, "6a/lstm", [*times(*AS_PUBLISHED[:19]), []])
    fill(store, "4/lstm/T=100", [[]] * 10)
    fill(store, "4/lstm/T=100", [[]] * 10, reading="plain-error")
    return store


@pytest.fixture(scope="module")
def blocks(store) -> dict[str, grid.Block]:
    """All kinds of tables."""
    found = lines(store, "@paper")
    parts = {n: [line for line in found if line.published.table == n] for n in (1, 2, 6, 8, 9)}
    judged = verdict_table.blocks(verdicts.compare(found))
    return {
        **{f"table {n}": table_view.SCHEMA.block(part) for n, part in parts.items()},
        **{f"verdicts {n}": judged[n - 1] for n in (1, 9)},
        "list": row_list.SCHEMA.block(row_list.entries(config.load().values(), store)),
    }


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")


def drawn(block: grid.Block, width: int, monkeypatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    return grid.bare(block, "terminal")


def words(text: str) -> list[str]:
    return [word for word in text.split() if set(word) != {"-"} or word == "-"]


KINDS = ["table 1", "table 2", "table 6", "table 8", "table 9", "verdicts 1", "verdicts 9", "list"]


@pytest.mark.parametrize("width", [60, 72, 80, 100, 120, 160, 250])
@pytest.mark.parametrize("kind", KINDS)
def test_a_table_fits_and_is_whole(plain, monkeypatch, blocks, kind, width):
    said = drawn(blocks[kind], width, monkeypatch)
    assert max(map(len, said.splitlines())) <= width
    there = words(said)
    for row in blocks[kind].body:
        for word in words(" ".join(row)):
            assert word in there
    for text in (*blocks[kind].heads, *blocks[kind].groups):
        assert set(words(text)) <= set(there)
    lines_of = re.sub(r" +", " ", said).splitlines()
    for row in blocks[kind].body:
        for interval in re.findall(r"\[.*?\]", " ".join(row)):
            assert any(interval in line for line in lines_of), f"{interval} is broken"


@pytest.mark.parametrize("kind", KINDS)
def test_less_room_takes_no_fewer_lines(plain, monkeypatch, blocks, kind):
    depths = [len(drawn(blocks[kind], width, monkeypatch).splitlines()) for width in (300, 160, 120, 80, 60)]
    assert depths == sorted(depths)


def test_where_there_is_room_lines_are_as_in_a_pipe(plain, monkeypatch, blocks):
    said, piped = drawn(blocks["table 9"], 250, monkeypatch), grid.bare(blocks["table 9"], "text")
    assert [line.split() for line in said.splitlines()[3:]] == [line.split() for line in piped.splitlines()[3:]]


TABLE = [
    Column("row", ("1/lstm/4x1", "1/cascade"), key=True),
    Column("paper", ("39,740", "182,000"), True, "success after:"),
    Column("ours [95 %]", ("33,400", "136,041 [119,421, 152,456]"), True, "success after:"),
    Column("success rate", ("1 of 30: 3 % [1, 17]", "17 of 30: 57 % [39, 73]"), True),
]


def shown(width: int, columns=TABLE, above=TABLE[0]) -> str:
    return "\n" + terminal.table(columns, above, width) + "\n"


def test_what_has_room_is_one_line_a_row(plain):
    assert (
        shown(90)
        == """
            success after:
row                  paper                 ours [95 %]             success rate
-------------------------------------------------------------------------------
1/lstm/4x1          39,740                      33,400     1 of 30: 3 % [1, 17]
1/cascade          182,000  136,041 [119,421, 152,456]  17 of 30: 57 % [39, 73]
"""
    )


def test_headings_fold_first(plain):
    assert (
        shown(72)
        == """
            success
             after:
row           paper                 ours [95 %]             success rate
------------------------------------------------------------------------
1/lstm/4x1   39,740                      33,400     1 of 30: 3 % [1, 17]
1/cascade   182,000  136,041 [119,421, 152,456]  17 of 30: 57 % [39, 73]
"""
    )


def test_a_heading_of_a_group_begins_without_an_empty_line(plain):
    columns = [
        Column("row", ("1/cascade",), key=True),
        Column("paper", ("184,832",), True, "all:"),
        Column("mean to limit", ("865",), True, "all:"),
    ]
    assert shown(25, columns, None).splitlines()[1].split() == ["mean"]


def test_cells_fold_where_that_takes_the_fewest_lines(plain):
    assert (
        shown(64)
        == """
            success
             after:
row           paper         ours [95 %]             success rate
----------------------------------------------------------------
1/lstm/4x1   39,740              33,400     1 of 30: 3 % [1, 17]
1/cascade   182,000             136,041  17 of 30: 57 % [39, 73]
                     [119,421, 152,456]
"""
    )


def test_columns_go_on_below_beside_the_same_names(plain):
    many = [Column(c.head, c.cells * 5, c.right, c.group, c.key) for c in TABLE]
    said = shown(50, many, many[0])
    assert said.count("1/cascade") == 10
    assert re.search(r"row +paper +ours \[95 %\]\n-+\n1/lstm/4x1 +39,740 +33,400\n1/cascade +182,000 +136,041 \[", said)
    assert re.search(r"row +success rate\n-+\n1/lstm/4x1 +1 of 30: 3 % \[1, 17\]\n", said)


def test_what_lines_have_in_common_goes_above_them(plain):
    title = Column("experiment", ("Embedded Reber grammar",) * 3 + ("Adding problem",) * 2)
    row = Column("row", ("1/elman", "1/lstm/4x1", "1/cascade", "4/lstm", "4/rtrl"), key=True)
    said = """
experiment
  row
  ----------
Embedded Reber grammar
  1/elman
  1/lstm/4x1
  1/cascade
Adding problem
  4/lstm
  4/rtrl
"""
    assert shown(26, [row, title], title) == said


def test_what_does_not_fit_at_all_runs_over(plain):
    said = shown(12)
    for column in TABLE:
        for cell in column.cells:
            assert set(words(cell)) <= set(words(said))


def test_brackets_are_no_markup(plain):
    assert "[red]x[/red]" in shown(40, [Column("a", ("[red]x[/red]",), key=True)], None)


def test_a_table_without_lines_has_its_headings(plain):
    assert shown(40, [Column("a", (), key=True), Column("b", ())], None).split() == ["a", "b", "----"]


@pytest.mark.parametrize(
    ("environment", "bold"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False),
     ({"TERM": "xterm", "NO_COLOR": ""}, True), ({}, False)],
)  # fmt: skip
def test_control_sequences_are_for_terminals_that_take_them(monkeypatch, environment, bold):
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[1m" in terminal.table(TABLE, None, 80)) == bold


# ---------------------------------------------------------------------------------------------------- a real terminal


def on_terminal(width: int, *arguments: str, **environment: str) -> str:
    """What a command writes to a terminal of so many columns."""
    keep = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "TERM")}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    child = subprocess.Popen(
        [sys.executable, "-m", "repro", *arguments], stdout=theirs, stderr=theirs, env={**keep, **environment}
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            parts.append(os.read(ours, 65536))
        except OSError:  # Linux says so when the other end is closed
            break
        if not parts[-1]:
            break
    os.close(ours)
    assert child.wait() == 0
    return b"".join(parts).decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("command", "term", "width"),
    [
        (["table", "9", "10"], "xterm", 80),
        (["compare", "9"], "xterm", 100),
        (["list"], "xterm", 80),
        (["list"], "dumb", 100),
        (["show", "6a/lstm"], "xterm", 80),
        (["list", "--columns", "help"], "dumb", 100),
    ],
)
def test_commands_fit_a_terminal_with_their_notes(store, command, term, width):
    results = [] if command[0] == "show" or "help" in command else ["--results", str(store.folder)]
    said = on_terminal(width, *command, *results, TERM=term)
    assert ("\x1b[" in said) == (term == "xterm")
    bare = re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines()
    assert width - 15 < max(map(len, bare)) <= width


def test_a_terminal_without_a_size_has_80_columns_and_columns_replaces_any(store):
    command = ["table", "9", "--results", str(store.folder)]
    assert 65 < max(map(len, on_terminal(0, *command, TERM="dumb").splitlines())) <= 80
    assert 80 < max(map(len, on_terminal(80, *command, TERM="dumb", COLUMNS="110").splitlines())) <= 110


def test_other_formats_are_the_same_on_a_terminal(store):
    command = ["table", "9", "--results", str(store.folder), "--format", "md"]
    piped = CliRunner().invoke(main, command).stdout
    assert on_terminal(80, *command, TERM="xterm") == piped


# ------------------------------------------------------------------------------------------- what a terminal may lack

OWN = """
extends = "6a"
owner = "Größer × …"

[learners.lstm]
blocks = 1
size = 2
biased = "all"
input_gate_bias = [-2.0]
output_gate_bias = "random"
learning_rate = 0.5

[[rows]]
name = "6a/lstm/mine"
set = { max_sequences = 300 }

[readings.other]
note = "é … ≤ ●"
set = { learning_rate = 0.25 }
"""
READING = (
    ["list"], ["list", "--matrix"], ["list", "--stored"], ["show", "6a/lstm"], ["show", "6a/lstm:3"], ["table", "9"],
    ["table", "10"], ["table", "ours"], ["table", "9", "--with-ours"], ["table", "6a/lstm", "--by", "learning_rate"],
    ["compare", "9"], ["compare", "9", "--brief"], ["readings", "9"], ["trials"],
    ["run", "6a/lstm", "--trials", "25", "--dry-run"],
)  # fmt: skip


def said(store: Store, *command: str, charset: str = "utf-8") -> str:
    """What a command prints in this process."""
    results = [] if command[0] == "show" and ":" not in command[1] else ["--results", str(store.folder)]
    done = CliRunner(charset=charset).invoke(main, [*command, *results])
    assert done.exit_code == 0, (done.stderr, done.exception)
    return done.stdout_bytes.decode(charset if charset != "ascii" else "utf-8")


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_dumb_terminal_of_40_columns_has_all_words(store, monkeypatch, command):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "40")
    piped = said(store, *command)
    monkeypatch.setattr(grid, "form_here", lambda form: "terminal" if form == "text" else form)
    shown = said(store, *command)
    assert "\x1b" not in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) < max(41, *map(len, piped.splitlines()))
    assert set(words(piped)) <= set(words(shown))


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("form", ["text", "html", "csv", "json"])
def test_letters_that_an_encoding_lacks_stop_nothing(store, tmp_path, monkeypatch, charset, form):
    (tmp_path / "mine.toml").write_text(OWN, encoding="utf-8")
    monkeypatch.setattr(files, "OWN_CONFIGS", [])
    own = ["--configs", str(tmp_path)]
    for command in (["show", "6a/lstm/mine", "--reading", "other"], ["table", "ours"], ["list", "6a/lstm/mine"]):
        assert "6a/lstm/mine" in said(store, *own, *command, "--format", form, charset=charset)


def test_a_name_that_is_no_text_is_printed_all_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"caf\xe9")
    Path(name).mkdir()
    done = CliRunner().invoke(main, ["status", "--results", name])
    assert (done.exit_code, done.stdout) == (0, "Nothing runs in caf\\udce9.\n")


@pytest.mark.parametrize("text", ["é", 'a "…" b\n\\', "\U0001f600 é", "plain"])
def test_json_of_trials_has_ascii_alone(text):
    printed = "".join(written.json(["a", "b"], [(text, 1), ("", None)]))
    assert printed.isascii()
    assert json.loads(printed) == [{"a": text, "b": 1}, {"a": "", "b": None}]
