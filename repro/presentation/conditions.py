"""Tables 10 and 11 of the paper, the experimental conditions, as the configurations have them.

Every cell follows from the validated settings of the LSTM rows under the reading `printed`, put into the paper's
notation; none is stored. Lines of an experiment that would be the same are one. Where the paper's words are not quite
what the settings say, a note says so; so do the choices of that reading which name the table.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count, groupby, product
from typing import Any, NamedTuple

from repro.experiments.config import PRINTED, ConfigError, Row
from repro.experiments.setups import Setup, interface_of
from repro.experiments.stop import Stage, Stop
from repro.learners import layered_lstm, lstm
from repro.presentation import grid
from repro.presentation.columns import Column, Schema, View
from repro.presentation.grid import Block
from repro.tasks import adding, long_lag, reber, temporal_order, two_sequence

LEARNER = "lstm"  # whose rows the two tables are about
_ST3_WINDOW = 2000  # training sequences that are right when ST3 stops a trial


def conditions(table: int, rows: Mapping[str, Row]) -> Block:
    """A table of experimental conditions.

    Parameters
    ----------
    table
        10 or 11.
    rows
        All rows, as `config.load` returns them; those of LSTM that the table lists are taken.

    Raises
    ------
    repro.experiments.config.ConfigError
        If it is no such table, or if a row has a task or a net that the table has no notation for.

    """
    if table not in TABLES:
        raise ConfigError(f"Table {table} is not one of experimental conditions; {' and '.join(map(str, TABLES))} are.")
    kind = TABLES[table]
    papers = [row for row in rows.values() if row.learner == LEARNER and any(p.table != "ours" for p in row.published)]
    left_out = [row.name for row in papers if table == 10 and any(p.not_in_table_10 for p in row.published)]
    lines: dict[str, list[list[str]]] = {}
    notes: dict[str, list[str]] = {}  # those of one experiment or some, and of which
    for row in papers:
        if row.name in left_out:
            continue
        setup = row.setup()
        cells, mine = kind.cells(setup), lines.setdefault(row.experiment, [])
        if cells not in mine:
            mine.append(cells)
        choices = [choice for choice in row.readings[PRINTED].choices if f"Table {table}" in choice]
        for note in (*kind.notes(setup), *choices):
            notes.setdefault(note, []).append(row.experiment)
    labelled = [
        (experiment if len(mine) == 1 else f"{experiment}-{n}", cells)
        for experiment, mine in lines.items()
        for n, cells in enumerate(mine, 1)
    ]
    if kind.joins:
        same = groupby(labelled, key=lambda line: line[1])
        labelled = [(", ".join(label for label, _ in group), cells) for cells, group in same]
    body = [[label, *cells] for label, cells in labelled]
    about = [f"{', '.join(dict.fromkeys(experiments))}: {note}." for note, experiments in notes.items()]
    about += [f"The paper's table does not list {', '.join(left_out)}."] if left_out else []
    return Block(f"Table {table}. {kind.title}", kind.heads, body, [*kind.legend, *about], ["left"] * len(kind.heads))


def render(table: int, rows: Mapping[str, Row], form: str, names: Sequence[str] = ()) -> str:
    """Such a table in any of `grid.FORMATS`, with the columns of these names or all.

    Raises
    ------
    repro.experiments.config.ConfigError
        As `conditions` does.
    repro.presentation.columns.ColumnsError
        If there is no such column.

    """
    block, schema = conditions(table, rows), SCHEMAS[table]
    if form in grid.DATA:
        return schema.data(block.body, form, names)
    return grid.render(schema.block(block.body, names, block.title, block.notes), form)


# ---------------------------------------------------------------------------------------------------------- the tasks


class _Task(NamedTuple):
    """What the tables say of a task."""

    p: int  # minimal length of a sequence
    lag: int  # from the last relevant input to the teacher, at least
    select: str  # where training sequences come from
    note: str = ""  # on p and lag
    test: str = ""  # the size of the test set, if not what the stop rule says
    all_strings: int = 0  # of the training and the test set, if there are such sets
    right: str = ""  # what decides if a sequence is right, if not the |error| that is learned from


def _task(task: Any) -> _Task:
    match task:
        case reber.Settings():
            p = _shortest_string()
            note = f"the lag is the length of the shortest string; its two symbols that agree are {p - 3} steps apart"
            right = {
                "all legal": "right is a string whose legal successors are the most active outputs, at every symbol",
                "most active": "right is a string at whose every symbol the most active output is a legal successor",
            }[task.success]
            return _Task(p, p, "t1", note, str(task.test_strings), task.training_strings + task.test_strings, right)
        case long_lag.Settings(kind="trigger"):
            least = task.q or 0
            return _Task(
                least, least, "t2", "p and lag are q; sequences have q + 4 symbols at least, and the lag is q + 1"
            )
        case long_lag.Settings():
            note = "p does not count the last symbol, which is a target alone"
            if task.kind == "fixed":  # the two training sequences are all there are
                return _Task(task.p, task.p, "t1", note, test="none")
            return _Task(task.p, task.p, "t2", note)
        case two_sequence.Settings():
            note = "the lag is that of the first element; the last one that tells the class comes N - 1 steps later"
            select = "t3" if task.training_sequences is None else "t1"
            right = "right is an output near the target without noise" if task.target_variance else ""
            return _Task(task.length, task.length, select, note, right=right)
        case adding.Settings():
            half = task.length // 2
            latest = half if task.second_mark == "remaining" else half - 1  # place of the second mark, from 1
            return _Task(task.length, task.length - latest, "t3")
        case temporal_order.Settings():
            shortest, (_, latest) = task.length[0], task.places[-1]
            return _Task(shortest, shortest - latest, "t3")
    raise ConfigError(f"Tables 10 and 11 have no notation for the task '{task.name}'.")


def _string(choices: Iterable[int]) -> str:
    """The string of the embedded Reber grammar that results from these choices; nothing if it takes more of them."""
    left = iter(choices)
    try:
        return reber.string(lambda n: next(left))[0]
    except StopIteration:
        return ""


def _shortest_string() -> int:
    """Its length: each choice is a symbol, so it is a string that takes the fewest."""
    strings = (_string(choices) for n in count() for choices in product((0, 1), repeat=n))
    return len(next(filter(None, strings)))


# ------------------------------------------------------------------------------------------------------------ Table 10

_BIASED = {"none": "none", "gates": "ga", "hidden": "b1", "all": "all", "gates+outputs": "ga+outputs"}
_CURVES = {"h": {(-1.0, 1.0): "h1"}, "g": {(0.0, 1.0): "g1", (-2.0, 2.0): "g2"}}


def _number(value: float) -> str:
    """As the paper prints numbers: .5, 1.0, .01."""
    text = f"{value:g}"
    return text.removeprefix("0") if "." in text or "e" in text else text + ".0"


def _curve(letter: str, curve: tuple[float, float] | str) -> str:
    if isinstance(curve, str):
        return "id"
    return _CURVES[letter].get(curve, f"[{curve[0]:g},{curve[1]:g}]")


def _gate_bias(net: lstm.Settings, bias: tuple[float, ...] | str) -> str:
    if net.biased == "none":
        return "none"
    return "r" if isinstance(bias, str) else ",".join(f"{value:g}" for value in bias)


def _net(net: Any) -> tuple[list[str], list[str]]:
    """Blocks and cells in each; connectivity, biases of output and input gates, biased units."""
    match net:
        case lstm.Settings():
            biases = [_gate_bias(net, bias) for bias in (net.output_gate_bias, net.input_gate_bias)]
            return [str(net.blocks), str(net.size)], ["F", *biases, _BIASED.get(net.biased, net.biased)]
        case layered_lstm.Settings():  # one cell and its input gate between inputs and outputs
            return ["1", "1"], ["B", "no og", "none", "none"]
    raise ConfigError(f"Table 10 has no notation for the net '{net.name}'.")


def _cells_10(setup: Setup) -> list[str]:
    task, interface, net = _task(setup.task), interface_of(setup.task), setup.learner
    sizes, rest = _net(net)
    numbers = [str(n) for n in (interface.n_in, interface.n_out, setup.n_weights)]
    curves = [_curve("h", net.h), _curve("g", net.g)]
    return [str(task.p), str(task.lag), *sizes, *numbers, *rest, *curves, _number(net.learning_rate)]


def _notes_10(setup: Setup) -> list[str]:
    note = _task(setup.task).note
    return [note] if note else []


# ------------------------------------------------------------------------------------------------------------ Table 11


def _asks_recent(stage: Stage) -> bool:
    return stage.max_wrong is not None or stage.mean_error is not None


def _asks_exam(stage: Stage) -> bool:
    return stage.exam_max_wrong is not None or stage.exam_mean_error is not None


def _exam_decides(stop: Stop) -> bool:
    """Is there an exam, asked for only when success is plausible: what the paper does once, after training."""
    return all(_asks_recent(stage) and _asks_exam(stage) for stage in stop.stages)


def _stopping(stop: Stop, task: _Task) -> str:
    """When a trial ends, in the notation of Table 11; text, if that has none."""
    stages, first = stop.stages, stop.stages[0]
    if _exam_decides(stop):
        millions, rest = divmod(stop.max_sequences, 1_000_000)
        return f"{stop.max_sequences if rest else f'{millions}M'} exemplars"
    if any(_asks_recent(stage) for stage in stages):
        right = len(stages) == 1 and stop.window == _ST3_WINDOW and first.max_wrong == 0
        return f"ST3({_number(first.mean_error)})" if right and first.mean_error is not None else "text"
    if task.all_strings:
        strict = stop.exam_sequences == task.all_strings and all(stage.exam_max_wrong == 0 for stage in stages)
        return "train & test all correct" if strict else "text"
    st1 = ["ST1"] if any(stage.exam_max_wrong is not None for stage in stages) else []
    st2 = ["ST2"] if any(stage.exam_mean_error is not None for stage in stages) else []
    return " and ".join(st1 + st2) + (" (see text)" if task.right else "")


def _cells_11(setup: Setup) -> list[str]:
    task, stop = _task(setup.task), setup.stop
    last = stop.stages[-1].test_sequences
    drawn = stop.test_sequences if last is None else last
    test = task.test or str(drawn or stop.exam_sequences or "none")
    success = "text" if task.right else f"ABS({_number(stop.tolerance)})"
    return [task.select, f"+-{_number(setup.learner.init)}", test, _stopping(stop, task), success]


def _notes_11(setup: Setup) -> list[str]:
    task, stop = _task(setup.task), setup.stop
    stopping = _stopping(stop, task)
    notes = []
    if _exam_decides(stop):
        notes.append(
            f"{stop.max_sequences:,} exemplars are the most; a trial ends before, when a check of "
            f"{stop.exam_sequences:,} sequences shows success"
        )
    elif stopping.startswith(("ST1", "ST2", "text")):
        notes.append("; ".join(f"{stage.name}: {_in_words(stage, stop)}" for stage in stop.stages))
    if stop.ask_every > 1:
        notes.append(f"the stop rule is asked every {stop.ask_every:,} training sequences")
    if task.right:
        notes.append(task.right + (f", within {_number(stop.tolerance)}" if stop.tolerance else ""))
    return notes


def _in_words(stage: Stage, stop: Stop) -> str:
    """What a stage of the stop rule asks."""
    parts = []
    for wrong, error, which in (
        (stage.max_wrong, stage.mean_error, f"the {stop.window} most recent training sequences"),
        (stage.exam_max_wrong, stage.exam_mean_error, f"{stop.exam_sequences} test sequences"),
    ):
        asked = [] if wrong is None else [f"fewer than {wrong + 1} wrong" if wrong else "none wrong"]
        asked += [] if error is None else [f"mean {stop.error} error below {_number(error)}"]
        parts += [f"of {which} {' and '.join(asked)}"] if asked else []
    return ", ".join(parts)


# ---------------------------------------------------------------------------------------------------------- the tables


class _Kind(NamedTuple):
    """What makes one of the tables."""

    title: str
    heads: list[str]
    cells: Callable[[Setup], list[str]]  # of a line, but for its label
    notes: Callable[[Setup], Iterable[str]]  # on the cells of an experiment
    legend: list[str]
    joins: bool  # are experiments of the same cells one line


TABLES = {
    10: _Kind(
        "Experimental conditions: tasks and nets",
        ["task", "p", "lag", "b", "s", "in", "out", "w", "c", "ogb", "igb", "bias", "h", "g", "alpha"],
        _cells_10,
        _notes_10,
        [
            "p: minimal length of a sequence; lag: minimal number of steps from last relevant input to teacher.",
            "b: memory cell blocks; s: cells in each; in, out: units; w: weights; alpha: learning rate.",
            "c: F, outputs see the cells, gates and cells see inputs, gates and cells; B, each layer sees those below.",
            "ogb, igb: initial biases of output and input gates, by block; r: drawn at random; no og: no output gate.",
            "bias: units that have one; ga, gates; b1, gates and cells; all, all but inputs.",
            "h1: logistic curve from -1 to 1; g2: from -2 to 2; g1: from 0 to 1; id: identity.",
        ],
        joins=False,
    ),
    11: _Kind(
        "Experimental conditions: training, stopping and testing",
        ["task", "select", "init", "test size", "stopping", "success"],
        _cells_11,
        _notes_11,
        [
            "select: t1, from a training set; t2, from two classes of symbol sequences; t3, generated on line.",
            "init: range of initial weights; ABS(b): every output's |error| below b at the end of a sequence.",
            "ST1, ST2: a bound on wrong test sequences, and one on their mean error; text: in none of these notations.",
            f"ST3(b): the {_ST3_WINDOW} most recent training sequences right and their average error below b.",
        ],
        joins=True,
    ),
}


# ------------------------------------------------------------------------------------------------------- their columns


def _schema(table: int, *columns: tuple[str, type, str]) -> Schema[Sequence[str]]:
    """The columns of cells in the paper's notation; for programs numbers are read from it."""

    def value(place: int, kind: type) -> Callable[[Sequence[str]], Any]:
        if kind is str:
            return lambda cells: cells[place]
        return lambda cells: None if cells[place] == "none" else kind(cells[place].removeprefix("+-"))

    def text(place: int) -> Callable[[Sequence[str]], str]:
        return lambda cells: cells[place]

    heads = [name.replace("_", " ") for name, _, _ in columns]
    assert heads == TABLES[table].heads
    return Schema(
        f"repro table {table}",
        [Column(name, kind, "", about, value(k, kind)) for k, (name, kind, about) in enumerate(columns)],
        {name: View(heads[k], text(k), align="left", key=k == 0) for k, (name, _, _) in enumerate(columns)},
    )


_TASK = ("task", str, "experiment, and the number of its line if it has several")

SCHEMAS = {
    10: _schema(
        10, _TASK,
        ("p", int, "time steps, the least of a sequence"),
        ("lag", int, "time steps from the last relevant input to the teacher, the least"),
        ("b", int, "memory cell blocks"),
        ("s", int, "memory cells in each"),
        ("in", int, "input units"),
        ("out", int, "output units"),
        ("w", int, "weights"),
        ("c", str, "which units see which: a note of the table"),
        ("ogb", str, "initial biases of output gates, by block; r: random"),
        ("igb", str, "initial biases of input gates, by block; r: random"),
        ("bias", str, "units that have one"),
        ("h", str, "range of h; h1: from -1 to 1; id: identity"),
        ("g", str, "range of g; g1: from 0 to 1; g2: from -2 to 2"),
        ("alpha", float, "learning rate"),
    ),
    11: _schema(
        11, _TASK,
        ("select", str, "where training sequences come from: a note of the table"),
        ("init", float, "the most that initial weights are from 0"),
        ("test_size", int, "test sequences; empty: none"),
        ("stopping", str, "when a trial ends: a note of the table"),
        ("success", str, "when a sequence is right: a note of the table"),
    ),
}  # fmt: skip
