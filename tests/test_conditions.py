"""Tables 10 and 11: they equal the paper's cell by cell, and follow the configurations wherever these go."""

import csv
import json
import random
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from repro.commands import main as cli
from repro.experiments import config
from repro.presentation import conditions
from repro.presentation.grid import DATA, FORMATS
from repro.tasks import reber

HERE = Path(__file__).parent
CONFIGS = HERE.parent / "configs"
TABLES = (10, 11)


def paper(table: int) -> list[list[str]]:
    """The paper's table, headings first, as transcribed."""
    with (HERE / f"table{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def changed(tmp_path: Path, file: str, *edits: tuple[str, str]) -> dict[str, config.Row]:
    """All rows, when the first occurrence of each text in a configuration is another one.

    Published wrong test sequences, which no table of conditions shows, are left out: they go with 2,560 tests alone.
    """
    text = re.sub(r", test_wrong = \d+", "", (CONFIGS / file).read_text(encoding="utf-8"))
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    folder = tmp_path / file
    folder.mkdir()
    (folder / file).write_text(text, encoding="utf-8")
    return config.load() | config.load(folder)


def cells(heads: list[str], body: list[list[str]]) -> dict[tuple[str, str], str]:
    """Cells by label and heading; of a line with several labels, for each."""
    return {
        (label, head): cell
        for line in body
        for label in line[0].split(", ")
        for head, cell in zip(heads[1:], line[1:], strict=True)
    }


def differences(table: int, rows: dict[str, config.Row]) -> dict[tuple[str, str], str]:
    """Cells that are not the paper's; '' for those that only the paper has."""
    block = conditions.conditions(table, rows)
    ours, theirs = cells(block.heads, block.body), cells(paper(table)[0], paper(table)[1:])
    return {key: ours.get(key, "") for key in theirs | ours if ours.get(key) != theirs.get(key)}


def repro(*arguments: str) -> str:
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout.removesuffix("\n")


# ------------------------------------------------------------------------------------------------- equal to the paper's


@pytest.mark.parametrize("table", TABLES)
def test_equal_to_the_papers_cell_by_cell(table):
    block = conditions.conditions(table, config.load())
    assert [block.heads, *block.body] == paper(table)


def test_the_transcriptions_are_whole():
    """Table 10 has 25 lines of 15 cells, Table 11 has 9 of 6; weights and rates agree with the published results."""
    assert [(len(lines), {len(line) for line in lines}) for lines in map(paper, TABLES)] == [(26, {15}), (10, {6})]
    weights = {line[0]: int(line[7]) for line in paper(10)[1:]}
    rows = config.load()
    for label, row in (("1-2", "1/lstm/3x2,lr=0.1"), ("2a", "2a/lstm/p=100"), ("2c-6", "2c/lstm/q=1000,p=500")):
        assert weights[label] == rows[row].published[0].weights


# ------------------------------------------------------------------------------------------- a setting changes its cell

STAGE_4 = '{ name = "ST3(.01)", max_wrong = 0, mean_error = 0.01 }'
MUTANTS = [
    (10, "4.toml", ("length = 500", "length = 600"), {("4-2", "p"): "600", ("4-2", "lag"): "300"}),
    (10, "5.toml", ("length = 100", 'length = 100\nsecond_mark = "places"'), {("5", "lag"): "51"}),
    (10, "6a.toml", ("[50, 60]", "[50, 58]"), {("6a", "lag"): "42"}),
    (10, "6b.toml", ("length = [100, 110]", "length = [90, 110]"), {("6b", "p"): "90", ("6b", "lag"): "14"}),
    (10, "2c.toml", ("q = 200,", "q = 201,"), {("2c-3", "p"): "201", ("2c-3", "lag"): "201"}),
    (10, "2c.toml", ("p = 200 }", "p = 199 }"), {("2c-3", "in"): "203", ("2c-3", "w"): "1258"}),
    (
        10, "2a.toml", ("\np = 100", "\np = 50"),
        {("2a", head): cell for head, cell in {"p": "50", "lag": "50", "in": "51", "out": "51", "w": "2754"}.items()},
    ),
    (10, "5.toml", ("blocks = 2", "blocks = 3"), {("5", "b"): "3", ("5", "w"): "187"}),
    (10, "1.toml", ("size = 1", "size = 2"), {("1-1", "s"): "2", ("1-1", "w"): "432"}),
    (10, "1.toml", ("[-1.0, -2.0, -3.0, -4.0]", "[-1.0, -2.0, -3.0, -4.5]"), {("1-1", "ogb"): "-1,-2,-3,-4.5"}),
    (10, "5.toml", ('input_gate_bias = "random"', "input_gate_bias = [-1.0, -2.0]"), {("5", "igb"): "-1,-2"}),
    (10, "6a.toml", ('biased = "all"', 'biased = "hidden"'), {("6a", "bias"): "b1", ("6a", "w"): "152"}),
    (10, "6a.toml", ('biased = "all"', 'biased = "gates"'), {("6a", "bias"): "ga", ("6a", "w"): "148"}),
    (
        10, "5.toml", ('biased = "all"', 'biased = "none"'),
        {("5", "bias"): "none", ("5", "ogb"): "none", ("5", "igb"): "none", ("5", "w"): "84"},
    ),
    (10, "3c.toml", ("[learners.lstm]", "[learners.lstm]\ng = [0.0, 1.0]"), {("3c", "g"): "g1"}),
    (10, "3c.toml", ("[learners.lstm]", "[learners.lstm]\ng = [-1.0, 1.0]"), {("3c", "g"): "[-1,1]"}),
    (10, "2b.toml", ("[learners.lstm]", "[learners.lstm]\nh = [-1.0, 1.0]"), {("2b", "h"): "h1"}),
    (10, "3c.toml", ("learning_rate = 0.1", "learning_rate = 10.0"), {("3c", "alpha"): "10.0"}),
    (10, "3c.toml", ("learning_rate = 0.1", "learning_rate = 0.075"), {("3c", "alpha"): ".075"}),
    (
        11, "1.toml", ("test_strings = 256", "test_strings = 255"),
        {("1", "test size"): "255", ("1", "stopping"): "text"},
    ),
    (10, "3c.toml", ("learning_rate = 0.1", "learning_rate = 0.00001"), {("3c", "alpha"): "1e-05"}),
    (11, "1.toml", ("exam_max_wrong = 0", "exam_max_wrong = 1"), {("1", "stopping"): "text"}),
    (11, "2b.toml", ('kind = "random"', 'kind = "fixed"'), {("2b", "select"): "t1", ("2b", "test size"): "none"}),
    (11, "2c.toml", ("exam_sequences = 10_000", "exam_sequences = 9_000"), {("2c", "test size"): "9000"}),
    (11, "2b.toml", ("max_sequences = 5_000", "max_sequences = 4_500"), {("2b", "stopping"): "4500000 exemplars"}),
    (11, "3c.toml", ("[task]", "[task]\ntraining_sequences = 9"), {("3c", "select"): "t1"}),
    (11, "2a.toml", ("max_sequences = 5_000_000", "max_sequences = 6_000_000"), {("2a", "stopping"): "6M exemplars"}),
    (11, "2a.toml", ("tolerance = 0.25", "tolerance = 0.3"), {("2a", "success"): "ABS(.3)"}),
    (11, "4.toml", ("[learners.lstm]", "[learners.lstm]\ninit = 0.15"), {("4", "init"): "+-.15"}),
    (11, "4.toml", ("mean_error = 0.01", "mean_error = 0.02"), {("4", "stopping"): "ST3(.02)"}),
    (11, "4.toml", ("window = 2000", "window = 1000"), {("4", "stopping"): "text"}),
    (11, "4.toml", (STAGE_4, STAGE_4.replace("max_wrong = 0", "max_wrong = 1")), {("4", "stopping"): "text"}),
    (11, "4.toml", (STAGE_4, STAGE_4 + ', { name = "next", max_wrong = 0 }'), {("4", "stopping"): "text"}),
    (
        11, "2c.toml", ("exam_max_wrong = 0 }", 'exam_max_wrong = 0 }, { name = "next", exam_max_wrong = 0 }'),
        {("2c", "stopping"): "text"},
    ),
    (11, "4.toml", ("test_sequences = 2560", "test_sequences = 2561"), {("4", "test size"): "2561"}),
    (11, "5.toml", ("max_wrong = 12", "max_wrong = 12, test_sequences = 99"), {("5", "test size"): "99"}),
    (11, "3c.toml", (", exam_mean_error = 0.015", ""), {("3c", "stopping"): "ST1 (see text)"}),
    (
        11, "3c.toml", ("target_variance = 0.1", "target_variance = 0.0"),
        {("3c", "stopping"): "ST1 and ST2", ("3c", "success"): "ABS(.1)"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("table", "file", "edit", "expected"), MUTANTS, ids=lambda part: str(part)[:40])
def test_a_changed_setting_changes_its_conditions_and_no_other(tmp_path, table, file, edit, expected):
    assert differences(table, changed(tmp_path, file, edit)) == expected


def test_every_column_has_a_setting_that_changes_it():
    """But c, which follows from the learner alone: the paper's own lines show F and B."""
    for table in TABLES:
        heads = {head for mutant in MUTANTS if mutant[0] == table for _, head in mutant[3]}
        assert heads == set(paper(table)[0]) - {"task", "c"}


# ------------------------------------------------------------------------------------------------ which lines there are


def test_lines_that_are_the_same_are_one_and_others_are_numbered(tmp_path):
    """3a has rows of N = 3 and N = 1, of which the table says nothing; with another rate the second has a line."""
    rows = changed(tmp_path, "3a.toml", ("informative = 1,", "informative = 1, learning_rate = 0.9,"))
    labels = [line[0] for line in conditions.conditions(10, rows).body]
    assert [label for label in labels if label.startswith("3")] == ["3a-1", "3a-2", "3b", "3c"]
    assert cells(paper(10)[0], conditions.conditions(10, rows).body)["3a-2", "alpha"] == ".9"


def test_experiments_of_the_same_conditions_are_one_line_of_table_11(tmp_path):
    rows = changed(tmp_path, "3b.toml", ("tolerance = 0.2", "tolerance = 0.25"))
    block = conditions.conditions(11, rows)
    assert [line[0] for line in block.body] == ["1", "2a", "2b", "2c", "3a", "3b", "3c", "4", "5", "6a, 6b"]
    assert [line[-1] for line in block.body[4:6]] == ["ABS(.2)", "ABS(.25)"]


def test_neighbours_that_become_the_same_are_joined(tmp_path):
    """4 and 5 differ in nothing but the stop rule; 3a and 3c would not be joined, as 3b stands in between."""
    block = conditions.conditions(11, changed(tmp_path, "4.toml", ("window = 2000", "window = 9")))
    assert [line[0] for line in block.body[5:]] == ["3c", "4, 5", "6a, 6b"]


def test_rows_that_table_10_leaves_out_are_said_and_come_back_when_they_are_not(tmp_path):
    said = "The paper's table does not list 3a/lstm/T=1000,N=3, 3b/lstm/T=1000,N=1."
    assert conditions.conditions(10, config.load()).notes[-1] == said
    assert said not in conditions.conditions(11, config.load()).notes
    flag = (", not_in_table_10 = true", "")
    rows = changed(tmp_path, "3b.toml", flag, flag)
    block = conditions.conditions(10, rows)
    assert block.notes[-1] == "The paper's table does not list 3a/lstm/T=1000,N=3."
    found = cells(block.heads, block.body)
    assert (found["3b-1", "p"], found["3b-2", "p"], found["3b-2", "lag"]) == ("100", "1000", "1000")


@pytest.mark.parametrize("table", TABLES)
def test_other_learners_other_readings_and_our_own_rows_do_not_matter(tmp_path, table):
    ours = (
        '\n[[rows]]\nname = "6a/lstm/fast"\nlearner = "lstm"\ntrials = 3\nset = { "learner.learning_rate" = 2.0, '
        '"learner.init" = 0.7, "stop.max_sequences" = 9 }\n\n[[rows.published]]\ntable = "ours"\nline = 4\n'
        'stage = "ST3(.1)"\n\n[[rows]]\nname = "6a/rtrl"'
    )
    edits = [
        ("[learners.rtrl]", '[readings.hot]\nnote = "hot"\nset = { "learner.init" = 1.0 }\n\n[learners.rtrl]'),
        ("hidden = 7", "hidden = 9"),
        ('\n[[rows]]\nname = "6a/rtrl"', ours),
    ]
    assert differences(table, changed(tmp_path, "6a.toml", *edits)) == {}


# ----------------------------------------------------------------------------------------- notes, edges and mistakes


def test_notes_say_where_the_papers_words_are_not_quite_the_settings():
    ten, eleven = ("\n".join(conditions.conditions(table, config.load()).notes) for table in TABLES)
    assert "1, 2c, 3a, 3b, 3c, 4, 5, 6a, 6b: h has range [-1, 1] and g [-2, 2], as the text says" in ten  # A3
    assert "1: biases listed as r are drawn from [-0.2, 0.2]" in ten  # A7
    assert "1: the fourth block's output gate bias is -4" in ten  # A8
    assert "1: the lag is the length of the shortest string; its two symbols that agree are 6 steps apart." in ten
    assert "2a: a sequence is right if the error of every output is below 0.25 at every time step" in eleven
    assert "2a, 2b, 2c: 5,000,000 exemplars are the most" in eleven
    assert "3b: ST1: of 256 test sequences fewer than 6 wrong; ST2: of 256" in eleven
    assert "and mean absolute error below .04." in eleven
    assert "1: right is a string whose legal successors are the most active outputs, at every symbol.\n" in eleven
    assert "3c: right is an output near the target without noise, within .1." in eleven
    assert "4: the average training error of ST3 (Table 11) is the mean absolute error" in eleven  # A9
    assert "n_seq = 140 and goes on" not in ten + eleven, "a choice that is about neither table"
    assert "n_seq=13: of the 2000 most recent training sequences fewer than 13 wrong." in eleven


def test_notes_follow_the_settings_too(tmp_path):
    rows = changed(
        tmp_path,
        "3a.toml",
        ("exam_mean_error = 0.01", "exam_mean_error = 0.07"),
        ("exam_max_wrong = 0", "exam_max_wrong = 2"),
    )
    notes = conditions.conditions(11, rows).notes
    st1 = "ST1: of 256 test sequences fewer than 3 wrong"
    assert f"3a: {st1}; ST2: of 256 test sequences none wrong and mean absolute error below .07." in notes
    rows = changed(tmp_path, "1.toml", ('name = "reber"', 'name = "reber"\nsuccess = "most active"'))
    right = "1: right is a string at whose every symbol the most active output is a legal successor."
    assert right in conditions.conditions(11, rows).notes
    rows = changed(tmp_path, "6a.toml", ("[stop]", "[stop]\nask_every = 2000"))
    assert "6a: the stop rule is asked every 2,000 training sequences." in conditions.conditions(11, rows).notes
    rows = changed(tmp_path, "4.toml", ("window = 2000", "window = 9"))
    words = "of the 9 most recent training sequences none wrong and mean absolute error below .01"
    assert f"4: ST3(.01): {words}." in conditions.conditions(11, rows).notes


def test_the_shortest_reber_string_is_the_shortest_of_many():
    rng = random.Random(0)
    lengths = [len(reber.string(rng.randrange)[0]) for _ in range(2000)]
    assert {line[1] for line in conditions.conditions(10, config.load()).body[:5]} == {str(min(lengths))}


def test_a_table_that_is_not_one_of_them():
    with pytest.raises(config.ConfigError, match="Table 9 is not one of experimental conditions; 10 and 11 are"):
        conditions.conditions(9, config.load())


def test_a_task_or_a_net_without_notation():
    task = type("Settings", (), {"name": "parity"})()
    with pytest.raises(config.ConfigError, match="no notation for the task 'parity'"):
        conditions._task(task)
    with pytest.raises(config.ConfigError, match="no notation for the net 'parity'"):
        conditions._net(task)


# ---------------------------------------------------------------------------------------------------- the command line


class Cells(HTMLParser):
    """The cells of all tables of a page."""

    def __init__(self):
        super().__init__()
        self.lines, self.inside = [], False

    def handle_starttag(self, tag, attributes):
        self.inside = tag in ("td", "th")
        if tag == "tr":
            self.lines.append([])
        elif self.inside:
            self.lines[-1].append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.lines[-1][-1] += data


def parsed(text: str, form: str) -> list[list[str]]:
    """Headings and cells of a printed table."""
    if form == "csv":
        return list(csv.reader(text.splitlines()))
    if form == "json":
        return [list(json.loads(text)[0]), *(list(line.values()) for line in json.loads(text))]
    if form == "html":
        page = Cells()
        page.feed(text)
        return [[cell.strip() for cell in line] for line in page.lines]
    lines = text.splitlines()
    if form == "md":
        split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
        return [split[0], *split[2:]]
    if form == "latex":
        split = [line.removesuffix(r"\\").replace(r"\&", "\0").split("&") for line in lines if line.endswith(r"\\")]
        return [[cell.strip().replace("\0", "&") for cell in line] for line in split]
    rule = next(n for n, line in enumerate(lines) if line.startswith("----"))
    starts = [0, *(n + 1 for n, char in enumerate(lines[rule]) if char == " " and lines[rule][n + 1] == "-")]
    edges = list(zip(starts, [*starts[1:], None], strict=True))
    inside = [lines[rule - 1], *lines[rule + 1 : lines.index("", rule)]]
    return [[line[a:b].strip() for a, b in edges] for line in inside]


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in DATA])
@pytest.mark.parametrize("table", TABLES)
def test_every_format_for_people_has_the_papers_cells(table, form):
    assert parsed(repro("table", str(table), "--format", form), form) == paper(table)


@pytest.mark.parametrize("form", DATA)
@pytest.mark.parametrize("table", TABLES)
def test_formats_for_programs_have_them_as_numbers(table, form):
    """What the paper's notation means: .5 is a half, +-.2 a range, and none is nothing."""
    (_, *theirs), (heads, *ours) = paper(table), parsed(repro("table", str(table), "--format", form), form)
    kinds = {column.name: column.kind for column in conditions.SCHEMAS[table].columns}
    assert heads == list(kinds)
    for line, there in zip(ours, theirs, strict=True):
        for name, mine, cell in zip(heads, line, there, strict=True):
            if kinds[name] is str:
                assert mine == cell
            elif cell == "none":
                assert mine in (None, "")
            else:
                assert str(mine) == str(kinds[name](cell.replace("+-", ""))), (name, mine, cell)


@pytest.mark.parametrize("form", ["text", "md", "latex", "html"])
def test_titles_and_notes_stand_around_the_table(form):
    said = repro("table", "11", "--format", form)
    assert (
        said.index("Table 11. Experimental conditions")
        < said.index("ST1 and ST2")
        < said.index("2a, 2b, 2c: 5,000,000")
    )


def test_several_tables_at_once(tmp_path):
    said = repro("table", "11", "9", "10", "--results", str(tmp_path))
    titles = [line[:9] for line in said.splitlines() if line.startswith("Table ")]
    assert titles == ["Table 9. ", "Table 11.", "Table 10."]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_formats_for_programs_have_one_such_table_at_a_time(form):
    done = CliRunner().invoke(cli.main, ["table", "10", "9", "--format", form])
    assert done.exit_code == 2
    assert f"Table 10 has columns of its own: as {form}, ask for it alone." in done.stderr


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from repro.commands.main import main\n"
        "try: main(['table', '10', '11'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numba', 'llvmlite', 'pandas', 'matplotlib', 'scipy', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
