"""What is watched of a net is what the twins do, and whether it is right is what a test counts.

All but one of the trials here run in plain Python, as every kernel takes seconds to compile.
"""

import hashlib
import json

import numpy as np
import pytest
from conftest import ended, made_condition, small_condition
from sequences import without_jit
from twins import cascade, chunker, guessing, layered_lstm, lstm, recurrent
from twins import tasks as twin_tasks
from twins.random import Stream

from repro.looking import watching
from repro.presentation import grid
from repro.presentation.plots import style
from repro.presentation.plots.watch import watch as figure
from repro.running import crew

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


def digest(weights, precision):
    return hashlib.sha256(np.concatenate(weights).astype(precision).tobytes()).hexdigest()[:16]


# ------------------------------------------------------------------------------------------------ what is to be seen


@pytest.mark.parametrize(("task", "twin"), [(ADDING, adding), (ORDER, order)], ids=["adding", "temporal order"])
def test_lstm_is_seen_as_the_twin_has_it(plain, task, twin):
    condition = made_condition(task, LSTM, STOP)
    for trial, number in ((0, 0), (1, 2)):
        stream = Stream(condition.streams(trial)[2])
        sequences = [twin(stream) for _ in range(number + 1)]
        xs, target = (np.array(part, float) for part in sequences[number])
        seen = watching.watch(condition, trial, number)
        assert seen.inputs == pytest.approx(xs)
        assert np.isnan(seen.targets[:-1]).all()
        assert seen.targets[-1] == pytest.approx(target)
        design = lstm.Design(xs.shape[1], seen.outputs.shape[1], 2, 2)
        moments = lstm.forward(design, seen.weights, xs)
        outputs = [lstm.outputs(design, seen.weights, y_c) for y_c in lstm.shown(design, seen.weights, moments)]
        assert seen.outputs == pytest.approx(np.array(outputs))
        y, s = np.array([now.y for now in moments]), np.array([now.s.ravel() for now in moments])
        assert list(seen.units) == ["input gate", "output gate", "internal state", "cell output"]
        for name, values in zip(seen.units, (y[:, :2], y[:, 2:4], s, y[:, 4:]), strict=True):
            assert seen.units[name] == pytest.approx(values), name


def reber_texts(condition, trial):
    training, test = twin_tasks.reber_sets(Stream(condition.pair(trial)).below, 3, 2, distinct_test=False)
    return training + test


def one_hot(text):
    return np.array([[float(symbol == other) for other in "BTPSXVE"] for symbol in text])


@pytest.mark.parametrize("name", ["rtrl", "bptt", "elman", "rtrl, full"])
def test_recurrent_nets_are_seen_as_the_twin_has_them(plain, name):
    full = name == "rtrl, full"
    learner = {**RTRL, "name": name[:5].rstrip(","), **({"net": "full", "direct": False} if full else {})}
    if name == "elman":
        del learner["net"]
    condition = made_condition(REBER, learner, STOP)
    for number in (0, 4):
        text = reber_texts(condition, 1)[number]
        seen = watching.watch(condition, 1, number)
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
    condition = made_condition({**LONG_LAG, "kind": "fixed"}, learner, {**STOP, "max_sequences": 4})
    seen = watching.watch(condition, 0, 1)
    symbols, goals = seen.inputs.argmax(1), seen.targets.argmax(1)
    assert watching.is_one_hot(seen.inputs) and watching.is_one_hot(seen.targets)
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


@pytest.mark.parametrize("start", [None, 0.0, 0.5])
def test_a_layered_net_shows_its_cell_when_it_has_one(plain, start):
    """With a ``start`` it runs a time step behind, and stands still at the first one."""
    behind = {} if start is None else {"outputs_see": "previous", "start": start}
    learner = {"name": "layered_lstm", **DOUBLE, "grow_after": 2, "grow_below": 0.9, **behind}
    condition = made_condition(LONG_LAG, learner, STOP)
    assert ended(condition, 0).facts == {"cell_added_after": 4}
    assert watching.watch(condition, 0, train=False).units == {}
    seen = watching.watch(condition, 0)
    gate, state, rows = [], [], seen.weights
    for x in seen.inputs[: -1 if behind else None]:
        gate.append(lstm.f(rows[0] @ x))
        state.append((state[-1] if state else 0.0) + gate[-1] * lstm.f(rows[1] @ x))
    shown = state
    if behind:
        gate, state, shown = [start, *gate], [0.0, *state], [start, *state]
    outputs = [lstm.f(layered_lstm.net_outputs(rows, x, y_c)) for x, y_c in zip(seen.inputs, shown, strict=True)]
    assert seen.outputs == pytest.approx(np.array(outputs))
    assert list(seen.units) == ["input gate", "internal state", "cell output"]
    for values, expected in zip(seen.units.values(), (gate, state, shown), strict=True):
        assert values == pytest.approx(np.array(expected)[:, None])


def test_the_cascade_shows_the_units_that_it_has(plain):
    condition = made_condition({**REBER, "order": "cycle"}, GROWING, {**STOP, "max_sequences": 9})
    assert watching.watch(condition, 0, train=False).units["hidden unit"].shape[1] == 0
    seen = watching.watch(condition, 0, 3)
    n_units = ended(condition, 0).facts["units"]
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
    seen = watching.watch(made_condition(TWO, learner, GUESSES), 0, 1)
    design = guessing.Design(architecture, 1, 2)
    for n in (1, 2, len(seen.inputs)):
        assert seen.outputs[n - 1] == pytest.approx(guessing.answer(design, seen.weights, seen.inputs[:n]))
    (units,) = seen.units.values()
    assert units.shape == (len(seen.inputs), 2)
    assert ((units > 0) & (units < 1)).all()


def test_a_trial_is_watched_at_its_end_or_before_its_start(plain):
    condition = made_condition(ADDING, {**LSTM, "precision": "float32"}, STOP)
    record = ended(condition, 2)
    assert digest(watching.watch(condition, 2).weights, "<f4") == record.weights_digest
    start = Stream(condition.streams(2)[0])
    fresh = np.concatenate(watching.watch(condition, 2, train=False).weights)
    drawn = [0.8 * (2 * (start.draw() // 2**8) / 2**24 - 1) for _ in fresh]
    assert fresh.tolist() == pytest.approx(drawn, rel=1e-6)


def test_what_is_watched_is_what_the_test_was(plain):
    condition = made_condition(ADDING, LSTM, {**STOP, "stages": STOP["stages"][:1]})
    (stage,) = ended(condition, 0).stages
    seen = [watching.watch(condition, 0, number) for number in range(3)]
    errors = [abs(one.targets[-1] - one.outputs[-1]).mean() for one in seen]
    assert stage.mean_absolute_error == pytest.approx(np.mean(errors), rel=1e-12)
    assert stage.max_error == pytest.approx(max(errors), rel=1e-12)


def test_a_net_that_never_forgets_comes_to_a_sequence_through_those_before(plain):
    learner = {**RTRL, "net": "full", "direct": False, "forgets": False}
    condition = made_condition(REBER, learner, STOP)
    first, second = (watching.watch(condition, 0, number) for number in range(2))
    design = recurrent.Design(7, 7, 3, full=True, biased=True)
    y = np.concatenate([first.units["hidden unit"][-1], first.outputs[-1]])
    assert second.outputs[0] == pytest.approx(recurrent.time_step(design, second.weights, second.inputs[0], y).y_k)


def test_compiled_nets_are_seen_as_plain_ones(monkeypatch):
    condition = small_condition()  # whose kernel other tests compile, too
    compiled = watching.watch(condition, 0, 1)
    without_jit(monkeypatch)
    monkeypatch.setattr(crew, "_entries", {})
    expected = watching.watch(condition, 0, 1)
    assert compiled.outputs.tobytes() == expected.outputs.tobytes()
    assert compiled.verdict == expected.verdict
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
    verdict = watching.Verdict(0, 0.5, 0.4)
    return watching.Watched(np.eye(n_in)[np.arange(steps) % n_in], targets, outputs, units, [], verdict, *names)


def test_the_table_has_a_row_for_each_time_step():
    heads, body = watching.table(some(), "json")
    assert heads == ["time step", "input", "target", "output a", "output b", "input gate 1", "input gate 2"]
    assert body[0] == [1, "a", None, -1.0, -0.714, 0.0, 0.143]
    assert body[3] == [4, "a", "b", 0.714, 1.0, 0.857, 1.0]
    assert json.loads(grid.listing(heads, body, "json"))[3]["output a"] == 0.714
    assert grid.listing(heads, body, "csv").splitlines()[4] == "4,a,b,0.714,1.000,0.857,1.000"
    heads, body = watching.table(some(), "text")
    lines = grid.listing(heads, body, "text").splitlines()
    assert [line.split() for line in lines[1:3]] == [["step", "a", "b", "gate", "gate"], ["1", "2"]]
    assert lines[4].split() == ["1", "a", "-", "-1.000", "-0.714", "0.000", "0.143"]
    assert len({line.rindex(".") for line in lines[4:]}) == 1


def test_what_is_too_wide_is_told_by_the_most_active_one():
    heads, body = watching.table(some(n_units=17), "csv")
    assert heads[-2:] == ["most active input gate", "input gate, most active"]
    assert body[0][-2:] == ["17", round(16 / 67, 3)]
    assert len(heads) == 7


def test_numbers_that_are_none_leave_a_gap():
    watched = some()
    watched.outputs[1] = [np.nan, np.inf]
    _, body = watching.table(watched, "json")
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


# --------------------------------------------------------------------------------------------------- right or wrong


def stopping(n, tolerance, **more):
    """A stop rule that ends training at once, and then tests with so many sequences."""
    return {**STOP, "tolerance": tolerance, "test_sequences": n, "stages": STOP["stages"][:1], **more}


def worst_at_the_end(seen):
    return abs(seen.targets[-1] - seen.outputs[-1]).max()


def worst_at_any_step(seen):
    return abs(seen.targets - seen.outputs).max()


def worst_of_what_may_not_follow(seen):
    """By how much a symbol that may not follow is more active than one that may, at the worst time step."""
    text = "".join("BTPSXVE"[k] for k in seen.inputs.argmax(axis=1))
    worst = -np.inf
    for t, outputs in enumerate(seen.outputs):
        may = np.array([symbol in twin_tasks.may_follow(text[: t + 1]) for symbol in "BTPSXVE"])
        worst = max(worst, outputs[~may].max() - outputs[may].min())
    return worst


SET = {"max_sequences": 4, "exam_sequences": 5, "exam_every": 4, "stages": [{"name": "all", "exam_mean_error": 9.0}]}
# fmt: off
JUDGED = {  # task, learner, stop rule, and how wrong a sequence is; the tolerance lies amid the errors
    "end": (ADDING, LSTM, stopping(8, 0.3), worst_at_the_end),
    "end, float32": (ORDER, {**LSTM, "precision": "float32"}, stopping(6, 0.7), worst_at_the_end),
    "every step": ({**LONG_LAG, "judged": "every step"}, RTRL, stopping(8, 0.88), worst_at_any_step),
    "last of all steps": (LONG_LAG, RTRL, stopping(8, 0.8), worst_at_the_end),
    "the task's judge": (REBER, RTRL, stopping(0, 0.24, **SET), worst_of_what_may_not_follow),
}
# fmt: on


@pytest.mark.parametrize("name", JUDGED)
def test_what_is_wrong_is_what_the_stop_rule_counts(plain, name):
    """The test of such a trial is its first, so it has the sequences that are watched; so has an exam on a set."""
    task, learner, stop, how_wrong = JUDGED[name]
    rerun = watching.Rerun(made_condition(task, learner, stop), 1)
    (stage,) = rerun.train().stages
    search = rerun.search()
    assert (search.start, search.n) == (0, stage.test_sequences)
    seen = [rerun.watch(number) for number in range(search.n)]
    worst = [how_wrong(one) for one in seen]
    assert [one.verdict.worst for one in seen] == pytest.approx(worst, rel=1e-6)
    assert [one.verdict.sequence for one in seen] == list(range(search.n))
    assert list(search.wrong) == [k for k, error in enumerate(worst) if error >= stop["tolerance"]]
    assert [one.verdict.right for one in seen] == [k not in search.wrong for k in range(search.n)]
    assert 0 < len(search.wrong) < search.n
    assert (stage.test_wrong, stage.max_error) == (len(search.wrong), max(one.verdict.worst for one in seen))


def test_a_search_begins_where_it_is_told(plain):
    rerun = watching.Rerun(made_condition(LONG_LAG, RTRL, stopping(6, 0.8)), 1)
    rerun.train()
    played = []
    first, later = rerun.search(), rerun.search(3, played.append)
    assert (later.start, later.n, sum(played)) == (3, 6, 9)
    assert [k for k in later.wrong if k < 6] == [k for k in first.wrong if k >= 3]
    assert set(later.wrong) <= set(range(3, 9))
    assert later.shown == later.wrong[0] > first.wrong[0] == first.shown


@pytest.mark.parametrize("name", ["end", "every step", "the task's judge"])
def test_outputs_that_are_not_finite_are_wrong(plain, name):
    """Whatever is made of them: the largest error of some time steps may leave one out that is not a number."""
    task, learner, stop, _ = JUDGED[name]
    rerun = watching.Rerun(made_condition(task, learner, {**stop, "tolerance": 1e30}), 0)
    assert rerun.search().wrong == ()
    rerun._crew.weights(0)[-1][...] = np.nan
    verdict = rerun.watch().verdict
    assert np.isnan(verdict.worst)
    assert not verdict.right
    assert rerun.search().wrong == tuple(range(rerun.n_searched))


def test_a_net_that_was_looked_at_is_what_it_was(plain):
    """Also one that never forgets: its test begins where training ended, however often it is watched."""
    condition = made_condition(REBER, {**RTRL, "net": "full", "direct": False, "forgets": False}, STOP)
    rerun = watching.Rerun(condition, 0)
    rerun.watch(2)
    record = rerun.train()
    assert record.weights_digest == ended(condition, 0).weights_digest
    first = rerun.watch(1)
    rerun.search()
    assert rerun.watch(1).outputs.tolist() == first.outputs.tolist()


@pytest.mark.parametrize(
    ("change", "n"),
    [
        ({}, 3),
        ({"exam_sequences": 7, "stages": [{"name": "a", "exam_max_wrong": 4}]}, 7),
        ({"test_sequences": 0}, 2560),
        ({"test_sequences": 0, "stages": [{"name": "a", "max_wrong": 4, "test_sequences": 5}]}, 5),
        ({"stages": [{"name": "a", "max_wrong": 4, "test_sequences": 0}]}, 2560),
    ],
)
def test_a_search_is_as_long_as_a_test(plain, change, n):
    assert watching.Rerun(made_condition(ADDING, LSTM, {**STOP, **change}), 0).n_searched == n


@pytest.mark.parametrize(
    ("verdict", "search", "texts"),
    [
        ((17, 0.51234, 0.3), None, ["test sequence 17: wrong, worst error 0.5123, tolerance 0.3"]),
        ((0, -0.25, 0.0), (0, 512, ()),
         ["test sequence 0: right, worst error -0.25, tolerance 0", "none of the 512 from number 0 on is wrong"]),
        ((7, np.nan, 0.3), (4, 2560, (7,)),
         ["test sequence 7: wrong, worst error not finite, tolerance 0.3",
          "the only wrong one among the 2,560 from number 4 on"]),
        ((7, 0.3, 0.3), (4, 2560, (7, 9)),
         ["test sequence 7: wrong, worst error 0.3, tolerance 0.3",
          "the first of 2 wrong ones among the 2,560 from number 4 on"]),
    ],
)  # fmt: skip
def test_verdicts_are_said(verdict, search, texts):
    assert watching.said(watching.Verdict(*verdict), search and watching.Search(*search)) == texts
