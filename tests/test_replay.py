"""A stored trial runs again to the same bits, differences are named, and what is watched is what the twins do.

All but one of the trials here run in plain Python, as every kernel takes seconds to compile.
"""

import hashlib
import json
import re
from functools import lru_cache

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import made_cell
from invented import invented
from sequences import without_jit
from twins import cascade, chunker, guessing, layered_lstm, lstm, recurrent
from twins import tasks as twin_tasks
from twins.random import Stream

from repro import config, crew, grid, replay
from repro.cli import main
from repro.engine import crashed
from repro.plots import style
from repro.plots.watch import watch as figure
from repro.store import Store
from repro.trial import Record

STOP = {
    "window": 4,
    "tolerance": 0.3,
    "max_sequences": 6,
    "test_sequences": 3,
    "stages": [{"name": "at once", "max_wrong": 4}, {"name": "never", "mean_error": 1e-9, "test_sequences": 0}],
}
DOUBLE = {"init": 0.8, "learning_rate": 0.5, "precision": "float64"}
ADDING = {"name": "adding", "operation": "sum", "length": 20}
ORDER = {"name": "temporal_order", "length": [30, 33], "places": [[4, 6], [10, 13]]}
REBER = {"name": "reber", "training_strings": 3, "test_strings": 2, "pairs": 2}
LONG_LAG = {"name": "long_lag", "kind": "random", "p": 6}
TWO = {
    "name": "two_sequence", "length": 10, "longest": 12, "informative": 3, "variance": 0.2, "noisy_signal": False,
    "targets": [1.0, 0.0], "target_variance": 0.0, "training_sequences": 5,
}  # fmt: skip
GUESSES = {**STOP, "window": 5, "stages": [{"name": "all", "max_wrong": 0}]}
LSTM = {"name": "lstm", "blocks": 2, "size": 2, "biased": "all", **DOUBLE}
RTRL = {"name": "rtrl", "net": "layered", "direct": True, "hidden": 3, "biased": "all", **DOUBLE}
GROWING = {"name": "cascade", "epoch": 3, "candidates": 2, "max_units": 2, "output_epochs": 1, "candidate_epochs": 1}


def adding(stream):
    return twin_tasks.adding(stream, "sum", 20)


def order(stream):
    return twin_tasks.temporal_order(stream, (30, 33), ((4, 6), (10, 13)))


@pytest.fixture
def plain(monkeypatch):
    without_jit(monkeypatch)
    monkeypatch.setattr(crew, "_entries", {})  # where compiled entries of the same names may be


def ended(cell, trial):
    (record,) = (event for event in crew.run(cell, [trial], 1) if isinstance(event, Record))
    return record


def digest(weights, precision):
    return hashlib.sha256(np.concatenate(weights).astype(precision).tobytes()).hexdigest()[:16]


# ------------------------------------------------------------------------------------------------ what is to be seen


@pytest.mark.parametrize(("task", "twin"), [(ADDING, adding), (ORDER, order)], ids=["adding", "temporal order"])
def test_lstm_is_seen_as_the_twin_has_it(plain, task, twin):
    cell = made_cell(task, LSTM, STOP)
    for trial, number in ((0, 0), (1, 2)):
        stream = Stream(cell.streams(trial)[2])
        sequences = [twin(stream) for _ in range(number + 1)]
        xs, target = (np.array(part, float) for part in sequences[number])
        seen = replay.watch(cell, trial, number)
        assert seen.inputs == pytest.approx(xs)
        assert np.isnan(seen.targets[:-1]).all()
        assert seen.targets[-1] == pytest.approx(target)
        design = lstm.Design(xs.shape[1], seen.outputs.shape[1], 2, 2)
        moments = lstm.forward(design, seen.weights, xs)
        assert seen.outputs == pytest.approx(np.array([lstm.outputs(design, seen.weights, now) for now in moments]))
        y, s = np.array([now.y for now in moments]), np.array([now.s.ravel() for now in moments])
        assert list(seen.units) == ["input gate", "output gate", "internal state", "cell output"]
        for name, values in zip(seen.units, (y[:, :2], y[:, 2:4], s, y[:, 4:]), strict=True):
            assert seen.units[name] == pytest.approx(values), name


def reber_texts(cell, trial):
    training, test = twin_tasks.reber_sets(Stream(cell.pair(trial)).below, 3, 2, distinct_test=False)
    return training + test


def one_hot(text):
    return np.array([[float(symbol == other) for other in "BTPSXVE"] for symbol in text])


@pytest.mark.parametrize("name", ["rtrl", "bptt", "elman", "rtrl, full"])
def test_recurrent_nets_are_seen_as_the_twin_has_them(plain, name):
    full = name == "rtrl, full"
    learner = {**RTRL, "name": name[:5].rstrip(","), **({"net": "full", "direct": False} if full else {})}
    if name == "elman":
        del learner["net"]
    cell = made_cell(REBER, learner, STOP)
    for number in (0, 4):
        text = reber_texts(cell, 1)[number]
        seen = replay.watch(cell, 1, number)
        assert seen.inputs.tolist() == one_hot(text[:-1]).tolist()
        assert seen.targets.tolist() == one_hot(text[1:]).tolist()
        design = recurrent.Design(7, 7, 3, full=full, direct=not full, biased=True)
        y, moments = np.zeros(design.recurrent), []
        for x in seen.inputs:
            moments.append(recurrent.time_step(design, seen.weights, x, y))
            y = moments[-1].y
        assert seen.outputs == pytest.approx(np.array([now.y_k for now in moments]))
        assert list(seen.units) == ["hidden unit"]
        assert seen.units["hidden unit"] == pytest.approx(np.array([now.y[:3] for now in moments]))
        assert seen.input_names == seen.output_names == tuple("BTPSXVE")


def test_the_chunker_shows_both_nets_and_passes_on_what_the_automatizer_missed(plain):
    learner = {"name": "chunker", "hidden": 2, "failure": 0.3, **DOUBLE, "learning_rate": 5.0}
    cell = made_cell({**LONG_LAG, "kind": "fixed"}, learner, {**STOP, "max_sequences": 4})
    seen = replay.watch(cell, 0, 1)
    symbols, goals = seen.inputs.argmax(1), seen.targets.argmax(1)
    assert replay.is_one_hot(seen.inputs) and replay.is_one_hot(seen.targets)
    nets = chunker.Chunker(chunker.Design(7, 2, 0.3), seen.weights)
    states, passes = ([], []), []
    for net, state in zip((nets.a, nets.c), states, strict=True):
        step = net.step
        net.step = lambda x, net=net, step=step, state=state: (step(x), state.append((x.argmax(), net.h)))
    answers, _, passes = nets.run(symbols, goals)
    assert seen.outputs == pytest.approx(np.array(answers))
    of_a, of_c = seen.units["automatizer's hidden unit"], seen.units["chunker's hidden unit"]
    assert of_a == pytest.approx(np.array([h for _, h in states[0]]))
    assert 1 < sum(passes) < len(passes)
    latest = np.cumsum(passes) - 1
    assert of_c == pytest.approx(np.array([states[1][k][1] for k in latest]))


def test_a_layered_net_shows_its_cell_when_it_has_one(plain):
    learner = {"name": "layered_lstm", **DOUBLE, "grow_after": 2, "grow_below": 0.9}
    cell = made_cell(LONG_LAG, learner, STOP)
    assert ended(cell, 0).facts == {"cell_added_after": 4}
    assert replay.watch(cell, 0, train=False).units == {}
    seen = replay.watch(cell, 0)
    gate, state, rows = [], [], seen.weights
    for x in seen.inputs:
        gate.append(lstm.f(rows[0] @ x))
        state.append((state[-1] if state else 0.0) + gate[-1] * lstm.f(rows[1] @ x))
    outputs = [lstm.f(layered_lstm.net_outputs(rows, x, s)) for x, s in zip(seen.inputs, state, strict=True)]
    assert seen.outputs == pytest.approx(np.array(outputs))
    assert list(seen.units) == ["input gate", "internal state", "cell output"]
    for values, expected in zip(seen.units.values(), (gate, state, state), strict=True):
        assert values == pytest.approx(np.array(expected)[:, None])


def test_the_cascade_shows_the_units_that_it_has(plain):
    cell = made_cell({**REBER, "order": "cycle"}, GROWING, {**STOP, "max_sequences": 9})
    assert replay.watch(cell, 0, train=False).units["hidden unit"].shape[1] == 0
    seen = replay.watch(cell, 0, 3)
    n_units = ended(cell, 0).facts["units"]
    assert n_units > 0
    design = cascade.Design(7, 7, 3, None, None)
    hidden, outputs = seen.weights[:n_units], seen.weights[n_units:]
    rows = [np.concatenate(pair) for pair in zip(outputs[::2], outputs[1::2], strict=True)]
    visible = np.array(cascade.seen_by_outputs(design, hidden, seen.inputs))
    assert seen.units["hidden unit"] == pytest.approx(visible[:, 8:])
    assert seen.outputs == pytest.approx(np.array([[cascade.output(row @ x) for row in rows] for x in visible]))


@pytest.mark.parametrize("architecture", ["A1", "A2"])
def test_guesses_are_seen_as_the_twin_has_them(plain, architecture):
    learner = {"name": "guessing", "architecture": architecture, "hidden": 2, "range": 3.0, "tolerance": 0.3,
               "precision": "float64"}  # fmt: skip
    seen = replay.watch(made_cell(TWO, learner, GUESSES), 0, 1)
    design = guessing.Design(architecture, 1, 2)
    for n in (1, 2, len(seen.inputs)):
        assert seen.outputs[n - 1] == pytest.approx(guessing.answer(design, seen.weights, seen.inputs[:n]))
    (units,) = seen.units.values()
    assert units.shape == (len(seen.inputs), 2)
    assert ((units > 0) & (units < 1)).all()


def test_a_trial_is_watched_at_its_end_or_before_its_start(plain):
    cell = made_cell(ADDING, {**LSTM, "precision": "float32"}, STOP)
    record = ended(cell, 2)
    assert digest(replay.watch(cell, 2).weights, "<f4") == record.weights_digest
    start = Stream(cell.streams(2)[0])
    fresh = np.concatenate(replay.watch(cell, 2, train=False).weights)
    drawn = [0.8 * (2 * (start.draw() // 2**8) / 2**24 - 1) for _ in fresh]
    assert fresh.tolist() == pytest.approx(drawn, rel=1e-6)


def test_what_is_watched_is_what_the_test_was(plain):
    cell = made_cell(ADDING, LSTM, {**STOP, "stages": STOP["stages"][:1]})
    (stage,) = ended(cell, 0).stages
    seen = [replay.watch(cell, 0, number) for number in range(3)]
    errors = [abs(one.targets[-1] - one.outputs[-1]).mean() for one in seen]
    assert stage.mean_absolute_error == pytest.approx(np.mean(errors), rel=1e-12)
    assert stage.max_error == pytest.approx(max(errors), rel=1e-12)


def test_a_net_that_never_forgets_comes_to_a_sequence_through_those_before(plain):
    learner = {**RTRL, "net": "full", "direct": False, "forgets": False}
    cell = made_cell(REBER, learner, STOP)
    first, second = (replay.watch(cell, 0, number) for number in range(2))
    design = recurrent.Design(7, 7, 3, full=True, biased=True)
    y = np.concatenate([first.units["hidden unit"][-1], first.outputs[-1]])
    assert second.outputs[0] == pytest.approx(recurrent.time_step(design, second.weights, second.inputs[0], y).y_k)


def test_compiled_nets_are_seen_as_plain_ones(monkeypatch):
    cell = made_cell(ORDER, {**LSTM, "precision": "float32"}, STOP)
    compiled = replay.watch(cell, 0, 1)
    without_jit(monkeypatch)
    monkeypatch.setattr(crew, "_entries", {})
    expected = replay.watch(cell, 0, 1)
    assert compiled.outputs.tobytes() == expected.outputs.tobytes()
    assert np.concatenate(compiled.weights).tobytes() == np.concatenate(expected.weights).tobytes()
    for name, values in compiled.units.items():
        assert values.tobytes() == expected.units[name].tobytes()


# ---------------------------------------------------------------------------------------------- tables and figures


def some(n_in=3, n_out=2, steps=4, n_units=2):
    """Inputs one-hot, a target at the end."""
    targets = np.full((steps, n_out), np.nan)
    targets[-1] = np.arange(n_out) == 1
    outputs = np.linspace(-1, 1, steps * n_out).reshape(steps, n_out)
    units = {"input gate": np.linspace(0, 1, steps * n_units).reshape(steps, n_units)}
    names = [tuple("abcdefghijklmnopqrstuvwxyz"[:n]) for n in (n_in, n_out)]
    return replay.Watched(np.eye(n_in)[np.arange(steps) % n_in], targets, outputs, units, [], *names)


def test_the_table_has_a_row_for_each_time_step():
    heads, body = replay.table(some(), "json")
    assert heads == ["time step", "input", "target", "output a", "output b", "input gate 1", "input gate 2"]
    assert body[0] == [1, "a", None, -1.0, -0.714, 0.0, 0.143]
    assert body[3] == [4, "a", "b", 0.714, 1.0, 0.857, 1.0]
    assert json.loads(grid.listing(heads, body, "json"))[3]["output a"] == 0.714
    assert grid.listing(heads, body, "csv").splitlines()[4] == "4,a,b,0.714,1.000,0.857,1.000"
    heads, body = replay.table(some(), "text")
    lines = grid.listing(heads, body, "text").splitlines()
    assert [line.split() for line in lines[1:3]] == [["step", "a", "b", "gate", "gate"], ["1", "2"]]
    assert lines[4].split() == ["1", "a", "-", "-1.000", "-0.714", "0.000", "0.143"]
    assert len({line.rindex(".") for line in lines[4:]}) == 1


def test_what_is_too_wide_is_told_by_the_most_active_one():
    heads, body = replay.table(some(n_units=17), "csv")
    assert heads[-2:] == ["most active input gate", "input gate, most active"]
    assert body[0][-2:] == ["17", round(16 / 67, 3)]
    assert len(heads) == 7


def test_numbers_that_are_none_leave_a_gap():
    watched = some()
    watched.outputs[1] = [np.nan, np.inf]
    _, body = replay.table(watched, "json")
    assert body[1][3:5] == [None, None]
    json.dumps(body, allow_nan=False)


def test_a_figure_has_a_panel_for_each_kind_and_the_same_bytes_again(tmp_path):
    for watched in (some(), some(n_in=20, n_out=9, n_units=8)):
        written = []
        for name in ("one.svg", "two.svg"):
            drawn = figure(watched, "a trial")
            style.save(drawn, tmp_path / name)
            written.append((tmp_path / name).read_bytes())
        assert written[0] == written[1]
        labels = [ax.get_ylabel() for ax in drawn.axes if ax.get_ylabel()]
        assert labels == ["input", "input\ngate", "output"]


def test_figures_tell_what_is_where():
    """Marks at the inputs, lines or pixels of the values, circles at the targets."""
    inputs, gates, outputs = figure(some(), "lines").axes
    assert inputs.collections[0].get_offsets().tolist() == [[1, 1], [2, 2], [3, 3], [4, 1]]
    assert [text.get_text() for text in inputs.get_yticklabels()] == ["a", "b", "c"]
    assert gates.lines[1].get_ydata().tolist() == some().units["input gate"][:, 1].tolist()
    circles = [np.ma.getdata(marks.get_offsets()) for marks in outputs.collections]
    assert [points[-1].tolist() for points in circles] == [[4, 0], [4, 1]]
    assert all(np.isnan(points[:-1, 1]).all() for points in circles)
    wide = figure(some(n_out=9, n_units=8), "pixels")
    gates, outputs = wide.axes[1:3]
    assert gates.images[0].get_array().tolist() == some(n_units=8).units["input gate"].T.tolist()
    assert outputs.collections[-1].get_offsets().tolist() == [[4, 2]]


# --------------------------------------------------------------------------------------------------- stored trials

CHANGES = {"stop.window": 4, "stop.max_sequences": 6, "stop.test_sequences": 2}
EXAMS = {"stop.exam_sequences": 2, "stop.exam_every": 2}
# fmt: off
SHORT = {
    "4/lstm/T=100": {**CHANGES, "task.length": 20},
    "1/rtrl/hidden=3,lr=0.05": {**CHANGES, **EXAMS, "task.training_strings": 3, "task.test_strings": 2},
    "3a/guessing/A1,T=100,N=3": {
        **CHANGES, "stop.tolerance": 2, "learner.tolerance": 2, "task.training_sequences": 4, "task.length": 10,
        "stop.exam_every": 1,
    },
}
# fmt: on


def options(changes):
    return [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]


def cell_of(row, reading="printed", **more):
    return config.load()[row].cell(reading, {**SHORT[row], **more})


def store_with(folder, *records):
    store = Store(folder)
    for record in records:
        store.append(record)
    return store


def run(folder, *arguments, code=0):
    done = CliRunner().invoke(main, ["replay", *arguments, "--results", str(folder)])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def asked(row):
    return [f"{row}:1", *options(SHORT[row])]


@pytest.mark.parametrize("row", SHORT)
def test_a_trial_that_is_replayed_agrees(plain, tmp_path, row):
    store_with(tmp_path, ended(cell_of(row), 1))
    done = run(tmp_path, *asked(row), "--format", "json")
    lines = json.loads(done.stdout)
    assert {line["same"] for line in lines} == {"yes"}
    assert {"outcome", "sequences", "steps", "weights digest"} <= {line["what"] for line in lines}
    assert "All bits agree." in done.stderr
    assert "recorded with" not in done.stderr


def test_every_difference_is_named_and_nothing_else(plain, tmp_path):
    row = "3a/guessing/A1,T=100,N=3"
    record = ended(cell_of(row), 1)
    stage = record.stages[0].model_copy(update={"mean_squared_error": 0.5, "steps": record.steps + 1})
    wrong = {
        "weights_digest": "0" * 16,
        "steps": record.steps + 1,
        "facts": {"units": 3, **record.facts},
        "stages": [stage],
    }
    store_with(tmp_path, record.model_copy(update=wrong))
    done = run(tmp_path, *asked(row), "--format", "json", code=3)
    different = {line["what"] for line in json.loads(done.stdout) if line["same"] == "no"}
    of_stage = {f"stage {stage.name}: {name}" for name in ("mean_squared_error", "steps")}
    assert different == {"steps", "units", "weights digest", *of_stage}
    for what in different:
        assert what in done.stderr
    assert f"weights digest: {'0' * 16} recorded, {record.weights_digest} replayed" in done.stderr
    done = run(tmp_path, *asked(row), "--watch", code=3)
    assert "weights digest" in done.stderr
    assert "weights digest" not in done.stdout


def test_a_record_of_other_source_is_said_to_be_one(plain, tmp_path):
    row = "4/lstm/T=100"
    record = ended(cell_of(row), 1)
    versions = record.versions | {"numba": "0.1"}
    store_with(tmp_path, record.model_copy(update={"source": "feed" * 4, "versions": versions}))
    done = run(tmp_path, *asked(row))
    assert f"recorded with numerical source {'feed' * 4}, now {record.source}; numba 0.1, now" in done.stderr
    assert "All bits agree." in done.stderr


def test_the_record_of_todays_source_is_preferred(plain, tmp_path):
    row = "4/lstm/T=100"
    record = ended(cell_of(row), 1)
    old = record.model_copy(update={"source": "feed" * 4, "weights_digest": "0" * 16})
    crash = crashed(cell_of(row), 1, "gone")
    for order in ((record, old, crash), (old, crash, record)):
        folder = tmp_path / order[0].source
        store_with(folder, *order)
        run(folder, *asked(row))


def test_watching_prints_a_table_or_draws_a_figure(plain, tmp_path):
    row = "4/lstm/T=100"
    store_with(tmp_path, ended(cell_of(row), 1))
    done = run(tmp_path, *asked(row), "--watch", "--sequence", "1", "--format", "json")
    lines, seen = json.loads(done.stdout), replay.watch(cell_of(row), 1, 1)
    assert [line["output 1"] for line in lines] == [round(float(y), 3) for y in seen.outputs[:, 0]]
    assert lines[-1]["target 1"] == round(float(seen.targets[-1, 0]), 3)
    path = tmp_path / "gates.png"
    assert run(tmp_path, *asked(row), "--watch", "-o", str(path)).stdout == ""
    assert path.read_bytes().startswith(b"\x89PNG")
    for more, problem in ((["-o", str(path)], "-o is the file for the figure of --watch"),
                          (["--watch", "-o", "gates.jpg"], "gates.jpg: figures are written as")):  # fmt: skip
        said = run(tmp_path, *asked(row), *more, code=2).stderr
        assert problem in said
        assert "All bits agree" not in said, "found out too late"


@lru_cache(maxsize=None)
def at_limit(row, reading="printed", trial=1, seed=0, rate=None):
    """A record of a trial that nobody has run."""
    cell = config.load()[row].cell(reading, {"learning_rate": rate} if rate else {}, seed)
    return invented(cell, trial)


def test_who_asks_for_a_trial_that_is_not_there_is_told_what_is(tmp_path):
    row = "6a/lstm"
    store_with(
        tmp_path,
        *(at_limit(row, trial=n) for n in (0, 1, 2, 5)), at_limit(row, "plain-error", trial=3),
        at_limit(row, seed=4), at_limit(row, rate=0.1),
    )  # fmt: skip
    for arguments in (["6a/lstm:3"], ["6a/lstm:1", "--seed", "7"], ["6a/lstm:1", "--reading", "plain-error"]):
        said = run(tmp_path, *arguments, code=2).stderr
        assert re.search(r"trial \d of 6a/lstm under these settings is not in", said)
        assert "\n  no options: trials 0-2, 5\n" in said
        assert "\n  --reading plain-error: trials 3\n" in said
        assert "\n  --seed 4: trials 1\n" in said
        assert "\n  --set 'learner.learning_rate=0.1': trials 1\n" in said


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["6a/lstm"], "a trial is ROW:NUMBER, such as 6a/lstm:3; not '6a/lstm'"),
        (["6a/lstm:x"], "a trial is ROW:NUMBER"),
        (["6a/lsm:1"], "no row is called '6a/lsm'. Did you mean 6a/lstm"),
        (["4/lstm:1"], "'4/lstm' means 3 rows, and one is wanted"),
        (["6b/lstm:1"], "no trials of 6b/lstm are in "),
        (["6a/lstm:1", "--reading", "nope"], "6a/lstm has no reading 'nope'"),
        (["6a/lstm:1", "--set", "learning_rat=1"], "no such setting"),
        (["6a/lstm:8"], "trial 8 of 6a/lstm crashed, and left nothing to compare with: out of memory"),
    ],
)
def test_mistakes_are_explained(tmp_path, arguments, problem):
    crash = crashed(config.load()["6a/lstm"].cell(), 8, "Traceback\n  line\nout of memory\n")
    store_with(tmp_path, at_limit("6a/lstm"), crash)
    assert problem in run(tmp_path, *arguments, code=2).stderr
